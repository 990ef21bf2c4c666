"""Rule `dependency-source`."""

from __future__ import annotations

import pytest

from guard.haskell import SourceKind
from guard.model import Evidence, Finding, Severity
from guard.rules import dependency_source
from guard.situation.publication import Unknown
from guard.situation.values import PathState
from tests.rules.case import (
    AULA,
    SUPERPROJECT,
    THENTOS,
    a_consumer,
    a_pin,
    aula_cabal,
    facts,
    releases,
    told,
    with_remedies,
)

check = with_remedies(dependency_source.check)

STACK = "resolver: lts-6.0\npackages:\n- '.'\n- {}\n"
FORGES = [
    "https://github.com/liqd/thentos/archive/{}.tar.gz",
    "https://github.com/liqd/thentos/archive/refs/tags/{}.zip",
    "https://github.com/liqd/thentos/tarball/{}",
    "https://codeload.github.com/liqd/thentos/tar.gz/refs/heads/{}",
    "https://api.github.com/repos/liqd/thentos/tarball/{}",
    "https://gitlab.com/liqd/sub/thentos/-/archive/{}/thentos-x.tar.gz",
    "https://gitlab.com/liqd/thentos/repository/archive.tar.gz?ref={}",
    "https://gitlab.com/liqd/thentos/repository/{}/archive.tar.gz",
    "https://bitbucket.org/liqd/thentos/get/{}.tar.gz",
]
PROJECT = """\
packages: .
source-repository-package
  type: git
  location: {}
  tag: {}
"""


def by_path(path: str, state: PathState, no_pin: bool = False) -> list[Finding]:
    files = {**aula_cabal("thentos-core ==0.3.*"), "stack.yaml": STACK.format(path)}
    target = path.removeprefix("../thentos").strip("/")
    return check(facts(consumer=a_consumer(files, {target: state}), no_pin=no_pin))


def with_stack(text: str, no_pin: bool = False) -> list[Finding]:
    files = {**aula_cabal("thentos-core ==0.3.*"), "stack.yaml": text}
    return check(facts(files, no_pin=no_pin))


class TestPaths:
    def test_present(self) -> None:
        assert by_path("../thentos/thentos-core/", PathState.PRESENT) == []

    def test_in_a_nested_gitlink_counts_as_present(self) -> None:
        assert by_path("../thentos/submodules/servant/servant/", PathState.NESTED) == []

    def test_without_a_gitlink(self) -> None:
        # a573d11, 13 July 2016.
        path = "../thentos/thentos-frontend-session/"
        (finding,) = by_path(path, PathState.NO_GITLINK, no_pin=True)
        assert finding.severity is Severity.ERROR
        assert finding.message == (
            f"aula takes {path} by path (stack.yaml:4), but aula-docker has no gitlink at thentos"
        )
        assert finding.found == "thentos/thentos-frontend-session: no gitlink"
        assert finding.expected == "a gitlink at thentos, or an extra-dep from Hackage"
        assert finding.remedy == (
            "you: add a submodule at thentos of aula-docker, or name its packages in the "
            "extra-deps of aula"
        )
        assert finding.evidence == (
            Evidence("aula", AULA, "stack.yaml", 4, path),
            SUPERPROJECT,
        )

    def test_into_a_folder_that_is_not_there(self) -> None:
        (finding,) = by_path("../thentos/thentos-gone", PathState.ABSENT)
        assert finding.severity is Severity.ERROR
        assert finding.message == (
            "aula takes ../thentos/thentos-gone by path (stack.yaml:4), but thentos has no such "
            "folder at its gitlink"
        )
        assert finding.remedy == "guard align"

    def test_into_a_folder_without_a_package(self) -> None:
        (finding,) = by_path("../thentos/docs", PathState.NO_PACKAGE)
        assert finding.severity is Severity.ERROR
        assert "there is no package in that folder of thentos" in finding.message
        assert finding.expected == "a .cabal file or package.yaml in docs"

    @pytest.mark.parametrize("state", [PathState.ABSENT, PathState.NO_PACKAGE])
    def test_where_only_a_pre_release_fits_the_remedy_names_it(self, state: PathState) -> None:
        text = STACK.format("../thentos/gone")
        files = {**aula_cabal("thentos-core ==0.3.*"), "stack.yaml": text}
        held = releases(v0_2_1={"thentos-core": "0.2.1"}, v0_3_1rc1={"thentos-core": "0.3.1"})
        given = facts(consumer=a_consumer(files, {"gone": state}), candidates=held)
        assert [item.remedy for item in check(given)] == ["guard align --to v0.3.1rc1"]

    def test_the_root_of_the_dependency(self) -> None:
        (finding,) = by_path("../thentos", PathState.NO_PACKAGE)
        assert finding.found == "thentos: no package there"
        assert finding.expected == "a .cabal file or package.yaml in the root"

    def test_what_could_not_be_looked_up_is_undecided(self) -> None:
        (finding,) = by_path("../thentos/thentos-core", PathState.UNKNOWN)
        assert finding.severity is Severity.UNDECIDED
        assert finding.message == (
            "thentos/thentos-core cannot be looked up at the gitlink of thentos"
        )

    def test_every_path_is_told(self) -> None:
        text = "resolver: lts-6.0\npackages:\n- '.'\n- ../thentos/a\n- ../thentos/b\n"
        files = {**aula_cabal("thentos-core"), "stack.yaml": text}
        states = {"a": PathState.ABSENT, "b": PathState.NO_PACKAGE}
        found = check(facts(consumer=a_consumer(files, states)))
        assert [item.evidence[0].line for item in found] == [4, 5]

    def test_a_path_that_is_commented_out_is_none(self) -> None:
        assert with_stack("resolver: lts-6.0\npackages:\n- '.'\n# - ../thentos/gone\n") == []


