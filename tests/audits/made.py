"""The made histories of the three repositories, and what the audits say of them, as text.

`python -m tests.audits.made` prints that; with `--write` it becomes the golden text.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.audits.auditing import Audited, audit
from tests.audits.aula import aula
from tests.audits.docker import Pins, docker
from tests.audits.making import Made
from tests.audits.thentos import thentos

GOLDEN = Path(__file__).with_name("made.txt")
_ID = re.compile(r"\b(g?)([0-9a-f]{12}|[0-9a-f]{40})\b")


def said(root: Path) -> str:
    """Both audits of histories that are made below a folder: one block a commit, in their order."""
    made = make(root)
    names = {
        commit: f"<{repository}: {name}>"
        for repository, each in made.items()
        for name, commit in each.ids.items()
    }
    blocks = []
    for repository, options in (("aula-docker", ()), ("aula", ("--consumer",))):
        audited = {item.commit: item for item in audit(root / repository, *options, "--all")}
        for name, commit in made[repository].ids.items():
            blocks.append(_named(_block(repository, name, audited[commit]), names))
        assert len(audited) == len(made[repository].ids)
    return "\n".join(blocks)


def make(root: Path) -> dict[str, Made]:
    """The three repositories, side by side."""
    dependency = thentos().make(root / "thentos")
    consumer = aula(dependency.ids).make(root / "aula")
    pins = Pins(consumer.ids, dependency.ids)
    superproject = docker(pins).make(root / "aula-docker")
    superproject.repo.git("update-ref", "refs/remotes/origin/master", "HEAD")
    remote = "refs/remotes/origin/"
    superproject.repo.git("symbolic-ref", f"{remote}HEAD", f"{remote}master")
    return {"aula-docker": superproject, "aula": consumer, "thentos": dependency}


def _block(repository: str, name: str, item: Audited) -> str:
    lines = [f"{repository}: {name}: {item.outcome}"]
    if repository == "aula" and item.judged_with:
        lines.append(f"  with {item.judged_with}")
    for finding in item.findings:
        lines.append(f"  {finding.severity} {finding.rule}")
        lines += [f"    found:    {finding.found}"] if finding.found else []
        lines += [f"    expected: {finding.expected}"] if finding.expected else []
    return "".join(f"{line}\n" for line in lines)


def _named(text: str, names: Mapping[str, str]) -> str:
    """With the names of commits for their ids, so that no date counts."""
    short = {commit[:12]: name for commit, name in names.items()}
    return _ID.sub(lambda match: match[1] + short.get(match[2][:12], match[2]), text)


def main(arguments: list[str]) -> None:
    """Print the text, or write it down."""
    with tempfile.TemporaryDirectory() as folder:
        text = said(Path(folder))
    if arguments == ["--write"]:
        GOLDEN.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
