"""Requirements under conditions: some assignment of them has to build and to fit."""

from __future__ import annotations

import time

import pytest

from guard.model import Finding, Severity
from guard.plan.align import choose
from guard.rules import dependency_match
from tests.rules.case import a_pin, facts, releases, told, with_remedies

check = with_remedies(dependency_match.check)

OLD, NEW = "thentos-core >=0.2 && <0.3", "thentos-core >=0.3 && <0.4"
HEAD = "cabal-version: 3.0\nname: aula\nversion: 0.1\n"
MANUAL = "flag dev\n  manual: True\n  default: {}\n"


def cabal(*lines: str, flags: str = "") -> dict[str, str]:
    """A library with these lines; the first is line 5 where there are no flags."""
    body = "".join(f"  {line}\n" for line in lines)
    return {"aula.cabal": f"{HEAD}library\n{body}{flags}"}


def either(condition: str, then: str = OLD, otherwise: str = NEW) -> tuple[str, ...]:
    return (
        f"if {condition}",
        f"  build-depends: {then}",
        "else",
        f"  build-depends: {otherwise}",
    )


def check_at(version: str, files: dict[str, str]) -> list[Finding]:
    return check(facts(files, a_pin({"thentos-core": version})))


def worst(version: str, files: dict[str, str]) -> str:
    """``""`` where nothing is found, else the first severity and message."""
    return next((f"{severity}: {text}" for severity, text in told(check_at(version, files))), "")


HPACK = """\
name: aula
library:
  when:
    condition: {}
    then: {{dependencies: "thentos-core >=0.2 && <0.3"}}
    else: {{dependencies: "thentos-core >=0.3 && <0.4"}}
"""


@pytest.mark.parametrize(
    "files",
    [
        cabal(*either("os(windows)")),
        cabal(*either("os(mingw32) || arch(aarch64)")),
        cabal(*either("impl(ghcjs)")),
        cabal(*either("flag(old)"), flags="flag old\n  default: False\n"),
        cabal(*either("!flag(new)"), flags="flag new\n"),
        cabal(*either("false")),
        {"package.yaml": HPACK.format("os(windows)")},
        {"package.yaml": HPACK.format("flag(old)") + "flags: {old: {manual: true, default: no}}\n"},
        {
            **cabal("build-depends: thentos-core <0.4"),
            "cabal.project": f"if os(windows)\n  constraints: {OLD}\nelse\n  constraints: {NEW}\n",
        },
    ],
)
def test_of_branches_that_exclude_each_other_the_usual_one_counts(files: dict[str, str]) -> None:
    assert check_at("0.3.0", files) == []
    assert check_at("0.2.1", files) != []
    assert worst("0.9", files).startswith("error: thentos-core is 0.9, but aula requires ")


def test_an_unusual_assignment_is_named_with_what_is_asked_else() -> None:
    (finding,) = check_at("0.2.1", cabal(*either("os(windows)")))
    assert finding.severity is Severity.NOTE
    assert finding.message == (
        "aula can be built with thentos-core 0.2.1 only with os(windows); else it requires "
        "thentos-core >=0.3 && <0.4 (aula.cabal:8)"
    )
    assert [place.line for place in finding.evidence] == [8]
    flagged = cabal(*either("flag(old)"), flags="flag old\n  default: False\n")
    assert "only with flag old of aula on; else" in check_at("0.2.1", flagged)[0].message
    assert "another os" in check_at("0.2.1", cabal(*either("!os(linux)")))[0].message
    assert "impl(ghcjs)" in check_at("0.2.1", cabal(*either("impl(ghcjs)")))[0].message


def test_a_requirement_that_an_unusual_assignment_avoids_is_one_all_the_same() -> None:
    files = cabal("if os(linux)", f"  build-depends: {OLD}")
    assert [severity for severity, _ in told(check_at("0.3.0", files))] == ["note"]


def test_where_none_fits_the_usual_requirement_is_named() -> None:
    (finding,) = check_at("0.5", cabal(*either("os(windows)")))
    assert finding.message == (
        "thentos-core is 0.5, but aula requires >=0.3 && <0.4 (aula.cabal:8)"
    )


