"""What guard adds to a push, and how long an audit takes.

    make bench                                   with what it makes itself
    make bench ARGS="--superproject DIR"         the audit over a real clone, its siblings beside it

Each round pushes one commit to a bare repository in the next folder under every hook in turn, in
another order each time, so that what else the machine does falls on all of them alike. The verdict
that an accepted push needs is recorded beforehand, without an engine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.workshop import Repo, Workshop

_NO_HOOK: Final = "no hook"
_EMPTY: Final = "#!/bin/sh exit 0"
_GUARD: Final = "guard"
_PRE_COMMIT: Final = "pre-commit, trivial"
_MOST: Final = 70.0
_RATIO: Final = 0.4
_AUDIT: Final = 3.0
_COMMITS: Final = 84
_TRIVIAL: Final = """\
default_install_hook_types: [pre-push]
repos:
  - repo: local
    hooks:
      - id: trivial
        name: trivial
        entry: "true"
        language: system
        stages: [pre-push]
        always_run: true
        pass_filenames: false
"""
_SETTINGS: Final = """\
[user]
    name = Bench
    email = bench@example.org
[init]
    defaultBranch = master
[protocol "file"]
    allow = always
[gc]
    auto = 0
"""


class Times(NamedTuple):
    """Seconds of each push under one hook."""

    name: str
    seconds: list[float]

    @property
    def median(self) -> float:
        """In milliseconds."""
        return statistics.median(self.seconds) * 1000

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles, in milliseconds."""
        first, _, third = statistics.quantiles(self.seconds, n=4)
        return first * 1000, third * 1000


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What guard adds to a push.")
    parser.add_argument("--rounds", type=int, default=20, help="pushes under each hook")
    parser.add_argument("--superproject", metavar="DIR", help="audit this clone's history")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guard-bench-") as folder:
        seal(Path(folder))
        workshop = prepared(Path(folder))
        for name, repository in (("aula-docker", workshop.docker), ("aula", workshop.aula)):
            report(name, measured(repository, options.rounds))
        audited(options.superproject or generated(workshop))
    return 0


def seal(folder: Path) -> None:
    """No setting of whoever measures counts."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "PRE_COMMIT", "XDG_")):
            del os.environ[name]
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(_SETTINGS)
    os.environ.update(
        HOME=str(home),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_TEMPLATE_DIR="",
        PRE_COMMIT_HOME=str(home / "pre-commit"),
    )


def prepared(folder: Path) -> Workshop:
    """The three repositories with every kind of hook ready, and a passed verdict."""
    workshop = Workshop(folder)
    for repository in (workshop.aula, workshop.docker):
        repository.commit("Configure pre-commit", {".pre-commit-config.yaml": _TRIVIAL})
    workshop.verdict()
    for repository in (workshop.aula, workshop.docker):
        repository.git("push", "--quiet", "origin", "HEAD:refs/heads/master")
        hooks = hook_folder(repository)
        hooks.mkdir(parents=True, exist_ok=True)
        install = [sys.executable, "-m", "pre_commit", "install", "-t", "pre-push"]
        ran = workshop.run(install, repository)
        if ran.status != 0:
            raise SystemExit(f"pre-commit could not be installed: {ran.text}")
        (hooks / "pre-push").rename(hooks / "of-pre-commit")
    workshop.install()
    for repository in (workshop.aula, workshop.docker):
        hooks = hook_folder(repository)
        (hooks / "pre-push").rename(hooks / "of-guard")
        (hooks / "of-nobody").write_text("#!/bin/sh\nexit 0\n")
        (hooks / "of-nobody").chmod(0o755)
    return workshop


def hook_folder(repository: Repo) -> Path:
    """Where git looks for the repository's hooks."""
    return Path(repository.git("rev-parse", "--path-format=absolute", "--git-path", "hooks"))


def measured(repository: Repo, rounds: int) -> list[Times]:
    """The times under each hook; the first round only warms up."""
    hooks = {
        _NO_HOOK: "",
        _EMPTY: "of-nobody",
        _GUARD: "of-guard",
        _PRE_COMMIT: "of-pre-commit",
    }
    times = [Times(name, []) for name in hooks]
    for number in range(rounds + 1):
        turn = number % len(times)
        for item in times[turn:] + times[:turn]:
            seconds = one_push(repository, hooks[item.name])
            if number:
                item.seconds.append(seconds)
    return times


def one_push(repository: Repo, hook: str) -> float:
    """Seconds of a push of one new commit, under one of the prepared hooks."""
    place = hook_folder(repository) / "pre-push"
    place.unlink(missing_ok=True)
    if hook:
        shutil.copy(place.with_name(hook), place)
    repository.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", "one more")
    begun = time.perf_counter()
    ran = subprocess.run(
        ["git", "push", "--quiet", "origin", "HEAD:refs/heads/master"],
        cwd=repository.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if ran.returncode != 0:
        raise SystemExit(f"the push was not accepted:\n{ran.stderr.decode()}")
    return seconds


def report(name: str, times: list[Times]) -> None:
    """A table, and whether what was aimed at is reached."""
    bare = times[0].median
    added = {item.name: item.median - bare for item in times}
    say(f"\na push of one commit of {name}, {len(times[0].seconds)} rounds, milliseconds")
    say(f"  {'':<22}{'median':>8}{'quartiles':>16}{'added':>8}")
    for item in times:
        first, third = item.spread
        between = f"{first:.0f} .. {third:.0f}"
        say(f"  {item.name:<22}{item.median:>8.1f}{between:>16}{added[item.name]:>8.1f}")
    ratio = added[_GUARD] / added[_PRE_COMMIT]
    say(
        f"  guard adds {added[_GUARD]:.0f} ms (at most {_MOST:.0f}: {held(added[_GUARD] <= _MOST)})"
    )
    say(f"  that is {ratio:.2f} of what pre-commit adds (below {_RATIO}: {held(ratio < _RATIO)})")
    say(f"  and {added[_GUARD] / max(added[_EMPTY], 0.1):.0f} times what an empty hook adds")


def generated(workshop: Workshop) -> str:
    """A superproject with as many commits as aula-docker has, each with another combination."""
    releases = []
    for number in range(12):
        releases.append(workshop.release(f"0.3.{number + 1}"))
    while int(workshop.docker.git("rev-list", "--count", "HEAD")) < _COMMITS:
        count = int(workshop.docker.git("rev-list", "--count", "HEAD"))
        if count % 3 == 0:
            workshop.require(f">=0.3.{count % 5} && <0.4")
        workshop.pin(f"Pin number {count}", thentos=releases[count % len(releases)])
    return str(workshop.docker.folder)


def audited(folder: str) -> None:
    """The time of an audit over every commit of HEAD's history."""
    count = Repo(Path(folder)).git("rev-list", "--count", "HEAD")
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-I", "-m", "guard", "audit", "HEAD"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        times.append(time.perf_counter() - begun)
        if ran.returncode != 0:
            raise SystemExit(f"the audit failed:\n{ran.stderr.decode()}")
    median = statistics.median(times)
    say(f"\nguard audit over {count} commits, 5 rounds")
    say(f"  median {median:.2f} s, {min(times):.2f} .. {max(times):.2f}")
    say(f"  below {_AUDIT:.0f} s: {held(median < _AUDIT)}")
    summary = ran.stdout.decode().rstrip().rpartition("\n\n")[2]
    say("\n".join(f"  {line}" for line in summary.splitlines()))


def held(truth: bool) -> str:
    """As people say it."""
    return "holds" if truth else "does not hold"


def say(text: str) -> None:
    """One line or more."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
