"""Recording a verdict: a commit whose tree has one file more, and the ref moved to it.

The ref moves by compare-and-swap; a loser of the race adds its record to the winner's tree.
"""

from collections.abc import Callable, Iterable
from typing import Final

from guard.errors import GitError, GuardError
from guard.git.commits import changed_index, moved, new_commit
from guard.git.index import private_index
from guard.git.refs import VERDICTS
from guard.git.repository import Repository
from guard.git.store import Part
from guard.git.trees import REGULAR
from guard.model import Result
from guard.verdicts.record import Record

# Of a submodule's commit that a passed verdict is of, in the submodule.
KEEP: Final = "refs/guard/keep/"
_RACES: Final = 50


def rehearse(repository: Repository, read_tip: Callable[[], str | None]) -> None:
    """As `Verdicts.rehearse`."""
    with private_index(repository, private_objects=True) as scratch:
        try:
            tip = read_tip()
            commit = _commit(scratch, b"{}\n", "rehearsal.json", "rehearsal", tip)
            # Lock the ref as an update would, and let go of it.
            words = ("start", f"verify {VERDICTS} {tip or '0' * len(commit)}", "prepare", "abort")
            data = "".join(f"{word}\n" for word in words).encode()
            repository.run("update-ref", "--stdin", data=data)
        except GitError as error:
            raise GuardError(
                f"a verdict could not be recorded after the build: {error.problem}",
                "git config user.name and user.email; git config commit.gpgsign; git fsck",
            ) from error


def add(
    repository: Repository, record: Record, path: str, read_tip: Callable[[], str | None]
) -> None:
    """Add a record to the tree at a path; as `Verdicts.record`."""
    data = record.to_json()
    with private_index(repository) as scratch:
        for _ in range(_RACES):
            tip = read_tip()
            commit = _commit(scratch, data, path, record.title, tip)
            if moved(repository, VERDICTS, commit, tip):
                return
    raise GuardError(
        f"{VERDICTS} moved {_RACES} times while the verdict {record.name} was being recorded",
        "guard test",
    )


def keep(record: Record, parts: Iterable[Part]) -> list[str]:
    """Keep a passed combination's commits from being pruned; what could not be, one line each."""
    troubles = []
    for part in parts:
        if part.path and record.result is Result.PASSED:
            try:
                part.repository.run("update-ref", f"{KEEP}{part.commit}", part.commit)
            except GitError as error:
                troubles.append(f"{part.path} {part.commit} is not kept: {error.problem}")
    return troubles


def _commit(scratch: Repository, data: bytes, path: str, message: str, tip: str | None) -> str:
    blob = scratch.text("hash-object", "-w", "--stdin", data=data)
    tree = changed_index(scratch, tip, {path: (REGULAR, blob)})
    return new_commit(scratch, tree, [tip] if tip else [], message)
