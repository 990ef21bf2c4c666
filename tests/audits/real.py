"""The audits of the real histories of aula-docker, aula and thentos say what they said.

`python -m tests.audits.real FOLDER` compares them with the golden text, FOLDER holding clones of
the three side by side; with `--write` it writes the text anew. Of the commits that are audited, the
published tip and the release tags the ids are in the text: what else a clone has does not count.
The text holds facts and figures only. What a finding quotes is there as a digest.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.audits.auditing import Audited, Finding, audit
from tests.workshop import Repo

GOLDEN = Path(__file__).with_name("real.txt")
SUPERPROJECT, CONSUMER, DEPENDENCY = "aula-docker", "aula", "thentos"
_OPTIONS = {SUPERPROJECT: (), CONSUMER: ("--consumer",)}
# What the rules read; other commits of aula are judged as their parents are.
_READ = (
    *("*.cabal", "package.yaml", "stack.yaml", ".gitmodules"),
    *(".travis.yml", "Makefile", "README.md", "docker"),
)
_TAG = "refs/tags/"
_DIGITS = 12

# An outcome with its findings: rule, severity and digest of each.
Judgement = tuple[str, tuple[tuple[str, str, str], ...]]


class Golden(NamedTuple):
    """What is compared.

    Args:
        tip: the commit of aula-docker that is published.
        tags: those of thentos, with the commit or the tag object of each.
        judgements: by repository and commit.
    """

    tip: str
    tags: dict[str, str]
    judgements: dict[str, dict[str, Judgement]]


class Difference(NamedTuple):
    """A commit that is judged otherwise than it was."""

    repository: str
    before: Judgement
    now: Audited

    def __str__(self) -> str:
        was, is_now = self.before[0], self.now.outcome
        lines = [f"{self.repository} {self.now.commit}: {was} -> {is_now}"]
        before = list(self.before[1])
        for finding in self.now.findings:
            short = _digested(finding)
            if short in before:
                before.remove(short)
            else:
                lines.append(f"  now   {finding.severity} {finding.rule}")
                lines += [f"          found:    {finding.found}"]
                lines += [f"          expected: {finding.expected}"]
        lines += [f"  gone  {severity} {rule}  {digest}" for rule, severity, digest in before]
        return "\n".join(lines)


def compare(folder: Path, golden: Golden) -> list[str]:
    """What is missing in the clones, or judged otherwise; a text for each."""
    missing = _missing(folder, golden)
    if missing:
        return [f"{name} {commit}: missing in {folder / name}" for name, commit in missing]
    return [
        str(Difference(name, golden.judgements[name][item.commit], item))
        for name, audited in audits(folder, golden).items()
        for item in audited
        if _judgement(item) != golden.judgements[name][item.commit]
    ]


def audits(folder: Path, golden: Golden) -> dict[str, list[Audited]]:
    """Audit the commits of the golden text, in repositories that borrow the clones' objects."""
    with tempfile.TemporaryDirectory() as private:
        root = Path(private)
        for name in (SUPERPROJECT, CONSUMER, DEPENDENCY):
            _borrow(Repo(folder / name), root / name)
        top, dependency = Repo(root / SUPERPROJECT), Repo(root / DEPENDENCY)
        for ref in ("refs/heads/master", "refs/remotes/origin/master"):
            top.git("update-ref", ref, golden.tip)
        top.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/master")
        top.git("read-tree", "HEAD")
        for tag, commit in golden.tags.items():
            dependency.git("update-ref", f"{_TAG}{tag}", commit)
        return {
            name: audit(root / name, *options, "--no-walk=unsorted", *golden.judgements[name])
            for name, options in _OPTIONS.items()
        }


def _borrow(clone: Repo, folder: Path) -> None:
    """A repository without a ref, that has all objects of a clone."""
    folder.mkdir()
    own = Repo(folder)
    own.git("init", "--quiet", "--initial-branch=master")
    # A clone with more objects would need more digits.
    own.git("config", "core.abbrev", str(_DIGITS))
    objects = clone.git("rev-parse", "--path-format=absolute", "--git-path", "objects")
    (folder / ".git/objects/info/alternates").write_text(f"{objects}\n")


def _missing(folder: Path, golden: Golden) -> list[tuple[str, str]]:
    wanted = {name: list(found) for name, found in golden.judgements.items()}
    wanted[SUPERPROJECT].append(golden.tip)
    wanted[DEPENDENCY] = list(golden.tags.values())
    return [(name, commit) for name, ids in wanted.items() for commit in _absent(folder, name, ids)]


