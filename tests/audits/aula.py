"""A made history of aula: the shapes of manifests and of files that pick the image."""

from __future__ import annotations

from collections.abc import Mapping

from tests.audits.making import History, Link, Tree
from tests.workshop import cabal

_STACK = "resolver: lts-3.20\npackages:\n- '.'\n- ../thentos/thentos-core/\n"
_HPACK = "name: aula\nversion: 0.1\nlibrary:\n  source-dirs: src\n"
_STANZAS = """\
name:          aula
version:       0.1
cabal-version: >=1.10
build-type:    Simple

flag dev
  default: False

library
  build-depends: base >=4, thentos-core >=0.3 && <0.5
               , servant-session
  default-language: Haskell2010

executable aula
  main-is: Main.hs
  build-depends: base, thentos-core >=0.4
  if flag(dev)
    build-depends: thentos-core <0.4
  default-language: Haskell2010

test-suite spec
  type: exitcode-stdio-1.0
  main-is: Spec.hs
  build-depends: base
    , thentos-core ==0.4.*
  --, thentos-frontend-session
    , servant-session >= 0.5 && <0.6
  default-language: Haskell2010
"""
_TRAVIS = """\
before_install:
    - docker pull {image}
script:
    - docker run --rm -v `pwd`:/liqd/aula/ {image} /bin/sh -c "/liqd/aula/build.sh"
"""


def _tree(*depends: str, **files: str | bytes | None) -> dict[str, str | bytes | Link]:
    """aula with what its manifest asks for; files by name, None takes one away."""
    tree: dict[str, str | bytes | Link] = {
        "aula.cabal": cabal("aula", "0.1", *depends),
        "stack.yaml": _STACK,
    }
    for name, content in files.items():
        path = _PATHS[name]
        if content is None:
            tree.pop(path, None)
        else:
            tree[path] = content
    return tree


_PATHS = {
    "cabal": "aula.cabal",
    "hpack": "package.yaml",
    "stack": "stack.yaml",
    "project": "cabal.project",
    "travis": ".travis.yml",
    "make": "Makefile",
    "run": "docker/run.sh",
    "readme": "README.md",
}
_FITS = "thentos-core >=0.3 && <0.4"


def aula(thentos: Mapping[str, str]) -> History:
    """One commit a shape.

    Args:
        thentos: its commits by their names.
    """
    history = History(after=5)
    history.commit("start", _tree("thentos-core"), late=-20)  # before there was an aula-docker
    _ranges(history)
    _manifests(history)
    _sources(history, thentos)
    _images(history)
    return history


def _ranges(history: History) -> None:
    history.commit("no range", _tree("thentos-core", "servant-session"))
    history.commit("lower bound", _tree("thentos-core >=0.3.0"))
    history.commit("both bounds", _tree(_FITS))
    history.commit("caret", _tree("thentos-core ^>=0.3.0"))
    history.commit("exact or", _tree("thentos-core ==0.2.1 || ==0.4.*"))
    history.commit("excluded", _tree("thentos-core >0.3.0 && <=0.4.0", "servant-session ==0.5"))
    history.commit("never", _tree("thentos-core >=0.4 && <0.3"))
    history.commit("not released yet", _tree("thentos-core >=2 && <3"))
    history.commit("stanzas", _tree(cabal=_STANZAS))
    history.commit("session", _tree("thentos-frontend-session >=0.8.0 && <0.9"))


