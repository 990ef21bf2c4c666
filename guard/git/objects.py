"""Objects and refs of git's, many at a time, through one process for each repository."""

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from functools import cached_property
from subprocess import Popen
from typing import IO, Final, NamedTuple, Self

from guard.errors import GitError
from guard.git.refs import SEEN, TRACKING, Ref, list_refs, symbolic
from guard.git.remotes import Asking, Settings
from guard.git.repository import Repository, end, lines_of
from guard.git.trees import TreeEntry, parse_tree

# Requests that are sent before the first answer is read. Git writes while we write: more than a
# pipe holds (64 KiB on Linux, 16 on others) and both would wait for each other.
_REQUESTS_BYTES: Final = 8192
_CHUNK: Final = 1 << 20
# What several questions ask for: commits and trees. They are kept up to some megabytes.
_SMALL: Final = 1 << 14
_KEPT: Final = 512
_REFS: Final = (TRACKING, SEEN)
_DIGITS: Final = "0123456789abcdef"


class GitObject(NamedTuple):
    """One object: its id, its type (``commit``, ``tree``, ``blob``, ``tag``) and content."""

    id: str
    type: str
    data: bytes

    @property
    def entries(self) -> list[TreeEntry]:
        """A tree's entries."""
        try:
            return parse_tree(self.data, len(self.id) // 2)
        except ValueError as error:
            raise GitError(f"object {self.id} is no readable tree: {error}") from error

    @property
    def parents(self) -> list[str]:
        """A commit's parents."""
        header = self.data.partition(b"\n\n")[0].split(b"\n")
        return [line[7:].decode() for line in header if line.startswith(b"parent ")]

    @property
    def message(self) -> bytes:
        """A commit's message."""
        return self.data.partition(b"\n\n")[2]


class ObjectKind(NamedTuple):
    """An object's id and type."""

    id: str
    type: str


class ObjectReader:
    """A ``git cat-file --batch`` that stays open.

    Ask for objects by id or by an id with a suffix (``<id>^{tree}``, ``<id>:path``), by the name of
    a ref only through `read_refs`.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._kept: dict[str, GitObject] = {}
        self._process: Popen[bytes] | None = None

    def read(self, name: str) -> GitObject | None:
        """One object, None where the repository lacks it."""
        return self.read_all([name])[0]

    def read_all(self, names: Sequence[str]) -> list[GitObject | None]:
        """The objects in the order of their names, None for those that are not there."""
        open_names = [name for name in names if name not in self._kept]
        found: list[GitObject | None] = []
        while len(found) < len(open_names):
            found += self._read_some(_fitting(open_names[len(found) :]))
        if len(open_names) == len(names):
            self._keep(names, found)
            return found
        answers = iter(found)
        result = [self._kept[name] if name in self._kept else next(answers) for name in names]
        self._keep(open_names, found)
        return result

    def read_refs(self, names: Sequence[str]) -> list[GitObject | None]:
        """As `read_all`, for full names of refs, a suffix behind them or not.

        Where there is no such ref, git goes on to look for the whole name below ``refs/tags/``
        (gitrevisions(7)), where ``git tag refs/tags/v1`` puts one by mistake. So that is asked for
        as well; where it is there, git lists the ref itself.
        """
        answers = self.read_all([*names, *(f"refs/tags/{name}" for name in names)])
        return [
            answer if namesake is None or self._has_ref(name) else None
            for name, answer, namesake in zip(names, answers, answers[len(names) :], strict=False)
        ]

    def _has_ref(self, name: str) -> bool:
        ref = name.partition("^")[0].partition(":")[0]
        return ref in list_refs(self.repository, ref)

    def _keep(self, names: Sequence[str], found: Sequence[GitObject | None]) -> None:
        """What ids stand for stays so; what is not there may come."""
        for name, answer in zip(names, found, strict=True):
            if answer is None or len(answer.data) > _SMALL:
                continue
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[answer.id] = answer
            if len(name) >= len(answer.id) and not name[: len(answer.id)].strip(_DIGITS):
                self._kept[name] = answer

    def kinds(self, names: Sequence[str]) -> list[ObjectKind | None]:
        """Id and type of objects, without their content, in a process of its own."""
        if not names:
            return []
        data = "".join(f"{name}\n" for name in names).encode()
        output = self.repository.run("cat-file", "--batch-check", data=data)
        kinds: list[ObjectKind | None] = []
        for line in lines_of(output):
            words = line.split()
            known = len(words) == 3 and words[2].isdigit()
            kinds.append(ObjectKind(words[0], words[1]) if known else None)
        if len(kinds) != len(names):
            raise GitError(f"git cat-file answered {len(kinds)} of {len(names)} questions")
        return kinds

    def stream(self, name: str) -> tuple[int, Iterator[bytes]] | None:
        """A large object's size in bytes and its content in pieces, None where it is not there.

        The pieces must be read to their end before anything else is asked.
        """
        self._send([name])
        header = self._header(name)
        return None if header is None else (header[2], self._pieces(header[2]))

    def start(self) -> None:
        """Start the process, so that it is ready when the first question comes."""
        if self._process is None:
            self._process = self.repository.start("cat-file", "--batch", feeds=True)

    def close(self) -> None:
        """End the process. The reader can be used again: it starts another."""
        end(*self.release())

    def release(self) -> list[Popen[bytes]]:
        """The process, if there is one, for whoever ends it."""
        process, self._process = self._process, None
        return [] if process is None else [process]

    def _read_some(self, names: Sequence[str]) -> list[GitObject | None]:
        self._send(names)
        found: list[GitObject | None] = []
        for name in names:
            try:
                header = self._header(name)
            except _PromisedObjectError:
                # Git died over an object that a partial clone only promises. The answers so far
                # stand; the rest is asked anew by the caller's loop.
                return [*found, None]
            if header is None:
                found.append(None)
                continue
            object_id, kind, size = header
            found.append(GitObject(object_id, kind, b"".join(self._pieces(size))))
        return found

    def _send(self, names: Sequence[str]) -> None:
        self.start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write("".join(f"{name}\n" for name in names).encode())
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None

    def _header(self, name: str) -> tuple[str, str, int] | None:
        line = self._output.readline()
        if not line.endswith(b"\n"):
            raise self._died()
        words = line.decode(errors="replace").split()
        if len(words) == 3 and words[2].isdigit():
            return words[0], words[1], int(words[2])
        if words and words[-1] == "missing":
            return None
        raise GitError(f"git cat-file says of {name} in {self.repository.git_dir}: {line!r}")

    def _pieces(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._output.read(min(left, _CHUNK))
            if not piece:
                raise self._died()
            left -= len(piece)
            yield piece
        if self._output.read(1) != b"\n":
            raise self._died()

    @property
    def _output(self) -> IO[bytes]:
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout

    def _died(self) -> GitError:
        said = ""
        status = None
        if self._process is not None:
            process = self._process
            # What it had answered before is of no use any more.
            said = process.communicate()[1].decode(errors="replace").strip()
            status = process.returncode
        self.close()
        if "promisor" in said:
            return _PromisedObjectError(said)
        return GitError(
            f"git cat-file in {self.repository.git_dir} ended too early: "
            f"{said.splitlines()[-1] if said else f'exit status {status}'}",
            f"git --git-dir={self.repository.git_dir} fsck",
        )


class _PromisedObjectError(GitError):
    """Git before 2.45 dies where later ones call a promised object missing."""


class KeptRefs(Mapping[str, Ref]):
    """What a repository keeps of its remotes, by the full names of the refs.

    A ref that is asked for by its name is looked up alone; only what goes through all of them has
    git list them, which takes longer the more there are.
    """

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._named: dict[str, Ref | None] = {}

    @cached_property
    def _all(self) -> dict[str, Ref]:
        return list_refs(self._reader.repository, *_REFS)

    def __getitem__(self, name: str) -> Ref:
        if name not in self._named:
            self._named[name] = self._look_up(name) if name.startswith(_REFS) else None
        ref = self._named[name]
        if ref is None:
            raise KeyError(name)
        return ref

    def content(self, name: str) -> bytes | None:
        """What a blob holds that a ref names, None where there is no such ref."""
        (target,) = self._reader.read_refs([name])
        return target.data if target is not None else None

    def forget(self) -> None:
        """Read again what is asked for from now on: some of them were written."""
        self._named.clear()
        self.__dict__.pop("_all", None)

    def _look_up(self, name: str) -> Ref | None:
        (target,) = self._reader.read_refs([name])
        return Ref(target.id, symbolic(self._reader.repository, name)) if target else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def items(self) -> ItemsView[str, Ref]:
        """All of them, as git lists them."""
        return self._all.items()


class ObjectPool:
    """The open readers of one command; closes them all.

    Args:
        asking: whom it may ask over the network; by default nobody.

    Attributes:
        settings: what git's configuration says to the repositories.
    """

    def __init__(self, asking: Asking | None = None) -> None:
        self.asking = asking or Asking(0)
        self._readers: dict[Repository, ObjectReader] = {}
        self.settings = Settings()
        self._refs: dict[Repository, KeptRefs] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes. The readers can be used again."""
        end(*(process for reader in self._readers.values() for process in reader.release()))
        self.settings.close()
        self.asking.close()

    def reader(self, repository: Repository) -> ObjectReader:
        """The repository's reader, started at its first use."""
        if repository not in self._readers:
            self._readers[repository] = ObjectReader(repository)
        return self._readers[repository]

    def head(self, repository: Repository) -> str | None:
        """The commit that HEAD is at now, None before the first."""
        commit = self.reader(repository).read("HEAD^{commit}")
        return commit.id if commit is not None else None

    def refs(self, repository: Repository) -> KeptRefs:
        """What the repository keeps of its remotes; each ref is read once."""
        if repository not in self._refs:
            self._refs[repository] = KeptRefs(self.reader(repository))
        return self._refs[repository]


def _fitting(names: Sequence[str]) -> Sequence[str]:
    total = 0
    for index, name in enumerate(names):
        total += len(name) + 1
        if total > _REQUESTS_BYTES and index:
            return names[:index]
    return names
