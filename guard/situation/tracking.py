"""What a submodule's repository knows of its remotes: tracking refs, and what they have shown.

Git keeps no remote-tracking for tags. What ``git ls-remote`` has shown is kept below
``refs/guard/seen/<remote>/``: ``tags/<tag>``, the commit that the remote has the tag at, be the tag
here or not; ``commits/<id>`` for a commit that something else of the remote leads to; and ``url``,
a blob that says at which place, for a remote's name may come to stand for another one.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from guard.git.commands import Command, git
from guard.git.objects import KeptRefs, ObjectPool
from guard.git.refs import SEEN
from guard.git.remotes import Pairs, Remote, Remotes, read_remotes
from guard.git.repository import Repository
from guard.situation.branches import HEADS, default_branches, looking_for_default, tracking_ref

TAGS: Final = "refs/tags/"


class Tracking(NamedTuple):
    """The remotes of one repository, and its refs below ``refs/remotes`` and `SEEN`."""

    repository: Repository
    options: Pairs
    remotes: Remotes
    refs: KeptRefs

    def tracked(self, remote: Remote, wanted: frozenset[str]) -> dict[str, str]:
        """The tracking refs of a remote, with their commits."""
        own = (name for name, ref in self.refs.items() if not ref.symref)
        return {name: self.refs[name].id for name in self.remotes.tracked(remote, wanted, own)}

    def seen(self, remote: Remote) -> set[str]:
        """What a remote was seen to have; nothing where its URL is another one now."""
        if not self.is_of_url(remote):
            return set()
        below = tuple(f"{SEEN}{remote.name}/{kind}/" for kind in ("tags", "commits"))
        return {ref.id for name, ref in self.refs.items() if name.startswith(below)}

    def seen_tag(self, remote: Remote, tag: str) -> str:
        """The commit at which a remote was seen to have a tag, "" for none."""
        ref = self.refs.get(f"{SEEN}{remote.name}/tags/{tag}")
        return ref.id if ref is not None and self.is_of_url(remote) else ""

    def seen_tags(self, remote: Remote) -> dict[str, str]:
        """The tags that a remote was seen to have, with their commits."""
        prefix = f"{SEEN}{remote.name}/tags/"
        refs = self.refs.items() if self.is_of_url(remote) else ()
        return {name.removeprefix(prefix): ref.id for name, ref in refs if name.startswith(prefix)}

    def is_of_url(self, remote: Remote) -> bool:
        """Whether what is kept of a remote was seen where it is now."""
        place = self.remotes.kept_place(remote)
        return self.refs.content(f"{SEEN}{remote.name}/url") == place


class Place(NamedTuple):
    """A remote of a submodule's repository that is the one `.gitmodules` names.

    Args:
        wanted: where the URL of ``.gitmodules`` leads to.
        said: the default branch, as the remote said itself; "" where it was not asked.
    """

    tracking: Tracking
    remote: Remote
    wanted: frozenset[str]
    said: str = ""

    @property
    def repository(self) -> Repository:
        """The submodule's repository."""
        return self.tracking.repository

    @property
    def default_branch(self) -> str | None:
        """The tracking ref of the remote's default branch, None where that is not known."""
        refs = self.tracking.refs
        names = default_branches(refs, self.remote.name)
        if self.said:
            names = (tracking_ref(self.remote.name, self.said.removeprefix(HEADS)),)
        own = [name for name in names if name in refs and not refs[name].symref]
        tracked = self.tracking.remotes.tracked(self.remote, self.wanted, own)
        return tracked[0] if len(tracked) == 1 else None

    @property
    def target(self) -> str:
        """What to push to: the remote's name, or its URL where a push would go elsewhere."""
        tells = self.tracking.remotes.tells(self.remote, self.wanted)
        return self.remote.name if tells else self.url

    @property
    def looking_for_default(self) -> tuple[Command, ...]:
        """What has the default branch be known.

        Where pushes go elsewhere, what is kept of the remote says nothing: one more is made of it,
        whose pushes go where it is fetched from.
        """
        remotes, repository, url = self.tracking.remotes, self.repository, self.url
        if remotes.tells(self.remote, self.wanted):
            return looking_for_default(repository, self.remote)
        name = remotes.new_name()
        return (
            git(repository, "remote", "add", name, url),
            git(repository, "remote", "set-url", "--push", name, url),
            *looking_for_default(repository, Remote(name, (url,), (), (tracking_ref(name, "*"),))),
        )

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


def peeled_tags(shown: Mapping[str, str]) -> dict[str, str]:
    """The tags of what `ls_remote` has shown, with what each leads to in the end."""
    return {
        ref.removeprefix(TAGS): shown.get(f"{ref}^{{}}", shown[ref])
        for ref in shown
        if ref.startswith(TAGS) and not ref.endswith("^{}")
    }


def record_seen(
    tracking: Tracking, remote: Remote, shown: Mapping[str, str], commits: Iterable[str]
) -> None:
    """Drop what a remote has no more, and keep that it was seen to have some commits, which are
    here; each of them all or nothing.
    """
    repository, prefix, there = tracking.repository, f"{SEEN}{remote.name}/", peeled_tags(shown)
    kept: dict[str, str] = {}
    for commit in commits:
        tags = [tag for tag, at in there.items() if at == commit]
        names = [f"tags/{tag}" for tag in tags] or [f"commits/{commit}"]
        kept |= dict.fromkeys((prefix + name for name in names), commit)
    below = tuple(f"{prefix}{kind}/" for kind in ("tags", "commits"))
    old = {name: ref.id for name, ref in tracking.refs.items() if name.startswith(below)}
    gone = set(old)
    if tracking.is_of_url(remote):
        seen = tracking.seen_tags(remote).items()
        gone = {f"{prefix}tags/{tag}" for tag, at in seen if there.get(tag) != at}
    elif kept or old:
        place = tracking.remotes.kept_place(remote)
        kept[f"{prefix}url"] = repository.text("hash-object", "-w", "--stdin", data=place)
    # What is not true goes first: it may stand in the way, and nothing else need be kept for that.
    for lines in (
        [f"delete {name}\n" for name in gone if kept.get(name) != old[name]],
        [f"update {name} {at}\n" for name, at in kept.items() if old.get(name) != at],
    ):
        if lines:
            tracking.refs.forget()
            repository.run("update-ref", "--stdin", data=os.fsencode("".join(lines)))
