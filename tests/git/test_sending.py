"""Real pushes to real remotes: what arrives, what is refused, and by whom."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guard.git.sending import PushError, Refusal, send
from tests.workshop import Repo, Workshop

MASTER = "refs/heads/master"


@pytest.fixture
def aula(workshop: Workshop) -> Repo:
    """aula with one commit more than its remote has."""
    workshop.aula.commit("More")
    return workshop.aula


def sent(at: Repo, refspec: str = "", remote: str = "origin") -> tuple[PushError | None, str]:
    """Why it did not arrive, and what was said meanwhile."""
    said: list[str] = []
    try:
        send(at.repository, remote, refspec or f"{at.head}:{MASTER}", said.append)
    except PushError as error:
        return error, "".join(said)
    return None, "".join(said)


def is_refused(error: PushError | None, refusal: Refusal, reason: str = "") -> bool:
    """Whether a push was refused for this, in these words of git's."""
    words = f" ({reason})" if reason else ""
    assert error is not None
    return (error.refusal, error.problem) == (refusal, f"{refusal.value}{words}")


def hook(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def remote_hook(workshop: Workshop, name: str, body: str) -> None:
    hook(workshop.root / "remotes/aula.git/hooks", name, body)


def own_hook(at: Repo, body: str) -> None:
    hook(Path(at.repository.git_dir) / "hooks", "pre-push", body)


def somebody_else_pushes(workshop: Workshop) -> None:
    other = Repo(workshop.root / "other")
    other.commit("First")
    other.git("push", "--quiet", str(workshop.root / "remotes/aula.git"), f"HEAD:{MASTER}")


def test_a_push_arrives_and_git_knows_it(workshop: Workshop, aula: Repo) -> None:
    assert sent(aula)[0] is None
    assert workshop.remote_head("aula") == aula.head
    assert aula.git("rev-parse", "origin/master") == aula.head
    assert sent(aula)[0] is None  # there is nothing to do any more


def test_the_hooks_run_and_are_heard(workshop: Workshop, aula: Repo) -> None:
    own_hook(aula, "echo here >&2; cat >&2")
    remote_hook(workshop, "post-receive", "printf 'th\\303\\244re'")
    found, said = sent(aula)
    assert found is None
    assert said.startswith(f"here\n{aula.head} {aula.head} {MASTER} ")
    assert "remote: thäre" in said


def test_the_own_hook_refuses(workshop: Workshop, aula: Repo) -> None:
    before = workshop.remote_head("aula")
    own_hook(aula, "echo never >&2; exit 1")
    found, said = sent(aula)
    assert is_refused(found, Refusal.HOOK)
    assert said.startswith("never\n")
    assert workshop.remote_head("aula") == before


def test_somebody_else_pushed_first(workshop: Workshop, aula: Repo) -> None:
    somebody_else_pushes(workshop)
    assert is_refused(sent(aula)[0], Refusal.BEHIND, "[rejected] (fetch first)")
    aula.git("fetch", "--quiet")
    assert is_refused(sent(aula)[0], Refusal.BEHIND, "[rejected] (non-fast-forward)")


def test_somebody_else_pushes_at_the_same_moment(workshop: Workshop, aula: Repo) -> None:
    other = workshop.aula.git("commit-tree", "-m", "x", "-p", "HEAD~", "HEAD^{tree}")
    aula.git("push", "--quiet", "origin", f"{other}:refs/heads/other")
    remote_hook(
        workshop, "pre-receive", f"unset GIT_QUARANTINE_PATH\ngit update-ref {MASTER} {other}"
    )
    found, _ = sent(aula)
    assert found and found.refusal is Refusal.BEHIND, found
    assert workshop.remote_head("aula") == other


def test_a_tag_that_is_there_is_never_moved(workshop: Workshop, aula: Repo) -> None:
    aula.git("tag", "v1")
    assert sent(aula, "refs/tags/v1:refs/tags/v1")[0] is None
    aula.git("tag", "--force", "v1", "HEAD~")
    error, _ = sent(aula, "refs/tags/v1:refs/tags/v1")
    assert is_refused(error, Refusal.EXISTS, "[rejected] (already exists)")


def test_the_remote_refuses(workshop: Workshop, aula: Repo) -> None:
    remote_hook(workshop, "pre-receive", "echo not on a Friday; exit 1")
    found, said = sent(aula)
    assert is_refused(found, Refusal.REMOTE, "[remote rejected] (pre-receive hook declined)")
    assert "remote: not on a Friday" in said


def test_a_remote_that_does_not_answer(aula: Repo) -> None:
    for url in ("http://127.0.0.1:1/aula.git", "/nowhere/aula.git"):
        found, _ = sent(aula, remote=url)
        assert found and found.refusal is Refusal.SILENT, found
        assert " (" in found.problem


def test_credentials_that_the_remote_does_not_take(
    aula: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    hook(tmp_path, "ssh", "echo 'dev@example.org: Permission denied (publickey).' >&2; exit 255")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    found, said = sent(aula, remote="ssh://dev@example.org/aula.git")
    assert found and found.refusal is Refusal.CREDENTIALS
    assert "Permission denied (publickey)" in said


def test_nothing_else_goes_along(workshop: Workshop, aula: Repo) -> None:
    aula.git("tag", "-m", "annotated", "v9")
    aula.git("branch", "wip")
    for key in ("push.followTags", "push.default", "push.recurseSubmodules"):
        value = {"push.default": "matching", "push.recurseSubmodules": "only"}.get(key, "true")
        aula.git("config", key, value)
    aula.git("config", "remote.origin.push", "+refs/heads/*:refs/heads/*")
    assert sent(aula)[0] is None
    listed = Repo(workshop.root / "remotes/aula.git").git("for-each-ref", "--format=%(refname)")
    assert listed.splitlines() == [MASTER]


def test_the_variables_that_git_exports_to_hooks_lead_nowhere_else(
    workshop: Workshop, aula: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(workshop.docker.folder / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
    head = subprocess.run(
        ["git", "-C", str(aula.folder), "--git-dir", aula.repository.git_dir, "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    ).stdout.strip()
    said: list[str] = []
    send(aula.repository, "origin", f"{head}:{MASTER}", said.append)
    monkeypatch.undo()
    assert workshop.remote_head("aula") == head


def test_what_git_c_says_counts(
    workshop: Workshop, aula: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `git -c push.gpgSign=true` exports it to an alias: that remote takes no signed pushes.
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'push.gpgsign=true'")
    said: list[str] = []
    with pytest.raises(PushError, match="the receiving end does not support --signed push"):
        send(aula.repository, "origin", f"refs/heads/master:{MASTER}", said.append)


def test_a_repository_whose_checkout_is_gone(workshop: Workshop, aula: Repo) -> None:
    repository, head = aula.repository._replace(work_tree=None), aula.head
    said: list[str] = []
    send(repository, "origin", f"{head}:{MASTER}", said.append)
    assert workshop.remote_head("aula") == head


def test_git_says_it_in_the_words_that_are_read(
    workshop: Workshop, aula: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    somebody_else_pushes(workshop)
    assert is_refused(sent(aula)[0], Refusal.BEHIND, "[rejected] (fetch first)")
