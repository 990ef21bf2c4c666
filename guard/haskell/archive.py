"""What the address of an archive tells: a forge's repository at a ref, or a package in a version.

Source: the addresses under which GitHub, GitLab, Gitea and Bitbucket offer a commit as an archive;
Cabal's ``sdist`` and Hackage, which call one ``name-version.tar.gz``.

    forge   ::= repository ( place [ "refs/tags/" | "refs/heads/" ] ref | "/-/archive/" ref "/" name
                | "/repository/" ref "/archive" ) ending
    place   ::= "/archive/" | "/tarball/" | "/zipball/" | "/tar.gz/" | "/zip/" | "/get/"
    package ::= { folder "/" } name "-" numbers ending
"""

import re
from typing import NamedTuple

from guard.haskell.dependency import parse_name
from guard.haskell.model import Source, SourceKind, is_url
from guard.haskell.ranges import Version, parse_numbers
from guard.haskell.scanner import ParseError, Scanner

# No address that somebody wrote is longer.
_LONGEST = 2000
_ENDING = re.compile(r"\.(?:tar\.(?:gz|bz2|xz)|tgz|tar|zip)\Z")
_BEFORE = re.compile(r"\w+://[^/]+/[^/]+/")
_PLACE = re.compile(
    r"/(?:-/archive|repository|archive|tarball|zipball|get|(?:legacy\.)?(?:tar\.gz|zip))/"
)
_ASKED = re.compile(r"(?:^|&)(?:ref|sha)=([^&#]+)")
_ID = re.compile(r"[0-9a-fA-F]{40}\Z")
# GitHub has hosts of their own for what it packs.
_GITHUB = re.compile(r"//(?:codeload\.github\.com|api\.github\.com/repos)/")
_NAME_AND_VERSION = re.compile(r"[^@]*-")
_FILE = re.compile(r"(?:.*[/\\])?(?P<name>[^/\\?#]+?)\.(?:tar\.gz|tgz|tar|zip)(?:[?#].*)?\Z")


class Checkout(NamedTuple):
    """A repository, and what names its commit; None for the newest."""

    url: str
    ref: str | None


def checkout_of(source: Source) -> Checkout | None:
    """What a git repository, or an archive of a forge, is taken at; None for a package's archive.

    Of an archive by any other name the folder may be called like the repository.
    """
    if source.kind is SourceKind.GIT and source.url is not None:
        return Checkout(source.url, source.commit)
    archive = source.url or source.path
    if source.kind is not SourceKind.ARCHIVE or archive is None:
        return None
    checkout = forge_checkout(archive)
    if checkout is None and source.package is None:
        return Checkout(archive.rpartition("/")[0], None)
    return checkout


def forge_checkout(url: str) -> Checkout | None:
    """What an archive of a forge is made of; None for any other archive."""
    path, _, query = _GITHUB.sub("//github.com/", url[:_LONGEST]).partition("#")[0].partition("?")
    before = _BEFORE.match(path)
    place = _PLACE.search(path, before.end()) if before is not None else None
    if place is None:
        return None
    rest = _ENDING.sub("", path[place.end() :])
    if not rest or (place[0] == "/repository/" and not f"/{rest}".endswith("/archive")):
        return None
    return Checkout(path[: place.start()], _ref(place[0], rest, query))


def _ref(place: str, rest: str, query: str) -> str | None:
    """The ref behind a place; None for the newest commit."""
    if place == "/repository/":
        asked = _ASKED.search(query)
        return rest.removesuffix("/archive") if rest != "archive" else asked and asked[1]
    if place == "/-/archive/":
        return rest.rpartition("/")[0] or rest
    first = rest.partition("/")[0]
    return (
        first if _ID.match(first) else rest.removeprefix("refs/tags/").removeprefix("refs/heads/")
    )


def archive_at(source: Source, text: str) -> Source:
    """A source that is the archive at a URL or path: of the package that it is named after."""
    package, version = archived_package(text) or (None, None)
    path, url = (None, text) if is_url(text) else (text, None)
    archive = source._replace(kind=SourceKind.ARCHIVE, path=path, url=url)
    return archive._replace(package=package, version=version)


def archived_package(text: str) -> tuple[str, Version] | None:
    """The package that an archive is named after; None where it is called otherwise."""
    match = _FILE.match(text) if len(text) <= _LONGEST else None
    if match is None or forge_checkout(text) is not None:
        return None
    scanner = Scanner(match["name"])
    try:
        package = parse_package_id(scanner)
        return package if scanner.at_end() else None
    except ParseError:
        return None


def parse_package_id(scanner: Scanner) -> tuple[str, Version]:
    """id ::= name "-" numbers. Raises ParseError for what is none."""
    if scanner.match(_NAME_AND_VERSION) is None:
        scanner.fail('expected "-" and a version after the name')
    name = Scanner(scanner.text[: scanner.position - 1])
    package = parse_name(name)
    if not name.at_end():
        scanner.fail("expected the name of a package", 0, scanner.position - 1)
    return package, Version(parse_numbers(scanner))
