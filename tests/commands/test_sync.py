"""`guard sync`: verdicts of several clones, joined on a real remote, and whose of them count."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guard.model import Result
from tests.workshop import Repo, Workshop

CI_PAGE = Path(__file__).parents[2] / "docs/ci.md"
REF = "refs/guard/verdicts"
LATER = "2016-03-05T10:00:00Z"


@pytest.fixture
def shared(workshop: Workshop) -> Workshop:
    """A workshop whose aula-docker is on its remote, so that others can clone it."""
    workshop.docker.git("push", "--quiet", "origin", "HEAD:refs/heads/master")
    return workshop


def clone_of(workshop: Workshop, name: str) -> Workshop:
    """The same repositories in the hands of somebody else, with an address of their own."""
    other = copy.copy(workshop)
    folder = workshop.root / name / "aula-docker"
    shutil.copytree(workshop.docker.folder, folder, symlinks=True)
    other.docker, other.aula, other.thentos = (
        Repo(folder / path) for path in ("", "aula", "thentos")
    )
    other.docker.git("config", "user.name", name)
    other.docker.git("config", "user.email", f"{name}@example.org")
    return other


def touched(workshop: Workshop, content: str) -> str:
    """A commit of aula-docker with a content of its own."""
    return workshop.docker.commit(content, {"content": content})


def names(workshop: Workshop) -> set[str]:
    """The verdicts that `guard log` shows."""
    shown = json.loads(workshop.guard("log", "--all", "--json").out)
    return {verdict["combination_name"] for verdict in _named(shown)}


def _named(shown: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    return [{"combination_name": verdict["name"]} for verdict in shown["verdicts"]]


def synced(workshop: Workshop) -> str:
    ran = workshop.guard("sync")
    assert ran.status == 0, ran.text
    return ran.out


def sign_as(workshop: Workshop, name: str) -> str:
    """Have a clone's commits signed by a new SSH key, and give the public one."""
    key = workshop.root / f"{name}.key"
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
    subprocess.run(made, check=True)
    for setting, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("commit.gpgSign", "true"),
    ):
        workshop.docker.git("config", setting, value)
    return Path(f"{key}.pub").read_text()


def allow(workshop: Workshop, *public: str) -> None:
    """Have a clone know these signers, and trust what they sign."""
    signers = workshop.root / "signers"
    signers.write_text("".join(f"alice@example.org {key}" for key in public))
    workshop.docker.git("config", "gpg.ssh.allowedSignersFile", str(signers))
    workshop.docker.git("config", "guard.trust", "signed")


def test_one_clone_brings_its_verdicts_and_another_sees_whose_they_are(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    assert "origin: 0 verdicts came, 1 verdict went" in synced(alice)
    told = synced(bob)
    assert "origin: 1 verdict came, 0 verdicts went" in told
    assert "do not count: git config guard.trust" in told
    assert "by alice <alice@example.org>: does not count here" in bob.guard("log").out
    shown = json.loads(bob.guard("log", "--json").out)["verdicts"]
    assert [(item["by"], item["counts"]) for item in shown] == [
        ("alice <alice@example.org>", False)
    ]
    assert not bob.docker.git("for-each-ref", REF)


def test_a_dry_run_moves_nothing(shared: Workshop) -> None:
    alice = clone_of(shared, "alice")
    alice.verdict()
    before = alice.docker.git("for-each-ref")
    assert "0 verdicts would come, 1 verdict would go" in alice.guard("sync", "--dry-run").out
    assert alice.docker.git("for-each-ref") == before
    assert shared.remote_head("aula-docker", REF) is None


@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 1)])
def test_two_clones_that_recorded_at_the_same_time_keep_everything(
    shared: Workshop, order: tuple[int, ...]
) -> None:
    clones = [clone_of(shared, "alice"), clone_of(shared, "bob")]
    for number in range(3):
        for clone in clones:
            touched(clone, f"{number} of {clone.docker.folder}")
            clone.verdict()
        for turn in order:
            synced(clones[turn])
    for clone in (*clones, *clones):
        synced(clone)
    assert names(clones[0]) == names(clones[1])
    assert len(names(clones[0])) == 6
    remote = Repo(shared.root / "remotes/aula-docker.git")
    assert len(remote.git("ls-tree", "-r", REF).splitlines()) == 6


