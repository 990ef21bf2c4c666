"""The push that publishes a commit: told when a push is blocked, so it may take its time."""

from __future__ import annotations

import os
from collections.abc import Mapping

from guard.git.commands import Remedy, git
from guard.git.releases import is_pre_release, release_version
from guard.git.repository import Repository
from guard.install.health import hook_health
from guard.situation.branches import (
    HEADS,
    default_branches,
    head_branch,
    push_remote,
    short_name,
    tracking_ref,
)
from guard.situation.gitlinks import Links
from guard.situation.tracking import Place, reachable


def publishing_push(
    place: Place, commit: str, form: str, shown: Mapping[str, str], feature: str
) -> Remedy:
    """What brings a commit to its remote: of what has releases their tags alone go there.

    Args:
        form: how release tags are named; "" where tags are no releases.
        shown: the refs that the remote is known to have.
        feature: as of `feature_branch`.

    Raises:
        GitError: git cannot be asked.
    """
    what = _release(place, commit, form, shown) if form else _branch(place, commit, shown, feature)
    if not what:
        return to_release(commit)
    return (git(place.repository, "push", place.target, what),)


def to_release(commit: str) -> str:
    """What a person does about a commit of the dependency that is no release."""
    return f"release {commit[:12]} with a new tag and push that, or take a release: guard align"


def feature_branch(links: Links) -> str:
    """The full name of the branch that the superproject goes to; "" unless it is a feature branch.

    That is where the default one is known, and another: it stays as it is, in the submodules too.
    """
    ref, remote = links.destination.ref, links.destination.remote
    defaults = default_branches(links.contents.refs, remote)
    default = HEADS + short_name(remote, defaults[0]) if len(defaults) == 1 else ref
    return ref if ref.startswith(HEADS) and ref != default else ""


def _release(place: Place, commit: str, form: str, shown: Mapping[str, str]) -> str:
    tags = _names(place.repository, "--points-at", commit, "refs/tags/")
    names = (tag.removeprefix("refs/tags/") for tag in tags if tag not in shown)
    releases = [name for name in names if release_version(name, form) is not None]
    if not releases:
        return ""
    name = min(releases, key=lambda name: is_pre_release(name, form))
    return _short(place.repository, name, HEADS, f"refs/tags/{name}")


def _branch(place: Place, commit: str, shown: Mapping[str, str], feature: str) -> str:
    branches = _names(place.repository, "--contains", commit, HEADS)
    own, default = head_branch(place.repository), f"{HEADS}{_default(place)}"
    if feature:
        branch = own if own != default and branches.get(own) == commit else feature
    elif branches:
        branch = next((name for name in (own, default) if name in branches), next(iter(branches)))
    else:
        branch = f"{HEADS}{_new_branch(place, commit)}"
    tip = shown.get(branch) or _tracked(place, branch)
    if tip and not reachable(place.repository, [tip], [commit]):
        # Git would refuse: the remote's branch has gone another way.
        return f"{commit[:12]}:{HEADS}pin-{commit[:8]}"
    if branches.get(branch) != commit:
        # More than this commit may not be ready for others.
        return f"{commit[:12]}:{branch}"
    return _short(place.repository, branch.removeprefix(HEADS), "refs/tags/", branch)


def _names(repository: Repository, option: str, commit: str, prefix: str) -> dict[str, str]:
    form = "--format=%(objectname) %(refname)"
    listed = repository.lines("for-each-ref", form, f"{option}={commit}", prefix)
    words = (line.partition(" ") for line in listed)
    return {name: found for found, _, name in words}


def _short(repository: Repository, name: str, others: str, full: str) -> str:
    """A ref's short name, or its full one where a branch and a tag have the same."""
    return full if repository.text("for-each-ref", "--", f"{others}{name}") else name


def _tracked(place: Place, branch: str) -> str:
    """Where a branch of the remote was when it was last fetched, "" where that is not known."""
    name = branch.removeprefix(HEADS)
    ref = place.tracking.refs.get(tracking_ref(place.remote.name, name))
    return ref.id if ref is not None else ""


def _default(place: Place) -> str:
    ref = place.default_branch or ""
    return short_name(place.remote.name, ref)


def _new_branch(place: Place, commit: str) -> str:
    """The default branch where the commit carries it on, else a branch of its own."""
    ref = place.default_branch
    if ref is not None:
        tip = place.tracking.refs[ref].id
        if reachable(place.repository, [tip], [commit]):
            return _default(place)
    return f"pin-{commit[:8]}"


def recurses(superproject: Repository) -> bool:
    """Whether the configuration makes this push of the superproject push the submodules first.

    That is what ``git -c`` says of it, too, and nothing on its command line that speaks against it
    and can be seen.

    Raises:
        GitError: git cannot be asked.
    """
    asked = ("config", "--get-regexp", r"^(push\.recursesubmodules|submodule\.recurse)$")
    said = superproject.text_as_user(*asked, ok=(0, 1))
    on_demand = False
    for key, space, value in (line.partition(" ") for line in said.splitlines()):
        if key == "push.recursesubmodules":
            on_demand = value == "on-demand"
        elif key == "submodule.recurse":
            on_demand = not space or value.lower() in ("true", "yes", "on", "1")
    return on_demand and not _is_told_not_to()


def _is_told_not_to() -> bool:
    """Whether the push was given a ``--recurse-submodules`` that pushes none (git-push(1))."""
    try:
        with open(f"/proc/{os.getppid()}/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).split("\0")
    except OSError:
        return False  # another system, or somebody else's process
    told = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if "--no-recurse-submodules".startswith(name) and name.startswith("--no-recu"):
            told = "no"
        elif "--recurse-submodules".startswith(name) and name.startswith("--recu"):
            told = value if equals else following
    return told not in ("", "on-demand")


def pushed_along(place: Place, checkout: Repository | None, commit: str, remote: str) -> str:
    """The branch with which git would push a submodule's commit before the superproject.

    Git does that for what no remote-tracking ref of any remote has, with the branch that is checked
    out, to the remote of that branch or to the one that was named on the command line.

    Args:
        checkout: the submodule's checkout in the superproject.
        remote: the remote that the superproject is pushed to.

    Returns:
        "" where it would not, or where that push would not be judged.
    """
    repository = place.repository
    if checkout is None or checkout.common_dir != repository.common_dir:
        return ""
    branch = head_branch(checkout)
    tip = _names(checkout, "--contains", commit, branch).get(branch) if branch else None
    tracked = [ref.id for name, ref in place.tracking.refs.items() if _is_remote(name, ref.symref)]
    if tip is None or not tracked or reachable(repository, [commit], tracked):
        return ""
    remotes = place.tracking.remotes
    names = [item.name for item in remotes.remotes]
    usual = push_remote(dict(place.tracking.options), names, branch.removeprefix(HEADS))
    for target in {usual, remote} if remotes.named(remote) else {usual}:
        found = remotes.named(target)
        if found is None or not all(item & place.wanted for item in remotes.push_places(found)):
            return ""
    return branch if hook_health(checkout).effective else ""


def _is_remote(name: str, symref: str) -> bool:
    return name.startswith("refs/remotes/") and not symref
