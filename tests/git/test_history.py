"""Lists of commits, and the line on which a branch was published."""

from __future__ import annotations

import pytest

from guard.errors import GuardError
from guard.git.history import LoggedCommit, PublishedLine, published_line, rev_list
from tests.workshop import Repo


class Line:
    """Commits with parents as a test wants them."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._tree = repo.git("mktree", data=b"")
        self._when = 1_400_000_000

    def commit(self, subject: str, *parents: str, when: int | None = None) -> str:
        self._when += 100
        flags = [word for parent in parents for word in ("-p", parent)]
        return self._repo.git(
            "commit-tree",
            *flags,
            "-m",
            subject,
            self._tree,
            env={"GIT_COMMITTER_DATE": f"{when or self._when} +0100"},
        )


@pytest.fixture
def line(repo: Repo) -> Line:
    return Line(repo)


def published(repo: Repo, tip: str) -> list[str]:
    return [item.commit for item in published_line(repo.repository, tip)]


def test_a_list_has_what_git_knows(repo: Repo, line: Line) -> None:
    first = line.commit("Grüße  aus dem\ttext", when=1_456_930_515)
    second = line.commit("second", first, when=1_456_930_600)
    side = line.commit("side", first)
    merge = line.commit("merge", second, side)
    found = {item.commit: item for item in rev_list(repo.repository, [merge])}
    assert set(found) == {first, second, side, merge}
    assert found[first] == LoggedCommit(
        first, 1_456_930_515, "2016-03-02", "Grüße  aus dem\ttext", ()
    )
    assert found[merge].parents == (second, side)
    only = rev_list(repo.repository, ["--first-parent", f"{first}..{merge}"])
    assert [item.subject for item in only] == ["merge", "second"]


def test_a_commit_without_a_message(repo: Repo, line: Line) -> None:
    commit = repo.git("commit-tree", "-m", "", line._tree)
    assert [item.subject for item in rev_list(repo.repository, [commit])] == [""]


def test_a_range_that_git_refuses_is_told(repo: Repo) -> None:
    repo.commit()
    with pytest.raises(GuardError, match="nowhere") as caught:
        rev_list(repo.repository, ["nowhere..HEAD"])
    assert "rev-list" in caught.value.remedy


PULLS = (
    "Merge branch 'master' of github.com:liqd/aula-docker",
    "Merge branch 'master' of https://github.com/liqd/aula-docker.git",
    "Merge branch 'main' of github.com:liqd/aula-docker into main",
    "Merge branch 'topic' of github.com:liqd/aula-docker into topic",
    "Merge remote-tracking branch 'origin/master'",
    "Merge remote-tracking branch 'origin/topic' into topic",
    "Merge remote-tracking branch 'upstream/a/b' into a/b",
)
OTHERS = (
    "Merge branch 'topic'",
    "Merge branch 'topic' into master",
    "Merge branch 'topic' of github.com:someone/aula-docker",
    "Merge branch 'master' of github.com:liqd/aula-docker into topic",
    "Merge remote-tracking branch 'origin/topic'",
    "Merge remote-tracking branch 'origin/master' into topic",
    "Merge pull request #12 from someone/master",
    "Say: Merge branch 'master' of github.com:liqd/aula-docker",
)


@pytest.mark.parametrize("subject", PULLS)
def test_a_pull_was_published_on_its_second_parent(repo: Repo, line: Line, subject: str) -> None:
    # The shape of af816a4: two people started from one commit; one pushed, the other pulled.
    base = line.commit("base")
    mine = line.commit("never published by itself", base)
    theirs = line.commit("published", base)
    merge = line.commit(subject, mine, theirs)
    tip = line.commit("tip", merge)
    assert published(repo, tip) == [tip, merge, theirs, base]


@pytest.mark.parametrize("subject", OTHERS)
def test_another_merge_was_published_on_its_first_parent(
    repo: Repo, line: Line, subject: str
) -> None:
    base = line.commit("base")
    master = line.commit("on master", base)
    topic = line.commit("on a topic", base)
    merge = line.commit(subject, master, topic)
    assert published(repo, merge) == [merge, master, base]


def test_git_words_a_pull_as_expected(repo: Repo) -> None:
    """The subjects above are git's own: a real pull of master into master."""
    base = repo.commit("base")
    clone = Repo(repo.folder.with_name("clone"))
    repo.git("clone", "--quiet", str(repo.folder), str(clone.folder))
    theirs = repo.commit("theirs", {"theirs": ""})
    mine = clone.commit("mine", {"mine": ""})
    clone.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "master")
    assert published(clone, clone.head) == [clone.head, theirs, base]
    assert mine not in published(clone, clone.head)


def logged(commit: str, when: int) -> LoggedCommit:
    return LoggedCommit(commit, when, "", "", ())


def test_the_newest_commit_at_a_time() -> None:
    line = PublishedLine([logged("c", 300), logged("b", 200), logged("a", 100)])
    asked = (99, 100, 199, 200, 201, 300, 10_000)
    assert [line.at(when) for when in asked] == [None, "a", "a", "b", "b", "c", "c"]


def test_dates_that_run_backwards_count_from_when_the_line_had_reached_them() -> None:
    # b claims to be older than a, on which it stands.
    line = PublishedLine([logged("c", 300), logged("b", 50), logged("a", 200)])
    assert [line.at(when) for when in (50, 199, 200, 299, 300)] == [None, None, "b", "b", "c"]


def test_an_empty_line_has_no_commit() -> None:
    assert PublishedLine([]).at(1_000) is None
