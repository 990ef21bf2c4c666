"""How what guard adds to a push grows with the repositories, with the push, and when it blocks.

    make bench

Every size is pushed in the same run, without a hook and with guard's, one right after the other;
what is added is the median of their differences, round by round. The exit status says whether all
that was aimed at is reached: by the clock, and a growth only where the processors' time says so as
well, for on a busy machine the clock alone says anything.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.push import EMPTY, GUARD, NO_HOOK, Took, held, hooks_of, say, seal, timed, write_hook
from bench.worlds import Size, same_tree, world
from tests.workshop import Repo, Workshop

_SMALL: Final = Size(tags=15, verdicts=10, commits=100, branches=10)
_LARGE: Final = Size(tags=10_000, verdicts=20_000, commits=100_000, branches=5_000)
# What the fields of a size are called, in their order.
_NAMES: Final = ("tags in thentos", "verdicts", "commits of history", "remote branches")
_REFS: Final = 1000
_MOST_GROWTH: Final = 1.2
# Each of thousands of branches that somebody pushed is read; that is told, and not held to a bound.
_UNBOUND: Final = "branches"
_MOST_A_REF: Final = 10.0
_MOST_BLOCKED: Final = 300.0


class World(NamedTuple):
    """Repositories that are large in one way, or in none.

    Args:
        bound: whether what guard adds may hardly grow there.
    """

    name: str
    workshop: Workshop
    bound: bool = False


class Added(NamedTuple):
    """What guard added to pushes, round by round, in milliseconds."""

    rounds: list[Took]

    @property
    def wall(self) -> float:
        """The median by the clock."""
        return statistics.median(item.wall for item in self.rounds) * 1000

    @property
    def cpu(self) -> float:
        """The median of the processors' time."""
        return statistics.median(item.cpu for item in self.rounds) * 1000


