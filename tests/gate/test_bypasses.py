"""The way out that leaves a trace: real pushes through the real hook with ``GUARD_BYPASS``."""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guard.model import Result
from tests.commands.recovering import recorded
from tests.hooks.places import noting_hook
from tests.workshop import Ran, Repo, Workshop

WHY = "the image host is down, agreed with Ada"


@pytest.fixture
def ready(workshop: Workshop) -> Workshop:
    workshop.install()
    return workshop


def folder(workshop: Workshop) -> Path:
    return workshop.docker.folder / ".git/guard/bypasses"


def records(workshop: Workshop) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder(workshop).glob("*"))]


def bypass(workshop: Workshop, at: Repo | None = None, why: str = WHY, **env: str) -> Ran:
    return workshop.push(at or workshop.docker, GUARD_BYPASS=why, **env)


def shown(workshop: Workshop, command: str, *arguments: str) -> list[dict[str, Any]]:
    ran = workshop.guard(command, "--json", *arguments)
    assert ran.status == 0, ran.text
    found: list[dict[str, Any]] = json.loads(ran.out)["bypasses"]
    return found


def test_a_blocked_push_names_the_way_out(ready: Workshop) -> None:
    last = ready.push(ready.docker).text.splitlines()
    assert (
        "guard: the push is blocked. GUARD_BYPASS='why' git push goes past guard alone, and leaves "
        "a trace." in last
    )


def test_what_is_shown_and_what_is_written_down(ready: Workshop) -> None:
    ready.thentos.commit("Change the API", {"api": "new\n"})
    commit = ready.pin()
    ran = bypass(ready, why=f"  {WHY} ")
    assert ran.status == 0, ran.text
    assert ready.remote_head("aula-docker") == commit
    for line in ("error release-tag", "error tested", "to refs/heads/master: blocked", WHY):
        assert line in ran.text
    assert "the push is blocked" not in ran.text
    (found,) = records(ready)
    assert found["who"] == "A Developer <developer@example.org>"
    assert found["reason"] == WHY
    assert (found["repository"], found["submodule"], found["remote"]) == (
        "aula-docker",
        "",
        "origin",
    )
    assert found["url"] == str(ready.root / "remotes/aula-docker.git")
    assert found["when"] > "2026"
    (ref,) = found["refs"]
    assert (ref["ref"], ref["commit"], ref["outcome"]) == ("refs/heads/master", commit, "blocked")
    assert ref["combination"] == ready.verdict()
    assert ref["recipe"] == ready.config(commit).recipe.digest
    assert [text.partition(":")[0] for text in ref["findings"]] == [
        "release-tag",
        "tested",
        "published",
    ]
    (path,) = folder(ready).iterdir()
    assert str(path) in ran.text


def test_it_is_shown_until_the_combination_has_passed(ready: Workshop) -> None:
    bypass(ready)
    commit = ready.docker.head
    for command in ("status", "log"):
        out = ready.guard(command).out
        assert f"A Developer <developer@example.org>: {WHY}" in out
        assert f"aula-docker {commit[:12]} refs/heads/master to origin: blocked" in out
        assert "tested: this combination has not been built and tested" in out
        assert f"to settle it: guard test {commit[:12]}" in out
        (found,) = shown(ready, command)
        assert (found["who"], found["reason"], found["settled"]) == (
            "A Developer <developer@example.org>",
            WHY,
            False,
        )
    ready.verdict(Result.FAILED_TEST)
    assert shown(ready, "status")
    ready.verdict()
    for command in ("status", "log"):
        assert WHY not in ready.guard(command).out
        assert shown(ready, command) == []
    (found,) = shown(ready, "log", "--all")
    assert found["settled"] is True
    assert "settled since" in ready.guard("log", "--all").out
    ready.verdict(Result.FAILED_TEST)
    assert shown(ready, "status"), "the newest verdict counts"


def test_another_combination_that_passes_settles_nothing(ready: Workshop) -> None:
    bypass(ready)
    ready.docker.commit("Another one", {"more": "x\n"})
    ready.verdict()
    assert shown(ready, "status")
    assert WHY in ready.guard("status").out


