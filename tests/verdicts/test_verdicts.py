"""The store of verdicts: one ref, every attempt, and nothing passes that is not a verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.config import Config, Recipe, read_config
from guard.errors import GuardError
from guard.git.objects import ObjectPool
from guard.git.store import Part
from guard.model import Result, VerdictState
from guard.model import Tested as Known
from guard.verdicts.record import Record
from guard.verdicts.verdicts import REF, Verdicts, record_path
from tests.workshop import GUARD_TOML, Repo, a_record

CONFIG = read_config(GUARD_TOML.encode())
KEY, OTHER = "c" * 40, "d" * 40
PATH = record_path(KEY, CONFIG.recipe.digest)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    folder = tmp_path / "aula-docker"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    found = Repo(folder)
    found.commit("first")
    return found


@pytest.fixture
def verdicts(repo: Repo) -> Iterator[Verdicts]:
    with ObjectPool() as pool:
        yield Verdicts(repo.repository, pool)


def a_verdict(result: Result = Result.PASSED, key: str = KEY, config: Config = CONFIG) -> Record:
    return a_record(key, config, result)


def look_up(repo: Repo, key: str = KEY, recipe: Recipe = CONFIG.recipe) -> Known:
    """As another process would: nothing is kept from before."""
    with ObjectPool() as pool:
        return Verdicts(repo.repository, pool).look_up(key, recipe.digest)


def put(repo: Repo, files: dict[str, bytes | str]) -> None:
    """Make the ref a commit with these files, as somebody else's git would."""
    index = {"GIT_INDEX_FILE": str(repo.folder / ".git/other-index")}
    repo.git("read-tree", "--empty", env=index)
    for path, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        blob = repo.git("hash-object", "-w", "--stdin", data=data)
        repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = repo.git("write-tree", env=index)
    repo.git("update-ref", REF, repo.git("commit-tree", "-m", "by hand", tree))


def everything(repo: Repo) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in repo.folder.rglob("*") if path.is_file()}


