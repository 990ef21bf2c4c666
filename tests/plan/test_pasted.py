"""Every remedy, pasted where the user stands: it works, or it says what a person edits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from guard.git.commands import PERSON
from guard.model import POLICY, RULES, Result
from tests.walks.walker import put_guard_into
from tests.workshop import GUARD_TOML, Ran, Repo, Workshop

MASTER = "HEAD:refs/heads/master"
# An engine or a registry does these; what they are about is in tests/commands.
ELSEWHERE = ("guard test", "guard publish")


def unreleased(workshop: Workshop) -> None:
    workshop.thentos.commit("Go on", {"new": "x"})
    workshop.publish("thentos")
    workshop.pin()


def without_tags(workshop: Workshop) -> None:
    workshop.thentos.git("tag", "--delete", "v0.2.1", "v0.3.0")
    of_remote(workshop).git("tag", "--delete", "v0.3.0")


def a_deleted_tag(workshop: Workshop) -> None:
    workshop.require("")
    workshop.publish("aula")
    workshop.pin()
    workshop.thentos.git("tag", "--delete", "v0.3.0")
    of_remote(workshop).git("tag", "--delete", "v0.3.0")


def only_here(workshop: Workshop) -> None:
    of_remote(workshop).git("tag", "--delete", "v0.3.0")


def moved(workshop: Workshop) -> None:
    of_remote(workshop).git("tag", "--force", "v0.3.0", "v0.2.1")


def of_remote(workshop: Workshop) -> Repo:
    return Repo(workshop.root / "remotes/thentos.git")


def too_new(workshop: Workshop) -> None:
    workshop.require("==0.2.1")
    workshop.publish("aula")
    workshop.pin()


def none_fits(workshop: Workshop) -> None:
    workshop.require("==0.9.*")
    workshop.publish("aula")
    workshop.pin()


def past_an_open_end(workshop: Workshop) -> None:
    workshop.release("0.5.0")
    workshop.publish("thentos")
    workshop.require(">=0.4")
    workshop.publish("aula")
    workshop.pin(thentos=workshop.thentos.git("rev-parse", "v0.3.0"))


def open_ended(workshop: Workshop) -> None:
    workshop.require(">=0.3")
    workshop.publish("aula")
    workshop.pin()


def missing_commit(workshop: Workshop) -> None:
    colleague = Repo(workshop.root / "colleague")
    remote = workshop.root / "remotes/thentos.git"
    workshop.docker.git("clone", "--quiet", str(remote), str(colleague.folder))
    commit = colleague.commit("Go on", {"new": "x"})
    colleague.git("push", "--quiet", "origin", "HEAD:refs/heads/more")
    workshop.pin(thentos=commit)


def missing_repository(workshop: Workshop) -> None:
    workshop.docker.git("submodule", "--quiet", "deinit", "--force", "thentos")
    workshop.run(["rm", "-r", ".git/modules/thentos"], workshop.docker)


def gone_folder(workshop: Workshop) -> None:
    workshop.aula.commit(
        "x", {"stack.yaml": "resolver: lts-3.20\npackages: ['../thentos/gone/']\n"}
    )
    workshop.publish("aula")
    workshop.pin()


def no_gitlink(workshop: Workshop) -> None:
    workshop.docker.git("rm", "--quiet", "--force", "thentos")
    workshop.docker.git("commit", "--quiet", "-m", "Remove thentos")


def image_in_two_ways(workshop: Workshop) -> None:
    name = "localhost/aula"
    workshop.aula.commit("x", {"Makefile": f"I={name}\n", "run.sh": f"docker run {name}:0.4\n"})
    toml = GUARD_TOML.replace("[test]", 'pins = ["Makefile", "run.sh"]\n[test]')
    workshop.docker.write({".guard.toml": toml + '[rules]\nimage-pin = "error"\n'})
    workshop.publish("aula")
    workshop.docker.git("commit", "--quiet", "--all", "-m", "Pin images")


def unpublished(workshop: Workshop) -> None:
    workshop.aula.git("checkout", "--quiet", "-B", "master")
    workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    workshop.pin()


def unpublished_release(workshop: Workshop) -> None:
    workshop.release("0.3.1")
    workshop.require(">=0.3.1 && <0.4")
    workshop.pin()
    workshop.verdict()


def no_url(workshop: Workshop) -> None:
    workshop.docker.git("config", "--file=.gitmodules", "--unset", "submodule.thentos.url")
    workshop.docker.commit("Forget a URL")


def no_remote(workshop: Workshop) -> None:
    workshop.thentos.git("remote", "set-url", "origin", "https://example.invalid/thentos")


def unpublished_inside(workshop: Workshop) -> None:
    bare = workshop.root / "remotes/servant.git"
    workshop.docker.git("clone", "--quiet", "--bare", str(workshop.root / "other"), str(bare))
    workshop.aula.git("submodule", "--quiet", "add", "../servant.git")
    Repo(workshop.aula.folder / "servant").commit("Change it", {"inner.hs": "x"})
    workshop.aula.commit("Take servant as a submodule")
    workshop.publish("aula")
    workshop.pin()


def fork(workshop: Workshop) -> None:
    workshop.docker.git("remote", "add", "upstream", str(workshop.root / "remotes/aula-docker.git"))
    bare = workshop.root / "forks/aula-docker.git"
    workshop.docker.git("clone", "--quiet", "--bare", str(workshop.docker.folder), str(bare))
    workshop.docker.git("remote", "set-url", "origin", str(bare))


def moved_away(workshop: Workshop) -> None:
    for name in ("aula-docker", "aula", "thentos"):
        bare = workshop.root / f"new host/{name}.git"
        workshop.docker.git("init", "--quiet", "--bare", str(bare))
    url = str(workshop.root / "new host/aula-docker.git")
    workshop.docker.git("remote", "set-url", "origin", url)


def unmerged(workshop: Workshop) -> None:
    workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    workshop.aula.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/topic")
    workshop.pin()


def apart(workshop: Workshop) -> None:
    start = workshop.aula.head
    workshop.aula.commit("Change master", {"other.hs": "main = pure ()\n"})
    workshop.publish("aula")
    workshop.aula.git("checkout", "--quiet", start)
    unmerged(workshop)


def stale(workshop: Workshop) -> None:
    workshop.docker.commit("More", {"more": "x"})
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", MASTER)
    workshop.docker.git("fetch", "--quiet", "origin")
    workshop.docker.git("reset", "--quiet", "--hard", "HEAD^")
    workshop.verdict()


def shared(workshop: Workshop) -> None:
    """aula has moved on, and others have aula-docker with the newer commit."""
    workshop.aula.git("checkout", "--quiet", "-B", "master")
    workshop.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    workshop.publish("aula")
    workshop.pin()
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", MASTER)
    workshop.docker.git("fetch", "--quiet", "origin")


def stale_branch(workshop: Workshop) -> None:
    shared(workshop)
    workshop.aula.git("reset", "--quiet", "--hard", "HEAD~")
    workshop.docker.git("commit", "--quiet", "--all", "-m", "More")


def stale_checkout(workshop: Workshop) -> None:
    shared(workshop)
    workshop.aula.git("checkout", "--quiet", "--detach", "HEAD~")
    workshop.docker.git("commit", "--quiet", "--all", "-m", "More")


def aula_beside(workshop: Workshop) -> None:
    shared(workshop)
    workshop.aula.git("reset", "--quiet", "--hard", "HEAD~")
    workshop.aula.commit("Otherwise", {"other.hs": "main = pure ()\n"})
    workshop.publish("aula")
    workshop.pin()


def tip_of_others(workshop: Workshop) -> None:
    """Others have pinned a commit of aula that was never fetched here."""
    shared(workshop)
    colleague = Repo(workshop.root / "colleague")
    remote = workshop.root / "remotes/aula.git"
    workshop.docker.git("clone", "--quiet", str(remote), str(colleague.folder))
    commit = colleague.commit("Go on", {"new": "x"})
    colleague.git("push", "--quiet", "origin", "HEAD:master")
    here = workshop.docker.head
    workshop.pin(aula=commit)
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", MASTER)
    workshop.docker.git("reset", "--quiet", "--hard", here)
    workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", "Mine")


def another_recipe(workshop: Workshop) -> None:
    shared(workshop)
    toml = GUARD_TOML.replace("[test]", 'target = "small"\n[test]')
    workshop.docker.commit("Smaller", {".guard.toml": toml})


def untested(_: Workshop) -> None:
    pass


def failed(workshop: Workshop) -> None:
    workshop.verdict(Result.FAILED_TEST)


def no_command(workshop: Workshop) -> None:
    workshop.docker.git("rm", "--quiet", ".guard.toml")
    workshop.docker.git("commit", "--quiet", "-m", "Forget the settings")


def old_image(workshop: Workshop) -> None:
    workshop.docker.git("push", "--quiet", "--no-verify", "origin", MASTER)
    workshop.docker.git("fetch", "--quiet", "origin")
    workshop.docker.commit("Another base", {"Dockerfile": "FROM localhost/other\nCOPY . /liqd/\n"})
    workshop.verdict()


EVERYWHERE = ("top", "below", "aula", "sibling", "worktree")
OUTSIDE = ("top", "below", "worktree")
INSIDE = ("aula", "sibling")
# Of what is the same wherever it is typed.
BOTH = ("below", "aula")


class Case(NamedTuple):
    """A situation, and where it is met."""

    rule: str
    arrange: Callable[[Workshop], None]
    places: tuple[str, ...] = EVERYWHERE


CASES = (
    Case("release-tag", unreleased),
    Case("release-tag", without_tags),
    Case("release-tag", a_deleted_tag, BOTH),
    Case("release-tag", only_here),
    Case("release-tag", moved),
    Case("release-tag", missing_commit),
    Case("release-tag", missing_repository),
    Case("dependency-match", too_new),
    Case("dependency-match", none_fits, BOTH),
    Case("dependency-match", past_an_open_end, BOTH),
    Case("dependency-match", open_ended, BOTH),
    Case("dependency-source", gone_folder, BOTH),
    Case("dependency-source", no_gitlink, BOTH),
    Case("image-pin", image_in_two_ways, ("below",)),
    Case("published", unpublished, OUTSIDE),
    Case("release-tag", unpublished_release),
    Case("published", unpublished_release, OUTSIDE),
    Case("published", no_url, OUTSIDE),
    Case("published", no_remote, OUTSIDE),
    Case("published", unpublished_inside),
    Case("published", fork, OUTSIDE),
    Case("published", moved_away, OUTSIDE),
    Case("merged", unmerged, OUTSIDE),
    Case("merged", apart, OUTSIDE),
    Case("merged", stale, INSIDE),
    Case("step-back", stale_branch, OUTSIDE),
    Case("step-back", stale_checkout, OUTSIDE),
    Case("step-back", aula_beside, OUTSIDE),
    Case("step-back", tip_of_others, OUTSIDE),
    Case("policy", another_recipe),
    Case("tested", untested, BOTH),
    Case("tested", failed, BOTH),
    Case("tested", no_command, BOTH),
    Case("image-published", old_image, INSIDE),
)


class Person:
    """Somebody who stands in a folder, with guard on the path."""

    def __init__(self, workshop: Workshop, place: str) -> None:
        self.workshop = workshop
        self.top = workshop.docker
        folder = workshop.docker.folder
        if place == "below":
            folder = folder / "some where"
            folder.mkdir()
        elif place == "aula":
            folder = workshop.aula.folder
        elif place == "sibling":
            folder = workshop.root / "aula"
            remote = workshop.root / "remotes/aula.git"
            workshop.docker.git("clone", "--quiet", str(workshop.aula.folder), str(folder))
            Repo(folder).git("remote", "set-url", "origin", str(remote))
            Repo(folder).git("fetch", "--quiet", "origin")
        elif place == "worktree":
            folder = workshop.root / "linked tree"
            workshop.docker.git("checkout", "--quiet", "--detach")
            workshop.docker.git("worktree", "add", "--quiet", str(folder), "master")
            self.top = Repo(folder)
        self.at = Repo(folder)
        tools = workshop.root / "tools"
        put_guard_into(tools)
        self.environment = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "GIT_EDITOR": "true",
        }

    def types(self, command: str) -> Ran:
        return self.workshop.run(["/bin/sh", "-c", command], self.at, b"", **self.environment)

    def remedy(self, rule: str) -> str:
        """What `guard check` says that mends a finding of a rule; "" where there is none."""
        ran = self.types("guard check")
        assert "Traceback" not in ran.text
        found = re.search(rf" {rule}: (?:.*\n)(?: {{6}}.*\n)*? {{6}}mend: +(.*)\n", ran.text)
        assert found or f" {rule}: " not in ran.text, ran.text
        return found[1] if found else ""

    def commits(self) -> None:
        """What was staged or written by a remedy goes into the commit that is judged."""
        self.top.git("add", "--all")
        self.workshop.run(["git", "commit", "--quiet", "--message", "Mend it"], self.top)


@pytest.mark.parametrize(
    ("case", "place"),
    [
        pytest.param(case, place, id=f"{case.rule}-{case.arrange.__name__}-{place}")
        for case in CASES
        for place in case.places
    ],
)
def test_a_remedy_works_where_it_is_pasted(tmp_path: Path, case: Case, place: str) -> None:
    root = tmp_path / "räume mit 'zeichen' $x"
    root.mkdir()
    workshop = Workshop(root)
    case.arrange(workshop)
    person = Person(workshop, place)
    remedy = person.remedy(case.rule)
    assert remedy
    if remedy.startswith((PERSON, *ELSEWHERE)):
        return
    pasted = person.types(remedy)
    assert pasted.status == 0, f"{remedy}\n{pasted.text}"
    person.commits()
    assert person.remedy(case.rule) != remedy


def pasted_on(person: Person, push: str) -> list[str]:
    """Push, and paste what the hook calls next or shows to a person, until it goes through."""
    lines: list[str] = []
    while (ran := person.types(push)).status:
        assert "Traceback" not in ran.text
        (following,) = re.findall(r"^  next: (.*)$", ran.text, re.MULTILINE)
        assert following not in lines, "\n".join((*lines, ran.text))
        lines.append(following)
        if following.endswith("guard test"):
            person.workshop.verdict()
            continue
        if following == "git commit":
            person.commits()
            continue
        pasted = person.types(following.rpartition(": ")[2])
        assert pasted.status == 0, f"{following}\n{pasted.text}"
    return lines


def bad_commit(workshop: Workshop) -> str:
    """A commit beside a good master that pins a thentos without a release."""
    workshop.install()
    workshop.verdict()
    good = workshop.docker.head
    unreleased(workshop)
    bad = workshop.docker.head
    workshop.docker.git("reset", "--quiet", "--hard", good)
    workshop.docker.git("submodule", "--quiet", "update")
    return bad


@pytest.mark.parametrize("source", ["bad", "bad:refs/heads/x"])
def test_a_pushed_branch_that_is_not_checked_out(tmp_path: Path, source: str) -> None:
    workshop = Workshop(tmp_path)
    workshop.docker.git("branch", "bad", bad_commit(workshop))
    lines = pasted_on(Person(workshop, "top"), f"git push origin {source}")
    switch = "you: mend it where it is checked out: git switch bad && guard align"
    assert lines == [switch, "git commit"]  # the content was tested already
    assert workshop.remote_head("aula-docker", f"refs/heads/{source[-3:].strip('/s')}")


def test_a_pushed_tag_on_a_commit_that_no_branch_has(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    bad = bad_commit(workshop)
    workshop.docker.git("tag", "t1", bad)
    person, branch = Person(workshop, "top"), f"mend-{bad[:8]}"
    ran = person.types("git push origin t1")
    switch = f"git switch --create {branch} {bad[:12]} && guard align"
    assert f"\n  next: you: mend it where it is checked out: {switch}\n" in ran.text
    assert person.types(switch).status == 0
    assert "\n  next: git commit\n" in person.types("git push origin t1").text
    person.commits()
    ran = person.types("git push origin t1")
    look = f"git log --oneline {bad[:12]}..{branch}"
    assert (
        f"\n  next: you: push what {branch} has on top of {bad[:12]} instead: {look}\n" in ran.text
    )
    assert person.types(look).out.endswith("Mend it\n")
    workshop.verdict()
    assert person.types(f"git push origin {branch}").status == 0


def test_a_pushed_branch_that_another_worktree_has_checked_out(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    workshop.docker.git("branch", "bad", bad_commit(workshop))
    other = workshop.root / "the other"
    workshop.docker.git("worktree", "add", "--quiet", str(other), "bad")
    person = Person(workshop, "top")
    ran = person.types("git push origin bad")
    cd = f"cd '{other}' && guard status"
    assert f"\n  next: you: mend it where bad is checked out: {cd}\n" in ran.text
    assert person.types(cd).out.endswith("next: guard align\n")


def older_and_newer(workshop: Workshop, is_ancestor: bool) -> None:
    """The index is at v0.4.0, for master of aula; branch old of aula asks for less."""
    workshop.release("0.4.0")
    workshop.publish("thentos")
    workshop.aula.git("checkout", "--quiet", "-B", "master")
    workshop.aula.git("branch", "old")
    workshop.require(">=0.4 && <0.5")
    workshop.publish("aula")
    workshop.pin()
    if not is_ancestor:
        workshop.aula.git("switch", "--quiet", "old")
        workshop.aula.commit("Mend the old one", {"old": "x"})
        workshop.aula.git("switch", "--quiet", "master")
    workshop.install()
    workshop.verdict()


def test_a_pushed_branch_of_aula_that_asks_for_an_older_release(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    older_and_newer(workshop, is_ancestor=False)
    old = workshop.aula.git("rev-parse", "--short=12", "old")
    person = Person(workshop, "aula")
    ran = person.types("git push origin old")
    what = f"you: change what aula requires at {old}, or align aula-docker for it"
    assert f"\n  next: {what}: git switch old && guard align\n" in ran.text
    assert person.types("git switch old && guard align").status == 0
    assert person.types("git push origin old").text.count("next: guard test") == 1
    assert workshop.thentos.git("describe", "--tags") == "v0.3.0"


def test_a_pushed_branch_of_aula_that_lies_before_what_is_pinned(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    older_and_newer(workshop, is_ancestor=True)
    old = workshop.aula.git("rev-parse", "--short=12", "old")
    person = Person(workshop, "aula")
    # Where the default branch leads to it, a new one brings nothing new.
    remote = Repo(workshop.root / "remotes/aula.git")
    apart = remote.git("commit-tree", "-m", "Another line", remote.git("mktree", data=b""))
    remote.git("branch", "topic", "master")
    remote.git("update-ref", "refs/heads/master", apart)
    workshop.aula.git("fetch", "--quiet", "origin")
    ran = person.types("git push origin old")
    what = (
        f"you: change what aula requires at {old}, or push the later commit that aula-docker pins"
    )
    assert f"\n  next: {what}: git switch old\n" in ran.text
    assert person.types("git switch old").status == 0
    assert "next: guard align" not in person.types("git push origin old").text
    workshop.require(">=0.4 && <0.5")
    assert person.types("git push origin old").status == 0


def test_a_checkout_of_aula_that_a_pull_has_left_behind(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    older_and_newer(workshop, is_ancestor=True)
    workshop.aula.git("checkout", "--quiet", "--detach", "old")
    person = Person(workshop, "top")
    ran = person.types("guard status")
    mend = re.findall(r" mend: +(.*)", ran.text.partition("\npush of aula ")[2])
    assert mend[0] == "git submodule update aula"
    assert "guard align" not in ran.text
    assert person.types(mend[0]).status == 0
    assert "dependency-match" not in person.types("guard status").text


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == {*RULES, POLICY}
