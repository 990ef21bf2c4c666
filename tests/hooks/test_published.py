"""The rule `published` by real pushes: what others can fetch, whatever clocks and URLs say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.hooks.test_release_order import TOPIC, asked, mend, paste, unpublished
from tests.workshop import GUARD_TOML, Repo, Workshop


@pytest.fixture
def ready(tmp_path: Path) -> Workshop:
    workshop = Workshop(tmp_path)
    workshop.install()
    workshop.verdict()
    # The first branch of an empty remote would be its default one.
    assert workshop.push(workshop.docker).status == 0
    # And what brings nothing new is not judged.
    workshop.docker.git("commit", "--quiet", "--allow-empty", "-m", "Go on")
    return workshop


def behind_clocks(repo: Repo) -> str:
    """A commit of a clock that is years ahead, with many of a clock years behind on top."""
    dates = {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    repo.git("commit", "--quiet", "--allow-empty", "-m", "Of tomorrow", env=dates)
    commit, branch = repo.head, "refs/heads/long-ago"
    lines = f"reset {branch}\nfrom {commit}\n\n"
    for when in range(1_262_304_000, 1_262_303_900, -1):  # in 2010
        lines += f"commit {branch}\ncommitter A <a@example.com> {when} +0000\ndata 0\n\n"
    repo.git("fast-import", "--quiet", data=lines.encode())
    repo.git("update-ref", "HEAD", branch)
    repo.git("update-ref", "-d", branch)
    return commit


class TestClocks:
    """Which commit leads to which, its parents say, and no date."""

    @pytest.mark.parametrize("branch", ["master", "feature"])
    def test_a_branch_of_the_remote_leads_to_it(self, ready: Workshop, branch: str) -> None:
        commit = behind_clocks(ready.aula)
        ready.aula.git("push", "--quiet", "--no-verify", "origin", f"HEAD:refs/heads/{branch}")
        ready.pin(aula=commit)
        ready.verdict()
        ran, count = asked(ready, ready.docker, *TOPIC)
        assert (ran.status, count) == (0, 0), ran.text

    def test_a_branch_leads_to_it_that_only_the_remote_names(self, ready: Workshop) -> None:
        commit = behind_clocks(ready.aula)
        url = str(ready.root / "remotes/aula.git")
        ready.aula.git("push", "--quiet", "--no-verify", url, "HEAD:refs/heads/feature")
        ready.pin(aula=commit)
        ready.verdict()
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_several_at_once(self, ready: Workshop) -> None:
        commit = behind_clocks(ready.aula)
        ready.publish("aula")
        for aula in (commit, f"{ready.aula.head}~3"):
            ready.pin(aula=ready.aula.git("rev-parse", aula))
            ready.verdict()
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/a", "HEAD~:refs/heads/b")
        assert ran.status == 0, ran.text

    def test_what_is_not_published_is_not(self, ready: Workshop) -> None:
        ready.publish("aula")
        commit = behind_clocks(ready.aula)
        ready.pin(aula=commit)
        ready.verdict()
        assert mend(ready.push(ready.docker, *TOPIC)).startswith("git -C aula push origin ")

    def test_the_default_branch_of_aula_leads_to_it(self, ready: Workshop) -> None:
        """`merged` asks that on the default branch."""
        commit = behind_clocks(ready.aula)
        ready.publish("aula")
        ready.pin(aula=commit)
        ready.verdict()
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text

    def test_the_superproject_has_what_its_remote_has(self, ready: Workshop) -> None:
        """Else `merged` would ask for a pull before aula is pushed."""
        dates = {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
        ready.docker.git("commit", "--quiet", "--allow-empty", "-m", "Of tomorrow", env=dates)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        behind_clocks(ready.docker)
        ready.verdict()
        ran = ready.push(ready.aula, *TOPIC)
        assert ran.status == 0, ran.text

    def test_the_last_release_before_a_pin_is_the_nearest(self, ready: Workshop) -> None:
        ready.require("")
        ready.thentos.git("checkout", "--quiet", "-B", "master", "v0.3.0")
        commit = behind_clocks(ready.thentos)
        ready.thentos.git("tag", "--annotate", "-m", "x", "v0.3.1", commit)
        ready.thentos.write({"new": "x"})
        ready.thentos.git("add", "new")
        dates = {"GIT_COMMITTER_DATE": "2009-01-01T00:00:00Z"}
        ready.thentos.git("commit", "--quiet", "-m", "Go on", env=dates)
        ready.docker.git("add", "aula", "thentos")
        assert "the last release before the present pin" in ready.guard("align").text
        assert ready.thentos.head == commit

    def test_a_checkout_that_is_behind_is_brought_forward(self, ready: Workshop) -> None:
        commit = behind_clocks(ready.aula)
        ready.publish("aula")
        ready.pin()
        ready.aula.git("checkout", "--quiet", "-B", "master", commit)
        ran = ready.guard("status", "--short")
        assert f"git -C aula merge --ff-only {ready.docker.git('rev-parse', ':aula')[:12]}" in (
            ran.text
        )


def nested(workshop: Workshop, around: Repo, path: str = "parts/servant") -> Repo:
    """Give a submodule one of its own, by a relative URL, and commit that; nothing is pushed."""
    bare = workshop.root / f"remotes/{Path(path).name}.git"
    shutil.copytree(workshop.root / "remotes/aula.git", bare)
    around.git("submodule", "--quiet", "add", f"../{bare.name}", path)
    around.commit("Take it as a submodule")
    return Repo(around.folder / path)


def taken(workshop: Workshop) -> None:
    """Publish what aula and thentos are at, and let aula-docker pass with it."""
    if not workshop.thentos.git("tag", "--points-at", "HEAD"):
        workshop.thentos.git("tag", "v0.3.1")
    workshop.publish()
    workshop.pin()
    workshop.verdict()


def without_registry(workshop: Workshop) -> None:
    """Have nothing to do with images in a release."""
    text = GUARD_TOML.replace("[image]\n", "[image]\npublish = false\n")
    workshop.docker.commit("Publish no image", {".guard.toml": text})


def cloned(workshop: Workshop, branch: str = "topic", remotes: str = "remotes") -> int:
    """What a clone by others comes to, with all that is nested."""
    url, to = str(workshop.root / remotes / "aula-docker.git"), str(workshop.root / "by others")
    words = ["clone", "--quiet", "--recurse-submodules", "--branch", branch, url, to]
    ran = workshop.run(["git", *words], Repo(workshop.root))
    shutil.rmtree(to, ignore_errors=True)
    return ran.status


class TestNested:
    """A clone with all submodules brings everything that aula and thentos have submodules of."""

    def test_what_is_published_costs_no_git_the_second_time(self, ready: Workshop) -> None:
        trace = ready.root / "trace"
        started = []
        for is_nested in (False, True):
            if is_nested:
                outer = nested(ready, ready.aula, "parts/outer")
                nested(ready, outer)
                outer.git("push", "--quiet", "origin", "HEAD:master")
                ready.aula.commit("Take what it has")
                taken(ready)
            assert (
                ready.push(ready.docker, "origin", f"HEAD:refs/heads/first-{is_nested}").status == 0
            )
            ran, count = asked(ready, ready.docker, "origin", f"HEAD:refs/heads/then-{is_nested}")
            assert (ran.status, count) == (0, 0), ran.text
            started.append(sum("built-in: git " in line for line in trace.read_text().splitlines()))
        assert started[0] == started[1]
        assert cloned(ready, "then-True") == 0

    @pytest.mark.parametrize("user", ["ada@", "ada:secret@"])
    def test_nor_for_who_has_a_name_in_a_url(self, ready: Workshop, user: str) -> None:
        inner, url = nested(ready, ready.aula), f"https://{user}example.org/"
        ready.docker.git("config", "--global", f"url.{ready.root}/remotes/.insteadOf", url)
        taken(ready)
        for at in (ready.docker, ready.aula, ready.thentos, inner):
            name = at.git("remote", "get-url", "origin").rpartition("/")[2]
            at.git("remote", "set-url", "origin", url + name)
        assert ready.push(ready.docker, "origin", "HEAD:refs/heads/first").status == 0
        ran, count = asked(ready, ready.docker, "origin", "HEAD:refs/heads/then")
        assert (ran.status, count) == (0, 0), ran.text
        memo = (ready.docker.folder / ".git/guard/memo").iterdir()
        kept = "".join(each.read_text() for each in memo)
        assert '"whole"' in kept
        assert user not in kept

    @pytest.mark.parametrize("where", ["aula", "thentos", "aula/parts/outer"])
    def test_what_nobody_has_pushed_goes_first(self, ready: Workshop, where: str) -> None:
        if where == "aula/parts/outer":
            nested(ready, ready.aula, "parts/outer")
        around = Repo(ready.docker.folder / where)
        inner = nested(ready, around)
        commit = inner.commit("Change it", {"inner.hs": "x"})
        around.commit("Take the change")
        if where == "aula/parts/outer":
            around.git("push", "--quiet", "origin", "HEAD:master")
            ready.aula.commit("Take that")
        taken(ready)
        ran = ready.push(ready.docker, *TOPIC)
        assert f"error published: servant {commit[:12]} is not published" in ran.text
        command = mend(ran)
        assert command == (
            f"git -C {where}/parts/servant push origin {commit[:12]}:refs/heads/topic"
        )
        assert f"next: {command}" in ran.text
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text
        assert cloned(ready) == 0

    def test_a_release_does_not_end_before(self, ready: Workshop) -> None:
        inner = nested(ready, ready.aula)
        commit = inner.commit("Change it", {"inner.hs": "x"})
        ready.aula.commit("Take the change")
        without_registry(ready)
        taken(ready)
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        assert cloned(ready, "master") != 0
        command = "git -C aula/parts/servant push origin master"
        ready.docker.git("fetch", "--quiet")
        ran = ready.guard("release", "--yes")
        assert ran.status != 0, ran.text
        assert f"servant {commit[:12]} is not published" in ran.text
        assert command in ran.text
        assert paste(ready, command).status == 0
        assert cloned(ready, "master") == 0
        assert ready.guard("release", "--yes").status == 0

    @pytest.mark.parametrize("where", ["aula", "thentos", ""])
    def test_status_names_no_step_that_the_push_refuses(self, ready: Workshop, where: str) -> None:
        around, path = Repo(ready.docker.folder / where), f"{where}/parts/servant".lstrip("/")
        inner = nested(ready, around)
        commit = inner.commit("Change it", {"inner.hs": "x"})
        around.commit("Take the change")
        without_registry(ready)
        taken(ready)
        # The release of thentos is known to be there.
        assert f"git -C {path} push origin" in mend(ready.guard("check", "--ask"))
        short = ready.guard("status", "--short").out
        text = f"servant {commit[:12]} is in nothing that origin is known to have"
        assert f"next: you: {text}" in short, short
        assert short.endswith(": guard check --ask\n")
        full = ready.guard("status").out
        command = full.rpartition("\nnext: ")[2].strip()
        assert command.startswith(f"git -C {path} push origin"), full
        assert paste(ready, command).status == 0
        assert "next: git push" in ready.guard("status", "--short").out.replace(
            "git -C aula", "git"
        )

    @pytest.mark.parametrize("is_there", [False, True])
    def test_nor_one_of_a_branch_that_is_not_staged(self, ready: Workshop, is_there: bool) -> None:
        without_registry(ready)
        inner = nested(ready, ready.aula)
        ready.aula.git("remote", "set-head", "origin", "master")
        ready.aula.git("checkout", "--quiet", "-b", "topic")
        inner.commit("Change it", {"inner.hs": "x"})
        ready.aula.commit("Take the change")
        ready.pin()
        ready.verdict()
        ready.docker.git("reset", "--quiet", "--hard", "HEAD~")
        ready.docker.git("push", "--quiet", "--no-verify", "origin", "HEAD:master")
        ready.docker.git("remote", "set-head", "origin", "master")
        assert ready.guard("status", "--short").out.endswith(": guard check --ask\n")
        if is_there:
            url = str(ready.root / "remotes/servant.git")
            inner.git("push", "--quiet", url, "HEAD:refs/heads/topic")
            ready.guard("check", "--ask")
        else:
            command = ready.guard("status").out.rpartition("\nnext: ")[2].strip()
            assert command == "git -C aula/parts/servant push origin master"
            assert paste(ready, command).status == 0
        assert ready.guard("status", "--short").out.endswith(
            "; next: git -C aula push origin topic\n"
        )
        command = ready.guard("status").out.rpartition("\nnext: ")[2].strip()
        assert command == "git -C aula push origin topic"
        assert paste(ready, command).status == 0

    def test_what_is_staged_is_asked_about_too(self, ready: Workshop) -> None:
        inner = nested(ready, ready.aula)
        inner.commit("Change it", {"inner.hs": "x"})
        url = str(ready.root / "remotes/servant.git")
        inner.git("push", "--quiet", url, "HEAD:refs/heads/topic")
        ready.aula.commit("Take the change")
        ready.publish("aula")
        ready.docker.git("add", "aula")
        assert ready.guard("status", "--short").out.endswith(": guard check --ask\n")
        ready.guard("check", "--ask")
        assert ready.guard("status", "--short").out.endswith("; next: guard test\n")

    def test_a_push_of_aula_waits_as_well(self, ready: Workshop) -> None:
        inner = nested(ready, ready.aula)
        inner.commit("Change it", {"inner.hs": "x"})
        ready.aula.commit("Take the change")
        ready.pin()
        ready.verdict()
        command = mend(ready.push(ready.aula, *TOPIC))
        assert command == "git -C parts/servant push origin master"
        assert paste(ready, command, ready.aula).status == 0
        ran = ready.push(ready.aula, *TOPIC)
        assert ran.status == 0, ran.text

    def test_who_has_pinned_what_is_nowhere_is_asked(self, ready: Workshop) -> None:
        nested(ready, ready.aula)
        lost = "5f578e3731ebc5824cb02ac5783411a2bb9054e7"
        ready.aula.git("update-index", "--cacheinfo", f"160000,{lost},parts/servant")
        author = {"GIT_AUTHOR_NAME": "Ada"}
        ready.aula.git("commit", "--quiet", "-m", "Pin what is not pushed", env=author)
        ready.publish()
        ready.pin()
        ran = ready.push(ready.docker, *TOPIC)
        person, _, look = mend(ran).rpartition(": ")
        assert person == (
            f"you: ask Ada to push {lost[:12]} of aula/parts/servant, or pin another one"
        )
        assert f"next: {person}: " in ran.text
        for words in ("status", "release"):
            assert person in ready.guard(words).text
        assert "Pin what is not pushed" in paste(ready, look).out

    def test_what_is_not_checked_out_is_brought_here(self, ready: Workshop) -> None:
        nested(ready, ready.aula)
        taken(ready)
        ready.aula.git("submodule", "--quiet", "deinit", "--force", "parts/servant")
        shutil.rmtree(ready.docker.folder / ".git/modules/aula/modules/parts")
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == "git -C aula submodule update --init parts/servant"
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    @pytest.mark.parametrize("folder", ["embedded", "below/embedded"])
    def test_a_repository_that_was_added_by_mistake(self, ready: Workshop, folder: str) -> None:
        """Git adds a gitlink then, and warns; no clone gets beyond it."""
        inner = Repo(ready.aula.folder / folder)
        ready.aula.git("init", "--quiet", str(inner.folder))
        inner.commit("Start", {"x": "y"})
        ready.aula.commit("Add what is in the folder")
        taken(ready)
        ran = ready.push(ready.docker, *TOPIC)
        assert "error published: .gitmodules names no URL from which others could" in ran.text
        assert mend(ran) == (
            f"you: write into .gitmodules of aula from which URL others fetch {folder}"
        )
        inner.git("remote", "add", "origin", str(ready.root / "remotes/embedded.git"))
        ready.docker.git("init", "--quiet", "--bare", str(ready.root / "remotes/embedded.git"))
        command = mend(ready.push(ready.docker, *TOPIC))
        assert paste(ready, command).status == 0
        inner.git("push", "--quiet", "origin", "HEAD:master")
        ready.aula.commit("Name it")
        taken(ready)
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text
        assert cloned(ready) == 0

    @pytest.mark.parametrize("folder", ["embedded", "below/embedded"])
    def test_one_that_was_added_to_the_superproject(self, ready: Workshop, folder: str) -> None:
        inner = Repo(ready.docker.folder / folder)
        ready.docker.git("init", "--quiet", str(inner.folder))
        commit = inner.commit("Start", {"x": "y"})
        ready.docker.commit("Add what is in the folder")
        ready.verdict()
        ran = ready.push(ready.docker, *TOPIC)
        assert f"from which others could fetch embedded {commit[:12]}" in ran.text
        assert mend(ran) == f"you: write into .gitmodules from which URL others fetch {folder}"

    def test_a_tree_that_is_not_here_hides_nothing(self, ready: Workshop) -> None:
        """As in a clone without trees: what is in aula cannot be seen."""
        tree = ready.aula.git("rev-parse", "HEAD^{tree}")
        (ready.docker.folder / f".git/modules/aula/objects/{tree[:2]}/{tree[2:]}").unlink()
        shutil.rmtree(ready.docker.folder / ".git/guard/memo", ignore_errors=True)
        ran = ready.push(ready.docker, *TOPIC)
        assert f"undecided published: the tree of commit {ready.aula.head} of aula is missing" in (
            ran.text
        )


class TestKept:
    """What a remote has shown counts until somebody has it asked anew."""

    @pytest.mark.parametrize("where", ["aula", "aula/parts/servant"])
    def test_a_branch_that_is_gone_again(self, ready: Workshop, where: str) -> None:
        nested(ready, ready.aula)
        at = Repo(ready.docker.folder / where)
        url = at.git("remote", "get-url", "origin")
        if where != "aula":
            at.commit("Change it", {"inner.hs": "x"})
            ready.aula.commit("Take the change")
            ready.publish("aula")
        at.git("push", "--quiet", "--no-verify", url, "HEAD:refs/heads/topic")
        ready.pin()
        ready.verdict()
        assert ready.push(ready.docker, *TOPIC).status == 0
        at.git("push", "--quiet", "--no-verify", url, ":refs/heads/topic")
        assert ready.push(ready.docker, "origin", "HEAD:refs/heads/other").status == 0
        assert "is not published" not in ready.guard("check").text
        ready.docker.git("push", "--quiet", "origin", ":topic", ":other")
        ready.docker.git("fetch", "--quiet", "--prune")
        ran = ready.guard("check", "--ask")
        assert f"{at.head[:12]} is not published" in ran.text


class TestNestedAndGone:
    """A server that is gone stops nobody who changes nothing of that."""

    @pytest.fixture
    def gone(self, ready: Workshop) -> Workshop:
        nested(ready, ready.aula)
        taken(ready)
        assert ready.push(ready.docker).status == 0
        shutil.rmtree(ready.root / "remotes/servant.git")
        # As in a clone that was made when it was gone already.
        inner = Repo(ready.aula.folder / "parts/servant")
        for ref in inner.git("for-each-ref", "--format=%(refname)", "refs/remotes").split():
            inner.git("update-ref", "--no-deref", "-d", ref)
        shutil.rmtree(ready.docker.folder / ".git/guard/memo")
        return ready

    @pytest.mark.parametrize("by_url", [False, True])
    def test_the_same_gitlink_is_a_warning(self, gone: Workshop, by_url: bool) -> None:
        gone.docker.commit("Change something else", {"README": "x"})
        gone.verdict()
        to = "origin"
        if by_url:
            to = str(gone.root / "remotes/aula-docker.git")
            gone.docker.git("remote", "remove", "origin")
        for branch in ("master", "topic") if not by_url else ("master",):
            ran, count = asked(gone, gone.docker, to, f"HEAD:refs/heads/{branch}")
            assert (ran.status, count) == (0, 0), ran.text
            assert "warning: nothing tells that others can fetch servant" in ran.text

    def test_a_release_goes_on(self, gone: Workshop) -> None:
        without_registry(gone)
        gone.verdict()
        ran = gone.guard("release", "--yes")
        assert (ran.status, gone.remote_head("aula-docker")) == (0, gone.docker.head), ran.text

    def test_another_gitlink_is_not(self, gone: Workshop) -> None:
        Repo(gone.aula.folder / "parts/servant").commit("Change it", {"inner.hs": "x"})
        gone.aula.commit("Take the change")
        taken(gone)
        assert "undecided published: whether origin has servant" in gone.push(gone.docker).text

    def test_nor_is_the_same_by_another_url(self, gone: Workshop) -> None:
        key = "submodule.parts/servant.url"
        gone.aula.git("config", "--file=.gitmodules", key, "../moved.git")
        gone.aula.commit("Name a place that nobody knows")
        taken(gone)
        assert mend(gone.push(gone.docker))

    def test_a_push_of_aula_asks_nobody(self, gone: Workshop) -> None:
        gone.aula.commit("Change something else", {"more.hs": "x"})
        gone.pin()
        gone.verdict()
        ran, count = asked(gone, gone.aula, *TOPIC)
        assert (ran.status, count) == (0, 0), ran.text


@pytest.fixture
def host(ready: Workshop, monkeypatch: pytest.MonkeyPatch) -> str:
    """The beginning of URLs of another machine, on which the remotes are."""
    script = ready.root / "ssh"
    script.write_text('#!/bin/sh\n[ "$1" = git.example ] || exit 255\nexec sh -c "$2"\n')
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    return f"ssh://git.example{ready.root}/remotes"


def moved(workshop: Workshop, to: str) -> None:
    """Let all remotes be at another place, of the same repositories."""
    for name in ("aula", "thentos", "aula-docker"):
        repo = workshop.docker if name == "aula-docker" else Repo(workshop.docker.folder / name)
        repo.git("remote", "set-url", "origin", f"{to}/{name}.git")


def name_url(workshop: Workshop, url: str, name: str = "aula") -> None:
    """Have `.gitmodules` name a URL."""
    workshop.docker.git("config", "--file=.gitmodules", f"submodule.{name}.url", url)
    workshop.docker.commit("Name another URL")
    workshop.verdict()


class TestPathsOfThisMachine:
    """Others reach them only where they push and fetch on this machine."""

    def test_what_goes_to_another_machine_and_comes_from_there(
        self, ready: Workshop, host: str
    ) -> None:
        moved(ready, host)
        for _ in ("first", "remembered"):
            ran = ready.push(ready.docker)
            assert ran.status == 0, ran.text

    @pytest.mark.parametrize("form", ["{root}/remotes/aula.git", "file://{root}/remotes/aula.git"])
    def test_a_path_blocks_what_goes_to_another_machine(
        self, ready: Workshop, host: str, form: str
    ) -> None:
        path = form.format(root=ready.root)
        name_url(ready, path)
        assert ready.push(ready.docker, *TOPIC).status == 0
        ready.aula.git("remote", "set-url", "origin", path)
        ready.docker.git("remote", "set-url", "origin", f"{host}/aula-docker.git")
        ready.thentos.git("remote", "set-url", "origin", f"{host}/thentos.git")
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/elsewhere")
        assert "error published: .gitmodules names a path of this machine" in ran.text
        assert mend(ran) == "you: write into .gitmodules from which URL others fetch aula"
        ready.aula.git("remote", "add", "hub", f"{host}/aula.git")
        ready.aula.git("fetch", "--quiet", "hub")
        command = mend(ready.push(ready.docker, "origin", "HEAD:refs/heads/elsewhere"))
        assert paste(ready, command).status == 0
        ready.docker.commit("Name it")
        ready.verdict()
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/elsewhere")
        assert ran.status == 0, ran.text

    def test_a_path_below_home(self, ready: Workshop, host: str) -> None:
        name_url(ready, "~/aula.git")
        moved(ready, host)
        assert "names a path of this machine" in ready.push(ready.docker, *TOPIC).text

    def test_a_check_goes_by_where_a_push_would_go(self, ready: Workshop, host: str) -> None:
        name_url(ready, str(ready.root / "remotes/aula.git"))
        assert ready.guard("check").status == 0
        ready.thentos.git("remote", "set-url", "origin", f"{host}/thentos.git")
        ready.docker.git("remote", "set-url", "origin", f"{host}/aula-docker.git")
        ran = ready.guard("check")
        assert (ran.status, "names a path of this machine" in ran.text) == (1, True), ran.text

    def test_a_relative_url_that_comes_to_a_path(self, ready: Workshop, host: str) -> None:
        """It counts from the push as well, and there it is no path."""
        url = f"{host}/aula-docker.git"
        command = mend(ready.push(ready.docker, url, "HEAD:refs/heads/topic"))
        assert command == (
            f"git -C thentos remote add upstream {host}/thentos.git && "
            "git -C thentos fetch upstream"
        )
        for name in ("thentos", "aula"):
            command = mend(ready.push(ready.docker, url, "HEAD:refs/heads/topic"))
            assert f"git -C {name} " in command
            assert paste(ready, command).status == 0
        ran = ready.push(ready.docker, url, "HEAD:refs/heads/topic")
        assert ran.status == 0, ran.text

    def test_a_url_that_git_turns_into_a_path(self, ready: Workshop, host: str) -> None:
        moved(ready, host)
        mirror = ready.root / "mirror"
        shutil.copytree(ready.root / "remotes", mirror)
        commit = unpublished(ready)
        ready.aula.git("push", "--quiet", "--no-verify", str(mirror / "aula.git"), "HEAD:master")
        key = f"url.{mirror}/.insteadOf"
        ready.aula.git("config", key, f"{host}/")
        ready.aula.git("fetch", "--quiet")
        ran = ready.push(ready.docker, *TOPIC)
        assert f"undecided published: insteadOf turns {host}/aula.git into a path" in ran.text
        person, _, look = mend(ran).rpartition(": ")
        assert person == "you: take it out of git's configuration"
        assert str(mirror) in paste(ready, look).out
        ready.aula.git("config", "--unset", key)
        ready.aula.git("fetch", "--quiet")
        assert f"aula {commit[:12]} is not published" in ready.push(ready.docker, *TOPIC).text
        # What is pushed the same way stays on this machine, and so does what it names.
        ready.docker.git("config", key, f"{host}/")
        ready.aula.git("config", key, f"{host}/")
        ready.aula.git("fetch", "--quiet")
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_what_the_command_line_turns_into_a_path(self, ready: Workshop, host: str) -> None:
        moved(ready, host)
        mirror = ready.root / "mirror"
        shutil.copytree(ready.root / "remotes", mirror)
        unpublished(ready)
        ready.aula.git("push", "--quiet", "--no-verify", str(mirror / "aula.git"), "HEAD:master")
        setting = f"url.{mirror}/aula..insteadOf={host}/aula."
        place = host.rpartition("://")[2]
        ran = ready.run(["git", "-c", setting, "push", *TOPIC], ready.docker)
        assert f"lets {mirror}/aula answer for origin, which is {place}/aula" in ran.text
        assert ran.status != 0

    def test_what_is_nested_as_well(self, ready: Workshop, host: str) -> None:
        inner = nested(ready, ready.aula)
        url = ready.root / "remotes/servant.git"
        ready.aula.git("config", "--file=.gitmodules", "submodule.parts/servant.url", str(url))
        ready.aula.commit("By its path")
        taken(ready)
        assert ready.push(ready.docker, *TOPIC).status == 0
        moved(ready, host)
        ran = ready.push(ready.docker, "origin", "HEAD:refs/heads/elsewhere")
        assert f"others cannot fetch servant {inner.head[:12]}" in ran.text


class TestForks:
    """A relative URL counts from where the default branch comes from, and from the push."""

    def fork(self, workshop: Workshop, *names: str) -> str:
        """A fork of aula-docker, with copies of the submodules beside it or without."""
        for name in ("aula-docker", *names):
            bare = workshop.root / f"forks/{name}.git"
            shutil.copytree(workshop.root / f"remotes/{name}.git", bare)
        return str(workshop.root / "forks/aula-docker.git")

    @pytest.mark.parametrize("tracks", [False, True])
    def test_a_fork_without_copies(self, ready: Workshop, tracks: bool) -> None:
        assert ready.push(ready.docker, "--set-upstream", "origin", "master").status == 0
        ready.docker.git("remote", "add", "mine", self.fork(ready))
        ready.docker.git("checkout", "--quiet", "-b", "topic")
        option = ["--set-upstream"] if tracks else []
        for turn in ("new", "there"):
            ready.docker.commit("Work", {"README": turn})
            ready.verdict()
            ran = ready.push(ready.docker, *option, "mine", "topic")
            assert ran.status == 0, ran.text

    def test_a_clone_of_a_fork(self, ready: Workshop) -> None:
        """Nothing says of what it is one, until that is a remote, too."""
        upstream = str(ready.root / "remotes/aula-docker.git")
        ready.docker.git("remote", "set-url", "origin", self.fork(ready))
        remedy = mend(ready.push(ready.docker, *TOPIC))
        assert remedy.startswith(f"you: make {ready.root}/forks/thentos.git where it is not there")
        ready.docker.git("remote", "add", "upstream", upstream)
        ready.docker.git("fetch", "--quiet", "upstream")
        command = mend(ready.push(ready.docker, *TOPIC))
        assert command == (
            "git config branch.master.remote upstream && "
            "git config branch.master.merge refs/heads/master"
        )
        assert paste(ready, command).status == 0
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    def test_copies_beside_the_fork_will_do(self, ready: Workshop) -> None:
        ready.docker.git("remote", "set-url", "origin", self.fork(ready, "aula", "thentos"))
        for name in ("thentos", "aula"):
            command = mend(ready.push(ready.docker, *TOPIC))
            assert command == (
                f"git -C {name} remote add upstream {ready.root}/forks/{name}.git && "
                f"git -C {name} fetch upstream"
            )
            assert paste(ready, command).status == 0
        ran = ready.push(ready.docker, *TOPIC)
        assert ran.status == 0, ran.text

    @pytest.mark.parametrize("is_there", [False, True])
    def test_a_move_to_a_new_host(self, ready: Workshop, is_there: bool) -> None:
        new = ready.root / "new host"
        for name in ("aula-docker", *(("aula", "thentos") if is_there else ())):
            ready.docker.git("init", "--quiet", "--bare", str(new / f"{name}.git"))
        ready.docker.git("remote", "set-url", "origin", str(new / "aula-docker.git"))
        for name in ("thentos", "aula"):
            remedy = mend(ready.push(ready.docker))
            url = f"'{new}/{name}.git'"
            tag = "v0.3.0" if name == "thentos" else f"{ready.aula.head[:12]}:refs/heads/master"
            command = (
                f"git -C {name} remote add upstream {url} && git -C {name} push upstream {tag}"
            )
            if not is_there:
                said = f"you: make {url.strip(chr(39))} where it is not there yet, and push to it: "
                assert remedy == said + command
                ready.docker.git("init", "--quiet", "--bare", str(new / f"{name}.git"))
                assert paste(ready, command).status == 0
            else:
                assert remedy == command
                assert paste(ready, command).status == 0
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text
        assert cloned(ready, "master", "new host") == 0

    def test_the_first_push_to_remotes_that_are_empty(self, ready: Workshop) -> None:
        for name in ("aula", "thentos"):
            bare = ready.root / f"remotes/{name}.git"
            shutil.rmtree(bare)
            ready.docker.git("init", "--quiet", "--bare", str(bare))
            repo = Repo(ready.docker.folder / name)
            known = ("for-each-ref", "--format=%(refname)", "refs/remotes", "refs/guard/seen")
            for ref in repo.git(*known).split():
                repo.git("update-ref", "--no-deref", "-d", ref)
        for _ in ("thentos", "aula"):
            command = mend(ready.push(ready.docker))
            assert paste(ready, command).status == 0
        ran = ready.push(ready.docker)
        assert ran.status == 0, ran.text
        assert cloned(ready, "master") == 0

    def test_status_adds_no_remote_that_may_not_work(self, ready: Workshop, host: str) -> None:
        assert ready.push(ready.docker).status == 0
        ready.docker.git("remote", "set-url", "origin", f"{host}/../forks/aula-docker.git")
        ran = ready.guard("status")
        assert "fetch upstream" not in ran.text
        assert "mend:     guard check" in ran.text
