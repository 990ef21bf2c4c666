"""What others have: the superproject as its remote had it when it was last fetched."""

import os
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from guard.config import FILE, Config
from guard.errors import GuardError, MissingObjectError
from guard.git.objects import GitObject
from guard.git.store import Store
from guard.git.trees import FOLDER, TreeEntry
from guard.model import Combination, Tested, VerdictState
from guard.situation.branches import default_names, usual_remote
from guard.situation.contents import Contents, superproject_tree
from guard.situation.publication import Unknown


class Drift(NamedTuple):
    """Where a combination is unlike the default branch of the superproject's remote.

    Args:
        differs: paths in the superproject; of a submodule its own, of a configuration that builds
            another image ``.guard.toml``.
    """

    remote: str
    differs: tuple[str, ...]


class Others:
    """What was last fetched from the superproject's remote, looked up once."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def unlike(
        self, combination: Combination, config: Config, tested: Tested
    ) -> Drift | Unknown | None:
        """Where CI would test a pushed commit of the consumer in another image than what passed.

        None where the rule `tested` has something to say, too.
        """
        is_pushed = any(link.path == config.consumer for link in combination.replaced)
        builds_its_own = not config.image.publish
        if not is_pushed or builds_its_own or tested.published:
            return None
        if tested.state is not VerdictState.PASSED:
            return None
        try:
            return self.drift(combination, config)
        except GuardError as error:
            return Unknown(error.problem, error.remedy)

    def drift(self, combination: Combination, config: Config) -> Drift | None:
        """What of the image others do not have; the consumer is left out, for that is pushed."""
        theirs = self._tree
        if theirs is None:
            return None
        store = self._contents.store(combination)
        ours = superproject_tree(store, combination)
        found = tuple(_unlike(store, ours, theirs, config.consumer.split("/"), ""))
        if FILE in found:
            published = self._contents.config(Combination(theirs.id))
            if _image(published) == _image(config):
                found = tuple(path for path in found if path != FILE)
        return Drift(self._remote, found) if found else None

    @cached_property
    def _remote(self) -> str:
        return usual_remote(self._contents.workspace.superproject, self._contents.pool.settings)

    @cached_property
    def _tree(self) -> GitObject | None:
        """The tree of the remote's default branch."""
        if not self._remote:
            return None
        # By full names, through the process that has looked up the verdict.
        names = [f"{ref}^{{tree}}" for ref in default_names(self._remote)]
        trees = self._contents.pool.reader(self._contents.workspace.superproject).read_refs(names)
        return next((tree for tree in trees if tree is not None), None)


def _unlike(
    store: Store, ours: GitObject, theirs: GitObject, consumer: list[str], prefix: str
) -> Iterator[str]:
    """The paths that differ, as far down as is needed to leave out the consumer."""
    left = {entry.name: entry for entry in ours.entries}
    right = {entry.name: entry for entry in theirs.entries}
    for name in sorted({*left, *right}):
        one, other = left.get(name), right.get(name)
        if one == other:
            continue
        path = os.fsdecode(name)
        if path != consumer[0]:
            yield prefix + path
        elif consumer[1:]:
            trees = _folder(store, one, ours), _folder(store, other, theirs)
            yield from _unlike(store, *trees, consumer[1:], f"{prefix}{path}/")


def _folder(store: Store, entry: TreeEntry | None, around: GitObject) -> GitObject:
    """The tree at an entry, an empty one where there is none."""
    if entry is None or entry.mode != FOLDER:
        return around._replace(data=b"")
    found = store.tree(entry.id)
    if found is None:
        raise MissingObjectError(f"tree {entry.id} of the superproject is missing", "git fetch")
    return found


def _image(config: Config) -> tuple[object, ...]:
    image = config.image
    return image.dockerfile, image.target, image.platform, image.build_args
