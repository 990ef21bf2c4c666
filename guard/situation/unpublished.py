"""Commits that nothing known of a remote leads to: the remote is asked, and what publishes them.

A push waits for this only when it is blocked, so it may take its time.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.commands import Remedy, git, guard, in_turn
from guard.git.commits import containing, reachable
from guard.git.releases import is_pre_release, release_version
from guard.git.remotes import Asking, Remotes, is_path
from guard.git.repository import Repository, checkout_at
from guard.install.health import hook_health
from guard.situation.branches import (
    HEADS,
    all_branches,
    coming_from,
    default_branches,
    feature_branch,
    head_branch,
    push_remote,
    remote_of,
    short_name,
    spelled,
    tracking_ref,
)
from guard.situation.contents import brought_here
from guard.situation.gitlinks import Links, Submodule
from guard.situation.publication import Publication, PublicationState
from guard.situation.tracking import Place, Tracking, record_seen

_NAMED: Final = 4
_TAGS: Final = "refs/tags/"
_INSTEAD: Final = r"^url\..*\.insteadof$"
_RECURSES: Final = r"^(push\.recursesubmodules|submodule\.recurse)$"


class _View(NamedTuple):
    """What of some commits a remote and this machine have, and what hides the rest.

    Args:
        unread: branches of the remote that were not fetched.
        shallow: a repository whose history is cut off.
    """

    there: set[str]
    here: set[str]
    unread: list[str]
    shallow: Repository | None


class Search:
    """Finds out where else a commit may be, and what would publish it."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._workspace = links.contents.workspace

    @cached_property
    def takes_submodules_along(self) -> bool:
        """Whether the configuration makes this push of the superproject push its submodules first.

        That is what ``git -c`` says of it, too, and nothing on its command line that speaks
        against it and can be seen.
        """
        words = ("config", "--get-regexp", _RECURSES)
        on_demand = False
        for line in self._workspace.superproject.text_as_user(*words, ok=(0, 1)).splitlines():
            key, space, value = line.partition(" ")
            if key == "push.recursesubmodules":
                on_demand = value == "on-demand"
            elif key == "submodule.recurse":
                on_demand = not space or value.lower() in ("true", "yes", "on", "1")
        return on_demand and not _is_told_not_to()

    def of(
        self, submodule: Submodule, places: Sequence[Place], commits: Sequence[str]
    ) -> Iterable[Publication]:
        """What is to be said of commits that no place is known to have."""
        if not places:
            for commit in commits:
                yield self._nowhere(submodule, commit)
            return
        place = places[0]
        known = Publication(
            submodule.path, "", PublicationState.UNPUBLISHED, submodule.url, place.remote.name
        )
        along = self._along(submodule, place, commits)
        for commit, branch in along.items():
            yield known._replace(commit=commit, along=branch)
        commits = [commit for commit in commits if commit not in along]
        if not commits:
            return
        unknown = known._replace(state=PublicationState.UNASKED)
        if self._links.asks:
            shown = self._links.asking.shown(place.repository, place.remote.name)
            if not isinstance(shown, GitError):
                yield from self._answered(submodule, places, known, shown, commits)
                return
            unknown = known._replace(state=PublicationState.UNANSWERED, detail=shown.problem)
        yield from (unknown._replace(commit=commit) for commit in commits)

    def _answered(
        self,
        submodule: Submodule,
        places: Sequence[Place],
        known: Publication,
        shown: Mapping[str, str],
        commits: Sequence[str],
    ) -> Iterable[Publication]:
        """What is to be said of commits after the remote of the first place has answered."""
        place = places[0]
        view = self._view(submodule, shown, commits)
        if view.there:
            # What cannot be kept is asked again.
            with suppress(GitError):
                present = self._links.present(place.repository, view.there)
                record_seen(place.tracking, place.remote, shown, present)
        pushes = 0
        for commit in commits:
            publication = known._replace(commit=commit)
            if commit in view.there & view.here:
                yield publication._replace(state=PublicationState.PUBLISHED)
            elif unknown := self._unseen(submodule, publication, place, view):
                yield unknown
            else:
                remedy = self._push(submodule, places, commit, shown, pushes < _NAMED)
                pushes += 1
                yield publication._replace(remedy=remedy)

    def _view(
        self, submodule: Submodule, shown: Mapping[str, str], commits: Sequence[str]
    ) -> _View:
        there = set(commits) & set(shown.values())
        here: set[str] = set()
        unread = {tip: ref for ref, tip in shown.items() if ref.startswith(HEADS)}
        for repository in submodule.repositories:
            for tip in self._links.present(repository, unread):
                del unread[tip]
            present = self._links.present(repository, commits)
            if present - there:
                tips = self._links.present(repository, shown.values())
                there |= reachable(repository, present - there, tips)
            here |= present
        shallow = next((each for each in submodule.repositories if each.is_shallow), None)
        return _View(there, here, sorted(unread.values()), shallow)

    def _unseen(
        self, submodule: Submodule, publication: Publication, place: Place, view: _View
    ) -> Publication | None:
        """Why it cannot be seen whether a remote has a commit; None where it has not."""
        path, commit, remote = publication.path, publication.commit, place.remote.name
        unknown = publication._replace(state=PublicationState.UNKNOWN)
        nowhere = f"commit {commit} of {path} is in no repository on this machine"
        repository, words = place.repository, [remote]
        if commit in view.there:
            # It may have submodules of its own.
            detail, words = f"{nowhere}, so it is not known what is in it", [place.target, commit]
        elif view.shallow is not None:
            repository = view.shallow
            words = ["--unshallow", *([remote] if repository == place.repository else [])]
            detail = (
                f"the history of {path} is cut off, so it cannot be seen whether {remote} has "
                f"{commit[:12]}"
            )
        elif view.unread:
            words += all_branches(place.remote)
            names = ", ".join(view.unread[:_NAMED]).replace(HEADS, "")
            detail = (
                f"{remote} has more than was fetched of it ({names}), so it cannot be seen whether "
                f"that leads to {publication.name} {commit[:12]}"
            )
        elif commit not in view.here:
            detail = f"{nowhere}, and no branch or tag of {remote} leads to it"
            return unknown._replace(detail=detail, remedy=self._whose(submodule, commit))
        else:
            return None
        return unknown._replace(detail=detail, remedy=(git(repository, "fetch", *words),))

    def _whose(self, submodule: Submodule, commit: str) -> Remedy:
        """Who has to push a commit that is nowhere here."""
        around = self._around(submodule)
        words = ("--all", f"--find-object={commit}")
        where = ("--", submodule.path_there)
        authors = around.lines("log", *words, "--format=%an", *where, ok=(0, 128))
        who = authors[-1] if authors else "whoever pinned it"
        look = git(around, "log", *words, *where).text
        return f"ask {who} to push {commit[:12]} of {submodule.path}, or pin another one: {look}"

    def _along(self, submodule: Submodule, place: Place, commits: Sequence[str]) -> dict[str, str]:
        if not self.takes_submodules_along:
            return {}
        checkout = checkout_at(self._workspace.superproject, submodule.path)
        branches = {
            commit: _pushed_along(place, checkout, commit, self._links.destination.remote)
            for commit in self._links.present(place.repository, commits)
        }
        return {commit: branch for commit, branch in branches.items() if branch}

    def _push(
        self,
        submodule: Submodule,
        places: Sequence[Place],
        commit: str,
        shown: Mapping[str, str],
        is_looked_for: bool,
    ) -> Remedy:
        """What publishes a commit.

        Args:
            is_looked_for: whether a branch that has it may be, by some processes more, of which
                the number must not grow with the push.
        """
        # It may be in a clone beside the superproject alone.
        held = (each for each in places if self._links.present(each.repository, [commit]))
        place, form = next(held, places[0]), submodule.release_tag
        what = "" if form else f"{commit[:12]}:{HEADS}pin-{commit[:8]}"
        if is_looked_for:
            # Where git fails it is in another of the repositories, or in none.
            with suppress(GitError):
                if form:
                    what = _release(place.repository, commit, form, shown)
                else:
                    # A feature branch of the superproject stays one, in the submodules too.
                    to, refs = self._links.destination, self._links.contents.refs
                    feature = feature_branch(refs, to.remote, to.ref)
                    what = _branch(place, commit, shown, feature)
        if not what:
            new = f"release {commit[:12]} with a new tag and push that"
            return f"{new}, or take a release: guard align"
        return (git(place.repository, "push", place.target, what),)

    def _nowhere(self, submodule: Submodule, commit: str) -> Publication:
        path, links = submodule.path, self._links
        if not submodule.url:
            remedy = self._name_url(submodule)
            return Publication(path, commit, PublicationState.NO_URL, remedy=remedy)
        trackings = links.tracking(submodule.repositories[:1])
        remotes = trackings[0].remotes if trackings else links.here
        urls = links.urls(submodule)
        nowhere = Publication(path, commit, PublicationState.NO_REMOTE, submodule.url)
        if not links.wanted(urls, remotes):
            return self._on_this_machine(submodule, nowhere._replace(url=urls[0]))
        if not trackings:
            return nowhere._replace(
                state=PublicationState.UNKNOWN,
                detail=f"no repository of {path} is on this machine, so it is not known whether "
                f"others can fetch {commit[:12]}",
                remedy=self._brought_here(submodule),
            )
        urls = [url for url in urls if links.wanted([url], remotes)]
        detail = ", ".join(f"{item.name} is {item.urls[0]}" for item in remotes.remotes)
        remedy = self._home(submodule, remotes) or self._remote(submodule, urls, commit)
        return nowhere._replace(url=urls[0], detail=detail, remedy=remedy)

    def _on_this_machine(self, submodule: Submodule, nowhere: Publication) -> Publication:
        """What is to be said of a URL that leads to a path here, where the push goes elsewhere."""
        if is_path(nowhere.url):
            return nowhere._replace(state=PublicationState.PATH, remedy=self._name_url(submodule))
        is_ours = not self._links.wanted([nowhere.url], self._links.here)
        where = self._workspace.superproject if is_ours else submodule.repositories[0]
        shown = git(where, "config", "--show-origin", "--get-regexp", _INSTEAD)
        return nowhere._replace(
            state=PublicationState.UNKNOWN,
            detail=f"insteadOf turns {nowhere.url} into a path of this machine, so it is not known "
            f"whether others can fetch {nowhere.name} {nowhere.commit[:12]}",
            remedy=f"take it out of git's configuration: {shown.text}",
        )

    def _home(self, submodule: Submodule, remotes: Remotes) -> Remedy:
        """What says from which remote the default branch comes, where that one would do.

        As in the clone of a fork, which need not have the submodules beside it.
        """
        links, remote = self._links, self._links.other_origin(submodule, remotes)
        if remote is None:
            return ""
        names, refs = links.usual_defaults(remote.name), links.contents.refs
        tracked = (name for name in names if tracking_ref(remote.name, name) in refs)
        return coming_from(self._workspace.superproject, next(tracked, names[0]), remote.name)

    def _remote(self, submodule: Submodule, urls: Sequence[str], commit: str) -> Remedy:
        """What adds a remote that answers, or one that is to have the submodule and is given it."""
        links, repositories = self._links, submodule.repositories
        has_base = submodule.around or links.here.remotes or links.pushed_to
        if submodule.is_relative and not has_base:
            add = git(self._workspace.superproject, "remote", "add", "origin")
            return f"say where others have {self._workspace.name('')}: {add.text} <url>"
        held = (each for each in repositories if links.present(each, [commit]))
        (tracking,) = links.tracking([next(held, repositories[0])])
        repository, name = tracking.repository, tracking.remotes.new_name()
        if submodule.is_relative and not (links.asks or all(map(is_path, urls))):
            return (guard("check"),)  # that asks which of them is there
        asking = links.asking if links.asks else Asking()
        for url in urls:
            asking.start(repository, url)
        answers = [(url, asking.shown(repository, url)) for url in urls]
        there = (pair for pair in answers if not isinstance(pair[1], GitError))
        url, shown = next(there, answers[0])
        add = git(repository, "remote", "add", name, url)
        if shown and not isinstance(shown, GitError):
            return (add, git(repository, "fetch", name))
        usual = remote_of(tracking.remotes, dict(tracking.options), repository)
        defaults = default_branches(tracking.refs, usual.name) if usual else ()
        branch = short_name(usual.name, defaults[0]) if usual and defaults else "master"
        form = submodule.release_tag
        tag = _release(repository, commit, form, {}) if form else ""
        both = (add, git(repository, "push", name, tag or f"{commit[:12]}:{HEADS}{branch}"))
        if isinstance(shown, GitError):
            return f"make {url} where it is not there yet, and push to it: {in_turn(both)}"
        return both

    def _around(self, submodule: Submodule) -> Repository:
        """The repository whose gitlink it is."""
        around = submodule.around
        return around.repositories[0] if around else self._workspace.superproject

    def _brought_here(self, submodule: Submodule) -> Remedy:
        top, around = self._workspace.superproject, submodule.around
        if around is None:
            return brought_here(top, submodule.path)
        checkouts = (each for each in around.repositories if each.work_tree)
        if checkout := next(checkouts, None):
            words = ("submodule", "update", "--init", submodule.path_there)
            return (git(checkout, *words),)
        return (git(top, "submodule", "update", "--init", "--recursive"),)

    def _name_url(self, submodule: Submodule) -> Remedy:
        url = ""
        for tracking in self._links.tracking(submodule.repositories[:1]):
            usual = remote_of(tracking.remotes, dict(tracking.options), tracking.repository)
            named = (*([usual] if usual else []), *tracking.remotes.remotes)
            fit = (each.urls[0] for each in named if self._is_fit(each.urls[0], tracking))
            url = next(fit, "")
        path = submodule.path_there
        name = submodule.names[-1] if submodule.names else path
        top = self._around(submodule)
        if not url or top.work_tree is None:
            where = f" of {submodule.around.path}" if submodule.around else ""
            return f"write into .gitmodules{where} from which URL others fetch {path}"
        settings = [] if submodule.names else [(f"submodule.{name}.path", path)]
        settings.append((f"submodule.{name}.url", self._url_beside(submodule, url)))
        written = (git(top, "config", "--file=.gitmodules", *each) for each in settings)
        return (*written, git(top, "add", ".gitmodules"))

    def _is_fit(self, url: str, tracking: Tracking) -> bool:
        return bool(self._links.wanted([url], tracking.remotes))

    def _url_beside(self, submodule: Submodule, url: str) -> str:
        """A URL as it counts from the superproject's, where both have one parent; else as it is."""
        relative = f"../{url.rstrip('/').rpartition('/')[2]}"
        places = self._links.places_of
        whole = self._links.urls(submodule._replace(url=relative))
        return relative if any(places(each) & places(url) for each in whole) else url


