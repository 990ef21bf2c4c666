"""Which entries a build context has: a walk over trees, and nothing of a working tree.

Trees come from repositories that others push to, so every name is looked at: what a checkout by
git would refuse is refused here, symbolic links are entries and never followed, and neither the
depth nor the number of folders can exhaust the process.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from stat import S_ISREG
from typing import Final, NamedTuple

from guard.engine.attributes import FILE as ATTRIBUTES
from guard.engine.dockerignore import IgnoreRules, Matched
from guard.errors import GuardError, MissingObjectError
from guard.git.objects import ObjectPool
from guard.git.store import Part
from guard.git.trees import EXECUTABLE, FOLDER, GITLINK, REGULAR, SYMLINK, TreeEntry

# Linux's limits (limits.h); no engine could unpack more.
_NAME_BYTES: Final = 255
_PATH_BYTES: Final = 4095
_NO_NAMES: Final = frozenset({b"", b".", b".."})
# A tree of a few kilobytes can name itself below itself so often that no disk holds it.
_MOST_ENTRIES: Final = 2_000_000


class Kind(Enum):
    """What an entry is; its value is the mode it gets in the tar."""

    FOLDER = 0o755
    FILE = 0o644
    # The bit above keeps it from being an alias of the first.
    PROGRAM = 0o755 | 1 << 16
    SYMLINK = 0o777

    @property
    def mode(self) -> int:
        """Permission bits."""
        return self.value & 0o7777


# What a blob is, by the modes that git itself writes.
_USUAL: Final = {REGULAR: Kind.FILE, EXECUTABLE: Kind.PROGRAM, SYMLINK: Kind.SYMLINK}


class Item(NamedTuple):
    """One entry of the context.

    Args:
        path: from the context's root, with slashes, decoded as `os.fsdecode` does.
        id: the blob's, "" for a folder.
        part: the part whose repository has the blob.
        inner: the path inside that part, for its attributes.
    """

    path: str
    kind: Kind
    id: str
    part: Part
    inner: str


# Says whether an item that is no folder belongs into the context at all.
Wanted = Callable[[Item], bool]


class _Frame(NamedTuple):
    """A folder that the walk is inside of.

    Args:
        before: what stands in front of a name in it, from the context's root.
        inside: the same from the part's own.
    """

    entries: Iterator[TreeEntry]
    part: Part
    path: str
    before: str
    inside: str
    matched: Matched


class TreeWalk:
    """The entries of a combination in their order.

    Args:
        parts: the one at the root first, then every submodule below it.
        rules: what the combination's `.dockerignore` leaves out.
        wanted: what else decides; folders come only with something in them where it says no.
        on_trees: told of each part that the walk comes to, with the ids of all its blobs.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        pool: ObjectPool,
        rules: IgnoreRules,
        wanted: Wanted,
        on_trees: Callable[[Part, list[str]], None],
    ) -> None:
        self._root = parts[0]
        self._parts = {part.path: part for part in parts}
        self._pool = pool
        self._rules = rules
        self._wanted = wanted
        self._on_trees = on_trees
        self._trees: dict[tuple[str, str], list[TreeEntry]] = {}
        self._declared: dict[str, frozenset[str]] = {}
        # Folders on the way to the present place that nothing has needed yet.
        self._pending: list[Item] = []

    def items(self) -> Iterator[Item]:
        """Every entry, a folder before what is in it, sorted by path.

        Raises:
            MissingObjectError: a tree or a submodule's part is not at hand.
            GuardError: a name, a mode or a size that no checkout could have.
        """
        stack = [self._frame(self._root, self._root.tree, "", "", self._rules.start())]
        count = 0
        while stack:
            frame = stack[-1]
            for entry in frame.entries:
                mode, name, blob = entry
                kind = _USUAL.get(mode)
                if kind is None:
                    below, found = self._enter(frame, entry)
                else:
                    below, found = None, self._file(frame, os.fsdecode(name), kind, blob)
                for item in found:
                    count += 1
                    if count > _MOST_ENTRIES:
                        raise GuardError(f"the combination has more than {_MOST_ENTRIES} entries")
                    yield item
                if below is not None:
                    stack.append(below)
                    break
            else:
                stack.pop()
                if self._pending and self._pending[-1].path == frame.path:
                    self._pending.pop()

    def attributed(self) -> list[Part]:
        """The parts that `items` has been through and that have a `.gitattributes` somewhere."""
        named = {
            path
            for (path, _), entries in self._trees.items()
            if any(entry.name == ATTRIBUTES for entry in entries)
        }
        return [part for path, part in self._parts.items() if path in named]

    def _file(self, frame: _Frame, name: str, kind: Kind, blob: str) -> Sequence[Item]:
        path = frame.before + name
        inner = path if frame.inside is frame.before else frame.inside + name
        item = Item(path, kind, blob, frame.part, inner)
        if self._rules.patterns and self._rules.step(path, frame.matched)[0]:
            return ()
        if not self._wanted(item):
            return ()
        return self._reached(item) if self._pending else (item,)

    def _enter(self, frame: _Frame, entry: TreeEntry) -> tuple[_Frame | None, Sequence[Item]]:
        name = os.fsdecode(entry.name)
        path, inner = frame.before + name, frame.inside + name
        kind = _kind(entry, frame.part, path)
        if kind is not Kind.FOLDER:
            return None, self._file(frame, name, kind, entry.id)
        excluded, matched = self._rules.step(path, frame.matched)
        if excluded and not self._rules.may_let_in_below(path):
            return None, ()
        folder = Item(path, kind, "", frame.part, inner)
        below: _Frame | None
        if entry.mode == GITLINK:
            below = self._submodule(frame, entry, path, inner, matched)
        else:
            below = self._frame(frame.part, entry.id, path, inner, matched)
        if excluded or not self._wanted(folder):
            if below is not None:
                self._pending.append(folder)
            return below, ()
        return below, self._reached(folder)

    def _reached(self, item: Item) -> list[Item]:
        reached = [*self._pending, item]
        self._pending.clear()
        return reached

    def _frame(self, part: Part, tree: str, path: str, inner: str, matched: Matched) -> _Frame:
        entries = sorted(self._tree(part, tree), key=_order)
        _check_names(entries, path, part)
        before = f"{path}/" if path else ""
        # The same object where they are equal, as in the superproject's own tree.
        inside = before if inner == path else f"{inner}/" if inner else ""
        return _Frame(iter(entries), part, path, before, inside, matched)

    def _submodule(
        self, frame: _Frame, entry: TreeEntry, path: str, inner: str, matched: Matched
    ) -> _Frame | None:
        whole = _join(self._root.path, path)
        part = self._parts.get(whole)
        if part is not None:
            return self._frame(part, part.tree, path, "", matched)
        if frame.part.path and inner not in self._submodules_of(frame.part):
            # No URL is known for it, so `git submodule update` leaves the empty folder.
            return None
        raise MissingObjectError(
            f"submodule {whole!r}: the content of commit {entry.id} is not at hand",
            f"git submodule update --init --recursive -- {shlex.quote(whole)}",
        )

    def _submodules_of(self, part: Part) -> frozenset[str]:
        """The paths that the part's `.gitmodules` names."""
        if part.path not in self._declared:
            blob = next((e.id for e in self._tree(part, part.tree) if e.name == b".gitmodules"), "")
            paths = []
            if blob:
                listed = part.repository.run(
                    *("config", "--blob", blob, "-z", "--get-regexp", r"^submodule\..*\.path$"),
                    ok=(0, 1),
                )
                paths = [line.partition(b"\n")[2] for line in listed.split(b"\0")]
            self._declared[part.path] = frozenset(os.fsdecode(path) for path in paths)
        return self._declared[part.path]

    def _tree(self, part: Part, tree: str) -> list[TreeEntry]:
        if (part.path, tree) not in self._trees:
            self._load(part, tree)
        return self._trees[part.path, tree]

    def _load(self, part: Part, root: str) -> None:
        # A level at a time: one answer of git for all its folders, not one for each.
        reader = self._pool.reader(part.repository)
        wanted, blobs = [root], list[str]()
        while wanted:
            below: dict[str, None] = {}
            for tree, found in zip(wanted, reader.read_all(wanted), strict=True):
                if found is None:
                    raise missing_object(part, f"tree {tree}")
                entries = self._trees[part.path, tree] = found.entries
                below.update((inner, None) for mode, _, inner in entries if mode == FOLDER)
                blobs += [blob for mode, _, blob in entries if mode in _USUAL]
            wanted = [tree for tree in below if (part.path, tree) not in self._trees]
        self._on_trees(part, blobs)


