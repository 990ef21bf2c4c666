"""``guard log``: the verdicts, newest first, or everything of one."""

import os
from argparse import ArgumentParser, Namespace
from collections import deque
from shlex import quote
from typing import Any, Final, NamedTuple

from guard.engine.profile import duration, size
from guard.errors import EXIT_ALLOWED, UsageError
from guard.gate.bypass import Bypassed, bypassed, settle_by_hand
from guard.gate.gate import Gate, gate_here
from guard.git.objects import ObjectPool
from guard.model import Result
from guard.screen import JSON_VERSION, Screen, column, counted, moment
from guard.situation.branches import usual_remote
from guard.situation.workspace import Workspace, find_workspace
from guard.trial.prune import drop, droppable
from guard.verdicts.colleagues import Theirs
from guard.verdicts.record import Record
from guard.verdicts.sharing import ways_to_verdicts
from guard.verdicts.verdicts import Verdicts

_TAIL: Final = 20


class _Row(NamedTuple):
    """A verdict, and whose it is where somebody else recorded it."""

    record: Record
    theirs: Theirs | None = None

    @property
    def whose(self) -> str:
        """In words, "" for one's own."""
        if self.theirs is None:
            return ""
        signed = ", signed" if self.theirs.signed else ""
        counts = "counts here" if self.theirs.trusted else "does not count here"
        return f"by {self.theirs.by}{signed}: {counts}"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("verdict", nargs="?", help="show everything of this one")
    parser.add_argument(
        "--all", action="store_true", help="earlier attempts and settled bypasses, too"
    )
    parser.add_argument("--passed", action="store_true", help="only those that passed")
    parser.add_argument("--failed", action="store_true", help="only those that failed")
    parser.add_argument("--release", metavar="TAG", help="only those with this release")
    parser.add_argument("--gitlink", metavar="COMMIT", help="only those with this submodule commit")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--prune", action="store_true", help="drop logs and images that nothing needs; asks first"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--settle", metavar="BYPASS", help="close a bypass by the name that it is shown with"
    )
    parser.add_argument("--why", metavar="TEXT", help="with --settle: what came of it")


def run(options: Namespace, screen: Screen) -> int:
    """Show the verdicts that fit, drop what nothing needs, or close a bypass."""
    if options.settle is not None or options.why is not None:
        return _settle(options, screen)
    workspace = find_workspace()
    if options.prune:
        return _prune(workspace, options.yes, screen)
    with ObjectPool() as pool:
        verdicts = Verdicts(workspace.superproject, pool)
        rows = _rows(verdicts, bool(options.all or options.verdict))
    fitting = [row for row in rows if _fits(row.record, options)]
    # A bypass has none of what is asked for.
    is_narrowed = any((options.verdict, options.passed, options.failed, options.release))
    bypasses = Bypassed()
    if not (is_narrowed or options.gitlink):
        with Gate(workspace) as gate:
            bypasses = bypassed(gate, options.all)
    if options.verdict and not fitting:
        raise UsageError(f"no verdict is named {options.verdict}", "guard log")
    if options.json:
        values = [_json(row) for row in fitting]
        screen.json({"version": JSON_VERSION, "verdicts": values, **bypasses.json()})
        return EXIT_ALLOWED
    for line in bypasses.lines():
        screen.say(screen.paint(line, "yellow"))
    if options.verdict:
        for row in fitting:
            _show(row, verdicts.logs, screen)
    elif not fitting:
        top = workspace.superproject
        ways = ways_to_verdicts(top, usual_remote(top, pool.settings))
        screen.say("none fits" if rows else f"no verdicts yet: {ways}")
    else:
        _table(workspace, fitting, screen)
    return EXIT_ALLOWED


def _settle(options: Namespace, screen: Screen) -> int:
    name, why = options.settle, (options.why or "").strip()
    if name is None:
        raise UsageError("--why goes with --settle", "guard log --settle BYPASS --why '...'")
    if not why:
        raise UsageError(
            "a bypass is closed for a reason only: --why is missing or empty",
            f"guard log --settle {quote(name)} --why '...'",
        )
    others = {**vars(options), "command": None, "settle": None, "why": None}
    if any(others.values()):
        raise UsageError(
            "--settle goes with --why alone", f"guard log --settle {quote(name)} --why {quote(why)}"
        )
    with gate_here() as gate:
        standing = settle_by_hand(gate, name, why)
    for line in standing.lines():
        screen.say(line)
    return EXIT_ALLOWED


