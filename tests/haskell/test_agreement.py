"""A .cabal file and a package.yaml that say different things."""

from __future__ import annotations

from guard.haskell import read_cabal, read_package_yaml
from guard.haskell.model import disagreements

CABAL = read_cabal(
    b"name: p\nversion: 1\nbuild-type: Simple\nlibrary\n"
    b"  build-depends: a >=1, a <2, b ==1.*, c, d\n",
    "p.cabal",
)
YAML = read_package_yaml(
    b"name: p\nlibrary:\n  dependencies: [a >=1 && <2, b >=1 && <2.0, c]\n", "package.yaml"
)


def test_only_what_differs_is_named() -> None:
    found = disagreements(CABAL, YAML, ["a", "b", "c", "d", "e"])
    assert [one.package for one in found] == ["b", "d"]
    assert [one.text for one in found[0].cabal] == ["b ==1.*"]
    assert [one.text for one in found[0].package_yaml] == ["b >=1 && <2.0"]
    assert found[1].package_yaml == ()
