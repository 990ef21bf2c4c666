"""Gitlinks that go back, by real pushes of aula-docker: stale checkouts, releases, branches."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workshop import GUARD_TOML, Ran, Repo, Workshop

TOPIC = ("origin", "HEAD:refs/heads/topic")
FORCE = ("--force", "origin")


class Team(Workshop):
    """aula and thentos have moved on since the first pin, and others have the newest of both.

    Attributes:
        first, last: the commits of aula-docker that pin the older ones, and the newer ones.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.install()
        self.old_aula, self.old_thentos = self.aula.head, self.thentos.head
        self.verdict()
        assert self.push(self.docker).status == 0
        self.first = self.docker.head
        self.later_aula = self.aula.commit("Change aula", {"src.hs": "later"})
        self.release("0.3.1")
        self.publish()
        self.last = self.pass_pinned()
        assert self.push(self.docker).status == 0, "the pins move ahead"
        self.docker.git("fetch", "--quiet")

    def pass_pinned(self, message: str = "Move the submodules", **commits: str) -> str:
        """Commit the gitlinks, those of the checkouts unless others are given; that passes."""
        commit = self.pin(message, **commits)
        self.verdict()
        return commit

    def stale(self) -> str:
        """What `git commit -a` makes of an old checkout of aula."""
        self.aula.git("checkout", "--quiet", self.old_aula)
        self.docker.git("commit", "--quiet", "--all", "-m", "Some other work")
        self.verdict()
        return self.docker.head

    def change(self, message: str = "Write", path: str = "README.md", text: str = "x") -> None:
        """Commit a file of aula-docker, and nothing that is checked out; that passes."""
        self.docker.write({path: text})
        self.docker.git("add", path)
        self.docker.git("commit", "--quiet", "-m", message)
        self.verdict()

    def verdict_of_index(self) -> None:
        """What is staged has passed."""
        self.docker.git("commit", "--quiet", "-m", "To be tested")
        self.verdict(published=True)
        self.docker.git("reset", "--quiet", "--soft", "HEAD^")

    @property
    def next(self) -> str:
        return self.guard("status").out.splitlines()[-1].removeprefix("next: ")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def steps(ran: Ran) -> list[str]:
    """What a screen says of gitlinks that go back, a line each."""
    return re.findall(r"(?:error|undecided|warning|note) step-back: .*", ran.text)


def mend(ran: Ran) -> str:
    found = re.search(r"step-back: (?:.*\n)+? +mend: +(.*)", ran.text)
    assert found is not None, ran.text
    return found[1]


def saying(ran: Ran) -> str:
    """The command that says why, where it is meant."""
    found = re.search(r"or where it is meant, (git .*)", ran.text)
    assert found is not None, ran.text
    return found[1].replace("<why>", "reason")


class TestStaleCheckout:
    """`git commit -a` with an old checkout of aula, of which the combination has passed."""

    def test_it_is_blocked_and_what_mends_it_does(self, team: Team) -> None:
        team.stale()
        ran = team.push(team.docker)
        assert ran.status != 0
        old, new = team.later_aula[:12], team.old_aula[:12]
        assert steps(ran) == [
            f"error step-back: aula steps back: {new} lies behind {old}, which {team.last[:12]} of "
            "aula-docker has"
        ]
        assert team.paste(mend(ran)).status == 0
        team.verdict()
        assert team.push(team.docker).status == 0
        assert team.docker.git("rev-parse", "HEAD:aula") == team.later_aula

    def test_where_it_is_meant_its_commit_says_so(self, team: Team) -> None:
        team.stale()
        (team.docker.folder / "notes").write_text("staged for later")
        team.docker.git("add", "notes")
        assert team.paste(saying(team.push(team.docker))).status == 0
        assert "Guard-Step-Back: aula reason" in team.docker.git("log", "-1", "--format=%B")
        assert team.push(team.docker).status == 0
        assert team.docker.git("diff", "--cached", "--name-only") == "notes"

    def test_check_and_status_say_the_same(self, team: Team) -> None:
        team.stale()
        pushed = team.push(team.docker)
        checked = team.guard("check")
        assert checked.status == 1
        assert steps(checked) == steps(pushed)
        assert mend(checked) == mend(pushed)
        assert f"\nnext: {mend(pushed)}\n" in team.guard("status").out

    def test_status_goes_by_it_before_it_goes_by_what_is_checked_out(self, team: Team) -> None:
        team.pass_pinned("Go back", aula=team.old_aula)
        assert team.aula.head == team.later_aula
        pushed = team.push(team.docker)
        assert f"; next: {mend(pushed)}\n" in team.guard("status", "--short").out
        assert team.paste(mend(pushed)).status == 0
        team.verdict()
        assert team.push(team.docker).status == 0

    def test_it_is_behind_however_far_master_goes_on(self, team: Team) -> None:
        team.stale()
        for number in range(20):
            team.change(text=str(number))
        assert len(steps(team.push(team.docker))) == 1
        assert len(steps(team.push(team.docker, *TOPIC))) == 1


