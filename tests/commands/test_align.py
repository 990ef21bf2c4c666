"""`guard align`: which release, moved how, and nothing lost."""

from __future__ import annotations

import pytest

from tests.workshop import Repo, Workshop


def staged(workshop: Workshop) -> str:
    """The commit that the index holds for thentos."""
    return workshop.docker.git("ls-files", "--stage", "thentos").split()[1]


def tag(workshop: Workshop, name: str) -> str:
    return workshop.thentos.git("rev-parse", f"{name}^{{commit}}")


def test_a_pin_off_a_release_moves_to_the_release(workshop: Workshop) -> None:
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    ran = workshop.guard("align")
    assert ran.status == 0, ran.text
    assert "thentos: v0.3.0-1-g" in ran.out
    assert "-> v0.3.0, checked out and staged" in ran.out
    assert "why: the newest release within every requirement\n" in ran.out
    assert staged(workshop) == workshop.thentos.head == tag(workshop, "v0.3.0")


def test_an_open_end_is_read_as_compatible(workshop: Workshop) -> None:
    workshop.require(">=0.3.0")
    for version in ("0.3.1", "0.4.0"):
        workshop.release(version)
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    ran = workshop.guard("align")
    assert "-> v0.3.1" in ran.out
    assert "would do as well: v0.3.0, v0.4.0" in ran.out
    assert "-> v0.4.0" in workshop.guard("align", "--newest").out
    assert staged(workshop) == tag(workshop, "v0.4.0")


def test_a_release_that_fits_stays(workshop: Workshop) -> None:
    workshop.require(">=0.2")
    workshop.release("0.4.0")
    workshop.pin(thentos=tag(workshop, "v0.3.0"))
    workshop.thentos.git("checkout", "--quiet", "v0.3.0")
    ran = workshop.guard("align")
    assert ran.out.startswith("thentos stays at v0.3.0")
    assert staged(workshop) == tag(workshop, "v0.3.0")


def test_without_a_lower_bound_the_nearest_release(workshop: Workshop) -> None:
    workshop.require("")
    workshop.thentos.git("checkout", "--quiet", "v0.2.1")
    between = workshop.thentos.commit("Between releases", {"api": "new\n"})
    workshop.release("0.2.2")
    workshop.release("0.2.3")
    workshop.thentos.git("checkout", "--quiet", between)
    workshop.pin()
    ran = workshop.guard("align")
    assert "-> v0.2.2" in ran.out
    assert "why: the first release that contains the present pin" in ran.out


def test_a_release_of_the_same_content_is_nearest(workshop: Workshop) -> None:
    workshop.require("")
    workshop.thentos.git("commit", "--quiet", "--allow-empty", "-m", "Merge the release")
    workshop.pin()
    ran = workshop.guard("align")
    assert "-> v0.3.0" in ran.out
    assert "why: its content is identical to the present pin's" in ran.out


def test_the_release_that_was_asked_for(workshop: Workshop) -> None:
    ran = workshop.guard("align", "--to", "v0.2.1")
    assert ran.status == 0
    assert "v0.2.1 lacks thentos-core >=0.3 && <0.4 (it has 0.2.1)" in ran.err
    assert staged(workshop) == tag(workshop, "v0.2.1")
    assert workshop.guard("align", "--to", "v9").status == 2


def test_no_release_fits(workshop: Workshop) -> None:
    workshop.require(">=0.9")
    workshop.pin()
    before = staged(workshop)
    ran = workshop.guard("align")
    assert ran.status == 1
    assert "no release of thentos satisfies thentos-core >=0.9" in ran.err
    assert "releases on this machine: v0.2.1, v0.3.0" in ran.err
    assert staged(workshop) == before


def test_uncommitted_changes_stay_where_they_are(workshop: Workshop) -> None:
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    workshop.thentos.write({"README.md": "changed\n"})
    before = (staged(workshop), workshop.thentos.head)
    ran = workshop.guard("align")
    assert ran.status != 0
    assert "thentos has uncommitted changes: " in ran.err
    assert (staged(workshop), workshop.thentos.head) == before
    assert (workshop.thentos.folder / "README.md").read_text() == "changed\n"