def test_a_verdict_is_not_enough_where_another_rule_is_broken(ready: Workshop) -> None:
    commit = ready.thentos.commit("Change the API", {"api": "new\n"})
    ready.pin()
    ready.verdict()
    assert bypass(ready).status == 0
    (found,) = shown(ready, "status")
    assert found["refs"][0]["findings"][0].startswith("release-tag: ")
    ready.thentos.git("tag", "v0.3.1", commit)
    assert shown(ready, "status"), "nobody else can fetch it"
    ready.thentos.git("push", "--quiet", "origin", "v0.3.1", "HEAD:refs/heads/master")
    for at in (ready.docker, ready.aula):
        assert WHY not in ready.guard("status", at=at).out


def failed(workshop: Workshop) -> str:
    """The known-good start is pushed; what goes past the gate on top of it is known to be bad."""
    recorded(workshop)
    assert workshop.push(workshop.docker).status == 0
    workshop.docker.git("fetch", "--quiet")
    commit = workshop.docker.commit("Break it", {"Dockerfile": "FROM base\nRUN false\n"})
    assert bypass(workshop).status == 0
    workshop.verdict(Result.FAILED_TEST)
    return commit


def test_recovery_settles_what_it_goes_back_from(ready: Workshop) -> None:
    failed(ready)
    assert "    to settle it: guard recover --push\n" in ready.guard("status").out
    ran = ready.guard("recover", "--push", "--yes", "--no-image")
    assert ran.status == 0, ran.text
    for command in ("status", "log"):
        assert shown(ready, command) == []
    assert shown(ready, "log", "--all")[0]["settled"] is True
    assert "    settled: guard recover went back\n" in ready.guard("log", "--all").out
    # What comes later is another matter, and so is the same on a branch without the way back.
    ready.docker.commit("Break it again", {"Dockerfile": "FROM base\nRUN exit 2\n"})
    assert bypass(ready, why="once more").status == 0
    assert [each["reason"] for each in shown(ready, "status")] == ["once more"]


def test_recovery_settles_nothing_of_what_it_goes_back_to(ready: Workshop) -> None:
    assert bypass(ready, why="in a hurry").status == 0
    ready.verdict()
    failed(ready)
    ran = ready.guard("recover", "--push", "--yes", "--no-image")
    assert ran.status == 0, ran.text
    # Both were made within one second, so that either may come first.
    told = ready.guard("log", "--all").out
    ways = dict(re.findall(r"^bypass.*: (.*)\n(?:  .*\n)*?    settled: (.*)", told, re.MULTILINE))
    assert ways == {"in a hurry": "what it let through has passed", WHY: "guard recover went back"}


def test_recovery_of_aula_settles_what_aula_pushed(ready: Workshop) -> None:
    recorded(ready)
    ready.push(ready.docker)
    ready.docker.git("fetch", "--quiet")
    ready.aula.commit("Break aula", {"aula.cabal": ready.aula_files(">=0.9")["aula.cabal"]})
    assert bypass(ready, ready.aula).status == 0
    assert "(in aula)\n    or say what came of it" in ready.guard("status").out
    ran = ready.guard("recover", "--push", "--yes", "--no-image")
    assert ran.status == 0, ran.text
    assert shown(ready, "status") == []


def test_a_way_back_of_before_settles_nothing_that_comes_after_it(ready: Workshop) -> None:
    failed(ready)
    ready.guard("recover", "--push", "--yes", "--no-image")
    earlier = ready.docker.git("rev-parse", "HEAD~2")
    ready.docker.git("switch", "--quiet", "--create", "topic", earlier)
    ready.docker.commit("Break it elsewhere", {"Dockerfile": "FROM base\nRUN exit 3\n"})
    push = ("origin", "HEAD:refs/heads/topic")
    assert ready.push(ready.docker, *push, GUARD_BYPASS="a topic").status == 0
    ready.verdict(Result.FAILED_TEST)
    (found,) = shown(ready, "status")
    assert found["reason"] == "a topic"
    # The way back leads the default branch back, and no other.
    assert "    to settle it: guard log " in ready.guard("status").out


