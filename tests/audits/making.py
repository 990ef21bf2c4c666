"""A history made by one `git fast-import`: commits with names, each with its whole tree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.workshop import Repo

HOUR = 3600
# The second of March 2016, 15:52 of the zone of the incident.
START = 1456930320
_PERSON = "A Developer <developer@example.org>"


class Link(str):
    """The commit at a gitlink, among the files of a tree."""


Tree = Mapping[str, "str | bytes | Link"]


class Made(NamedTuple):
    """A repository and its commits, by the names that the tests give them."""

    repo: Repo
    ids: dict[str, str]


class History:
    """Commits that are to be made, the oldest first; the first parent is the one before.

    Args:
        every: the hours between two commits.
        after: the hours between the start and the first commit.
    """

    def __init__(self, every: int = 10, after: int = 0) -> None:
        self._every = every
        self._after = after
        self._names: list[str] = []
        self._stream: list[bytes] = []

    def commit(
        self,
        name: str,
        tree: Tree,
        *,
        parents: tuple[str, ...] | None = None,
        message: str = "",
        late: int = 0,
        tags: tuple[str, ...] = (),
        branch: str = "master",
    ) -> None:
        """Add a commit.

        Args:
            late: hours by which its committer's clock is ahead.
            tags: lightweight ones.
        """
        hours = self._after + self._every * len(self._names) + late
        if parents is None:
            parents = (self._names[-1],) if self._names else ()
        self._names.append(name)
        mark = len(self._names)
        lines = [f"commit refs/heads/{branch}", f"mark :{mark}"]
        lines.append(f"committer {_PERSON} {START + hours * HOUR} +0100")
        self._put(*lines, data=(message or name).encode())
        for word, parent in zip(("from", *["merge"] * len(parents)), parents, strict=False):
            self._put(f"{word} :{self._mark(parent)}")
        self._put("deleteall")
        for path, content in tree.items():
            self._file(path, content)
        for tag in tags:
            self._put(f"reset refs/tags/{tag}", f"from :{mark}", "")

    def annotate(self, tag: str, name: str) -> None:
        """Add an annotated tag on a commit."""
        lines = [f"tag {tag}", f"from :{self._mark(name)}", f"tagger {_PERSON} {START} +0100"]
        self._put(*lines, data=tag.encode())

    def make(self, folder: Path) -> Made:
        """Write all of it into a new repository, whose HEAD is master."""
        folder.mkdir(parents=True)
        repo = Repo(folder)
        repo.git("init", "--quiet")
        # That ids are as long in every repository.
        repo.git("config", "core.abbrev", "12")
        marks = folder / ".git/marks"
        stream = b"".join(self._stream)
        repo.git("fast-import", "--quiet", f"--export-marks={marks}", data=stream)
        repo.git("read-tree", "HEAD")
        found = dict(line.split() for line in marks.read_text().splitlines())
        ids = {name: found[f":{mark}"] for mark, name in enumerate(self._names, 1)}
        return Made(repo, ids)

    def _mark(self, name: str) -> int:
        return self._names.index(name) + 1

    def _file(self, path: str, content: str | bytes | Link) -> None:
        if isinstance(content, Link):
            self._put(f"M 160000 {content} {path}")
        else:
            data = content.encode() if isinstance(content, str) else content
            self._put(f"M 100644 inline {path}", data=data)

    def _put(self, *lines: str, data: bytes | None = None) -> None:
        self._stream += [f"{line}\n".encode() for line in lines]
        if data is not None:
            self._stream += [f"data {len(data)}\n".encode(), data, b"\n"]
