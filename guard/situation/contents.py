"""What combinations hold: the configuration, the gitlinks and where the submodules' objects are."""

import os
import re
from collections.abc import Iterable, Sequence

from guard.config import FILE, Config, read_config
from guard.errors import GitError, MissingObjectError
from guard.git.commands import Remedy, git
from guard.git.memo import Memo
from guard.git.objects import GitObject, KeptRefs, ObjectPool
from guard.git.repository import Repository, distinct, submodule_repositories
from guard.git.store import Root, Store
from guard.git.trees import FOLDER, GITLINK, TreeEntry
from guard.model import Combination, Gitlink
from guard.situation.branches import fetching
from guard.situation.publication import Unknown
from guard.situation.workspace import Workspace, repositories_of

Rooted = tuple[Store, Root] | Unknown


class Submodules:
    """The submodules of a superproject: their names and stores, each looked up once."""

    def __init__(self, workspace: Workspace, pool: ObjectPool, config: Config, memo: Memo) -> None:
        self.workspace = workspace
        self.pool = pool
        self.config = config
        self._memo = memo
        self._stores: dict[tuple[str, ...], Store] = {}
        self._modules: dict[str, dict[str, dict[str, str]]] = {}
        self._known: dict[str, Sequence[str]] = {}
        self._folders: dict[str, list[TreeEntry]] = {}

    def store(self, path: str, names: Sequence[str] = ()) -> Store:
        """The store of a top-level submodule.

        Args:
            names: its names in ``.gitmodules``, where they are known; those that were given last
                hold where none are.
        """
        names = self._known[path] = names or self._known.get(path, ())
        key = (path, *names)
        if key not in self._stores:
            found = repositories_of(self.workspace, self.config, path, names)
            self._stores[key] = Store(self.pool, found)
        return self._stores[key]

    def named(self, store: Store, tree: GitObject) -> dict[str, list[str]]:
        """Path -> names, as the tree's ``.gitmodules`` says."""
        return {path: list(names) for path, names in self.modules(store, tree).items()}

    def nested(self, parent: Store, path: str, names: Iterable[str]) -> Store:
        """The store of a submodule of a submodule, by its path and names there."""
        places = submodule_repositories(parent.repositories, path, dict.fromkeys((*names, path)))
        return Store(self.pool, distinct(places))

    def gitlinks(self, repository: Repository, tree: str) -> dict[str, str]:
        """Path -> commit of all gitlinks below a tree, whether ``.gitmodules`` names them or not.

        A tree that is new here is read folder by folder; those that the trees of a push share once.
        """
        links = self._memo.read(dict[str, str], "gitlinks", tree)
        if links is None:
            links, level = {}, [("", tree)]
            while level:
                below = self._below(repository, level)
                links |= {path: entry.id for path, entry in below if entry.mode == GITLINK}
                level = [(f"{path}/", entry.id) for path, entry in below if entry.mode == FOLDER]
            self._memo.write(links, "gitlinks", tree)
        return links

    def _below(
        self, repository: Repository, folders: Sequence[tuple[str, str]]
    ) -> list[tuple[str, TreeEntry]]:
        """The gitlinks and folders in some folders, each with its path."""
        new = list(dict.fromkeys(tree for _, tree in folders if tree not in self._folders))
        for tree, read in zip(new, self.pool.reader(repository).read_all(new), strict=True):
            if read is None or read.type != "tree":
                refetch = git(repository, "fetch", "--refetch", "--no-filter").text
                raise MissingObjectError(f"tree {tree} of {repository.place} is missing", refetch)
            self._folders[tree] = [each for each in read.entries if each.mode in (GITLINK, FOLDER)]
        return [
            (f"{folder}{os.fsdecode(entry.name)}", entry)
            for folder, tree in folders
            for entry in self._folders[tree]
        ]

    def modules(self, store: Store, tree: GitObject) -> dict[str, dict[str, str]]:
        """Path -> name -> URL, as the tree's ``.gitmodules`` says; "" where it names no URL."""
        entry = next((item for item in tree.entries if item.name == b".gitmodules"), None)
        if entry is None or entry.mode in (GITLINK, FOLDER):
            return {}
        if entry.id not in self._modules:
            modules = self._memo.read(dict[str, dict[str, str]], "modules", entry.id)
            self._modules[entry.id] = self._read(store, entry.id) if modules is None else modules
        return self._modules[entry.id]

    def _read(self, store: Store, entry: str) -> dict[str, dict[str, str]]:
        blob = store.read(entry)
        if blob is None:
            raise MissingObjectError(f"blob {entry} (.gitmodules) is missing")
        repository = store.repositories[0]
        try:
            modules = _read_modules(repository, blob)
        except GitError as error:
            line = re.search(r"bad config line (\d+)", error.problem)
            if line is None:
                raise
            # Git has only the line of where the file is to be corrected.
            is_top = repository.git_dir == self.workspace.superproject.git_dir
            where = f"{'' if is_top else f'{repository.place}/'}.gitmodules:{line[1]}"
            what = f"{where} cannot be read as git configuration"
            raise GitError(what, f"correct {where}") from error
        self._memo.write(modules, "modules", entry)
        return modules