def test_a_commit_that_nothing_else_names_is_not_left_behind(workshop: Workshop) -> None:
    workshop.thentos.git("checkout", "--quiet", "--detach")
    lost = workshop.thentos.commit("On no branch", {"api": "new\n"})
    workshop.pin()
    ran = workshop.guard("align")
    assert ran.status != 0
    assert "a commit that no branch and no tag has" in ran.err
    assert f"branch keep-{lost[:8]} {lost}" in ran.err
    assert workshop.thentos.head == lost


def test_commit_takes_the_gitlink_alone(workshop: Workshop) -> None:
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    workshop.docker.write({"Dockerfile": "FROM other\n"})
    workshop.docker.git("add", "Dockerfile")
    ran = workshop.guard("align", "--commit")
    assert ran.status == 0, ran.text
    assert workshop.docker.git("show", "--format=%s", "--name-only", "HEAD").splitlines() == [
        "Move thentos to v0.3.0",
        "",
        "thentos",
    ]
    assert workshop.docker.git("diff", "--cached", "--name-only") == "Dockerfile"


def test_a_submodule_that_is_not_checked_out_is_only_staged(workshop: Workshop) -> None:
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    workshop.docker.git("submodule", "--quiet", "deinit", "--force", "thentos")
    ran = workshop.guard("align", "--commit")
    assert ran.status == 0, ran.text
    assert "staged (the submodule is not checked out)" in ran.out
    released = workshop.docker.git("rev-parse", "HEAD:thentos")
    modules = Repo(workshop.docker.folder / ".git/modules/thentos")
    assert released == modules.git("rev-parse", "v0.3.0")


def test_a_release_that_only_the_sibling_clone_has_is_fetched(workshop: Workshop) -> None:
    sibling = Repo(workshop.root / "thentos")
    workshop.docker.git("clone", "--quiet", str(workshop.thentos.folder), str(sibling.folder))
    workshop.require(">=0.4")
    workshop.pin()
    released = sibling.commit("Release 0.4.0", workshop.thentos_files("0.4.0"))
    sibling.git("tag", "v0.4.0")
    ran = workshop.guard("align")
    assert ran.status == 0, ran.text
    assert workshop.thentos.head == released


def test_in_the_consumer_its_head_counts(workshop: Workshop) -> None:
    workshop.release("0.4.0")
    workshop.require(">=0.4")
    ran = workshop.guard("align", at=workshop.aula)
    assert "-> v0.4.0" in ran.out
    assert staged(workshop) == tag(workshop, "v0.4.0")


def test_in_a_clone_of_the_consumer_that_is_behind_the_index_counts(workshop: Workshop) -> None:
    clone = Repo(workshop.root / "aula")
    workshop.docker.git("clone", "--quiet", str(workshop.aula.folder), str(clone.folder))
    workshop.release("0.4.0")
    workshop.require(">=0.4")
    workshop.docker.git("add", "aula")
    ran = workshop.guard("align", at=clone)
    assert "-> v0.4.0" in ran.out, ran.text
    assert staged(workshop) == tag(workshop, "v0.4.0")


def test_an_index_that_is_locked_moves_nothing(workshop: Workshop) -> None:
    workshop.thentos.commit("After the release", {"api": "new\n"})
    workshop.pin()
    before = (staged(workshop), workshop.thentos.head)
    lock = workshop.docker.folder / ".git/index.lock"
    lock.touch()
    ran = workshop.guard("align")
    assert ran.status != 0
    assert "index.lock" in ran.err
    lock.unlink()
    assert (staged(workshop), workshop.thentos.head) == before


