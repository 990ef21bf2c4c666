"""What manifests take in of other files, as pushes and commands see it in real repositories."""

from __future__ import annotations

import pytest

from tests.workshop import STACK, Ran, Workshop, cabal

HPACK = "name: aula\nversion: 0.1\nlibrary: {}\n"
FITS, MISFITS = "- thentos-core >=0.3 && <0.4\n", "- base\n- thentos-core >=0.2 && <0.3\n"
MISFIT = "dependency-match: thentos-core is 0.3.0, but aula requires >=0.2 && <0.3"


def change(workshop: Workshop, files: dict[str, str]) -> None:
    """Commit files in aula, with everything else that lets a push of aula-docker through."""
    workshop.aula.commit("Change what aula asks for", files)
    workshop.pin()
    workshop.publish()
    workshop.verdict()


def by_hpack(workshop: Workshop, text: str, **others: str) -> None:
    """Let aula be a package.yaml, with other YAML files beside it."""
    (workshop.aula.folder / "aula.cabal").unlink()
    files = {f"{name}.yaml": content for name, content in others.items()}
    change(workshop, {"package.yaml": HPACK + text, **files})


def pushed(workshop: Workshop) -> Ran:
    return workshop.push(workshop.docker, "origin", "HEAD:refs/heads/x")


def test_a_push_is_judged_anew_where_only_an_included_file_changed(workshop: Workshop) -> None:
    workshop.docker.git("push", "--quiet", "origin", "HEAD:refs/heads/master")
    workshop.install()
    by_hpack(workshop, "dependencies: !include deps.yaml\n", deps=FITS)
    assert pushed(workshop).status == 0
    change(workshop, {"deps.yaml": MISFITS})
    # What lies in the working tree is not what is pushed.
    workshop.aula.write({"deps.yaml": FITS})
    ran = pushed(workshop)
    assert ran.status != 0
    assert f"error {MISFIT} (deps.yaml:2)" in ran.err
    assert "mend:     guard align" in ran.err
    assert workshop.guard("align").status == 0
    assert "thentos v0.2.1" in workshop.guard("status").out


def test_an_audit_takes_the_files_of_each_commit(workshop: Workshop) -> None:
    by_hpack(workshop, "dependencies: !include deps.yaml\n", deps=FITS)
    change(workshop, {"deps.yaml": MISFITS})
    change(workshop, {"deps.yaml": f"{FITS}\n"})
    audit = workshop.guard("audit", "HEAD~3..HEAD").out
    assert audit.count(f"{MISFIT} (deps.yaml:2)") == 1


def test_a_file_of_a_file_that_is_staged(workshop: Workshop) -> None:
    text = "defaults: {local: hpack/defaults.yaml}\n"
    files = {"hpack/defaults": "dependencies: !include ../deps.yaml\n", "deps": FITS}
    by_hpack(workshop, text, **files)
    workshop.aula.write({"deps.yaml": MISFITS})
    workshop.aula.git("add", "deps.yaml")
    ran = workshop.guard("check", "--staged", "--warn", at=workshop.aula)
    assert f"{MISFIT} (deps.yaml:2)" in ran.text


@pytest.mark.parametrize(
    ("kind", "path", "reason"),
    [
        ("include", "gone.yaml", "gone.yaml is no file of the repository"),
        ("defaults", "../thentos/d.yaml", "../thentos/d.yaml is no path inside the repository"),
        ("import", "/d.yaml", "/d.yaml is no path inside the repository"),
        ("snapshot", "link.yaml", "link.yaml is a symbolic link, which guard does not follow"),
        ("import", "linked/x", "linked/x is no file of the repository (links count as none)"),
        ("include", "sub/d.yaml", "sub/d.yaml is in a submodule"),
        ("defaults", "folder", "folder is a folder"),
    ],
)
def test_what_cannot_be_read_is_undecided(
    workshop: Workshop, kind: str, path: str, reason: str
) -> None:
    file, text = {
        "include": ("package.yaml", HPACK + f"dependencies: !include {path}\n"),
        "defaults": ("package.yaml", HPACK + f"defaults: {{local: {path}}}\n"),
        "snapshot": ("stack.yaml", STACK.replace("lts-3.20", path)),
        "import": ("cabal.project", f"packages: .\n\n\nimport: {path}\n"),
    }[kind]
    aula = workshop.aula
    aula.write({file: text, "deps.yaml": FITS, "folder/x": ""})
    (aula.folder / "link.yaml").symlink_to("deps.yaml")
    (aula.folder / "linked").symlink_to("folder")
    (aula.folder / "sub").mkdir()
    aula.git("update-index", "--add", "--cacheinfo", f"160000,{workshop.thentos.head},sub")
    aula.commit("Name another file", {})
    workshop.pin()
    ran = workshop.guard("check", "HEAD")
    line = 1 if kind == "snapshot" else 4
    assert ran.status != 0
    assert f"undecided dependency-match: {file}:{line} cannot be read: {reason}" in ran.out
    assert f"mend:     you: edit {file}:{line} of aula" in ran.out