class TestStaged:
    """What is only staged is told what its commit would be, with what mends it while it is."""

    def check(self, team: Team, *more: str) -> Ran:
        return team.guard("check", "--staged", *more)

    def stage(self, team: Team, path: str, commit: str) -> None:
        team.docker.git("update-index", "--cacheinfo", f"160000,{commit},{path}")

    @pytest.mark.parametrize("path", ["aula", "thentos"])
    def test_it_is_brought_up_again_without_a_commit(self, team: Team, path: str) -> None:
        self.stage(team, path, {"aula": team.old_aula, "thentos": team.old_thentos}[path])
        ran = self.check(team)
        (line,) = steps(ran)
        assert (ran.status, line.split(" lies ")[0].split(":")[0]) == (1, "error step-back")
        assert f"its push would be: {path}" in self.check(team, "--warn").err
        assert team.paste(mend(ran)).status == 0
        assert (team.docker.head, self.check(team).status) == (team.last, 0)
        assert team.docker.git("diff", "--cached", "--name-only") == ""

    @pytest.mark.parametrize("path", ["aula", "thentos"])
    def test_where_it_is_meant_the_commit_says_so(self, team: Team, path: str) -> None:
        self.stage(team, path, {"aula": team.old_aula, "thentos": team.old_thentos}[path])
        assert team.paste(saying(self.check(team))).status == 0
        team.verdict()
        assert (self.check(team).status, team.push(team.docker).status) == (0, 0)

    def test_what_was_committed_before_is_said_there(self, team: Team) -> None:
        team.pass_pinned("Go back", aula=team.old_aula)
        (team.docker.folder / "notes").write_text("staged for later")
        team.docker.git("add", "notes")
        ran = self.check(team)
        assert len(steps(ran)) == 1
        assert team.paste(saying(ran)).status == 0
        assert self.check(team).status == 0
        assert team.docker.git("diff", "--cached", "--name-only") == "notes"

    def test_what_goes_on_is_none(self, team: Team) -> None:
        self.stage(team, "aula", team.aula.commit("More", {"src.hs": "more"}))
        assert (self.check(team).status, steps(self.check(team))) == (0, [])

    def test_a_new_branch_goes_back_from_where_it_began(self, team: Team) -> None:
        team.docker.git("checkout", "--quiet", "-b", "work", team.first)
        assert self.check(team).status == 0
        team.docker.git("checkout", "--quiet", "-B", "work", team.last)
        self.stage(team, "aula", team.old_aula)
        assert len(steps(self.check(team))) == 1

    def test_before_the_first_commit_there_is_nothing_to_go_back_from(self, team: Team) -> None:
        team.docker.git("checkout", "--quiet", "--orphan", "other")
        assert steps(self.check(team)) == []


