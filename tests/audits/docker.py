"""A made history of aula-docker: what may stand at its gitlinks and in its `.gitmodules`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.audits.making import History, Link
from tests.workshop import GUARD_TOML

NOWHERE_AULA = "5" * 40
NOWHERE_THENTOS = "6" * 40
_PULL = "Merge branch 'master' of ssh://git.example.org/liqd/aula-docker"
_ENTRY = '[submodule "{name}"]\n\tpath = {path}\n\turl = https://example.org/liqd/{path}.git\n'
_BOTH = _ENTRY.format(name="aula", path="aula") + _ENTRY.format(name="thentos", path="thentos")
_SSH = _BOTH.replace("https://example.org/", "git@example.org:")
_MIXED = _BOTH.replace("\turl", "        url").replace("\tpath = thentos", " \t path=thentos")


class Pins:
    """Trees of aula-docker, by the names of the commits of its submodules."""

    def __init__(self, aula: Mapping[str, str], thentos: Mapping[str, str]) -> None:
        self._aula = {**aula, "nowhere": NOWHERE_AULA}
        self._thentos = {**thentos, "nowhere": NOWHERE_THENTOS}

    def __call__(
        self, aula: str, thentos: str, modules: str | None = _BOTH, toml: str = ""
    ) -> dict[str, str | bytes | Link]:
        """A tree with these gitlinks, "" for none."""
        tree: dict[str, str | bytes | Link] = {"Dockerfile": "FROM scratch\n"}
        if toml:
            tree[".guard.toml"] = toml
        if modules is not None:
            tree[".gitmodules"] = modules
        if aula:
            tree["aula"] = Link(self._aula[aula])
        if thentos:
            tree["thentos"] = Link(self._thentos[thentos])
        return tree


def docker(pins: Pins) -> History:
    """What the team pinned, one commit a shape."""
    history = History()
    history.commit("start", pins("no range", "0.2.1"))
    _incident(history, pins)
    _gitlinks(history, pins)
    _modules(history, pins)
    _releases(history, pins)
    _merges(history, pins)
    _consumers(history, pins)
    _removed(history, pins)
    _settings(history, pins)
    return history


def _incident(history: History, pins: Pins) -> None:
    history.commit("unreleased", pins("no range", "api"))
    history.commit("unreleased and asked for", pins("lower bound", "api more"))
    history.commit("content of a release", pins("lower bound", "0.3.0 merged"))
    history.commit("released", pins("lower bound", "0.3.0"))
    history.commit("both bounds", pins("both bounds", "0.3.0"))
    history.commit("too old", pins("both bounds", "0.2.1"))
    history.commit("too new", pins("caret", "0.4.0"))
    history.commit("no release fits", pins("not released yet", "0.4.0"))


def _gitlinks(history: History, pins: Pins) -> None:
    history.commit("thentos nowhere", pins("both bounds", "nowhere"))
    history.commit("aula nowhere", pins("nowhere", "0.3.0"))
    history.commit("both nowhere", pins("nowhere", "nowhere"))
    history.commit("no aula", pins("", "0.3.0"))
    history.commit("entry without gitlink", pins("both bounds", ""))
    history.commit("aula is a folder", {**pins("", "0.3.0"), "aula/aula.cabal": "name: aula\n"})
    history.commit("back again", pins("both bounds", "0.3.0"))
    history.commit("backwards", pins("no range", "0.2.1"), late=-200)


def _modules(history: History, pins: Pins) -> None:
    named = _BOTH.replace('"thentos"', '"the-dependency"')
    history.commit("name unlike path", pins("both bounds", "0.3.0", modules=named), late=-200)
    history.commit("ssh url", pins("both bounds", "0.3.0", modules=_SSH), late=-200)
    history.commit("tabs and spaces", pins("both bounds", "0.3.0", modules=_MIXED))
    history.commit("no .gitmodules", pins("both bounds", "0.3.0", modules=None))
    broken = f"{_BOTH}[submodule\n"
    history.commit("malformed .gitmodules", pins("both bounds", "0.3.0", modules=broken))


def _releases(history: History, pins: Pins) -> None:
    history.commit("bare tag", pins("no range", "start"))
    history.commit("release beside", pins("no range", "0.2.0"))
    history.commit("never tagged", pins("session", "0.8.0"))
    history.commit("candidate", pins("no range", "0.9.0-rc1"))
    history.commit("two tags", pins("no range", "0.9.0"))
    history.commit("version unreadable", pins("lower bound", "no version"))
    history.commit("several versions", pins("lower bound", "two versions"))
    history.commit("several versions, no path", pins("no path", "two versions"))
    history.commit("hpack alone", pins("lower bound", "package.yaml"))
    history.commit("marker in thentos", pins("lower bound", "marker"))
    history.commit("no package left", pins("lower bound", "empty"))


def _merges(history: History, pins: Pins) -> None:
    history.commit("published", pins("both bounds", "0.3.0"))
    mine = ("published",)
    history.commit("private", pins("stanzas", "0.4.0"), parents=mine, branch="private")
    history.commit("theirs", pins("exact or", "0.4.0"), parents=mine)
    both = ("private", "theirs")
    history.commit("neither parent's", pins("excluded", "0.7.0"), parents=both, message=_PULL)
    history.commit("branch like a tag", pins("never", "0.4.0"), branch="v0.38.0")


def _consumers(history: History, pins: Pins) -> None:
    before = ("neither parent's",)
    history.commit("stanzas", pins("stanzas", "0.4.0"), parents=before)
    history.commit("package.yaml", pins("package.yaml only", "0.4.0"))
    history.commit("disagreeing", pins("disagreeing", "0.3.0"))
    history.commit("leniently", pins("read leniently", "0.3.0"))
    history.commit("marker in aula", pins("marker", "0.3.0"))
    history.commit("no such path", pins("no such path", "0.3.0"))
    history.commit("nested path", pins("nested path", "0.7.0"))
    history.commit("allow newer", pins("allow newer", "0.4.0"))
    history.commit("hackage and gitlink", pins("hackage and gitlink", "0.3.0"))
    history.commit("git source", pins("git source", "0.3.0"))
    history.commit("git source at the gitlink", pins("git source at 0.4.0", "0.4.0"))
    history.commit("images disagree", pins("images disagree", "0.3.0"))


def _removed(history: History, pins: Pins) -> None:
    alone = _ENTRY.format(name="aula", path="aula")
    history.commit("removed, path left", pins("both bounds", "", modules=alone))
    history.commit("removed, git source", pins("git source", "", modules=alone))
    history.commit("from hackage", pins("hackage", "", modules=alone))
    history.commit("from hackage, too old", pins("hackage too old", "", modules=alone))


def _settings(history: History, pins: Pins) -> None:
    error = '[rules]\nimage-pin = "error"\n'
    history.commit("image-pin is an error", pins("images disagree", "0.3.0", toml=error))
    bare = f'[guard]\nrelease-tag = "{{version}}"\n\n{GUARD_TOML}'
    history.commit("bare tags are releases", pins("no range", "start", toml=bare))
    history.commit("malformed settings", pins("both bounds", "0.3.0", toml="[image\n"))
    swapped = f'[guard]\nconsumer = "thentos"\ndependency = "aula"\n\n{GUARD_TOML}'
    history.commit("swapped names", pins("both bounds", "0.3.0", toml=swapped))
    history.commit("settled", pins("images agree", "0.3.0", toml=GUARD_TOML))
    history.commit("tag unlike version", pins("no range", "odd"))
