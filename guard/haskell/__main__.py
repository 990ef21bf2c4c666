"""``python -m guard.haskell FILE...``: what the readers read, one JSON object a line and file.

Exit status: 0 when every file was read, 2 when one cannot be opened or no file was named.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from guard.haskell import Reader, read_cabal_project, read_stack_yaml, reader_for
from guard.haskell.json_form import manifest_json


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
        manifest = (reader_for(path) or _imported_reader(path))(data, path)
        sys.stdout.write(json.dumps(manifest_json(manifest), ensure_ascii=False) + "\n")
    return status


def _imported_reader(path: str) -> Reader:
    """Snapshot files are YAML; what a cabal.project imports may have any name."""
    return read_stack_yaml if path.endswith((".yaml", ".yml")) else read_cabal_project


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader may leave, as git's may
    sys.exit(main(sys.argv[1:]))