class TestPlan:
    """What the plan commits says why, where the push would be asked, and nowhere else."""

    def stage_thentos(self, team: Team, commit: str) -> str:
        team.docker.git("update-index", "--cacheinfo", f"160000,{commit},thentos")
        team.verdict_of_index()
        return team.next

    def reason(self, tag: str) -> str:
        return f"Guard-Step-Back: thentos {tag} is the release that was chosen"

    def test_back_from_what_the_remote_has(self, team: Team) -> None:
        command = self.stage_thentos(team, team.old_thentos)
        assert self.reason("v0.3.0") in command
        assert team.paste(command).status == 0
        assert team.push(team.docker).status == 0

    def test_back_from_what_only_head_had_says_nothing(self, team: Team) -> None:
        team.release("0.3.2")
        team.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.3.2")
        team.pass_pinned()
        command = self.stage_thentos(team, team.thentos.git("rev-parse", "v0.3.1"))
        assert command.startswith("git commit") and "Guard-Step-Back" not in command
        assert team.paste(command).status == 0
        assert team.push(team.docker).status == 0

    def test_ahead_of_head_and_behind_where_a_new_branch_began(self, team: Team) -> None:
        newest = team.release("0.3.2")
        team.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.3.2")
        team.pass_pinned()
        assert team.push(team.docker).status == 0
        team.docker.git("fetch", "--quiet")
        team.docker.git("checkout", "--quiet", "-b", "work")
        team.pass_pinned("Back\n\nGuard-Step-Back: thentos is new", thentos=team.old_thentos)
        assert newest
        command = self.stage_thentos(team, team.thentos.git("rev-parse", "v0.3.1"))
        assert self.reason("v0.3.1") in command
        assert team.paste(command).status == 0
        assert team.push(team.docker, "origin", "work").status == 0

    def test_what_head_says_already_is_not_said_again(self, team: Team) -> None:
        team.pass_pinned("Back\n\nGuard-Step-Back: thentos is new", thentos=team.old_thentos)
        (team.docker.folder / "notes").write_text("x")
        team.docker.git("add", "notes")
        team.verdict_of_index()
        assert "Guard-Step-Back" not in team.next
        assert team.paste(team.next).status == 0
        assert team.push(team.docker).status == 0

    def test_what_head_does_not_say_comes_first(self, team: Team) -> None:
        team.pass_pinned("Back", thentos=team.old_thentos)
        (team.docker.folder / "notes").write_text("x")
        team.docker.git("add", "notes")
        team.verdict_of_index()
        ran = team.guard("check", "--staged")
        assert team.next == mend(ran)
        assert team.paste(saying(ran)).status == 0
        assert team.paste(team.next).status == 0
        assert team.push(team.docker).status == 0

    def test_align_says_it_in_its_commit(self, team: Team) -> None:
        assert team.guard("align", "--to", "v0.3.0", "--commit").status == 0
        assert self.reason("v0.3.0") in team.docker.git("log", "-1", "--format=%B")
        team.verdict()
        assert team.push(team.docker).status == 0

    def test_what_others_pin_meanwhile_is_nothing_of_ones_own(self, team: Team) -> None:
        """A newer aula on the remote; only thentos is staged."""
        newer = team.aula.commit("Of somebody else", {"src.hs": "theirs"})
        team.publish("aula")
        tip = team.pin(aula=newer)
        team.docker.git("push", "--quiet", "--no-verify", "origin", f"{tip}:master")
        team.docker.git("reset", "--quiet", "--hard", team.last)
        team.docker.git("submodule", "--quiet", "update")
        team.release("0.3.2")
        team.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.3.2")
        team.docker.git("add", "thentos")
        team.verdict_of_index()
        assert steps(team.guard("status", "--json")) == []
        assert team.next.startswith("git commit -m") and "git rebase" in team.next


