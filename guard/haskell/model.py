"""What a manifest says, as plain values, and the text that it is read from. No I/O, no grammar."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol, TypeVar

from guard.haskell.ranges import Version, VersionRange

# How much of a text that could not be read is shown.
MAX_SHOWN = 200
# Four times the largest snapshot. A file that is longer is not read: that would only cost time.
MAX_BYTES = 4 * 1024 * 1024


class Variable(NamedTuple):
    """``kind(name)`` with kind ``os``, ``arch`` or ``flag``, and ``impl(name range)``."""

    kind: str
    name: str
    range: VersionRange | None = None


class Negation(NamedTuple):
    """``!part``"""

    part: Expression


class Chain(NamedTuple):
    """Parts that all hold (``&&``), or one of which does (``||``)."""

    operator: str
    parts: tuple[Expression, ...]


# A text is what cannot be read as a condition: it may hold, and so may its contrary.
Expression = bool | Variable | Negation | Chain | str

# How tightly a text holds together: what needs parentheses inside of what.
_TIGHTNESS = {"||": 0, "&&": 1}
_ATOM = 2


def _show(expression: Expression, level: int = 0) -> str:
    """The one form of an expression, whatever the spaces and parentheses of its source were."""
    match expression:
        case bool():
            return str(expression).lower()
        case Variable(kind, name, None):
            return f"{kind}({name})"
        case Variable(kind, name, bound):
            return f"{kind}({name} {bound})"
        case Negation(part):
            return f"!{_show(part, _ATOM)}"
        case Chain(operator, parts):
            own = _TIGHTNESS[operator]
            text = f" {operator} ".join(_show(part, own) for part in parts)
            return f"({text})" if own < level else text
    return expression


class Condition(NamedTuple):
    """A condition that a requirement stands under: ``if TEST``, or its ``else`` when negated."""

    test: Expression
    negated: bool = False

    @property
    def text(self) -> str:
        """As it is shown."""
        return _show(self.test)

    def to_json(self) -> str | dict[str, str]:
        """The element of "when": the text, or ``{"not": text}``."""
        return {"not": self.text} if self.negated else self.text

    def __str__(self) -> str:
        return f"not ({self.text})" if self.negated else self.text


_COMPILER = re.compile(
    r"(?:.*[/\\])?(ghc|ghcjs)-((?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){0,4})"
)


def compiler_of(text: str) -> Variable | None:
    """The compiler that ``ghc-9.6.4`` names, or a path that ends so; ``ghc-9.6`` is any 9.6."""
    parts = _COMPILER.fullmatch(text)
    if parts is None:
        return None
    bound = f"=={parts[2]}" if parts[2].count(".") > 1 else f"=={parts[2]}.*"
    return Variable("impl", parts[1], VersionRange.parse(bound))


# The conditions that something stands under, from the outside in.
When = tuple[Condition, ...]


class Requirement(NamedTuple):
    """One version range on one package, as declared at one line.

    ``text`` is the source of the requirement on one line, ``line`` counts from 1. ``section`` is
    the component (``library``, ``executable NAME``, ``custom-setup``, ..., or ``constraints``),
    ``when`` the conditions from the outside in, ``libraries`` the sublibraries that are asked for.
    ``scope`` is the qualifier of a constraint: ``toplevel``, ``any``, ``setup.*``, ``p:setup``.
    ``file`` is the path of the file that ``line`` counts in, where it is not the manifest's own.
    """

    package: str
    range: VersionRange
    line: int
    text: str
    section: str
    when: When = ()
    libraries: tuple[str, ...] = ()
    scope: str | None = None
    file: str | None = None


class Flag(NamedTuple):
    """A flag of a package; its builder may turn one that is not manual as it likes."""

    name: str
    default: bool = True
    manual: bool = False


class FlagSetting(NamedTuple):
    """What a project sets a flag of a package to, or of all its packages where that is None."""

    package: str | None
    flag: str
    value: bool
    when: When = ()


class Component(NamedTuple):
    """A component by its section's name, and the conditions under each of which it is not built."""

    section: str
    unbuilt: tuple[When, ...] = ()


class SourceKind(Enum):
    """Where a package comes from."""

    HACKAGE = "hackage"
    PATH = "path"
    GIT = "git"
    ARCHIVE = "archive"
    SNAPSHOT = "snapshot"
    CONSTRAINT = "constraint"


class Role(Enum):
    """What a source is to the project: a package of its own, which may be missing, a dependency,
    or what a snapshot has where the project names nothing else."""

    PROJECT = "project"
    OPTIONAL = "optional"
    DEPENDENCY = "dependency"
    SNAPSHOT = "snapshot"


class Source(NamedTuple):
    """One statement of where a package, or a set of packages, comes from.

    ``package`` and ``version`` are None where the file does not say them (a directory, a git
    repository). ``path`` is as written, relative to the manifest. ``commit`` is whatever names the
    state of the repository: a hash, tag or branch; None means its present head. Kind GIT stands for
    other version control systems as well. ``scope`` is that of a constraint, ``name`` a snapshot's.
    """

    kind: SourceKind
    line: int
    text: str
    package: str | None = None
    version: Version | None = None
    path: str | None = None
    url: str | None = None
    commit: str | None = None
    subdir: str | None = None
    role: Role = Role.DEPENDENCY
    scope: str | None = None
    range: VersionRange | None = None
    name: str | None = None
    file: str | None = None


