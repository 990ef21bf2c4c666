"""``guard align``: move the dependency to the release that the consumer asks for, and stage it."""

from argparse import ArgumentParser, Namespace

from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GuardError, UsageError
from guard.gate.gate import gate_here
from guard.gate.situation import Situation, standing
from guard.git.checkouts import move_submodule
from guard.git.commands import git, guard, in_turn, told
from guard.git.commits import commit_gitlink
from guard.git.remotes import Asking
from guard.model import Release
from guard.plan.align import Choice, Reason, fetching_tags, move, unsatisfied
from guard.rules.asked import fitting_releases, ranges_on_gitlink
from guard.screen import Screen
from guard.situation.publication import Unknown
from guard.situation.values import Facts, Pin, SharedState


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--to", metavar="TAG", help="this release, whatever would be chosen")
    parser.add_argument(
        "--newest", action="store_true", help="the newest release, an open-ended >=x as written"
    )
    parser.add_argument("--commit", action="store_true", help="commit the moved gitlink alone")


def run(options: Namespace, screen: Screen) -> int:
    """Say which release and why, check it out and stage it. 1 where no release fits."""
    if options.to and options.newest:
        raise UsageError("give --to TAG or --newest, not both")
    with gate_here(Asking()) as gate:
        now = Situation(gate, combination=standing(gate))
        pin = _pin(now.releases, options.to)
        choice = _asked_for(now, options.to) if options.to else now.choice(options.newest)
        if choice is None:
            return _none_fits(now.releases, screen)
        if options.to:
            for package in unsatisfied(choice.chosen, ranges_on_gitlink(now.releases)):
                screen.warn(f"guard: warning: {choice.chosen.release.tag} lacks {package}")
        _move(now, pin, choice, screen)
        if options.commit and choice.chosen.release.commit != pin.commit:
            _commit(now, choice.chosen.release, screen)
    return EXIT_ALLOWED


def _commit(now: Situation, release: Release, screen: Screen) -> None:
    """Commit the gitlink; say where the release was chosen for another consumer than HEAD's."""
    gate, consumer, path = now.gate, now.config.consumer, now.config.dependency
    message = f"Move {path} to {release.tag}"
    text = "\n\n".join((message, *now.moving(release)))
    commit = commit_gitlink(now.top, path, release.commit, text)
    screen.say(f"  committed as {commit[:12]}: {message}")
    head, wanted = gate.head, gate.gitlink(now.combination, consumer)
    if head is None or wanted is None or wanted == gate.gitlink(head, consumer):
        return
    screen.warn(
        f"guard: the release was chosen for {consumer} {wanted[:12]}, which HEAD does not pin"
    )
    also = in_turn((git(now.top, "add", consumer), git(now.top, "commit")))
    screen.warn(f"  to commit that as well: {also}")


def _pin(facts: Facts, to: str | None) -> Pin:
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
    shared = facts.pin.shared
    is_known = shared is None or shared.state is not SharedState.UNKNOWN
    if not (to or is_known or facts.pin.releases):
        assert shared is not None
        # It would be left for an older one, and be a release perhaps.
        raise GuardError(
            f"whether {facts.names.dependency} is at a release already is not known: "
            f"{shared.detail}",
            told(shared.remedy or facts.ask_command),
        )
    return facts.pin


def _asked_for(now: Situation, tag: str) -> Choice:
    candidates = now.releases.candidates or ()
    for each in candidates:
        if each.release.tag == tag:
            return Choice(each, Reason.ASKED_FOR, ())
    assert isinstance(now.releases.pin, Pin)  # else there is nothing to move
    tags = ", ".join(each.release.tag for each in candidates) or "none"
    raise UsageError(
        f"{tag} is no release of {now.releases.names.dependency} on this machine: {tags}",
        fetching_tags(now.releases.pin)[0].text,
    )


def _none_fits(facts: Facts, screen: Screen) -> int:
    names = facts.names
    asked = ", ".join(f"{name} {wanted}" for name, wanted in ranges_on_gitlink(facts).items())
    fitting = fitting_releases(facts)
    others = [each.release.tag for each in fitting]
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
        tags = ", ".join(each.release.tag for each in facts.candidates or ()) or "none"
        screen.warn(f"guard: no release of {names.dependency} satisfies {asked}")
        screen.warn(f"  releases on this machine: {tags}")
    command = told(move(facts) or (guard("align"),))
    screen.warn(f"  {'to take one' if others else 'to mend it'}: {command}")
    return EXIT_BLOCKED


def _move(now: Situation, pin: Pin, choice: Choice, screen: Screen) -> None:
    """Check the release out and stage it, unless the dependency stands there."""
    release, path = choice.chosen.release, now.config.dependency
    if release.commit == pin.commit:
        screen.say(f"{path} stays at {release.tag}: {choice.reason.value}")
    else:
        root = now.gate.submodules(now.config).store(path).root(release.commit)
        assert root is not None  # its packages have been read
        tag = f"refs/tags/{release.tag}"
        moved = move_submodule(now.top, path, release.commit, root.repository, tag)
        old = pin.releases[0].tag if pin.releases else pin.described
        what = "checked out and staged" if moved else "staged (the submodule is not checked out)"
        screen.say(f"{path}: {old} -> {screen.paint(release.tag, 'bold')}, {what}")
        screen.say(f"  why: {choice.reason.value}")
    if choice.others:
        screen.say(f"  would do as well: {', '.join(each.release.tag for each in choice.others)}")