class TestWhoSaysSo:
    """The line stands in the newest commit of the push that set the value."""

    def step_back(self, team: Team, message: str) -> None:
        team.pass_pinned(message, aula=team.old_aula)

    def test_commits_on_top_of_it_change_nothing(self, team: Team) -> None:
        self.step_back(team, "Go back\n\nGuard-Step-Back: aula it broke the login")
        team.change("Write")
        assert team.push(team.docker).status == 0

    @pytest.mark.parametrize(
        "message",
        [
            "Go back",
            "Go back\n\nGuard-Step-Back: aula",
            "Go back\n\nGuard-Step-Back: aula ",
            "Go back\n\nGuard-Step-Back: aula <why>",
            "Go back\n\nGuard-Step-Back: aula <why>.",
            "Go back\n\nGuard-Step-Back: aula -",
            "Go back\n\nGuard-Step-Back: thentos is too new",
            "Go back\n\nGuard-Step-Back: aula2 is too new",
            "Go back: Guard-Step-Back: aula is too new",
        ],
    )
    def test_what_says_nothing_of_it_is_no_reason(self, team: Team, message: str) -> None:
        self.step_back(team, message)
        assert team.push(team.docker).status != 0

    def test_another_commit_of_the_push_may_not_say_it(self, team: Team) -> None:
        self.step_back(team, "Go back")
        team.change("Write\n\nGuard-Step-Back: aula it is meant")
        ran = team.push(team.docker)
        assert ran.status != 0
        assert "the line 'Guard-Step-Back: aula <why>': git rebase --interactive" in ran.text

    def test_what_was_said_of_the_same_value_before_is_over(self, team: Team) -> None:
        self.step_back(team, "Go back\n\nGuard-Step-Back: aula for a day")
        team.pass_pinned("Go on", aula=team.later_aula)
        self.step_back(team, "Go back again")
        assert team.push(team.docker).status != 0

    def test_both_submodules_have_a_line_each(self, team: Team) -> None:
        team.pass_pinned("Go back", aula=team.old_aula, thentos=team.old_thentos)
        first = team.push(team.docker)
        assert len(steps(first)) == 2
        for _ in range(2):
            ran = team.push(team.docker)
            assert ran.status != 0
            assert team.paste(saying(ran)).status == 0
        assert team.push(team.docker).status == 0

    def test_a_merge_that_takes_the_old_side_says_it_itself(self, team: Team) -> None:
        team.docker.git("checkout", "--quiet", "-B", "old", team.first)
        team.change("Work")
        team.docker.git("merge", "--quiet", "--strategy=ours", "-m", "Join", team.last)
        team.verdict()
        ran = team.push(team.docker, "origin", "HEAD:refs/heads/master")
        assert len(steps(ran)) == 2
        for _ in range(2):
            assert team.paste(saying(team.push(team.docker))).status == 0
        assert team.push(team.docker).status == 0

    def test_a_merge_says_why_it_takes_what_master_got_without_a_reason(self, team: Team) -> None:
        """Nobody rewrites what is published for it."""
        team.docker.git("checkout", "--quiet", "-b", "topic")
        team.change("Work")
        assert team.push(team.docker, *TOPIC).status == 0
        team.docker.git("checkout", "--quiet", "master")
        team.pass_pinned("By a button", aula=team.old_aula)
        team.docker.git("push", "--quiet", "--no-verify", "origin", "master")
        team.docker.git("checkout", "--quiet", "topic")
        team.docker.git("merge", "--quiet", "-m", "Merge master", "master")
        team.verdict()
        ran = team.push(team.docker, *TOPIC)
        assert len(steps(ran)) == 1
        assert team.paste(saying(ran)).status == 0
        assert team.push(team.docker, *TOPIC).status == 0

    def test_a_merge_of_a_branch_from_before_needs_no_line_of_its_own(self, team: Team) -> None:
        self.step_back(team, "Go back\n\nGuard-Step-Back: aula it broke the login")
        back = team.docker.head
        team.docker.git("checkout", "--quiet", "-B", "side", team.last)
        team.change("Work")
        team.docker.git("checkout", "--quiet", "-B", "master", back)
        team.docker.git("merge", "--quiet", "--no-edit", "side")
        team.verdict()
        assert team.push(team.docker).status == 0