def test_a_pin_in_a_snapshot_of_a_snapshot_of_a_snapshot(workshop: Workshop) -> None:
    change(
        workshop,
        {
            "stack.yaml": "snapshot: snapshots/one.yaml\npackages: [.]\n",
            "snapshots/one.yaml": "snapshot: deep/two.yaml\npackages: []\n",
            "snapshots/deep/two.yaml": "snapshot: ../three.yaml\npackages: []\n",
            "snapshots/three.yaml": "snapshot: lts-3.20\npackages:\n- thentos-core-0.2.1\n",
        },
    )
    ran = workshop.guard("check", "HEAD")
    assert (
        "error dependency-source: aula takes thentos-core 0.2.1 from Hackage "
        "(snapshots/three.yaml:3)" in ran.out
    )


def test_what_a_cabal_project_imports(workshop: Workshop) -> None:
    change(
        workshop,
        {
            "cabal.project": "import: cabal/more.project\n",
            "cabal/more.project": "packages: . libs/inner\nconstraints: thentos-core <0.3\n",
            "libs/inner/inner.cabal": cabal("inner", "1", "thentos-core >=0.2 && <0.3"),
        },
    )
    ran = workshop.guard("check", "HEAD")
    assert "cabal/more.project:2  thentos-core <0.3" in ran.out
    assert "libs/inner/inner.cabal:9  thentos-core >=0.2 && <0.3" in ran.out


class TestSnapshotBesideAPath:
    """stack takes a package from a snapshot where nothing nearer supplies it."""

    STACK = STACK.replace("lts-3.20", "a.yaml")
    DROP = "drop-packages: [thentos-core]\n"
    OLDER = "resolver: b.yaml\npackages: [thentos-core-0.1]\n"

    def judged(self, workshop: Workshop, stack: str, layer: str = "resolver: b.yaml\n") -> str:
        pins = "resolver: lts-3.20\npackages: [thentos-core-0.2.1]\n"
        change(workshop, {"stack.yaml": stack, "a.yaml": layer, "b.yaml": pins})
        return workshop.guard("check").text

    def test_what_is_dropped_pins_nothing(self, workshop: Workshop) -> None:
        assert "thentos-core 0.2.1" in self.judged(workshop, self.STACK)
        assert "thentos-core" not in self.judged(workshop, self.STACK + self.DROP)
        layer = "resolver: b.yaml\n" + self.DROP
        assert "thentos-core" not in self.judged(workshop, self.STACK, layer)

    def test_the_path_is_what_is_built(self, workshop: Workshop) -> None:
        text = self.judged(workshop, self.STACK)
        assert "dependency-source: aula takes thentos-core 0.2.1 from Hackage (b.yaml:2)" in text
        assert "thentos-core is 0.2.1" not in text

    def test_of_layers_the_nearest_counts(self, workshop: Workshop) -> None:
        alone = "resolver: a.yaml\npackages: ['.']\n"
        assert "thentos-core is 0.2.1" in self.judged(workshop, alone)
        text = self.judged(workshop, alone, self.OLDER)
        assert "thentos-core is 0.1," in text
        assert "thentos-core is 0.2.1" not in text
