"""The conditions that requirements stand under, and assignments under which fewer are asked.

An assignment says of each flag of the consumer's packages whether it is on, and which system,
architecture and compiler it is. What holds under which is kept as decision diagrams (R. E. Bryant,
"Graph-Based Algorithms for Boolean Function Manipulation", 1986), with more than two branches at a
variable of more than two values. They grow with what conditions really say, not with how often or
how deep it is said; what grows all the same is given up as undecided.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from typing import Final, NamedTuple

from guard.haskell import Manifest, Requirement, Version
from guard.haskell.model import Chain, Component, Expression, Negation, Variable, When

# Each branch that is looked at costs some microseconds; a diagram is as deep as it has variables.
_MOST_BRANCHES: Final = 80_000
_MOST_VARIABLES: Final = 200
_FAR: Final = 1_000

# A compiler with its version, and with that of the one it passes for.
_Compiler = tuple[tuple[str, tuple[int, ...]], ...]
_Value = bool | str | _Compiler
# Its kind, and a flag's package and name.
_Key = tuple[str, str, str]
Assignment = Mapping[_Key, _Value]

_NO, _YES = 0, 1
# What is none of those that a condition names.
_ANOTHER: Final = ""


class TooManyError(Exception):
    """More conditions depend on each other than can be decided in the time that a push has, or
    flags are set in ways that exclude each other: which counts is for the tool that builds."""


class Asked(NamedTuple):
    """One requirement and the manifest that declares it."""

    manifest: str
    requirement: Requirement

    @property
    def file(self) -> str:
        """Where it stands: in the manifest, or in what that takes in."""
        return self.requirement.file or self.manifest


class _Diagrams:
    """Diagrams by number: equal ones have the same; `_NO` and `_YES` have no variable."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.nodes: list[tuple[int, tuple[int, ...]]] = [(len(sizes), ()), (len(sizes), ())]
        self._sizes = sizes
        self._numbers: dict[tuple[int, tuple[int, ...]], int] = {}
        self._joined: dict[tuple[int, int], int] = {}
        self._inverted = {_NO: _YES, _YES: _NO}
        self._variables: set[int] = set()
        self._looked_at = 0

    def node(self, variable: int, branches: tuple[int, ...]) -> int:
        """A choice by the value of one variable, before all that its branches look at."""
        self._look_at(len(branches))
        if len(set(branches)) == 1:
            return branches[0]
        self._variables.add(variable)
        key = (variable, branches)
        if key not in self._numbers:
            self._numbers[key] = len(self.nodes)
            self.nodes.append(key)
        return self._numbers[key]

    def both(self, left: int, right: int) -> int:
        """What holds where both do."""
        if left == right or _NO in (left, right):
            return min(left, right)
        if _YES in (left, right):
            return max(left, right)
        key = (min(left, right), max(left, right))
        if key not in self._joined:
            at = min(self.nodes[left][0], self.nodes[right][0])
            pairs = zip(self._branches(left, at), self._branches(right, at), strict=True)
            self._joined[key] = self.node(at, tuple([self.both(*pair) for pair in pairs]))
        return self._joined[key]

    def all(self, parts: Iterable[int]) -> int:
        """What holds where all do; what looks at the last variables is joined first."""
        distinct = set(parts)
        self._look_at(len(distinct))
        return reduce(self.both, sorted(distinct, key=lambda part: -self.nodes[part][0]), _YES)

    def any(self, parts: Iterable[int]) -> int:
        """What holds where one does."""
        return self.invert(self.all(map(self.invert, parts)))

    def invert(self, diagram: int) -> int:
        """What holds where the other does not."""
        if diagram not in self._inverted:
            at, branches = self.nodes[diagram]
            inverted = self.node(at, tuple([self.invert(branch) for branch in branches]))
            self._inverted |= {diagram: inverted, inverted: diagram}
        return self._inverted[diagram]

    def _look_at(self, many: int) -> None:
        self._looked_at += many
        if len(self._variables) > _MOST_VARIABLES or self._looked_at > _MOST_BRANCHES:
            raise TooManyError

    def _branches(self, diagram: int, variable: int) -> tuple[int, ...]:
        at, branches = self.nodes[diagram]
        return branches if at == variable else (diagram,) * self._sizes[variable]