class TestReleases:
    """thentos goes by the order of its releases, wherever they lie in history."""

    @pytest.fixture
    def branched(self, team: Team) -> Iterator[Team]:
        """v0.3.2 was made on top of v0.3.0, beside v0.3.1, with an annotated tag."""
        team.thentos.git("checkout", "--quiet", team.old_thentos)
        team.thentos.commit("Mend", team.thentos_files("0.3.2"))
        team.thentos.git("tag", "-a", "-m", "x", "v0.3.2")
        team.thentos.git("push", "--quiet", "--no-verify", "origin", "v0.3.2")
        yield team

    def test_an_older_one_is_a_step_back(self, team: Team) -> None:
        team.pass_pinned(thentos=team.old_thentos)
        ran = team.push(team.docker)
        assert ran.status != 0
        (line,) = steps(ran)
        assert "thentos steps back: v0.3.0 lies behind v0.3.1" in line

    def test_a_newer_one_beside_it_is_none_and_back_it_is_one(self, branched: Team) -> None:
        branched.pass_pinned()
        assert branched.push(branched.docker).status == 0
        branched.pass_pinned(thentos=branched.thentos.git("rev-parse", "v0.3.1"))
        (line,) = steps(branched.push(branched.docker))
        assert "v0.3.1 lies behind v0.3.2" in line

    def forget(self, team: Team, tags: str) -> None:
        """A colleague pushed what stands there, and these tags of its commit are all that is here.

        Nothing was kept of it: neither a decision nor what the remote has.
        """
        shutil.rmtree(team.docker.folder / ".git/guard")
        for ref in team.thentos.git("for-each-ref", "--format=%(refname)").splitlines():
            if ref.startswith(("refs/guard/seen/", "refs/tags/")):
                team.thentos.git("update-ref", "-d", ref)
        pinned = team.docker.git("rev-parse", f"{team.last}:thentos")
        for tag in tags.split():
            team.thentos.git("tag", tag, pinned)

    @pytest.mark.parametrize("tags", ["v0.3.1 v0.0.1", "v0.2.9 v0.3.1", "v0.0.1", ""])
    def test_a_tag_that_only_this_clone_has_hides_no_step_back(self, team: Team, tags: str) -> None:
        self.forget(team, tags)
        team.pass_pinned(thentos=team.old_thentos)
        for ran in (team.push(team.docker), team.guard("check")):
            (line,) = steps(ran)
            assert "v0.3.0 lies behind v0.3.1" in line

    @pytest.mark.parametrize("tags", ["v0.10.0 v0.3.1", "v0.9.9", ""])
    def test_nor_does_it_make_one_of_the_next_release(self, branched: Team, tags: str) -> None:
        self.forget(branched, tags)
        branched.pass_pinned()
        ran = branched.push(branched.docker)
        assert (ran.status, steps(ran)) == (0, []), ran.text

    def test_an_older_release_on_top_of_a_newer_one_is_a_step_back_without_tags(
        self, team: Team
    ) -> None:
        team.release("0.2.9")
        team.thentos.git("push", "--quiet", "--no-verify", "origin", "HEAD:maint", "v0.2.9")
        self.forget(team, "")
        team.pass_pinned()
        (line,) = steps(team.push(team.docker, *TOPIC))
        assert "v0.2.9 lies behind v0.3.1" in line

    def test_where_its_remote_does_not_answer_history_counts(self, team: Team) -> None:
        self.forget(team, "v0.0.1")
        team.pass_pinned(thentos=team.old_thentos)
        (team.root / "remotes/thentos.git").rename(team.root / "gone.git")
        (line,) = steps(team.push(team.docker))
        assert f"{team.old_thentos[:12]} lies behind" in line

    def test_a_commit_that_is_no_release_goes_by_history(self, team: Team) -> None:
        later = team.thentos.commit("Go on", {"README.md": "no release"})
        tip = team.pin(thentos=later)
        team.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        team.pass_pinned(thentos=team.thentos.git("rev-parse", "v0.3.1"))
        (line,) = steps(team.push(team.docker))
        assert f"lies behind {later[:12]}, which {tip[:12]}" in line


