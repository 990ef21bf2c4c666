"""How Python, as the hook starts it, finds what is imported, and how it ends."""

from __future__ import annotations

import gc
import os
import sys
from marshal import loads
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from importlib.util import MAGIC_NUMBER
    from types import CodeType
    from typing import Final, NoReturn
else:
    # The same, without what those two import: that would take longer than is saved here.
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader

# A push makes some ten thousand objects and hardly a cycle: looking for garbage takes longer than
# it is worth.
_OBJECTS: Final = 100_000
# Bytes: more than any module of guard has, and less than what the system is asked for each time.
_MOST: Final = 1 << 16
_UNSIGNED: Final = 0xFFFFFFFF
_CACHED: Final = f".{sys.implementation.cache_tag}.pyc"


class Compiled(SourceFileLoader):
    """Loads a module of guard whose code is at hand."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        """What was found."""
        return self._code


class Own:
    """The first finder on ``sys.meta_path``: modules of guard that are compiled already.

    For each module `importlib` looks for every kind of file that could be one, and asks the disk
    three times as often as this, which leaves to it whatever is not as usual.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        """A module whose compiled form is of the source as it is, by Python's own rule (PEP 3147).

        That is: the header of the file names this Python, and the source's time and size.
        """
        if path is None or not name.startswith("guard."):
            return None
        folder = path[0]
        leaf = name.rpartition(".")[2]
        source = f"{folder}/{leaf}.py"
        cached = f"{folder}/__pycache__/{leaf}{_CACHED}"
        try:
            stat = os.stat(source)
            file = os.open(cached, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.read(file, _MOST)
            finally:
                os.close(file)
        except OSError:
            return None
        of = (int(stat.st_mtime) & _UNSIGNED, stat.st_size & _UNSIGNED)
        head = b"%s\0\0\0\0%s%s" % (MAGIC_NUMBER, *(part.to_bytes(4, "little") for part in of))
        if len(data) == _MOST or not data.startswith(head):
            return None
        code = loads(memoryview(data)[len(head) :])
        spec = ModuleSpec(name, Compiled(name, source, code), origin=source)
        spec.has_location = True
        spec.cached = cached
        return spec


class Rest:
    """The last finder on ``sys.meta_path`` of a Python that was started with -S.

    `site`, which -S leaves out, reads all the ``.pth`` files of an environment, and most of them
    import something: a third of Python's start. An accepted push needs only what is Python's own or
    lies beside guard; as soon as anything else is imported, `site` is run after all.
    """

    asked = False

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        """What `site` makes importable."""
        # The standard library itself tries modules that only other systems have.
        if cls.asked or path is not None or name in sys.stdlib_module_names:
            return None
        cls.asked = True
        import site

        site.main()
        for finder in sys.meta_path:
            spec = finder.find_spec(name, None)
            if spec is not None:
                return spec
        return None


def hook() -> NoReturn:
    """Run one command as a hook does, and exit."""
    sys.meta_path.append(Rest)
    command()


def command() -> NoReturn:
    """Run one command, and exit."""
    quicken()
    leave(_status())


def quicken() -> None:
    """Import from now on as fast as we can."""
    gc.set_threshold(_OBJECTS)
    sys.meta_path.insert(0, Own)


def _status() -> int:
    # Ctrl-C may come before there is anything that takes it.
    try:
        from guard.cli import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("guard: interrupted\n")
        return 130


def leave(status: int) -> NoReturn:
    """Exit at once, when all has been said.

    Python takes everything apart at its end, which takes as long as two git processes; the system
    does that at once. What has asked to be told of the end is told.
    """
    threads = sys.modules.get("threading")
    if threads is None or all(
        each.daemon or each is threads.main_thread() for each in threads.enumerate()
    ):
        if (ending := sys.modules.get("atexit")) is not None:
            ending._run_exitfuncs()
        _exit(status)
    sys.exit(status)


def _exit(status: int) -> None:
    """Exit at once, or return where there is still something to say and nobody takes it."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(status)
