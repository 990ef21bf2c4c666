"""Which of a combination's entries go where: into the image's build, or in front of the test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from stat import S_ISREG
from typing import Final

from guard.config import FILE as CONFIG_FILE
from guard.config import Recipe
from guard.engine import dockerignore
from guard.engine.context import Context
from guard.engine.dockerignore import IgnoreRules
from guard.engine.plan import Item, Kind, missing_object
from guard.errors import GuardError
from guard.git.objects import ObjectPool
from guard.git.store import Part
from guard.git.trees import FOLDER, TreeEntry

_MANIFESTS: Final = frozenset({"package.yaml", "stack.yaml", "stack.yaml.lock", "cabal.config"})


def build_context(
    parts: Sequence[Part], pool: ObjectPool, recipe: Recipe, consumer: str
) -> Context:
    """The context that an image is built from. `.guard.toml` is no part of it.

    Args:
        parts: the superproject's first, then every submodule, nested ones too.
        consumer: path of the consumer's submodule, for ``[image] consumer = "manifests"``.

    Raises:
        MissingObjectError: the `.dockerignore` is not at hand.
        GuardError: the `.dockerignore` does not read.
    """
    name = recipe.dockerfile
    own = f"{name}{dockerignore.FILE}"
    # The CLI sends these even where they are excluded: the builder reads them.
    kept = frozenset({name, own, dockerignore.FILE})
    rules = _rules(parts[0], pool, (own, dockerignore.FILE)).keeping(sorted(kept))
    manifests = recipe.consumer == "manifests"

    def wanted(item: Item) -> bool:
        if item.path == CONFIG_FILE:
            return False
        inside = manifests and (item.path == consumer or item.path.startswith(f"{consumer}/"))
        return not inside or item.path in kept or _is_manifest(item)

    return Context(parts, pool, rules, wanted, name)


def source_context(parts: Sequence[Part], pool: ObjectPool, consumer: str) -> Context:
    """The consumer's whole tree with its own submodules, for ``[test] source``.

    Raises:
        GuardError: the combination has no such submodule.
    """
    own = [part for part in parts if part.path == consumer]
    if not own:
        raise GuardError(f"the combination has no submodule {consumer!r}")
    below = [part for part in parts if part.path.startswith(f"{consumer}/")]
    return Context(own + below, pool, IgnoreRules(), lambda item: True)


def _is_manifest(item: Item) -> bool:
    """Whether Haskell's build tools read the file to learn what a package depends on."""
    name = item.path.rpartition("/")[2]
    if item.kind is Kind.FOLDER:
        return False
    return name in _MANIFESTS or name.endswith(".cabal") or name.startswith("cabal.project")


def _rules(root: Part, pool: ObjectPool, candidates: Sequence[str]) -> IgnoreRules:
    """The first of the files that is there: BuildKit's order, for both builders."""
    for path in candidates:
        data = _file(root, pool, path)
        if data is not None:
            return dockerignore.read_dockerignore(data, path)
    return IgnoreRules()


def _file(root: Part, pool: ObjectPool, path: str) -> bytes | None:
    """The content of a plain file in the root's own tree, None where there is nothing."""
    reader = pool.reader(root.repository)
    entry = TreeEntry(FOLDER, b"", root.tree)
    for name in os.fsencode(path).split(b"/"):
        folder = reader.read(entry.id) if entry.mode == FOLDER else None
        found = [each for each in folder.entries if each.name == name] if folder else []
        if not found:
            return None
        entry = found[0]
    if not S_ISREG(entry.mode):
        raise GuardError(f"{path} is no plain file", f"make {path} a file of its own")
    blob = reader.read(entry.id)
    if blob is None:
        raise missing_object(root, f"blob {entry.id} ({path})")
    return blob.data
