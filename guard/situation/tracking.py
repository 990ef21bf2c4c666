"""What a submodule's repository knows of its remotes: tracking refs, and what they have shown.

Git keeps no remote-tracking for tags. What ``git ls-remote`` has shown is kept below
``refs/guard/seen/<remote>/``: ``tags/<tag>`` for a tag that is here as well, ``commits/<id>`` for a
commit that something else of the remote leads to, and ``url``, a blob that says of which URL, for a
remote's name may come to stand for another place.
"""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from guard.git.objects import ObjectPool
from guard.git.refs import SEEN, Ref, list_refs
from guard.git.remotes import Pairs, Remote, Remotes, read_remotes
from guard.git.repository import Repository
from guard.git.trees import object_id
from guard.situation.branches import default_branches


class Tracking(NamedTuple):
    """The remotes of one repository, and its refs below ``refs/remotes`` and `SEEN`."""

    repository: Repository
    options: Pairs
    remotes: Remotes
    refs: Mapping[str, Ref]

    def tracked(self, remote: Remote, wanted: frozenset[str]) -> dict[str, str]:
        """The tracking refs of a remote, with their commits."""
        own = (name for name, ref in self.refs.items() if not ref.symref)
        return {name: self.refs[name].id for name in self.remotes.tracked(remote, wanted, own)}

    def seen(self, remote: Remote) -> set[str]:
        """What a remote was seen to have; nothing where its URL is another one now."""
        prefix = f"{SEEN}{remote.name}/"
        of = self.refs.get(f"{prefix}url")
        url = os.fsencode(remote.urls[0])
        if of is None or of.id != object_id(b"blob", url, len(of.id) // 2):
            return set()
        below = (f"{prefix}tags/", f"{prefix}commits/")
        return {ref.id for name, ref in self.refs.items() if name.startswith(below)}


class Place(NamedTuple):
    """A remote of a submodule's repository that is the one `.gitmodules` names.

    Args:
        wanted: where the URL of ``.gitmodules`` leads to.
    """

    tracking: Tracking
    remote: Remote
    wanted: frozenset[str]

    @property
    def repository(self) -> Repository:
        """The submodule's repository."""
        return self.tracking.repository

    @property
    def default_branch(self) -> str | None:
        """The tracking ref of the remote's default branch, None where that is not known."""
        refs = self.tracking.refs
        names = default_branches(refs, self.remote.name)
        own = [name for name in names if not refs[name].symref]
        tracked = self.tracking.remotes.tracked(self.remote, self.wanted, own)
        return tracked[0] if len(tracked) == 1 else None

    @property
    def target(self) -> str:
        """What to push to: the remote's name, or its URL where a push would go elsewhere."""
        pushed = self.tracking.remotes.push_places(self.remote)
        return self.remote.name if all(item & self.wanted for item in pushed) else self.url

    @property
    def url(self) -> str:
        """What is fetched from."""
        return self.remote.urls[0]


def track(repositories: list[Repository], pool: ObjectPool) -> list[Tracking]:
    """What repositories know of their remotes."""
    for repository in repositories:
        pool.reader(repository).start()  # git gets ready while it is asked for settings
    options = pool.settings.of_all(repositories)
    return [
        Tracking(repository, pairs, read_remotes(pairs, repository), pool.refs(repository))
        for repository, pairs in zip(repositories, options, strict=True)
    ]


def record_seen(
    tracking: Tracking, remote: Remote, shown: Mapping[str, str], commits: Iterable[str]
) -> None:
    """Keep that a remote was seen to have some commits, all of it or nothing."""
    repository = tracking.repository
    prefix = f"{SEEN}{remote.name}/"
    place = os.fsencode(remote.urls[0])
    url = repository.text("hash-object", "-w", "--stdin", data=place)
    kept = {f"{prefix}url": url}
    own = list_refs(repository, "refs/tags/").items()
    here = [name for name, ref in own if shown.get(name) == ref.id]
    for commit in commits:
        tags = [tag for tag in here if shown.get(f"{tag}^{{}}", shown[tag]) == commit]
        for tag in tags[:1]:
            kept[prefix + tag.removeprefix("refs/")] = shown[tag]
        if not tags or shown[tags[0]] != commit:
            kept[f"{prefix}commits/{commit}"] = commit
    lines = [f"update {name} {found}" for name, found in kept.items()]
    known = tracking.refs.get(f"{prefix}url")
    if known is not None and known.id != url:
        old = (name for name in tracking.refs if name.startswith(prefix) and name not in kept)
        lines += [f"delete {name}" for name in old]
    data = "".join(f"{line}\n" for line in lines)
    repository.run("update-ref", "--stdin", data=os.fsencode(data))
