"""Files that were committed with conflict markers in them.

No tool reads such a file. But what both sides of each conflict say alike is beyond doubt.
"""

from __future__ import annotations

import re

from guard.haskell.model import Manifest, Requirement, Unread

_FIRST = ("<", "|", "=", ">")
_BEGIN = re.compile(r"<{7}(?:\s|$)")
_BASE = re.compile(r"\|{7}(?:\s|$)")
_MIDDLE = re.compile(r"={7}\s*$")
_END = re.compile(r">{7}(?:\s|$)")


def has_conflict(text: str) -> bool:
    """Whether a line begins like the first marker of a conflict."""
    return text.startswith("<<<<<<<") or "\n<<<<<<<" in text


def sides(text: str) -> tuple[str, str, int]:
    """Both sides of the conflicts, with empty lines for the rest, and the line of the first marker.

    A marker that is missing leaves the lines to both sides.
    """
    ours: list[str] = []
    theirs: list[str] = []
    side, first = "both", 0
    for number, line in enumerate(text.split("\n"), start=1):
        marker = _marker(line, side) if line[:1] in _FIRST else None
        if marker is not None:
            first = first or number
            side = marker
            line = ""
        ours.append(line if side in ("both", "ours") else "")
        theirs.append(line if side in ("both", "theirs") else "")
    return "\n".join(ours), "\n".join(theirs), first


def _marker(line: str, side: str) -> str | None:
    """The side that follows this line, if the line is a marker."""
    if _BEGIN.match(line):
        return "ours"
    if side != "both" and _BASE.match(line):
        return "base"
    if side in ("ours", "base") and _MIDDLE.match(line):
        return "theirs"
    if side == "theirs" and _END.match(line):
        return "both"
    return None


def both_sides(ours: Manifest, theirs: Manifest, marker: int) -> Manifest:
    """The same as `differing`, for files of sources."""
    plain = [one._replace(line=0) for one in theirs.sources]
    kept = [one for one in ours.sources if one._replace(line=0) in plain]
    merged = differing(ours, theirs, marker)
    unread = [
        Unread(one.line, one.text, "only one side of a conflict says so", one.package)
        for one in (*ours.sources, *theirs.sources)
        if one._replace(line=0) not in [twin._replace(line=0) for twin in kept]
    ]
    return merged._replace(sources=tuple(kept), unread=(*merged.unread, *unread))


def differing(ours: Manifest, theirs: Manifest, marker: int) -> Manifest:
    """What both sides say; what only one says is not read."""
    kept = [one for one in ours.requirements if _twin(one, theirs)]
    doubtful = [one for one in ours.requirements if not _twin(one, theirs)]
    doubtful += [one for one in theirs.requirements if not _twin(one, ours)]
    unread = [Unread(marker, "<<<<<<<", "a conflict is not resolved", None, False)]
    for one in doubtful:
        reason = f"only one side of a conflict says so ({one.section})"
        unread.append(Unread(one.line, one.text, reason, one.package))
    unread += sorted({*ours.unread, *theirs.unread})
    version = ours.version if ours.version == theirs.version else None
    return ours._replace(
        package=ours.package if ours.package == theirs.package else None,
        version=version,
        version_line=ours.version_line if version else None,
        lenient=True,
        requirements=tuple(kept),
        unread=tuple(sorted(unread, key=lambda one: one.line)),
    )


def _twin(one: Requirement, other: Manifest) -> bool:
    """Whether the other side requires the same, on whatever line."""
    return any(
        (twin.package, twin.section, twin.when, twin.libraries)
        == (one.package, one.section, one.when, one.libraries)
        and twin.range == one.range
        for twin in other.requirements
    )
