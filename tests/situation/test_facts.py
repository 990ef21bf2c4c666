"""What is gathered for the rules, out of real repositories."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

import pytest

from guard.errors import ConfigError, GuardError
from guard.git.commands import told
from guard.git.objects import ObjectPool
from guard.haskell import Checkout
from guard.model import Gitlink, Result, VerdictState
from guard.model import Tested as Known
from guard.rules import dependency_match
from guard.rules.asked import fitting_releases, ranges_on_gitlink
from guard.situation.contents import Contents, of_commit, with_consumer
from guard.situation.facts import Gatherer
from guard.situation.others import Others
from guard.situation.publication import Unknown
from guard.situation.values import Consumer, Facts, Meaning, PathState, Pin
from guard.situation.workspace import Workspace
from guard.verdicts.verdicts import Verdicts
from tests.workshop import GUARD_TOML, STACK, Repo, Workshop, cabal

V0_2_1 = ("rev-parse", "v0.2.1^{commit}")


class Gathering:
    """Facts of commits of the superproject, all by one gatherer."""

    def __init__(self, workshop: Workshop, pool: ObjectPool) -> None:
        repository = workshop.docker.repository
        self._workshop = workshop
        self.pool = pool
        self.contents = Contents(Workspace(repository, repository), pool)
        verdicts, others = Verdicts(repository, pool), Others(self.contents)
        self.gatherer = Gatherer(self.contents, verdicts, others)

    def __call__(self, commit: str = "", consumer: str = "", explain: bool = False) -> Facts:
        repository = self._workshop.docker.repository
        combination = of_commit(repository, self.pool, commit or self._workshop.docker.head, "")
        if consumer:
            combination = with_consumer(combination, "aula", consumer)
        found = self.gatherer.gather(combination, tested=True)
        ranges = ranges_on_gitlink(found).values()
        return self.gatherer.explain(found, combination, ranges) if explain else found

    def pin(self, commit: str = "") -> Pin:
        found = self(commit).pin
        assert isinstance(found, Pin), found
        return found

    def consumer(self, commit: str = "") -> Consumer:
        found = self(commit).consumer
        assert isinstance(found, Consumer), found
        return found


@pytest.fixture
def gather(workshop: Workshop) -> Iterator[Gathering]:
    with ObjectPool() as pool:
        yield Gathering(workshop, pool)


def packages(pin: Pin) -> list[tuple[str, str, str]]:
    return sorted((item.name, str(item.version), item.path) for item in pin.packages)


class TestPin:
    def test_a_release_with_its_packages(self, workshop: Workshop, gather: Gathering) -> None:
        pin = gather.pin()
        assert pin.commit == workshop.thentos.head
        assert [release.tag for release in pin.releases] == ["v0.3.0"]
        assert packages(pin) == [
            ("servant-session", "0.5", "servant-session/servant-session.cabal"),
            ("thentos-core", "0.3.0", "thentos-core/thentos-core.cabal"),
        ]
        assert {item.line for item in pin.packages} == {2}

    def test_a_tag_that_no_package_has_the_version_of(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.thentos.commit("a release under another number")
        workshop.thentos.git("tag", "-a", "-m", "annotated", "v1.0")
        workshop.pin()
        assert [release.tag for release in gather.pin().releases] == ["v1.0"]

    @pytest.mark.parametrize("tag", ["0.3.1", "release", "refs/tags/v0.3.1"])
    def test_other_tags_are_no_release(
        self, workshop: Workshop, gather: Gathering, tag: str
    ) -> None:
        head = workshop.thentos.commit("not a release")
        workshop.thentos.git("tag", tag)
        workshop.thentos.git("branch", "v0.4.0")
        workshop.pin()
        pin = gather.pin()
        assert pin.releases == ()
        assert pin.described == f"v0.3.0-1-g{head[:7]}"

    @pytest.mark.parametrize("tag", ["v0.4.0-rc1", "v0.4.0rc1", "v0.4.0.dev2"])
    def test_a_pre_release_is_one(self, workshop: Workshop, gather: Gathering, tag: str) -> None:
        workshop.thentos.commit("not yet")
        workshop.thentos.git("tag", tag)
        workshop.pin()
        assert [(item.tag, item.is_pre) for item in gather.pin().releases] == [(tag, True)]

    @pytest.mark.parametrize(("tag", "named"), [("v0.9", "v0.3.0"), ("v0.3.0", "v0.3.0-rc1")])
    def test_of_one_content_a_release_is_named_before_its_candidate(
        self, workshop: Workshop, gather: Gathering, tag: str, named: str
    ) -> None:
        workshop.thentos.git("tag", "v0.9", "HEAD~")
        workshop.thentos.git("tag", "v0.3.0-rc1")
        workshop.thentos.git("tag", "--delete", tag)
        workshop.thentos.commit("nothing new")
        workshop.pin()
        assert [item.tag for item in gather.pin().same_content] == [named]

    def test_content_that_is_identical_to_a_release(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.thentos.commit("nothing new")
        workshop.thentos.git("tag", "v9.9.9", "HEAD^{tree}")  # nothing to stand at
        workshop.pin()
        assert [item.tag for item in gather.pin().same_content] == ["v0.3.0"]
        workshop.thentos.commit("something new", {"new": "x"})
        workshop.pin()
        assert gather.pin().same_content == ()

    def test_before_any_release(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.thentos.git("tag", "--delete", "v0.3.0", "v0.2.1")
        assert gather.pin().described == workshop.thentos.head[:12]

    def test_tags_that_contradict_each_other(self, workshop: Workshop, gather: Gathering) -> None:
        sibling = workshop.root / "thentos"
        workshop.docker.git("clone", "--quiet", str(workshop.thentos.folder), str(sibling))
        Repo(sibling).git("tag", "--force", "v0.3.0", "v0.2.1")
        pin = gather.pin()
        assert (pin.releases, pin.contradicting) == ((), ("v0.3.0",))

    def test_a_tag_that_only_the_sibling_has(self, workshop: Workshop, gather: Gathering) -> None:
        sibling = workshop.root / "thentos"
        workshop.docker.git("clone", "--quiet", str(workshop.thentos.folder), str(sibling))
        workshop.thentos.git("tag", "--delete", "v0.3.0")
        assert [item.tag for item in gather.pin().releases] == ["v0.3.0"]

    def test_no_gitlink(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.docker.git("rm", "--quiet", "--cached", "thentos")
        workshop.docker.git("commit", "--quiet", "-m", "no thentos")
        assert gather().pin is None

    def test_a_commit_that_is_missing(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.pin(thentos="1" * 40)
        found = gather().pin
        assert isinstance(found, Unknown)
        where = workshop.thentos.folder
        assert found.what == f"commit {'1' * 40} of thentos is missing (looked in {where})"
        assert told(found.remedy) == f"git -C {where} fetch origin {'1' * 40}"

    def test_no_repository_at_all(self, workshop: Workshop, gather: Gathering) -> None:
        shutil.rmtree(workshop.thentos.folder)
        shutil.rmtree(workshop.docker.folder / ".git/modules/thentos")
        found = gather().pin
        assert isinstance(found, Unknown)
        assert found.what.startswith("no repository of thentos is on this machine")
        top = workshop.docker.folder
        assert told(found.remedy) == f"git -C {top} submodule update --init thentos"

    def test_one_commit_at_both_gitlinks_is_looked_for_in_each_repository(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        # A slip of the hand: thentos' commit at aula's place. aula does not have it.
        workshop.pin(aula=workshop.thentos.head)
        facts = gather()
        assert isinstance(facts.pin, Pin)
        assert isinstance(facts.consumer, Unknown)
        assert "of aula is missing" in facts.consumer.what

    def test_a_package_in_both_forms_counts_once(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.thentos.commit(
            "hpack", {"thentos-core/package.yaml": "name: thentos-core\nversion: 0.3.0\n"}
        )
        workshop.pin()
        assert [item.path for item in gather.pin().packages if item.name == "thentos-core"] == [
            "thentos-core/thentos-core.cabal"
        ]

    def test_a_package_yaml_without_a_name_is_called_like_the_checkout(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.thentos.commit("hpack", {"package.yaml": "version: 0.3.0\n"})
        text = "library: {when: {condition: flag(old), dependencies: thentos <0.3}}\n"
        flag = "flags: {old: {manual: true, default: false}}\n"
        stack = {"stack.yaml": STACK + "flags: {aula: {old: true}}\n"}
        (workshop.aula.folder / "aula.cabal").unlink()
        workshop.aula.commit("hpack", {"package.yaml": text + flag, **stack})
        workshop.pin()
        facts = gather()
        assert isinstance(facts.pin, Pin)
        assert ("thentos", "0.3.0", "package.yaml") in packages(facts.pin)
        assert [one.message.partition(" (")[0] for one in dependency_match.check(facts)] == [
            "thentos is 0.3.0, but aula requires <0.3"
        ]

    def test_one_that_cannot_be_read_has_no_name(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.thentos.commit("broken", {"package.yaml": "- version\n"})
        workshop.pin()
        assert "thentos" not in [each.name for each in gather.pin().packages]


class TestOwnPackages:
    """Packages of thentos are those that its own project builds."""

    COPIES: Final = {
        "thentos-core/tests/data/thentos-core.cabal": cabal("thentos-core", "0.1"),
        "testdata/a/package.yaml": "name: thentos-core\nversion: 0.0.1\n",
        "examples/fixtures/servant-session.cabal": cabal("servant-session", "9"),
        "thentos-core/test-cases/broken.cabal": "name: [\n",
    }
    PROJECTS: tuple[dict[str, str], ...] = (
        {},
        {"stack.yaml": "resolver: lts-6.0\npackages: [thentos-core/, ./servant-session]\n"},
        {"stack-8.yaml": "resolver: lts-6.0\npackages: [thentos-core, servant-session, gone]\n"},
        {
            "stack.yaml": "resolver: lts-6.0\npackages: [thentos-core]\n"
            "extra-deps: [servant-session]\n"
        },
        {
            "cabal.project": "packages: thentos-core/*.cabal\n"
            "optional-packages: ./servant-*/ gone/\n"
        },
        {"cabal.project": "packages: */*.cabal\n"},
        {"cabal.project": "packages: {thentos-core,servant-session}/\n"},
        {
            "cabal.project": "packages: thentos-core\n",
            "stack.yaml": "packages: [servant-session]\n",
        },
        {"code/stack.yaml": "packages: []\n", "cabal.project": "import: other.project\n"},
        {"stack.yaml": "packages: [gone]\n"},
        {"stack.yaml": "packages: [\n"},
    )

    @pytest.mark.parametrize("project", PROJECTS)
    def test_what_test_data_holds_is_none(
        self, workshop: Workshop, gather: Gathering, project: dict[str, str]
    ) -> None:
        workshop.thentos.commit("inputs of tests", {**self.COPIES, **project})
        workshop.pin()
        pin = gather.pin()
        assert packages(pin) == [
            ("servant-session", "0.5", "servant-session/servant-session.cabal"),
            ("thentos-core", "0.3.0", "thentos-core/thentos-core.cabal"),
        ]
        assert pin.unknown == ()
        assert dependency_match.check(gather()) == []

    def test_what_the_project_does_not_name_is_none(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        old = {"old/thentos-core.cabal": cabal("thentos-core", "0.1"), "old/x/x.cabal": "name: ["}
        workshop.thentos.commit("an old copy", old)
        workshop.pin()
        assert ("thentos-core", "0.1", "old/thentos-core.cabal") in packages(gather.pin())
        project = "resolver: lts-6.0\npackages: [thentos-core]\n"
        workshop.thentos.commit("a project", {"stack.yaml": project})
        workshop.pin()
        assert packages(gather.pin()) == [
            ("thentos-core", "0.3.0", "thentos-core/thentos-core.cabal")
        ]
        assert dependency_match.check(gather()) == []

    def test_stack_builds_the_folder_of_a_project_that_names_none(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        files = {"thentos.cabal": cabal("thentos", "0.3.0"), "stack.yaml": "resolver: lts-6.0\n"}
        workshop.thentos.commit("one package", files)
        workshop.pin()
        assert packages(gather.pin()) == [("thentos", "0.3.0", "thentos.cabal")]

    @pytest.mark.parametrize(
        "project",
        [
            {"stack.yaml": f"{STACK}- ../thentos/extra/lib\n"},
            {"cabal.project": "packages: . ../thentos/thentos-core ../thentos/extra/*/\n"},
            {"cabal.project": "packages: . ../thentos/thentos-core ../thentos/*/*/*.cabal\n"},
            {"cabal.project": "packages: . ../thentos/*/ ../thentos/extra/lib/glue.cabal\n"},
        ],
    )
    def test_what_the_consumer_takes_besides_counts(
        self, workshop: Workshop, gather: Gathering, project: dict[str, str]
    ) -> None:
        files = {
            "stack.yaml": "resolver: lts-6.0\npackages: [thentos-core]\n",
            "extra/lib/glue.cabal": cabal("glue", "0.2"),
        }
        workshop.thentos.commit("a package of no project", files)
        text = cabal("aula", "0.38.0", "thentos-core ==0.3.*", "glue >=0.3 && <0.4")
        workshop.aula.commit("take it", {"aula.cabal": text, **project})
        workshop.pin()
        facts = gather()
        assert isinstance(facts.consumer, Consumer)
        assert {each.state for each in facts.consumer.paths} == {PathState.PRESENT}
        messages = [each.message for each in dependency_match.check(facts)]
        assert any(each.startswith("glue is 0.2, but aula requires >=0.3") for each in messages)

    def test_releases_are_chosen_by_the_same_packages(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.release("0.4.0", self.COPIES)
        workshop.require(">=0.4 && <0.5")
        workshop.pin()
        facts = gather(explain=True)
        assert [each.release.tag for each in fitting_releases(facts)] == ["v0.4.0"]


class TestConsumer:
    def test_its_manifests(self, workshop: Workshop, gather: Gathering) -> None:
        files = {
            "stack.yaml": STACK + "- libs/inner\n- ..web\n",
            "libs/inner/inner.cabal": cabal("inner", "0.1"),
            "..web/web.cabal": cabal("web", "0.1"),
            "libs/unnamed/unnamed.cabal": cabal("unnamed", "0.1"),
            "package.yaml": "name: aula\n",
            "cabal.project.local": "constraints: x ==1\n",
            "docs/stack.yaml": "resolver: lts-1.0\n",
        }
        workshop.aula.commit("more manifests", files)
        workshop.pin()
        assert sorted(item.path for item in gather.consumer().manifests) == [
            "..web/web.cabal",
            "aula.cabal",
            "cabal.project.local",
            "libs/inner/inner.cabal",
            "package.yaml",
            "stack.yaml",
        ]

    def test_what_its_project_files_name_by_wildcards_and_imports(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        files = {
            "cabal.project": "packages: libs/*/*.cabal\nimport: more.project\n",
            "more.project": "constraints: thentos-core ==0.3.0\n",
            "libs/a/a.cabal": cabal("a", "0.1"),
            "libs/b/b.cabal": cabal("b", "0.1"),
        }
        workshop.aula.commit("a cabal project", files)
        workshop.pin()
        manifests = {item.path: item for item in gather.consumer().manifests}
        assert {"cabal.project", "libs/a/a.cabal", "libs/b/b.cabal"} < manifests.keys()
        (constraint,) = manifests["cabal.project"].requirements
        assert (constraint.file, constraint.line) == ("more.project", 1)

    def test_the_other_manifests_of_one_that_cannot_be_read(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.aula.commit("broken", {"package.yaml": b"\xff\xfe\x00"})
        workshop.pin()
        consumer = gather.consumer()
        broken = [
            item for item in consumer.manifests if item.path == "package.yaml" and item.unread
        ]
        assert broken or consumer.unknown
        assert "aula.cabal" in {item.path for item in consumer.manifests}

    def test_a_blob_that_is_missing(self, workshop: Workshop, gather: Gathering) -> None:
        blob = workshop.aula.git("rev-parse", "HEAD:stack.yaml")
        objects = workshop.docker.folder / ".git/modules/aula/objects"
        workshop.aula.git("repack", "-q", "-a", "-d")
        (pack,) = (objects / "pack").glob("*.pack")
        moved = pack.rename(objects.parent / "moved.pack")
        for index in (objects / "pack").iterdir():
            index.unlink()
        workshop.aula.git("unpack-objects", "-q", data=moved.read_bytes())
        (objects / blob[:2] / blob[2:]).unlink()
        (unknown,) = gather.consumer().unknown
        assert unknown.what == f"aula/stack.yaml: blob {blob} is missing"

    def test_no_gitlink(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.docker.git("rm", "--quiet", "--cached", "aula")
        workshop.docker.git("commit", "--quiet", "-m", "no aula")
        assert gather().consumer is None

    def test_another_commit_in_its_place(self, workshop: Workshop, gather: Gathering) -> None:
        changed = workshop.require(">=0.9")
        assert gather.consumer().commit != changed
        found = gather(consumer=changed).consumer
        assert isinstance(found, Consumer)
        assert found.commit == changed


class TestPaths:
    """Where aula's paths into thentos lead."""

    def states(self, workshop: Workshop, gather: Gathering, *lines: str) -> list[PathState]:
        text = "resolver: lts-3.20\npackages:\n- '.'\n" + "".join(f"- {line}\n" for line in lines)
        workshop.aula.commit("paths", {"stack.yaml": text})
        workshop.pin()
        return [path.state for path in gather.consumer().paths]

    def test_every_kind(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.thentos.git(
            "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub/servant"
        )
        workshop.thentos.commit("more", {"docs/README": "x"})
        text = '[submodule "s"]\n\tpath = sub/servant\n\turl = x\n'
        workshop.thentos.write({".gitmodules": text})
        workshop.thentos.git("add", ".gitmodules")
        workshop.thentos.git(
            "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub/servant"
        )
        workshop.thentos.git("commit", "--quiet", "-m", "nest")
        assert self.states(
            workshop,
            gather,
            "../thentos/thentos-core/",
            "../thentos/servant-session",
            "../thentos/docs",
            "../thentos/README.md",
            "../thentos/gone",
            "../thentos",
            "../thentos/sub/servant/servant/",
            "../thentos/sub/servant",
        ) == [
            PathState.PRESENT,
            PathState.PRESENT,
            PathState.NO_PACKAGE,
            PathState.ABSENT,
            PathState.ABSENT,
            PathState.NO_PACKAGE,
            PathState.NESTED,
            PathState.NESTED,
        ]

    def test_paths_elsewhere_lead_to_something_in_the_superproject(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.docker.commit("Another package", {"other/thing/thing.cabal": ""})
        assert self.states(
            workshop, gather, "../other/thing", "./thentos", "../thentos-x", "../../outside"
        ) == [PathState.PRESENT, PathState.NOWHERE, PathState.NOWHERE]

    def test_a_cabal_project_may_name_what_is_not_there(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.aula.commit("cabal", {"cabal.project": "optional-packages: ../other/*\n"})
        workshop.pin()
        assert [path.state for path in gather.consumer().paths] == [PathState.PRESENT]

    def test_optional_packages_may_lead_nowhere(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        optional = "../thentos/nope ../thentos/no*/*.cabal ../thentos/thentos-core"
        workshop.aula.commit(
            "c", {"cabal.project": f"packages: .\noptional-packages: {optional}\n"}
        )
        workshop.pin()
        targets = [path.target for path in gather.consumer().paths if path.manifest != "stack.yaml"]
        assert targets == ["thentos-core"]

    @pytest.mark.parametrize(
        ("packages", "state"),
        [
            ("../thentos/thentos-core/thentos-core.cabal", PathState.PRESENT),
            ("../thentos/*/*.cabal", PathState.PRESENT),
            ("../thentos/thentos-*", PathState.PRESENT),
            ("../thentos/thentos-core/*.cabal", PathState.PRESENT),
            ("../thentos/gone/*.cabal", PathState.ABSENT),
            ("../thentos/thentos-core/gone.cabal", PathState.ABSENT),
            ("../thentos/*.cabal", PathState.ABSENT),
        ],
    )
    def test_a_cabal_project_names_files_and_wildcards(
        self, workshop: Workshop, gather: Gathering, packages: str, state: PathState
    ) -> None:
        workshop.aula.git("rm", "--quiet", "stack.yaml")
        workshop.aula.commit("cabal", {"cabal.project": f"packages: . {packages}\n"})
        workshop.pin()
        assert [path.state for path in gather.consumer().paths] == [state]

    def test_one_consumer_with_different_pins(self, workshop: Workshop, gather: Gathering) -> None:
        """What was found with one pin is not taken for another, whichever comes first."""
        present = workshop.docker.head
        missing = workshop.pin(thentos="1" * 40)
        workshop.docker.git("rm", "--quiet", "--cached", "thentos")
        workshop.docker.git("commit", "--quiet", "-m", "no thentos")
        gone = workshop.docker.head
        expected = {
            missing: PathState.UNKNOWN,
            gone: PathState.NO_GITLINK,
            present: PathState.PRESENT,
        }
        for commit in (missing, gone, present, gone, missing):
            assert [path.state for path in gather.consumer(commit).paths] == [expected[commit]]

    def test_packages_of_thentos_that_stand_elsewhere(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        older = cabal("thentos-core", "0.2.1")
        workshop.docker.commit("Vendor it", {"vendor/thentos-core/thentos-core.cabal": older})
        mine = {"mine/core/thentos-core.cabal": older, "other/x/x.cabal": cabal("x", "1")}
        stack = f"{STACK}- other/x\nextra-deps:\n- mine/core\n- ../vendor/thentos-core\n"
        project = "packages: ./{mine,other}/*/*.cabal ../{vendor,gone}/*/\n"
        workshop.aula.commit("paths", {**mine, "stack.yaml": stack, "cabal.project": project})
        workshop.pin()
        consumer = gather.consumer()
        assert consumer.unknown == ()
        assert sorted(
            (path.manifest, path.source.path, path.target, str(package.version))
            for path in consumer.paths
            for package in path.packages
        ) == [
            ("cabal.project", "../{vendor,gone}/*/", "vendor/*", "0.2.1"),
            ("cabal.project", "./{mine,other}/*/*.cabal", "aula/mine/*/*.cabal", "0.2.1"),
            ("stack.yaml", "../vendor/thentos-core", "vendor/thentos-core", "0.2.1"),
            ("stack.yaml", "mine/core", "aula/mine/core", "0.2.1"),
        ]

    def test_an_extra_dep_of_a_folder_that_is_not_there(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        """stack takes a mistyped pin for one."""
        text = f"{STACK}extra-deps:\n- thentos-core ==0.3.0\n"
        workshop.aula.commit("paths", {"stack.yaml": text})
        workshop.pin()
        (unknown,) = gather.consumer().unknown
        assert unknown.what == (
            "aula/stack.yaml:6 names thentos-core ==0.3.0, and aula has no such folder (links "
            "count as none)"
        )

    def test_a_path_into_another_submodule(self, workshop: Workshop, gather: Gathering) -> None:
        """It is a repository at the commit of its gitlink."""
        link, url = "5" * 40, "https://example.org/fork.git"
        for repo, path in ((workshop.aula, "sub/fork"), (workshop.docker, "fork")):
            modules = repo.folder / ".gitmodules"
            before = modules.read_text() if modules.exists() else ""
            repo.write(
                {".gitmodules": f'{before}[submodule "f"]\n\tpath = {path}\n\turl = {url}\n'}
            )
            repo.write({"stack.yaml": f"{STACK}- sub/fork/core\n- ../fork\n"})
            repo.git("add", ".")
            repo.git("update-index", "--add", "--cacheinfo", f"160000,{link},{path}")
            repo.git("commit", "--quiet", "-m", "Nest a fork")
        workshop.pin()
        checkouts = [path.checkout for path in gather.consumer().paths if path.checkout]
        assert checkouts == [Checkout(url, link)] * 2


class TestProjectFiles:
    """Which project files are in force."""

    def read(self, workshop: Workshop, gather: Gathering, files: dict[str, str]) -> set[str]:
        workshop.aula.commit("files", files)
        workshop.pin()
        consumer = gather.consumer()
        assert consumer.unknown == ()
        return {each.path for each in consumer.manifests if not each.path.endswith(".cabal")}

    def test_the_usual_ones_and_no_copies(self, workshop: Workshop, gather: Gathering) -> None:
        names = ("stack-8.yaml", "cabal.project", "cabal.project.local", "cabal.project.freeze")
        copies = ("cabal.project.orig", "cabal.project.ci", "cabal.project~", "stack.yaml.orig")
        files = dict.fromkeys((*names, *copies), "")
        assert self.read(workshop, gather, files) == {"stack.yaml", *names[1:]}

    def test_those_that_ci_names_beside_the_usual(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        travis = "env:\n- STACK_YAML=stack-7.yaml\n- STACK_YAML=ci/stack.yaml\nscript: stack test\n"
        flow = "run: cabal build --project-file=cabal.project.ci\n"
        files = {".travis.yml": travis, ".github/workflows/x.yml": flow}
        names = ("stack.yaml", "stack-7.yaml", "stack-7.yaml.lock", "ci/stack.yaml")
        projects = ("cabal.project", "cabal.project.ci", "cabal.project.ci.freeze")
        files |= dict.fromkeys((*names, *projects, "stack-8.yaml"), "packages: []\n")
        assert self.read(workshop, gather, files) == {*names, *projects}

    @pytest.mark.parametrize(
        ("line", "path"),
        [
            ("stack --stack-yaml $(pwd)/ci/x.yaml test", "ci/x.yaml"),
            ("stack --stack-yaml $FILE test", "ci/x.yaml"),
            ("cd ci && stack --stack-yaml x.yaml test", "ci/x.yaml"),
            ("cabal build --project-file $FILE", "ci/x.project"),
            ("cd ci/sub; cabal build", "ci/cabal.project"),
            ("cabal build --project-dir=ci", "ci/cabal.project"),
        ],
    )
    def test_those_that_ci_may_mean(
        self, workshop: Workshop, gather: Gathering, line: str, path: str
    ) -> None:
        files = {".travis.yml": f"script: {line}\n", "docs/other.yml": "a: 1\n"}
        files[path] = "" if path.endswith(".project") else "resolver: lts-3.20\npackages: []\n"
        assert self.read(workshop, gather, files) == {"stack.yaml", path}

    def test_one_that_is_not_there_replaces_none(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        files = {".travis.yml": "env: STACK_YAML=made.yaml\n"}
        assert self.read(workshop, gather, files) == {"stack.yaml"}

    def test_a_ci_file_that_cannot_be_read(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.aula.commit("files", {".travis.yml": "env: [STACK_YAML=x.yaml\n"})
        workshop.pin()
        (unknown,) = gather.consumer().unknown
        assert unknown.what.startswith(
            "which project files aula/.travis.yml names is not known: it is no YAML: line 2"
        )
        assert told(unknown.remedy) == "you: correct .travis.yml"


class TestMeanings:
    """What a ref means that aula names."""

    def meaning(self, workshop: Workshop, gather: Gathering, url: str, ref: str) -> Meaning:
        text = f"{STACK}extra-deps:\n- git: {url}\n  commit: '{ref}'\n"
        workshop.aula.commit("git", {"stack.yaml": text})
        workshop.pin()
        (meaning,) = gather.consumer().meanings
        assert meaning.checkout == Checkout(url, ref)
        return meaning

    @pytest.mark.parametrize("ref", ["master", "refs/heads/master", "HEAD", "mine"])
    def test_a_tag_and_a_branch(self, workshop: Workshop, gather: Gathering, ref: str) -> None:
        workshop.thentos.git("tag", "mine")
        workshop.thentos.git("remote", "set-head", "origin", "master")
        meaning = self.meaning(workshop, gather, "https://example.org/thentos", ref)
        assert meaning.is_own
        assert meaning.commits == {workshop.thentos.head}

    def test_the_release_at_the_gitlink_is_left_to_its_rule(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        for ref, commits in (("v0.3.0", set()), ("v0.2.1", {workshop.thentos.git(*V0_2_1)})):
            meaning = self.meaning(workshop, gather, "https://example.org/thentos", ref)
            assert meaning.commits == commits

    def test_a_repository_of_another_name_that_thentos_is_fetched_from(
        self, workshop: Workshop, gather: Gathering
    ) -> None:
        workshop.thentos.git("remote", "add", "theirs", "git@example.org:fisx/Identity.git")
        workshop.thentos.git("update-ref", "refs/remotes/theirs/master", "v0.2.1")
        url = "https://me@Example.org/fisx/Identity?x"
        meaning = self.meaning(workshop, gather, url, "master")
        assert meaning.is_own
        assert meaning.commits == {workshop.thentos.git(*V0_2_1)}

    @pytest.mark.parametrize(
        ("url", "ref"),
        [
            ("https://example.org/servant", "1" * 40),
            ("https://example.org/servant", "gone"),
            ("https://example.org/servant", "a b\n- x"),
            ("https://example.org/servant", "HEAD^{tree}"),
        ],
    )
    def test_what_nobody_here_knows(
        self, workshop: Workshop, gather: Gathering, url: str, ref: str
    ) -> None:
        if "\n" in ref:
            ref = ref.replace("\n", " ")
        meaning = self.meaning(workshop, gather, url, ref)
        assert not meaning.is_own
        assert not meaning.commits


class TestTested:
    def state(self, facts: Facts) -> VerdictState:
        assert isinstance(facts.tested, Known), facts.tested
        return facts.tested.state

    def test_the_verdict_of_this_content(self, workshop: Workshop, gather: Gathering) -> None:
        before = workshop.docker.head
        workshop.docker.commit("another", {"Dockerfile": "FROM other\n"})
        key = workshop.verdict(Result.FAILED_BUILD)
        assert self.state(gather(before)) is VerdictState.UNTESTED
        facts = gather()
        assert self.state(facts) is VerdictState.FAILED_BUILD
        assert isinstance(facts.tested, Known) and facts.tested.key == key

    def test_without_a_command(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.docker.commit("none", {".guard.toml": "[image]\n"})
        assert self.state(gather()) is VerdictState.NO_COMMAND

    def test_what_is_missing_is_unknown(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.pin(aula="1" * 40)
        tested = gather().tested
        assert isinstance(tested, Unknown)
        assert tested.what == f"missing: commit {'1' * 40} of aula"


class TestConfiguration:
    def test_it_is_the_commits_own(self, workshop: Workshop, gather: Gathering) -> None:
        before = workshop.docker.head
        workshop.docker.commit("form", {".guard.toml": '[guard]\nrelease-tag = "r{version}"\n'})
        workshop.docker.write({".guard.toml": "malformed ["})
        assert gather().names.release_tag == "r{version}"
        assert gather(before).names.release_tag == "v{version}"
        assert gather.pin().releases == ()

    def test_malformed(self, workshop: Workshop, gather: Gathering) -> None:
        workshop.docker.commit("malformed", {".guard.toml": "[guard"})
        with pytest.raises(ConfigError, match=r"\.guard\.toml is not valid TOML"):
            gather()

    @pytest.mark.parametrize("how", ["folder", "gitlink"])
    def test_something_else_in_its_place(
        self, workshop: Workshop, gather: Gathering, how: str
    ) -> None:
        workshop.docker.git("rm", "--quiet", ".guard.toml")
        if how == "folder":
            workshop.docker.commit("folder", {".guard.toml/x": "x"})
        else:
            link = f"160000,{'1' * 40},.guard.toml"
            workshop.docker.git("update-index", "--add", "--cacheinfo", link)
            workshop.docker.git("commit", "--quiet", "-m", "gitlink")
        with pytest.raises(GuardError, match=r"\.guard\.toml .* cannot be read"):
            gather()

    def test_other_names_and_places(self, workshop: Workshop, gather: Gathering) -> None:
        text = '[guard]\nconsumer = "thentos"\ndependency = "aula"\n'
        workshop.docker.commit("swapped", {".guard.toml": text + GUARD_TOML})
        facts = gather()
        assert (facts.names.consumer, facts.names.dependency) == ("thentos", "aula")
        assert isinstance(facts.pin, Pin) and facts.pin.commit == workshop.aula.head
        assert isinstance(facts.consumer, Consumer)
        assert facts.consumer.commit == workshop.thentos.head


def test_candidates_are_all_releases_in_order(workshop: Workshop, gather: Gathering) -> None:
    workshop.release("0.10.0")
    workshop.release("0.9.0")
    tree = workshop.thentos.git("rev-parse", "HEAD^{tree}")
    workshop.thentos.git("tag", "v9.9.9", tree)  # a tree is nothing to stand at
    workshop.thentos.git("tag", "v9.9.8", workshop.thentos.git("rev-parse", "HEAD:README.md"))
    found = gather(explain=True).candidates
    assert found is not None
    assert [item.release.tag for item in found] == ["v0.2.1", "v0.3.0", "v0.9.0", "v0.10.0"]
    versions = [
        str(package.version)
        for item in found
        for package in item.packages
        if package.name == "thentos-core"
    ]
    assert versions == ["0.2.1", "0.3.0", "0.9.0", "0.10.0"]


def test_the_likeliest_candidates(workshop: Workshop, gather: Gathering) -> None:
    """The releases that are named as is asked for, the newest first, then the newest others."""
    for version in ("0.3.9", "0.3.10", "0.4.0", "0.10.0", f"1.{'9' * 30}"):
        workshop.thentos.git("tag", f"v{version}")
    combination = of_commit(workshop.docker.repository, gather.pool, workshop.docker.head, "")
    facts = gather()
    ranges = ranges_on_gitlink(facts).values()

    def tags(most: int) -> tuple[list[str], int]:
        found = gather.gatherer.explain(facts, combination, ranges, most)
        return [item.release.tag for item in found.candidates or ()], found.others

    assert tags(2) == (["v0.3.9", "v0.3.10"], 5)
    assert tags(4) == (["v0.3.0", "v0.3.9", "v0.3.10", f"v1.{'9' * 30}"], 3)
    assert tags(7)[1] == tags(0)[1] == 0
    assert len(tags(0)[0]) == 7


def test_the_likeliest_are_pre_releases_only_where_no_release_is_as_likely(
    workshop: Workshop, gather: Gathering
) -> None:
    for version in ("0.3.9-rc1", "0.3.8", "0.3.7.dev1", "0.4.0-rc1"):
        workshop.thentos.git("tag", f"v{version}")
    combination = of_commit(workshop.docker.repository, gather.pool, workshop.docker.head, "")
    ranges = ranges_on_gitlink(gather()).values()
    for most, tags in ((2, ["v0.3.0", "v0.3.8"]), (3, ["v0.3.0", "v0.3.8", "v0.3.9-rc1"])):
        found = gather.gatherer.explain(gather(), combination, ranges, most).candidates
        assert [item.release.tag for item in found or ()] == tags


def test_candidates_of_a_submodule_under_another_name(
    workshop: Workshop, gather: Gathering
) -> None:
    text = workshop.docker.git("show", "HEAD:.gitmodules").replace('"thentos"', '"name"')
    workshop.docker.commit("rename", {".gitmodules": f"{text}\n"})
    modules = workshop.docker.folder / ".git/modules"
    (modules / "thentos").rename(modules / "name")
    shutil.rmtree(workshop.thentos.folder)
    found = gather(explain=True).candidates
    assert [item.release.tag for item in found or ()] == ["v0.2.1", "v0.3.0"]


def test_gitlinks_are_found_where_they_stand(workshop: Workshop, gather: Gathering) -> None:
    repository = workshop.docker.repository
    with ObjectPool() as pool:
        combination = of_commit(repository, pool, workshop.docker.head, "")
        ask = gather.contents.gitlink
        assert ask(combination, "aula") == workshop.aula.head
        for path in ("gone", "Dockerfile", "aula/aula.cabal", "gone/deeper"):
            assert ask(combination, path) is None
        replaced = combination._replace(replaced=(Gitlink("aula", "1" * 40),))
        assert ask(replaced, "aula") == "1" * 40
