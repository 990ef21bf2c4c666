"""The manifests of a consumer, and the packages of a dependency, out of their trees."""

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from guard.errors import MissingObjectError
from guard.git.folders import File, all_files, files_in, matching_folders
from guard.git.objects import GitObject
from guard.git.store import Store
from guard.git.trees import GITLINK, SYMLINK
from guard.haskell import (
    Manifest,
    ParseError,
    Reader,
    SourceKind,
    glob_patterns,
    read_cabal_project,
    reader_for,
)
from guard.situation.publication import Unknown
from guard.situation.values import Package

# A reader of its own has only what is imported.
_Files = list[tuple[File, Reader | None]]
_PROJECT_FILES = ("stack.yaml", "stack.yaml.lock", "cabal.config")


class Library:
    """Reads manifests by their blobs, each once, however many commits have it."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], Manifest | Unknown] = {}

    def consumer(
        self, store: Store, tree: GitObject, name: str
    ) -> tuple[list[Manifest], list[Unknown]]:
        """Every manifest that counts for a consumer, and what could not be read.

        The ``.cabal`` file, ``package.yaml`` and project files at the root, what those import, and
        the ``.cabal`` files and ``package.yaml`` of the local packages that they name.
        """
        manifests: dict[str, Manifest] = {}
        unknown = _linked(tree, "", name, _is_root_manifest)
        waiting: _Files = [
            (item, None) for item in files_in(tree, "") if _is_root_manifest(item.name)
        ]
        while waiting:
            batch: _Files = []
            for result in self._files(store, waiting, name):
                if isinstance(result, Unknown):
                    unknown.append(result)
                    continue
                manifests[result.path] = result
                try:
                    files, missing = _local_packages(store, tree, result, name)
                    batch += files
                    unknown += missing
                    files, missing = _imported(store, tree, result, name)
                    batch += files
                    unknown += missing
                    if len(files) == len(result.imports):
                        # All are read: that they stand in other files hides nothing.
                        lines = {imported.line for imported in result.imports}
                        left = tuple(each for each in result.unread if each.line not in lines)
                        manifests[result.path] = result._replace(unread=left)
                except MissingObjectError as error:
                    unknown.append(Unknown(f"{name}: {error.problem}", error.remedy))
            waiting = [item for item in dict.fromkeys(batch) if item[0].path not in manifests]
        for path, manifest in manifests.items():
            if path.endswith(".cabal") and manifest.package is None:
                what = f"{name}/{path} names no package"
                unknown.append(Unknown(what, f"correct {path} in {name}"))
        return list(manifests.values()), unknown

    def packages(
        self, store: Store, tree: GitObject, name: str
    ) -> tuple[list[Package], list[Unknown]]:
        """Every package inside a dependency's tree."""
        return self._packages(store, all_files(store, tree, _is_package_file), name)

    def packages_at(
        self, store: Store, tree: GitObject, path: str, name: str
    ) -> tuple[list[Package], list[Unknown]]:
        """The packages in the folders that a path of a project file leads to."""
        return self._packages(store, _package_files(_folders(store, tree, path)), name)

    def _packages(
        self, store: Store, package_files: Iterable[File], name: str
    ) -> tuple[list[Package], list[Unknown]]:
        files: _Files = [(item, None) for item in package_files]
        found: list[Package] = []
        unknown: list[Unknown] = []
        for (item, _), result in zip(files, self._files(store, files, name), strict=True):
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

    def _files(self, store: Store, files: _Files, name: str) -> list[Manifest | Unknown]:
        new = [item for item, _ in files if (item.path, item.blob) not in self._read]
        blobs = dict(zip(new, store.read_all([item.blob for item in new]), strict=True))
        results = []
        for item, reader in files:
            key = (item.path, item.blob)
            if key not in self._read:
                self._read[key] = _read(store, item, blobs[item], reader, name)
            results.append(self._read[key])
        return results


def _read(
    store: Store, item: File, blob: GitObject | None, reader: Reader | None, name: str
) -> Manifest | Unknown:
    if blob is None:
        return Unknown(f"{name}/{item.path}: blob {item.blob} is missing", (store.refetch,))
    reader = reader or reader_for(item.path)
    assert reader is not None  # only files that have one are looked up
    try:
        return reader(blob.data, item.path)
    except ParseError as error:
        return Unknown(f"{name}/{item.path} cannot be read: {error}", f"correct {item.path}")


def _is_root_manifest(name: str) -> bool:
    return _is_package_file(name) or name in _PROJECT_FILES or name.startswith("cabal.project")


def _is_package_file(name: str) -> bool:
    return name == "package.yaml" or (name.endswith(".cabal") and name != ".cabal")


def _local_packages(
    store: Store, tree: GitObject, manifest: Manifest, name: str
) -> tuple[_Files, list[Unknown]]:
    """The package files of the folders inside the consumer that a project file names."""
    files: _Files = []
    unknown: list[Unknown] = []
    for source in manifest.sources:
        # hpack hands on where a dependency would come from, and builds nothing from there.
        if source.kind is not SourceKind.PATH or manifest.path.endswith("package.yaml"):
            continue
        base = posixpath.dirname(manifest.path)
        for pattern in path_patterns(manifest.path, source.path or "."):
            path = posixpath.normpath(posixpath.join(base, pattern, source.subdir or ""))
            if path.startswith(("..", "/")):
                continue
            folders = _folders(store, tree, path)
            files += [(item, None) for item in _package_files(folders)]
            for where, folder, _ in folders:
                unknown += _linked(folder, where, name, _is_package_file)
            if not (folders or has_wildcards(manifest.path) or _is_nested(store, tree, path)):
                where = f"{name}/{manifest.path}:{source.line}"
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
    try:
        found = store.walk(tree, folder)
    except LookupError as error:
        raise MissingObjectError(f"tree {error} is missing", store.refetch.text) from error
    return found is not None and found[0].mode == GITLINK


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


def _imported(
    store: Store, tree: GitObject, manifest: Manifest, name: str
) -> tuple[_Files, list[Unknown]]:
    """Files of the tree that belong to a project file's content: imports, custom snapshots.

    What stands behind a URL is not in the tree, and pins no package that a manifest would not.
    """
    # An import is of its importer's kind; hpack's defaults look like a package.yaml.
    reader = reader_for(manifest.path) or read_cabal_project
    files: _Files = []
    unknown = []
    for imported in manifest.imports:
        if "://" in imported.path:
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(manifest.path), imported.path))
        found = [
            item
            for where, folder in matching_folders(store, tree, posixpath.dirname(path))
            for item in files_in(folder, where)
            if item.name == posixpath.basename(path)
        ]
        files += [(item, reader) for item in found]
        if not found:
            where = f"{name}/{manifest.path}:{imported.line}"
            what = f"{where} names {imported.path}, which {name} does not hold"
            unknown.append(Unknown(what, f"correct {where}"))
    return files, unknown
