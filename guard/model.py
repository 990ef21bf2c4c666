"""The words of the project as frozen values. No input or output happens here.

The words are those of docs/words.md: superproject, consumer, dependency, gitlink,
requirement, release, combination, verdict, finding. What is kept of values in files is JSON, or
the same as plain data: `as_plain` makes it, and `read_as` is the one way back, by the annotations.
"""

import reprlib
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import (
    Any,
    Final,
    Literal,
    NamedTuple,
    NoReturn,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

_T = TypeVar("_T")
_PLAIN: Final[Mapping[type, str]] = {
    str: "is no text",
    int: "is no whole number",
    float: "is no number",
    bool: "is neither true nor false",
}

# All rules, in their order. The first are static: they ask about the combination alone; the next
# ask for its verdict, too; the last ask about a push: where it goes, and what went there before.
TESTED: Final = "tested"
STEP_BACK: Final = "step-back"
PUBLISHED: Final = "published"
MERGED: Final = "merged"
STATIC_RULES: Final = ("release-tag", "dependency-match", "dependency-source", "image-pin")
COMBINATION_RULES: Final = (*STATIC_RULES, TESTED, "image-published")
RULES: Final = (*COMBINATION_RULES, STEP_BACK, PUBLISHED, MERGED)
# What is asked of `.guard.toml` itself.
POLICY: Final = "policy"

# In the message of a commit that `guard recover` makes, with the verdict that it goes back to.
RECOVERS: Final = "Guard-Recovers"
# In the message of the commit that does it: why a submodule goes back, why the recipe is another.
STEPS_BACK: Final = "Guard-Step-Back"
OTHER_RECIPE: Final = "Guard-Recipe"


class Severity(Enum):
    """How much a finding weighs. `UNDECIDED` blocks as `ERROR` does, but says so differently."""

    ERROR = "error"
    UNDECIDED = "undecided"
    WARNING = "warning"
    NOTE = "note"


class Outcome(Enum):
    """What the gate says of one commit."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNDECIDED = "undecided"


class Role(Enum):
    """What a repository is to the others."""

    SUPERPROJECT = "superproject"
    CONSUMER = "consumer"
    DEPENDENCY = "dependency"


class Result(Enum):
    """What building and testing gave. Trouble of the engine is no result: it is raised."""

    PASSED = "passed"
    FAILED_BUILD = "failed at build"
    FAILED_TEST = "failed at test"


class VerdictState(Enum):
    """What is known of building and testing one combination by its recipe."""

    NO_COMMAND = "no test command"
    UNTESTED = "untested"
    PASSED = "passed"
    FAILED_BUILD = "failed at build"
    FAILED_TEST = "failed at test"
    UNREADABLE = "unreadable"


class Tested(NamedTuple):
    """The newest verdict's word on this combination.

    Args:
        detail: of a failure, what failed; of something unreadable, why.
        remedy: where another command than ``guard test`` is needed, or than ``guard test --again``
            of something unreadable.
        verdict: the verdict's name (the start of key and recipe), or "".
        log: path of the log file, or "".
        published: whether the image can be had from a registry.
        by: who recorded it, "" for one's own.
        uncounted: what there is instead of a verdict that counts here, in words, or "".
        blob: of one's own record, "" where it is not that which counts.
    """

    state: VerdictState
    key: str = ""
    recipe: str = ""
    detail: str = ""
    remedy: str = ""
    verdict: str = ""
    log: str = ""
    published: bool = False
    by: str = ""
    uncounted: str = ""
    blob: str = ""


class ImageMention(NamedTuple):
    """One place where a file of the consumer names the image.

    Args:
        tag: "" where there is none; with the variables that the file does not set.
        digest: as in ``sha256:1f..``, "" where there is none.
    """

    path: str
    line: int
    text: str
    name: str
    tag: str = ""
    digest: str = ""

    @property
    def reference(self) -> str:
        """Name, tag and digest as docker writes them."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


class Evidence(NamedTuple):
    """Where something was read.

    Args:
        repository: the repository as people name it, e.g. ``aula``.
        commit: the full commit id, or None where the thing is not in a commit.
        text: the line or the declaration itself.
    """

    repository: str
    commit: str | None = None
    path: str | None = None
    line: int | None = None
    text: str = ""


class Finding(NamedTuple):
    """One thing that is wrong or noteworthy.

    Args:
        rule: the rule's name, e.g. ``release-tag``.
        remedy: a command to paste, or what to change.
        missing: what could not be read, where that is why nothing could be decided.
    """

    rule: str
    severity: Severity
    message: str
    found: str = ""
    expected: str = ""
    evidence: tuple[Evidence, ...] = ()
    remedy: str = ""
    missing: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether no push is accepted with it."""
        return self.severity in (Severity.ERROR, Severity.UNDECIDED)


class Gitlink(NamedTuple):
    """The commit that a tree holds for a submodule (mode 160000)."""

    path: str
    commit: str


class Combination(NamedTuple):
    """One tree of the superproject with the commits of its submodules.

    Args:
        tree: id of the superproject's tree, as git knows it.
        commit: the superproject's commit, or None where the tree is its index.
        replaced: gitlinks that stand in place of those of `tree` (a consumer's pushed commit).
        source: where the tree comes from, in words: ``the index``, ``HEAD``, ``branch master``.
        objects: folder of a private object database that holds the tree, or "".
        settings: id of another `.guard.toml` that its own is held to, or "".
    """

    tree: str
    commit: str | None = None
    replaced: tuple[Gitlink, ...] = ()
    source: str = ""
    objects: str = ""
    settings: str = ""


class Release(NamedTuple):
    """A commit of the dependency that carries a release tag.

    Args:
        tag: short name of the tag, e.g. ``v0.3.0``.
        commit: the commit it points at, tags peeled.
        tree: that commit's tree, empty where it was not needed.
        is_pre: whether it is a pre-release: nothing stands at one that nobody has asked for.
    """

    tag: str
    commit: str
    tree: str = ""
    is_pre: bool = False


class Decision(NamedTuple):
    """The gate's answer for one commit.

    Args:
        commit: the commit that was judged.
        combination: the combination's key, None where it could not be computed or was not asked.
        judged_with: for a consumer's commit, which superproject tree it was put into.
        recipe: the digest of the combination's recipe, where its key is known.
        settings: as of the combination.
    """

    repository: str
    commit: str
    ref: str | None
    outcome: Outcome
    combination: str | None
    rules_run: tuple[str, ...]
    gitlinks: tuple[Gitlink, ...]
    release: str | None
    findings: tuple[Finding, ...]
    judged_with: str = ""
    recipe: str | None = None
    settings: str = ""

    @property
    def judge(self) -> str:
        """The superproject that a consumer's commit was judged with, where it is not the index."""
        superproject, _, source = self.judged_with.partition(": ")
        is_usual = source == "the index" or source.startswith("commit ")
        return "" if is_usual or not source else f"{source} of {superproject}"


def outcome_of(findings: tuple[Finding, ...]) -> Outcome:
    """Blocked by an error; undecided where something could not be read; else allowed."""
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return Outcome.BLOCKED
    if Severity.UNDECIDED in severities:
        return Outcome.UNDECIDED
    return Outcome.ALLOWED


class ShapeError(ValueError):
    """Data that is not of the shape it should have: which part, and what is there instead."""


def to_json(value: object, **form: Any) -> str:
    """The value as JSON.

    Args:
        form: as `json.dumps` has it.
    """
    import json

    return json.dumps(as_plain(value), **form)


def from_json(shape: type[_T], data: bytes) -> _T:
    """A value out of JSON, as `read_as` takes it.

    Raises:
        ShapeError: it is no JSON, or not of that shape.
    """
    import json

    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"it is no JSON: {error}") from error
    return read_as(shape, value)


def as_plain(value: Any) -> Any:
    """The value in what JSON has: a named tuple by its fields' names, any other as a list."""
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: as_plain(inner) for key, inner in value.items()}
    return [*map(as_plain, value)] if isinstance(value, list | tuple) else value


