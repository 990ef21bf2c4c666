"""Whose verdicts count: ``git config guard.trust``, a person's own choice and never the tree's."""

from __future__ import annotations

from enum import Enum
from typing import Final

from guard.errors import ConfigError
from guard.git.repository import Repository

SETTING: Final = "guard.trust"


class Trust(Enum):
    """Which of the verdicts that others recorded count as one's own do."""

    NONE = "none"
    ALL = "all"
    SIGNED = "signed"


def trust_in(repository: Repository) -> Trust:
    """What this clone trusts; nobody else where nothing is said.

    Raises:
        ConfigError: the setting is none of those words.
        GitError: git cannot be asked.
    """
    said = repository.text("config", "--get", SETTING, ok=(0, 1)).strip().lower()
    try:
        return Trust(said) if said else Trust.NONE
    except ValueError:
        words = ", ".join(trust.value for trust in Trust)
        raise ConfigError(
            f"git config {SETTING} is {said!r}, which is none of {words}",
            f"git config {SETTING} none",
        ) from None
