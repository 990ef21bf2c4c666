"""What can be read of the verdicts where a part of them is lost, and what may be among the lost.

A power cut, a full disk or somebody's clean-up takes a commit, a tree or a record, or leaves it
empty. What can be read is read; in the place of the rest stands what an earlier commit has. That
may be older than what is lost, so the gate does not go by it: see `Loss`.
"""

import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from guard.errors import GitError, GuardError
from guard.git.objects import GitObject, ObjectReader
from guard.git.refs import NOWHERE
from guard.git.repository import Repository, end
from guard.git.trees import FOLDER, TreeEntry
from guard.model import ShapeError, from_json, to_json
from guard.verdicts import LOST, record_path
from guard.verdicts.record import Record, parse_record
from guard.verdicts.record import parse_all as parse_all

# What guard writes as the first line of a commit of verdicts: `Record.title` and the others.
_TITLE: Final = re.compile(
    rb"((passed|failed at build|failed at test|published): [0-9a-f]{12}-[0-9a-f]{8}"
    rb"|Join verdicts|Go around lost verdicts)"
)
_COMMITTER: Final = re.compile(rb"^committer .* (\d+) [+-]\d{4}$", re.MULTILINE)


class LostError(GuardError):
    """A part of the verdicts is missing or damaged."""


class Loss(NamedTuple):
    """What was lost at one time.

    Args:
        paths: how the paths begin whose newest record may be among it; "" for all.
        noticed: as `Record.finished`.
        tip: the commit whose parts they were, zeros where nobody knows.
        older: the blobs that stand in their place.
    """

    paths: tuple[str, ...]
    noticed: str
    tip: str
    older: tuple[str, ...] = ()

    def may_hide(self, path: str, blob: str, finished: str) -> bool:
        """Whether a record that is newer may be among what was lost.

        Args:
            blob: of the record in the tree that says what was lost; "" where it is another's.
            finished: as of the record, "" where there is none.
        """
        is_older = blob in self.older if blob else finished <= self.noticed
        return is_older and path.startswith(self.paths)


class Losses(NamedTuple):
    """All that was lost and has not come back: the file ``lost.json`` in the tree."""

    losses: tuple[Loss, ...] = ()

    def to_json(self) -> bytes:
        """The file."""
        return to_json(self, indent=1).encode() + b"\n"

    def without(self, path: str, blob: str) -> "Losses":
        """Without what is of one record, which was made anew."""
        left = (
            loss._replace(
                paths=tuple(each for each in loss.paths if each != path),
                older=tuple(each for each in loss.older if each != blob),
            )
            for loss in self.losses
        )
        return Losses(tuple(loss for loss in left if loss.paths))


def parse_losses(blob: GitObject | None) -> Losses:
    """The file's content, nothing where there is none that guard has written."""
    try:
        return Losses() if blob is None else from_json(Losses, blob.data)
    except ShapeError:
        return Losses()


class Contents(NamedTuple):
    """What there is to read.

    Args:
        files: path -> blob.
        lost: how the paths begin whose newest file cannot be read.
    """

    files: dict[str, GitObject]
    lost: tuple[str, ...] = ()


def record_at(
    reader: ObjectReader, tip: str, path: str, ref: str = "their ref"
) -> tuple[Record | None, str, Losses]:
    """The record at a path of a commit, None where it has none; its blob; and what was lost.

    Raises:
        LostError: a part that leads to it is missing or damaged.
        ShapeError: it is no record of that path.
    """
    if tip == NOWHERE:
        raise LostError(f"{ref} itself cannot be read: its file is empty or garbage")
    try:
        tree, blob, lost = reader.read_all([f"{tip}^{{tree}}", f"{tip}:{path}", f"{tip}:{LOST}"])
    except GitError as error:
        raise LostError(f"a part of the verdicts cannot be read: {error.problem}") from error
    if tree is None:
        raise LostError(f"the verdicts' commit {tip}, or its tree, is missing or damaged")
    if lost is None and any(entry.name == LOST.encode() for entry in tree.entries):
        raise LostError(f"of the verdicts {LOST} is missing or damaged")
    if blob is None:
        _check_absence(reader, tree, path)
        return None, "", parse_losses(lost)
    record = parse_record(blob.data)
    if record_path(record.key, record.recipe) != path:
        raise ShapeError(f"it is one of another combination ({record.name})")
    return record, blob.id, parse_losses(lost)


def _check_absence(reader: ObjectReader, tree: GitObject, path: str) -> None:
    """Make sure that a tree has nothing at a path that cannot be read."""
    *folders, name = path.split("/")
    for step in folders:
        entry = _named(tree, step)
        if entry is None or entry.mode != FOLDER:
            return
        below = reader.read(entry.id)
        if below is None:
            raise LostError(f"of the verdicts the tree {entry.id} is missing or damaged")
        tree = below
    entry = _named(tree, name)
    if entry is not None and entry.mode != FOLDER:
        raise LostError(f"the verdict {path} is missing or damaged (blob {entry.id})")


def _named(tree: GitObject, name: str) -> TreeEntry | None:
    return next((entry for entry in tree.entries if entry.name == os.fsencode(name)), None)


