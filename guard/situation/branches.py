"""Which remote and which branch is meant where nobody names one: one function for each question.

They go by values: what git's configuration says, which refs there are, what HEAD is at. What is
read for them is read at the end of this module, without a git process where files tell as much.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from guard.git.commands import ALONE, Command, git
from guard.git.refs import Ref, list_refs, symbolic
from guard.git.remotes import Pairs, Remote, Remotes, Settings, read_remotes
from guard.git.repository import Repository

HEADS: Final = "refs/heads/"
_REMOTES: Final = "refs/remotes/"
# What default branches are called; of two that are there the first is the likelier.
USUAL: Final = ("main", "master")

Options = Mapping[str, str]


def fetch_remote(options: Options, remotes: Collection[str], branch: str) -> str:
    """The remote that a repository fetches from, "" where nothing says which.

    The one that the branch is configured to come from; else the only one; else ``origin``. Source:
    git-config(1), ``branch.<name>.remote``, and git-fetch(1). What is configured may be a URL, or
    "." for this repository: then it is none of the remotes.

    Args:
        branch: what is checked out, without ``refs/heads/``; "" for a detached HEAD.
    """
    configured, _ = upstream(options, branch)
    if configured in remotes:
        return configured
    if len(remotes) == 1:
        return next(iter(remotes))
    return "origin" if "origin" in remotes else ""


def push_remote(options: Options, remotes: Collection[str], branch: str) -> str:
    """The remote, or the URL, that ``git push`` would go to from a branch; "" for none.

    ``branch.<name>.pushRemote``, else ``remote.pushDefault``, else where the branch comes from.
    Source: git-config(1) of these, and git-push(1).
    """
    keys = (f"branch.{branch}.pushremote", "remote.pushdefault")
    configured = next((options[key] for key in keys if options.get(key)), "")
    return configured or upstream(options, branch)[0] or fetch_remote(options, remotes, branch)


class PushedTo(NamedTuple):
    """Where ``git push`` would bring what HEAD is at.

    Args:
        ref: the full name there; of a detached HEAD the remote's default branch.
        detached: so that git itself would push nothing.
        url: where it goes if that is none of the remotes, "" else.
    """

    remote: str
    ref: str
    detached: bool
    url: str = ""


def pushed_to(
    options: Options, remotes: Collection[str], head: str, refs: Mapping[str, Ref]
) -> PushedTo:
    """Where ``git push`` would bring what HEAD is at.

    To the branch of the same name; where ``push.default`` is ``upstream``, to the branch that it
    comes from, if that is of the remote. By default git pushes nothing where these names differ, so
    that nothing goes upstream unless somebody names it. Source: git-config(1), ``push.default``.
    Beyond git, a push that would go to a URL alone is taken for one to the remote that is fetched
    from.

    Args:
        head: the branch that is checked out, by its full name; "" for a detached HEAD.
    """
    branch = head.removeprefix(HEADS)
    remote = target = push_remote(options, remotes, branch)
    if remote not in remotes:
        remote = fetch_remote(options, remotes, branch)
    url = target if target not in (remote, ".") else ""
    if not head:
        default = next(iter(default_branches(refs, remote)), tracking_ref(remote, "master"))
        return PushedTo(remote, HEADS + short_name(remote, default), True, url)
    origin, ref = upstream(options, branch)
    follows = options.get("push.default", "").lower() in ("upstream", "tracking")
    is_there = ref and origin == remote and follows
    return PushedTo(remote, ref if is_there else head, False, url)


def upstream(options: Options, branch: str) -> tuple[str, str]:
    """The remote, and the ref there, that a branch comes from; "" for what is not configured."""
    return options.get(f"branch.{branch}.remote", ""), options.get(f"branch.{branch}.merge", "")


def spelled(pairs: Pairs, remote: str, ref: str, has_namesake: bool) -> str:
    """What is to be pushed of a ref that goes to one of its name, "" where its short name will do.

    Where ``remote.<name>.push`` is configured, it says where what is named alone goes. Source:
    git-push(1), ``<refspec>``.

    Args:
        has_namesake: whether a branch and a tag have the same name.
    """
    if any(key == f"remote.{remote}.push" for key, _ in pairs):
        return f"{ref}:{ref}"
    return ref if has_namesake else ""


def coming_from(repository: Repository, branch: str, remote: str) -> tuple[Command, ...]:
    """What says that a branch comes from the one of its name of a remote."""
    settings = ((f"branch.{branch}.remote", remote), (f"branch.{branch}.merge", HEADS + branch))
    return tuple(git(repository, "config", *setting) for setting in settings)


def default_branches(refs: Mapping[str, Ref], remote: str) -> tuple[str, ...]:
    """The tracking refs that may be of a remote's default branch, the likeliest first.

    What the remote's HEAD was when it was cloned, or when ``git remote set-head`` asked; where that
    is not known (``git remote add`` asks nobody), or is gone, ``main`` and ``master``. So it is
    known where there is one.

    Args:
        refs: those below ``refs/remotes/``.
    """
    head = refs.get(tracking_ref(remote, "HEAD"))
    if head is not None and head.symref in refs:
        return (head.symref,)
    return tuple(ref for ref in _usual_refs(remote) if ref in refs)


def feature_branch(refs: Mapping[str, Ref], remote: str, ref: str) -> str:
    """A branch of a remote that is known to be another one than the default one; else ""."""
    defaults = default_branches(refs, remote)
    is_known = len(defaults) == 1 and ref.startswith(HEADS)
    return ref if is_known and tracking_ref(remote, ref.removeprefix(HEADS)) != defaults[0] else ""


def default_names(remote: str) -> tuple[str, ...]:
    """The names of which the first that is there is of a remote's likeliest default branch.

    For who has commits of refs by their names, but not what HEAD follows: see `default_branches`.
    """
    return (tracking_ref(remote, "HEAD"), *_usual_refs(remote))


def moves_default(remote: str, branch: str, followed: str, refs: Collection[str]) -> bool | None:
    """Whether a push to a branch moves its remote's default branch; None where it may be so.

    Asked too much is better than too little: where git may have missed that the default branch was
    renamed, both names count.

    Args:
        remote: its name, "" where the push goes to a URL that no remote has.
        followed: what the remote's HEAD is a symbolic ref to, "" where that is not known.
    """
    ref, usual = tracking_ref(remote, branch), _usual_refs(remote)
    if not remote or followed in usual:
        return ref in usual
    if ref == followed or (ref in usual and not followed):
        return True
    if followed in refs:
        return False
    if ref in usual or ref not in refs:
        return ref in usual
    return False if any(name in refs for name in usual) else None


def tracking_ref(remote: str, branch: str) -> str:
    """The ref in which a fetch keeps a branch of a remote, as remotes are configured by default."""
    return f"{_REMOTES}{remote}/{branch}"


def all_branches(remote: Remote) -> tuple[str, ...]:
    """What a fetch of all branches names besides the remote: a clone of one fetches no other."""
    every = tracking_ref(remote.name, "*")
    return () if every in remote.tracking else (f"+{HEADS}*:{every}",)


def looking_for_default(repository: Repository, remote: Remote) -> tuple[Command, ...]:
    """What fetches a remote's branches and asks it which one is the default one."""
    steps = [("fetch", *ALONE, remote.name), ("remote", "set-head", remote.name, "--auto")]
    if all_branches(remote):
        # A clone of one branch, or a bare one: what is fetched is not kept where it is looked for.
        steps.insert(0, ("remote", "set-branches", "--add", remote.name, "*"))
    return tuple(git(repository, *words) for words in steps)