@pytest.mark.parametrize(
    ("condition", "newest", "other", "only"),
    [
        ("impl(ghc >= 9.2)", "0.2.1", "0.3.0", "ghc <9.2"),
        ("impl(ghc < 9.2)", "0.3.0", "0.2.1", "ghc <9.2"),
        ("impl(ghc == 9.2.*)", "0.3.0", "0.2.1", "ghc >=9.2 && <9.3"),
        ("impl(ghc == 9.2.1)", "0.3.0", "0.2.1", "ghc ==9.2.1"),
    ],
)
def test_what_only_other_versions_of_the_compiler_build_is_a_note(
    condition: str, newest: str, other: str, only: str
) -> None:
    """The newest is the usual one, where the project names none."""
    files = cabal(*either(condition))
    assert check_at(newest, files) == []
    (finding,) = check_at(other, files)
    assert finding.severity is Severity.NOTE
    assert f"only with impl({only}); else" in finding.message


@pytest.mark.parametrize(
    "project",
    [
        {"stack.yaml": "resolver: ghc-9.0.2\n"},
        {"stack.yaml": "snapshot: {compiler: ghc-9.0.2}\n"},
        {"stack.yaml": "snapshot: lts-20.26\ncompiler: ghc-9.0.2\n"},
        {"cabal.project": "with-compiler: ghc-9.0.2\n"},
        {"cabal.project.local": "packages: .\nwith-compiler: /opt/ghc/bin/ghc-9.0\n"},
    ],
)
def test_the_compiler_that_a_project_names_is_no_choice(project: dict[str, str]) -> None:
    for condition, fits, lacks in (
        ("impl(ghc >= 9.2)", "0.3.0", "0.2.1"),
        ("impl(ghc == 9.0.*)", "0.2.1", "0.3.0"),
    ):
        files = cabal(*either(condition)) | project
        assert check_at(fits, files) == []
        assert worst(lacks, files).startswith(f"error: thentos-core is {lacks}")


@pytest.mark.parametrize(
    "line",
    ["with-compiler: ghc", "if os(windows)\n  with-compiler: ghc-9.0.2", "with-compiler: clang-9"],
)
def test_what_names_no_version_of_a_compiler_chooses_none(line: str) -> None:
    files = cabal(*either("impl(ghc >= 9.2)")) | {"cabal.project": f"{line}\n"}
    assert [worst(each, files)[:5] for each in ("0.2.1", "0.3.0")] == ["", "note:"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("impl(ghc >= 9)", "impl(ghc < 9)"),
        ("impl(ghc)", "!impl(ghc >= 0)"),
        ("impl(ghc >= 8.10)", "impl(ghcjs) || !impl(ghc >= 8.10)"),
        ("os(linux)", "!os(linux)"),
        ("flag(a) && flag(b)", "!flag(a) || !flag(b)"),
        ("true", "false"),
    ],
)
def test_conditions_of_which_one_always_holds_leave_no_way_out(first: str, second: str) -> None:
    flags = "flag a\nflag b\n"
    lines = (f"if {one}\n    build-depends: {OLD}" for one in (first, second))
    files = cabal(*lines, flags=flags)
    assert worst("0.3.0", files).startswith("error: thentos-core is 0.3.0")


def test_systems_and_versions_that_exclude_each_other_are_never_both() -> None:
    for both in (
        "os(windows) && os(osx)",
        "impl(ghc < 8) && impl(ghc >= 9)",
        "impl(eta) && impl(ghc)",
    ):
        files = cabal(f"build-depends: {NEW}", f"if !({both})", f"  build-depends: {OLD}")
        assert worst("0.3.0", files).startswith("error: ")
    # GHCJS passes for the GHC that it is made of.
    files = cabal(*either("impl(ghcjs) && impl(ghc >= 8)", NEW, OLD))
    assert worst("0.3.0", files).startswith("note: ")


