"""Whether others have a release where the dependency is pinned: its remote is asked for the tags.

Of a tag that only this machine has, that was moved here or there, or that only a fork or another
clone has, nobody else makes a release. What a remote has shown is kept (`tracking.record_seen`).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from guard.config import Config
from guard.errors import GitError
from guard.git.releases import is_pre_release, release_version
from guard.model import Combination, Release
from guard.situation.branches import HEADS
from guard.situation.gitlinks import Submodule
from guard.situation.publication import Unknown
from guard.situation.published import PublishedLinks
from guard.situation.tracking import TAGS, Place, peeled_tags, record_seen
from guard.situation.values import Shared, SharedState


class SharedReleases(NamedTuple):
    """The releases at a commit, and what is known of them at the remote."""

    releases: tuple[Release, ...]
    shared: Shared


def shared_releases(
    links: PublishedLinks,
    combination: Combination,
    config: Config,
    submodule: Submodule,
    commit: str,
    own: Sequence[str],
) -> SharedReleases:
    """The releases that the dependency's remote has at a commit; else those that are here.

    Args:
        own: the release tags that are at it here, in whichever repository.
    """
    form, asking = config.release_tag, links.asking
    here = _releases(own, commit, form)
    places = list(links.places(submodule)) if submodule.url else []
    if not places:
        return SharedReleases(here, _nowhere(links, submodule, commit))
    place = places[0]
    shared = Shared(SharedState.THERE, place.remote.name, place.repository, place.target)
    if not asking.anew and (kept := _kept(places, commit, form)):
        return SharedReleases(kept, shared)
    if asking.seconds == 0:
        return SharedReleases(here, shared._replace(state=SharedState.UNASKED))
    links.start(combination, config)
    pairs, silent = _shown(links, places, commit)
    if there := _releases((tag for tag, at in pairs if at == commit), commit, form):
        return SharedReleases(there, shared)
    if silent:
        return SharedReleases(here, shared._replace(state=SharedState.UNKNOWN, detail=silent))
    tags = dict(pairs)
    moved = tuple((tag, tags[tag]) for tag in own if tag in tags)
    lacking = [tag for tag in own if tag not in tags]
    absent = shared._replace(state=SharedState.ABSENT, moved=moved)
    absent = _to_push(links, absent, submodule, places, lacking, commit)
    return SharedReleases(_releases(lacking, commit, form), absent)


def releases_there(
    links: PublishedLinks, submodule: Submodule, commit: str, form: str
) -> tuple[Release, ...]:
    """The releases that the dependency's remote has at a commit, as far as it was seen or says."""
    places = list(links.places(submodule)) if submodule.url else []
    if not links.asking.anew and (kept := _kept(places, commit, form)):
        return kept
    pairs, _ = _shown(links, places, commit) if links.asking.seconds != 0 else ([], "")
    return _releases((tag for tag, at in pairs if at == commit), commit, form)


def _releases(tags: Iterable[str], commit: str, form: str) -> tuple[Release, ...]:
    """What release tags at a commit name, pre-releases last."""
    names = (tag for tag in dict.fromkeys(tags) if release_version(tag, form) is not None)
    releases = [Release(tag, commit, is_pre=is_pre_release(tag, form)) for tag in names]
    return tuple(sorted(releases, key=lambda release: release.is_pre))


def _kept(places: Sequence[Place], commit: str, form: str) -> tuple[Release, ...]:
    """The releases that one of the places was seen to have at a commit."""
    for place in places:
        tags = place.tracking.seen_tags(place.remote).items()
        if releases := _releases((tag for tag, at in tags if at == commit), commit, form):
            return releases
    return ()


def _shown(
    links: PublishedLinks, places: Sequence[Place], commit: str
) -> tuple[list[tuple[str, str]], str]:
    """The tags of all places with their commits, and why some are not known, "" where all are.

    They are kept in every repository that has such a remote.
    """
    asked: dict[frozenset[str], list[Place]] = {}
    for place in places:
        asked.setdefault(place.tracking.remotes.fetch_places(place.remote), []).append(place)
    for first, *_ in asked.values():
        links.asking.start(first.repository, first.remote.name)
    pairs: list[tuple[str, str]] = []
    silent = ""
    for same in asked.values():
        shown = links.asking.shown(same[0].repository, same[0].remote.name)
        if isinstance(shown, GitError):
            silent = silent or shown.problem
            continue
        pairs += peeled_tags(shown).items()
        for place in same:
            _keep(links, place, shown, commit)
    return pairs, silent


def _keep(links: PublishedLinks, place: Place, shown: Mapping[str, str], commit: str) -> None:
    is_there = commit in peeled_tags(shown).values()
    commits = links.present(place.repository, [commit] if is_there else [])
    with suppress(GitError):  # what cannot be kept is asked again
        record_seen(place.tracking, place.remote, shown, commits)


def _to_push(
    links: PublishedLinks,
    absent: Shared,
    submodule: Submodule,
    places: Sequence[Place],
    tags: Sequence[str],
    commit: str,
) -> Shared:
    """With the tags that the remote lacks, where they are, and how they are pushed from there."""
    targets = {place.repository: place.target for place in reversed(places)}
    for repository in (*targets, *submodule.repositories):
        reader = links.contents.pool.reader(repository)
        tagged = reader.read_refs([f"{TAGS}{tag}^{{commit}}" for tag in tags])
        names = [tag for tag, at in zip(tags, tagged, strict=True) if at and at.id == commit]
        if names:
            # Where a branch has the same name, git would not know which is meant.
            branches = reader.read_refs([f"{HEADS}{tag}" for tag in names])
            own = (f"{TAGS}{tag}" if at else tag for tag, at in zip(names, branches, strict=True))
            target = targets.get(repository, places[0].url)
            return absent._replace(own=tuple(own), repository=repository, target=target)
    return absent


def _nowhere(links: PublishedLinks, submodule: Submodule, commit: str) -> Shared:
    """That no remote here has the URL of ``.gitmodules``, or that it names none."""
    link = links.publication(submodule, commit)
    detail = link.detail or f"no remote of {link.name} has the URL that .gitmodules names"
    return unknown_releases(Unknown(detail, link.remedy))


def unknown_releases(unknown: Unknown) -> Shared:
    """That something cannot be read by which a remote would be asked."""
    return Shared(SharedState.UNKNOWN, detail=unknown.what, remedy=unknown.remedy)
