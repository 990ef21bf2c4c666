"""The dependency's release tags, over all repositories that have some."""

import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Final, NamedTuple

from guard.errors import GitError
from guard.git.objects import ObjectReader
from guard.git.repository import Repository, run_all
from guard.model import Release

# What packaging reads as a version, which the hook does without. Source: PEP 440, appendix B.
_VERSION: Final = (
    r"(?:[0-9]+!)?(?P<numbers>[0-9]+(?:\.[0-9]+)*)"
    r"(?P<pre>[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?[0-9]*)?"
    r"(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?"
    r"(?P<dev>[-_.]?dev[-_.]?[0-9]*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?"
)
# What is behind that many characters orders nothing, and Python refuses to read endless numbers.
_LONG: Final = 400


class TagList(NamedTuple):
    """Release tags as the union over repositories.

    Args:
        contradicting: (tag, commits) where repositories disagree on what a tag means.
    """

    releases: tuple[Release, ...]
    contradicting: tuple[tuple[str, frozenset[str]], ...]

    def at(self, commit: str) -> tuple[Release, ...]:
        """The releases that are this very commit, pre-releases last."""
        releases = (release for release in self.releases if release.commit == commit)
        return tuple(sorted(releases, key=lambda release: release.is_pre))

    def contradicting_at(self, commit: str) -> tuple[str, ...]:
        """The tags that are this commit in one repository and another one elsewhere."""
        return tuple(tag for tag, commits in self.contradicting if commit in commits)


def release_version(tag: str, form: str) -> str | None:
    """The version in a release tag's name, None where the name is not that of a release.

    Args:
        form: the setting ``release-tag``, e.g. ``v{version}``.

    A version is digits and dots, as Cabal has it, or what packaging can read: ``v0.5.0-rc1``.
    """
    before, _, after = form.partition("{version}")
    if not (tag.startswith(before) and tag.endswith(after)):
        return None
    version = tag[len(before) : len(tag) - len(after)]
    return version if _is_plain(version) or _parts(version) else None


def is_pre_release(tag: str, form: str) -> bool:
    """Whether a release tag is that of a pre-release: ``v0.5.0-rc1``, ``v0.5.0.dev2``."""
    version = release_version(tag, form) or ""
    parts = None if _is_plain(version) else _parts(version)
    return parts is not None and bool(parts["pre"] or parts["dev"])


def numbers(tag: str, form: str) -> tuple[int, ...]:
    """The numbers in front of a release's version, which Cabal's ranges speak of: 0, 5, 0."""
    parts = _parts(release_version(tag, form) or "0")
    assert parts is not None  # every version begins with numbers
    return tuple(map(int, parts["numbers"][:_LONG].strip(".").split(".")))


def is_older(tag: str, other: str, form: str) -> bool:
    """Whether a release comes before another by their versions; see `in_order`."""
    versions = [release_version(each, form) or "0" for each in (tag, other)]
    if not all(map(_is_plain, versions)):
        from packaging.version import Version

        return Version(versions[0]) < Version(versions[1])
    mine, theirs = ([int(each[:_LONG]) for each in version.split(".")] for version in versions)
    pairs = zip_longest(mine, theirs, fillvalue=0)  # 1.2 and 1.2.0 are one
    return next((one < two for one, two in pairs if one != two), False)


def _is_plain(version: str) -> bool:
    # Nearly every one is, and a push that asks for one need not wait for the expression.
    digits = version.replace(".", "")
    return digits.isascii() and digits.isdigit() and ".." not in f".{version}."


def _parts(version: str) -> re.Match[str] | None:
    return re.fullmatch(_VERSION, version, re.ASCII | re.IGNORECASE)


def in_order(releases: Iterable[Release], form: str) -> tuple[Release, ...]:
    """By version, oldest first, as packaging orders them."""
    from packaging.version import Version

    def version(release: Release) -> tuple[Version, str]:
        return Version(release_version(release.tag, form) or "0"), release.tag

    return tuple(sorted(releases, key=version))


def all_releases(repositories: Iterable[Repository], form: str) -> TagList:
    """Every release tag, peeled to what it points at in the end."""
    answers = run_all(repositories, "show-ref", "--tags", "--dereference", ok=(0, 1))
    tags_of_each = map(_peeled, answers)
    return _joined(
        [
            {tag: commit for tag, commit in tags.items() if release_version(tag, form) is not None}
            for tags in tags_of_each
        ],
        form,
    )


def releases_named(readers: Iterable[ObjectReader], form: str, versions: Iterable[str]) -> TagList:
    """Only the tags of these versions, where they exist: one small question, however many tags."""
    tags = [form.replace("{version}", version) for version in versions]
    names = [f"refs/tags/{tag}^{{}}" for tag in tags]
    answers = (zip(tags, reader.read_refs(names), strict=True) for reader in readers)
    return _joined(({tag: each.id for tag, each in pairs if each} for pairs in answers), form)


def _joined(repositories: Iterable[Mapping[str, str]], form: str) -> TagList:
    """Tags and their commits of several repositories as one list."""
    meanings: dict[str, str] = {}
    contradicting: dict[str, set[str]] = {}
    for tags in repositories:
        for tag, commit in tags.items():
            first = meanings.setdefault(tag, commit)
            if first != commit:
                contradicting.setdefault(tag, {first}).add(commit)
    return TagList(
        tuple(
            Release(tag, commit, is_pre=is_pre_release(tag, form))
            for tag, commit in meanings.items()
            if tag not in contradicting
        ),
        tuple((tag, frozenset(ids)) for tag, ids in sorted(contradicting.items())),
    )


def _peeled(output: bytes) -> dict[str, str]:
    """Of ``show-ref -d``: the peeled line follows the tag's own and overrides it."""
    commits = {}
    for line in output.decode(errors="surrogateescape").split("\n")[:-1]:
        commit, separator, ref = line.partition(" ")
        if not separator:
            raise GitError(f"git show-ref prints {line!r}")
        commits[ref.removeprefix("refs/tags/").removesuffix("^{}")] = commit
    return commits