def _release(repository: Repository, commit: str, form: str, shown: Mapping[str, str]) -> str:
    """The release tag of a commit that the remote does not have, "" where there is none."""
    words = ("for-each-ref", "--format=%(refname)", f"--points-at={commit}", _TAGS)
    tags = repository.lines(*words)
    names = (tag.removeprefix(_TAGS) for tag in tags if tag not in shown)
    releases = [name for name in names if release_version(name, form) is not None]
    if not releases:
        return ""
    name = min(releases, key=lambda name: is_pre_release(name, form))
    full = f"{_TAGS}{name}"
    return full if repository.text("for-each-ref", "--", f"{HEADS}{name}") else name


def _branch(place: Place, commit: str, shown: Mapping[str, str], feature: str) -> str:
    """What is pushed where, so that a branch of the remote leads to a commit."""
    repository, remote, refs = place.repository, place.remote.name, place.tracking.refs
    branches = containing(repository, commit, HEADS)
    tracked = place.default_branch
    own, default = head_branch(repository), f"{HEADS}{short_name(remote, tracked or '')}"
    if feature:
        branch = own if own != default and branches.get(own) == commit else feature
    elif branches:
        branch = next((name for name in (own, default) if name in branches), next(iter(branches)))
    elif tracked is not None and reachable(repository, [refs[tracked].id], [commit]):
        branch = default
    else:
        branch = f"{HEADS}pin-{commit[:8]}"
    name = branch.removeprefix(HEADS)
    last = refs.get(tracking_ref(remote, name))
    tip = shown.get(branch) or (last.id if last is not None else "")
    if tip and not reachable(repository, [tip], [commit]):
        # Git would refuse: the remote's branch has gone another way.
        return f"{commit[:12]}:{HEADS}pin-{commit[:8]}"
    if branches.get(branch) != commit:
        # More than this commit may not be ready for others.
        return f"{commit[:12]}:{branch}"
    has_namesake = bool(repository.text("for-each-ref", "--", f"{_TAGS}{name}"))
    return spelled(place.tracking.options, remote, branch, has_namesake) or name


