"""``guard pre-push``: what the hook runs. A person waits for it at every push.

Git's arguments are the remote's name and URL, its standard input a line for each ref; under
pre-commit both are empty and the environment tells of the first ref.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from guard import mistake
from guard.errors import EXIT_ALLOWED, EXIT_UNDECIDED, GuardError
from guard.git.objects import ObjectPool
from guard.git.remotes import Asking
from guard.git.repository import (
    Repository,
    checkout_at,
    distinct,
    enclosing,
    find_here,
    hook_repository,
    submodule_repositories,
)
from guard.install.chain import USUAL, WORKS, joined, run_chained, take_chained

# The consumer, the dependency, and others that a push is likely to ask of.
_LIKELY: Final = 4

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from guard.gate.judgement import Judged
    from guard.git.pushes import RefUpdate
    from guard.screen import Screen


def arguments(parser: ArgumentParser) -> None:
    """Declare what git gives to a pre-push hook."""
    parser.add_argument("remote", nargs="?", help="the remote's name, or its URL")
    parser.add_argument("url", nargs="?", help="the remote's URL")


def run(options: Namespace, screen: Screen) -> int:
    """As `main`, for a call through the general parser."""
    return main([word for word in (options.remote, options.url) if word is not None])


def main(words: Sequence[str]) -> int:
    """Judge a push, run the hook that was there before, and return the joined exit status.

    The other hook runs, whatever the judgement came to.

    Raises:
        UnreadError: nobody reads what is said of the push; no other `GuardError`.
    """
    if list(words) in (["-h"], ["--help"]):
        sys.stdout.write("usage: guard pre-push REMOTE URL < ref lines  (see githooks(5))\n")
        return EXIT_ALLOWED
    if list(words) == [WORKS]:
        from guard.install.targets import import_needed

        import_needed()
        sys.stdout.write("guard: a push can be judged\n")
        return EXIT_ALLOWED
    chained, arguments = take_chained(words)
    # All of it, before anything can fail: git hangs up on a hook that does not read.
    refs = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    with ObjectPool(Asking()) as pool:
        here = _started(pool) if _brings_something(refs) else None
        # What follows is imported while git starts.
        from guard.screen import Screen

        screen = Screen.for_hook()
        judged = _judged(arguments, refs, screen, pool, here)
        if here is not None:
            _tell_unhooked(here, judged, screen, pool)
    status = judged.status
    if len(arguments) != 2:
        _tell_uncovered(screen)
    reason = os.environ.get("GUARD_BYPASS")
    if reason is not None:
        status = _bypassed(judged, reason.strip(), arguments, refs, screen)
    if status != EXIT_ALLOWED:
        screen.say(
            f"guard: the push is blocked{judged.others}. GUARD_BYPASS='why' git push goes past "
            "guard alone, and leaves a trace."
        )
    return joined(status, run_chained(chained, arguments, refs))


def _brings_something(refs: bytes) -> bool:
    """Whether any ref gets something: a push that only deletes asks nothing of git."""
    lines = (line.split() for line in refs.splitlines())
    return any(len(words) == 4 and words[1].strip(b"0") for words in lines)


def _started(pool: ObjectPool) -> Repository | None:
    """The repository whose hook this is; git starts to answer in it and around it.

    The repository around this one is likely to be its superproject, and what that has submodules
    of is asked of as well, unless they are many.
    """
    here = hook_repository()
    if here is None:
        return None
    top = next(enclosing(here), here)
    try:
        for repository in distinct((here, top, *_submodules(top))):
            pool.reader(repository).start()
            pool.settings.start(repository)
    except GuardError:
        pass  # whoever needs it says what is wrong
    return here


def _submodules(superproject: Repository) -> list[Repository]:
    """The submodules that git itself keeps for a superproject, by their names; see `_LIKELY`."""
    try:
        names = os.listdir(os.path.join(superproject.common_dir, "modules"))
    except OSError:
        return []
    few = names if len(names) <= _LIKELY else []
    return [each for name in few for each in submodule_repositories((superproject,), name, ())]


def _judged(
    arguments: Sequence[str], refs: bytes, screen: Screen, pool: ObjectPool, here: Repository | None
) -> Judged:
    """What the judgement came to, told already; whatever fails, the rest of the push goes on."""
    from guard.gate.judgement import Judged, judge

    try:
        return judge(arguments, refs, screen, pool, here)
    except GuardError as error:
        screen.failure(error)
        return Judged(error.status, trouble=error.problem)
    except Exception as error:
        told = mistake(error)
        screen.warn(told.rstrip())
        return Judged(EXIT_UNDECIDED, trouble=told)


def _tell_uncovered(screen: Screen) -> None:
    """What a framework does not show to guard, where git does not run guard as well."""
    if "PRE_COMMIT_REMOTE_NAME" not in os.environ:
        return

    from guard.install.health import hook_health

    with suppress(GuardError):
        health = hook_health(find_here())
        if not health.effective:
            screen.warn(
                f"guard: {health.by or 'pre-commit'} shows it only the first ref of a push, and no "
                "deletions, tags on known commits or new branches without new commits; guard "
                "install makes git itself show all"
            )


def _tell_unhooked(here: Repository, judged: Judged, screen: Screen, pool: ObjectPool) -> None:
    """One line where git has made the consumer's checkout anew, and so without its hook.

    Args:
        here: the repository that is pushed from.
    """
    # Of a superproject's commit the consumer's gitlink comes first.
    links = {item.gitlinks[0] for item in judged.decisions if len(item.gitlinks) > 1}
    for path in {link.path for link in links}:
        checkout = checkout_at(here, path)
        if checkout is None or os.path.lexists(os.path.join(checkout.common_dir, USUAL)):
            continue
        reason, remedy = f"there is no hook in {checkout.common_dir}/hooks", "guard install"
        with suppress(GuardError):
            if "core.hookspath" in dict(pool.settings.of(checkout)):
                from guard.install.health import hook_health

                health = hook_health(checkout)
                if health.effective:
                    continue
                reason, remedy = health.reason, health.remedy
        screen.say(f"guard: a push of {path} from here is not judged: {reason}: {remedy}")


def _bypassed(
    judged: Judged, reason: str, arguments: Sequence[str], refs: bytes, screen: Screen
) -> int:
    """The exit status of a push whose user wants to go past guard: 0 once that is written down."""
    if judged.status == EXIT_ALLOWED:
        if reason:
            screen.say("guard: GUARD_BYPASS was not needed; nothing is recorded")
        return EXIT_ALLOWED
    if not reason:
        screen.say("guard: GUARD_BYPASS is empty, and an empty reason is no reason")
        return judged.status
    from guard.gate.bypass import record
    from guard.gate.judgement import updates_of

    updates: list[RefUpdate] = []
    with suppress(GuardError):
        updates = updates_of(arguments, refs)
    try:
        path = record(reason, arguments, updates, judged.decisions, judged.trouble)
    except GuardError as error:
        screen.failure(error)
        return judged.status
    screen.say(f"guard: this would be blocked; it goes past guard, for: {' '.join(reason.split())}")
    screen.say(f"guard: guard status shows that until it is settled ({path})")
    return EXIT_ALLOWED