class TestFlags:
    """One that is manual keeps its default unless the project sets it."""

    FILES = cabal(*either("flag(dev)"), flags=MANUAL.format(True))
    REST = f"executable x\n  build-depends: {NEW}\n"
    SET = (
        ("stack.yaml", "resolver: lts-6.0\nflags:\n  aula:\n    dev: false\n"),
        ("cabal.project", "packages: .\nflags: -dev\n"),
        ("cabal.project", "packages: .\npackage aula\n  flags: -dev +other\n"),
        ("cabal.project", "packages: .\nconstraints: aula -dev\n"),
        ("cabal.project.local", "constraints: any.aula -other -dev\n"),
        ("cabal.project", "packages: .\nif os(linux)\n  package aula\n    flags: -dev\n"),
        (
            "cabal.project",
            "if os(osx)\n  flags: +dev\nelif os(linux)\n  flags: -dev\nelse\n  flags: +dev\n",
        ),
    )
    NOT_SET = (
        ("stack.yaml", "resolver: lts-6.0\nflags:\n  aula:\n    dev: true\n"),
        ("stack.yaml", "resolver: lts-6.0\nflags:\n  other:\n    dev: false\n"),
        ("cabal.project", "packages: .\npackage *\n  flags: -dev\n"),
        ("cabal.project", "packages: .\npackage other\n  flags: -dev\n"),
        ("cabal.project", "packages: .\nconstraints: aula:setup.aula -dev\n"),
        ("cabal.project", "packages: .\nflags: -dev +dev\n"),
    )

    def test_a_manual_flag_keeps_its_default(self) -> None:
        assert worst("0.3.0", self.FILES).startswith("error: thentos-core is 0.3.0")
        assert worst("0.2.1", self.FILES) == ""

    @pytest.mark.parametrize(("path", "text"), SET)
    def test_unless_the_project_sets_it(self, path: str, text: str) -> None:
        files = {**self.FILES, path: text}
        assert worst("0.3.0", files) == ""
        assert worst("0.2.1", files).startswith(("error: ", "note: "))

    @pytest.mark.parametrize("dev", ["true", "false"])
    @pytest.mark.parametrize(
        "project",
        [
            {"cabal.project": "package aula\n  flags: +dev\nconstraints: aula -dev\n"},
            {"cabal.project": "flags: -dev\n", "cabal.project.local": "flags: +dev\n"},
            {
                "cabal.project": "flags: +dev\n",
                "stack.yaml": "resolver: lts-6.0\nflags: {aula: {dev: false}}\n",
            },
        ],
    )
    def test_set_both_ways_nobody_knows_what_counts(
        self, project: dict[str, str], dev: str
    ) -> None:
        files = {**cabal(*either("flag(dev)"), flags=MANUAL.format(dev)), **project}
        for version in ("0.3.0", "0.2.1"):
            assert worst(version, files).startswith("undecided: whether aula can be built with")

    @pytest.mark.parametrize(("path", "text"), NOT_SET)
    def test_what_sets_another_or_both_ways_does_not(self, path: str, text: str) -> None:
        assert worst("0.3.0", {**self.FILES, path: text}).startswith("error: ")

    @pytest.mark.parametrize("flags", ["dev", "+dev,-other", "+dev+other", '"-dev"', "+ dev"])
    @pytest.mark.parametrize("place", ["", "package aula\n  ", "package *\n  "])
    def test_what_cabal_refuses_as_flags_is_undecided(self, place: str, flags: str) -> None:
        text = f"packages: .\n{place}flags: {flags}\n"
        assert worst("0.2.1", {**self.FILES, "cabal.project": text}) == (
            f"undecided: cabal.project:{text.count(chr(10))} cannot be read: "
            "expected + or - and the name of a flag"
        )

    def test_one_that_is_not_manual_may_be_either_unless_it_is_set(self) -> None:
        files = cabal(*either("flag(dev)"), flags="flag dev\n")
        assert worst("0.3.0", files).startswith("note: ")
        files["cabal.project"] = "flags: +dev\n"
        assert worst("0.3.0", files).startswith("error: ")

    @pytest.mark.parametrize(
        "files",
        [
            cabal(*either("flag(dev)"), flags="flag deb\n"),
            cabal(*either("os(windows) || !flag(dev)")),
            {"package.yaml": HPACK.format("flag(dev)")},
            cabal(f"build-depends: {NEW}")
            | {"cabal.project": f"if flag(dev)\n  constraints: {OLD}\n"},
            cabal(f"build-depends: {OLD}", "if flag(dev)", "  buildable: False", flags=REST),
        ],
    )
    def test_one_that_is_not_declared_leaves_no_choice(self, files: dict[str, str]) -> None:
        findings = check_at("0.3.0", files)
        assert Severity.ERROR in [one.severity for one in findings]
        assert f"{[*files][-1]} of aula names the flag dev, which it does not declare" in [
            one.message.partition(":")[0] for one in findings
        ]

    def test_all_components_of_a_package_share_one(self) -> None:
        text = "executable x\n  if flag(dev)\n    build-depends: {}\n  else\n"
        text += "    build-depends: {}\nflag dev\n"
        files = cabal(*either("flag(dev)"), flags=text.format(NEW, OLD))
        assert worst("0.3.0", files).startswith("error: ")
        assert worst("0.3.0", cabal(*either("flag(dev)"), flags=text.format(OLD, NEW))).startswith(
            "note: "
        )

    def test_each_package_has_its_own(self) -> None:
        files = cabal(*either("flag(dev)"), flags="flag dev\n")
        other = cabal(*either("flag(dev)", NEW, OLD), flags="flag dev\n")["aula.cabal"]
        files["other/other.cabal"] = other.replace("name: aula", "name: other")
        (finding,) = check_at("0.3.0", files)
        assert finding.severity is Severity.NOTE
        assert "flag dev of aula off; else" in finding.message


