"""The stage on which a shape of push is arranged, and the record of what the push came to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from guard.model import Result
from tests.golden.names import Names
from tests.golden.report import judgement
from tests.workshop import GUARD_TOML, Repo, Workshop, lasting_folder

TOPIC = "HEAD:refs/heads/topic"
MASTER = "HEAD:refs/heads/master"
ABSENT = "5f578e3731ebc5824cb02ac5783411a2bb9054e7"
LATER = "2016-03-05T10:00:00Z"

Refs = dict[tuple[str, str], str]


class Scene(Workshop):
    """A workshop with the hook installed; only what a shape gives a verdict to has passed."""

    def __init__(self, root: Path, object_format: str = "sha1") -> None:
        super().__init__(root, object_format, _installed(object_format))
        self._named: dict[str, str] = {}

    # the judged push

    def outcome(self, at: Repo, *words: str, **env: str) -> str:
        """Push, and record what that comes to.

        A dry run before it has to be judged in the same way: it fills guard's memo, and what is
        remembered changes no decision.
        """
        names = Names(self._known(at), str(self.root))
        before = self._arrived()
        rehearsed = judgement(self.push(at, "--dry-run", *words, **env).text)
        ran = self.push(at, *words, **env)
        told = judgement(ran.text)
        assert told == rehearsed, "a second push is judged in another way than the first"
        lines = [f"git push exits with {ran.status}", *told]
        lines += _changes(names, before, self._arrived())
        return "".join(f"{names.in_text(line)}\n" for line in lines)

    def topic(self, **env: str) -> str:
        """Push HEAD of aula-docker to a branch that is not the default one."""
        return self.outcome(self.docker, "origin", TOPIC, **env)

    def master(self, **env: str) -> str:
        """Push HEAD of aula-docker to its default branch."""
        return self.outcome(self.docker, "origin", MASTER, **env)

    def aula_topic(self) -> str:
        """Push HEAD of aula, in the submodule's checkout, to a branch.

        With an empty commit on top, for what aula's master leads to brings nothing new.
        """
        self.aula.git("commit", "--quiet", "--allow-empty", "-m", "Of the same content")
        return self.outcome(self.aula, "origin", TOPIC)

    def _arrived(self) -> Refs:
        """What the bare remotes have."""
        return {
            (folder.stem, ref): commit
            for folder in sorted((self.root / "remotes").glob("*.git"))
            for commit, ref in _refs(Repo(folder))
        }

    # names of ids

    def name(self, name: str, commit: str) -> str:
        """Have the record call an id by a name; returns the id."""
        self._named[commit] = name
        return commit

    def _known(self, at: Repo) -> dict[str, str]:
        """The ids that a reader knows by a name; of several names for one the first counts."""
        found = dict(self._named)
        for name, repo in (("thentos", self.thentos), ("aula", self.aula)):
            for commit, ref in _refs(repo):
                if ref.startswith("refs/tags/"):
                    found.setdefault(commit, f"{name} {ref.removeprefix('refs/tags/')}")
        heads = {"aula-docker": self.docker, "aula": self.aula, "thentos": self.thentos}
        for name, repo in (*heads.items(), ("pushed", at)):
            for commit in self._head(repo):
                found.setdefault(commit, f"{name} HEAD")
        for folder in sorted((self.root / "remotes").glob("*.git")):
            for commit, ref in _refs(Repo(folder)):
                found.setdefault(commit, f"{folder.stem} remote {ref}")
        return found

    def _head(self, repo: Repo) -> list[str]:
        """The commit at HEAD; nothing where there is none."""
        if not _is_repository(repo.folder):
            return []
        return self.run(["git", "rev-parse", "--verify", "--quiet", "HEAD"], repo).out.split()

    # arrangements that several shapes share

    def verdict(
        self,
        result: Result = Result.PASSED,
        commit: str = "",
        detail: str = "",
        finished: str = "2016-03-04T15:32:00Z",
        published: bool = False,
    ) -> str:
        """As in any workshop; the record has names for the key and the recipe."""
        key = super().verdict(result, commit, detail, finished, published)
        self._named.setdefault(key, "key")
        self._named.setdefault(self.config(commit or self.docker.head).recipe.digest, "recipe")
        return key

    def configure(self, text: str, base: str = GUARD_TOML) -> str:
        """Commit a `.guard.toml` with more in it."""
        return self.docker.commit("Configure guard", {".guard.toml": base + text})

    def pass_pinned(self, **commits: str) -> None:
        """Commit the gitlinks in aula-docker, and let that pass."""
        self.pin(**commits)
        self.verdict()

    def pass_aula(self, files: dict[str, str | bytes], message: str = "Change aula") -> None:
        """Commit to aula, publish it, and let aula-docker pass with it."""
        self.aula.commit(message, files)
        self.publish("aula")
        self.pass_pinned()

    def pin_untested(self) -> None:
        """Commit the gitlinks, published and without a verdict."""
        self.publish()
        self.pin()

    def untested(self, repo: Repo) -> str:
        """A commit on HEAD with one file more, in no branch and without a verdict."""
        blob = repo.git("hash-object", "-w", "--stdin", data=b"more\n")
        entries = repo.git("ls-tree", "HEAD") + f"\n100644 blob {blob}\tuntested\n"
        tree = repo.git("mktree", data=entries.encode())
        return self.name("untested", repo.git("commit-tree", "-p", "HEAD", "-m", "x", tree))

    def share(self, ref: str = "refs/heads/master") -> None:
        """Have the remote of aula-docker know HEAD, and have that fetched."""
        self.docker.git("push", "--quiet", "--no-verify", "origin", f"HEAD:{ref}")
        self.docker.git("fetch", "--quiet", "origin")

    def clone(self, name: str, folder: str, *options: str) -> Repo:
        """A clone of a remote, in a folder below the root."""
        url = str(self.root / "remotes" / f"{name}.git")
        target = str(self.root / folder)
        self.docker.git("clone", "--quiet", *options, url, target)
        return Repo(Path(target))

    def take_away(self, name: str) -> None:
        """Put a remote where nobody finds it, as it is offline."""
        (self.root / "remotes" / f"{name}.git").rename(self.root / f"{name} away")


@cache
def _installed(object_format: str) -> Path:
    """A workshop with the hook, made once; each scene is a copy."""
    workshop = Workshop(lasting_folder(), object_format)
    workshop.install()
    return workshop.root


def _changes(names: Names, before: Refs, after: Refs) -> Iterator[str]:
    """A line for each ref of a remote that is not what it was."""
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    for remote, ref in changed:
        old, new = names.of(before.get((remote, ref))), names.of(after.get((remote, ref)))
        yield f"remote {remote}: {ref} {old} -> {new}"
    if not changed:
        yield "remotes: unchanged"


def _refs(repo: Repo) -> list[tuple[str, str]]:
    """(id, ref) of a repository; none where the folder holds no repository."""
    if not _is_repository(repo.folder):
        return []
    listed = repo.git("for-each-ref", "--format=%(objectname) %(refname)")
    lines = (line.partition(" ") for line in listed.splitlines())
    return [(commit, ref) for commit, _, ref in lines]


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (folder / "HEAD").exists()
