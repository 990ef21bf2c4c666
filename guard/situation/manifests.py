"""The manifests of a consumer, and the packages of a dependency, out of their trees."""

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType

from guard.ci.lines import UnreadableError
from guard.ci.project_files import ANY, project_files
from guard.ci.project_files import FILES as CI_FILES
from guard.errors import MissingObjectError
from guard.git.folders import File, all_files, files_in, matching_files, matching_folders
from guard.git.objects import GitObject
from guard.git.store import Store
from guard.git.trees import FOLDER, GITLINK, SYMLINK, TreeEntry
from guard.haskell import (
    Manifest,
    ParseError,
    Reader,
    Role,
    SourceKind,
    glob_patterns,
    leads_to,
    read_cabal_project,
    read_stack_lock,
    read_stack_yaml,
    reader_for,
)
from guard.situation.publication import Unknown
from guard.situation.values import Package

_NO_FILE = {
    None: "no file of the repository (links count as none)",
    FOLDER: "a folder",
    GITLINK: "in a submodule",
    SYMLINK: "a symbolic link, which guard does not follow",
}
# Folders in which a manifest is an input of tests, and builds nothing.
_TEST_DATA = re.compile(
    "/(?:tests?|specs?|tests?[-_]?(?:data|cases|files)|fixtures?|golden)/",
    re.IGNORECASE,
)

# stack takes no project without one.
_STACK_PROJECT = re.compile(rb"^(?:\{\s*)?[\"']?(?:resolver|snapshot)[\"']?\s*:", re.MULTILINE)