class Conditions:
    """What a consumer's manifests say of when something is asked."""

    def __init__(self, manifests: Sequence[Manifest], asked: Sequence[Asked]) -> None:
        self._manifests = {manifest.path: manifest for manifest in manifests}
        self._flags = {
            ("flag", _scope(manifest), flag.name): flag
            for manifest in manifests
            for flag in manifest.flags
        }
        self._values = _values(self._manifests, asked)
        self._keys = list(self._values)
        self._undeclared = {each for each in self._keys if each[0] == "flag"} - self._flags.keys()
        self._places = {key: place for place, key in enumerate(self._keys)}
        self._diagrams = _Diagrams([len(values) for values in self._values.values()])
        self._usual_values: dict[_Key, _Value] = {
            key: self._flags[key].default if key in self._flags else values[0]
            for key, values in self._values.items()
        }

    @cached_property
    def usual(self) -> Assignment:
        """The one that is taken without a reason for another: defaults, Linux, x86_64, GHC.

        Raises:
            TooManyError: it cannot be told for the settings and what is not built.
        """
        usual = self._nearest(self._settled, self._usual_values)
        if usual is None:
            raise TooManyError
        return usual

    def without(self, asked: Iterable[Asked]) -> Assignment | None:
        """The most usual assignment that builds, and under which none of these is asked.

        Raises:
            TooManyError: whether there is one cannot be decided.
        """
        built = [
            self._built(manifest)
            for manifest in self._manifests.values()
            if any(self._is_built(manifest, one, self.usual) for one in manifest.components)
        ]
        avoided = [self._diagrams.invert(self._active(one)) for one in asked]
        whole = self._diagrams.all([self._settled, *built, *avoided])
        return self._nearest(whole, self.usual)

    def asks(self, asked: Asked, assignment: Assignment) -> bool:
        """Whether a requirement is asked under an assignment."""
        manifest, requirement = self._manifests[asked.manifest], asked.requirement
        return self._holds(requirement.when, manifest, assignment, True) and all(
            self._is_built(manifest, component, assignment)
            for component in manifest.components
            if component.section == requirement.section
        )

    def undeclared(self) -> Iterator[tuple[Manifest, str]]:
        """The flags that conditions name and no manifest of the package declares, which Cabal
        refuses: nobody can choose one."""
        for _, scope, flag in sorted(self._undeclared):
            yield next(one for one in self._manifests.values() if _scope(one) == scope), flag

    def unusual(self, assignment: Assignment) -> tuple[str, ...]:
        """What is not as usual in an assignment, in words."""
        return tuple(
            _told(key, value, self._values[key])
            for key, value in assignment.items()
            if _distance(value, self.usual[key])
        )

    @cached_property
    def _settled(self) -> int:
        """Where flags are as they are set and manual ones else by default, the compiler is the one
        that is named, and libraries that others of the consumer's packages need are built."""
        compilers = [
            self._diagram(manifest.compiler, manifest)
            for manifest in self._manifests.values()
            if manifest.compiler
        ]
        return self._diagrams.all([*compilers, *self._settings(), *self._libraries()])

    def _settings(self) -> Iterator[int]:
        """cabal and stack take a manual flag's default; what a project says holds together."""
        for key, flag in self._flags.items():
            if key not in self._values:
                continue
            settings = [
                (self._all_of(setting.when, manifest, True), setting.value)
                for manifest in self._manifests.values()
                for setting in manifest.settings
                if setting.package in (None, key[1]) and setting.flag == key[2]
            ]
            if flag.manual:
                is_default = self._choice(key, [flag.default])
                yield self._diagrams.any([is_default, *(active for active, _ in settings)])
            for active, wanted in settings:
                is_set = self._choice(key, [wanted])
                yield self._diagrams.any([self._diagrams.invert(active), is_set])

    def _libraries(self) -> Iterator[int]:
        libraries = {
            (manifest.package, component.section): self._is_buildable(manifest, component)
            for manifest in self._manifests.values()
            for component in manifest.components
            if component.section.startswith("library") and component.unbuilt
        }
        for manifest in self._manifests.values() if libraries else ():
            own = ((manifest.package, one) for one in manifest.own)
            for package, one in (*((each.package, each) for each in manifest.requirements), *own):
                for name in one.libraries or (one.package,):
                    section = "library" if name == package else f"library {name}"
                    if (package, section) in libraries:
                        inactive = self._diagrams.invert(self._active(Asked(manifest.path, one)))
                        yield self._diagrams.any([inactive, libraries[package, section]])

    def _built(self, manifest: Manifest) -> int:
        """Where something of a package is built."""
        return self._diagrams.any(self._is_buildable(manifest, one) for one in manifest.components)

    def _active(self, asked: Asked) -> int:
        """Where a requirement is asked."""
        manifest, requirement = self._manifests[asked.manifest], asked.requirement
        built = [
            self._is_buildable(manifest, component)
            for component in manifest.components
            if component.section == requirement.section
        ]
        return self._diagrams.all([self._all_of(requirement.when, manifest, True), *built])

    def _is_buildable(self, manifest: Manifest, component: Component) -> int:
        unbuilt = [self._all_of(when, manifest, False) for when in component.unbuilt]
        return self._diagrams.all(map(self._diagrams.invert, unbuilt))

    def _all_of(self, when: When, manifest: Manifest, unclear: bool) -> int:
        """Where conditions hold; whether one does that cannot be read is given."""
        parts = []
        for test, negated in when:
            if self._is_unclear(test, manifest):
                parts.append(_YES if unclear else _NO)
            else:
                part = self._diagram(test, manifest)
                parts.append(self._diagrams.invert(part) if negated else part)
        return self._diagrams.all(parts)

    def _is_unclear(self, test: Expression, manifest: Manifest) -> bool:
        return isinstance(test, str) or (
            bool(self._undeclared)
            and any(_key(one, manifest) in self._undeclared for one in _variables(test))
        )

    def _diagram(self, test: Expression, manifest: Manifest) -> int:
        match test:
            case Variable():
                key = _key(test, manifest)
                return self._choice(key, [one for one in self._values[key] if _is(test, one)])
            case Negation(part):
                return self._diagrams.invert(self._diagram(part, manifest))
            case Chain(operator, parts):
                join = self._diagrams.all if operator == "&&" else self._diagrams.any
                return join([self._diagram(part, manifest) for part in parts])
        return _YES if test else _NO

    def _choice(self, key: _Key, chosen: Collection[_Value]) -> int:
        """Where a variable has one of some values."""
        wanted = frozenset(chosen)
        branches = (_YES if value in wanted else _NO for value in self._values[key])
        return self._diagrams.node(self._places[key], tuple(branches))

    def _is_built(self, manifest: Manifest, component: Component, assignment: Assignment) -> bool:
        return not any(self._holds(when, manifest, assignment, False) for when in component.unbuilt)

    def _holds(self, when: When, manifest: Manifest, assignment: Assignment, unclear: bool) -> bool:
        return all(
            unclear
            if self._is_unclear(test, manifest)
            else _truth(test, manifest, assignment) is not negated
            for test, negated in when
        )

    def _nearest(self, diagram: int, usual: Assignment) -> Assignment | None:
        """The assignment of a diagram with the least that is unusual; of such the first."""
        costs: dict[int, tuple[float, int]] = {_NO: (math.inf, 0), _YES: (0, 0)}

        def cost(number: int) -> float:
            if number not in costs:
                at, branches = self._diagrams.nodes[number]
                key = self._keys[at]
                costs[number] = min(
                    (cost(branch) + _distance(value, usual[key]), place)
                    for place, (branch, value) in enumerate(
                        zip(branches, self._values[key], strict=True)
                    )
                )
            return costs[number][0]

        if math.isinf(cost(diagram)):
            return None
        assignment = dict(usual)
        while diagram != _YES:
            at, branches = self._diagrams.nodes[diagram]
            place = costs[diagram][1]
            assignment[self._keys[at]] = self._values[self._keys[at]][place]
            diagram = branches[place]
        return assignment