def missing_object(part: Part, what: str) -> MissingObjectError:
    """The error for an object that the part's repository lacks."""
    owner = f"submodule {part.path!r}" if part.path else "the superproject"
    at = f" at commit {part.commit}" if part.commit else ""
    git_dir = shlex.quote(part.repository.git_dir)
    return MissingObjectError(
        f"{owner}{at}: {what} is not in {part.repository.git_dir}",
        f"git --git-dir={git_dir} fetch --refetch --no-filter --recurse-submodules=no",
    )


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _order(entry: TreeEntry) -> bytes:
    # A submodule sorts as the folder that it becomes, whatever git's trees do.
    mode, name, _ = entry
    return name + b"/" if mode in (FOLDER, GITLINK) else name


def _kind(entry: TreeEntry, part: Part, path: str) -> Kind:
    if entry.mode in (FOLDER, GITLINK):
        return Kind.FOLDER
    if entry.mode == SYMLINK:
        return Kind.SYMLINK
    if S_ISREG(entry.mode):
        # As git reads modes of old: only the owner's x counts.
        return Kind.PROGRAM if entry.mode & 0o100 else Kind.FILE
    raise _refused(part, path, f"has the mode {entry.mode:o}, which no file in git has")


def _check_names(entries: Sequence[TreeEntry], path: str, part: Part) -> None:
    seen = set()
    room = min(_PATH_BYTES - len(os.fsencode(path)) - bool(path), _NAME_BYTES)
    for _, name, _ in entries:
        if name in seen or name in _NO_NAMES or b"/" in name or name.lower() == b".git":
            why = "is there twice" if name in seen else "has a name that no checkout can have"
            raise _refused(part, _join(path, os.fsdecode(name)), why)
        if len(name) > room:
            whole = _join(path, os.fsdecode(name))
            raise _refused(part, whole, "is a longer path than a Linux system can hold")
        seen.add(name)


def _refused(part: Part, path: str, why: str) -> GuardError:
    shown = path if len(path) < 200 else f"{path[:90]}…{path[-90:]}"
    owner = f"submodule {part.path!r}" if part.path else "the superproject"
    return GuardError(
        f"{owner}: the entry {shown!r} of tree {part.tree} {why}",
        "correct the tree; `git fsck` names the commit that brought it",
    )
