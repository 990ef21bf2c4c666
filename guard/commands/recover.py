"""``guard recover``: back to a combination that is known to work, by new commits alone."""

import os
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Sequence
from typing import Any, Final

from guard.config import Config
from guard.engine.endings import terminable
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GuardError, UsageError
from guard.gate.gate import Gate, gate_here
from guard.git.files import held, lock_file
from guard.model import Result
from guard.recovery.comeback import Wishes, go_back, go_home, go_there
from guard.recovery.images import Image, images_of
from guard.recovery.known_good import Good, KnownGood
from guard.screen import JSON_VERSION, Screen, aligned
from guard.situation.branches import usual_remote
from guard.verdicts import SETTING
from guard.verdicts.sharing import ways_to_verdicts

_WAITING: Final = "another guard recover is running here; waiting for it"
_HOME: Final = "-"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "which",
        metavar="VERDICT|TAG",
        nargs="?",
        help="the start of a verdict's name, or a tag that it contains (default: list them; with "
        "--push the last good one in the superproject's history)",
    )
    parser.add_argument("--push", action="store_true", help="push all of it, in the right order")
    parser.add_argument(
        "--latest",
        action=BooleanOptionalAction,
        help="let latest mean the good image in the registry (default: with --push, where it may)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--no-image", action="store_true", help="leave the image where it is, or gone"
    )
    parser.add_argument(
        "--local",
        metavar="VERDICT|-",
        help="check out the good commits here and commit nothing; - goes back",
    )
    parser.add_argument("--json", action="store_true", help="print the list as one JSON object")


def run(options: Namespace, screen: Screen) -> int:
    """List the known-good combinations, or go back to one.

    Raises:
        GuardError: what stands in the way; nothing has been changed then.
    """
    acts = options.push or options.latest or options.dry_run or options.yes
    if options.local and (options.which or options.push or options.latest):
        raise UsageError("give --local VERDICT alone: it commits and pushes nothing")
    if options.json and (options.which or acts or options.local):
        raise UsageError("--json is for the list")
    wishes = Wishes(
        options.push, options.latest, not options.no_image, options.yes, options.dry_run
    )
    with gate_here() as gate:
        try:
            known = KnownGood(gate, gate.present_config())
        except GuardError:
            known = KnownGood(gate, Config())  # that may be just what was broken
        if not options.which and not options.local and not acts:
            _list(gate, known, options.json, screen)
            return EXIT_ALLOWED
        folder = os.path.join(gate.workspace.superproject.common_dir, "guard")
        waits = held(lock_file(folder, "recover"), lambda: screen.say(_WAITING))
        with waits, terminable():
            name = options.local or options.which
            if name == _HOME and options.local:
                go_home(gate, wishes, screen)
                return EXIT_ALLOWED
            good = _chosen(gate, known, name, screen) if name else None
            if good is not None and options.local:
                go_there(gate, good, wishes, screen)
            elif not go_back(gate, known, good, wishes, screen):
                return EXIT_BLOCKED
    return EXIT_ALLOWED


def _list(gate: Gate, known: KnownGood, as_json: bool, screen: Screen) -> None:
    """Every known-good combination, or that there is none yet."""
    goods = known.all()
    if as_json:
        images = images_of(goods)
        values = [_json(known, good, images[good.record.name]) for good in goods]
        screen.json({"version": JSON_VERSION, "combinations": values})
        return
    if not goods:
        top = gate.workspace.superproject
        ways = ways_to_verdicts(top, usual_remote(top, gate.pool.settings))
        screen.say(f"nothing is known to be good yet: {ways}")
        if any(each.record.result is Result.PASSED for each in gate.verdicts.others()):
            screen.say(f"what others saw pass does not count here: git config {SETTING} all")
        return
    _table(gate, known, goods, screen)
    usable = next((good.record.name for good in goods if good.base is not None), "")
    if usable:
        screen.say(f"\nto go back to one: guard recover {usable}")


def _table(gate: Gate, known: KnownGood, goods: Sequence[Good], screen: Screen) -> None:
    """The combinations as rows, with what is missing of them below."""
    images = images_of(goods)
    parts = [gate.workspace.name(path) for path in (*known.submodules, "")]
    rows = [["verdict", "passed (UTC)", *parts, "image"]]
    for good in goods:
        record = good.record
        consumer, pin = (known.describe(path, good.commit(path)) for path in known.submodules)
        names = (consumer, record.release or pin, known.describe("", good.superproject))
        when = record.finished.replace("T", " ")[:16]
        image = images[record.name].state.value
        rows.append([record.name, when, *(name or "-" for name in names), image])
    lines = aligned(rows)
    screen.say(screen.paint(lines[0], "dim"))
    for good, line in zip(goods, lines[1:], strict=True):
        screen.say(line)
        if good.base is None:
            screen.say(screen.paint(f"  not recoverable: {good.missing}", "red"))
    for detail in dict.fromkeys(image.detail for image in images.values() if image.detail):
        screen.say(screen.paint(detail, "dim"))


def _chosen(gate: Gate, known: KnownGood, name: str, screen: Screen) -> Good:
    """The one combination that a name means; where it means several, they are listed."""
    goods = known.named(name)
    if len(goods) > 1:
        _table(gate, known, goods, screen)
        raise UsageError(
            f"{name} means {len(goods)} known-good combinations",
            f"name one of them: guard recover {goods[0].record.name}",
        )
    return goods[0]


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
        "superproject": {"commit": commit or None, "described": known.describe("", commit) or None},
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
