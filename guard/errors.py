"""The errors that a user sees. Each says what is wrong and what to do about it."""

from __future__ import annotations

import re
from typing import Final

EXIT_ALLOWED: Final = 0
EXIT_BLOCKED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNDECIDED: Final = 3
EXIT_INTERRUPTED: Final = 130
# What a shell shows of a program that SIGPIPE ended.
EXIT_UNREAD: Final = 141


class GuardError(Exception):
    """Something could not be done or decided.

    Args:
        problem: one line or more that say what was found and where.
        remedy: a command to paste, or what to change; empty where nothing helps.

    Attributes:
        status: the exit status of a command that ends with this error.
    """

    status: int = EXIT_UNDECIDED

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(GuardError):
    """The command was called in a way that it does not know."""

    status = EXIT_USAGE


class UnreadError(GuardError):
    """What guard prints goes nowhere: the reader has gone, or a disk is full.

    No `OSError`, which whoever speaks to the engine would take for the engine's.
    """


class RefusedError(GuardError):
    """What was asked for would do harm that others see, so it is not done."""

    status = EXIT_BLOCKED


class ConfigError(GuardError):
    """`.guard.toml` says something that guard does not know; the problem names the key."""


class GitError(GuardError):
    """A git process failed, or ended before it had answered."""


class MissingObjectError(GuardError):
    """An object that a decision needs is in none of the repositories at hand."""


class EngineError(GuardError):
    """The container engine is not there, refuses, or failed: never a verdict on a combination."""


def without_secret(words: str) -> str:
    """A text without what URLs, scp's words and HTTP's headers may hold of passwords and tokens.

    Of a web URL that is who asks, the query and the fragment; of any other the password alone. The
    screen takes all of it out; before it must come what cuts a text off, and what keeps one.
    """
    # Most texts have nothing of the kind; what is below takes a millisecond to compile.
    if "://" in words or ":\\/\\/" in words:
        words = _without_users(words)
        # The quotes, brackets and marks of the text around it stay, and those of JSON and colours.
        words = re.sub(
            r"(?i)((?:https?|ftps?)://[^\s?#\"'\\\x1b]*)"
            r"[?#][^\s\"'\\\x1b]*?(?=[:.,;)>\]]{0,3}(?:[\s\"'\\\x1b]|$))",
            r"\1",
            words,
        )
    if ":" in words.partition("@")[0] and "@" in words:
        # As ssh takes it, `host:path`, or without its `https://`; an image's digest is none.
        words = re.sub(
            r"(:\\?/\\?/[^\s\"']*)"
            r"|(?<![^\s/:@\"'=])([^\s/:@\"'=]+):(?!\\?/)[^\s\"']*(@(?!sha\d+:)[\w.:\[\]-]+[:/])",
            r"\1\2\3",
            words,
        )
    if "=" in words and ("?" in words or "&" in words):
        words = re.sub(
            r"(?i)([?&][\w-]*(?:token|passw|secret)[\w-]*=)[^\s&\"'\\\x1b]+", r"\1", words
        )
    if "uthorization" in words:
        words = re.sub(r"(?i)(authorization:\s*\w+\s+)[^\s\"'\\]+", r"\1", words)
    return words


def _without_users(words: str) -> str:
    """A text without the users of web URLs, and the passwords of others.

    A forge takes the user before ``x-oauth-basic`` for a token. What stands behind a colon and is
    no port is the beginning of a password that holds a slash.
    """
    slashes = r"(:\\?/\\?/)"
    words = re.sub(rf"(?i)(https?|ftps?){slashes}(?:[^/\\\s]|\\(?!/))*@", r"\1\2", words)
    words = re.sub(rf"{slashes}[^/\s]*:x-oauth-basic@", r"\1", words)
    user = r"([^/:@\s]*|[^/:@\"'\\\n]*)"
    words = re.sub(rf"{slashes}{user}:[^/\s]*@(?!sha\d+:)", r"\1\2@", words)
    password = r"(?!\d*(?:\W|$))(?:\S*|[^/\n\"']*)"
    return re.sub(rf"(?i)(https?|ftps?){slashes}[^/:@\s\[]+:{password}@", r"\1\2", words)