class Salvage:
    """Reads what is left; an object that cannot be read is as good as none.

    Attributes:
        unread: the ids of those.
    """

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._repository = reader.repository
        self.unread: set[str] = set()

    def newest(self, tip: str) -> Contents:
        """The newest files; of those that are lost, earlier ones."""
        files, lost = self.at(tip)
        still = lost
        for commit in self._before(tip) if lost else ():
            earlier = self.at(commit)
            for path, blob in earlier.files.items():
                if path.startswith(still):
                    files.setdefault(path, blob)
            still = _in_both(still, earlier.lost)
            if not still:
                break
        return Contents(files, lost)

    def at(self, commit: str) -> Contents:
        """The files of one commit."""
        trees = [_tree(each) for each in self._commits([commit])]
        folders = {"": self.read(trees)[0] if trees else None}
        places: dict[str, str] = {}
        lost: list[str] = []
        while folders:
            below: dict[str, str] = {}
            for prefix, tree in folders.items():
                if tree is None or tree.type != "tree":
                    lost.append(prefix)
                    continue
                for entry in tree.entries:
                    path = prefix + os.fsdecode(entry.name)
                    if entry.mode == FOLDER:
                        below[f"{path}/"] = entry.id
                    else:
                        places[path] = entry.id
            folders = dict(zip(below, self.read([*below.values()]), strict=True))
        blobs = dict(zip(places, self.read([*places.values()]), strict=True))
        lost += [path for path, blob in blobs.items() if blob is None]
        files = {path: blob for path, blob in blobs.items() if blob is not None}
        # What was lost earlier nobody can tell where that file is lost.
        return Contents(files, ("",) if LOST in lost else tuple(lost))

    def every(self, tip: str) -> list[GitObject]:
        """Every file that any commit has, the newest commit's first."""
        visited: set[str] = set()
        blobs: dict[str, None] = {}
        for commits in self._generations(tip):
            trees = [_tree(commit) for commit in commits]
            while trees:
                entries = [
                    entry
                    for tree in self.read(trees)
                    if tree is not None and tree.type == "tree"
                    for entry in tree.entries
                    if entry.id not in visited
                ]
                visited.update(entry.id for entry in entries)
                trees = [entry.id for entry in entries if entry.mode == FOLDER]
                blobs.update((entry.id, None) for entry in entries if entry.mode != FOLDER)
        return [blob for blob in self.read([*blobs]) if blob is not None]

    def base(self, tip: str) -> str | None:
        """The newest commit before one of which nothing is missing, not in its history either."""
        before = [*self._before(tip)]
        first = bisect_left(before, True, key=lambda commit: is_whole(self._repository, commit))
        return before[first] if first < len(before) else None

    def _generations(self, tip: str) -> Iterator[list[GitObject]]:
        """The commits that can be read: one, then its parents, and so on."""
        visited = {tip}
        commits = self._commits([tip]) or self._commits(self._strays())
        while commits:
            yield commits
            parents = [each for commit in commits for each in _parents(commit)]
            commits = self._commits(
                [each for each in dict.fromkeys(parents) if each not in visited]
            )
            visited.update(parents)

    def _before(self, tip: str) -> Iterator[str]:
        """The commits before one, as far as their first parents can be read."""
        for commits in self._generations(tip):
            if commits[0].id != tip:
                yield commits[0].id

    def _strays(self) -> list[str]:
        """The newest commit of verdicts that is here at all: nobody knows which was the tip."""
        words = ("cat-file", "--batch-all-objects", "--unordered")
        shown = self._repository.lines(
            *words, "--batch-check=%(objecttype) %(objectname)", ok=(0, 1, 128)
        )
        ids = [line.split()[1] for line in shown if line.startswith("commit ")]
        commits = [
            commit
            for commit in self._commits(ids)
            if _TITLE.match(commit.data.partition(b"\n\n")[2])
        ]
        inner = {parent for commit in commits for parent in _parents(commit)}
        outer = (commit for commit in commits if commit.id not in inner)
        newest = max(outer, key=_committed, default=None)
        return [] if newest is None else [newest.id]

    def _commits(self, ids: list[str]) -> list[GitObject]:
        found = self.read(ids)
        return [commit for commit in found if commit is not None and commit.type == "commit"]

    def read(self, ids: list[str]) -> list[GitObject | None]:
        """Objects, None for each that cannot be read."""
        try:
            objects = self._reader.read_all(ids)
        except GitError:
            # Git ends over some kinds of damage: one after the other, then.
            objects = [self._one(each) for each in ids]
        self.unread.update(each for each, it in zip(ids, objects, strict=True) if it is None)
        return objects

    def _one(self, name: str) -> GitObject | None:
        try:
            return self._reader.read(name)
        except GitError:
            return None


def is_whole(repository: Repository, commit: str, without: Sequence[str] = ()) -> bool:
    """Whether a commit can be read with all that belongs to it and to its history.

    Args:
        without: commits that are known to be whole.

    Raises:
        GitError: git was ended before it could tell.
    """
    words = ("pack-objects", "--revs", "--stdout", "-q", "--window=0")
    revisions = (f"{commit}^{{commit}}", *(f"^{each}" for each in without))
    process = repository.start(*words, feeds=True)
    try:
        process.communicate("".join(f"{line}\n" for line in revisions).encode())
    finally:
        end(process)
    if process.returncode < 0:
        raise GitError(f"git pack-objects was ended by signal {-process.returncode}")
    return process.returncode == 0


def _in_both(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """How the paths begin that begin in one of these ways, and in one of those."""
    pairs = (sorted((one, other), key=len) for one in some for other in others)
    return tuple(dict.fromkeys(longer for shorter, longer in pairs if longer.startswith(shorter)))


def _tree(commit: GitObject) -> str:
    return commit.data.split(b"\n", 1)[0].removeprefix(b"tree ").decode(errors="replace")


def _parents(commit: GitObject) -> list[str]:
    lines = commit.data.partition(b"\n\n")[0].split(b"\n")[1:]
    parents = takewhile(lambda line: line.startswith(b"parent "), lines)
    return [line.removeprefix(b"parent ").decode() for line in parents]


def _committed(commit: GitObject) -> int:
    match = _COMMITTER.search(commit.data.partition(b"\n\n")[0])
    return int(match[1]) if match else 0