@pytest.mark.parametrize("word", ["name", "file", "start"])
def test_a_bypass_is_closed_by_hand_for_a_reason(ready: Workshop, word: str) -> None:
    failed(ready)
    (path,) = folder(ready).iterdir()
    before = {**json.loads(path.read_text()), "of a newer guard": [1]}
    path.write_text(json.dumps(before))
    (told,) = re.findall("or say what came of it: (.*)", ready.guard("log").out)
    name = shown(ready, "log")[0]["name"]
    assert told == f"guard log --settle {name} --why '...'"
    given = {"name": name, "file": path.stem, "start": name[:6]}[word]
    ran = ready.guard("log", "--settle", given, "--why", " Ada took\nit back ")
    assert ran.status == 0, ran.text
    assert ran.out.splitlines()[0].startswith("bypass, settled since  ")
    line = r"    settled: 20\d\d-\S+ \S+ UTC by A Developer <\S+>: Ada took it back\n"
    assert re.search(line, ran.out)
    after = json.loads(path.read_text())
    settlement = after.pop("settlement")
    assert before.pop("settlement") is None
    assert after == before
    assert settlement["who"] == "A Developer <developer@example.org>"
    assert (settlement["when"] > "2026", settlement["why"]) == (True, "Ada took\nit back")
    for command in ("status", "log"):
        assert WHY not in ready.guard(command).out
    assert re.search(line, ready.guard("log", "--all").out)
    (found,) = shown(ready, "log", "--all")
    assert (found["settled"], found["settlement"]) == (True, settlement)
    again = ready.guard("log", "--settle", given, "--why", "again")
    assert (again.status, again.out) == (2, "")
    assert f"the bypass {name} is settled already: 20" in again.err
    assert json.loads(path.read_text())["settlement"] == settlement


def test_a_bypass_of_aula_is_closed_from_aula(ready: Workshop) -> None:
    ready.aula.commit("Say more", {"more": "x\n"})
    assert bypass(ready, ready.aula).status == 0
    name = shown(ready, "log")[0]["name"]
    ran = ready.guard("log", "--settle", name, "--why", "gone", at=ready.aula)
    assert ran.status == 0, ran.text
    assert shown(ready, "status") == []


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        ("--settle nope --why x", "no bypass is named 'nope'", "guard log --all"),
        ("--settle {name}", "--why is missing or empty", "guard log --settle {name} --why '...'"),
        ("--settle {name} --why=", "--why is missing", "guard log --settle {name} --why '...'"),
        ("--why x", "--why goes with --settle", "guard log --settle BYPASS --why '...'"),
        ("--settle {name} --why x --json", "--why alone", "guard log --settle {name} --why x"),
        ("--settle {name} --why x one", "--why alone", "guard log --settle {name} --why x"),
        ("--settle 2 --why x", "2 names several bypasses: ", "guard log --settle {name} --why x"),
        ("--settle odd --why x", "odd.json is damaged: it is no JSON", "rm {odd}"),
    ],
)
def test_what_cannot_be_closed_is_two_lines(
    ready: Workshop, words: str, problem: str, remedy: str
) -> None:
    bypass(ready)
    ready.docker.commit("One more", {"more": "x\n"})
    bypass(ready, why="a second time")
    paths = [*folder(ready).iterdir()]
    before = [path.read_bytes() for path in paths]
    odd = folder(ready) / "odd.json"
    odd.write_bytes(b"")
    names = {"name": shown(ready, "log")[0]["name"], "odd": str(odd)}
    ran = ready.guard("log", *words.format(**names).split())
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 2), ran.text
    assert problem in ran.err
    assert f"  to mend it: {remedy.format(**names)}\n" in ran.err
    assert [path.read_bytes() for path in paths] == before


def test_one_that_has_passed_since_is_settled_already(ready: Workshop) -> None:
    bypass(ready)
    name = shown(ready, "log")[0]["name"]
    ready.verdict()
    ran = ready.guard("log", "--settle", name, "--why", "x")
    assert f"the bypass {name} is settled already: what it let through has passed\n" in ran.err


