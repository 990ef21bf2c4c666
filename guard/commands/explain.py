"""``guard explain``: what a rule asks, why, and what mends it, as the page on rules says."""

import re
from argparse import ArgumentParser, Namespace
from difflib import get_close_matches
from typing import Final

from guard.errors import EXIT_ALLOWED, UsageError
from guard.install.shim import shipped
from guard.screen import RULES_PAGE, Screen, column

_SECTION: Final = re.compile(r"^## (?P<rule>\S+)\n+(?P<text>.*?)(?=^## |\Z)", re.M | re.S)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "rules", metavar="RULE", nargs="*", help="as a finding names it (default: list them)"
    )


def run(options: Namespace, screen: Screen) -> int:
    """Print the section of each rule, or one line for every rule there is."""
    page = _LINK.sub(r"\1", shipped(RULES_PAGE))
    sections = {match["rule"]: match["text"].strip() for match in _SECTION.finditer(page)}
    for rule in options.rules:
        if rule not in sections:
            nearest = get_close_matches(rule.lower(), sections, n=1, cutoff=0.5)
            remedy = " ".join(("guard explain", *nearest))  # where none is near, it lists them
            raise UsageError(f"there is no rule {rule!r}", remedy)
    if options.rules:
        texts = (f"{screen.paint(rule, 'bold')}\n\n{sections[rule]}" for rule in options.rules)
        screen.say("\n\n".join(texts))
    else:
        for rule, text in sections.items():
            summary = text.partition("\n")[0]
            screen.say(f"{column(rule, 19)}{summary}")
    return EXIT_ALLOWED