def _scope(manifest: Manifest) -> str:
    """Whose flags a manifest's conditions name."""
    return manifest.package or manifest.path


def _key(variable: Variable, manifest: Manifest) -> _Key:
    if variable.kind == "flag":
        return "flag", _scope(manifest), variable.name
    return variable.kind, "", ""


def _is(variable: Variable, value: _Value) -> bool:
    """Whether a variable of a condition holds where its key has a value."""
    if isinstance(value, tuple):
        bound = variable.range
        return any(
            name == variable.name and (bound is None or Version(numbers) in bound)
            for name, numbers in value
        )
    return value is True or value == variable.name


def _truth(test: Expression, manifest: Manifest, assignment: Assignment) -> bool:
    match test:
        case Variable():
            return _is(test, assignment[_key(test, manifest)])
        case Negation(part):
            return not _truth(part, manifest, assignment)
        case Chain(operator, parts):
            join = all if operator == "&&" else any
            return join(_truth(part, manifest, assignment) for part in parts)
    return bool(test)


def _distance(value: _Value, usual: _Value) -> int:
    """How unusual a value is: a system or a compiler is harder to have than any flags, and another
    version of the compiler than none."""
    if isinstance(value, str) or isinstance(usual, str):
        return 0 if value == usual else _FAR
    if isinstance(value, tuple) and isinstance(usual, tuple) and value[:1] != usual[:1]:
        return 1 if value and usual and value[0][0] == usual[0][0] else _FAR
    return int(value != usual)