def test_of_one_combination_the_newer_verdict_is_shared(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict(Result.FAILED_TEST, detail="of the old day")
    bob.verdict(finished=LATER)
    for clone in (alice, bob, alice):
        synced(clone)
    remote = Repo(shared.root / "remotes/aula-docker.git")
    (path,) = remote.git("ls-tree", "-r", "--name-only", REF).splitlines()
    assert json.loads(remote.git("show", f"{REF}:{path}"))["predicate"]["result"] == "PASSED"
    assert remote.git("log", "--format=%s", REF).count("failed at test") == 1


def test_what_a_remote_has_lost_is_brought_back(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    synced(alice)
    synced(bob)
    Repo(shared.root / "remotes/aula-docker.git").git("update-ref", "-d", REF)
    touched(bob, "bob's")
    bob.verdict()
    assert "2 verdicts went" in synced(bob)
    synced(alice)
    assert len(names(alice)) == 2


@pytest.mark.parametrize(
    ("trust", "outcome"), [("none", 1), ("all", 0), ("signed", 1), ("All", 0), ("", 1)]
)
def test_a_verdict_of_another_counts_where_it_is_trusted(
    shared: Workshop, trust: str, outcome: int
) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    synced(alice)
    synced(bob)
    bob.docker.git("config", "guard.trust", trust)
    ran = bob.guard("check")
    assert ran.status == outcome, ran.text
    if outcome:
        assert "(passed) of alice <alice@example.org> does not count" in ran.out
    else:
        assert "by alice <alice@example.org>" in bob.guard("status").out
        bob.install()
        assert bob.push(bob.docker, "origin", "HEAD:refs/heads/topic").status == 0


def test_what_a_trusted_colleague_saw_pass_is_a_way_back(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    key = alice.verdict()
    synced(alice)
    synced(bob)
    said = bob.guard("recover").out
    assert "nothing is known to be good yet" in said
    remedy = said.rpartition("does not count here: ")[2].strip()
    assert remedy == "git config guard.trust all"
    bob.docker.git("config", "guard.trust", "all")
    assert key[:12] in bob.guard("recover").out
    # What has failed since is good no more, whoever saw it.
    bob.verdict()
    alice.verdict(Result.FAILED_TEST, finished=LATER)
    synced(alice)
    synced(bob)
    assert key[:12] not in bob.guard("recover").out
    bob.docker.git("config", "guard.trust", "none")
    assert key[:12] in bob.guard("recover").out


def from_now(minutes: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60 * minutes))


@pytest.mark.parametrize(
    ("theirs", "minutes", "outcome"),
    [
        (Result.PASSED, 5, 0),
        (Result.PASSED, 15, 1),
        (Result.PASSED, 10**8, 1),
        (Result.FAILED_TEST, 15, 1),
        (Result.FAILED_BUILD, 10**8, 1),
    ],
)
def test_a_pass_of_the_future_does_not_outweigh_and_a_failure_does(
    shared: Workshop, theirs: Result, minutes: int, outcome: int
) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    bob.install()
    bob.docker.git("config", "guard.trust", "all")
    alice.verdict(theirs, finished=from_now(minutes))
    bob.verdict(Result.FAILED_TEST if theirs is Result.PASSED else Result.PASSED, detail="mine")
    synced(alice)
    synced(bob)
    ran = bob.push(bob.docker, "origin", "HEAD:refs/heads/topic")
    assert ran.status == outcome, ran.text
    # It is no way back either.
    assert ("nothing is known to be good" in bob.guard("recover").out) == bool(outcome)


@pytest.mark.parametrize(
    ("passed", "failed", "outcome"),
    [(9, 0, 1), (9.9, -1, 1), (-5, -10, 1), (-5, -65, 0)],
    ids=["its clock is ahead", "it was too far ahead", "nobody can tell", "an hour later"],
)
@pytest.mark.parametrize("whose", ["mine", "carol's"])
def test_a_pass_outweighs_the_failure_of_another_clone_where_it_is_certain_to_be_later(
    shared: Workshop, whose: str, passed: float, failed: float, outcome: int
) -> None:
    touched(shared, "what nobody has pushed")
    alice, bob, carol = (clone_of(shared, name) for name in ("alice", "bob", "carol"))
    bob.docker.git("config", "guard.trust", "all")
    alice.verdict(finished=from_now(passed))
    synced(alice)
    witness = bob if whose == "mine" else carol
    witness.verdict(Result.FAILED_TEST, finished=from_now(failed))
    synced(witness)
    synced(bob)
    bob.install()
    ran = bob.push(bob.docker, "origin", "HEAD:refs/heads/topic")
    assert ran.status == outcome, ran.text
    assert ("nothing is known to be good" in bob.guard("recover").out) == bool(outcome)
    # What one tests oneself opens the push at once; of one second the failure would count.
    bob.verdict(finished=from_now(0.1))
    assert bob.push(bob.docker, "origin", "HEAD:refs/heads/own").status == 0


def test_ones_own_pass_of_the_future_says_what_is_wrong(shared: Workshop) -> None:
    shared.install()
    touched(shared, "what nobody has pushed")
    shared.verdict(finished=from_now(15))
    ran = shared.push(shared.docker, "origin", "HEAD:refs/heads/topic")
    assert ran.status == 1
    assert "is more than ten minutes ahead of this clock" in ran.text
    shared.verdict(finished=from_now(0))
    assert shared.push(shared.docker, "origin", "HEAD:refs/heads/topic").status == 0


@pytest.mark.parametrize("refspec", ["+refs/guard/*:refs/guard/*", f"{REF}:{REF}"])
def test_what_each_fetch_brings_under_ones_own_ref_is_the_remote_s(
    shared: Workshop, refspec: str
) -> None:
    touched(shared, "what nobody has pushed")
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    synced(alice)
    bob.install()
    bob.docker.git("config", "--add", "remote.origin.fetch", refspec)
    bob.docker.git("fetch", "--quiet")
    ran = bob.push(bob.docker, "origin", "HEAD:refs/heads/topic")
    assert ran.status == 1, ran.text
    assert (
        "(passed) of alice <alice@example.org> does not count: git config guard.trust" in ran.text
    )
    assert "by alice <alice@example.org>: does not count here" in bob.guard("log").out
    bob.docker.git("config", "guard.trust", "all")
    assert bob.push(bob.docker, "origin", "HEAD:refs/heads/topic").status == 0
    # What was recorded here is one's own, and so is the newer of the two.
    bob.docker.git("config", "guard.trust", "none")
    bob.verdict(finished=LATER)
    assert bob.push(bob.docker, "origin", "HEAD:refs/heads/other").status == 0
    synced(bob)
    assert bob.push(bob.docker, "origin", "HEAD:refs/heads/third").status == 0


@pytest.mark.parametrize("way", ["set-url", "remove"])
def test_what_a_remote_brought_does_not_count_where_it_is_another_place_now(
    shared: Workshop, way: str
) -> None:
    touched(shared, "what nobody has pushed")
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    git, topic = bob.docker.git, ("--dry-run", "origin", "HEAD:refs/heads/topic")
    alice.verdict()
    synced(alice)
    bob.install()
    git("config", "guard.trust", "all")
    git("remote", "add", "ada", git("config", "remote.origin.url"))
    assert bob.guard("sync", "ada").status == 0
    for _ in range(2):  # the second goes by what is remembered of the first
        assert bob.push(bob.docker, *topic).status == 0
    other = str(shared.root / "remotes/other.git")
    git("init", "--quiet", "--bare", other)
    if way == "remove":
        git("remote", "remove", "ada")
        git("remote", "add", "ada", other)
    else:
        git("remote", "set-url", "ada", other)
    ran = bob.push(bob.docker, *topic)
    assert ran.status == 1, ran.text
    assert "has not been built and tested" in ran.text
    assert "alice" not in bob.guard("log").out
    # Nor are they given to the other place.
    assert "0 verdicts came, 0 verdicts went" in bob.guard("sync", "ada").out
    assert bob.push(bob.docker, *topic).status == 1
    git("remote", "set-url", "ada", git("config", "remote.origin.url"))
    assert bob.guard("sync", "ada").status == 0
    assert bob.push(bob.docker, *topic).status == 0


def test_a_mirror_has_no_verdicts_of_its_own(shared: Workshop) -> None:
    alice = clone_of(shared, "alice")
    alice.verdict()
    synced(alice)
    mirror = Repo(shared.root / "mirror.git")
    shared.docker.git(
        "clone",
        "--quiet",
        "--mirror",
        str(shared.root / "remotes/aula-docker.git"),
        str(mirror.folder),
    )
    for name in ("aula", "thentos"):
        mirror.git("config", f"guard.{name}.repository", str(shared.docker.folder / name))
    for trust, outcome in (("none", 1), ("all", 0), ("signed", 1)):
        mirror.git("config", "guard.trust", trust)
        ran = shared.guard("check", shared.docker.head, at=mirror)
        assert ran.status == outcome, ran.text


def test_a_word_that_guard_does_not_know_trusts_nobody_and_says_so(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    synced(alice)
    synced(bob)
    bob.docker.git("config", "guard.trust", "everybody")
    ran = bob.guard("check")
    assert ran.status == 3
    assert "git config guard.trust is 'everybody'" in ran.out


def test_a_signed_verdict_of_an_allowed_signer_counts(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    public = sign_as(alice, "alice")
    alice.verdict()
    synced(alice)
    synced(bob)
    allow(bob, public)
    assert bob.guard("check").status == 0
    assert "by alice <alice@example.org>, signed: counts here" in bob.guard("log").out


def test_the_signature_of_somebody_else_does_not_count(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    sign_as(alice, "alice")
    alice.verdict()
    synced(alice)
    synced(bob)
    allow(bob, sign_as(bob, "bob"))
    assert bob.guard("check").status == 1


def test_whoever_joins_verdicts_does_not_vouch_for_them(shared: Workshop) -> None:
    alice, carol, bob = (clone_of(shared, name) for name in ("alice", "carol", "bob"))
    alice.verdict()
    synced(alice)
    public = sign_as(carol, "carol")
    touched(carol, "carol's")
    carol.verdict()
    synced(carol)
    synced(bob)
    assert carol.docker.git("cat-file", "-p", "refs/guard/remotes/origin/verdicts").count("parent")
    allow(bob, public)
    assert bob.guard("check").status == 1


def test_an_edited_verdict_does_not_count_although_the_first_was_signed(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    public = sign_as(alice, "alice")
    alice.verdict(Result.FAILED_TEST, detail="it broke")
    synced(alice)
    remote = Repo(shared.root / "remotes/aula-docker.git")
    (path,) = remote.git("ls-tree", "-r", "--name-only", REF).splitlines()
    text = remote.git("show", f"{REF}:{path}")
    text = text.replace("failed at test", "passed").replace("FAILED", "PASSED")
    text = text.replace("2016-03-04", "2016-03-09")
    blob = remote.git("hash-object", "-w", "--stdin", data=text.encode())
    index = {"GIT_INDEX_FILE": str(shared.root / "forged")}
    remote.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = remote.git("write-tree", env=index)
    forged = remote.git("commit-tree", "-p", REF, "-m", "nothing to see", tree)
    remote.git("update-ref", REF, forged)
    synced(bob)
    allow(bob, public)
    ran = bob.guard("check")
    assert ran.status == 1
    assert "fail: it broke" in ran.out
    bob.docker.git("config", "guard.trust", "all")
    assert bob.guard("check").status == 0  # that is what "all" means


def test_the_newest_of_the_trusted_verdicts_decides(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    bob.docker.git("config", "guard.trust", "all")
    bob.verdict()
    alice.verdict(Result.FAILED_TEST, detail="it broke since", finished=LATER)
    synced(alice)
    assert bob.guard("check").status == 0
    synced(bob)
    ran = bob.guard("check")
    assert ran.status == 1
    assert "it broke since" in ran.out
    assert "recorded by alice <alice@example.org>" in ran.out
    bob.verdict(finished="2016-03-06T10:00:00Z")
    assert bob.guard("check").status == 0


def test_at_one_second_the_verdict_that_did_not_pass_decides(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    bob.docker.git("config", "guard.trust", "all")
    bob.verdict()
    alice.verdict(Result.FAILED_BUILD, detail="no image")
    synced(alice)
    synced(bob)
    assert bob.guard("check").status == 1


def test_damaged_verdicts_of_others_open_nothing_and_close_nothing(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    synced(alice)
    remote = Repo(shared.root / "remotes/aula-docker.git")
    (path,) = remote.git("ls-tree", "-r", "--name-only", REF).splitlines()
    blob = remote.git("hash-object", "-w", "--stdin", data=b"{")
    index = {"GIT_INDEX_FILE": str(shared.root / "damaged")}
    remote.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = remote.git("write-tree", env=index)
    remote.git("update-ref", REF, remote.git("commit-tree", "-m", "damaged", tree))
    bob.docker.git("config", "guard.trust", "all")
    synced(bob)
    assert bob.guard("check").status == 1
    bob.verdict()
    assert bob.guard("check").status == 0
    assert bob.guard("log").status == 0


def test_somebody_who_was_first_is_joined_and_not_overwritten(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    alice.verdict()
    synced(alice)
    touched(bob, "bob's")
    bob.verdict()
    # While bob's push is on its way, another verdict of alice's arrives.
    touched(alice, "alice's")
    alice.verdict()
    went = shared.root / "went"
    hook = shared.root / "remotes/aula-docker.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    theirs = alice.docker.folder
    hook.write_text(
        f"#!/bin/sh\n[ -e '{went}' ] && exit 0\ntouch '{went}'\n"
        f"unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        f"git fetch -q '{theirs}' '+{REF}:{REF}'\n"
    )
    hook.chmod(0o755)
    synced(bob)
    assert went.exists()
    synced(alice)
    assert len(names(alice)) == len(names(bob)) == 3


def test_killed_after_the_push_the_next_sync_goes_on(shared: Workshop) -> None:
    alice = clone_of(shared, "alice")
    alice.verdict()
    hook = shared.root / "remotes/aula-docker.git/hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\npid=$$\n"
        "until tr '\\0' ' ' </proc/$pid/cmdline | grep -q 'guard sync'; do\n"
        "  pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)\n"
        '  [ "${pid:-0}" -gt 0 ] || exit 1\ndone\n'
        "kill -9 $pid\n"
    )
    hook.chmod(0o755)
    ran = alice.run([sys.executable, "-I", "-m", "guard", "sync"], alice.docker)
    assert ran.status == -9, ran.text
    assert shared.remote_head("aula-docker", REF)
    hook.unlink()
    assert "0 verdicts came, 0 verdicts went" in synced(alice)
    assert not alice.docker.git("for-each-ref", "refs/guard/remotes/origin/incoming")
    assert alice.docker.git("fsck", "--strict", "--no-dangling") == ""


def test_a_remote_that_is_away_is_named_and_nothing_has_moved(shared: Workshop) -> None:
    alice = clone_of(shared, "alice")
    alice.verdict()
    before = alice.docker.git("for-each-ref")
    shutil.move(shared.root / "remotes", shared.root / "away")
    ran = alice.guard("sync")
    assert ran.status == 3
    assert "origin could not be asked for its verdicts" in ran.err
    assert alice.docker.git("for-each-ref") == before


def test_damage_of_ones_own_is_not_the_remote_s(shared: Workshop) -> None:
    alice = clone_of(shared, "alice")
    alice.verdict()
    synced(alice)
    path = alice.docker.folder / ".git" / REF
    path.write_text("garbage\n")
    ran = alice.guard("sync")
    assert ran.status == 0, ran.text
    assert "a part of refs/guard/verdicts was lost; 1 verdict could be read" in ran.err
    assert "0 verdicts came, 0 verdicts went" in synced(alice)


def test_a_remote_that_nobody_has_named_is_wrong_usage(shared: Workshop) -> None:
    ran = shared.guard("sync", "elsewhere")
    assert ran.status == 2
    assert "no remote named elsewhere" in ran.err


def test_a_file_with_a_hostile_name_vouches_for_nothing(shared: Workshop) -> None:
    alice, bob = clone_of(shared, "alice"), clone_of(shared, "bob")
    public = sign_as(alice, "alice")
    alice.verdict(Result.FAILED_TEST, detail="it broke")
    synced(alice)
    signed = alice.docker.git("rev-parse", REF)
    remote = Repo(shared.root / "remotes/aula-docker.git")
    (path,) = remote.git("ls-tree", "-r", "--name-only", REF).splitlines()
    text = remote.git("show", f"{REF}:{path}").replace("failed at test", "passed")
    text = text.replace("FAILED", "PASSED").replace("2016-03-04", "2016-03-09")
    blob = remote.git("hash-object", "-w", "--stdin", data=text.encode())
    zeros = "0" * 40
    evil = f"{path}/commit {signed} alice <a>\n:{zeros} 100644 {zeros} {blob} A"
    index = {"GIT_INDEX_FILE": str(shared.root / "evil")}
    line = f"100644 {blob}\t{evil}\0".encode()
    remote.git("update-index", "-z", "--index-info", data=line, env=index)
    tree = remote.git("write-tree", env=index)
    remote.git("update-ref", REF, remote.git("commit-tree", "-p", REF, "-m", "evil", tree))
    synced(bob)
    allow(bob, public)
    assert bob.guard("check").status == 1
    assert "2016-03-09" not in "".join(
        line for line in bob.guard("log", "--all").out.splitlines() if ", signed" in line
    )


def test_the_lines_for_ci_judge_a_merge_commit(shared: Workshop) -> None:
    snippet = CI_PAGE.read_text().split("<!-- in CI -->\n```sh\n")[1].split("```")[0]
    alice, ci = clone_of(shared, "alice"), clone_of(shared, "ci")
    touched(alice, "a branch")
    ci.docker.git("fetch", "--quiet", str(alice.docker.folder), "HEAD")
    merge = ("merge", "--quiet", "--no-ff", "-m", "Merge a branch", "FETCH_HEAD")
    ci.docker.git(*merge)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = ci.run(["sh", "-e", "-c", snippet], ci.docker, PATH=path)
    assert ran.status != 0  # there are no verdicts yet
    alice.verdict()
    synced(alice)
    ran = ci.run(["sh", "-e", "-c", snippet], ci.docker, PATH=path)
    assert ran.status == 0, ran.text
    assert f"{ci.docker.head[:12]}: allowed" in ran.out
