"""How git is started, and what fails is told; repositories on disk, found without git climbing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from subprocess import Popen

import pytest

from guard.errors import GitError
from guard.git.repository import (
    Ended,
    Repository,
    distinct,
    open_any,
    open_checkout,
    open_git_dir,
    reading_environment,
    run_all,
    sibling_repositories,
    submodule_repositories,
    user_environment,
)
from tests.repositories import MakeRepo
from tests.workshop import Repo

FOREIGN = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


# What ``git -c`` sets, for git as a whole.
SETTINGS = {"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"}


def test_what_ties_git_to_one_repository_is_dropped(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The list is git's own: whatever a later git adds to it must be dropped as well.
    listed = {*repo.git("rev-parse", "--local-env-vars").split()}
    assert set(FOREIGN) - {"GIT_NAMESPACE", "GIT_QUARANTINE_PATH"} <= listed
    for name in {*listed, *FOREIGN}:
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    monkeypatch.setenv("GIT_TRACE", "0")
    before = dict(os.environ)
    as_user, reading = user_environment(), reading_environment(repo.repository)
    assert {*listed, *FOREIGN} & set(as_user) == SETTINGS
    assert as_user["GIT_SSH_COMMAND"] == "ssh -i key"
    dropped = {name for name in {*listed, *FOREIGN} if reading.get(name) in (None, "/nowhere")}
    assert not dropped & set(reading)
    assert (as_user["GIT_TRACE"], reading["GIT_TRACE"]) == ("0", "0")
    assert as_user["PATH"] == reading["PATH"] == before["PATH"]
    assert dict(os.environ) == before


def test_a_graft_does_not_show(repo: Repo) -> None:
    first = repo.commit("first")
    second = repo.commit("second")
    (repo.folder / ".git/info").mkdir(exist_ok=True)
    (repo.folder / ".git/info/grafts").write_text(f"{second}\n")
    assert repo.git("rev-list", "--count", "HEAD") == "1"
    assert repo.repository.text("rev-list", "HEAD").split() == [second, first]


def test_a_failure_says_the_command_and_what_git_said(repo: Repo) -> None:
    with pytest.raises(GitError) as caught:
        repo.repository.run("rev-parse", "--verify", "no-such-branch")
    assert "rev-parse --verify no-such-branch failed: fatal: Needed a single revision" in str(
        caught.value
    )
    assert "hint" not in str(caught.value)


def test_statuses_that_are_an_answer_are_none(repo: Repo) -> None:
    assert repo.repository.run("config", "--get", "no.such", ok=(0, 1)) == b""
    with pytest.raises(GitError, match="exit status 1"):
        repo.repository.run("config", "--get", "no.such")


def test_a_checkout_that_is_gone_does_not_hide_its_repository(
    repo: Repo, make_repo: MakeRepo
) -> None:
    # As `git rm thentos` or `rm -r thentos` leave it: core.worktree names what is not there.
    commit = repo.commit("one", {"a": "A\n"})
    repo.git("config", "core.worktree", "../gone")
    assert repo.repository.run("cat-file", "blob", f"{commit}:a") == b"A\n"


def test_git_that_is_not_there_is_said(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = repo.repository
    monkeypatch.setenv("PATH", str(repo.folder))
    with pytest.raises(GitError, match=r"git cannot be run in .*: No such file"):
        repository.run("version")


def test_bytes_that_are_no_utf8_come_through(repo: Repo) -> None:
    repo.git("config", "guard.name", "gr\udcfcn")
    assert repo.repository.text("config", "guard.name") == "gr\udcfcn"


def test_several_at_once_may_say_more_than_a_pipe_holds(make_repo: MakeRepo) -> None:
    repositories = []
    for name in ("one", "other"):
        repo = make_repo(name)
        head = repo.commit("first")
        lines = "".join(f"create refs/tags/{name}{n} {head}\n" for n in range(3000))
        repo.git("update-ref", "--stdin", data=lines.encode())
        repositories.append(repo.repository)
    answers = run_all(repositories, "for-each-ref", "refs/tags/")
    assert [len(answer.splitlines()) for answer in answers] == [3000, 3000]


def test_one_that_fails_leaves_none_of_the_others(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Popen[bytes]] = []
    start = Repository.start

    def noted(repository: Repository, *arguments: str) -> Popen[bytes]:
        started.append(start(repository, *arguments))
        return started[-1]

    monkeypatch.setattr(Repository, "start", noted)
    repositories = [make_repo(name).repository for name in ("one", "other")]
    with pytest.raises(GitError, match="no-such-command"):
        run_all(repositories, "no-such-command")
    # The second one may be about to complain when its pipe is closed, and ends by that.
    assert len(started) == 2
    assert all(process.returncode in (1, -signal.SIGPIPE) for process in started)


def test_a_git_dir_elsewhere_is_named_to_a_git_that_acts_as_the_user(
    repo: Repo, tmp_path: Path
) -> None:
    # As people keep their dotfiles: the checkout holds no .git.
    elsewhere = tmp_path / "elsewhere.git"
    repo.commit("first", {"a": "A\n"})
    (repo.folder / ".git").rename(elsewhere)
    repository = Repository(str(elsewhere), str(elsewhere), str(repo.folder))
    (repo.folder / "a").write_text("changed\n")
    assert repository.text_as_user("status", "--porcelain") == " M a"


def test_what_fails_for_the_user_says_where_and_how_to_look(repo: Repo) -> None:
    with pytest.raises(GitError) as caught:
        repo.repository.text_as_user("checkout", "--quiet", "nowhere", "--")
    assert f"git checkout failed in {repo.folder}: " in caught.value.problem
    assert caught.value.remedy == f"git -C {repo.folder} status"


@pytest.mark.parametrize(
    ("errors", "complaint"),
    [
        ("fatal: no such remote\nfatal: more\n", "no such remote"),
        ("Warning: Permanently added 'h' to the list of known hosts.\n\nno key\n", "no key"),
        ("", "exit status 128"),
    ],
)
def test_the_first_complaint_is_told(errors: str, complaint: str) -> None:
    assert Ended(128, "", errors).complaint == complaint


def test_a_checkout_is_its_own_folder_and_no_other(repo: Repo) -> None:
    folder = repo.folder
    git = str(folder / ".git")
    assert open_checkout(str(folder)) == Repository(git, git, str(folder))
    (folder / "inside").mkdir()
    for other in (folder / "inside", folder.parent, folder / "gone", folder / ".git"):
        assert open_checkout(str(other)) is None


def test_a_bare_repository(make_repo: MakeRepo) -> None:
    folder = str(make_repo("bare.git", "--bare").folder)
    assert open_any(folder) == Repository(folder, folder, None)
    assert open_checkout(folder) is None


def test_a_linked_worktree_has_two_git_dirs(repo: Repo) -> None:
    repo.commit()
    linked = repo.folder.with_name("linked")
    repo.git("worktree", "add", "--quiet", "--detach", str(linked))
    git = repo.folder / ".git"
    assert open_checkout(str(linked)) == Repository(
        str(git / "worktrees/linked"), str(git), str(linked)
    )


def test_a_git_dir_elsewhere(make_repo: MakeRepo, repo: Repo) -> None:
    moved = repo.folder.with_name("moved")
    (repo.folder / ".git").rename(moved)
    for content in (f"gitdir: {moved}\n", "gitdir: ../moved", "gitdir: ../moved\r\n"):
        (repo.folder / ".git").write_text(content)
        assert open_checkout(str(repo.folder)) == Repository(
            str(moved), str(moved), str(repo.folder)
        )


def test_what_only_looks_like_one(repo: Repo) -> None:
    for content in ("", "gitdir: ../gone\n", "gitdir: .\n", "something else\n"):
        folder = repo.folder / "other"
        folder.mkdir(exist_ok=True)
        (folder / ".git").write_text(content)
        assert open_checkout(str(folder)) is None
    (repo.folder / ".git/HEAD").unlink()
    assert open_checkout(str(repo.folder)) is None
    assert open_git_dir(str(repo.folder / ".git")) is None


def test_siblings_lie_beside_the_checkout(make_repo: MakeRepo) -> None:
    docker, aula = make_repo("aula-docker"), make_repo("aula")
    found = list(sibling_repositories(docker.repository, "aula"))
    assert found == [aula.repository]
    assert list(sibling_repositories(docker.repository, "thentos")) == []
    # A superproject is not its own sibling.
    assert list(sibling_repositories(docker.repository, "aula-docker")) == []


def test_siblings_of_bare_repositories(make_repo: MakeRepo) -> None:
    docker, aula = make_repo("aula-docker.git", "--bare"), make_repo("aula")
    assert list(sibling_repositories(docker.repository, "aula")) == [aula.repository]


def test_submodules_of_several_names(make_repo: MakeRepo) -> None:
    top = make_repo("top")
    for name in ("first", "second"):
        made = make_repo(name)
        (top.folder / ".git/modules").mkdir(exist_ok=True)
        (made.folder / ".git").rename(top.folder / ".git/modules" / name)
    names = ("second", "gone", "first")
    found = list(submodule_repositories((top.repository,), "path", names))
    assert [item.git_dir.rpartition("/")[2] for item in found] == ["second", "first"]
    assert {item.work_tree for item in found} == {None}


def test_each_database_counts_once(repo: Repo) -> None:
    first = repo.repository
    again = first._replace(work_tree=None)
    other = Repository("/other", "/other")
    assert distinct([first, again, other, first]) == (first, other)


def test_an_interrupted_run_leaves_no_git_at_work(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Popen[bytes]] = []

    def interrupted(process: Popen[bytes], data: bytes | None = None) -> None:
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repo.repository.run("cat-file", "--batch", data=b"")
    assert [process.poll() for process in started] == [0]
