"""What the oracle does not ask: lines, texts, honesty about files that the real tool refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guard.haskell import (
    Manifest,
    SourceKind,
    Unread,
    Version,
    read_cabal,
    read_cabal_project,
    read_package_yaml,
    read_stack_yaml,
    reader_for,
    tool_for,
)

HEAD = "name: p\nversion: 1.0\ncabal-version: >=1.10\nbuild-type: Simple\n"


def cabal(text: str) -> Manifest:
    return read_cabal((HEAD + text).encode(), "p.cabal")


def given(manifest: Manifest) -> list[tuple[int, str]]:
    return [(one.line, one.text) for one in manifest.requirements]


def tools(manifest: Manifest) -> list[tuple[str, str]]:
    return [(one.package, str(one.range)) for one in manifest.tools]


def doubts(manifest: Manifest) -> list[tuple[int, str | None]]:
    return [(one.line, one.package) for one in manifest.unread if one.concerns_requirements]


def test_each_requirement_knows_its_line_and_text() -> None:
    manifest = cabal(
        "library\n"
        "  build-depends:\n"
        "      base >=4\n"
        "    -- , aeson\n"
        "\n"
        "    , thentos-core\n"
        "        >=0.3\n"
        "        &&   <0.4, text\r\n"
    )
    assert given(manifest) == [
        (7, "base >=4"),
        (10, "thentos-core >=0.3 && <0.4"),
        (12, "text"),
    ]
    assert manifest.version_line == 2
    assert not manifest.lenient


@pytest.mark.parametrize(
    ("field", "package"),
    [
        ("foo >=1 <2", "foo"),
        ("foo >=1, <2", "foo"),
        ("foo ==0.03", "foo"),
        ("foo-1.0", "foo"),
        ("foo-bar ~>1", "foo-bar"),
        ("foo = 1", "foo"),
        ("foo_bar", None),
        ("=1", None),
    ],
)
def test_what_cannot_be_read_is_said(field: str, package: str | None) -> None:
    manifest = cabal(f"library\n  build-depends: base, {field}, text\n")
    assert manifest.lenient
    expected = ["base", "text"] if field != "=1" else ["text"]
    assert [one.package for one in manifest.requirements] == expected
    assert [who for _, who in doubts(manifest)] == [package if field != "=1" else "base"]


def test_a_comment_at_the_end_of_a_line_is_none() -> None:
    manifest = cabal("library\n  build-depends: base >=4 -- old, thentos-core >=1\n   , text\n")
    assert given(manifest) == [(7, "text")]
    assert doubts(manifest) == [(6, "base"), (6, "thentos-core")]


@pytest.mark.parametrize(
    "head",
    [
        "name: p\nversion: v0.24.5\nbuild-type: Simple\n",
        "cabal-version: 99.0\nname: p\nversion: 1\nbuild-type: Simple\n",
    ],
)
def test_trouble_elsewhere_hides_no_requirement(head: str) -> None:
    manifest = read_cabal((head + "library\n  build-depends: foo >=1\n").encode(), "p.cabal")
    assert manifest.lenient
    assert manifest.unread
    assert doubts(manifest) == []
    assert [one.text for one in manifest.requirements] == ["foo >=1"]


@pytest.mark.parametrize(
    "text",
    [
        "license: AGPL-3 or later\nlibrary\n  build-depends: foo >=1\n",
        "build-type: Custom\nlibrary\n  exposed-modules: a.b\n  build-depends: foo >=1\n",
        "test-suite t\n  type: of its own\n  if flag(undefined)\n    build-depends: foo >=1\n",
    ],
)
def test_what_asks_for_no_version_is_not_looked_at(text: str) -> None:
    manifest = read_cabal(f"name: p\nversion: 1\n{text}".encode(), "p.cabal")
    assert [one.text for one in manifest.requirements] == ["foo >=1"]
    assert not manifest.lenient


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("build-depends: a\nexposed-modules: M\n", ["library a"]),
        ("build-depends: a\nhs-source-dirs: src\n", ["library a"]),
        ("build-depends: a\ncategory: Web\n", []),
        (
            "build-depends: a\nexecutable: x\nbuild-depends: b\nexecutable: y\n",
            ["executable x a", "executable x b", "executable y a"],
        ),
        (
            "exposed-modules: M\nbuild-depends: a\nexecutable: x\nbuild-depends: b\n",
            ["library a", "executable x a", "executable x b"],
        ),
    ],
)
def test_a_file_without_sections(text: str, expected: list[str]) -> None:
    manifest = read_cabal(f"name: p\nversion: 1\n{text}".encode(), "p.cabal")
    assert [f"{one.section} {one.package}" for one in manifest.requirements] == expected


@pytest.mark.parametrize("name", ["custom-setup", "flag f", "source-repository head"])
def test_a_section_where_none_may_be_is_in_doubt(name: str) -> None:
    manifest = cabal(f"{name}\n  library\n    build-depends: foo\n")
    assert doubts(manifest) == [(6, None)]


def test_of_two_common_stanzas_with_one_name_neither_is_trusted() -> None:
    manifest = read_cabal(
        b"cabal-version: 2.2\nname: p\nversion: 1\ncommon c\n  build-depends: a\n"
        b"common c\n  build-depends: b\nlibrary\n  import: c\n",
        "p.cabal",
    )
    assert doubts(manifest) == [(6, None)]


def test_of_a_conflict_neither_side_is_read() -> None:
    manifest = cabal(
        "library\n  build-depends: base\n"
        "<<<<<<< HEAD\n    , foo >=1\n    , bar\n=======\n    , foo >=2\n    , bar\n>>>>>>> x\n"
        "    , text\n"
    )
    assert given(manifest) == [(6, "base"), (14, "text")]
    assert doubts(manifest) == [(7, None)]
    assert manifest.lenient


SIDES = "<<<<<<< a\n{0}\n||||||| b\n{0}\n=======\n{0}\n>>>>>>> c\n"


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize(
    ("path", "before", "sides"),
    [
        ("p.cabal", "name: p\n", "version: 2"),
        ("package.yaml", "name: p\n", "version: 2\ndependencies: foo"),
        ("stack.yaml", "resolver: lts-3.1\n", "extra-deps: [foo-1.0]"),
        ("stack.yaml.lock", "snapshots: []\n", "packages: [{completed: {hackage: foo-1.0}}]"),
        ("cabal.project", "packages: .\n", "constraints: foo ==1"),
    ],
)
def test_a_conflict_leaves_every_reader_in_doubt(
    path: str, before: str, sides: str, closed: bool
) -> None:
    text = before + SIDES.format(sides)
    reader = reader_for(path)
    assert reader is not None
    manifest = reader((text if closed else text.partition(">>>>")[0]).encode(), path)
    assert doubts(manifest) == [(2, None)]
    assert "a conflict is not resolved" in {one.reason for one in manifest.unread}
    assert manifest.requirements == ()
    assert [one.package for one in manifest.sources if one.package] == []
    assert manifest.version is None


def test_internal_libraries_are_no_requirements() -> None:
    text = "library\n  build-depends: inner, foo\nlibrary inner\n  build-depends: bar\n"
    assert [one.package for one in cabal(text).requirements] == ["foo", "bar"]


def test_a_control_character_makes_its_line_unread() -> None:
    manifest = cabal("library\n  build-depends: base,\x0c foo\n  ghc-options: -O\n")
    assert manifest.requirements == ()
    assert [line for line, _ in doubts(manifest)] == [6]


def test_tools_are_kept_apart() -> None:
    manifest = cabal("library\n  build-tool-depends: happy:happy >=1.19\n")
    assert manifest.requirements == ()
    assert tools(manifest) == [("happy", ">=1.19")]


@pytest.mark.parametrize(
    ("field", "read", "doubted"),
    [
        ("alex, x:gen >=1", [("x", ">=1")], ["alex"]),
        ("x:gen >=1,, y:gen", [("x", ">=1"), ("y", ">=0")], [None]),
        ("x:{gen,gon} ==1, y:gen", [("y", ">=0")], ["x"]),
    ],
)
def test_of_a_broken_list_of_tools_what_reads_by_itself_counts(
    field: str, read: list[tuple[str, str]], doubted: list[str | None]
) -> None:
    manifest = cabal(f"library\n  build-tool-depends: {field}\n")
    assert tools(manifest) == read
    assert [one.package for one in manifest.unread] == doubted


# What hpack 0.38.3 writes into build-tool-depends.
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("library: {build-tools: 'x:gen >=0.2 && <0.3'}\n", [("x", ">=0.2 && <0.3")]),
        ("build-tools: {x:gen: 0.2.*}\nlibrary: {}\n", [("x", ">=0.2 && <0.3")]),
        ("library:\n  build-tools: [{name: x:gen, version: 0.3}]\n", [("x", "==0.3")]),
        ("library: {build-tools: x ==1}\n", [("x", "==1")]),
        ("build-tools: x:gen ==1\nlibrary: {build-tools: x:gen ==2}\n", [("x", "==2")]),
        ("library: {when: {condition: flag(f), build-tools: x:gen ==1}}\n", [("x", "==1")]),
        ("executables: {gen: {build-tools: [gen, x:gen]}}\n", [("x", ">=0")]),
        ("library: {verbatim: {build-tool-depends: x:gen ==1}}\n", [("x", "==1")]),
        (
            "library: {build-tools: x:a ==1, verbatim: {build-tool-depends: x:a ==2}}\n",
            [("x", "==2")],
        ),
        ("system-build-tools: x\nbuild-tool-depends: y:y\nlibrary: {}\n", [("y", ">=0")]),
        ("library: {build-tool-depends: x:gen ==1}\n", [("x", "==1")]),
        ("library: {build-tools: x ==1, build-tool-depends: x ==2}\n", [("x", "==1")]),
    ],
)
def test_the_tools_of_a_package_yaml(text: str, read: list[tuple[str, str]]) -> None:
    manifest = read_package_yaml(f"name: p\n{text}".encode(), "package.yaml")
    assert tools(manifest) == read
    assert manifest.requirements == ()
    assert not manifest.lenient


def test_a_literal_of_a_package_yaml_can_hold_a_setup_and_tools() -> None:
    text = "verbatim: |\n  custom-setup\n    setup-depends: x ==0.3\n  executable e\n" \
           "    build-tool-depends: y:gen ==1\n"  # fmt: skip
    manifest = read_package_yaml(f"name: p\n{text}".encode(), "package.yaml")
    (setup,), (tool,) = manifest.requirements, manifest.tools
    assert (setup.section, setup.line, setup.text) == ("custom-setup", 4, "x ==0.3")
    assert (tool.section, tool.line, tool.text) == ("executable e", 6, "y:gen ==1")


def test_package_yaml_knows_its_lines() -> None:
    manifest = read_package_yaml(
        b"name: p\ndependencies:\n- base >=4\n- foo\nlibrary:\n  dependencies:\n"
        b"    foo: 0.10\n    bar: {git: u, ref: r, subdir: s}\ntests:\n  t: {main: T.hs}\n",
        "package.yaml",
    )
    assert [(one.section, one.line, one.text) for one in manifest.requirements] == [
        ("library", 3, "base >=4"),
        ("library", 7, "foo: 0.10"),
        ("library", 8, "bar: {git: u, ref: r, subdir: s}"),
        ("test-suite t", 3, "base >=4"),
        ("test-suite t", 4, "foo"),
    ]
    assert str(manifest.requirements[1].range) == "==0.10"
    source = manifest.sources[0]
    assert (source.package, source.kind, source.url, source.commit, source.subdir) == (
        "bar",
        SourceKind.GIT,
        "u",
        "r",
        "s",
    )


def test_a_section_replaces_even_with_what_cannot_be_read() -> None:
    manifest = read_package_yaml(
        b"dependencies: [foo >=1]\nlibrary:\n  dependencies: [foo =2]\n", "package.yaml"
    )
    assert manifest.requirements == ()
    assert doubts(manifest) == [(3, "foo")]


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("spec-version: 0.37.0\nsynopsis: [a]\nflags: {f: {manual: 1}}\n", []),
        ("homepage:\nlicense:\nx-own:\n", []),
        ("frameworks:\ndata-files:\n", ["frameworks:", "data-files:"]),
        ("extra-source-files:\nghc-options:\n", ["extra-source-files:", "ghc-options:"]),
    ],
)
def test_what_hpack_refuses_elsewhere_hides_no_requirement(text: str, empty: list[str]) -> None:
    manifest = read_package_yaml(
        f"name: p\n{text}library: {{}}\nwhen:\n- condition: flag(g)\n  then:\n"
        "    dependencies: foo\ndependencies: bar\n".encode(),
        "package.yaml",
    )
    assert [(one.package, len(one.when)) for one in manifest.requirements] == [
        ("bar", 0),
        ("foo", 1),
    ]
    assert [one.text for one in manifest.unread] == empty
    assert doubts(manifest) == []


def test_a_branch_that_is_no_map_is_in_doubt() -> None:
    manifest = read_package_yaml(
        b"library:\n  when:\n    condition: os(linux)\n    then: [foo]\n", "package.yaml"
    )
    assert doubts(manifest) == [(4, None)]


def test_stack_allow_newer_and_lines() -> None:
    manifest = read_stack_yaml(
        b"resolver: lts-3.1\nallow-newer: true\nextra-deps:\n- foo-0.3.0@rev:1\n", "stack.yaml"
    )
    assert [(one.scope, one.package) for one in manifest.allow_newer] == [("*", "*")]
    assert [(one.package, one.version, one.line) for one in manifest.sources[1:]] == [
        ("foo", Version((0, 3, 0)), 4)
    ]


@pytest.mark.parametrize(
    "value", ["../t/a}", "../t/{a,b", "../t/a\n  {"], ids=["closed", "open", "alone"]
)
def test_braces_in_packages_come_in_pairs(value: str) -> None:
    manifest = read_cabal_project(f"packages: {value}\n".encode(), "cabal.project")
    assert [(one.line, one.reason) for one in manifest.unread] == [(1, "expected braces in pairs")]
    assert doubts(manifest) == []
    manifest = read_cabal_project(b'packages: a/{b, {c,d}} "e f"\n  *.cabal,g\n', "cabal.project")
    assert manifest.unread == ()


@pytest.mark.parametrize(
    ("verbatim", "version"),
    [
        ("{version: 0.5}", "0.5"),
        ("[{x: y}, {version: '0.5.1'}]", "0.5.1"),
        ("{x: y}", "0.3.1"),
        ("{version: x}", "None"),
    ],
)
def test_a_version_that_is_verbatim_replaces_hpacks(verbatim: str, version: str) -> None:
    text = f"name: p\nversion: 0.3.1\nverbatim: {verbatim}\nlibrary: {{}}\n"
    assert str(read_package_yaml(text.encode(), "package.yaml").version) == version


@pytest.mark.parametrize(("spec", "lines"), [("2.4", []), ("3.0", [5]), ("3.8", [5])])
def test_build_tools_are_no_field_from_cabal_version_3_on(spec: str, lines: list[int]) -> None:
    text = f"cabal-version: {spec}\nname: p\nversion: 1\nlibrary\n  build-tools: alex >=3\n"
    manifest = read_cabal(text.encode(), "p.cabal")
    assert [one.line for one in manifest.unread] == lines
    assert doubts(manifest) == []


PACKAGE = "source-repository-package\n  type: git\n  location: https://example.org/a"


@pytest.mark.parametrize(
    "block", ["packages: a", "import: https://example.org/x", PACKAGE, "constraints: b <2"]
)
def test_what_is_never_in_force_in_a_project(block: str) -> None:
    block = "\n".join(f"  {line}" for line in block.split("\n"))
    for chain in (f"if false\n{block}\n", f"if true\n  flags: +x\nelse\n{block}\n"):
        manifest = read_cabal_project(chain.encode(), "cabal.project")
        assert (manifest.sources, manifest.requirements, manifest.unread) == ((), (), ())
    held = read_cabal_project(f"if os(linux)\n{block}\n".encode(), "cabal.project")
    assert held.sources or held.unread


@pytest.mark.parametrize("block", ["packages: a", "import: https://example.org/x", PACKAGE])
@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        ("os(windows)", False),
        ("!os(linux)", False),
        ("os(osx) && impl(ghc >= 9)", False),
        ("os(osx) || (os(mingw32) || false)", False),
        ("os(osx) || impl(ghc >= 9)", True),
        ("!os(windows) && arch(aarch64)", True),
        ("os(linux) or x", True),
    ],
)
def test_where_packages_come_from_elsewhere_than_on_linux_does_not_count(
    block: str, condition: str, counts: bool
) -> None:
    block = "\n".join(f"  {line}" for line in block.split("\n"))
    for text in (
        f"if {condition}\n",
        f"if os(linux) && impl(ghc)\n  flags: +x\nelif {condition}\n",
    ):
        manifest = read_cabal_project(f"{text}{block}\n".encode(), "cabal.project")
        lines = {one.line for one in manifest.sources} | {one.line for one in manifest.unread}
        assert bool(lines - {1, 3} if "or x" in condition else lines) is counts


def test_project_scopes_and_conditions() -> None:
    manifest = read_cabal_project(
        b"constraints: setup.foo ==1,\n  bar <2\nif os(windows)\n  constraints: baz >3\n"
        b"import: more.config\nallow-newer: p-1.2:bar, *:^foo\n",
        "cabal.project",
    )
    assert [
        (one.package, one.line, one.scope, [str(c) for c in one.when])
        for one in manifest.requirements
    ] == [
        ("foo", 1, "setup.*", []),
        ("bar", 2, "toplevel", []),
        ("baz", 4, "toplevel", ["os(windows)"]),
    ]
    assert [(one.line, one.reason) for one in manifest.unread] == [
        (5, "what more.config says is not known here")
    ]
    assert [(one.scope, one.package) for one in manifest.allow_newer] == [
        ("p-1.2", "bar"),
        ("*", "foo"),
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("aula.cabal", "read_cabal"),
        ("a/package.yaml", "read_package_yaml"),
        ("stack.yaml", "read_stack_yaml"),
        ("stack.yaml.lock", "read_stack_lock"),
        ("cabal.project.freeze", "read_cabal_project"),
        ("cabal.config", "read_cabal_project"),
        ("README.md", None),
        (".cabal", None),
    ],
)
def test_reader_for(path: str, name: str | None) -> None:
    reader = reader_for(path)
    assert (reader and reader.__name__) == name


def test_bytes_that_are_no_text() -> None:
    for reader in (read_cabal, read_package_yaml, read_stack_yaml, read_cabal_project):
        manifest = reader(b"\x00\xff\xfe\x01", "x")
        assert manifest.lenient
        assert any(one.package is None for one in manifest.unread)
        assert all(isinstance(one, Unread) for one in manifest.unread)


@pytest.mark.parametrize("spec", ["2.4", "3.6", "3.8", "3.12", "3.14", "3.16"])
def test_formats_of_today_are_read_without_a_word(spec: str) -> None:
    text = (
        f"cabal-version: {spec}\nname: p\nversion: 1\nlibrary\n  build-depends: foo:{{a,b}} >=1\n"
    )
    # Cabal 3.12.1 wants sublibraries to be of 3.0.
    assert read_cabal(text.encode(), "p.cabal").lenient is (spec == "2.4")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("3.10", "there is no cabal-version 3.10"),
        ("3.18", "there is no cabal-version 3.18"),
        ("3.4.0", "there is no cabal-version 3.4.0"),
        (">=3.4", "from 2.2 on this is no range"),
    ],
)
def test_formats_that_are_none(spec: str, reason: str) -> None:
    text = f"cabal-version: {spec}\nname: p\nversion: 1\nlibrary\n  build-depends: base\n"
    (unread,) = read_cabal(text.encode(), "p.cabal").unread
    assert (unread.line, unread.reason) == (1, reason)


def test_names_of_cabal_where_those_of_hpack_do_not_stand() -> None:
    manifest = hpack_with(
        "build-depends: foo >=2\n"
        "library: {build-tool-depends: 't:t >=1', when: {condition: flag(f), build-depends: bar}}\n"
        "tests: {t: {dependencies: baz, build-depends: lost}}\n"
        "custom-setup: {build-depends: lost, setup-depends: lost}\n"
    )
    assert [f"{one.section}: {one.package}" for one in manifest.requirements] == [
        "library: foo",
        "library: bar",
        "test-suite t: foo",
        "test-suite t: baz",
    ]
    assert [one.package for one in manifest.tools] == ["t"]
    assert not manifest.unread


def test_what_is_no_field_at_the_top_level_may_be_empty() -> None:
    assert not hpack_with("other-modules:\nsignatures:\nlibrary: {}\n").unread
    assert hpack_with("library:\n  other-modules:\n").lenient
    assert hpack_with("ghc-options:\nlibrary: {}\n").lenient


def hpack_with(text: str) -> Manifest:
    return read_package_yaml(f"name: p\nversion: 1\n{text}".encode(), "package.yaml")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("0.36.0", None),
        ("0.38.3", None),
        ("0.38.4", "hpack 0.38.3 is older"),
        ("1", "hpack 0.38.3 is older"),
        ("foo", "expected a number of a version"),
    ],
)
def test_specifications_of_hpack(spec: str, reason: str | None) -> None:
    manifest = hpack_with(f"spec-version: {spec}\ndependencies: base\nlibrary: {{}}\n")
    assert [one.reason for one in manifest.unread] == ([reason] if reason else [])
    assert [one.package for one in manifest.requirements] == ["base"]
    assert not doubts(manifest)


@pytest.mark.parametrize(
    ("verbatim", "packages"),
    [
        ("", ["base"]),
        ("verbatim: {cabal-version: 3.0}\n", ["base"]),
        ("verbatim: {cabal-version: 3.4}\n", ["base", "inner"]),
        ("verbatim:\n- x-foo: y\n- cabal-version: '3.8'\n", ["base", "inner"]),
        ("verbatim: {cabal-version: no}\n", ["base"]),
    ],
)
def test_from_3_4_a_plain_name_is_the_package_and_not_the_library_of_that_name(
    verbatim: str, packages: list[str]
) -> None:
    inner = "{inner: {dependencies: [base, inner >=2, 'p:inner']}}"
    manifest = hpack_with(f"{verbatim}internal-libraries: {inner}\n")
    assert [one.package for one in manifest.requirements] == packages
    # Cabal's own file says the same.
    spec = "3.4" if "inner" in packages else "3.0"
    text = f"cabal-version: {spec}\nname: p\nversion: 1\nlibrary inner\n"
    text += "  build-depends: base, inner, p:inner\n"
    ours = read_cabal(text.encode(), "p.cabal")
    assert [one.package for one in ours.requirements] == packages


@pytest.mark.parametrize(
    "text",
    [
        "packages:\n  .\n  libs/l\n",
        "packages: libs/l\nallow-newer: *:^foo\n",
    ],
)
def test_projects_that_cabal_takes_today(text: str) -> None:
    assert not read_cabal_project(text.encode(), "cabal.project").unread


def test_a_commit_of_stack_may_be_short_or_a_name() -> None:
    for commit in ("abc1234f", "v1.0", "A" * 40):
        text = f"snapshot: ghc-9.10.3\nextra-deps: [{{git: x, commit: {commit}}}]\n"
        assert not read_stack_yaml(text.encode(), "stack.yaml").unread


@pytest.mark.parametrize(
    ("path", "tool"),
    [
        ("a/p.cabal", "Cabal 3.16"),
        ("package.yaml", "hpack 0.38"),
        ("stack.yaml.lock", "stack 3.7"),
        ("cabal.project.local", "cabal-install 3.12"),
    ],
)
def test_the_tool_of_a_file(path: str, tool: str) -> None:
    assert tool_for(path) == tool


def test_the_command_prints_one_object_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.cabal"
    path.write_text(HEAD + "library\n  if flag(f)\n    build-depends: foo\n  else\n"
                    "    build-depends: foo ==1.*\nflag f\n")  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "guard.haskell", str(path), str(tmp_path / "none")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 2
    assert "No such file" in ran.stderr
    assert json.loads(ran.stdout) == {
        "path": str(path),
        "package": "p",
        "version": "1.0",
        "lenient": False,
        "requirements": [
            {
                "package": "foo",
                "range": ">=0",
                "intervals": [[[0], True, None]],
                "line": 7,
                "section": "library",
                "when": ["flag(f)"],
            },
            {
                "package": "foo",
                "range": ">=1 && <2",
                "intervals": [[[1], True, [[2], False]]],
                "line": 9,
                "section": "library",
                "when": [{"not": "flag(f)"}],
            },
        ],
        "tools": [],
        "sources": [],
        "unread": [],
    }


def test_a_cabal_file_alone_loads_no_yaml() -> None:
    script = (
        "import sys, guard.haskell as h; h.VersionRange.parse('>=1'); h.read_cabal(b'', 'p.cabal');"
        "print([m for m in sys.modules if m in ('yaml', 'dataclasses', 'inspect')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"


CUSTOM = "name: p\nversion: 1.0\nbuild-type: Custom\ncabal-version: 1.24\n"


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("library\n\u00a0\u00a0build-depends: base\n  foo:{a,b}\n", ["library base"]),
        ("library\n  build-depends: base\ncustom-setup other\n  x: y\n", ["library base"]),
        (
            "custom-setup\n  setup-depends: base\ncustom-setup\n  setup-depends: Cabal\n",
            ["custom-setup Cabal"],
        ),
        ("flag f\n  build-tool-depends: happy\nlibrary\n  build-depends: base\n", ["library base"]),
    ],
    ids=["no-break spaces are a column each", "a named setup", "the last setup", "a flag"],
)
def test_what_cabal_reads_of_it(text: str, required: list[str]) -> None:
    manifest = read_cabal((CUSTOM + text).encode(), "p.cabal")
    assert [f"{one.section} {one.package}" for one in manifest.requirements] == required


# From hpack 0.38.3. With both names in one place, hpack's own counts.
@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("library: {build-depends: [x ==1]}\n", ["==1"]),
        ("library: {}\nbuild-depends: {x: ==1}\n", ["==1"]),
        ("library: {when: {condition: os(linux), build-depends: x ==1}}\n", ["==1"]),
        ("library: {build-depends: x ==1}\ndependencies: x ==2\n", ["==1"]),
        ("library: {build-depends: x ==1, dependencies: x ==2}\n", ["==2"]),
        ("library: {build-depends: x ==1, dependencies: []}\n", []),
        ("custom-setup: {build-depends: x ==1}\nlibrary: {}\n", []),
    ],
)
def test_a_package_yaml_may_say_build_depends(text: str, required: list[str]) -> None:
    manifest = read_package_yaml(f"name: p\n{text}".encode(), "package.yaml")
    assert [str(one.range) for one in manifest.requirements] == required
    assert not manifest.lenient


def test_spaces_before_the_first_dependency_are_none() -> None:
    """Cabal skips them, whichever they are."""
    for space in (" ", "\u00a0", "\u3000 "):
        text = f"{CUSTOM}library\n  build-depends:{space}foo\n  build-tool-depends:{space}\n"
        manifest = read_cabal(text.encode(), "p.cabal")
        assert [one.package for one in manifest.requirements] == ["foo"]
        assert not manifest.lenient


@pytest.mark.parametrize("line", ["../x", "  -> foo", ".= a", "  --> x"])
def test_a_line_that_begins_with_an_operator_is_no_section(line: str) -> None:
    text = f"{CUSTOM}library\n  build-depends: foo\n{line}\n"
    manifest = read_cabal(text.encode(), "p.cabal")
    assert manifest.lenient == (not line.strip().startswith("--"))


def test_a_line_may_begin_with_a_dash_or_a_dot() -> None:
    text = f"{CUSTOM}library\n  build-depends: foo\n..\n.x: y\n-\n"
    assert not read_cabal(text.encode(), "p.cabal").lenient


def test_what_cannot_be_read_and_counts_is_said_once() -> None:
    text = b"name: p\nlibrary: {}\ndependencies: [foo bar]\n"
    (unread,) = read_package_yaml(text, "package.yaml").unread
    assert unread.concerns_requirements
