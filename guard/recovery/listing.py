"""The known-good combinations as a person reads them, and which one a name means."""

from __future__ import annotations

from typing import Any

from guard.errors import UsageError
from guard.gate.gate import Gate
from guard.model import Result
from guard.recovery.images import Image, images_of
from guard.recovery.known_good import Good, KnownGood
from guard.screen import JSON_VERSION, Screen
from guard.situation.branches import usual_remote
from guard.verdicts.colleagues import SETTING
from guard.verdicts.sharing import ways_to_verdicts


def show_all(gate: Gate, known: KnownGood, as_json: bool, screen: Screen) -> None:
    """Every known-good combination, or that there is none yet.

    Raises:
        GitError: the verdicts cannot be read.
    """
    goods = known.all()
    images = images_of(goods)
    if as_json:
        values = [_json(known, good, images[good.record.name]) for good in goods]
        screen.json({"version": JSON_VERSION, "combinations": values})
    elif not goods:
        top = gate.workspace.superproject
        ways = ways_to_verdicts(top, usual_remote(top, gate.pool.settings))
        screen.say(f"nothing is known to be good yet: {ways}")
        theirs = gate.verdicts.others()
        if any(each.record.result is Result.PASSED for each in theirs):
            screen.say(f"what others saw pass does not count here: git config {SETTING} all")
    else:
        table(gate, known, goods, images, screen)
        usable = [good for good in goods if good.base is not None]
        if usable:
            screen.say()
            screen.say(f"to go back to one: guard recover {usable[0].record.name}")


def table(
    gate: Gate,
    known: KnownGood,
    goods: list[Good],
    images: dict[str, Image],
    screen: Screen,
) -> None:
    """The combinations as rows, with what is missing of them below."""
    paths = [*known.submodules, ""]
    heads = ["verdict", "passed (UTC)", *(gate.workspace.name(path) for path in paths), "image"]
    rows = []
    for good in goods:
        names = _names(known, good, paths)
        image = images[good.record.name]
        when = good.record.finished.replace("T", " ")[:16]
        rows.append([good.record.name, when, *names, image.state.value])
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    screen.say(screen.paint(_line(heads, widths), "dim"))
    for good, row in zip(goods, rows, strict=True):
        screen.say(_line(row, widths))
        if good.base is None:
            screen.say(screen.paint(f"  not recoverable: {good.missing}", "red"))
    details = dict.fromkeys(image.detail for image in images.values() if image.detail)
    for detail in details:
        screen.say(screen.paint(detail, "dim"))


def chosen(gate: Gate, known: KnownGood, name: str, screen: Screen) -> Good:
    """The one combination that a name means.

    Raises:
        UsageError: it means none or several, which are listed then.
    """
    goods = known.named(name)
    if len(goods) > 1:
        table(gate, known, goods, images_of(goods), screen)
        raise UsageError(
            f"{name} means {len(goods)} known-good combinations",
            f"name one of them: guard recover {goods[0].record.name}",
        )
    return goods[0]


def _names(known: KnownGood, good: Good, paths: list[str]) -> list[str]:
    names = []
    for path in paths:
        commit = good.commit(path) if path else good.superproject
        release = good.record.release if path == known.submodules[1] else ""
        names.append(release or (known.describe(path, commit) if commit else "-"))
    return names


def _line(cells: list[str], widths: list[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _json(known: KnownGood, good: Good, image: Image) -> dict[str, Any]:
    record = good.record
    links = {
        link.path: {"commit": link.commit, "described": known.describe(link.path, link.commit)}
        for link in record.gitlinks
        if link.path in known.submodules
    }
    commit = good.superproject
    return {
        "verdict": record.name,
        "combination": record.key,
        "recipe": record.recipe,
        "passed": record.finished,
        "superproject": {
            "commit": commit or None,
            "described": known.describe("", commit) if commit else None,
        },
        "gitlinks": links,
        "release": record.release or None,
        "image": {
            "id": record.image.id,
            "reference": record.image.reference or None,
            "digest": record.image.digest or None,
            "state": image.state.value,
            "detail": image.detail,
        },
        "recoverable": good.base is not None,
        "missing": good.missing,
    }