def _read_modules(repository: Repository, blob: GitObject) -> dict[str, dict[str, str]]:
    # git reads its own format: tabs, quotes and comments included. What a file includes it leaves
    # out in .gitmodules, and fails on in what it reads from a pipe.
    words = ("config", "--file=-", "--no-includes", "-z", "--get-regexp")
    asked = (*words, r"^submodule\..*\.(path|url)$")
    output = repository.run(*asked, data=blob.data, ok=(0, 1))
    paths: dict[str, list[str]] = {}
    urls: dict[str, str] = {}
    for item in os.fsdecode(output).split("\0"):
        key, _, value = item.partition("\n")
        name, _, kind = key.removeprefix("submodule.").rpartition(".")
        if kind == "path" and value:
            paths.setdefault(value, []).append(name)
        elif kind == "url":
            urls[name] = value
    return {path: {name: urls.get(name, "") for name in names} for path, names in paths.items()}


class Contents:
    """Reads in combinations of one workspace; what two of them share is read once."""

    def __init__(self, workspace: Workspace, pool: ObjectPool) -> None:
        self.workspace = workspace
        self.pool = pool
        self.memo = Memo(workspace.superproject.common_dir)
        self._stores: dict[str, Store] = {}
        self._configs: dict[str, Config] = {}
        self._submodules: dict[Config, Submodules] = {}
        self._roots: dict[tuple[Config, str, str], Rooted] = {}

    def store(self, combination: Combination) -> Store:
        """The superproject's objects, with those of a private index."""
        if combination.objects not in self._stores:
            repository = self.workspace.superproject._replace(objects=combination.objects)
            self._stores[combination.objects] = Store(self.pool, (repository,))
        return self._stores[combination.objects]

    def config(self, combination: Combination) -> Config:
        """The configuration in force: of the combination's own tree, held to another that it names.

        Where its tree has none, the other one stands in for it.
        """
        store, own = self.store(combination), self.settings_of(combination)
        config = self._config_of(store, own or combination.settings)
        if not own or combination.settings in ("", own):
            return config
        theirs = self._config_of(store, combination.settings)
        paths = (theirs.consumer, theirs.dependency)
        return config.held_to(theirs, [each for each in paths if self.gitlink(combination, each)])

    def settings_of(self, combination: Combination) -> str:
        """The id of the `.guard.toml` in a combination's tree, "" where there is none."""
        store = self.store(combination)
        entry = store.walk(superproject_tree(store, combination), FILE)
        return entry[0].id if entry is not None else ""

    def _config_of(self, store: Store, blob: str) -> Config:
        if blob not in self._configs:
            self._configs[blob] = self._read_config(store, blob) if blob else Config()
        return self._configs[blob]

    def _read_config(self, store: Store, blob: str) -> Config:
        known = self.memo.read(Config, "config", blob)
        if known is not None:
            return known
        content = store.read(blob)
        if content is None or content.type != "blob":
            raise MissingObjectError(f"{FILE} ({blob}) cannot be read", store.refetch.text)
        config = read_config(content.data)
        self.memo.write(config, "config", blob)
        return config

    @property
    def refs(self) -> KeptRefs:
        """What the superproject keeps of its remotes."""
        return self.pool.refs(self.workspace.superproject)

    def submodules(self, config: Config) -> Submodules:
        """The submodules as this configuration names them."""
        if config not in self._submodules:
            self._submodules[config] = Submodules(self.workspace, self.pool, config, self.memo)
        return self._submodules[config]

    def gitlink(self, combination: Combination, path: str) -> str | None:
        """The commit at a submodule's path, None where there is no gitlink."""
        for link in combination.replaced:
            if link.path == path:
                return link.commit
        store = self.store(combination)
        try:
            found = store.walk(superproject_tree(store, combination), path)
        except LookupError as error:
            raise MissingObjectError(f"tree {error} of the superproject is missing") from error
        if found is None or found[0].mode != GITLINK or found[1]:
            return None
        return found[0].id

    def gitlinks(self, combination: Combination, config: Config) -> tuple[Gitlink, ...]:
        """Those of the consumer and the dependency, as far as they have one."""
        paths = (config.consumer, config.dependency)
        commits = ((path, self.gitlink(combination, path)) for path in paths)
        return tuple(Gitlink(path, commit) for path, commit in commits if commit is not None)

    def submodule(self, combination: Combination, config: Config, path: str) -> Store:
        """The store of a submodule, whose git dir may go by another name than its path."""
        top = self.store(combination)
        submodules = self.submodules(config)
        names = submodules.named(top, superproject_tree(top, combination))
        return submodules.store(path, names.get(path, []))

    def root(self, combination: Combination, config: Config, path: str, commit: str) -> Rooted:
        """The tree of a submodule's commit, with the store that has it."""
        key = (config, path, commit)
        if key not in self._roots:
            store = self.submodules(config).store(path)
            root = store.root(commit)
            if root is None:
                store = self.submodule(combination, config, path)
                root = store.root(commit)
            self._roots[key] = (store, root) if root else self._missing(path, commit, store)
        return self._roots[key]

    def _missing(self, path: str, commit: str, store: Store) -> Unknown:
        if not store.repositories:
            return Unknown(
                f"no repository of {path} is on this machine, so commit {commit} cannot be read",
                brought_here(self.workspace.superproject, path),
            )
        looked = ", ".join(found.work_tree or found.git_dir for found in store.repositories)
        return Unknown(
            f"commit {commit} of {path} is missing (looked in {looked})",
            (fetching(store.repositories[0], self.pool.settings, commit),),
        )


