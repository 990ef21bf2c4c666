"""Remotes: how they are configured, which URLs lead to one place, what they have, what is fetched.

They are asked as the user would ask them, and no branch is moved.
"""

import os
from collections.abc import Iterable, Sequence
from subprocess import Popen
from time import monotonic
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.commands import git
from guard.git.repository import Ended, Repository, answer_of, end, end_all, finish

_SETTINGS: Final = (
    *("config", "-z", "--get-regexp"),
    r"^((guard|remote|url|branch|push|submodule|hook)\.|diff\.ignoresubmodules$"
    r"|core\.hookspath$)",
)
_USUAL_PORTS: Final = {"ssh": "22", "git+ssh": "22", "https": "443", "http": "80", "git": "9418"}
# Seconds. A person waits, and git holds the connection of the push open meanwhile.
SECONDS: Final = 5.0
# Where git may ask for a password: so long it takes somebody to log in.
_LOGIN: Final = 60.0
# What is fetched may be much.
FETCHING: Final = 300.0
# Seconds that reading an answer takes which is there.
_READING: Final = 0.1
_BRANCHES_AND_TAGS: Final = ("--heads", "--tags")
# Nothing of the user's changes: no tag comes along, FETCH_HEAD is theirs, submodules are asked by
# themselves, and no maintenance starts in the background.
_FETCH: Final = (
    *("fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules"),
    "--no-auto-maintenance",
)
# With an empty map a remote's tracking refs stay where they are, too (git-fetch(1)).
_EXACTLY: Final = ("--no-tags", "--refmap=", "--no-prune")

Pairs = list[tuple[str, str]] | tuple[tuple[str, str], ...]


class Settings:
    """Settings of ``guard``, of remotes, branches, submodules and hooks, in git's order.

    Each repository is asked once, and may be asked ahead.
    """

    def __init__(self) -> None:
        self._pairs: dict[str, Pairs] = {}
        self._processes: dict[str, Popen[bytes]] = {}

    def start(self, repository: Repository) -> None:
        """Let git begin, so that the answer is there when it is asked for.

        Raises:
            GitError: git cannot be started.
        """
        name = repository.git_dir
        if name not in self._pairs and name not in self._processes:
            self._processes[name] = repository.start(*_SETTINGS)

    def of(self, repository: Repository) -> Pairs:
        """What one repository answers.

        Raises:
            GitError: git cannot be asked.
        """
        self.start(repository)
        name = repository.git_dir
        if name not in self._pairs:
            output = finish(self._processes.pop(name), ok=(0, 1))
            pairs = (pair.partition("\n") for pair in os.fsdecode(output).split("\0")[:-1])
            # A key that stands alone is true.
            self._pairs[name] = [
                (key, value if separator else "true") for key, separator, value in pairs
            ]
        return self._pairs[name]

    def of_all(self, repositories: Sequence[Repository]) -> list[Pairs]:
        """As `of`, for several side by side."""
        for repository in repositories:
            self.start(repository)
        return [self.of(repository) for repository in repositories]

    def close(self) -> None:
        """End what was started and never asked for."""
        end(*self._processes.values())
        self._processes.clear()


