"""What guard adds to a push, and how long an audit takes.

    make bench                                   with what it makes itself
    make bench ARGS="--superproject DIR"         the audit over a real clone, its siblings beside it

Each round pushes one commit to a bare repository in the next folder under every hook in turn, in
another order each time, so that what else the machine does falls on all of them alike. The verdict
that an accepted push needs is recorded beforehand, without an engine. The other tools have one hook
each that does nothing; one that is not on this machine has a row that says so. Then the same with
contents of which the memo has nothing, and a colleague the verdict.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from guard.git.refs import REMOTES
from guard.verdicts.verdicts import REF
from tests.workshop import Repo, Workshop

NO_HOOK: Final = "no hook"
EMPTY: Final = "#!/bin/sh exit 0"
GUARD: Final = "guard"
_PRE_COMMIT: Final = "pre-commit, trivial"
_HUSKY: Final = "husky, trivial"
# Each installs its hook itself: its name in the table, the program, what installs it.
_INSTALLED: Final = (
    (_PRE_COMMIT, "pre-commit", ("pre-commit", "install", "-t", "pre-push")),
    ("prek, trivial", "prek", ("prek", "install", "-t", "pre-push")),
    ("lefthook, trivial", "lefthook", ("lefthook", "install", "--force")),
    ("git-lfs, no objects", "git-lfs", ("git", "lfs", "update", "--force")),
)
_MOST: Final = 70.0
_RATIO: Final = 0.4
_MOST_MISSED: Final = 120.0
_RATIO_MISSED: Final = 0.8
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
_LEFTHOOK: Final = "pre-push:\n  commands:\n    trivial:\n      run: 'true'\n"
# What husky 9 puts beside its hooks, each of which is one line that reads it; no node is run.
_HUSKY_LINE: Final = '#!/usr/bin/env sh\n. "$(dirname "$0")/h"'
_HUSKY_SCRIPT: Final = """\
#!/usr/bin/env sh
[ "$HUSKY" = "2" ] && set -x
n=$(basename "$0")
s=$(dirname "$(dirname "$0")")/$n

[ ! -f "$s" ] && exit 0

if [ -f "$HOME/.huskyrc" ]; then
\techo "husky - '~/.huskyrc' is DEPRECATED, please move your code to ~/.config/husky/init.sh"
fi
i="${XDG_CONFIG_HOME:-$HOME/.config}/husky/init.sh"
[ -f "$i" ] && . "$i"

[ "${HUSKY-}" = "0" ] && exit 0

export PATH="node_modules/.bin:$PATH"
sh -e "$s" "$@"
c=$?

[ $c != 0 ] && echo "husky - $n script failed (code $c)"
[ $c = 127 ] && echo "husky - command not found in PATH=$PATH"
exit $c
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


class Took(NamedTuple):
    """What one push took, in seconds.

    Args:
        cpu: the time that it and all that it started were on a processor: on a busy machine that
            says more than the clock.
    """

    wall: float
    cpu: float


class Times(NamedTuple):
    """What each push under one hook took."""

    name: str
    took: list[Took]

    @property
    def median(self) -> float:
        """By the clock, in milliseconds."""
        return statistics.median(item.wall for item in self.took) * 1000

    @property
    def cpu(self) -> float:
        """The median of the processors' time, in milliseconds."""
        return statistics.median(item.cpu for item in self.took) * 1000

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles by the clock, in milliseconds."""
        first, _, third = statistics.quantiles((item.wall for item in self.took), n=4)
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
            report(name, measured(repository, options.rounds, one_more), _MOST, _RATIO)
        workshop.docker.git("config", "guard.trust", "all")
        for name, repository in (("aula-docker", workshop.docker), ("aula", workshop.aula)):
            times = measured(repository, options.rounds, lambda at: new_content(workshop, at))
            report(f"{name}, new to the memo", times, _MOST_MISSED, _RATIO_MISSED)
        # One of its own: the pushes left a hundred commits that are all alike.
        audited(options.superproject or generated(Workshop(Path(folder) / "audit")))
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
        PATH=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        PRE_COMMIT_HOME=str(home / "pre-commit"),
        PREK_HOME=str(home / "prek"),
    )


def prepared(folder: Path) -> Workshop:
    """The three repositories with every kind of hook ready, and a passed verdict."""
    workshop = Workshop(folder)
    files = {".pre-commit-config.yaml": _TRIVIAL, "lefthook.yml": _LEFTHOOK}
    for repository in (workshop.aula, workshop.docker):
        repository.commit("Configure other tools", files)
    workshop.verdict()
    for repository in (workshop.aula, workshop.docker):
        repository.git("push", "--quiet", "origin", "HEAD:refs/heads/master")
        for name, program, install in _INSTALLED:
            if shutil.which(program) is not None:
                ran = workshop.run(install, repository)
                if ran.status != 0:
                    raise SystemExit(f"{program} could not be installed: {ran.text}")
                put_aside(repository, name)
    ready(workshop)
    for repository in (workshop.aula, workshop.docker):
        write_hook(hooks_of(repository, EMPTY) / "pre-push", "#!/bin/sh\nexit 0\n")
        husky = hooks_of(repository, _HUSKY) / "_"
        write_hook(husky / "pre-push", _HUSKY_LINE)
        write_hook(husky / "h", _HUSKY_SCRIPT)
        write_hook(husky.parent / "pre-push", "true\n")
    return workshop


def ready(workshop: Workshop) -> None:
    """Have the hooks of guard, and none at all, ready in both repositories."""
    workshop.install()
    for repository in (workshop.aula, workshop.docker):
        put_aside(repository, GUARD)
        hooks_of(repository, NO_HOOK).mkdir()


def hooks_of(repository: Repo, name: str) -> Path:
    """The folder with the hooks of one kind."""
    place = repository.git("rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(place) / "bench" / name.split(",")[0].replace("/", "-")


def put_aside(repository: Repo, name: str) -> None:
    """Move the hook that has been installed to the folder of its kind."""
    hook = repository.git("rev-parse", "--path-format=absolute", "--git-path", "hooks/pre-push")
    folder = hooks_of(repository, name)
    folder.mkdir(parents=True)
    Path(hook).rename(folder / "pre-push")


def write_hook(path: Path, content: str) -> None:
    """A script that git runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o755)