def is_url(text: str) -> bool:
    """Whether cabal and stack fetch what a text names, and do not look for a file."""
    return text.startswith(("http://", "https://"))


# Where Stackage, which has no package of anybody's project, keeps its snapshots.
STACKAGE = re.compile(
    r"https?://(www\.)?stackage\.org/"
    r"|(https://raw\.githubusercontent\.com/|github:)(commercialhaskell|fpco)/[\w-]+[/:]"
)


class Unread(NamedTuple):
    """Something in a manifest that could not be read, or that the real tool would refuse.

    ``package`` is given where it is certain which package the text is about. Where
    ``concerns_requirements`` is false, the trouble is elsewhere (a licence, the version of the
    package itself): every requirement of the file was read all the same.
    """

    line: int
    text: str
    reason: str
    package: str | None = None
    concerns_requirements: bool = True
    file: str | None = None

    @property
    def shown(self) -> str:
        """The text, which may go on for long."""
        return self.text[:MAX_SHOWN]


class AllowNewer(NamedTuple):
    """Bounds that are lifted of the dependency ``package`` in ``scope``; ``*`` is all."""

    scope: str
    package: str
    line: int
    text: str
    file: str | None = None


# What a manifest says at a line, of its own or of a file that it takes in.
Said = TypeVar("Said", Requirement, Source, Unread, AllowNewer)


class Manifest(NamedTuple):
    """All that one file says about packages, by itself and by what it takes in of other files.

    ``unread`` is what could not be read, or is known to make the real tool refuse the file; what
    else is here was read beyond doubt. ``tools`` are requirements on packages for their executables
    (``build-tool-depends``), kept apart since they do not bound a library, as are those in ``own``,
    on the libraries with names of the package itself. ``compiler`` is the one that a project names.
    """

    path: str
    package: str | None = None
    version: Version | None = None
    version_line: int | None = None
    requirements: tuple[Requirement, ...] = ()
    sources: tuple[Source, ...] = ()
    unread: tuple[Unread, ...] = ()
    allow_newer: tuple[AllowNewer, ...] = ()
    tools: tuple[Requirement, ...] = ()
    own: tuple[Requirement, ...] = ()
    components: tuple[Component, ...] = ()
    flags: tuple[Flag, ...] = ()
    settings: tuple[FlagSetting, ...] = ()
    compiler: Variable | None = None

    @property
    def lenient(self) -> bool:
        """Whether something was not read."""
        return bool(self.unread)


# What another file holds, by its path, which counts from where the manifest's own path does. Raises
# LookupError with what stands in the way.
Files = Callable[[str], bytes]
# More files than this belong to no manifest.
MAX_FILES = 100


def no_files(path: str) -> bytes:
    """For a manifest that is read alone."""
    raise LookupError(f"what {path} says is not known here")


class Reader(Protocol):
    """Makes a manifest of a file's content, its path, and what further files say. Raises nothing
    but what ``files`` raises, except for LookupError."""

    __name__: str

    def __call__(self, data: bytes, path: str, files: Files = no_files) -> Manifest: ...


class Further:
    """The files that a manifest takes in: no more than it may, and none inside of itself."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._count = self._bytes = 0

    def read(self, reference: str, chain: tuple[str, ...]) -> tuple[str, bytes]:
        """Path and content of the file that the last of a chain of files names.

        Raises:
            LookupError: it cannot be read, and why.
        """
        path = posixpath.normpath(posixpath.join(posixpath.dirname(chain[-1]), reference))
        if not path.isprintable():
            raise LookupError(f"{path!r} is no path")
        if path in map(posixpath.normpath, chain):
            raise LookupError(f"{path} takes in itself")
        self._count += 1
        if self._count > MAX_FILES:
            raise LookupError(f"more than {MAX_FILES} files are taken in")
        data = self._files(path)
        self._bytes += len(data)
        if self._bytes > MAX_BYTES // 8:
            raise LookupError(f"more than {MAX_BYTES // 8192} KiB are taken in")
        return path, data


# From the marker that begins a conflict to the one that ends it, or to the end of the file.
_CONFLICT = re.compile(r"^<{7}.*?(?:^>{7}[^\n]*|\Z)", re.MULTILINE | re.DOTALL)


def text_of(data: bytes) -> tuple[str, tuple[Unread, ...]]:
    """The text of a manifest, without what stands between the markers of a conflict.

    Bytes that are no UTF-8 are replaced, as Cabal replaces them. A conflict may hide any
    requirement, so nothing of it is read but that it is there.
    """
    if len(data) > MAX_BYTES:
        return "", (Unread(1, "", f"larger than {MAX_BYTES // 1024**2} MiB"),)
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    conflict = _CONFLICT.search(text)
    if conflict is None:
        return text, ()
    line = text.count("\n", 0, conflict.start()) + 1
    marker = conflict.group().partition("\n")[0].strip()
    unread = Unread(line, marker[:MAX_SHOWN], "a conflict is not resolved")
    return _CONFLICT.sub(lambda match: "\n" * match.group().count("\n"), text), (unread,)