class Library:
    """Reads manifests by their blobs, each once, however many commits have it."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], Manifest | Unknown] = {}

    def consumer(
        self, store: Store, tree: GitObject, name: str
    ) -> tuple[list[Manifest], list[Unknown]]:
        """Every manifest that counts for a consumer, and what could not be read.

        The ``.cabal`` file and ``package.yaml`` at the root, the project files in force, and the
        ``.cabal`` files and ``package.yaml`` of the local packages that they name.
        """
        manifests: dict[str, Manifest] = {}
        projects, unknown = _project_files(store, tree, name)
        unknown += _linked(tree, "", name, lambda each: _is_package_file(each) or each in projects)
        waiting = [item for item in files_in(tree, "") if _is_package_file(item.name)]
        for path in projects:
            waiting += matching_files(store, tree, path)
        while waiting:
            batch: list[File] = []
            for result in self._files(store, tree, waiting, name, projects):
                if isinstance(result, Unknown):
                    unknown.append(result)
                    continue
                manifests[result.path] = result
                try:
                    files, missing = _local_packages(store, tree, result, name)
                    batch += files
                    unknown += missing
                except MissingObjectError as error:
                    unknown.append(Unknown(f"{name}: {error.problem}", error.remedy))
            waiting = [item for item in dict.fromkeys(batch) if item.path not in manifests]
        for path, manifest in manifests.items():
            if path.endswith(".cabal") and manifest.package is None:
                what = f"{name}/{path} names no package"
                unknown.append(Unknown(what, f"correct {path} in {name}"))
        return list(manifests.values()), unknown

    def packages(
        self, store: Store, tree: GitObject, name: str
    ) -> tuple[tuple[Package, ...], tuple[Package, ...], list[Unknown]]:
        """The packages inside a dependency's tree that its own project builds, and the others.

        What cannot be read of the others is no matter.
        """
        files = all_files(store, tree, _is_package_file)
        projects = [each for each in files_in(tree, "") if _is_project_file(each.name)]
        read = self._files(store, tree, [*projects, *files], name)
        stated = [each for each in read[: len(projects)] if isinstance(each, Manifest)]
        built = _built(files, stated)
        own, unknown = self._packages(store, tree, [one for one in files if one in built], name)
        others, _ = self._packages(store, tree, [one for one in files if one not in built], name)
        return tuple(own), tuple(others), unknown

    def packages_at(
        self, store: Store, tree: GitObject, path: str, name: str
    ) -> tuple[list[Package], list[Unknown]]:
        """The packages in the folders that a path of a project file leads to."""
        files = list(_package_files(_folders(store, tree, path)))
        return self._packages(store, tree, files, name)

    def _packages(
        self, store: Store, tree: GitObject, files: list[File], name: str
    ) -> tuple[list[Package], list[Unknown]]:
        found: list[Package] = []
        unknown: list[Unknown] = []
        for item, result in zip(files, self._files(store, tree, files, name), strict=True):
            if isinstance(result, Unknown):
                unknown.append(result)
            elif result.package is not None:
                place = item.folder, item.path, result.version_line
                found.append(Package(result.package, result.version, *place))
        # Without those that only repeat a package of the same folder in the same version.
        once: dict[tuple[str, str, str], Package] = {}
        for each in sorted(found, key=lambda package: not package.path.endswith(".cabal")):
            once.setdefault((each.name, each.folder, str(each.version)), each)
        return list(once.values()), unknown

    def _files(
        self,
        store: Store,
        tree: GitObject,
        files: list[File],
        name: str,
        readers: Mapping[str, Reader] = MappingProxyType({}),
    ) -> list[Manifest | Unknown]:
        """What files say, each read by the reader of its path, else of its name."""
        new = [item for item in files if (item.path, item.blob) not in self._read]
        blobs = dict(zip(new, store.read_all([item.blob for item in new]), strict=True))
        results = []
        for item in files:
            key = (item.path, item.blob)
            further = _Further(store, tree)
            reader = readers.get(item.path) or reader_for(item.path)
            assert reader is not None  # only files that have one are looked up
            result = self._read.get(key) or _read(store, item, blobs[item], reader, further, name)
            # What stands in other files differs from tree to tree.
            if not further.was_asked:
                self._read[key] = result
            results.append(_named(result, name))
        return results


class _Further:
    """What the files of a tree hold, by their paths."""

    def __init__(self, store: Store, tree: GitObject) -> None:
        self._store = store
        self._tree = tree
        self.was_asked = False

    def __call__(self, path: str) -> bytes:
        """Raises LookupError for what is no file of the tree, and MissingObjectError."""
        self.was_asked = True
        if path.startswith(("/", "../")):
            raise LookupError(f"{path} is no path inside the repository")
        entry = _entry(self._store, self._tree, path)
        if entry is None or entry.mode in _NO_FILE:
            raise LookupError(f"{path} is {_NO_FILE[entry.mode if entry else None]}")
        blob = self._store.read(entry.id)
        if blob is None:
            missing = f"blob {entry.id} ({path}) is missing"
            raise MissingObjectError(missing, self._store.refetch.text)
        return blob.data


def _read(
    store: Store,
    item: File,
    blob: GitObject | None,
    reader: Reader,
    further: _Further,
    name: str,
) -> Manifest | Unknown:
    if blob is None:
        return Unknown(f"{name}/{item.path}: blob {item.blob} is missing", (store.refetch,))
    try:
        return reader(blob.data, item.path, further)
    except ParseError as error:
        return Unknown(f"{name}/{item.path} cannot be read: {error}", f"correct {item.path}")
    except MissingObjectError as error:
        return Unknown(f"{name}/{item.path}: {error.problem}", error.remedy)


def _named(result: Manifest | Unknown, name: str) -> Manifest | Unknown:
    """hpack calls a package without a name like its folder: at the root, like the checkout."""
    if isinstance(result, Unknown) or result.package or result.path != "package.yaml":
        return result
    if any(one.concerns_requirements for one in result.unread):
        return result
    return result._replace(package=posixpath.basename(name))


def _project_files(
    store: Store, tree: GitObject, name: str
) -> tuple[dict[str, Reader], list[Unknown]]:
    """The project files that count, with their companions: the usual, and those that CI names."""
    files = [file for pattern in CI_FILES for file in matching_files(store, tree, pattern)]
    stack: set[str] = set()
    cabal: set[str] = set()
    unknown = []
    for file, blob in zip(files, store.read_all([file.blob for file in files]), strict=True):
        if blob is None:
            unknown.append(Unknown(f"{name}/{file.path} is missing", (store.refetch,)))
            continue
        try:
            named = project_files(blob.data, file.path)
        except UnreadableError as error:
            what = f"which project files {name}/{file.path} names is not known: {error}"
            unknown.append(Unknown(what, f"correct {file.path}"))
            continue
        stack |= named[0]
        cabal |= named[1]
    readers: dict[str, Reader] = {"cabal.config": read_cabal_project}
    any_stack = _stack_projects(store, tree) if ANY in stack else []
    for path in ("stack.yaml", *_matching(store, tree, stack - {ANY}), *any_stack):
        readers |= {path: read_stack_yaml, f"{path}.lock": read_stack_lock}
    any_cabal = {"*.project*"} if ANY in cabal else set()
    for path in ("cabal.project", *_matching(store, tree, cabal - {ANY} | any_cabal)):
        readers |= dict.fromkeys((path, f"{path}.local", f"{path}.freeze"), read_cabal_project)
    return readers, unknown


def _matching(store: Store, tree: GitObject, patterns: set[str]) -> list[str]:
    """The files that patterns mean: at such a path; where there is none, below any folder."""
    if not patterns:
        return []
    names = [posixpath.basename(each) for each in patterns]
    files = all_files(store, tree, lambda name: any(fnmatchcase(name, each) for each in names))
    paths: set[str] = set()
    for pattern in patterns:
        below = f"*/{pattern.removeprefix('*/')}"
        exact = {file.path for file in files if fnmatchcase(file.path, pattern)}
        if not exact or pattern.startswith("*"):
            exact = {file.path for file in files if fnmatchcase(f"/{file.path}", below)}
        paths |= exact
    return sorted(paths)


def _stack_projects(store: Store, tree: GitObject) -> list[str]:
    """Every file of a tree that may be a project of stack, whatever its name."""
    files = all_files(store, tree, lambda name: name.endswith((".yaml", ".yml")))
    blobs = store.read_all([file.blob for file in files])
    return [
        file.path
        for file, blob in zip(files, blobs, strict=True)
        if blob is None or _STACK_PROJECT.search(blob.data)
    ]


def _is_project_file(name: str) -> bool:
    return reader_for(name) in (read_stack_yaml, read_cabal_project)


def _built(files: Sequence[File], projects: Sequence[Manifest]) -> set[File]:
    """The package files of a dependency that its project builds: in the folders that it names.

    Where it names none, or what it names is not all in these files, also those that stand in no
    test data.
    """
    named = {
        file
        for project in projects
        for path in _paths(project)
        for file in files
        if leads_to(path, file.path)
    }
    is_whole = not any(
        each.concerns_requirements for project in projects for each in project.unread
    )
    if named and is_whole:
        return named
    return named | {file for file in files if not _TEST_DATA.search(f"/{file.folder}/")}


def _paths(project: Manifest) -> list[str]:
    """What a project names of its tree; without a word of it stack takes the project's folder."""
    paths = [each for each in project.sources if each.kind is SourceKind.PATH]
    is_named = any(each.role in (Role.PROJECT, Role.OPTIONAL) for each in project.sources)
    alone = [] if is_named or not project.path.endswith(".yaml") else ["."]
    patterns = [one for each in paths for one in path_patterns(project.path, each.path or ".")]
    return alone + [posixpath.normpath(each) for each in patterns]