class TestRepositories:
    URL = "https://github.com/liqd/thentos.git"

    def project(self, url: str, commit: str, no_pin: bool = False) -> list[Finding]:
        files = {**aula_cabal("thentos-core"), "cabal.project": PROJECT.format(url, commit)}
        return check(facts(files, no_pin=no_pin))

    @pytest.mark.parametrize(
        "url",
        [
            "https://github.com/liqd/thentos",
            "https://github.com/liqd/thentos.git",
            "https://github.com/liqd/Thentos/",
            "git@github.com:liqd/thentos.git",
            "git@example.org:thentos",
            "../thentos",
            "https://github.com/liqd/thentos.git?tracking=1",
            "HTTPS://me:secret@GitHub.com:443/liqd/thentos.git/",
            "ssh://git@github.com:22/liqd/thentos.git",
            "git://github.com/liqd/thentos#readme",
        ],
    )
    def test_at_the_gitlinks_commit_and_at_another(self, url: str) -> None:
        assert self.project(url, THENTOS) == []
        (finding,) = self.project(url, "b" * 40)
        assert finding.severity is Severity.ERROR
        assert finding.message == (
            f"aula takes thentos at {'b' * 40} from {url} (cabal.project:2), not at the gitlink"
        )
        assert (finding.found, finding.expected) == ("b" * 40, THENTOS)
        assert finding.remedy == f"you: edit cabal.project:2 of aula (wanted: {THENTOS})"

    @pytest.mark.parametrize("ref", ["v0.3.0", "refs/tags/v0.3.0", "7" * 4, "7" * 12])
    def test_a_ref_counts_by_the_commit_that_it_means(self, ref: str) -> None:
        assert self.project(self.URL, ref) == []

    def test_the_case_of_an_id_is_none_of_its_meaning(self) -> None:
        pin = a_pin()._replace(commit="ab" * 20)
        files = {**aula_cabal("thentos-core"), "cabal.project": PROJECT.format(self.URL, "ABABAB")}
        assert check(facts(files, pin)) == []

    @pytest.mark.parametrize("ref", ["v0.2.1", "master", "777"])
    def test_a_ref_that_is_not_known_here_is_undecided(self, ref: str) -> None:
        (finding,) = self.project(self.URL, ref)
        assert finding.severity is Severity.UNDECIDED
        assert finding.message == (
            f"aula takes thentos at {ref} from {self.URL} (cabal.project:2), and which commit that "
            "is is not known here"
        )
        assert finding.remedy == f"you: edit cabal.project:2 of aula (wanted: {THENTOS})"

    @pytest.mark.parametrize(
        ("commits", "severity"),
        [
            ({THENTOS}, None),
            ({"b" * 40}, Severity.ERROR),
            ({"b" * 40, THENTOS}, Severity.UNDECIDED),
        ],
    )
    def test_a_branch_is_what_the_dependencys_repositories_have(
        self, commits: set[str], severity: Severity | None
    ) -> None:
        files = {**aula_cabal("thentos-core"), "cabal.project": PROJECT.format(self.URL, "stable")}
        consumer = a_consumer(files)
        meaning = consumer.meanings[0]._replace(commits=frozenset(commits))
        found = check(facts(consumer=consumer._replace(meanings=(meaning,))))
        assert [item.severity for item in found] == ([severity] if severity else [])

    @pytest.mark.parametrize("subdir", ["thentos-core", "servant-session", "all/thentos-new/"])
    def test_a_fork_of_another_name_is_known_by_its_packages(self, subdir: str) -> None:
        url = "https://github.com/fisx/identity"
        text = PROJECT.format(url, "{}") + f"  subdir: {subdir}\n"
        files = {**aula_cabal("thentos-core"), "cabal.project": text.format("b" * 40)}
        (finding,) = check(facts(files))
        assert (finding.severity, finding.found) == (Severity.ERROR, "b" * 40)
        assert f"from {url} (cabal.project:2)" in finding.message
        files["cabal.project"] = text.format(THENTOS)
        assert check(facts(files)) == []
        # Its tags are its own.
        files["cabal.project"] = text.format("v0.3.0")
        assert check(facts(files))[0].severity is Severity.UNDECIDED

    def test_without_a_gitlink_it_cannot_be_compared(self) -> None:
        (finding,) = self.project(self.URL, "b" * 40, no_pin=True)
        assert finding.severity is Severity.UNDECIDED
        assert finding.remedy.startswith("you: add a submodule at thentos of aula-docker, or name")

    @pytest.mark.parametrize(
        "url",
        [
            "https://github.com/haskell-servant/servant",
            "https://github.com/liqd/thentos-docs",
            "https://github.com/thentos/servant",
        ],
    )
    def test_repositories_of_others_do_not_count(self, url: str) -> None:
        assert self.project(url, "b" * 40) == []

    def test_in_stacks_syntax(self) -> None:
        entry = f"extra-deps:\n- git: {self.URL}\n  commit: {'b' * 40}\n"
        (finding,) = with_stack(f"resolver: lts-12.0\n{entry}")
        assert finding.found == "b" * 40
        assert finding.evidence[0].path == "stack.yaml"

    @pytest.mark.parametrize("url", FORGES)
    def test_an_archive_of_a_forge(self, url: str) -> None:
        def findings(ref: str) -> list[Finding]:
            return with_stack(f"resolver: lts-12.0\nextra-deps:\n- {url.format(ref)}\n")

        assert [findings(ref) for ref in (THENTOS, "v0.3.0", THENTOS[:9])] == [[], [], []]
        (finding,) = findings("b" * 40)
        assert (finding.severity, finding.found) == (Severity.ERROR, "b" * 40)
        assert findings("v9")[0].severity is Severity.UNDECIDED
        other = url.replace("thentos", "servant")
        assert with_stack(f"resolver: lts-12.0\nextra-deps:\n- {other.format('b' * 40)}\n") == []

    def test_an_archive_of_which_nothing_names_a_commit(self) -> None:
        url = "https://example.org/liqd/thentos/newest.tar.gz"
        (finding,) = with_stack(f"resolver: lts-12.0\nextra-deps:\n- {url}\n")
        assert (finding.severity, finding.found) == (Severity.ERROR, "no commit")

    @pytest.mark.parametrize(
        "place",
        [
            "vendor/thentos.tar.gz",
            "thentos_core-latest.tar.gz",
            "https://example.org/dl/thentos-core-latest.tar.gz?x",
        ],
    )
    def test_an_archive_that_is_called_like_it_or_a_package(self, place: str) -> None:
        stack = f"resolver: lts-12.0\nextra-deps:\n- {place}\n"
        for path, text in (("stack.yaml", stack), ("cabal.project", f"packages: . {place}\n")):
            (finding,) = check(facts({**aula_cabal("thentos-core ==0.3.*"), path: text}))
            assert (finding.severity, finding.found) == (Severity.ERROR, "no commit")
            assert f"at a commit that nothing names from {place} ({path}:" in finding.message

    def test_a_package_in_an_archive_of_any_name(self) -> None:
        entry = "- archive: vendor/all.tar.gz\n  subdirs: [thentos-core]\n"
        (finding,) = with_stack(f"resolver: lts-12.0\nextra-deps:\n{entry}")
        assert finding.severity is Severity.ERROR
        other = "- vendor/servant.tar.gz\n- archive: all.zip\n  subdirs: [servant]\n"
        assert with_stack(f"resolver: lts-12.0\nextra-deps:\n{other}") == []

    @pytest.mark.parametrize(
        "url", ["https://github.com/liqd/thentos-core.git", "git@github.com:Thentos-Core/"]
    )
    def test_a_repository_that_is_called_like_a_package(self, url: str) -> None:
        (finding,) = self.project(url, "b" * 40)
        assert (finding.severity, finding.found) == (Severity.ERROR, "b" * 40)
        # Its tags are its own.
        assert self.project(url, "v0.3.0")[0].severity is Severity.UNDECIDED


