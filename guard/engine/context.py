"""The build context: a combination that git itself has checked out into a private folder.

Each part is written by a git with an index and a git dir of guard's own, which borrow the objects:
no setting, hook, attribute or ignored file of the user, the machine or the repository acts, and
what a checkout does is not retold here. The folder has a random name and is given to an engine
once: BuildKit files what it keeps of a folder under its name, and takes a file of the same size and
time for the same one. So no time is ever set, either.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from guard.config import FILE as CONFIG_FILE
from guard.config import Config, Recipe, is_below
from guard.engine.endings import shielded
from guard.errors import EngineError, GitError, GuardError, MissingObjectError, UsageError
from guard.git.commands import git, told
from guard.git.files import held, is_held, private_folder, unwritable
from guard.git.repository import Repository, end, finish
from guard.git.store import Part

IGNORE: Final = ".dockerignore"

# Manifests and project files have these names, and so have the files that they include or import.
_MANIFEST: Final = re.compile(r".*\.(?:cabal|ya?ml|yaml\.lock|project|project\..*|config|freeze)")
# A tree of a few kilobytes can name itself below itself so often that no disk holds it.
_MOST_ENTRIES: Final = 2_000_000
_MOST_BYTES: Final = 1 << 28
# Folders, one in the other; removing them must not exhaust this process, either.
_DEEPEST: Final = 500
# Nobody's configuration, and git's own reading of attributes alone.
_NOBODY: Final = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
}
# `~/.config/git/attributes` is read even where there is no configuration. There are no workers of
# `checkout.workers`, which forget what working-tree-encoding says (git 2.39).
_SETTINGS: Final = f"""\
[core]
bare = false
attributesFile = {os.devnull}
excludesFile = {os.devnull}
hooksPath = {os.devnull}
fileMode = true
symlinks = true
ignoreCase = false
"""
_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\r?\n(ext-.*\n)*oid sha256:([0-9a-f]{64})\b"
)
# A pointer of Git LFS has no more bytes.
_POINTER_BYTES: Final = 1024
_PIECE: Final = 1 << 18
_HELD_OUT: Final = 2 * tarfile.BLOCKSIZE
_ACLS: Final = ("system.posix_acl_default", "system.posix_acl_access")
_GITLINK: Final = "160000"
_LINK: Final = "120000"
# The third one is of git's first years.
_FILES: Final = ("100644", "100755", "100664")


class Context(NamedTuple):
    """What an engine is given, in a folder that is there until the trial is over.

    Args:
        folder: its absolute path.
        digest: SHA-256 of what is in it, 64 hexadecimal digits; the same on every machine.
        dockerfile: its text, "" where there need be none.
    """

    folder: str
    digest: str
    dockerfile: str


class Prepared(NamedTuple):
    """What an attempt takes, with all objects in files.

    Args:
        source: what is put at ``[test] source``, None without.
    """

    context: Context
    source: Context | None
    recipe: Recipe
    timeout: int
    builder: str = "auto"


@contextmanager
def prepared(parts: Sequence[Part], config: Config, place: str) -> Iterator[Prepared]:
    """Check out everything that an attempt takes; it is gone at the end of the block.

    Args:
        parts: the superproject's first, then every submodule, nested ones behind their parent.
        place: the folder in which private folders are made; others' that were killed are removed.

    Raises:
        UsageError: no test command is set.
        MissingObjectError: an object is not at hand; names the submodule and what fetches it.
        GuardError: the combination holds what no checkout can have, or there is no room for it.
    """
    recipe = config.recipe
    if not recipe.command:
        raise UsageError("no test command is set", "guard init proposes one")
    with ExitStack() as stack:
        name, consumer = recipe.dockerfile, config.consumer
        # The CLI sends these even where they are excluded: the builder reads them.
        kept = {name, f"{name}{IGNORE}", IGNORE}

        def is_wanted(path: str, mode: str) -> bool:
            if recipe.consumer == "manifests" and path.startswith(f"{consumer}/"):
                return path in kept or mode == _GITLINK or _is_manifest(path)
            return not any(is_below(path, each) for each in (CONFIG_FILE, *recipe.ignore))

        context = stack.enter_context(_checked_out(parts, place, is_wanted))
        for path in kept:
            _require_plain(context.folder, path)
        dockerfile = Path(context.folder, name)
        if not dockerfile.exists():
            raise GuardError(
                f"the combination has no {name}",
                f"name the Dockerfile in {CONFIG_FILE}: [image] dockerfile",
            )
        context = context._replace(dockerfile=dockerfile.read_text(errors="replace"))
        source = None
        if recipe.source:
            own = [part for part in parts if f"{part.path}/".startswith(f"{consumer}/")]
            if not own or own[0].path != consumer:
                raise GuardError(f"the combination has no submodule {consumer!r}")
            source = stack.enter_context(_checked_out(own, place, lambda path, mode: True))
        yield Prepared(context, source, recipe, config.test.timeout, config.image.builder)


class Archive:
    """A folder as a tar, whose owner is root, to be read once.

    Args:
        paths: those in it that are wanted, None for all.

    Attributes:
        size: bytes that were read.
    """

    def __init__(self, folder: str, paths: Iterable[str] | None = None) -> None:
        self._folder = folder
        self._paths = sorted(paths_below(folder) if paths is None else paths)
        self._complete = False
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        with tarfile.open(os.devnull, "w") as reader:
            for path in self._paths:
                full = os.path.join(self._folder, path)
                entry = reader.gettarinfo(full, path)
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                entry.mtime = int(entry.mtime)
                yield self._counted(entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
                if entry.isreg():
                    with open(full, "rb") as file:
                        while piece := file.read(_PIECE):
                            yield self._counted(piece)
                    yield self._counted(bytes(-entry.size % tarfile.BLOCKSIZE))
        yield self._counted(bytes(_HELD_OUT))
        self._complete = True

    def require_complete(self) -> None:
        """Refuse to go on from what an engine made of a part of it: that would look like success.

        Raises:
            EngineError: it was not read to its end.
        """
        if not self._complete:
            raise EngineError(
                f"the engine stopped reading the build context after {self.size} bytes",
                "look into the engine's log, then run guard test again",
            )

    def _counted(self, piece: bytes) -> bytes:
        self.size += len(piece)
        return piece


def not_utf8(folder: str) -> str:
    """The first path, or target of a link, that is no UTF-8, in characters that are; or ""."""
    for path in paths_below(folder):
        full = os.path.join(folder, path)
        for name in (path, os.readlink(full) if os.path.islink(full) else ""):
            shown = os.fsencode(name).decode(errors="backslashreplace")
            if shown != name:
                return shown
    return ""


def paths_below(folder: str) -> Iterator[str]:
    """All that is in a folder, from its top; a folder before what is in it."""
    for place, folders, files in os.walk(folder):
        before = f"{place}/"[len(folder) + 1 :]
        yield from (before + name for name in (*folders, *files))


def _remove_abandoned(place: str) -> None:
    """Remove the folders of a guard that was killed."""
    for name in {name.removesuffix(".lock") for name in os.listdir(place)}:
        folder, lock = os.path.join(place, name), os.path.join(place, f"{name}.lock")
        if not is_held(lock):
            shutil.rmtree(folder, ignore_errors=True)
            # That of another user's folder stays with it.
            if not os.path.lexists(folder):
                with suppress(OSError):
                    os.unlink(lock)


@contextmanager
def _private(place: str) -> Iterator[str]:
    """A new folder, which is gone at the end of the block, or with the next run."""
    folder = os.path.join(os.path.realpath(place), f"guard-{os.urandom(8).hex()}")
    lock = f"{folder}.lock"
    with ExitStack() as stack:
        try:
            os.makedirs(place, exist_ok=True)
            # Who makes a lock and has not got it yet is not taken for one that was killed.
            with held(place):
                _remove_abandoned(place)
                stack.enter_context(held(lock))
            stack.callback(_remove, folder, lock)
            os.mkdir(folder, 0o700)
            for name in _ACLS if hasattr(os, "removexattr") else ():
                with suppress(OSError):  # a default one would go on to all that is made in it
                    os.removexattr(folder, name)
            os.chmod(folder, 0o700)  # no setgid bit, which would
        except OSError as error:
            raise unwritable(f"{folder} cannot be made", folder, error) from error
        yield folder


def _remove(folder: str, lock: str) -> None:
    with shielded():
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            os.unlink(lock)


@contextmanager
def _checked_out(
    parts: Sequence[Part], place: str, is_wanted: Callable[[str, str], bool]
) -> Iterator[Context]:
    """The parts in a folder of their own, in which the first one is at the top.

    Args:
        is_wanted: says so of a path from the top and its mode.
    """
    top = parts[0].path
    paths = {part.path for part in parts}
    digest, count = hashlib.sha256(), 0
    with _private(place) as folder:
        for part in parts:
            below = part.path[len(top) :].lstrip("/") if top else part.path
            with private_folder("refs", "objects") as scratch:
                checkout = _Checkout(part, scratch, folder, below)
                entries = checkout.entries(paths, _MOST_ENTRIES - count)
                wanted = [each for each in entries if is_wanted(checkout.path(each), each.mode)]
                attributes = [each for each in entries if each.is_attributes]
                checkout.write(wanted, bool(attributes))
            count += len(entries)
            lines = [each.line for each in (*attributes, *wanted)]
            digest.update(f"{below}\0{len(lines)}\0".encode(errors="surrogateescape"))
            digest.update(b"".join(lines))
        yield Context(folder, digest.hexdigest(), "")


class _Entry(NamedTuple):
    """One entry of a part; its path is from the part's own top."""

    mode: str
    id: str
    path: str

    @property
    def line(self) -> bytes:
        """What it brings into a folder. Of a gitlink no commit: the part has lines of its own."""
        content = "" if self.mode == _GITLINK else self.id
        return f"{self.mode} {content}\t".encode() + os.fsencode(self.path) + b"\0"

    @property
    def is_attributes(self) -> bool:
        """Whether it has a say in what is written, be it wanted itself or not."""
        return self.path.rpartition("/")[2] == ".gitattributes"