def read_as(shape: type[_T], value: object, where: str = "") -> _T:
    """A value out of what `as_plain` made of it.

    Args:
        shape: of named tuples, Enums, tuples, mappings from texts, plain types, literals, and
            ``X | None`` of these. A field that has a default may be missing, and a key that is no
            field is passed over: a newer guard may have written it.
        where: how messages name the value.

    Raises:
        ShapeError: it is not of that shape.
    """
    result: _T = _read(shape, value, where)
    return result


def _read(shape: Any, value: Any, where: str) -> Any:
    kind, inner = get_origin(shape) or shape, get_args(shape)
    if kind is object:
        return value
    if kind in _PLAIN:
        is_whole = kind is float and type(value) is int
        return value if type(value) is kind or is_whole else _misfit(where, value, _PLAIN[kind])
    if kind is UnionType:
        (other,) = {*inner} - {type(None)}
        return None if value is None else _read(other, value, where)
    if kind is Literal or issubclass(kind, Enum):
        return _chosen(inner or (*kind,), value, where)
    if kind is tuple:
        return _entries(inner, value, where)
    if type(value) is not dict:
        return _misfit(where, value, "is no object")
    if issubclass(kind, Mapping):
        keys = (_read(str, key, where) for key in value)
        return {key: _read(inner[1], value[key], f"{where}[{reprlib.repr(key)}]") for key in keys}
    return _fields(kind, value, f"{where}." if where else "")


def _chosen(choices: tuple[Any, ...], value: object, where: str) -> Any:
    plain = [as_plain(choice) for choice in choices]
    for choice, one in zip(choices, plain, strict=True):
        if type(value) is type(one) and value == one:
            return choice
    words = ", ".join(map(repr, plain))
    return _misfit(where, value, f"is none of {words}" if len(plain) > 1 else f"is not {words}")


def _entries(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if type(value) is not list:
        return _misfit(where, value, "is no list")
    shapes = inner[:1] * len(value) if inner[1:] == (...,) else inner
    if len(shapes) != len(value):
        return _misfit(where, value, f"is no list of {len(shapes)}")
    pairs = enumerate(zip(shapes, value, strict=True))
    return tuple(_read(shape, entry, f"{where}[{at}]") for at, (shape, entry) in pairs)


def _fields(kind: Any, value: dict[str, Any], prefix: str) -> Any:
    shapes = _shapes(kind)
    for name in shapes:
        if name not in value and name not in kind._field_defaults:
            raise ShapeError(f"{prefix}{name} is missing")
    there = ((name, shape) for name, shape in shapes.items() if name in value)
    return kind(**{name: _read(shape, value[name], prefix + name) for name, shape in there})


@cache
def _shapes(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _misfit(where: str, value: object, problem: str) -> NoReturn:
    raise ShapeError(f"{where or 'it'}: {reprlib.repr(value)} {problem}")