class TestBranches:
    def test_a_new_branch_is_held_against_where_it_began(self, team: Team) -> None:
        team.docker.git("checkout", "--quiet", "--detach", team.first)
        team.change("Work")
        assert team.push(team.docker, *TOPIC).status == 0
        team.docker.git("checkout", "--quiet", "--detach", team.last)
        team.pass_pinned(aula=team.old_aula)
        assert len(steps(team.push(team.docker, "origin", "HEAD:refs/heads/other"))) == 1

    def test_a_branch_that_goes_another_way_is_held_against_where_it_began(
        self, team: Team
    ) -> None:
        newest = team.aula.commit("More", {"src.hs": "more"})
        team.publish("aula")
        team.pass_pinned()
        assert team.push(team.docker, *TOPIC).status == 0
        team.docker.git("reset", "--quiet", "--soft", team.last)
        team.pass_pinned("Without it", aula=team.later_aula)
        assert team.push(team.docker, *FORCE, TOPIC[1]).status == 0
        assert newest != team.later_aula
        team.pass_pinned("Too far", aula=team.old_aula)
        assert len(steps(team.push(team.docker, *TOPIC))) == 1

    def test_the_default_branch_is_held_against_its_tip_even_by_force(self, team: Team) -> None:
        team.docker.git("reset", "--quiet", "--hard", team.first)
        team.change("Another history")
        onto = (*FORCE, "HEAD:refs/heads/master")
        assert len(steps(team.push(team.docker, *onto))) == 2
        for _ in range(2):
            assert team.paste(saying(team.push(team.docker, *onto))).status == 0
        assert team.push(team.docker, *onto).status == 0

    def test_a_commit_beside_it_counts_on_the_default_branch_alone(self, team: Team) -> None:
        team.aula.git("checkout", "--quiet", "--detach", team.old_aula)
        team.aula.commit("Rewritten", {"src.hs": "otherwise"})
        team.publish("aula")
        team.pass_pinned()
        assert team.push(team.docker, *TOPIC).status == 0
        ran = team.push(team.docker)
        assert ran.status != 0
        (line,) = steps(ran)
        assert line.startswith("error step-back: aula leaves its history")
        assert mend(ran).startswith("you: stage a commit of aula that leads to")

    def test_all_of_it_goes_to_an_empty_remote(self, team: Team) -> None:
        team.docker.git("branch", "old", team.first)
        team.docker.git("tag", "-a", "-m", "x", "v1", team.first)
        team.docker.git("init", "--quiet", "--bare", str(team.root / "remotes/new.git"))
        team.docker.git("remote", "add", "new", str(team.root / "remotes/new.git"))
        team.docker.git("remote", "remove", "origin")
        ran = team.push(team.docker, "new", "--all", "--follow-tags")
        assert steps(ran) == []
        assert ran.status == 0, ran.text

    def test_a_tag_on_an_old_commit_is_no_step_back(self, team: Team) -> None:
        team.docker.git("tag", "-a", "-m", "x", "v1", team.first)
        assert team.push(team.docker, "origin", "v1").status == 0


class TestUnknown:
    def lose_old(self, team: Team) -> None:
        """The destination has a commit of aula of which nothing is here."""
        elsewhere = Repo(team.root / "elsewhere")
        team.docker.git("clone", "--quiet", str(team.root / "remotes/aula.git"), "../elsewhere")
        commit = elsewhere.commit("Of somebody else", {"src.hs": "theirs"})
        elsewhere.git("push", "--quiet", "origin", "HEAD:master")
        tip = team.pin(aula=commit)
        team.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        team.docker.git("reset", "--quiet", "--soft", "HEAD~1")
        team.docker.git("update-ref", "ORIG_HEAD", tip)
        team.docker.git("reset", "--quiet", "--soft", tip)
        team.pass_pinned(aula=team.later_aula)

    def test_on_the_default_branch_it_is_undecided_until_it_is_fetched(self, team: Team) -> None:
        self.lose_old(team)
        ran = team.push(team.docker)
        assert ran.status != 0
        (line,) = steps(ran)
        assert line.startswith("undecided step-back: aula may step back")
        assert team.paste(mend(ran)).status == 0
        (line,) = steps(team.push(team.docker))
        assert line.startswith("error step-back: aula steps back")

    def test_elsewhere_it_stops_nobody(self, team: Team) -> None:
        self.lose_old(team)
        assert team.push(team.docker, *TOPIC).status == 0

    def test_a_tip_that_was_not_fetched_is_undecided(self, team: Team) -> None:
        other = Repo(team.root / "second")
        team.docker.git("clone", "--quiet", str(team.root / "remotes/aula-docker.git"), "../second")
        other.commit("Of somebody else", {"README.md": "x"})
        other.git("push", "--quiet", "origin", "HEAD:master")
        team.change("Mine", "LICENSE")
        ran = team.push(team.docker, *FORCE, "HEAD:refs/heads/master")
        assert "undecided step-back: what this push replaces is not known" in ran.text
        assert team.paste(mend(ran)).status == 0
        assert steps(team.push(team.docker, *FORCE, "HEAD:refs/heads/master")) == []

    def test_a_history_that_is_cut_off(self, team: Team) -> None:
        """In a shallow clone of aula-docker nobody sees where a branch began."""
        url = f"file://{team.root}/remotes/aula-docker.git"
        team.docker.git("push", "--quiet", "--no-verify", "origin", f"{team.first}:refs/heads/old")
        team.docker.git("clone", "--quiet", "--depth=1", "--no-single-branch", url, "../shallow")
        shallow = Repo(team.root / "shallow")
        shallow.git("submodule", "--quiet", "update", "--init")
        assert team.guard("install", at=shallow).status == 0
        shallow.git("fetch", "--quiet", str(team.docker.folder), "refs/guard/*:refs/guard/*")
        shallow.git("checkout", "--quiet", "--no-track", "-b", "work", "origin/old")
        checked = team.guard("check", at=shallow)
        assert [line for line in steps(checked) if line.startswith("note")] != []
        assert "is cut off" in checked.text
        ran = team.push(shallow, "origin", "HEAD:refs/heads/work")
        assert (ran.status, steps(ran)) == (0, []), ran.text