class TestArchives:
    """Of a package, by its name."""

    @pytest.mark.parametrize(
        "place",
        [
            "https://hackage.haskell.org/package/thentos-core-0.2.1/thentos-core-0.2.1.tar.gz",
            "http://example.org/packages/archive/thentos-core/0.2.1/thentos-core-0.2.1.tar.gz?x",
            "https://example.org/x/repository/hackage/thentos-core-0.2.1.tar.gz",
            "vendor/thentos-core-0.2.1.tar.gz",
        ],
    )
    def test_is_a_second_source(self, place: str) -> None:
        stack = f"resolver: lts-12.0\nextra-deps:\n- {place}\n"
        for path, text in (("stack.yaml", stack), ("cabal.project", f"packages: . {place}\n")):
            (finding,) = check(facts({**aula_cabal("thentos-core ==0.3.*"), path: text}))
            assert finding.severity is Severity.ERROR
            assert f"aula takes thentos-core 0.2.1 from {place} ({path}:" in finding.message
            assert finding.expected.startswith("thentos-core 0.3.0 by path from thentos/")

    def test_of_another_package_is_none(self) -> None:
        url = "https://hackage.haskell.org/package/servant-0.7/servant-0.7.tar.gz"
        assert with_stack(f"resolver: lts-12.0\nextra-deps:\n- {url}\n") == []