def measured(repository: Repo, rounds: int, change: Callable[[Repo], object]) -> list[Times]:
    """The times under each hook that is here; the first round only warms up."""
    others = [name for name, _, _ in _INSTALLED]
    names = [NO_HOOK, EMPTY, GUARD, *others, _HUSKY]
    times = [Times(name, []) for name in names]
    here = [item for item in times if hooks_of(repository, item.name).exists()]
    for number in range(rounds + 1):
        turn = number % len(here)
        for item in here[turn:] + here[:turn]:
            change(repository)
            took = one_push(repository, item.name)
            if number:
                item.took.append(took)
    return times


def one_push(repository: Repo, hook: str) -> Took:
    """A push of HEAD, under one of the prepared hooks."""
    hooks = hooks_of(repository, hook)
    repository.git("config", "core.hooksPath", str(hooks / "_" if hook == _HUSKY else hooks))
    took, ran = timed(repository, "push", "--quiet", "origin", "HEAD:refs/heads/master")
    if ran.returncode != 0:
        raise SystemExit(f"the push was not accepted:\n{ran.stderr.decode()}")
    return took


def one_more(repository: Repo) -> None:
    """A commit with the content of the one before."""
    repository.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", "one more")


def new_content(workshop: Workshop, repository: Repo) -> None:
    """A commit with a content that a colleague has tested, and of which nothing was read here."""
    docker, memo = workshop.docker, Path(workshop.docker.repository.common_dir) / "guard/memo"
    before = {*memo.glob("*")}
    repository.commit("another content", {"notes": str(time.time_ns())})
    if repository is not docker:
        workshop.pin()
    workshop.verdict()
    docker.git("update-ref", f"{REMOTES}origin/verdicts", REF)
    docker.git("update-ref", "-d", REF)
    for path in {*memo.glob("*")} - before:
        path.unlink()


def timed(repository: Repo, *words: str) -> tuple[Took, subprocess.CompletedProcess[bytes]]:
    """Run git, and what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    ran = subprocess.run(
        ["git", *words],
        cwd=repository.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu), ran


def report(name: str, times: list[Times], most: float, below: float) -> None:
    """A table, and whether what was aimed at is reached.

    Args:
        most: milliseconds that guard may add.
        below: the share that it may add of what pre-commit does.
    """
    bare = times[0]
    added = {item.name: item.median - bare.median for item in times if item.took}
    say(f"\na push of one commit of {name}, {len(bare.took)} rounds, milliseconds")
    say(f"  {'':<20}{'median':>8}{'quartiles':>16}{'added':>8}{'of guard':>10}{'added cpu':>11}")
    for item in times:
        if not item.took:
            say(f"  {item.name:<20}   is not on this machine")
            continue
        between = " .. ".join(f"{quartile:.0f}" for quartile in item.spread)
        share = added[item.name] / max(added[GUARD], 0.1)
        figures = f"{item.median:>8.1f}{between:>16}{added[item.name]:>8.1f}{share:>10.2f}"
        say(f"  {item.name:<20}{figures}{item.cpu - bare.cpu:>11.1f}")
    ratio = added[GUARD] / max(added[_PRE_COMMIT], 0.1)
    say(f"  guard adds {added[GUARD]:.0f} ms (at most {most:.0f}: {held(added[GUARD] <= most)})")
    say(f"  that is {ratio:.2f} of what pre-commit adds (below {below}: {held(ratio < below)})")
    say(f"  and {added[GUARD] / max(added[EMPTY], 0.1):.0f} times what an empty hook adds")


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