def _absent(folder: Path, name: str, ids: Sequence[str]) -> list[str]:
    data = "".join(f"{commit}\n" for commit in ids).encode()
    listed = Repo(folder / name).git("cat-file", "--batch-check", data=data).splitlines()
    return [line.split()[0] for line in listed if line.endswith(" missing")]


def _digested(finding: Finding) -> tuple[str, str, str]:
    data = json.dumps([finding.found, finding.expected]).encode()
    digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
    return finding.rule, finding.severity, digest


def _judgement(item: Audited) -> Judgement:
    return item.outcome, tuple(sorted(_digested(finding) for finding in item.findings))


def chosen(folder: Path) -> Golden:
    """What is to be audited, of what the clones have: judged by nobody yet."""
    nobody: Judgement = ("", ())
    top, consumer, dependency = (
        Repo(folder / name) for name in (SUPERPROJECT, CONSUMER, DEPENDENCY)
    )
    listed = dependency.git("for-each-ref", "--format=%(refname) %(objectname)", _TAG)
    tags = dict(line.removeprefix(_TAG).split() for line in listed.splitlines())
    read = consumer.git("rev-list", "--all", "--", *_READ).split()
    line = consumer.git("rev-list", "--first-parent", "HEAD").split()
    ends = consumer.git("for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes")
    commits = {
        SUPERPROJECT: top.git("rev-list", "--exclude=refs/guard/*", "--all").split(),
        CONSUMER: [*read, *line, *ends.split()],
    }
    judgements = {name: dict.fromkeys(sorted(set(ids)), nobody) for name, ids in commits.items()}
    return Golden(top.head, tags, judgements)


def text(golden: Golden) -> str:
    """The golden text: below each judgement the commits that have it, all of it sorted."""
    lines = ["# What guard audit says of the real histories: facts and digests, no text of theirs."]
    lines += ["# Compared by `make golden REAL=FOLDER`.", f"tip {golden.tip}"]
    lines += [f"tag {tag} {commit}" for tag, commit in sorted(golden.tags.items())]
    for name, judgements in golden.judgements.items():
        groups: dict[Judgement, list[str]] = defaultdict(list)
        for commit, judgement in judgements.items():
            groups[judgement].append(commit)
        for (outcome, findings), commits in sorted(groups.items()):
            lines += ["", f"{name} {outcome}", *(f"  {' '.join(each)}" for each in findings)]
            lines += sorted(commits)
    return "\n".join(lines) + "\n"


def parsed(lines: Iterable[str]) -> Golden:
    """Read the golden text."""
    golden = Golden("", {}, {SUPERPROJECT: {}, CONSUMER: {}})
    name, outcome, findings = "", "", list[tuple[str, str, str]]()
    for line in lines:
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0] == "tip":
            golden = golden._replace(tip=words[1])
        elif words[0] == "tag":
            golden.tags[words[1]] = words[2]
        elif words[0] in golden.judgements:
            name, outcome, findings = words[0], words[1], []
        elif line.startswith(" "):
            rule, severity, digest = words
            findings.append((rule, severity, digest))
        else:
            golden.judgements[name][words[0]] = (outcome, tuple(findings))
    return golden


def written(folder: Path) -> str:
    """The text that tells what the audits say now, of what the clones have."""
    golden = chosen(folder)
    for name, audited in audits(folder, golden).items():
        golden.judgements[name].update({item.commit: _judgement(item) for item in audited})
    return text(golden)


def main(arguments: list[str]) -> int:
    """Compare, or write the text anew; the exit status is 1 where something differs."""
    write = "--write" in arguments
    folders = [Path(word) for word in arguments if word != "--write"]
    clones = [folder / name for folder in folders for name in (*_OPTIONS, DEPENDENCY)]
    if len(folders) != 1 or not all(clone.is_dir() for clone in clones):
        print(f"usage: a folder that holds {SUPERPROJECT}, {CONSUMER} and {DEPENDENCY}; --write")
        return 2
    if write:
        GOLDEN.write_text(written(folders[0]), encoding="utf-8")
        return 0
    golden = parsed(GOLDEN.read_text(encoding="utf-8").splitlines())
    differences = compare(folders[0], golden)
    for difference in differences:
        print(difference)
    counts = ", ".join(f"{len(ids)} commits of {name}" for name, ids in golden.judgements.items())
    print(f"{counts}: {len(differences)} differ from what was said of them")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