class TestBuildable:
    """What is not built asks nothing."""

    OTHER = f"executable x\n  build-depends: {NEW}\n"

    @pytest.mark.parametrize(
        "files",
        [
            cabal(f"build-depends: {OLD}", "buildable: False", flags=OTHER),
            cabal(f"build-depends: {OLD}", "if os(linux)", "  buildable: False", flags=OTHER),
            cabal(f"build-depends: {OLD}", "import: off", flags=OTHER)
            | {
                "aula.cabal": f"{HEAD}common off\n  buildable: false\nlibrary\n  import: off\n"
                f"  build-depends: {OLD}\n{OTHER}"
            },
            {
                "package.yaml": "name: aula\n"
                "library: {dependencies: thentos-core <0.3, buildable: no}\n"
                f"executables: {{x: {{main: X.hs, dependencies: '{NEW}'}}}}\n"
            },
            {
                "package.yaml": "name: aula\nbuildable: no\n"
                "library: {dependencies: thentos-core <0.3}\n"
                f"executables: {{x: {{main: X.hs, buildable: yes, dependencies: '{NEW}'}}}}\n"
            },
            {
                "package.yaml": f"name: aula\nlibrary: {{dependencies: '{NEW}'}}\n"
                "executables:\n  x:\n"
                "    dependencies: thentos-core <0.3\n    when:\n      condition: '!os(windows)'\n"
                "      buildable: false\n"
            },
        ],
    )
    def test_what_is_not_built_asks_nothing(self, files: dict[str, str]) -> None:
        assert worst("0.3.0", files) == ""

    def test_nor_does_what_a_flag_turns_off(self) -> None:
        exe = f"executable x\n  build-depends: {OLD}\n  if !flag(dev)\n    buildable: False\n"
        files = cabal(f"build-depends: {NEW}", flags=f"{exe}{MANUAL.format(False)}")
        assert worst("0.3.0", files) == ""
        files = cabal(f"build-depends: {NEW}", flags=f"{exe}{MANUAL.format(True)}")
        assert worst("0.3.0", files).startswith("error: ")

    def test_to_build_nothing_is_no_way_out(self) -> None:
        files = cabal(f"build-depends: {OLD}", "if os(windows)", "  buildable: False")
        assert worst("0.3.0", files).startswith("error: ")
        # Nor is to build no library where an executable needs it.
        needs = "executable x\n  build-depends: aula\n"
        assert worst(
            "0.3.0",
            cabal(f"build-depends: {OLD}", "if os(windows)", "  buildable: False", flags=needs),
        ).startswith("error: ")

    @pytest.mark.parametrize("spec", ["2.4", "3.0", "3.8"])
    @pytest.mark.parametrize("needed", ["aula:inner", "inner"])
    @pytest.mark.parametrize("needing", ["library", "executable x"])
    def test_nor_to_build_no_library_with_a_name_that_is_needed(
        self, needing: str, needed: str, spec: str
    ) -> None:
        needed = {"2.4": "inner", "3.8": "aula:inner"}.get(spec, needed)
        text = HEAD.replace("3.0", spec) + f"{needing}\n  build-depends: {{}}\nlibrary inner\n"
        text += f"  build-depends: {OLD}\n  if flag(small)\n    buildable: False\nflag small\n"
        assert worst("0.3.0", {"aula.cabal": text.format(needed)}).startswith("error: ")
        assert worst("0.3.0", {"aula.cabal": text.format("base")}).startswith("warning: ")

    def test_nor_is_it_in_a_package_yaml_or_for_another_package(self) -> None:
        inner = f"{{inner: {{dependencies: '{OLD}', when: {{condition: flag(f), buildable: no}}}}}}"
        text = f"name: aula\ninternal-libraries: {inner}\nflags: {{f: {{}}}}\nlibrary: {{}}\n"
        other = HEAD.replace("aula", "other") + "library\n  build-depends: {}\n"
        needing = {"other/other.cabal": other.format("aula:inner")}
        assert worst("0.3.0", {"package.yaml": text}).startswith("warning: ")
        assert worst("0.3.0", {"package.yaml": text, **needing}).startswith("error: ")
        text = text.replace("library: {}", "library: {dependencies: inner}")
        assert worst("0.3.0", {"package.yaml": text}).startswith("error: ")

    def test_a_condition_that_cannot_be_read_excuses_nothing(self) -> None:
        files = cabal(
            "if os(linux) and x", f"  build-depends: {OLD}", "else", f"  build-depends: {NEW}"
        )
        assert "error: thentos-core is 0.3.0"[:28] in [
            f"{s}: {t}"[:28] for s, t in told(check_at("0.3.0", files))
        ]


