"""Release tags: which names are releases, what they mean, and over several repositories."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from guard.git.objects import ObjectPool
from guard.git.releases import (
    TagList,
    all_releases,
    in_order,
    is_pre_release,
    numbers,
    release_version,
    releases_named,
)
from guard.git.store import Store
from guard.model import Release
from tests.repositories import MakeRepo
from tests.workshop import Repo

FORM = "v{version}"


@pytest.mark.parametrize(
    ("tag", "form", "version"),
    [
        ("v0.3.0", FORM, "0.3.0"),
        ("v1", FORM, "1"),
        ("v0.10.12.3", FORM, "0.10.12.3"),
        ("0.0.1", "{version}", "0.0.1"),
        ("thentos-0.3.0", "thentos-{version}", "0.3.0"),
        ("release/0.3.0-final", "release/{version}-final", "0.3.0"),
        ("v.0.3", "v.{version}", "0.3"),
        ("v0.5.0-rc1", FORM, "0.5.0-rc1"),
        ("v0.5.0rc1", FORM, "0.5.0rc1"),
        ("v0.3.0.dev2", FORM, "0.3.0.dev2"),
        ("v0.3.0-ALPHA.2", FORM, "0.3.0-ALPHA.2"),
        ("v0.3.0.post1", FORM, "0.3.0.post1"),
        ("release/0.3.0b1-final", "release/{version}-final", "0.3.0b1"),
        ("v0.3.0-1-g16d4829b", FORM, None),
        ("v0.3.0-final", FORM, None),
        ("v0.3.0-rc1-rc2", FORM, None),
        ("v0.3.0po\u017ft1", FORM, None),
        ("vv0.3.0", FORM, None),
        ("v 0.3.0", FORM, None),
        ("v0.5.", FORM, None),
        ("v.5", FORM, None),
        ("v", FORM, None),
        ("0.0.1", FORM, None),
        ("V0.3.0", FORM, None),
        ("xv0.3.0", FORM, None),
        ("v0.3.0\n", FORM, None),
        ("v٣", FORM, None),
        ("vx0.3", "v.{version}", None),
        ("refs/tags/v0.3.0", FORM, None),
        ("review-well-typed-2015-04-09", FORM, None),
    ],
)
def test_which_names_are_releases(tag: str, form: str, version: str | None) -> None:
    assert release_version(tag, form) == version


@given(
    st.lists(
        st.sampled_from([*"0123.-_+! vV\n", "a", "b", "c", "rc", "RC", "alpha", "pre", "preview"])
        | st.sampled_from(["beta", "post", "rev", "r", "dev", "Dev", "final", "g16d", "\u0663"]),
        max_size=8,
    ).map("".join)
)
def test_a_version_is_what_packaging_reads(text: str) -> None:
    """The hook does without packaging; a ``v`` and blanks, which that passes over, are no part."""
    bare = text == text.strip() and not text.lower().startswith("v")
    try:
        read = Version(text) if bare else None
    except InvalidVersion:
        read = None
    plain = bool(re.fullmatch("[0-9]+(\\.[0-9]+)*", text))
    assert (release_version(text, "{version}") is not None) == (plain or read is not None)
    assert is_pre_release(text, "{version}") == (read is not None and read.is_prerelease)
    if read is not None:
        assert numbers(text, "{version}") == read.release


def test_releases_are_ordered_as_versions() -> None:
    tags = ["v0.10.0", "v0.9.1", "v0.9", "v0.2.1", "v1.0", "v0.9.0", "v0.11"]
    ordered = in_order([Release(tag, "1" * 40) for tag in tags], FORM)
    assert [item.tag for item in ordered] == [
        "v0.2.1",
        "v0.9",
        "v0.9.0",
        "v0.9.1",
        "v0.10.0",
        "v0.11",
        "v1.0",
    ]
    tags = ["v0.3.1", "v0.3.0.1", "v0.3.0", "v0.3.0-rc2", "v0.3.0rc1", "v0.3.0.dev2", "v0.3.0b10"]
    ordered = in_order([Release(tag, "1" * 40) for tag in tags], FORM)
    assert [item.tag for item in ordered] == [
        *("v0.3.0.dev2", "v0.3.0b10", "v0.3.0rc1", "v0.3.0-rc2", "v0.3.0", "v0.3.0.1", "v0.3.1")
    ]


def test_of_several_tags_at_one_commit_pre_releases_come_last(repo: Repo) -> None:
    commit = repo.commit()
    form = "{version}-release"
    for version in ("0.3.0-rc1", "0.3.0", "0.3.0.dev1", "0.2.0.1"):
        repo.git("tag", f"{version}-release")
    told = [
        (item.tag.removesuffix("-release"), item.is_pre)
        for item in found(repo, form=form).at(commit)
    ]
    assert told == [("0.2.0.1", False), ("0.3.0", False), ("0.3.0-rc1", True), ("0.3.0.dev1", True)]
    one = named(repo, versions=("0.3.0-rc1",), form=form)
    assert one.releases == (Release("0.3.0-rc1-release", commit, is_pre=True),)


def found(*repos: Repo, form: str = FORM) -> TagList:
    return all_releases([repo.repository for repo in repos], form)


def named(*repos: Repo, versions: tuple[str, ...], form: str = FORM) -> TagList:
    with ObjectPool() as pool:
        readers = [pool.reader(repo.repository) for repo in repos]
        return releases_named(readers, form, versions)


def test_tags_of_every_kind_mean_the_commit_at_their_end(repo: Repo) -> None:
    light = repo.commit("one")
    repo.git("tag", "v0.1.0")
    annotated = repo.commit("two")
    repo.git("tag", "-a", "-m", "tag", "v0.2.0")
    repo.git("tag", "-a", "-m", "tag of a tag", "v0.2.1", "v0.2.0")
    repo.git("tag", "-a", "-m", "and again", "v0.2.2", "v0.2.1")
    everything = found(repo)
    assert {item.tag: item.commit for item in everything.releases} == {
        "v0.1.0": light,
        "v0.2.0": annotated,
        "v0.2.1": annotated,
        "v0.2.2": annotated,
    }
    assert [item.tag for item in everything.at(light)] == ["v0.1.0"]
    some = named(repo, versions=("0.2.2", "0.1.0", "0.7", "0.1.0"))
    assert {item.tag: item.commit for item in some.releases} == {
        "v0.1.0": light,
        "v0.2.2": annotated,
    }


def test_what_is_only_called_like_a_tag_is_none(repo: Repo) -> None:
    commit = repo.commit()
    repo.git("update-ref", "refs/heads/v0.1.0", commit)
    repo.git("update-ref", "refs/tags/refs/tags/v0.2.0", commit)
    repo.git("update-ref", "refs/tags/v0.3.0/more", commit)
    repo.git("update-ref", "refs/remotes/origin/v0.4.0", commit)
    repo.git("update-ref", "refs/tags/heads/v0.5.0", commit)
    assert found(repo).releases == ()
    versions = ("0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0")
    assert named(repo, versions=versions).releases == ()


def test_a_repository_without_tags(repo: Repo) -> None:
    assert found(repo) == TagList((), ())
    assert named(repo, versions=("0.3.0",)) == TagList((), ())
    assert found() == TagList((), ())


def test_a_tag_of_a_tree_or_a_blob_is_no_release_to_stand_at(repo: Repo) -> None:
    commit = repo.commit("one", {"a": "A\n"})
    tree = repo.git("rev-parse", "HEAD^{tree}")
    repo.git("tag", "v0.1.0", tree)
    repo.git("tag", "v0.2.0", repo.git("rev-parse", "HEAD:a"))
    repo.git("tag", "-a", "-m", "a tree", "v0.3.0", tree)
    tags = found(repo)
    assert tags.at(commit) == ()
    with ObjectPool() as pool:
        store = Store(pool, (repo.repository,))
        assert [store.root(item.commit) for item in tags.releases] == [None, None, None]
        assert store.root(commit) is not None


def test_other_forms_of_names(repo: Repo) -> None:
    commit = repo.commit()
    for tag in ("0.0.1", "v0.3.0", "thentos-0.4.0", "thentos-core-0.5.0"):
        repo.git("tag", tag)
    assert [item.tag for item in found(repo, form="{version}").releases] == ["0.0.1"]
    thentos = found(repo, form="thentos-{version}")
    assert thentos.releases == (Release("thentos-0.4.0", commit),)
    one = named(repo, versions=("0.4.0", "0.5.0"), form="thentos-{version}")
    assert one.releases == (Release("thentos-0.4.0", commit),)


class TestSeveralRepositories:
    def test_tags_are_the_union(self, repo: Repo, make_repo: MakeRepo) -> None:
        other = make_repo("other")
        first, second = repo.commit("one"), other.commit("two")
        repo.git("tag", "v0.1.0")
        other.git("tag", "v0.2.0")
        tags = found(repo, other)
        assert {(item.tag, item.commit) for item in tags.releases} == {
            ("v0.1.0", first),
            ("v0.2.0", second),
        }
        assert tags.contradicting == ()

    def test_one_meaning_told_twice_is_no_contradiction(
        self, repo: Repo, make_repo: MakeRepo
    ) -> None:
        other = make_repo("other")
        commit = repo.commit("one")
        other.git("fetch", "--quiet", str(repo.folder), "HEAD")
        repo.git("tag", "v0.1.0")
        other.git("tag", "-a", "-m", "the same, annotated", "v0.1.0", commit)
        assert found(repo, other) == TagList((Release("v0.1.0", commit),), ())

    def test_two_meanings_are_none(self, repo: Repo, make_repo: MakeRepo) -> None:
        other = make_repo("other")
        first, second = repo.commit("one"), other.commit("two")
        for each in (repo, other):
            each.git("tag", "v0.1.0")
            each.git("tag", f"v0.{2 if each is repo else 3}")
        for tags in (found(repo, other), named(repo, other, versions=("0.1.0", "0.2", "0.3"))):
            assert sorted(item.tag for item in tags.releases) == ["v0.2", "v0.3"]
            assert tags.contradicting == (("v0.1.0", frozenset({first, second})),)
            assert tags.contradicting_at(first) == tags.contradicting_at(second) == ("v0.1.0",)
            assert tags.contradicting_at("1" * 40) == ()