def _prune(workspace: Workspace, sure: bool, screen: Screen) -> int:
    with Gate(workspace) as gate:
        unneeded = droppable(gate, gate.verdicts.history())
    if not unneeded.logs and not unneeded.images:
        screen.say("nothing to drop")
        return EXIT_ALLOWED
    screen.say(
        f"{counted(len(unneeded.logs), 'log')} ({size(unneeded.log_bytes)}) and "
        f"{counted(len(unneeded.images), 'image')} are needed by nothing that stands for a "
        f"branch, a tag, a HEAD or the index ({counted(unneeded.kept, 'verdict')})"
    )
    if not sure and not screen.confirms("drop them?"):
        screen.say("nothing was dropped")
        return EXIT_ALLOWED
    for trouble in drop(unneeded):
        screen.warn(f"guard: {trouble}")
    screen.say("dropped; the verdicts themselves stay")
    return EXIT_ALLOWED


def _fits(record: Record, options: Namespace) -> bool:
    passed = record.result is Result.PASSED
    if (options.passed and not passed) or (options.failed and passed):
        return False
    if options.release and record.release != options.release:
        return False
    if options.verdict and not record.is_named(options.verdict):
        return False
    commits = (link.commit for link in record.gitlinks)
    return not options.gitlink or any(commit.startswith(options.gitlink) for commit in commits)


def _rows(verdicts: Verdicts, wants_all: bool) -> list[_Row]:
    """One's own verdicts and those of others, newest first."""
    records = verdicts.history() if wants_all else verdicts.newest()
    rows = [_Row(record) for record in records]
    combinations = set()
    for theirs in verdicts.others():
        combination = theirs.record.key, theirs.record.recipe
        if wants_all or combination not in combinations:
            rows.append(_Row(theirs.record, theirs))
        combinations.add(combination)
    return sorted(rows, key=lambda row: row.record.finished, reverse=True)


def _table(workspace: Workspace, rows: list[_Row], screen: Screen) -> None:
    for row in rows:
        record = row.record
        word = f"{record.result.value:<15}"
        painted = screen.paint(word, "green" if record.result is Result.PASSED else "red")
        links = " ".join(
            f"{workspace.name(link.path)} {link.commit[:8]}"
            for link in record.gitlinks
            if "/" not in link.path
        )
        took = duration(record.build_seconds + record.test_seconds)
        release = record.release or "-"
        when = moment(record.finished)
        screen.say(f"{record.name}  {when}  {painted}  {release:<8} {took:>12}  {links}")
        own = [record.image.reference] if record.published else []
        tags = ", ".join([*own, *record.tags])
        published = f"published {tags}" if tags else ""
        for text in (row.whose, record.detail, published):
            if text:
                screen.say(screen.paint(f"{'':<23}{text}", "dim"))


def _show(row: _Row, logs: str, screen: Screen) -> None:
    record = row.record
    rows = [
        ("verdict", record.name),
        ("recorded", row.whose),
        ("result", record.result.value),
        ("detail", record.detail),
        ("finished", moment(record.finished)),
        ("build", duration(record.build_seconds)),
        ("test", duration(record.test_seconds)),
        ("exit status", "" if record.exit_status is None else str(record.exit_status)),
        ("command", " ".join(record.command)),
        ("combination", record.key),
        ("recipe", record.recipe),
        ("superproject", record.superproject or "its index"),
        *((link.path, link.commit) for link in record.gitlinks),
        ("release", record.release),
        ("image", f"{record.image.reference} {record.image.id}".strip()),
        ("published", f"{record.image.digest} {record.published}".strip()),
        *(("tag", tag) for tag in record.tags),
        *(("base", f"{name} {image}") for name, image in record.image.bases),
        ("engine", f"{record.engine.name} {record.engine.version} at {record.engine.host}"),
        ("builder", f"{record.engine.builder}, {record.engine.platform}"),
        ("driven by", record.engine.driven_by),
        ("guard", record.guard),
    ]
    for name, text in rows:
        if text:
            screen.say(column(name, 14) + text)
    if row.theirs is not None:
        screen.say()  # the log is where it was built
        return
    path = os.path.join(logs, record.log)
    screen.say(column("log", 14) + path)
    for line in _tail(path):
        screen.say(f"  | {line}")
    screen.say()


def _tail(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, _TAIL)]
    except OSError as error:
        return [f"(the log cannot be read: {error.strerror})"]


def _json(row: _Row) -> dict[str, Any]:
    record, theirs = row
    fields = record._asdict()
    fields.update(
        name=record.name,
        gitlinks=dict(record.gitlinks),
        by=None if theirs is None else theirs.by,
        counts=theirs is None or theirs.trusted,
    )
    return fields