class TestOtherSubmodules:
    def test_another_url_is_another_repository(self, team: Team) -> None:
        team.docker.git("clone", "--quiet", "--bare", "../remotes/aula.git", "../remotes/fork.git")
        team.docker.git("config", "--file=.gitmodules", "submodule.aula.url", "../fork.git")
        team.docker.git("submodule", "--quiet", "sync")
        team.docker.git("add", ".gitmodules")
        team.pass_pinned(aula=team.old_aula)
        assert steps(team.push(team.docker, *TOPIC)) == []

    def test_another_way_to_write_the_url_is_not(self, team: Team) -> None:
        url = str(team.root / "remotes/aula.git")
        team.docker.git("config", "--file=.gitmodules", "submodule.aula.url", url)
        team.docker.git("add", ".gitmodules")
        team.pass_pinned(aula=team.old_aula)
        assert len(steps(team.push(team.docker, *TOPIC))) == 1

    def add_lib(self, team: Team, path: str, name: str = "lib") -> tuple[str, str]:
        """Another submodule, of which the newer commit is pinned and published."""
        source = Repo(team.root / name)
        team.docker.git("init", "--quiet", str(source.folder))
        old = source.commit("One", {"x": "1"})
        new = source.commit("Two", {"x": "2"})
        team.docker.git("clone", "--quiet", "--bare", f"../{name}", f"../remotes/{name}.git")
        team.docker.git("submodule", "--quiet", "add", f"../{name}.git", path)
        team.pass_pinned("Add it")
        ran = team.push(team.docker)
        assert (ran.status, steps(ran)) == (0, [])
        return old, new

    @pytest.mark.parametrize("path", ["lib", "deep/räum lich"])
    def test_any_other_submodule_counts_and_may_go(self, team: Team, path: str) -> None:
        old, _ = self.add_lib(team, path)
        team.docker.git("update-index", "--cacheinfo", f"160000,{old},{path}")
        team.pass_pinned("Back")
        ran = team.push(team.docker)
        assert len(steps(ran)) == 1
        assert team.paste(saying(ran)).status == 0
        assert team.push(team.docker).status == 0
        team.docker.git("rm", "--quiet", "--cached", path)
        team.docker.git("config", "--file=.gitmodules", "--remove-section", f"submodule.{path}")
        team.docker.git("add", ".gitmodules")
        team.pass_pinned("Gone")
        ran = team.push(team.docker)
        assert (ran.status, steps(ran)) == (0, [])

    def test_one_that_was_moved_replaces_what_it_was(self, team: Team) -> None:
        old, _ = self.add_lib(team, "lib")
        team.docker.git("mv", "lib", "other")
        team.docker.git("update-index", "--cacheinfo", f"160000,{old},other")
        team.pass_pinned("Move it")
        (line,) = steps(team.push(team.docker))
        assert "other steps back" in line

    def test_of_two_that_swap_their_paths_each_replaces_what_it_was(self, team: Team) -> None:
        self.add_lib(team, "lib")
        old, _ = self.add_lib(team, "more", "more")
        for path, to in (("lib", "between"), ("more", "lib"), ("between", "more")):
            team.docker.git("mv", path, to)
        team.docker.git("update-index", "--cacheinfo", f"160000,{old},lib")
        team.pass_pinned("Swap them")
        (line,) = steps(team.push(team.docker))
        assert "lib steps back" in line

    def test_one_that_was_added_anew_elsewhere_replaces_what_it_was(self, team: Team) -> None:
        old, _ = self.add_lib(team, "lib")
        team.docker.git("rm", "--quiet", "lib")
        team.docker.git("submodule", "--quiet", "add", "--name", "new", "../lib.git", "other")
        team.docker.git("update-index", "--cacheinfo", f"160000,{old},other")
        team.pass_pinned("Move it by hand")
        (line,) = steps(team.push(team.docker))
        assert "other steps back" in line

    def test_a_second_one_of_the_same_repository_replaces_nothing(self, team: Team) -> None:
        old, _ = self.add_lib(team, "lib")
        team.docker.git("submodule", "--quiet", "add", "--name", "new", "../lib.git", "other")
        team.docker.git("update-index", "--cacheinfo", f"160000,{old},other")
        team.pass_pinned("Add an older one beside it")
        ran = team.push(team.docker)
        assert (ran.status, steps(ran)) == (0, [])