class Remote(NamedTuple):
    """One remote of a repository, as it is configured.

    Args:
        urls: the first is fetched from, all are pushed to where there is no other to push to.
        tracking: patterns of the refs in which a fetch keeps the branches of the remote.
        others: the same for what are no branches, such as the pull requests of forks.
    """

    name: str
    urls: tuple[str, ...]
    push_urls: tuple[str, ...] = ()
    tracking: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Remotes(NamedTuple):
    """All remotes of one repository.

    Args:
        rewrites: (beginning of a URL, what git puts in its place), as ``url.*.insteadOf`` says.
        push_rewrites: the same for URLs that are only pushed to (``url.*.pushInsteadOf``).
        base: the folder that paths in URLs count from.
    """

    remotes: tuple[Remote, ...]
    rewrites: tuple[tuple[str, str], ...]
    push_rewrites: tuple[tuple[str, str], ...]
    base: str

    def named(self, name: str) -> Remote | None:
        """The remote of this name."""
        return next((remote for remote in self.remotes if remote.name == name), None)

    def places(self, url: str) -> frozenset[str]:
        """Where a URL leads to: as it stands, and as git rewrites it."""
        urls = {url, _rewritten(url, self.rewrites)}
        return frozenset(place(each, self.base) for each in urls)

    def fetch_places(self, remote: Remote) -> frozenset[str]:
        """Where a fetch of a remote goes."""
        return self.places(remote.urls[0])

    def kept_place(self, remote: Remote) -> bytes:
        """Where a remote is, as a ``url`` ref keeps it: no password, and as git rewrites it."""
        return os.fsencode("\n".join(sorted(self.fetch_places(remote))))

    def push_places(self, remote: Remote) -> list[frozenset[str]]:
        """Where a push to a remote goes."""
        if remote.push_urls:
            return [self.places(url) for url in remote.push_urls]
        rewritten = (_rewritten(url, self.push_rewrites) for url in remote.urls)
        return [
            self.places(url if url == other else other)
            for url, other in zip(remote.urls, rewritten, strict=True)
        ]

    def at(self, wanted: frozenset[str]) -> tuple[Remote, ...]:
        """The remotes that are fetched from one of these places."""
        return tuple(remote for remote in self.remotes if self.places(remote.urls[0]) & wanted)

    def new_name(self) -> str:
        """A name for one more remote, of which others fetch."""
        names = ("upstream", "published", *(f"published-{number}" for number in range(2, 100)))
        return next(name for name in names if self.named(name) is None)

    def tells(self, remote: Remote, wanted: frozenset[str]) -> bool:
        """Whether all pushes of a remote go to one of these places; see `tracked`."""
        return all(places & wanted for places in self.push_places(remote))

    def tracked(self, remote: Remote, wanted: frozenset[str], refs: Iterable[str]) -> list[str]:
        """Those of some refs that say what a remote at one of these places has.

        Git moves the tracking refs after a push as well; where a push goes to another place, or
        another remote is kept under the same names, they do not say whose they are.
        """
        if not self.tells(remote, wanted):
            return []
        strange = list(remote.others)
        for other in self.remotes:
            if not self.places(other.urls[0]) & wanted:
                strange += other.tracking
        return [
            ref
            for ref in refs
            if any(_fits(ref, pattern) for pattern in remote.tracking)
            and not any(_fits(ref, pattern) for pattern in strange)
        ]


def read_remotes(pairs: Pairs, repository: Repository) -> Remotes:
    """The remotes that a repository's configuration names, those without a URL left out."""
    urls: dict[str, list[str]] = {}
    push: dict[str, list[str]] = {}
    fetch: dict[str, list[str]] = {}
    rewrites, push_rewrites = [], []
    kinds = {"url": urls, "pushurl": push, "fetch": fetch}
    for key, value in pairs:
        section, _, rest = key.partition(".")
        name, _, last = rest.rpartition(".")
        if section == "remote" and name and last in kinds:
            kinds[last].setdefault(name, []).append(value)
        elif section == "url" and last == "insteadof":
            rewrites.append((value, name))
        elif section == "url" and last == "pushinsteadof":
            push_rewrites.append((value, name))
    remotes = tuple(
        Remote(name, tuple(fetched), tuple(push.get(name, ())), *_tracking(fetch.get(name, ())))
        for name, fetched in urls.items()
    )
    base = repository.work_tree or repository.git_dir
    return Remotes(remotes, tuple(rewrites), tuple(push_rewrites), base)


