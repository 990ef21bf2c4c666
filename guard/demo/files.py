"""What the demo's repositories hold. Shell scripts stand in for the Haskell modules.

The shape and the version numbers are those of 2 and 3 March 2016: thentos changes the arguments of
its form handler while its packages still say 0.2.1, releases that as 0.3.0, and aula calls it the
old way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Files = Mapping[str, str]

_CABAL: Final = """\
name:                {name}
version:             {version}
synopsis:            {synopsis}
license:             AGPL-3
build-type:          Simple
cabal-version:       >=1.18

library
  exposed-modules:     {module}
  build-depends:       base
  default-language:    Haskell2010
"""

# Called with other arguments than it takes, it says so as a compiler would.
_HANDLER: Final = """\
# Stands in for the module Thentos.FormHandler.

formHandler() {{
    if [ $# -ne {count} ]; then
        echo "error: formHandler takes {count} arguments ({arguments}), but is given $#: $*" >&2
        return 1
    fi
    echo "<form action=\\"$1\\" {fields}></form>"
}}
"""

_LOGIN: Final = """\
# Stands in for the module Frontend.Login.

. ../thentos/thentos-core/src/FormHandler.sh

loginForm() {{
    formHandler {arguments}
}}
"""

_AULA: Final = """\
name:                aula
version:             0.1.0.0
synopsis:            School councils on line
license:             AGPL-3
build-type:          Simple
cabal-version:       >=1.18

library
  exposed-modules:     Frontend.Login
  build-depends:
      base
    , thentos-core{wanted}
  default-language:    Haskell2010

test-suite tests
  type:                exitcode-stdio-1.0
  main-is:             Spec.hs
  build-depends:
      aula
    , base
    , thentos-core{wanted}
  default-language:    Haskell2010
"""

_STACK: Final = """\
resolver: lts-3.20
packages:
- '.'
- '../thentos/thentos-core/'
- '../thentos/servant-session/'
extra-deps: []
"""

_TRAVIS: Final = """\
sudo: required
services:
    - docker
language: c

before_install:
    - docker pull example/aula

script:
    - docker run --rm -v `pwd`:/liqd/aula/ example/aula /bin/sh -c "/liqd/aula/.travis/hlint.sh"
    - docker run --rm -v `pwd`:/liqd/aula/ example/aula /bin/sh -c "/liqd/aula/.travis/build.sh"
"""

_HLINT: Final = """\
#!/bin/sh
cd /liqd/aula || exit 1
echo "looking at the sources"
for file in src/*.sh; do
    sh -n "$file" || exit 1
done
"""

_BUILD: Final = """\
#!/bin/sh
cd /liqd/aula || exit 1
echo "building aula with thentos-core $(sed -n 's/^version: *//p' ../thentos/thentos-core/*.cabal)"
. src/Login.sh
form=$(loginForm) || exit 1
echo "loginForm gives $form"
[ "$form" = '<form action="/login" method="post" fields="name,password"></form>' ]
"""

_DOCKERFILE: Final = """\
FROM {base}
COPY . /liqd/
WORKDIR /liqd/aula
RUN test -f /liqd/aula/aula.cabal
"""


def thentos(version: str, new_api: bool) -> Files:
    """The packages of thentos: thentos-core in a version, servant-session always 0.5."""
    core = _CABAL.format(
        name="thentos-core",
        version=version,
        synopsis="Users, sessions and their forms",
        module="Thentos.FormHandler",
    )
    session = _CABAL.format(
        name="servant-session",
        version="0.5",
        synopsis="Sessions for servant",
        module="Servant.Session",
    )
    handler = (
        _HANDLER.format(
            count=3,
            arguments="action, method, fields",
            fields='method=\\"$2\\" fields=\\"$3\\"',
        )
        if new_api
        else _HANDLER.format(
            count=2, arguments="action, fields", fields='method=\\"post\\" fields=\\"$2\\"'
        )
    )
    return {
        "thentos-core/thentos-core.cabal": core,
        "thentos-core/src/FormHandler.sh": handler,
        "servant-session/servant-session.cabal": session,
    }


def aula(wanted: str, new_api: bool) -> Files:
    """aula: what it wants of thentos-core, and how it calls it; scripts are executable."""
    arguments = "/login post name,password" if new_api else "/login name,password"
    return {
        "aula.cabal": _AULA.format(wanted=f" {wanted}" if wanted else ""),
        "stack.yaml": _STACK,
        "src/Login.sh": _LOGIN.format(arguments=arguments),
        ".travis.yml": _TRAVIS,
        ".travis/hlint.sh": _HLINT,
        ".travis/build.sh": _BUILD,
    }


def superproject(base: str) -> Files:
    """aula-docker without its submodules.

    Args:
        base: the image that the Dockerfile starts from.
    """
    return {"Dockerfile": _DOCKERFILE.format(base=base)}
