"""``python -m guard``: the same as the command ``guard``; and what the hook comes to."""

from __future__ import annotations

import sys

from guard.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from typing import NoReturn


def main() -> int:
    """Run one command and return the exit status."""
    # Ctrl-C may come before there is anything that takes it.
    try:
        from guard.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("guard: interrupted\n")
        return 130


class Rest:
    """The last finder on ``sys.meta_path`` of a Python that was started with -S.

    `site`, which -S leaves out, reads all the ``.pth`` files of an environment, and most of them
    import something: a third of Python's start. An accepted push needs only what is Python's own or
    lies beside guard; as soon as anything else is imported, `site` is run after all.
    """

    asked = False

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None, _: object = None
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
    status = main()
    # Python takes everything apart at its end, which takes as long as two git processes; the system
    # does that at once. What has asked to be told of the end is told.
    if not {"atexit", "threading"} & sys.modules.keys():
        _exit(status)
    sys.exit(status)


def _exit(status: int) -> None:
    """Exit at once, or return where there is still something to say and nobody takes it."""
    import os

    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