def _tracking(refspecs: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    branches: list[str] = []
    others: list[str] = []
    for refspec in refspecs:
        source, _, target = refspec.removeprefix("+").partition(":")
        # A mirror fetches over the branches themselves, which anybody may have moved since.
        if source.startswith("^") or not target.startswith("refs/remotes/"):
            continue
        is_other = source.startswith("refs/") and not source.startswith("refs/heads/")
        (others if is_other else branches).append(target)
    return tuple(branches), tuple(others)


def fetched_over(pairs: Pairs, ref: str) -> list[str]:
    """The remotes of which each fetch moves a ref of this repository itself, as a mirror's does.

    Source: git-fetch(1), ``<refspec>``; one that begins with ``^`` leaves refs out.
    """
    moves: dict[str, bool] = {}
    for key, value in pairs:
        if key.startswith("remote.") and key.endswith(".fetch"):
            source, _, target = value.removeprefix("+").partition(":")
            leaves_out = source.startswith("^")
            if _fits(ref, source[1:] if leaves_out else target):
                moves[key] = moves.get(key, True) and not leaves_out
    return [key.removeprefix("remote.").removesuffix(".fetch") for key in moves if moves[key]]


def _fits(ref: str, pattern: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return ref == pattern
    return len(ref) > len(before + after) and ref.startswith(before) and ref.endswith(after)


def _rewritten(url: str, rewrites: Iterable[tuple[str, str]]) -> str:
    """The URL that git takes instead: of several beginnings that fit, the longest counts."""
    fitting = [pair for pair in rewrites if pair[0] and url.startswith(pair[0])]
    if not fitting:
        return url
    before, after = max(fitting, key=lambda pair: len(pair[0]))
    return after + url[len(before) :]


def place(url: str, base: str) -> str:
    """One form for all ways to write where a repository is: ``host/path`` or an absolute path.

    Args:
        base: the folder that a path counts from.
    """
    parts = _url_parts(url)
    if parts is not None and parts[0] != "file":
        return _at_host(parts[0], parts[1], _unquoted(parts[2]))
    if parts is None:
        scp = _scp_parts(url)
        if scp is not None and not os.path.isabs(url):
            return _at_host("ssh", scp[0].strip("[]"), scp[1])
        path = url
    else:
        path = _unquoted(parts[2])
    whole = os.path.realpath(os.path.join(base, path)).rstrip("/").removesuffix("/.git")
    bare = whole.removesuffix(".git")
    # Git looks for "aula" before "aula.git": where both are there, they are two.
    return (whole if bare != whole and os.path.isdir(bare) else bare) or "/"


def _url_parts(url: str) -> tuple[str, str, str] | None:
    """Scheme, host and path of a URL, None where it has not that form."""
    # No regular expressions here: a push waits for every import.
    scheme, separator, rest = url.partition("://")
    plain = scheme.replace("+", "").replace(".", "").replace("-", "")
    if not separator or not scheme[:1].isalpha() or not (plain.isascii() and plain.isalnum()):
        return None
    host, slash, path = rest.partition("/")
    return scheme.lower(), host, slash + path


def _scp_parts(url: str) -> tuple[str, str] | None:
    """Host and path of ``user@host:path``.

    Git takes that for ssh where no slash stands before the colon (git-clone(1)).
    """
    user, at, rest = url.partition("@")
    parts = _host_and_path(rest) if at and "/" not in user else None
    return parts or _host_and_path(url)


def _host_and_path(text: str) -> tuple[str, str] | None:
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        fits = bracket and "/" not in host and rest.startswith(":")
        return (f"{host}]", rest[1:]) if fits else None
    host, colon, rest = text.partition(":")
    return (host, rest) if colon and host and not {*host} & {*"/[]"} else None


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path)


def _at_host(scheme: str, host: str, path: str) -> str:
    host = host.rpartition("@")[2].lower()
    host = host.removesuffix(f":{_USUAL_PORTS.get(scheme, '')}").strip("[]")
    return f"{host}/{path.strip('/').removesuffix('.git').rstrip('/')}"


def resolved(url: str, base: str) -> str | None:
    """A URL of ``.gitmodules``, taken from the superproject's where it is relative.

    As git does it (git-submodule(1), "add"; ``relative_url`` in its submodule code).

    Returns:
        None where the base has not that many folders.
    """
    if not url.startswith(("./", "../")):
        return url
    start = base.removesuffix("/")
    is_relative = is_local(start) and not os.path.isabs(start)
    if is_relative and not start.startswith(("./", "../")):
        start = f"./{start}"
    separator, rest = "/", url
    while rest.startswith(("./", "../")):
        step, _, rest = rest.partition("/")
        if step == ".":
            continue
        if "/" in start:
            start = start.rpartition("/")[0]
        elif ":" in start:
            start, separator = start.rpartition(":")[0], ":"
        elif is_relative or start == ".":
            return None
        else:
            start = "."
    return f"{start}{separator}{rest}".removesuffix("/").removeprefix("./")


def is_local(url: str) -> bool:
    """Whether git takes this for a path on this machine."""
    return _url_parts(url) is None and _scp_parts(url) is None


def is_path(url: str) -> bool:
    """Whether a URL is a path of this machine, as it stands or behind ``file://``."""
    return is_local(url) or url.lower().startswith("file://")


def _check_place(repository: Repository, remote: str) -> None:
    """Raise where settings for one command alone let another repository answer for a remote."""
    if not {"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"} & os.environ.keys():
        return
    words = ("ls-remote", "--get-url", "--", remote)
    urls = repository.text(*words), repository.text_as_user(*words)
    usual, other = (place(url, repository.place) for url in urls)
    if other != usual:
        raise GitError(
            f"git -c or GIT_CONFIG_COUNT lets {other} answer for {remote}, which is {usual}",
            git(repository, "ls-remote", remote).text,
        )


def ls_remote(
    repository: Repository, remote: str, *refs: str, seconds: float | None = SECONDS
) -> dict[str, str]:
    """What a remote has now: full name -> id, ``<tag>^{}`` for what an annotated tag leads to.

    Args:
        refs: their full names; by default all branches and tags.
        seconds: how long it may take, and nobody is asked for a password; None for as long as a
            person needs whom git may ask.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    words = ["--", remote, *refs] if refs else [*_BRANCHES_AND_TAGS, "--", remote]
    asks = seconds is None
    ended = repository.run_as_user("ls-remote", *words, seconds=seconds or _LOGIN, asks=asks)
    shown = _refs(_lines(ended, repository, remote))
    # Git shows what ends in a name as well.
    return {ref: shown[ref] for ref in refs if ref in shown} if refs else shown


class Asking:
    """Whom one command may ask over the network, and what they say: each question is asked once.

    All that are started are asked side by side, and what is waited for them together is bounded.

    Args:
        seconds: how long all of them together are waited for, and nobody is asked for a password;
            0 where none is asked; None for as long as a person needs for each whom git may ask.
        anew: whether what is kept of earlier answers does not count.
    """

    def __init__(self, seconds: float | None = SECONDS, anew: bool = False) -> None:
        self.seconds = seconds
        self.anew = anew
        self._left = seconds or 0
        self._processes: dict[tuple[str, ...], Popen[bytes]] = {}
        self._answers: dict[tuple[str, ...], list[tuple[str, str, str]] | GitError] = {}

    def start(self, repository: Repository, remote: str) -> None:
        """Let `shown` of a remote be asked while something else is waited for."""
        self._start(repository, ("ls-remote", *_BRANCHES_AND_TAGS, "--", remote))

    def shown(self, repository: Repository, remote: str) -> dict[str, str] | GitError:
        """What a remote has now, as of `ls_remote`, or why that is not known."""
        answer = self._answer(repository, remote, ("ls-remote", *_BRANCHES_AND_TAGS, "--", remote))
        return answer if isinstance(answer, GitError) else _refs(answer)

    def head(self, repository: Repository, remote: str) -> str | GitError:
        """The full name of a remote's default branch, "" where it has none yet."""
        words = ("ls-remote", "--symref", "--", remote, "HEAD")
        answer = self._answer(repository, remote, words)
        if isinstance(answer, GitError):
            return answer
        heads = (target.removeprefix("ref: ") for target, _, ref in answer if ref == "HEAD")
        return next((target for target in heads if target.startswith("refs/")), "")

    def close(self) -> None:
        """End what was started and never waited for."""
        while self._processes:
            end_all(self._processes.popitem()[1])

    def _start(self, repository: Repository, words: tuple[str, ...]) -> None:
        key = (repository.common_dir, *words)
        # Who may be asked for a password is asked one thing at a time.
        if self.seconds and key not in self._processes and key not in self._answers:
            self._processes[key] = repository.start_as_user(*words, alone=True)

    def _answer(
        self, repository: Repository, remote: str, words: tuple[str, ...]
    ) -> list[tuple[str, str, str]] | GitError:
        key = (repository.common_dir, *words)
        if key not in self._answers:
            try:
                _check_place(repository, remote)
                ended = self._ended(repository, words)
                self._answers[key] = _lines(ended, repository, remote)
            except GitError as error:
                self._answers[key] = error
        return self._answers[key]

    def _ended(self, repository: Repository, words: tuple[str, ...]) -> Ended:
        if self.seconds is None:
            return repository.run_as_user(*words, seconds=_LOGIN, asks=True)
        if not self.seconds:
            raise GitError("no remote is asked here", "guard check --ask")
        self._start(repository, words)
        process = self._processes.pop((repository.common_dir, *words))
        began = monotonic()
        try:
            # Who has answered meanwhile is heard, though nothing is left to wait for others.
            return answer_of(process, words, self.seconds, max(self._left, _READING))
        finally:
            self._left -= monotonic() - began


def remote_commit(repository: Repository, remote: str, ref: str) -> str:
    """What a ref of a remote is now, tags peeled; "" where the remote has none such.

    Raises:
        GitError: the remote does not answer or refuses.
    """
    shown = ls_remote(repository, remote, ref, f"{ref}^{{}}", seconds=None)
    return shown.get(f"{ref}^{{}}") or shown.get(ref, "")


def fetch(
    repository: Repository,
    remote: str,
    *refspecs: str,
    tags: bool = False,
    options: tuple[str, ...] = (),
    seconds: float | None = None,
) -> None:
    """Fetch some refs and nothing else; or, without any, all that the remote is configured for.

    Args:
        remote: its name, a URL or a path.
        refspecs: what has no destination moves no ref.
        tags: whether those that lead to what is fetched come along.
        options: more of git-fetch(1).
        seconds: as of `ls_remote`.

    Raises:
        GitError: it did not answer in time, or refused.
    """
    exactly = _EXACTLY if refspecs else () if tags else ("--no-tags",)
    words = (*_FETCH, *exactly, *options, "--", remote, *refspecs)
    asks = seconds is None
    ended = repository.run_as_user(*words, seconds=seconds or FETCHING, asks=asks)
    if ended.status:
        raise _refusal("fetch", repository, remote, ended)


def _lines(ended: Ended, repository: Repository, remote: str) -> list[tuple[str, str, str]]:
    if ended.status:
        raise _refusal("ls-remote", repository, remote, ended)
    return [line.partition("\t") for line in ended.output.split("\n") if line]


def _refs(lines: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    return {ref: object_id for object_id, _, ref in lines if ref}


def _refusal(command: str, repository: Repository, remote: str, ended: Ended) -> GitError:
    return GitError(
        f"git {command} {remote} failed: {ended.complaint}",
        git(repository, "ls-remote", remote).text,
    )
