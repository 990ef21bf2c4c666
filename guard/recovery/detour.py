"""``guard recover --local``: the working combination here, nothing committed, and home again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from guard.config import Config
from guard.errors import GuardError, UsageError
from guard.gate.gate import Gate
from guard.git.branches import stand
from guard.git.checkouts import switch
from guard.git.locate import open_checkout
from guard.git.refs import refs_below
from guard.git.repository import Repository
from guard.model import ShapeError, from_json
from guard.recovery.comeback import bring_back, image_to_bring
from guard.recovery.hindrances import Trouble, losses, losses_below, obstacles, refusal
from guard.recovery.known_good import Good
from guard.recovery.plan import submodules_of
from guard.recovery.restore import (
    Move,
    bring_commit,
    finish_interrupted,
    follow_below,
    journal,
    write_journal,
)
from guard.screen import Screen

_FILE: Final = "home.json"


class _Place(NamedTuple):
    """A checkout, where it was at home, and where it is on the detour.

    Args:
        path: of the submodule, "" for the superproject.
        branch: "" where HEAD was detached.
    """

    path: str
    branch: str
    commit: str
    target: str


class _Home(NamedTuple):
    version: Literal[1]
    verdict: str
    places: tuple[_Place, ...]


def go(gate: Gate, good: Good, wants_image: bool, only_shows: bool, screen: Screen) -> None:
    """Check out the good commits, each detached, and remember where everything was.

    Args:
        only_shows: nothing is done.

    Raises:
        GuardError: something would be hard to find again, all of it at once; nothing has moved.
    """
    top = _superproject(gate)
    if not only_shows:
        _put_right(gate, top, good, screen)
    places = _places(gate, top, good)
    checkouts = [(place, _opened(top, place.path)) for place in places]
    troubles = []
    for place, checkout in checkouts:
        name = gate.workspace.name(place.path)
        if checkout is None:
            command = f"git -C {top.work_tree} submodule update --init {place.path}"
            troubles.append(Trouble(f"{name} is not checked out", command))
            continue
        troubles += losses(name, checkout)
        troubles += obstacles(name, checkout, place.target)
    troubles += losses_below(top, good)
    if troubles:
        raise refusal(troubles)
    if only_shows:
        for place, _ in checkouts:
            name = gate.workspace.name(place.path)
            screen.say(f"{name}: would be checked out at {place.target[:12]}")
        return
    config = _config(gate, good)
    image = image_to_bring(good) if wants_image else None
    if image is not None:
        bring_back(gate, good, config, image, screen)
    for place, checkout in checkouts:
        part = good.part(place.path)
        if checkout is not None and part is not None:
            bring_commit(checkout, place.target, part.repository)
    _write(top, good.record.name, places)
    there = [(checkout, place.target) for place, checkout in checkouts if checkout is not None]
    with journal(top, _moves(there)):
        for place, checkout in checkouts:
            if checkout is not None:
                if stand(checkout) != (place.target, ""):
                    switch(checkout, place.target)
                if place.path:
                    follow_below(place.path, checkout, screen.say)
            screen.say(f"{gate.workspace.name(place.path)}: {place.target[:12]}, detached")
    screen.say("nothing was committed. To go home: guard recover --local -")


def go_home(gate: Gate, only_shows: bool, screen: Screen) -> None:
    """Check out again what was checked out before `go`.

    Args:
        only_shows: nothing is done.

    Raises:
        UsageError: nothing is remembered.
        GuardError: something would be hard to find again; nothing has moved.
    """
    top = _superproject(gate)
    places = _read(top)
    if not places:
        raise UsageError(
            "there is no home to go to: guard recover --local VERDICT was not called here, or is "
            "undone already",
            "guard recover",
        )
    checkouts = [(place, _opened(top, place.path)) for place in places]
    if not only_shows:
        _finish(top, [checkout for _, checkout in checkouts], screen)
    troubles = []
    for place, checkout in checkouts:
        name = gate.workspace.name(place.path)
        if checkout is None:
            screen.warn(f"guard: {name} is not checked out any more and stays so")
            continue
        troubles += losses(name, checkout)
        troubles += obstacles(name, checkout, place.commit)
        if place.branch and _tip(checkout, place.branch) is None:
            command = f"git -C {checkout.work_tree} branch {place.branch} {place.commit}"
            troubles.append(Trouble(f"{name} has no branch {place.branch} any more", command))
    if troubles:
        raise refusal(troubles)
    if only_shows:
        for place, _ in checkouts:
            at = place.branch or place.commit[:12]
            screen.say(f"{gate.workspace.name(place.path)}: would go back to {at}")
        return
    homes = [
        (checkout, _tip(checkout, place.branch) if place.branch else place.commit)
        for place, checkout in checkouts
        if checkout is not None
    ]
    with journal(top, _moves(homes)):
        for place, checkout in checkouts:
            if checkout is not None:
                _home(gate.workspace.name(place.path), checkout, place, screen)
    with suppress(FileNotFoundError):
        os.unlink(_file(top))


def _home(name: str, checkout: Repository, place: _Place, screen: Screen) -> None:
    if stand(checkout) != (place.commit, place.branch):
        switch(checkout, place.commit, place.branch)
    if place.path:
        follow_below(name, checkout, screen.say)
    at = stand(checkout).commit or ""
    if at != place.commit:
        screen.say(f"{name}: {place.branch}, which has moved to {at[:12]} meanwhile")
    else:
        screen.say(f"{name}: {place.branch or at[:12] + ', detached'}, as before")


def _places(gate: Gate, top: Repository, good: Good) -> list[_Place]:
    if good.base is None:
        raise GuardError(
            f"the combination of verdict {good.record.name} cannot be put together any more: "
            f"{good.missing}",
            good.remedy,
        )
    if not good.superproject:
        raise GuardError(
            f"the tree of {gate.workspace.name('')} that verdict {good.record.name} was earned "
            "with was never committed, so it cannot be checked out",
            f"guard recover {good.record.name}",
        )
    before = {place.path: place for place in _read(top)}
    links = [(part.path, part.commit) for part in submodules_of(gate, good)]
    places = []
    for path, target in (("", good.superproject), *links):
        home = before.get(path)
        checkout = _opened(top, path)
        if home is None and checkout is not None:
            at = stand(checkout)
            home = _Place(path, at.branch, at.commit or "", "")
        places.append((home or _Place(path, "", "", ""))._replace(target=target))
    return places


def _put_right(gate: Gate, top: Repository, good: Good, screen: Screen) -> None:
    paths = [part.path for part in submodules_of(gate, good)]
    _finish(top, [top, *(_opened(top, path) for path in paths)], screen)


def _finish(top: Repository, checkouts: Sequence[Repository | None], screen: Screen) -> None:
    """After a call that was killed; what nobody killed is not touched."""
    for folder in finish_interrupted(top, [each for each in checkouts if each is not None]):
        screen.say(f"{folder}: put right after an interrupted call")


def _moves(targets: Iterable[tuple[Repository, str | None]]) -> list[Move]:
    moves = []
    for checkout, new in targets:
        old = stand(checkout).commit
        if old and new and old != new:
            moves.append(Move(checkout.work_tree or "", old, new))
    return moves


def _config(gate: Gate, good: Good) -> Config:
    assert good.base is not None
    for find in (gate.present, lambda: good.base):
        with suppress(GuardError):
            combination = find()
            if combination is not None:
                config = gate.gatherer.config(combination)
                if config.recipe.digest == good.record.recipe:
                    return config
    return gate.gatherer.config(good.base)


def _superproject(gate: Gate) -> Repository:
    top = gate.workspace.superproject
    if top.work_tree is None:
        raise GuardError(
            f"{top.git_dir} is bare: there is nothing to check out",
            "run guard recover in a clone with a working tree",
        )
    return top


def _opened(top: Repository, path: str) -> Repository | None:
    return open_checkout(os.path.join(top.work_tree or "", path)) if path else top


def _tip(checkout: Repository, branch: str) -> str | None:
    return refs_below(checkout, "refs/heads/").get(f"refs/heads/{branch}")


def _file(top: Repository) -> str:
    # Of the working tree: a linked one has its own HEAD and submodules.
    return os.path.join(top.git_dir, "guard", _FILE)


def _write(top: Repository, verdict: str, places: list[_Place]) -> None:
    write_journal(_file(top), _Home(1, verdict, tuple(places)))


def _read(top: Repository) -> tuple[_Place, ...]:
    try:
        with open(_file(top), "rb") as file:
            return from_json(_Home, file.read()).places
    except FileNotFoundError:
        return ()
    except (OSError, ShapeError) as error:
        raise GuardError(
            f"{_file(top)}, which says where everything was, cannot be read: {error}",
            f"check out your branches by hand, then rm {_file(top)}",
        ) from error