def _told(key: _Key, value: _Value, values: Iterable[_Value]) -> str:
    kind, package, name = key
    if isinstance(value, bool):
        return f"flag {name} of {package} {'on' if value else 'off'}"
    if isinstance(value, tuple) and value:
        value = _told_range(*value[0], [one[0] for one in values if one and isinstance(one, tuple)])
    return f"{kind}({value})" if value else f"another {'compiler' if kind == 'impl' else kind}"


def _told_range(
    name: str, numbers: tuple[int, ...], versions: Iterable[tuple[str, tuple[int, ...]]]
) -> str:
    """A compiler and the versions that one stands for: up to the next that differs."""
    ends = {other for each, other in versions if each == name}
    following = min((each for each in ends if each > numbers), default=None)
    lower, upper = (
        ".".join(map(str, end[:-1] if end[:-1] in ends else end)) if end and any(end) else ""
        for end in (numbers, following)
    )
    if lower and lower == upper:
        return f"{name} =={lower}"
    bounds = [*([f">={lower}"] if lower else []), *([f"<{upper}"] if upper else [])]
    return " ".join([name, " && ".join(bounds)]).rstrip()


def _values(manifests: Mapping[str, Manifest], asked: Iterable[Asked]) -> dict[_Key, list[_Value]]:
    """The values of each variable that conditions name, the usual one first."""
    named: dict[_Key, dict[Variable, None]] = {}
    for test, manifest in _tests(manifests, asked):
        for variable in _variables(test):
            named.setdefault(_key(variable, manifest), {})[variable] = None
    values: dict[_Key, list[_Value]] = {}
    for key, variables in named.items():
        names = dict.fromkeys(variable.name for variable in variables)
        match key[0]:
            case "flag":
                values[key] = [True, False]
            case "impl":
                values[key] = list(_compilers(variables))
            case kind:
                usual = "linux" if kind == "os" else "x86_64"
                values[key] = [*dict.fromkeys((usual, *names)), _ANOTHER]
    return values


def _tests(
    manifests: Mapping[str, Manifest], asked: Iterable[Asked]
) -> Iterator[tuple[Expression, Manifest]]:
    """The conditions that can matter: of requirements, of what is built, of settings; and the
    compilers that are named."""
    own = {manifest.package for manifest in manifests.values()}
    for one in asked:
        yield from ((test, manifests[one.manifest]) for test, _ in one.requirement.when)
    for manifest in manifests.values():
        yield from [(manifest.compiler, manifest)] if manifest.compiler else []
        whens = [
            *(each for component in manifest.components for each in component.unbuilt),
            *(setting.when for setting in manifest.settings),
            *(each.when for each in manifest.requirements if each.package in own),
            *(each.when for each in manifest.own),
        ]
        yield from ((test, manifest) for when in whens for test, _ in when)


def _variables(test: Expression) -> Iterator[Variable]:
    match test:
        case Variable():
            yield test
        case Negation(part):
            yield from _variables(part)
        case Chain(_, parts):
            for part in parts:
                yield from _variables(part)


def _compilers(variables: Iterable[Variable]) -> Iterator[_Compiler]:
    """Compilers, the usual one first and its newest first: a version for each range that differs.

    Between two ends of ranges one version stands for all: the first behind the lower end. GHCJS
    passes for the GHC that it is made of (Cabal's ``compilerCompat``). One that no condition names
    is only thought of where a condition names one without a version.
    """
    variables = list(variables)
    ends: dict[str, set[tuple[int, ...]]] = {"ghc": {(0,)}}
    for variable in variables:
        own = ends.setdefault(variable.name, {(0,)})
        for interval in variable.range.intervals if variable.range else ():
            for end in (interval.lower, interval.upper or (0,)):
                own |= {end, (*end, 0)}
    for name in ends:
        for numbers in sorted(ends[name], reverse=True):
            if name == "ghcjs":
                yield from (((name, numbers), ("ghc", one)) for one in sorted(ends["ghc"]))
            else:
                yield ((name, numbers),)
    if any(one.range is None or one.range.is_any for one in variables):
        yield ()
