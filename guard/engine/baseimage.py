"""A small base image made of this machine's own programs, for the demo, the tests and the probe.

No registry is needed: a static busybox if there is one, else the machine's shell and a few tools
with the libraries that they load. Only where neither can run on the engine is an image pulled.
"""

from __future__ import annotations

import io
import os
import platform
import re
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from docker.errors import APIError

from guard.engine.client import Engine, explanation
from guard.engine.endings import shielded
from guard.engine.leftovers import OWNER, owner, remove
from guard.errors import EngineError

NAME: Final = "guard-base"
TAG: Final = "local"

_PULLED: Final = "busybox"
_TOOLS: Final = (
    *("sh", "cat", "chmod", "cmp", "cp", "cut", "date", "dd", "diff", "echo", "env", "false"),
    *("find", "grep", "head", "id", "ln", "ls", "mkdir", "mv", "printf", "pwd", "readlink", "rm"),
    *("rmdir", "sed", "seq", "sha256sum", "sleep", "sort", "stat", "tail", "tar", "tee", "test"),
    *("touch", "tr", "true", "uname", "uniq", "wc", "xargs"),
)
_FILES: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def base_image(engine: Engine) -> str:
    """The name of a base image on which ``/bin/sh`` runs; made if it is not there yet.

    Raises:
        EngineError: no container runs on this engine, or no base can be had.
    """
    name = f"{NAME}:{TAG}"
    if engine.image_id(name):
        return name
    troubles = []
    for make in (_busybox, _own_shell):
        archive = make() if _is_same_machine(engine) else None
        if archive is None:
            continue
        with engine.speaking("import the base image"):
            cast(Any, engine.api).import_image_from_data(archive, repository=NAME, tag=TAG)
        try:
            run_nothing(engine, name)
        except EngineError as error:
            troubles.append(error.problem)
            continue
        return name
    return _pull(engine, troubles)


def run_nothing(engine: Engine, image: str) -> None:
    """Run a container that does nothing: an engine is usable when one ran, not when it answers.

    Raises:
        EngineError: none runs, with what the engine says.
    """
    remedy = "look into the engine's log; in a container it needs to be privileged"
    try:
        with own_container(engine, image, "/bin/sh", "-c", ":") as name:
            engine.api.start(name)
            status = engine.api.wait(name)["StatusCode"]
    except APIError as error:
        raise EngineError(
            f"the engine at {engine.facts.host} answers, but no container runs on it: "
            f"{explanation(error)}",
            remedy,
        ) from error
    if status != 0:
        raise EngineError(
            f"a container on the engine at {engine.facts.host} ended with status {status}", remedy
        )


@contextmanager
def own_container(engine: Engine, image: str, *command: str) -> Iterator[str]:
    """The name of a container that goes when the context ends; raises what the SDK raises."""
    name = f"guard-probe-{uuid.uuid4().hex[:12]}"
    try:
        engine.api.create_container(
            image,
            list(command),
            name=name,
            entrypoint=[],
            labels={OWNER: owner()},
        )
        yield name
    finally:
        with shielded():
            remove(engine, name)


def _is_same_machine(engine: Engine) -> bool:
    """Whether programs of this machine can run on the engine."""
    own = _MACHINES.get(platform.machine(), platform.machine())
    return platform.system() == "Linux" and engine.facts.platform == f"linux/{own}"


def _pull(engine: Engine, troubles: list[str]) -> str:
    try:
        with engine.speaking(f"pull {_PULLED}"):
            engine.api.pull(_PULLED, tag="latest")
            cast(Any, engine.api).tag(f"{_PULLED}:latest", NAME, tag=TAG)
    except EngineError as error:
        raise EngineError("\n".join([*troubles, error.problem]), error.remedy) from error
    name = f"{NAME}:{TAG}"
    run_nothing(engine, name)
    return name


def _busybox() -> bytes | None:
    program = shutil.which("busybox")
    if program is None or _libraries(program) != []:
        return None
    listed = subprocess.run([program, "--list"], capture_output=True, check=False)
    links = sorted(set(listed.stdout.decode().split()) - {"busybox", ""})
    if "sh" not in links:
        return None
    files = {"bin/busybox": Path(program)}
    return _archive(files, {f"bin/{name}": "busybox" for name in links})


def _own_shell() -> bytes | None:
    files: dict[str, Path] = {}
    for tool in _TOOLS:
        program = shutil.which(tool, path="/bin:/usr/bin")
        if program is None:
            continue
        libraries = _libraries(program)
        if libraries is None:
            continue
        files[f"bin/{tool}"] = Path(program)
        files.update((library.lstrip("/"), Path(library)) for library in libraries)
    return _archive(files, {}) if "bin/sh" in files else None


def _libraries(program: str) -> list[str] | None:
    """The libraries and the loader of a program; none for a static one; None: it is no program."""
    with Path(program).open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
    found = subprocess.run(
        ["ldd", program], capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if found.returncode != 0:
        return []
    return re.findall(r"(?:^|\s)(/\S+) \(0x", found.stdout.decode())


def _archive(files: dict[str, Path], links: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add_folders(archive, [*files, *links, *_FILES])
        for name, path in sorted(files.items()):
            _add(archive, name, path.read_bytes(), 0o755)
        for name, target in sorted(links.items()):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for name, text in _FILES.items():
            _add(archive, name, text.encode(), 0o644)
    return buffer.getvalue()


def _add_folders(archive: tarfile.TarFile, names: list[str]) -> None:
    parents = {str(parent) for name in names for parent in Path(name).parents} - {"."}
    for name in sorted({*parents, "root", "tmp"}):
        folder = tarfile.TarInfo(name)
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o1777 if name == "tmp" else 0o755
        archive.addfile(folder)


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))