def test_a_record_that_cannot_be_written_stays_as_it_was(ready: Workshop) -> None:
    bypass(ready)
    (path,) = folder(ready).iterdir()
    before, name = path.read_bytes(), shown(ready, "log")[0]["name"]
    limited = ["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "-"]
    words = ["log", "--settle", name, "--why", "x"]
    ran = ready.run([*limited, sys.executable, "-I", "-m", "guard", *words], ready.docker)
    assert ran.status == 3, ran.text
    assert f"the bypass cannot be settled: {path}: " in ran.err
    assert path.read_bytes() == before


def test_a_remote_that_does_not_answer_is_asked_once(ready: Workshop) -> None:
    """On a train: each answer that does not come is waited for."""
    for number in range(3):
        ready.aula.commit("Not published", {"more": f"{number}\n"})
        ready.pin()
        ready.verdict()
        (ready.root / "remotes/aula.git").rename(ready.root / "away")
        assert bypass(ready).status == 0
        (ready.root / "away").rename(ready.root / "remotes/aula.git")
    (ready.root / "remotes/aula.git").rename(ready.root / "away")
    trace = ready.root / "trace"
    ran = ready.guard("status", GIT_TRACE=str(trace))
    assert ran.out.count(WHY) == 3
    lines = trace.read_text().splitlines()
    asked = [line.partition("built-in: git ls-remote ")[2] for line in lines]
    # What it has, and which branch is its default one.
    assert sorted(filter(None, asked)) == ["--heads --tags -- origin", "--symref -- origin HEAD"]


def test_a_push_of_aula_is_written_down_in_the_superproject(ready: Workshop) -> None:
    commit = ready.aula.commit("Say more", {"more": "x\n"})
    ran = ready.push(ready.aula, "origin", "HEAD:refs/heads/topic", GUARD_BYPASS=WHY)
    assert ran.status == 0, ran.text
    (found,) = records(ready)
    assert (found["repository"], found["submodule"]) == ("aula", "aula")
    assert found["refs"][0]["commit"] == commit
    assert f"guard test --consumer {commit[:12]}" in ready.guard("status", at=ready.aula).out
    ready.pin()
    ready.verdict()
    assert shown(ready, "status") == []


@pytest.mark.parametrize("why", ["", "  \t "])
def test_an_empty_reason_is_no_reason(ready: Workshop, why: str) -> None:
    ran = bypass(ready, why=why)
    assert ran.status != 0
    assert ready.remote_head("aula-docker") is None
    assert "an empty reason is no reason" in ran.text
    assert "the push is blocked" in ran.text
    assert not folder(ready).exists()


def test_an_allowed_push_needs_none(ready: Workshop) -> None:
    ready.verdict()
    ran = bypass(ready)
    assert ran.status == 0
    assert ran.text.count("GUARD_BYPASS was not needed") == 1
    assert not folder(ready).exists()


def test_what_cannot_be_written_down_is_blocked(ready: Workshop) -> None:
    (ready.docker.folder / ".git/guard").mkdir(exist_ok=True)
    folder(ready).write_text("no folder\n")
    ran = bypass(ready)
    assert ran.status != 0
    assert ready.remote_head("aula-docker") is None
    assert "the bypass cannot be recorded, so nothing is let through" in ran.text
    assert "the push is blocked" in ran.text


def test_a_full_disk_leaves_nothing_behind(ready: Workshop) -> None:
    limited = ["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "-"]
    line = f"HEAD {ready.docker.head} refs/heads/master {'0' * 40}\n".encode()
    hook = [sys.executable, "-I", "-m", "guard", "pre-push", "origin", "url"]
    ran = ready.run([*limited, *hook], ready.docker, data=line, GUARD_BYPASS=WHY)
    assert ran.status == 1, ran.text
    assert "cannot be recorded" in ran.text
    assert list(folder(ready).iterdir()) == []


def test_a_kill_lets_nothing_through(ready: Workshop) -> None:
    """Killed at any moment of the writing, a bypass is whole or it is not there."""
    code = f"""
import os, signal, sys
os.replace = lambda *names: os.kill(os.getpid(), {int(signal.SIGKILL)})
from guard.cli import main
sys.exit(main(["pre-push", "origin", "url"]))
"""
    line = f"HEAD {ready.docker.head} refs/heads/master {'0' * 40}\n".encode()
    command = [sys.executable, "-I", "-c", code]
    ran = subprocess.run(
        command,
        cwd=ready.docker.folder,
        input=line,
        capture_output=True,
        check=False,
        env={**os.environ, "GUARD_BYPASS": WHY},
    )
    assert ran.returncode == -signal.SIGKILL
    assert shown(ready, "status") == []
    assert "damaged" not in ready.guard("status").out


def test_the_other_hook_runs_and_may_refuse(ready: Workshop) -> None:
    noted = ready.root / "noted"
    chained = ready.docker.folder / ".git/hooks/pre-push.guard-chained"
    noting_hook(chained, noted)
    assert bypass(ready).status == 0
    given = Path(f"{noted}.input").read_text()
    assert given.split()[1:3] == [ready.docker.head, "refs/heads/master"]
    noting_hook(chained, noted, status=1)
    ready.docker.commit("One more", {"more": "x\n"})
    assert bypass(ready).status != 0
    assert ready.remote_head("aula-docker") != ready.docker.head


def test_an_undecided_push(ready: Workshop) -> None:
    commit = ready.pin(thentos="1" * 40)
    assert bypass(ready).status == 0
    (found,) = records(ready)
    (ref,) = found["refs"]
    assert (ref["outcome"], ref["combination"], ref["commit"]) == ("undecided", "", commit)
    assert shown(ready, "status"), "it cannot be decided yet"


def test_without_a_superproject_it_is_written_down_where_it_was_made(
    ready: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lonely = Repo(tmp_path_factory.mktemp("lonely") / "aula")
    remote = ready.root / "remotes/aula.git"
    ready.docker.git("clone", "--quiet", str(remote), str(lonely.folder))
    hook = (ready.docker.folder / ".git/hooks/pre-push").read_bytes()
    (lonely.folder / ".git/hooks").mkdir(exist_ok=True)
    (lonely.folder / ".git/hooks/pre-push").write_bytes(hook)
    (lonely.folder / ".git/hooks/pre-push").chmod(0o755)
    assert ready.push(lonely, "origin", "HEAD:refs/heads/x").status != 0
    assert ready.push(lonely, "origin", "HEAD:refs/heads/x", GUARD_BYPASS=WHY).status == 0
    (path,) = (lonely.folder / ".git/guard/bypasses").iterdir()
    found = json.loads(path.read_text())
    assert found["trouble"].startswith("no superproject found")
    assert found["refs"][0]["commit"] == lonely.head
    # Once its superproject is known it is shown, and held against that.
    lonely.git("config", "guard.superproject", str(ready.docker.folder))
    assert WHY in ready.guard("status", at=lonely).out
    ready.verdict()
    assert WHY not in ready.guard("status", at=lonely).out


def test_a_mistake_of_guards_own(ready: Workshop) -> None:
    code = """
import sys
from guard.gate.gate import Gate
def broken(*_): raise ZeroDivisionError("oh")
Gate.superproject = broken
from guard.cli import main
sys.exit(main(["pre-push", "origin", "url"]))
"""
    line = f"HEAD {ready.docker.head} refs/heads/master {'0' * 40}\n".encode()
    command = [sys.executable, "-I", "-c", code]
    ran = ready.run(command, ready.docker, data=line)
    assert ran.status == 3
    assert "a mistake in guard itself: ZeroDivisionError: oh" in ran.text
    assert "GUARD_BYPASS='why' git push" in ran.text
    ran = ready.run(command, ready.docker, data=line, GUARD_BYPASS=WHY)
    assert ran.status == 0, ran.text
    (found,) = records(ready)
    assert "ZeroDivisionError" in found["trouble"]
    assert shown(ready, "status")
    ready.verdict()
    assert shown(ready, "status") == []


def test_without_an_identity_the_login_name(ready: Workshop, sealed_environment: Path) -> None:
    config = sealed_environment / ".gitconfig"
    config.write_text(config.read_text().replace("[user]", "[nobody]"))
    ready.docker.git("config", "user.useConfigOnly", "true")
    assert bypass(ready).status == 0
    assert records(ready)[0]["who"] == getpass.getuser()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://ada:S3cret@example.org/a.git", "https://example.org/a.git"),
        ("https://oauth2:S3@cret@example.org/a.git", "https://example.org/a.git"),
        ("HTTPS://S3cret@example.org/a.git", "HTTPS://example.org/a.git"),
        ("https://example.org/a.git?private_token=S3cret", "https://example.org/a.git"),
        ("https://example.org/a.git#S3cret", "https://example.org/a.git"),
        ("ssh://ada:S3cret@example.org/a.git", "ssh://ada@example.org/a.git"),
        ("ssh://git@example.org:22/a#b.git", "ssh://git@example.org:22/a#b.git"),
        ("git@example.org:a?b.git", "git@example.org:a?b.git"),
    ],
)
def test_a_secret_in_the_url_is_neither_written_down_nor_told(
    ready: Workshop, url: str, told: str
) -> None:
    line = f"HEAD {ready.docker.head} refs/heads/master {'0' * 40}\n".encode()
    ran = ready.guard("pre-push", url, url, data=line, GUARD_BYPASS=f"see '{url}': it is down")
    assert ran.status == 0, ran.text
    (path,) = folder(ready).iterdir()
    listed = ready.guard("log", "--json").out
    for text in (path.read_text(), ran.text, listed, ready.guard("log").out):
        assert re.search("S3|cret@", text) is None
    (bypass,) = json.loads(listed)["bypasses"]
    assert (bypass["remote"], bypass["reason"]) == (told, f"see '{told}': it is down")


def test_many_refs(ready: Workshop) -> None:
    ready.verdict()
    good = ready.docker.head
    bad = ready.docker.commit("Change what was tested", {"more": "x\n"})
    refs = [f"{good}:refs/heads/a", f"{bad}:refs/heads/b", f"{bad}:refs/notes/n"]
    ran = ready.push(ready.docker, "origin", *refs, GUARD_BYPASS=WHY)
    assert ran.status == 0, ran.text
    outcomes = {ref["ref"]: ref["outcome"] for ref in records(ready)[0]["refs"]}
    assert outcomes == {
        "refs/heads/a": "allowed",
        "refs/heads/b": "blocked",
        "refs/notes/n": "not judged",
    }
    (found,) = shown(ready, "status")
    assert [ref["ref"] for ref in found["refs"] if not ref["settled"]] == ["refs/heads/b"]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[]", b"{}", b'{"version": 1}', b'{"version": 2}', b"[" * 100_000]
)
def test_a_damaged_record_is_told(ready: Workshop, data: bytes) -> None:
    bypass(ready)
    path = folder(ready) / "damaged one.json"
    path.write_bytes(data)
    for command in ("status", "log"):
        ran = ready.guard(command)
        assert ran.status == 0, ran.text
        assert f"damaged bypass  {path}: " in ran.out
        assert f"rm '{path}'" in ran.out
        assert WHY in ran.out
        (damaged,) = json.loads(ready.guard(command, "--json").out)["damaged_bypasses"]
        assert damaged["path"] == str(path)


def test_a_damaged_record_says_which_field_it_is(ready: Workshop) -> None:
    bypass(ready)
    (path,) = folder(ready).iterdir()
    (whole,) = records(ready)
    whole["refs"][0]["commit"] = 7
    path.write_text(json.dumps(whole))
    assert f"damaged bypass  {path}: refs[0].commit: 7 is no text\n" in ready.guard("status").out


def test_a_reason_cannot_steer_a_terminal(ready: Workshop) -> None:
    bypass(ready, why="one\n\x1b[31mtwo\x07")
    out = ready.guard("status").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "one \\x1b[31mtwo" in out


def test_the_policy_file_knows_no_bypass(ready: Workshop) -> None:
    toml = (ready.docker.folder / ".guard.toml").read_text()
    ready.docker.commit("Try", {".guard.toml": f'[guard]\nbypass = "always"\n{toml}'})
    ran = ready.push(ready.docker)
    assert ran.status != 0
    assert "bypass" in ran.text