def main() -> int:
    """Measure, print, and tell by the exit status whether all holds."""
    parser = argparse.ArgumentParser(description="How what guard adds to a push grows.")
    parser.add_argument("--rounds", type=int, default=20, help="pushes of each kind")
    parser.add_argument("--divide", type=int, default=1, help="what is large by this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guard-growth-") as folder:
        seal(Path(folder))
        worlds = _worlds(Path(folder), options.divide)
        holds = [
            *(_grown(worlds, name, options.rounds) for name in ("aula-docker", "aula")),
            *_blocked(worlds, options.rounds),
            # Last, for it leaves some thousand branches behind.
            *_many(worlds[0].workshop, _REFS // options.divide, max(options.rounds // 5, 1)),
        ]
    return 0 if all(holds) else 1


def _worlds(folder: Path, divide: int) -> list[World]:
    """The small one, and one for each way to be large."""
    found = [World("", world(folder / "small", _SMALL))]
    for field, name, small, large in zip(Size._fields, _NAMES, _SMALL, _LARGE, strict=True):
        size = _SMALL._replace(**{field: large // divide})
        text = f"{name}, {small:,} to {large // divide:,}"
        found.append(World(text, world(folder / field, size), field != _UNBOUND))
    return found


def _of(workshop: Workshop, name: str) -> Repo:
    return workshop.docker if name == "aula-docker" else workshop.aula


def _grown(worlds: Sequence[World], name: str, rounds: int) -> bool:
    """A push of one new commit in every world."""
    pushes = [_one_more(_of(item.workshop, name)) for item in worlds]
    small, *large = _interleaved(pushes, rounds)
    say(f"\nadded to a push of one commit of {name}, {rounds} rounds, milliseconds")
    say(f"  {'':<40}{'clock':>8}{'ratio':>7}{'cpu':>8}{'ratio':>7}")
    say(f"  {'small repositories':<40}{small.wall:>8.1f}{'':>7}{small.cpu:>8.1f}")
    holds = True
    for item, added in zip(worlds[1:], large, strict=True):
        wall, cpu = added.wall / max(small.wall, 0.1), added.cpu / max(small.cpu, 0.1)
        figures = f"{added.wall:>8.1f}{wall:>7.2f}{added.cpu:>8.1f}{cpu:>7.2f}"
        within = min(wall, cpu) < _MOST_GROWTH
        told = f"below {_MOST_GROWTH}: {held(within)}" if item.bound else "no bound"
        say(f"  {item.name:<40}{figures}   {told}")
        holds = holds and (within or not item.bound)
    return holds


def _one_more(repository: Repo) -> Callable[[str], Took]:
    def push(hook: str) -> Took:
        repository.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", "one more")
        return _accepted(repository, hook, "HEAD:refs/heads/master")

    return push


def _many(workshop: Workshop, refs: int, rounds: int) -> list[bool]:
    """New branches at commits of their own, all with one tree."""
    say(f"\nadded to a push of {refs} new refs at commits of one combination, {rounds} rounds")
    found = []
    for name in ("aula-docker", "aula"):
        (added,) = _interleaved([_branches(_of(workshop, name), refs)], rounds)
        wall, cpu = added.wall / refs, added.cpu / refs
        holds = wall < _MOST_A_REF
        text = f"{wall:.2f} ms a ref (cpu {cpu:.2f}), below {_MOST_A_REF:.0f}: {held(holds)}"
        say(f"  {name:<12} {text}")
        found.append(holds)
    return found


def _branches(repository: Repo, refs: int) -> Callable[[str], Took]:
    turn = iter(range(sys.maxsize))

    def push(hook: str) -> Took:
        prefix = f"refs/heads/many-{next(turn)}/"
        same_tree(repository, refs, prefix)
        return _accepted(repository, hook, f"{prefix}*:{prefix}*")

    return push


def _blocked(worlds: Sequence[World], rounds: int) -> list[bool]:
    """Pushes that guard does not let through, beside a hook that only says no."""
    small, tagged = worlds[0], worlds[1]
    kinds = [
        ("not tested", _refused(small.workshop, {"untested": "one more"})),
        ("thentos does not fit", _refused(small.workshop, _misfit(small.workshop))),
        (f"the same, {tagged.name}", _refused(tagged.workshop, _misfit(tagged.workshop))),
    ]
    say(f"\nadded to a push of aula that is blocked, {rounds} rounds, milliseconds")
    found = []
    for (name, _), added in zip(
        kinds, _interleaved([push for _, push in kinds], rounds, EMPTY), strict=True
    ):
        holds = added.wall < _MOST_BLOCKED
        figures = f"{added.wall:>8.1f}{'':>7}{added.cpu:>8.1f}{'':>7}"
        say(f"  {name:<40}{figures}   below {_MOST_BLOCKED:.0f}: {held(holds)}")
        found.append(holds)
    return found


def _misfit(workshop: Workshop) -> dict[str, str]:
    return workshop.aula_files(">=0.2 && <0.3")


def _refused(workshop: Workshop, files: dict[str, str]) -> Callable[[str], Took]:
    repository = workshop.aula
    write_hook(hooks_of(repository, EMPTY) / "pre-push", "#!/bin/sh\nexit 1\n")
    before = repository.head
    repository.commit("Not to be pushed", files)
    commit = repository.head
    repository.git("reset", "--quiet", "--hard", before)

    def push(hook: str) -> Took:
        took, status, said = _pushed(repository, hook, f"{commit}:refs/heads/blocked")
        if status == 0 or (hook == GUARD and "guard: the push is blocked" not in said):
            raise SystemExit(f"the push was not blocked:\n{said}")
        return took

    return push


def _interleaved(
    pushes: Sequence[Callable[[str], Took]], rounds: int, other: str = NO_HOOK
) -> list[Added]:
    """What guard adds to each; every round begins with another, and the first only warms up."""
    found: list[list[Took]] = [[] for _ in pushes]
    for number in range(rounds + 1):
        for step in range(len(pushes)):
            at = (number + step) % len(pushes)
            hooks = [other, GUARD] if number % 2 else [GUARD, other]
            took = {hook: pushes[at](hook) for hook in hooks}
            if number:
                wall, cpu = took[GUARD].wall - took[other].wall, took[GUARD].cpu - took[other].cpu
                found[at].append(Took(wall, cpu))
    return [Added(item) for item in found]


def _accepted(repository: Repo, hook: str, refs: str) -> Took:
    took, status, said = _pushed(repository, hook, refs)
    if status != 0:
        raise SystemExit(f"the push was not accepted:\n{said}")
    return took


def _pushed(repository: Repo, hook: str, refs: str) -> tuple[Took, int, str]:
    repository.git("config", "core.hooksPath", str(hooks_of(repository, hook)))
    took, ran = timed(repository, "push", "--quiet", "origin", refs)
    return took, ran.returncode, ran.stderr.decode()


if __name__ == "__main__":
    sys.exit(main())