class TestHackage:
    EXTRA = "resolver: lts-6.0\npackages: ['.']\nextra-deps:\n- {}\n"

    def test_with_the_gitlink_it_is_a_contradiction(self) -> None:
        (finding,) = with_stack(self.EXTRA.format("thentos-core-0.3.0"))
        assert finding.severity is Severity.ERROR
        assert finding.message == (
            "aula takes thentos-core 0.3.0 from Hackage (stack.yaml:4), but aula-docker holds "
            "thentos as a submodule"
        )
        assert finding.remedy == (
            "you: edit stack.yaml:4 of aula "
            "(wanted: thentos-core 0.3.0 by path from thentos/, or no submodule)"
        )

    def test_without_the_gitlink_it_is_legitimate(self) -> None:
        assert with_stack(self.EXTRA.format("thentos-core-0.3.0"), no_pin=True) == []

    def test_a_package_that_the_dependency_does_not_hold(self) -> None:
        assert with_stack(self.EXTRA.format("thentos-cookie-session-0.9.1")) == []
        assert with_stack(self.EXTRA.format("servant-0.7")) == []


class TestLiftedBounds:
    def test_allow_newer_is_a_warning_with_its_line(self) -> None:
        (finding,) = with_stack("resolver: lts-6.0\nallow-newer: true\n")
        assert finding.severity is Severity.WARNING
        assert finding.message == (
            "stack.yaml:2 lifts bounds (allow-newer: true): the declared ranges are not in force "
            "for the build"
        )
        assert finding.evidence[0][2:4] == ("stack.yaml", 2)

    def test_allow_newer_false_is_none(self) -> None:
        assert with_stack("resolver: lts-6.0\nallow-newer: false\n") == []

    def test_only_of_the_dependencys_packages(self) -> None:
        files = aula_cabal("thentos-core")
        for lifted, count in (("thentos-core", 1), ("aula:thentos-core", 1), ("servant", 0)):
            project = {"cabal.project": f"packages: .\nallow-newer: {lifted}\n"}
            assert len(check(facts({**files, **project}))) == count