def of_commit(repository: Repository, pool: ObjectPool, commit: str, source: str) -> Combination:
    """The combination that a commit of the superproject is."""
    tree = pool.reader(repository).read(f"{commit}^{{tree}}")
    if tree is None:
        raise MissingObjectError(
            f"commit {commit} of the superproject is missing",
            fetching(repository, pool.settings, commit).text,
        )
    return Combination(tree.id, commit, source=source)


def with_consumer(combination: Combination, path: str, commit: str) -> Combination:
    """The same tree with another commit at the consumer's gitlink."""
    return combination._replace(replaced=(Gitlink(path, commit),))


def superproject_tree(store: Store, combination: Combination) -> GitObject:
    """The tree that a combination starts from."""
    tree = store.tree(combination.tree)
    if tree is None:
        raise MissingObjectError(
            f"tree {combination.tree} of the superproject is missing", store.refetch.text
        )
    return tree


def brought_here(superproject: Repository, path: str) -> Remedy:
    """What brings a submodule's repository to this machine, or tells where it is."""
    if superproject.work_tree is None:
        folder = f"/path/to/{path.rpartition('/')[2]}"
        said = git(superproject, "config", f"guard.{path}.repository", folder)
        return f"clone {path}, and say where it is: {said.text}"
    return (git(superproject, "submodule", "update", "--init", path),)