class _Checkout:
    """One part on its way into the folder.

    Args:
        scratch: an empty folder, which becomes a git dir with all objects of the part's.
        folder: of the whole context.
        below: where in it the part is put.
    """

    def __init__(self, part: Part, scratch: str, folder: str, below: str) -> None:
        self._part = part
        self._below = below
        self._target = os.path.join(folder, below) if below else folder
        self._git = _borrowing(part, Path(scratch))

    def path(self, entry: _Entry) -> str:
        """From the top of the context."""
        return f"{self._below}/{entry.path}" if self._below else entry.path

    def place_of(self, entry: _Entry) -> str:
        return os.path.join(self._target, entry.path)

    def entries(self, paths: set[str], most: int) -> list[_Entry]:
        """What the part's tree holds.

        Args:
            paths: of all parts.
            most: how many there may be.

        Raises:
            MissingObjectError: a tree or a submodule's part is not at hand.
            GuardError: an entry that no checkout can have.
        """
        part = self._part
        process = self._git.start("ls-tree", "-r", "-z", "--full-tree", part.tree, extra=_NOBODY)
        assert process.stdout is not None
        output, count = bytearray(), 0
        try:
            while piece := process.stdout.read(_PIECE):
                output += piece
                count += piece.count(b"\0")
                if count > most or len(output) > _MOST_BYTES:
                    raise GuardError(
                        f"the combination has more than {_MOST_ENTRIES} entries, or their paths "
                        f"more than {_MOST_BYTES} bytes"
                    )
            finish(process)
        except GitError as error:
            missing = re.search(r"\b[0-9a-f]{40,64}\b", _words(error))
            raise (self._missing(f"tree {missing[0]}") if missing else error) from error
        finally:
            end(process)
        entries = []
        for record in bytes(output).split(b"\0")[:-1]:
            head, _, name = record.partition(b"\t")
            mode, _, oid = head.decode().split(" ")
            path = os.fsdecode(name)
            if name.count(b"/") > _DEEPEST:
                raise self._refused(f"has an entry below more than {_DEEPEST} folders")
            if mode not in (*_FILES, _LINK, _GITLINK):
                raise self._refused(f"has a mode that no checkout can have: {mode} {path!r}")
            if mode == _GITLINK and not part.path and path not in paths:
                raise MissingObjectError(
                    f"submodule {path!r}: the content of commit {oid} is not at hand",
                    f"git submodule update --init --recursive -- {shlex.quote(path)}",
                )
            entries.append(_Entry(mode, oid, path))
        return entries

    def write(self, wanted: Sequence[_Entry], has_attributes: bool) -> None:
        """Let git write the files, by the attributes that the whole part has.

        Raises:
            MissingObjectError: a blob is not at hand.
            GuardError: git refuses a name, there is no room, or a filter would be needed.
        """
        if not wanted:
            return
        for entry in wanted:
            if "/.wh." in f"/{entry.path}":
                raise GuardError(
                    f"{self._whole(entry)!r} cannot be in an image, where .wh. in front of a name "
                    "says that it is not there",
                    f"rename it, or leave it out in {CONFIG_FILE}: [image] ignore",
                )
        # Its parent's git has made the folder. One that a link leads to is another's.
        if os.path.realpath(self._target) != self._target:
            raise self._refused("lies behind a symbolic link")
        try:
            self._run("read-tree", self._part.tree)
            of_lfs = self._of_lfs(wanted) if has_attributes else []
            self._run("checkout-index", "-z", "--stdin", data=_names(wanted))
        except GitError as error:
            self._require_blobs(wanted)
            words = _words(error)
            if "invalid path" in words:
                raise self._refused(f"has a name that no checkout can have: {words}") from error
            raise GuardError(
                f"{self._owner()} cannot be checked out: {words}",
                f"df -h {shlex.quote(self._target)}",
            ) from error
        for entry in of_lfs:
            self._fill(entry)

    def _run(self, *arguments: str, data: bytes = b"") -> None:
        """As `Repository.run`, in the folder; however this ends, git writes no more then."""
        process = self._git.start(
            *arguments,
            feeds=True,
            extra={**_NOBODY, "GIT_WORK_TREE": self._target},
            umask=0o022,  # the modes of files are part of what an engine compares
        )
        try:
            finish(process, data)
        finally:
            process.kill()
            process.wait()

    def _of_lfs(self, wanted: Sequence[_Entry]) -> list[_Entry]:
        """The files that Git LFS would make; refuses what another program would have to."""
        files = [entry for entry in wanted if entry.mode in _FILES]
        answer = self._git.run(
            *("check-attr", "--cached", "-z", "--stdin", "filter"),
            data=_names(files),
            extra=_NOBODY,
        )
        of_lfs = []
        for entry, value in zip(files, answer.split(b"\0")[2::3], strict=True):
            driver = os.fsdecode(value)
            if driver == "lfs":
                of_lfs.append(entry)
            elif driver not in ("unspecified", "unset", "set"):
                raise GuardError(
                    f"{self._whole(entry)!r} has the attribute filter={driver}, which guard cannot "
                    "do as a checkout does",
                    "take the attribute away",
                )
        return of_lfs

    def _fill(self, entry: _Entry) -> None:
        """Put the object of Git LFS where its pointer is."""
        path = self.place_of(entry)
        with open(path, "rb") as file:
            pointer = _POINTER.match(file.read(_POINTER_BYTES))
        if pointer is None:
            return
        if pointer[1]:
            raise GuardError(f"{self._whole(entry)!r} needs an extension of Git LFS")
        oid = pointer[2].decode()
        store = os.path.join(self._part.repository.common_dir, "lfs", "objects")
        kept = os.path.join(store, oid[:2], oid[2:4], oid)
        try:
            shutil.copyfile(kept, path)
            with open(path, "rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == oid
        except FileNotFoundError:
            is_whole = False
        except OSError as error:
            raise GuardError(
                f"{self._whole(entry)!r} cannot be copied: {error.strerror}",
                f"df -h {shlex.quote(self._target)}",
            ) from error
        if not is_whole:
            # Of all refs: only so it takes the remote that it would take by itself.
            raise MissingObjectError(
                f"{self._whole(entry)!r} is a pointer of Git LFS; object {oid} is not in {store}",
                told((git(self._part.repository, "lfs", "fetch", "--all"),)),
            )

    def _require_blobs(self, wanted: Sequence[_Entry]) -> None:
        blobs = {entry.id: entry for entry in wanted if entry.mode != _GITLINK}
        data = "".join(f"{blob}\n" for blob in blobs).encode()
        answer = self._git.run("cat-file", "--batch-check", data=data, extra=_NOBODY)
        for line in answer.decode().splitlines():
            blob, _, state = line.partition(" ")
            if state == "missing":
                raise self._missing(f"blob {blob} ({self._whole(blobs[blob])})")

    def _whole(self, entry: _Entry) -> str:
        return f"{self._part.path}/{entry.path}" if self._part.path else entry.path

    def _owner(self) -> str:
        return f"submodule {self._part.path!r}" if self._part.path else "the superproject"

    def _refused(self, why: str) -> GuardError:
        return GuardError(
            f"{self._owner()}: the tree {self._part.tree} {why}",
            "correct the tree; `git fsck` names the commit that brought it",
        )

    def _missing(self, what: str) -> MissingObjectError:
        part = self._part
        at = f" at commit {part.commit}" if part.commit else ""
        git_dir = part.repository.git_dir
        return MissingObjectError(
            f"{self._owner()}{at}: {what} is not in {git_dir}",
            f"git --git-dir={shlex.quote(git_dir)} fetch --refetch --no-filter "
            "--recurse-submodules=no",
        )


def _borrowing(part: Part, folder: Path) -> Repository:
    """A repository with nothing of its own and all objects of the part's."""
    (folder / "objects" / "info").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    sha256 = len(part.tree) == 64
    extensions = "[extensions]\nobjectformat = sha256\n" if sha256 else ""
    version = f"[core]\nrepositoryformatversion = {int(sha256)}\n"
    (folder / "config").write_text(version + _SETTINGS + extensions)
    stores = [os.path.join(part.repository.common_dir, "objects"), part.repository.objects]
    lines = (_quoted(store) for store in stores if store)
    (folder / "objects" / "info" / "alternates").write_bytes(b"".join(lines))
    return Repository(str(folder), str(folder))


def _names(entries: Iterable[_Entry]) -> bytes:
    return b"".join(os.fsencode(entry.path) + b"\0" for entry in entries)


def _words(error: GitError) -> str:
    """What git said."""
    return error.problem.rpartition("failed: ")[2]


def _quoted(path: str) -> bytes:
    # Read like a line of git's own, so that a newline in a folder's name does not end it.
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"' + os.fsencode(escaped) + b'"\n'


def _is_manifest(path: str) -> bool:
    """Whether Haskell's build tools read the file to learn what a package depends on."""
    return _MANIFEST.fullmatch(path.rpartition("/")[2]) is not None


def _require_plain(folder: str, path: str) -> None:
    """Refuse a link, through which the docker CLI would read a file of this machine."""
    full = os.path.join(folder, path)
    if os.path.lexists(full) and (os.path.realpath(full) != full or not os.path.isfile(full)):
        raise GuardError(f"{path} is no plain file", f"make {path} a file of its own")