class TestWhatCannotBeRead:
    def test_is_left_to_the_rules_that_say_so(self) -> None:
        assert check(facts(pin=Unknown("commit 7777 of thentos is missing"))) == []
        assert check(facts(consumer=Unknown("commit aaaa of aula is missing"))) == []
        assert check(facts()._replace(consumer=None)) == []


def test_the_case_helper_finds_paths() -> None:
    # That the tests above test something: paths come from the readers, as in guard.situation.facts.
    files = {**aula_cabal("x"), "stack.yaml": STACK.format("../thentos/thentos-core/")}
    (path,) = a_consumer(files).paths
    assert (path.target, path.source.kind) == ("thentos-core", SourceKind.PATH)
    assert told(check(facts(files))) == []


class TestSnapshotsBehindUrls:
    """What they pin nobody here knows; it counts where nothing else supplies a package."""

    URL = "https://example.org/snapshot.yaml"

    def test_a_checkout_at_the_gitlink_comes_before_it(self) -> None:
        git = (
            "extra-deps:\n- git: https://github.com/liqd/thentos\n  commit: '{}'\n  subdirs: [{}]\n"
        )
        assert self.found(self.URL, git.format(THENTOS, "thentos-core")) == []
        (finding,) = self.found(self.URL, git.format(THENTOS, "servant-session"))
        assert finding.expected == "a path or a version for thentos-core"
        other = git.format(THENTOS, "thentos-core").replace("liqd/thentos", "liqd/servant")
        assert self.found(self.URL, other.replace("thentos-core", "core")) != []

    def found(self, snapshot: str, rest: str = "", by_path: bool = False) -> list[Finding]:
        text = f"snapshot: {snapshot}\npackages:\n- '.'\n{rest}"
        files = {**aula_cabal("thentos-core ==0.3.*"), "stack.yaml": text}
        paths = {"thentos-core": PathState.PRESENT} if by_path else {}
        return check(facts(consumer=a_consumer(files, paths)))

    @pytest.mark.parametrize(
        "snapshot", [URL, "github:acme/stackage:one.yaml", "https://example.org/stackage.org/x"]
    )
    def test_one_that_could_supply_a_package(self, snapshot: str) -> None:
        (finding,) = self.found(snapshot)
        assert finding.severity is Severity.UNDECIDED
        assert finding.message == (
            f"aula builds on the snapshot {snapshot} (stack.yaml:1), and whether that pins "
            "thentos-core is not known here"
        )
        assert finding.remedy == (
            "you: edit stack.yaml:1 of aula (wanted: a path or a version for thentos-core)"
        )

    def test_one_that_could_not(self) -> None:
        assert self.found(self.URL, "- ../thentos/thentos-core\n", by_path=True) == []
        (finding,) = self.found(self.URL, "extra-deps: [thentos-core-0.3.0]\n")
        assert finding.severity is Severity.ERROR  # the version from Hackage

    @pytest.mark.parametrize(
        "snapshot",
        [
            "lts-3.20",
            "https://stackage.org/lts-3.20",
            "github:commercialhaskell/stackage-snapshots:lts/3/20.yaml",
            "https://raw.githubusercontent.com/commercialhaskell/stackage-snapshots/m/lts/3/20.yaml",
        ],
    )
    def test_those_of_stackage(self, snapshot: str) -> None:
        assert self.found(snapshot) == []