def _is_package_file(name: str) -> bool:
    return name == "package.yaml" or (name.endswith(".cabal") and name != ".cabal")


def _local_packages(
    store: Store, tree: GitObject, manifest: Manifest, name: str
) -> tuple[list[File], list[Unknown]]:
    """The package files of the folders inside the consumer that a project file names."""
    files: list[File] = []
    unknown: list[Unknown] = []
    for source in manifest.sources:
        # hpack hands on where a dependency would come from, and builds nothing from there.
        if source.kind is not SourceKind.PATH or manifest.path.endswith("package.yaml"):
            continue
        base = posixpath.dirname(manifest.path)
        for pattern in path_patterns(manifest.path, source.path or "."):
            path = posixpath.normpath(posixpath.join(base, pattern, source.subdir or ""))
            if path == ".." or path.startswith(("../", "/")):
                continue
            folders = _folders(store, tree, path)
            files += _package_files(folders)
            for where, folder, _ in folders:
                unknown += _linked(folder, where, name, _is_package_file)
            if not (folders or has_wildcards(manifest.path) or _is_nested(store, tree, path)):
                where = f"{name}/{source.file or manifest.path}:{source.line}"
                lacking = f"{name} has no such folder (links count as none)"
                what = f"{where} names {source.path}, and {lacking}"
                unknown.append(Unknown(what, f"correct {where}"))
    return files, unknown


def has_wildcards(manifest: str) -> bool:
    """Whether paths in a project file are cabal's, with wildcards, and may lead nowhere.

    stack has neither wildcards nor folders that may be missing.
    """
    return not manifest.endswith((".yaml", ".yml"))


def path_patterns(manifest: str, path: str) -> list[str]:
    """What a path in a project file stands for, as patterns over folders and ``.cabal`` files."""
    return list(dict.fromkeys(glob_patterns(path))) if has_wildcards(manifest) else [path]


def _folders(store: Store, tree: GitObject, path: str) -> list[tuple[str, GitObject, str]]:
    """The folders that a path leads to, and a pattern for the names of the package files there."""
    folder, pattern = posixpath.split(path) if path.endswith(".cabal") else (path, "*")
    return [(where, found, pattern) for where, found in matching_folders(store, tree, folder)]


def _package_files(folders: Iterable[tuple[str, GitObject, str]]) -> Iterator[File]:
    for where, folder, pattern in folders:
        for item in files_in(folder, where):
            if _is_package_file(item.name) and fnmatchcase(item.name, pattern):
                yield item


def _is_nested(store: Store, tree: GitObject, folder: str) -> bool:
    """Whether a path leads into a submodule of the consumer."""
    entry = _entry(store, tree, folder)
    return entry is not None and entry.mode == GITLINK


def _entry(store: Store, tree: GitObject, path: str) -> TreeEntry | None:
    """The entry at a path, or the submodule that the path leads into."""
    try:
        entry, _ = store.walk(tree, path) or (None, "")
    except LookupError as error:
        raise MissingObjectError(f"tree {error} is missing", store.refetch.text) from error
    return entry


def _linked(
    tree: GitObject, folder: str, name: str, wanted: Callable[[str], bool]
) -> list[Unknown]:
    """Manifests that are symbolic links: the tools follow them, guard does not."""
    links = (os.fsdecode(entry.name) for entry in tree.entries if entry.mode == SYMLINK)
    paths = (posixpath.join(name, folder, link) for link in links if wanted(link))
    return [
        Unknown(f"{path} is a symbolic link, which guard does not follow", f"make {path} a file")
        for path in paths
    ]