class TestAlign:
    """The release is chosen by the same question."""

    HELD = releases(
        v0_2_1={"thentos-core": "0.2.1"},
        v0_3_0={"thentos-core": "0.3.0"},
        v0_9_0={"thentos-core": "0.9.0"},
    )

    def chosen(self, files: dict[str, str], at: str = "0.9.0") -> str | None:
        choice = choose(facts(files, a_pin({"thentos-core": at}, tags=[]), candidates=self.HELD))
        return choice.chosen.release.tag if choice else None

    def test_one_that_fits_as_usual_comes_first(self) -> None:
        assert self.chosen(cabal(*either("os(windows)"))) == "v0.3.0"
        assert self.chosen(cabal(*either("os(linux)"))) == "v0.2.1"

    def test_another_where_none_does(self) -> None:
        assert self.chosen(cabal(*either("os(windows)", OLD, "thentos-core ==7"))) == "v0.2.1"
        assert (
            self.chosen(cabal(*either("os(windows)", "thentos-core ==7", "thentos-core ==8")))
            is None
        )


@pytest.mark.parametrize(
    ("lines", "starts"),  # or undecided
    [
        # Flags that have nothing to do with each other, each with a branch that does not fit.
        (["if flag(f{0})", f"  build-depends: {OLD}"], "note"),
        (["if impl(ghc >= {0})", f"  build-depends: {OLD}"], ""),
        (["if flag(f{0}) || os(o{0}) && !impl(c{0})", f"  build-depends: {OLD}"], "note"),
    ],
)
def test_many_conditions_take_no_time(lines: list[str], starts: str) -> None:
    many = [line.format(at) for at in range(100) for line in lines]
    flags = "".join(f"flag f{at}\n" for at in range(100))
    begun = time.process_time()
    found = worst("0.3.0", cabal(f"build-depends: {NEW}", *many, flags=flags))
    assert time.process_time() - begun < 1
    assert found.startswith((starts, "undecided"))


def test_conditions_that_nest_take_no_time() -> None:
    deep = ["  " * at + f"if flag(f{at % 7}) || !flag(f{at % 5})" for at in range(40)]
    deep.append("  " * 40 + f"build-depends: {OLD}")
    flags = "".join(f"flag f{at}\n" for at in range(7))
    begun = time.process_time()
    found = worst("0.3.0", cabal(f"build-depends: {NEW}", *deep * 20, flags=flags))
    assert time.process_time() - begun < 1
    assert found.startswith("note: ")


def test_more_than_can_be_decided_is_undecided() -> None:
    # Ten things in nine places: no assignment, and no short way to see that.
    flags = "".join(f"flag f{a}x{b}\n" for a in range(10) for b in range(9))
    lines = [
        f"if {' && '.join(f'!flag(f{a}x{b})' for b in range(9))}\n    build-depends: {OLD}"
        for a in range(10)
    ]
    lines += [
        f"if flag(f{a}x{b}) && flag(f{other}x{b})\n    build-depends: {OLD}"
        for a in range(10)
        for other in range(a)
        for b in range(9)
    ]
    begun = time.process_time()
    found = worst("0.3.0", cabal(f"build-depends: {NEW}", *lines, flags=flags))
    assert time.process_time() - begun < 1
    assert found.startswith("undecided: whether aula can be built with thentos-core 0.3.0 hangs on")