def test_without_any_release_they_are_to_be_fetched(workshop: Workshop) -> None:
    workshop.thentos.git("tag", "--delete", "v0.2.1", "v0.3.0")
    workshop.thentos.commit("No release")
    workshop.pin()
    ran = workshop.guard("check")
    assert "mend:     git -C thentos fetch --tags" in ran.out


def test_commit_says_when_the_release_was_chosen_for_a_staged_consumer(workshop: Workshop) -> None:
    workshop.release("0.4.0")
    asks = workshop.require(">=0.4 && <0.5")
    workshop.thentos.git("checkout", "--quiet", "--detach", "v0.3.0")
    workshop.docker.git("add", "aula")
    ran = workshop.guard("align", "--commit")
    assert ran.status == 0
    assert f"the release was chosen for aula {asks[:12]}, which HEAD does not pin" in ran.err
    assert workshop.docker.git("diff", "--cached", "--name-only", "--submodule=short") == "aula"


class TestPreReleases:
    def candidate(self, workshop: Workshop, version: str, tag: str) -> str:
        """A commit of thentos whose packages have a version, under the tag of a pre-release."""
        commit = workshop.thentos.commit(f"Prepare {tag}", workshop.thentos_files(version))
        workshop.thentos.git("tag", tag)
        return commit

    def test_it_moves_to_none_that_nobody_asked_for(self, workshop: Workshop) -> None:
        workshop.require(">=0.3")
        self.candidate(workshop, "0.3.1", "v0.3.1-rc1")
        workshop.thentos.commit("After it", {"api": "new\n"})
        workshop.pin()
        for newest in ((), ("--newest",)):
            ran = workshop.guard("align", *newest)
            assert ran.status == 0, ran.text
            assert "rc1" not in ran.out.replace("v0.3.1-rc1-1-g", "")
            assert staged(workshop) == tag(workshop, "v0.3.0")

    @pytest.mark.parametrize("name", ["v0.4.0-rc1", "v0.4.0rc2", "v0.4.0.dev2"])
    def test_the_only_one_that_fits_is_named_and_goes_through(
        self, workshop: Workshop, name: str
    ) -> None:
        workshop.require(">=0.4")
        workshop.pin()
        self.candidate(workshop, "0.4.0", name)
        workshop.thentos.git("checkout", "--quiet", "v0.3.0")
        checked = workshop.guard("check")
        assert f"satisfied by thentos pre-releases alone, {name}\n" in checked.text
        ran = workshop.guard("align")
        assert ran.status == 1
        assert (
            "no release of thentos satisfies thentos-core >=0.4, but pre-releases do, which are "
            f"not chosen unasked: {name}\n" in ran.err
        )
        command = ran.err.rpartition("to take one: guard ")[2].split()
        assert f"guard {' '.join(command)}" in checked.text
        ran = workshop.guard(*command)
        assert ran.status == 0, ran.text
        assert staged(workshop) == tag(workshop, name)
        workshop.pin()
        workshop.verdict()
        workshop.publish("aula")
        step = workshop.guard("check").out.rpartition("next: ")[2].splitlines()[0].split()
        assert step == ["git", "-C", "thentos", "push", "origin", name]
        workshop.docker.git(*step[1:])
        assert workshop.guard("check").status == 0
        assert f"  pre-release {name}\n" in workshop.guard("status").out
        assert workshop.guard("align").out.startswith(f"thentos stays at {name}")

    def test_a_release_takes_its_place_when_asked(self, workshop: Workshop) -> None:
        workshop.require(">=0.4")
        self.candidate(workshop, "0.4.0", "v0.4.0-rc1")
        workshop.pin()
        ran = workshop.guard("align")
        assert ran.out.startswith("thentos stays at v0.4.0-rc1"), ran.text
        released = workshop.release("0.4.0", {"fixed": "x"})
        workshop.thentos.git("checkout", "--quiet", "v0.4.0-rc1")
        assert "would do as well: v0.4.0\n" in workshop.guard("align").out
        assert "v0.4.0-rc1 -> v0.4.0, " in workshop.guard("align", "--newest").out
        assert staged(workshop) == released