def _manifests(history: History) -> None:
    beside = f"{_HPACK}dependencies:\n- base\n- thentos-core >=0.3 && <0.5\n"
    history.commit("package.yaml only", _tree(cabal=None, hpack=beside))
    history.commit("disagreeing", _tree(_FITS, hpack=beside))
    history.commit("agreeing", _tree("thentos-core >=0.3 && <0.5", hpack=beside))
    lenient = f"{_HPACK}  other-modules:\ndependencies:\n- thentos-core >=0.3\n"
    history.commit("read leniently", _tree(cabal=None, hpack=lenient))
    history.commit("no manifest", _tree(cabal=None, stack=None))
    history.commit("requires nothing", _tree("text"))
    commented = cabal("aula", "0.1", _FITS).replace(
        "  default", "  -- , servant-session <0\n  default"
    )
    stack = f"{_STACK}# - ../thentos/thentos-adhocracy/\n"
    history.commit("commented out", _tree(cabal=commented, stack=stack))
    marker = cabal("aula", "0.1", _FITS).replace("    , thentos", ">>>>>>> theirs\n    , thentos")
    history.commit("marker", _tree(cabal=marker))
    history.commit("no final newline", _tree(cabal=cabal("aula", "0.1", _FITS).rstrip("\n")))
    windows = cabal("aula", "0.1", _FITS).replace("\n", "\r\n")
    history.commit("ends of lines of Windows", _tree(cabal=windows))
    folded = "name: aula\nversion: 0.1\nauthor: >\n  Andrés Løh <a@example.org>,\n  Zoë\n"
    names = f"{folded}library:\n  dependencies: thentos-core ==0.3.*\n"
    history.commit("names in UTF-8", _tree(cabal=None, hpack=names))
    bad = cabal("aula", "0.1", "thentos-core >=x.y")
    history.commit("range unreadable", _tree(cabal=bad))
    history.commit("version v0.1", _tree(cabal=cabal("aula", "v0.1", _FITS)))


def _sources(history: History, thentos: Mapping[str, str]) -> None:
    extra = "resolver: lts-6.3\npackages:\n- '.'\nextra-deps:\n- thentos-cookie-session-{}\n"
    cookie = "thentos-cookie-session >=0.9.0 && <0.10"
    history.commit("hackage", _tree(cookie, stack=extra.format("0.9.1")))
    history.commit("hackage too old", _tree(cookie, stack=extra.format("0.8.4")))
    core = extra.replace("cookie-session", "core").format("0.3.0")
    history.commit("hackage and gitlink", _tree(_FITS, stack=core))
    history.commit("no such path", _tree(_FITS, stack=f"{_STACK}- ../thentos/thentos-session/\n"))
    inner = f"{_STACK}- ../thentos/submodules/servant/servant/\n- ../other/\n- submodules/x\n"
    history.commit("nested path", _tree(_FITS, stack=inner))
    history.commit("allow newer", _tree(_FITS, stack=f"{_STACK}\nallow-newer: true\n"))
    git = (
        "resolver: lts-6.3\npackages: ['.']\nextra-deps:\n- git: https://example.org/liqd/thentos\n"
    )
    git += "  commit: {}\n  subdirs: [thentos-core]\n"
    history.commit("git source", _tree(_FITS, stack=git.format("3a" * 20)))
    at = thentos["0.4.0"]
    history.commit("git source at 0.4.0", _tree("thentos-core ==0.4.*", stack=git.format(at)))
    alone = "resolver: lts-6.3\npackages:\n- '.'\n"
    history.commit("no path", _tree("thentos-core >=0.3.0", stack=alone))
    project = "packages: .\n  ../thentos/thentos-core/\nconstraints: thentos-core ==0.3.0\n"
    history.commit("cabal.project", _tree(_FITS, stack=None, project=project))


def _images(history: History) -> None:
    plain = _TRAVIS.format(image="quay.io/liqd/aula")
    tagged = _TRAVIS.format(image="quay.io/liqd/aula:thentos-0.3")
    run = "docker run -it quay.io/liqd/aula:{} /bin/sh\n"
    history.commit("image without tag", _tree(_FITS, travis=plain))
    history.commit(
        "image latest", _tree(_FITS, travis=_TRAVIS.format(image="quay.io/liqd/aula:latest"))
    )
    history.commit("images disagree", _tree(_FITS, travis=tagged, run=run.format("thentos-0.2")))
    history.commit("images agree", _tree(_FITS, travis=tagged, run=run.format("thentos-0.3")))
    other: Tree = {"Makefile": "shell:\n\tdocker run fisx/aula sh\n"}
    history.commit("another image", {**_tree(_FITS, travis=tagged), **other})
    variable = "env:\n    - IMAGE=quay.io/liqd/aula:$TAG\nscript:\n    - docker run $IMAGE true\n"
    history.commit("image by variable", _tree(_FITS, travis=variable))