class TestLookUp:
    def test_nothing_was_recorded(self, repo: Repo) -> None:
        assert look_up(repo) == Known(VerdictState.UNTESTED, KEY, CONFIG.recipe.digest)

    @pytest.mark.parametrize(
        ("result", "state"),
        [
            (Result.PASSED, VerdictState.PASSED),
            (Result.FAILED_BUILD, VerdictState.FAILED_BUILD),
            (Result.FAILED_TEST, VerdictState.FAILED_TEST),
        ],
    )
    def test_what_was_recorded(
        self, repo: Repo, verdicts: Verdicts, result: Result, state: VerdictState
    ) -> None:
        verdicts.record(a_verdict(result)._replace(detail="RUN false"), ())
        for found in (look_up(repo), verdicts.look_up(KEY, CONFIG.recipe.digest)):
            assert (found.state, found.detail) == (state, "RUN false")
            assert found.verdict == f"cccccccccccc-{CONFIG.recipe.digest[:8]}"

    def test_another_key_or_another_recipe_is_untested(
        self, repo: Repo, verdicts: Verdicts
    ) -> None:
        verdicts.record(a_verdict(), ())
        other = read_config(b'[test]\ncommand = ["true"]\n').recipe
        assert look_up(repo, OTHER).state is VerdictState.UNTESTED
        assert look_up(repo, KEY, other).state is VerdictState.UNTESTED

    def test_the_newest_counts_and_the_history_keeps_the_rest(
        self, repo: Repo, verdicts: Verdicts
    ) -> None:
        results = [Result.PASSED, Result.FAILED_TEST, Result.FAILED_BUILD, Result.PASSED]
        for hour, result in enumerate(results):
            finished = f"2016-03-04T1{hour}:00:00Z"
            verdicts.record(a_verdict(result)._replace(finished=finished), ())
            assert look_up(repo).state.value == result.value
        verdicts.record(a_verdict(Result.FAILED_TEST, OTHER), ())
        assert look_up(repo).state is VerdictState.PASSED
        newest = {record.key: record.result for record in verdicts.newest()}
        assert newest == {KEY: Result.PASSED, OTHER: Result.FAILED_TEST}
        history = [record for record in verdicts.history() if record.key == KEY]
        assert [record.result for record in history] == results[::-1]

    def test_the_history_does_not_depend_on_how_people_like_their_log(
        self, repo: Repo, verdicts: Verdicts
    ) -> None:
        for name, value in (("showRoot", "false"), ("showSignature", "true"), ("decorate", "full")):
            repo.git("config", f"log.{name}", value)
        repo.git("config", "diff.noprefix", "true")
        verdicts.record(a_verdict(Result.FAILED_TEST), ())
        verdicts.record(a_verdict(), ())
        assert len(verdicts.history()) == 2

    def test_a_log_is_named_where_it_is_there(self, repo: Repo, verdicts: Verdicts) -> None:
        verdicts.record(a_verdict()._replace(log="a.log"), ())
        assert look_up(repo).log == ""
        logs = Path(verdicts.logs)
        assert logs == repo.folder / ".git/guard/logs"
        logs.mkdir(parents=True)
        (logs / "a.log").touch()
        assert look_up(repo).log == str(logs / "a.log")

    def test_another_process_is_seen_when_asked_for(self, repo: Repo, verdicts: Verdicts) -> None:
        verdicts.record(a_verdict(Result.FAILED_TEST), ())
        with ObjectPool() as pool:
            Verdicts(repo.repository, pool).record(a_verdict(), ())
        verdicts.look_again()
        assert verdicts.look_up(KEY, CONFIG.recipe.digest).state is VerdictState.PASSED

    def test_worktrees_share_them(self, repo: Repo, verdicts: Verdicts) -> None:
        verdicts.record(a_verdict(), ())
        linked = Repo(repo.folder.with_name("linked"))
        repo.git("worktree", "add", "--quiet", "--detach", str(linked.folder))
        assert look_up(linked).state is VerdictState.PASSED

    def test_two_thousand_are_looked_up_by_one_path(self, repo: Repo) -> None:
        whole = a_verdict().to_json()
        files: dict[str, bytes | str] = {PATH: whole}
        blob = repo.git("hash-object", "-w", "--stdin", data=b"not read")
        lines = "".join(
            f"100644 {blob}\t{record_path(f'{number:040x}', 'e' * 64)}\n" for number in range(2000)
        )
        index = {"GIT_INDEX_FILE": str(repo.folder / ".git/other-index")}
        put(repo, files)
        repo.git("read-tree", REF, env=index)
        repo.git("update-index", "--index-info", data=lines.encode(), env=index)
        tree = repo.git("write-tree", env=index)
        repo.git("update-ref", REF, repo.git("commit-tree", "-m", "many", tree))
        repo.git("pack-refs", "--all")
        trace = repo.folder.with_name("trace")
        code = "import sys\nfrom guard.config import read_config\n"
        code += "from guard.git.objects import ObjectPool\n"
        code += "from guard.git.repository import open_any\n"
        code += "from guard.verdicts.verdicts import Verdicts\nwith ObjectPool() as pool:\n"
        code += "    found = Verdicts(open_any(sys.argv[1]), pool).look_up(\n"
        code += "        sys.argv[2], read_config(sys.argv[3].encode()).recipe.digest)\n"
        code += "sys.stdout.write(found.state.value)\n"
        ran = subprocess.run(
            [sys.executable, "-I", "-c", code, str(repo.folder), KEY, GUARD_TOML],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": f"{_counting_git(trace.parent)}:/usr/bin:/bin"},
        )
        assert ran.stdout == "passed"
        # The ref, what it leads to, and the settings, which a push has read by then.
        assert len(trace.read_text().splitlines()) == 3


def _counting_git(folder: Path) -> Path:
    """A folder with a git that notes each of its runs in ``trace`` beside it."""
    tools = folder / "tools"
    tools.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    text = f'#!/bin/sh\necho "$*" >> "{folder}/trace"\nexec {real.strip()} "$@"\n'
    (tools / "git").write_text(text)
    (tools / "git").chmod(0o755)
    return tools


def blob_in_place_of_the_commit(repo: Repo) -> None:
    repo.git("update-ref", REF, repo.git("hash-object", "-w", "--stdin", data=b"garbage"))


def missing_object(repo: Repo) -> None:
    (repo.folder / ".git/refs/guard").mkdir(parents=True, exist_ok=True)
    (repo.folder / ".git" / REF).write_text("1" * 40 + "\n")


def record_of_another_key(repo: Repo) -> None:
    put(repo, {PATH: a_verdict(key=OTHER).to_json()})


def record_of_another_recipe(repo: Repo) -> None:
    other = read_config(b'[test]\ncommand = ["true"]\n')
    put(repo, {PATH: a_verdict(config=other).to_json()})


