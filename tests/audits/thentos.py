"""A made history of thentos: its releases, and the commits that are none."""

from __future__ import annotations

from tests.audits.making import History, Link, Tree
from tests.workshop import cabal

NOWHERE = "1" * 40


def _tree(core: str, *more: Tree, **packages: str) -> dict[str, str | bytes | Link]:
    """The packages of thentos: thentos-core, and others by their names with underscores."""
    named = {name.replace("_", "-"): version for name, version in packages.items()}
    versions = {"thentos-core": core, **named}
    tree: dict[str, str | bytes | Link] = {
        f"{name}/{name}.cabal": cabal(name, version) for name, version in versions.items()
    }
    for each in more:
        tree.update(each)
    return tree


def thentos() -> History:
    """Releases in the order of the years, with what lies between them and beside them."""
    history = History()
    history.commit("start", _tree("0.0.1"), tags=("0.0.1",))
    _beside(history, "start")
    history.commit("0.2.1", _tree("0.2.1"), parents=("start",), tags=("v0.2.1",))
    # Its packages still say what the last release says.
    api: Tree = {"thentos-core/src/Form.hs": "form :: Action -> Method -> Fields -> Form\n"}
    history.commit("api", _tree("0.2.1", api))
    history.annotate("review-2016-03", "api")
    history.commit("api more", _tree("0.2.1", api, {"README.md": "the new API\n"}))
    released = _tree("0.3.0", api, servant_session="0.5")
    history.commit("0.3.0", released, tags=("v0.3.0",))
    history.commit("0.3.0 merged", released, parents=("api more", "0.3.0"))
    history.commit("0.4.0", _tree("0.4.0", servant_session="0.5"), tags=("v0.4.0",))
    nested: Tree = {
        ".gitmodules": '[submodule "s"]\n\tpath = submodules/servant\n\turl = ../servant\n',
        "submodules/servant": Link(NOWHERE),
    }
    history.commit("0.7.0", _tree("0.7.0", nested, servant_session="0.7"), tags=("v0.7.0",))
    # 0.8.0 was never tagged, though the packages say so.
    session = {"thentos_frontend_session": "0.8.0"}
    history.commit("0.8.0", _tree("0.8.0", nested, **session))
    history.commit("0.8.1", _tree("0.8.1", nested, **session), tags=("v0.8.1",))
    history.commit("0.8.4", _tree("0.8.4", thentos_cookie_session="0.8.4"), tags=("v0.8.4",))
    history.commit(
        "0.9.0-rc1", _tree("0.9.0", thentos_cookie_session="0.9.0"), tags=("v0.9.0-rc1",)
    )
    history.commit("0.9.0", _tree("0.9.0", **_NEWEST), tags=("v0.9.0", "v0.9.0.0"))
    history.commit("odd", _tree("1.0", {"README.md": "named otherwise\n"}), tags=("v0.9.6",))
    _unreadable(history)
    return history


_NEWEST = {"thentos_cookie_session": "0.9.0", "thentos_tests": "0.9.0"}


def _beside(history: History, start: str) -> None:
    """Releases that no branch leads to: the tag alone keeps them."""
    history.commit("0.1.0", _tree("0.1.0"), parents=(start,), tags=("v0.1.0",), branch="beside")
    history.commit("0.2.0", _tree("0.2.0"), parents=(start,), tags=("v0.2.0",), branch="beside")


def _unreadable(history: History) -> None:
    """Commits whose packages say no version, or too many."""
    broken: Tree = {"thentos-core/thentos-core.cabal": cabal("thentos-core", "next")}
    history.commit("no version", _tree("0.9.1", broken), tags=("v0.9.1",))
    twice: Tree = {"old/thentos-core/thentos-core.cabal": cabal("thentos-core", "0.3.0")}
    history.commit("two versions", _tree("0.9.2", twice), tags=("v0.9.2",))
    described: Tree = {
        "thentos-core/package.yaml": "name: thentos-core\nversion: 0.9.3\n",
    }
    hpack = {path: text for path, text in _tree("0.9.3", described).items() if "cabal" not in path}
    history.commit("package.yaml", hpack, tags=("v0.9.3",))
    marker = cabal("thentos-core", "0.9.4").replace("library", ">>>>>>> theirs\nlibrary")
    history.commit("marker", {"thentos-core/thentos-core.cabal": marker}, tags=("v0.9.4",))
    history.commit("empty", {"README.md": "nothing is left\n"}, tags=("v0.9.5",))