def _is_told_not_to() -> bool:
    """Whether the push was given a ``--recurse-submodules`` that pushes none (git-push(1))."""
    try:
        with open(f"/proc/{os.getppid()}/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).split("\0")
    except OSError:
        return False  # another system, or somebody else's process
    option = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if "--no-recurse-submodules".startswith(name) and name.startswith("--no-recu"):
            option = "no"
        elif "--recurse-submodules".startswith(name) and name.startswith("--recu"):
            option = value if equals else following
    return option not in ("", "on-demand")


def _pushed_along(place: Place, checkout: Repository | None, commit: str, remote: str) -> str:
    """The branch with which git would push a submodule's commit before the superproject.

    Git does that for what no remote-tracking ref of any remote has, with the branch that is checked
    out, to the remote of that branch or to the one that was named on the command line.

    Args:
        remote: the remote that the superproject is pushed to.

    Returns:
        "" where it would not, or where that push would not be judged.
    """
    repository = place.repository
    if checkout is None or checkout.common_dir != repository.common_dir:
        return ""
    branch = head_branch(checkout)
    tip = containing(checkout, commit, branch).get(branch) if branch else None
    refs = place.tracking.refs.items()
    tracked = [ref.id for name, ref in refs if name.startswith("refs/remotes/") and not ref.symref]
    if tip is None or not tracked or reachable(repository, [commit], tracked):
        return ""
    remotes = place.tracking.remotes
    names = [each.name for each in remotes.remotes]
    usual = push_remote(dict(place.tracking.options), names, branch.removeprefix(HEADS))
    for target in {usual, remote} if remotes.named(remote) else {usual}:
        pushed = remotes.named(target)
        if pushed is None or not all(each & place.wanted for each in remotes.push_places(pushed)):
            return ""
    return branch if hook_health(checkout).effective else ""