def malformed_json(repo: Repo) -> None:
    put(repo, {PATH: b'{"predicate": '})


def empty_file(repo: Repo) -> None:
    put(repo, {PATH: b""})


def other_types(repo: Repo) -> None:
    whole = json.loads(a_verdict().to_json())
    whole["predicate"]["guard"]["build_seconds"] = "long"
    put(repo, {PATH: json.dumps(whole)})


def deep_nesting(repo: Repo) -> None:
    put(repo, {PATH: b"[" * 200_000})


def folder_in_place_of_the_record(repo: Repo) -> None:
    put(repo, {f"{PATH}/file": "x"})


DAMAGES: list[Callable[[Repo], None]] = [
    blob_in_place_of_the_commit,
    missing_object,
    record_of_another_key,
    record_of_another_recipe,
    malformed_json,
    empty_file,
    other_types,
    deep_nesting,
    folder_in_place_of_the_record,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_unreadable_and_never_passed(
    repo: Repo, verdicts: Verdicts, damage: Callable[[Repo], None]
) -> None:
    verdicts.record(a_verdict(), ())
    damage(repo)
    found = look_up(repo)
    assert found.state is VerdictState.UNREADABLE
    assert found.detail
    assert found.remedy == ""


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_can_be_recorded_anew(
    repo: Repo, verdicts: Verdicts, damage: Callable[[Repo], None]
) -> None:
    damage(repo)
    verdicts.rehearse()
    verdicts.record(a_verdict(), ())
    assert look_up(repo).state is VerdictState.PASSED
    assert [record.key for record in verdicts.newest()] == [KEY]


def test_a_tag_of_the_same_name_has_no_effect(repo: Repo, verdicts: Verdicts) -> None:
    verdicts.record(a_verdict(), ())
    passed = repo.git("rev-parse", REF)
    verdicts.record(a_verdict(Result.FAILED_TEST), ())
    for name in ("refs/tags/refs/guard/verdicts", "refs/heads/refs/guard/verdicts"):
        repo.git("update-ref", name, passed)
    assert look_up(repo).state is VerdictState.FAILED_TEST
    repo.git("update-ref", "-d", REF)
    assert look_up(repo).state is VerdictState.UNTESTED


def test_a_folder_of_refs_below_the_name_has_no_effect(repo: Repo) -> None:
    repo.git("update-ref", f"{REF}/more", repo.head)
    assert look_up(repo).state is VerdictState.UNTESTED


RACER = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from guard.config import read_config
from guard.git.repository import open_any
from guard.git.objects import ObjectPool
from guard.model import Result, Tested as Known, VerdictState
from guard.verdicts.verdicts import Verdicts
from tests.workshop import a_record
config = read_config(sys.argv[3].encode())
repository = open_any(sys.argv[2])
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
with ObjectPool() as pool:
    for number in range(4):
        record = a_record(sys.argv[4] * 39 + str(number), config, Result.PASSED)
        Verdicts(repository, pool).record(record, ())
"""


def test_two_processes_at_once_both_keep_theirs(repo: Repo) -> None:
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", RACER, root, str(repo.folder), GUARD_TOML]
    racers = [
        subprocess.Popen(
            [*command, digit], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for digit in "ab"
    ]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert [racer.wait(60) for racer in racers] == [0, 0]
    for racer in racers:
        racer.communicate()
    with ObjectPool() as pool:
        found = Verdicts(repo.repository, pool)
        assert sorted(record.key[-2:] for record in found.newest()) == sorted(
            f"{digit}{number}" for digit in "ab" for number in range(4)
        )
        assert len(found.history()) == 8


@pytest.mark.parametrize(
    ("refspecs", "is_told"),
    [
        (("+refs/*:refs/*",), True),
        (("+refs/heads/*:refs/remotes/origin/*", "+refs/guard/*:refs/guard/*"), True),
        (("+refs/heads/*:refs/remotes/origin/*",), False),
        (("+refs/*:refs/*", "^refs/guard/*"), False),
        (("^refs/guard/verdicts", "+refs/*:refs/*"), False),
    ],
)
def test_that_a_fetch_drops_what_is_recorded_is_told(
    repo: Repo, verdicts: Verdicts, refspecs: tuple[str, ...], is_told: bool
) -> None:
    repo.git("config", "remote.origin.url", "elsewhere")
    for refspec in refspecs:
        repo.git("config", "--add", "remote.origin.fetch", refspec)
    troubles = verdicts.record(a_verdict(), ())
    assert any("each git fetch origin drops" in trouble for trouble in troubles) == is_told
    assert look_up(repo).state is VerdictState.PASSED


class TestRehearsal:
    def test_it_writes_nothing(self, repo: Repo, verdicts: Verdicts) -> None:
        verdicts.rehearse()
        verdicts.record(a_verdict(), ())
        before = everything(repo)
        verdicts.rehearse()
        assert everything(repo) == before

    def test_a_missing_identity(
        self, repo: Repo, verdicts: Verdicts, sealed_environment: Path
    ) -> None:
        (sealed_environment / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
        before = everything(repo)
        with pytest.raises(GuardError, match="no email was given") as caught:
            verdicts.rehearse()
        assert "git config user.name" in caught.value.remedy
        assert everything(repo) == before

    def test_a_signature_that_fails(self, repo: Repo, verdicts: Verdicts) -> None:
        repo.git("config", "commit.gpgsign", "true")
        repo.git("config", "gpg.program", "false")
        with pytest.raises(GuardError, match="gpg failed to sign"):
            verdicts.rehearse()
        repo.git("config", "commit.gpgsign", "no")
        verdicts.rehearse()

    def test_a_ref_that_cannot_be_moved(self, repo: Repo, verdicts: Verdicts) -> None:
        # Not by modes, which do not hold root: by a file where a folder would have to be.
        (repo.folder / ".git/refs/guard").write_text("in the way")
        with pytest.raises(GuardError, match="cannot lock ref"):
            verdicts.rehearse()
        with pytest.raises(GuardError):
            verdicts.record(a_verdict(), ())

    def test_a_path_with_a_colon(self, tmp_path: Path) -> None:
        folder = tmp_path / "a:b"
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        with ObjectPool() as pool:
            found = Verdicts(Repo(folder).repository, pool)
            found.record(a_verdict(), ())
            found.rehearse()


def test_signed_where_people_sign(repo: Repo, verdicts: Verdicts) -> None:
    signer = repo.folder.with_name("signer")
    signer.write_text(
        "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\necho SIGNATURE\n"
    )
    signer.chmod(0o755)
    repo.git("config", "commit.gpgsign", "true")
    repo.git("config", "gpg.program", str(signer))
    verdicts.record(a_verdict(), ())
    assert "gpgsig SIGNATURE" in repo.git("cat-file", "commit", REF)
    assert look_up(repo).state is VerdictState.PASSED


class TestKeeping:
    def parts(self, repo: Repo, other: Repo) -> list[Part]:
        own = Part("", repo.head, "", repo.repository)
        return [own, Part("aula", other.head, "", other.repository)]

    @pytest.fixture
    def other(self, tmp_path: Path) -> Repo:
        folder = tmp_path / "aula"
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        found = Repo(folder)
        found.commit("detached")
        return found

    def test_a_passed_verdict_keeps_its_submodules(
        self, repo: Repo, verdicts: Verdicts, other: Repo
    ) -> None:
        kept = other.head
        verdicts.record(a_verdict(), self.parts(repo, other))
        assert other.git("for-each-ref", "--format=%(refname)", "refs/guard") == (
            f"refs/guard/keep/{kept}"
        )
        other.git("checkout", "--quiet", "--orphan", "elsewhere")
        other.commit("elsewhere")
        other.git("branch", "-D", "master")
        other.git("reflog", "expire", "--expire=now", "--all")
        other.git("gc", "--quiet", "--prune=now")
        assert other.git("cat-file", "-t", kept) == "commit"
        assert repo.git("for-each-ref", "refs/guard/keep") == ""

    def test_a_failed_one_does_not(self, repo: Repo, verdicts: Verdicts, other: Repo) -> None:
        verdicts.record(a_verdict(Result.FAILED_TEST), self.parts(repo, other))
        assert other.git("for-each-ref", "refs/guard") == ""


def test_the_repository_is_sound_afterwards(repo: Repo, verdicts: Verdicts) -> None:
    for result in Result:
        verdicts.record(a_verdict(result), ())
    assert "error" not in repo.git("fsck", "--strict", "--no-dangling")
    assert repo.git("log", "-1", "--format=%s", REF).startswith("failed at test: cccccccccccc-")
    assert repo.git("status", "--porcelain") == ""
    repo.git("gc", "--quiet", "--prune=now")
    assert look_up(repo).state is VerdictState.FAILED_TEST
