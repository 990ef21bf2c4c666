"""``python -m guard.haskell FILE...``: what the readers read, one JSON object a line and file.

Exit status: 0 when every file was read, 2 when one cannot be opened or no file was named.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from guard.haskell import (
    Interval,
    Manifest,
    Requirement,
    Source,
    read_cabal_project,
    read_stack_yaml,
    reader_for,
)


def main(paths: list[str]) -> int:
    """Print each file's manifest; a file of another name is taken for one that another imports."""
    if not paths:
        sys.stderr.write("usage: python -m guard.haskell FILE...\n")
        return 2
    status = 0
    for path in paths:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            sys.stderr.write(f"{path}: {error.strerror}\n")
            status = 2
            continue
        # Snapshot files are YAML; what a cabal.project imports may have any name.
        imported = read_stack_yaml if path.endswith((".yaml", ".yml")) else read_cabal_project
        manifest = (reader_for(path) or imported)(data, path, _file_on_disk)
        sys.stdout.write(json.dumps(manifest_json(manifest), ensure_ascii=False) + "\n")
    return status


def _file_on_disk(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise LookupError(f"{path}: {error.strerror}") from error


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """One object for a file."""
    return {
        "path": manifest.path,
        "package": manifest.package,
        "version": _text(manifest.version),
        "lenient": manifest.lenient,
        "requirements": [_requirement_json(one) for one in manifest.requirements],
        "tools": [_requirement_json(one) for one in manifest.tools],
        "sources": [_source_json(one) for one in manifest.sources],
        "unread": [
            {"line": one.line, "text": one.shown, "reason": one.reason, **_file(one.file)}
            for one in manifest.unread
        ],
    }


def _file(path: str | None) -> dict[str, str]:
    """Where the line counts in another file, which the manifest takes in."""
    return {} if path is None else {"file": path}


def _requirement_json(one: Requirement) -> dict[str, Any]:
    """A requirement, its range both as text and as intervals."""
    return {
        "package": one.package,
        "range": str(one.range),
        "intervals": [interval_json(interval) for interval in one.range.intervals],
        "line": one.line,
        "section": one.section,
        "when": [condition.to_json() for condition in one.when],
        **_file(one.file),
    }


def interval_json(interval: Interval) -> list[Any]:
    """``[lower, inclusive, null | [upper, inclusive]]`` over version numbers."""
    upper = None
    if interval.upper is not None:
        upper = [list(interval.upper), interval.upper_inclusive]
    return [list(interval.lower), interval.lower_inclusive, upper]


def _source_json(one: Source) -> dict[str, Any]:
    return {
        "package": one.package,
        "kind": one.kind.value,
        "version": _text(one.version),
        "path": one.path,
        "url": one.url,
        "commit": one.commit,
        "subdir": one.subdir,
        "line": one.line,
        **_file(one.file),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader may leave, as git's may
    sys.exit(main(sys.argv[1:]))
