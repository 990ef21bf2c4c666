"""The project's pages, taken apart: code, tables and screens."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = tuple(sorted(f"docs/{path.name}" for path in (ROOT / "docs").iterdir()))


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found is not None, f"no section {title}"
    return found[1]


def anchors(text: str) -> set[str]:
    """What a link to a page may name behind ``#``, as GitHub makes it of the headings."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)$", outside, re.M)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def code(text: str) -> list[str]:
    """Everything that stands as code: console blocks without their output, and spans."""
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
    typed = [line.partition("$ ")[2].partition("  #")[0] for line in lines if "$ " in line]
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return typed + re.findall(r"`([^`\n]+)`", outside)


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    headings = {index - 1 for index, row in enumerate(cells) if set(row[0]) == {"-"}}
    return [
        row for index, row in enumerate(cells) if index not in headings and set(row[0]) != {"-"}
    ]


def screens(text: str) -> list[str]:
    """The blocks that are said to be real output."""
    return re.findall(r"^<!-- screen -->\n```console\n(.*?)^```$", text, re.M | re.S)