class TestRules:
    def test_it_can_be_made_a_warning_from_the_next_push_on(self, team: Team) -> None:
        team.change("Loosen", ".guard.toml", GUARD_TOML + '[rules]\nstep-back = "warning"\n')
        loosened = team.docker.head
        team.pass_pinned(aula=team.old_aula)
        assert len(steps(team.push(team.docker))) == 1
        assert team.push(team.docker, "origin", f"{loosened}:refs/heads/master").status == 0
        ran = team.push(team.docker)
        assert ran.status == 0
        assert "warning: aula steps back" in ran.text

    def test_explain_has_a_section(self, team: Team) -> None:
        assert "Guard-Step-Back" in team.guard("explain", "step-back").out


class TestAudit:
    def test_a_commit_is_held_against_its_parents(self, team: Team) -> None:
        team.stale()
        ran = team.guard("audit", "--rules", "step-back")
        blocked = [line for line in ran.out.splitlines() if " blocked " in line]
        assert [line.split()[0] for line in blocked] == [team.docker.head[:8]]
        assert "aula steps back" in ran.out
        assert "step-back" in team.guard("audit").out


def test_a_push_that_moves_nothing_asks_git_nothing_more(team: Team) -> None:
    """Neither for the default branch nor for another one, new or not."""
    log = team.root / "trace"
    team.change("Write")
    for name in ("topic", "topic", "master"):
        team.docker.git("commit", "--quiet", "--amend", "-m", name)
        log.unlink(missing_ok=True)
        words = ("--force", "origin", f"HEAD:refs/heads/{name}")
        assert team.push(team.docker, *words, GIT_TRACE=str(log)).status == 0
        assert walks(log) == [], name
    team.pass_pinned(aula=team.aula.commit("More", {"src.hs": "more"}))
    assert team.push(team.docker, "origin", "HEAD:refs/heads/more", GIT_TRACE=str(log)).status != 0
    assert walks(log) != []


def walks(log: Path) -> list[str]:
    """What guard has git look up in a history."""
    return re.findall(r"built-in: git (?:rev-list --stdin|merge-base).*", log.read_text())


class TestCheckFor:
    """CI judges a merge request as if it were pushed."""

    def test_it_goes_by_the_branch_that_is_named(self, team: Team) -> None:
        team.aula.git("checkout", "--quiet", "--detach", team.old_aula)
        team.aula.commit("Rewritten", {"src.hs": "otherwise"})
        team.publish("aula")
        team.pass_pinned()
        team.docker.git("checkout", "--quiet", "-b", "work")
        assert team.guard("check").status == 0
        for name in ("master", "refs/heads/master"):
            ran = team.guard("check", "--for", name)
            assert (ran.status, len(steps(ran))) == (1, 1)
        assert team.guard("check", "--for", "work").status == 0

    def test_it_goes_by_the_tip_that_is_named(self, team: Team) -> None:
        team.stale()
        for old, count in ((team.last, 1), (team.first, 0), ("0" * 40, 1)):
            ran = team.guard("check", "--for", "master", "--from", old)
            assert (ran.status, len(steps(ran))) == (count, count), old
        assert len(steps(team.guard("check", f"{team.first}..HEAD"))) == 1

    def test_what_is_not_judged_there_is_none_to_block(self, team: Team) -> None:
        toml = GUARD_TOML + '[guard]\nprotect = ["*", "!wip/*"]\n'
        team.change("Configure", ".guard.toml", toml)
        assert team.push(team.docker).status == 0
        team.docker.git("fetch", "--quiet")
        team.stale()
        ran = team.guard("check", "--for", "wip/x")
        assert (ran.status, "refs/heads/wip/x is not judged" in ran.text) == (0, True)
        assert team.push(team.docker, "origin", "HEAD:refs/heads/wip/x").status == 0
