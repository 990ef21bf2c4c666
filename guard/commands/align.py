"""``guard align``: move the dependency to the release that the consumer asks for, and stage it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from guard.config import Config
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GitError, GuardError, UsageError
from guard.gate.gate import Gate
from guard.git.checkouts import move_submodule
from guard.git.commands import git, guard, in_turn, told
from guard.git.commits import commit_gitlink
from guard.git.repository import Repository
from guard.git.store import Store
from guard.model import Combination
from guard.plan.align import Choice, Nearness, Reason, choose, move, unsatisfied
from guard.rules.asked import fitting_releases, ranges_on_gitlink
from guard.screen import Screen
from guard.situation.values import Facts, Pin, Unknown
from guard.situation.workspace import find_workspace
from guard.trial.jobs import standing


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--to", metavar="TAG", help="this release, whatever would be chosen")
    parser.add_argument(
        "--newest", action="store_true", help="the newest release, an open-ended >=x as written"
    )
    parser.add_argument("--commit", action="store_true", help="commit the moved gitlink alone")


def run(options: Namespace, screen: Screen) -> int:
    """Say which release and why, check it out and stage it. 1 where no release fits.

    Raises:
        GuardError: there is no gitlink to move, or moving it would lose something.
    """
    if options.to and options.newest:
        raise UsageError("give --to TAG or --newest, not both")
    with Gate(find_workspace()) as gate:
        combination = standing(gate)
        config = gate.gatherer.config(combination)
        facts = gate.gatherer.gather(combination, tested=False)
        pin = _pin(facts)
        facts = gate.gatherer.explain(facts, combination, ranges_on_gitlink(facts).values())
        store = gate.gatherer.submodules(config).store(config.dependency)
        choice = _chosen(facts, pin, store, options)
        if choice is None:
            return _none_fits(facts, screen)
        for package in _lacking(facts, choice, options):
            screen.warn(f"guard: warning: {choice.chosen.release.tag} lacks {package}")
        status = _move(gate, config, pin, choice, store, options.commit, screen)
        if options.commit and choice.chosen.release.commit != pin.commit:
            _tell_left_out(gate, combination, config, screen)
        return status


def _tell_left_out(gate: Gate, chosen_for: Combination, config: Config, screen: Screen) -> None:
    """Say where the release was chosen for another commit of the consumer than HEAD's."""
    head = gate.head()
    wanted = gate.gatherer.gitlink(chosen_for, config.consumer)
    if head is None or wanted is None or wanted == gate.gatherer.gitlink(head, config.consumer):
        return
    name = config.consumer
    screen.warn(f"guard: the release was chosen for {name} {wanted[:12]}, which HEAD does not pin")
    top = gate.workspace.superproject
    also = in_turn((git(top, "add", name), git(top, "commit")))
    screen.warn(f"  to commit that as well: {also}")


def _pin(facts: Facts) -> Pin:
    for unread in (facts.pin, facts.consumer):
        if isinstance(unread, Unknown):
            raise GuardError(unread.what, told(unread.remedy))
    if not isinstance(facts.pin, Pin):
        names = facts.names
        raise GuardError(
            f"{names.superproject} has no gitlink at {names.dependency_path}, so there is nothing "
            f"to move: {names.dependency} does not come from a submodule",
            "guard check",
        )
    return facts.pin


def _chosen(facts: Facts, pin: Pin, store: Store, options: Namespace) -> Choice | None:
    if options.to:
        for item in facts.candidates or ():
            if item.release.tag == options.to:
                return Choice(item, Reason.ASKED_FOR, ())
        known = ", ".join(item.release.tag for item in facts.candidates or ()) or "none"
        raise UsageError(
            f"{options.to} is no release of {facts.names.dependency} on this machine: {known}",
            git(store.repositories[0], "fetch", "--tags").text,
        )
    return choose(facts, _nearness(store, pin), options.newest)


def _nearness(store: Store, pin: Pin) -> Nearness:
    containing: set[str] = set()
    before: set[str] = set()
    for repository in store.repositories:
        containing.update(_tags(repository, "--contains", pin.commit))
        before.update(_tags(repository, "--merged", pin.commit))
    return Nearness(frozenset(containing), frozenset(before))


def _tags(repository: Repository, relation: str, commit: str) -> list[str]:
    try:
        return repository.lines(
            "for-each-ref",
            f"{relation}={commit}",
            "--format=%(refname:lstrip=2)",
            "refs/tags",
        )
    except GitError:
        return []  # this repository does not have the commit


def _lacking(facts: Facts, choice: Choice, options: Namespace) -> list[str]:
    return unsatisfied(choice.chosen, ranges_on_gitlink(facts)) if options.to else []


def _none_fits(facts: Facts, screen: Screen) -> int:
    names = facts.names
    asked = ", ".join(f"{name} {wanted}" for name, wanted in ranges_on_gitlink(facts).items())
    fitting = fitting_releases(facts)
    others = [item.release.tag for item in fitting]
    if fitting and fitting[0].release.is_pre:
        screen.warn(
            f"guard: no release of {names.dependency} satisfies {asked}, but pre-releases do, "
            f"which are not chosen unasked: {', '.join(others)}"
        )
    elif others:
        screen.warn(
            f"guard: no release of {names.dependency} is compatible with the lower bounds of "
            f"{asked}; within the ranges as written: {', '.join(others)}"
        )
    else:
        known = ", ".join(item.release.tag for item in facts.candidates or ()) or "none"
        screen.warn(f"guard: no release of {names.dependency} satisfies {asked}")
        screen.warn(f"  releases on this machine: {known}")
    command = told(move(facts) or (guard("align"),))
    screen.warn(f"  {'to take one' if others else 'to mend it'}: {command}")
    return EXIT_BLOCKED


def _move(
    gate: Gate,
    config: Config,
    pin: Pin,
    choice: Choice,
    store: Store,
    commits: bool,
    screen: Screen,
) -> int:
    release = choice.chosen.release
    path = config.dependency
    root = store.root(release.commit)
    assert root is not None  # its packages have been read
    if release.commit == pin.commit:
        screen.say(f"{path} stays at {release.tag}: {choice.reason.value}")
    else:
        tag = f"refs/tags/{release.tag}"
        moved = move_submodule(
            gate.workspace.superproject, path, release.commit, root.repository, tag
        )
        old = pin.releases[0].tag if pin.releases else pin.described
        what = "checked out and staged" if moved else "staged (the submodule is not checked out)"
        screen.say(f"{path}: {old} -> {screen.paint(release.tag, 'bold')}, {what}")
        screen.say(f"  why: {choice.reason.value}")
    if choice.others:
        screen.say(f"  would do as well: {', '.join(item.release.tag for item in choice.others)}")
    if commits and release.commit != pin.commit:
        message = f"Move {path} to {release.tag}"
        commit = commit_gitlink(gate.workspace.superproject, path, release.commit, message)
        screen.say(f"  committed as {commit[:12]}: {message}")
    return EXIT_ALLOWED