def short_name(remote: str, ref: str) -> str:
    """The branch of a remote that a tracking ref keeps."""
    return ref.removeprefix(tracking_ref(remote, ""))


def _usual_refs(remote: str) -> tuple[str, ...]:
    return tuple(tracking_ref(remote, name) for name in USUAL)


class DefaultBranch(NamedTuple):
    """The default branch of a repository's remote, there and here.

    Args:
        tracked: what the remote had when it was last asked, None where that is not known.
        local: the commit of the local branch, None where there is none.
    """

    remote: str
    name: str
    tracked: str | None
    local: str | None
    checked_out: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """The full name."""
        return f"{HEADS}{self.name}"


def default_branch(repository: Repository, settings: Settings) -> DefaultBranch:
    """The likeliest default branch; where none is known, the branch that is checked out."""
    head = head_branch(repository)
    remote = usual_remote(repository, settings)
    refs = list_refs(repository, tracking_ref(remote, "")) if remote else {}
    default = next(iter(default_branches(refs, remote)), "")
    name = short_name(remote, default) or head.removeprefix(HEADS) or "master"
    words = ("--format=%(objectname) %(refname) %(worktreepath)", "--", f"{HEADS}{name}")
    listed = (line.split(" ", 2) for line in repository.lines("for-each-ref", *words))
    local, place = next(
        ((commit, place) for commit, ref, place in listed if ref == f"{HEADS}{name}"), (None, "")
    )
    tracked = refs[default].id if default else None
    return DefaultBranch(remote, name, tracked, local, (place,) if place else ())


def usual_remote(repository: Repository, settings: Settings) -> str:
    """The name of the remote that a repository fetches from, as `fetch_remote` has it."""
    options = settings.of(repository)
    remote = remote_of(read_remotes(options, repository), dict(options), repository)
    return remote.name if remote is not None else ""


def fetching(repository: Repository, settings: Settings, commit: str) -> Command:
    """What fetches a commit by its id from the usual remote, or all that the remotes have."""
    remote = usual_remote(repository, settings)
    return git(repository, "fetch", *((remote, commit) if remote else ("--all",)))


def goes_to(repository: Repository, pairs: Pairs, refs: Mapping[str, Ref]) -> PushedTo:
    """As `pushed_to`, of what is checked out in a repository."""
    remotes = [remote.name for remote in read_remotes(pairs, repository).remotes]
    return pushed_to(dict(pairs), remotes, head_branch(repository), refs)


def remote_of(remotes: Remotes, options: Options, repository: Repository) -> Remote | None:
    """The remote that a repository fetches from, as `fetch_remote` has it."""
    names = [remote.name for remote in remotes.remotes]
    branch = head_branch(repository).removeprefix(HEADS)
    return remotes.named(fetch_remote(options, names, branch))


def head_branch(repository: Repository) -> str:
    """The branch that is checked out, by its full name; "" where HEAD is detached."""
    return symbolic(repository, "HEAD")


def remote_head(repository: Repository, remote: str) -> str:
    """The tracking ref that the HEAD of a remote follows, there or not; "" where it is none."""
    followed = symbolic(repository, tracking_ref(remote, "HEAD"))
    return followed if followed.startswith(tracking_ref(remote, "")) else ""
