"""What a manifest takes in of other files: hpack 0.38.3, cabal-install 3.12.1 and stack 3.7.1 were
asked for what each of them makes of these."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guard.haskell import Manifest, reader_for

HPACK = "name: aula\nversion: 0.1\n"
CABAL = "packages: .\n"
STACK = "snapshot: lts-3.20\npackages: [.]\n"


def read(files: dict[str, str], path: str = "") -> Manifest:
    """What the first of some files says, with the others beside it."""

    def content(name: str) -> bytes:
        if name not in files:
            raise LookupError(f"{name} is not there")
        return files[name].encode()

    path = path or next(iter(files))
    reader = reader_for(path)
    assert reader is not None
    return reader(files[path].encode(), path, content)


def asked(manifest: Manifest) -> list[str]:
    """Each requirement, and where it stands."""
    assert not [one for one in manifest.unread if one.concerns_requirements], manifest.unread
    return [
        f"{'/'.join([one.section, *map(str, one.when)])}: {one.package} {one.range} "
        f"({one.file or manifest.path}:{one.line})"
        for one in manifest.requirements
    ]


def hpack(text: str, **others: str) -> list[str]:
    files = {f"{name.replace('__', '/')}.yaml": content for name, content in others.items()}
    return asked(read({"package.yaml": HPACK + text, **files}))


def refusal(files: dict[str, str]) -> tuple[str, str]:
    """Where and why nothing, or not all, could be read."""
    manifest = read(files)
    (unread,) = [one for one in manifest.unread if one.concerns_requirements]
    return f"{unread.file or manifest.path}:{unread.line}", unread.reason


class TestHpackIncludes:
    def test_as_merge_key(self) -> None:
        text = "library:\n  <<: !include a.yaml\n"
        assert hpack(text, a="dependencies:\n- foo <2\n") == ["library: foo <2 (a.yaml:2)"]

    def test_of_several_merged_the_first_counts(self) -> None:
        text = "library:\n  <<: [!include a.yaml, !include b.yaml]\n"
        both = {"a": "dependencies: [a]\n", "b": "dependencies: [b]\nwhen: []\n"}
        assert hpack(text, **both) == ["library: a >=0 (a.yaml:1)"]

    def test_as_a_value_and_as_one_of_a_list(self) -> None:
        text = "library: {}\ndependencies: !include deps.yaml\n"
        deps = "- foo\n- !include one.yaml\n"
        assert hpack(text, deps=deps, one="bar >=1\n") == [
            "library: foo >=0 (deps.yaml:1)",
            "library: bar >=1 (one.yaml:1)",
        ]

    def test_as_the_value_of_an_anchor_which_hpack_itself_loses(self) -> None:
        text = "_c: &c !include a.yaml\nlibrary:\n  <<: *c\n"
        assert hpack(text, a="dependencies: foo\n") == ["library: foo >=0 (a.yaml:1)"]

    def test_anchors_are_shared_with_the_file_around(self) -> None:
        text = "_x: &x [foo]\n_a: !include a.yaml\nlibrary: {dependencies: *x}\ntests: *t\n"
        assert hpack(text, a="u: &t {t: {dependencies: *x}}\nv: &x [bar]\n") == [
            "library: bar >=0 (a.yaml:2)",
            "test-suite t: foo >=0 (package.yaml:3)",
        ]

    def test_a_path_counts_from_the_file_that_names_it(self) -> None:
        text = "library: !include sub/a.yaml\n"
        others = {"sub__a": "dependencies: !include ../b.yaml\n", "b": "[foo]"}
        assert hpack(text, **others) == ["library: foo >=0 (b.yaml:1)"]

    def test_a_whole_file_and_its_name_and_version(self) -> None:
        manifest = read(
            {
                "package.yaml": "!include a.yaml\n",
                "a.yaml": "name: !include n.yaml\nversion: !include v.yaml\nlibrary: {}\n",
                "n.yaml": "aula",
                "v.yaml": "0.10",
            }
        )
        assert (manifest.package, str(manifest.version)) == ("aula", "0.10")
        assert not manifest.unread

    def test_a_condition_of_another_file(self) -> None:
        text = "library:\n  when: !include w.yaml\n"
        assert hpack(text, w="condition: os(linux)\ndependencies: foo\n") == [
            "library/os(linux): foo >=0 (w.yaml:2)"
        ]

    @pytest.mark.parametrize(
        ("others", "where", "reason"),
        [
            ({}, "package.yaml:3", "a.yaml is not there"),
            ({"a.yaml": "x: !include a.yaml\n"}, "a.yaml:1", "a.yaml takes in itself"),
            ({"a.yaml": "x: !include package.yaml"}, "a.yaml:1", "package.yaml takes in itself"),
            ({"a.yaml": "\n"}, "package.yaml:3", "a.yaml holds not one document"),
            ({"a.yaml": "x: 1\n---\ny: 1\n"}, "package.yaml:3", "a.yaml holds not one document"),
            ({"a.yaml": "x: [\n"}, "a.yaml:2", "did not find expected node content"),
            ({"a.yaml": "x: *y\n"}, "a.yaml:1", 'found undefined alias "y"'),
            ({"a.yaml": "<<<<<<< x\ny: 1\n"}, "a.yaml:1", "a conflict is not resolved"),
        ],
    )
    def test_what_cannot_be_read_is_said(
        self, others: dict[str, str], where: str, reason: str
    ) -> None:
        files = {"package.yaml": HPACK + "library: !include a.yaml\n", **others}
        if "conflict" in reason:
            files["a.yaml"] += "=======\nz: 1\n>>>>>>> z\nw: 1\n"
        assert refusal(files) == (where, reason)

    def test_of_two_anchors_with_one_name_the_later_counts(self) -> None:
        text = "_a: &x [foo >=1]\n_b: &x [foo >=2]\nlibrary: {dependencies: *x}\n"
        assert hpack(text) == ["library: foo >=2 (package.yaml:4)"]

    def test_other_tags_mean_nothing(self) -> None:
        assert hpack("library:\n  dependencies: !foo base\n") == [
            "library: base >=0 (package.yaml:4)"
        ]


class TestHpackDefaults:
    def test_of_the_top_level_and_of_a_component(self) -> None:
        text = "defaults:\n  local: a.yaml\nlibrary:\n  defaults:\n    local: b.yaml\n"
        both = {"a": "dependencies: foo\n", "b": "dependencies: [bar]\n"}
        assert hpack(text, **both) == ["library: foo >=0 (a.yaml:1)", "library: bar >=0 (b.yaml:1)"]

    def test_what_package_yaml_says_itself_counts(self) -> None:
        text = (
            "dependencies: [thentos-core <2]\ndefaults: {local: d.yaml}\nlibrary: {}\n"
            "tests: {t: {dependencies: foo >=3}}\n"
        )
        assert hpack(text, d="dependencies: [thentos-core <1, foo <1]\n") == [
            "library: thentos-core <2 (package.yaml:3)",
            "library: foo <1 (d.yaml:1)",
            "test-suite t: thentos-core <2 (package.yaml:3)",
            "test-suite t: foo >=3 (package.yaml:6)",
        ]

    def test_those_of_a_component_come_behind_the_top_level(self) -> None:
        text = "dependencies: [foo >=3]\nlibrary: {defaults: {local: d.yaml}}\n"
        assert hpack(text, d="dependencies: [foo <1]\n") == ["library: foo <1 (d.yaml:1)"]

    def test_of_several_the_last_counts(self) -> None:
        text = "defaults: [{local: a.yaml}, {local: b.yaml}]\nlibrary: {}\n"
        both = {"a": "dependencies: [x >=1, y <1]\n", "b": "dependencies: [x >=2, z]\n"}
        assert hpack(text, **both) == [
            "library: x >=2 (b.yaml:1)",
            "library: y <1 (a.yaml:1)",
            "library: z >=0 (b.yaml:1)",
        ]

    def test_defaults_of_defaults_count_from_their_own_folder(self) -> None:
        text = "defaults: {local: sub/a.yaml}\nlibrary: {}\n"
        both = {
            "sub__a": "defaults: {local: b.yaml}\ndependencies: a\n",
            "sub__b": "when: {condition: flag(f), dependencies: b}\n",
        }
        assert hpack(text, **both) == [
            "library: a >=0 (sub/a.yaml:2)",
            "library/flag(f): b >=0 (sub/b.yaml:1)",
        ]

    def test_a_default_that_is_included_counts_from_package_yaml(self) -> None:
        text = "library: !include sub/a.yaml\n"
        files = {"sub__a": "defaults: {local: b.yaml}\n", "b": "dependencies: top\n"}
        assert hpack(text, **files, sub__b="dependencies: sub\n") == ["library: top >=0 (b.yaml:1)"]

    def test_conditions_and_verbatim(self) -> None:
        text = "library: {defaults: {local: d.yaml}, dependencies: lost}\n"
        d = "verbatim: {build-depends: 'v'}\nwhen:\n- condition: false\n  dependencies: f\n"
        assert hpack(text, d=d) == ["library: v >=0 (d.yaml:1)"]

    def test_no_sections_and_no_name(self) -> None:
        d = "library: {dependencies: x}\nname: other\ncustom-setup: {dependencies: y}\n"
        assert hpack("defaults: {local: d.yaml}\ntests: {t: {}}\n", d=d) == []

    @pytest.mark.parametrize(
        ("defaults", "content", "where", "reason"),
        [
            ("{local: a.yaml}", None, "package.yaml:3", "a.yaml is not there"),
            ("{local: a.yaml}", "defaults: {local: a.yaml}", "a.yaml:1", "a.yaml takes in itself"),
            ("{local: a.yaml}", "[x]", "a.yaml:1", "expected a map, found a list"),
            ("{local: a.yaml}", "", "a.yaml:1", "expected a map, found null"),
            ("sol/t@1", "", "package.yaml:3", "what sol/t@1 says is not known here"),
            (
                "{github: s/t, ref: m, path: d.yaml}",
                "",
                "package.yaml:3",
                "what {github: s/t, ref: m, path: d.yaml} says is not known here",
            ),
        ],
    )
    def test_what_cannot_be_read_is_said(
        self, defaults: str, content: str | None, where: str, reason: str
    ) -> None:
        files = {"package.yaml": f"{HPACK}defaults: {defaults}\nlibrary: {{}}\n"}
        if content is not None:
            files["a.yaml"] = content
        assert refusal(files) == (where, reason)


class TestStack:
    def pins(self, files: dict[str, str]) -> list[str]:
        manifest = read(files)
        assert not manifest.unread
        return [f"{one.text} ({one.file or manifest.path}:{one.line})" for one in manifest.sources]

    def test_an_include_as_merge_key_and_as_value(self) -> None:
        deps = {"deps.yaml": "extra-deps:\n- foo-1.0\n", "list.yaml": "- bar-1.0\n"}
        assert self.pins({"stack.yaml": STACK + "<<: !include deps.yaml\n", **deps})[-1] == (
            "foo-1.0 (deps.yaml:2)"
        )
        assert self.pins({"stack.yaml": STACK + "extra-deps: !include list.yaml\n", **deps})[
            -1
        ] == ("bar-1.0 (list.yaml:1)")

    def test_a_snapshot_that_names_a_snapshot_that_names_one(self) -> None:
        files = {
            "stack.yaml": "snapshot: s/one.yaml\npackages: [.]\nextra-deps: [foo-3]\n",
            "s/one.yaml": "snapshot: t/two.yaml\npackages: [foo-2]\n",
            "s/t/two.yaml": "resolver: ../three.yaml\npackages: [foo-1, bar-1]\n",
            "s/three.yaml": "resolver: lts-3.20\npackages: [baz-1]\n",
        }
        assert self.pins(files) == [
            "s/one.yaml (stack.yaml:1)",
            ". (stack.yaml:2)",
            "foo-3 (stack.yaml:3)",
            "t/two.yaml (s/one.yaml:1)",
            "foo-2 (s/one.yaml:2)",
            "../three.yaml (s/t/two.yaml:1)",
            "foo-1 (s/t/two.yaml:2)",
            "bar-1 (s/t/two.yaml:2)",
            "lts-3.20 (s/three.yaml:1)",
            "baz-1 (s/three.yaml:2)",
        ]

    @pytest.mark.parametrize(
        ("at", "left"),
        [
            ("stack.yaml", ["baz-1 (s/t.yaml:2)"]),
            ("s/one.yaml", ["foo-2 (s/one.yaml:2)", "baz-1 (s/t.yaml:2)"]),
            ("s/t.yaml", ["foo-2 (s/one.yaml:2)", "foo-1 (s/t.yaml:2)", "baz-1 (s/t.yaml:2)"]),
        ],
    )
    def test_what_a_layer_drops_of_those_below_is_not_there(self, at: str, left: list[str]) -> None:
        files = {
            "stack.yaml": "snapshot: s/one.yaml\nextra-deps: [bar-1]\n",
            "s/one.yaml": "snapshot: t.yaml\npackages: [foo-2]\n",
            "s/t.yaml": "resolver: lts-3.20\npackages: [foo-1, baz-1]\n",
        }
        files[at] += "drop-packages: [foo, bar]\n"
        pins = [one for one in self.pins(files) if "-" in one.split()[0] and "lts" not in one]
        assert pins == ["bar-1 (stack.yaml:2)", *left]

    @pytest.mark.parametrize(
        "name",
        [
            *("lts-custom.yaml", "lts-20.26.yaml", "lts-20", "nightly-aula.yaml", "nightly"),
            *("ghc-9.6-snap.yaml", "ghc-09.6", "ghc", "ghcjs-0.2.0", "github:acme"),
        ],
    )
    def test_a_snapshot_file_that_is_called_like_a_known_one(self, name: str) -> None:
        files = {
            "stack.yaml": f"snapshot: {name}\n",
            name: "resolver: lts-3.20\npackages: [foo-1]\n",
        }
        assert self.pins(files)[-1] == f"foo-1 ({name}:2)"

    def test_a_snapshot_file_that_is_said_to_be_one(self) -> None:
        files = {
            "stack.yaml": "snapshot: {filepath: lts-3.20}\n",
            "lts-3.20": "compiler: ghc-9\npackages: [foo-1]\n",
        }
        assert self.pins(files)[-1] == "foo-1 (lts-3.20:2)"

    @pytest.mark.parametrize(
        "name",
        [
            *("lts-20.26", "nightly-2024-01-05", "ghc-9.6.4", "ghc-9.6-rc1", "ghc-git-a.yaml-b"),
            *("ghcjs-0.2.0_ghc-7.10.2", "github:acme/snapshots:one.yaml"),
        ],
    )
    def test_a_known_snapshot_is_no_file(self, name: str) -> None:
        files = {"stack.yaml": f"snapshot: {name}\n", name: "packages: [foo-1]\n"}
        assert self.pins(files) == [f"{name} (stack.yaml:1)"]

    @pytest.mark.parametrize(
        ("content", "where", "reason"),
        [
            (None, "stack.yaml:1", "s.yaml is not there"),
            ("resolver: ./s.yaml\n", "s.yaml:1", "s.yaml takes in itself"),
            ("resolver: stack.yaml\n", "s.yaml:1", "stack.yaml takes in itself"),
            ("- foo\n", "s.yaml:1", "expected a map, found a list"),
            ("resolver: lts-1.0\npackages: !include x.yaml\n", "s.yaml:2", "x.yaml is not there"),
        ],
    )
    def test_a_snapshot_that_cannot_be_read_is_said(
        self, content: str | None, where: str, reason: str
    ) -> None:
        files = {"stack.yaml": "snapshot: s.yaml\npackages: [.]\n"}
        if content is not None:
            files["s.yaml"] = content
        assert refusal(files) == (where, reason)


class TestCabalImports:
    def test_paths_count_from_the_importer_and_conditions_hold_for_what_it_brings(self) -> None:
        files = {
            "cabal.project": CABAL + "if os(linux)\n  import: sub/a.project\n",
            "sub/a.project": "packages: libs/*\nimport:\n  deep/b.project\n",
            "sub/deep/b.project": "if impl(ghc)\n  constraints: foo ==1\nallow-newer: bar\n",
        }
        manifest = read(files)
        assert asked(manifest) == [
            "constraints/os(linux)/impl(ghc >=0): foo ==1 (sub/deep/b.project:2)"
        ]
        # cabal takes the packages of imported files from the root of the project.
        assert [(one.path, one.file) for one in manifest.sources][:2] == [
            (".", None),
            ("libs/*", "sub/a.project"),
        ]
        assert [one.file for one in manifest.allow_newer] == ["sub/deep/b.project"]

    def test_the_same_file_twice(self) -> None:
        text = CABAL + "import: a.project\nimport: ./a.project\n"
        assert len(asked(read({"cabal.project": text, "a.project": "constraints: foo ==1\n"}))) == 2

    @pytest.mark.parametrize(
        ("reference", "content", "where", "reason"),
        [
            ("a.project", None, "cabal.project:2", "a.project is not there"),
            ("a.project b.project", "", "cabal.project:2", "a.project b.project is not there"),
            ('"a.project"', "", "cabal.project:2", '"a.project" is not there'),
            ("a.project", "import: a.project\n", "a.project:1", "a.project takes in itself"),
            ("a.project", "import: cabal.project\n", "a.project:1", "cabal.project takes in"),
            ("a.project", "constraints: foo 1\n", "a.project:1", "expected an operator"),
            ("https://x.org/c", "", "cabal.project:2", "what https://x.org/c says is not known"),
            ("file:///c", "", "cabal.project:2", "what file:///c says is not known here"),
        ],
    )
    def test_what_cannot_be_read_is_said(
        self, reference: str, content: str | None, where: str, reason: str
    ) -> None:
        files = {"cabal.project": f"{CABAL}import: {reference}\n"}
        if content is not None:
            files["a.project"] = content
        place, why = refusal(files)
        assert place == where
        assert why.startswith(reason)

    def test_what_stackage_says_pins_nothing_of_a_project(self) -> None:
        url = "https://www.stackage.org/lts-3.20/cabal.config"
        assert not read({"cabal.project": f"{CABAL}import: {url}\n"}).unread


class TestHostileFiles:
    """Files that take in each other more often than anyone would: an error within a second."""

    @pytest.mark.parametrize(
        ("name", "one", "reason"),
        [
            ("package.yaml", "x: !include {0}\ny: !include {0}\n", "more than 100 files"),
            ("package.yaml", "defaults: [{{local: {0}}}, {{local: {0}}}]\n", "more than 100 files"),
            ("stack.yaml", "<<: [!include {0}, !include {0}]\n", "more than 100 files"),
            ("cabal.project", "import: {0}\nimport: {0}\n", "more than 100 files"),
            ("package.yaml", "x: !include {0}\n", "nested more than 100 deep"),
            ("stack.yaml", "snapshot: {0}\n", "more than 100 files"),
            ("cabal.project", "import: {0}\n", "more than 100 files"),
            (
                "cabal.project",
                "".join(" " * at + "if !false\n" for at in range(60)) + " " * 60 + "import: {0}\n",
                "conditions nest more than 100 deep",
            ),
        ],
    )
    def test_files_without_end(self, name: str, one: str, reason: str) -> None:
        # Those that take in two end after some levels, or the first way down would be too deep.
        end = 12 if one.count("{0}") > 1 else 300
        files = {f"{at}": one.format(at + 1) if at < end else "x: 1" for at in range(301)}
        files[name] = (HPACK if name == "package.yaml" else "") + one.format(0)
        start = time.process_time()
        manifest = read(files, name)
        assert time.process_time() - start < 1.0
        assert any(unread.reason.startswith(reason) for unread in manifest.unread)
        assert all(unread.concerns_requirements for unread in manifest.unread)

    def test_a_large_file_that_is_taken_in_often(self) -> None:
        text = "".join(f"x{at}: !include large.yaml\n" for at in range(100))
        files = {"package.yaml": HPACK + text, "large.yaml": "k: 1\n" * 20_000}
        start = time.process_time()
        assert refusal(files) == ("large.yaml:1", "more than 50000 values")
        assert time.process_time() - start < 1.0


@pytest.mark.parametrize("path", ["\\0", "a\\tb", "", ".", "x" * 5000])
def test_the_command_is_given_what_is_no_path(tmp_path: Path, path: str) -> None:
    (tmp_path / "package.yaml").write_text(f'library: !include "{path}"\n')
    command = [sys.executable, "-m", "guard.haskell", f"{tmp_path}/package.yaml"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    (unread,) = json.loads(ran.stdout)["unread"]
    assert unread["line"] == 1
    assert not ran.stderr


def test_the_command_reads_them_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "package.yaml").write_text(HPACK + "library: !include sub/a.yaml\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.yaml").write_text("dependencies:\n- foo\n")
    (tmp_path / "stack.yaml").write_text("snapshot: gone.yaml\n")
    paths = [f"{tmp_path}/package.yaml", f"{tmp_path}/stack.yaml"]
    command = [sys.executable, "-m", "guard.haskell", *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    package, stack = map(json.loads, ran.stdout.splitlines())
    (requirement,) = package["requirements"]
    assert (requirement["file"], requirement["line"]) == (f"{tmp_path}/sub/a.yaml", 2)
    (unread,) = stack["unread"]
    assert unread["reason"] == f"{tmp_path}/gone.yaml: No such file or directory"
