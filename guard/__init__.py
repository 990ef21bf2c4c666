"""guard: pushing several repositories that ship together without ever breaking them."""

import os
import sys
from collections.abc import Iterator

__version__ = "0.1.0"

# What mends an installation of which something is missing.
REINSTALL = f"{sys.executable} -m pip install --force-reinstall DIR (a clone of guard's repository)"


def mistake(error: Exception) -> str:
    """What a person is told of an exception that nobody expected; ends with a line break.

    It must not open the gate, and nobody can mend it from a traceback at a push. Here it is there
    although the rest of guard may be missing.
    """
    if _tells_of_a_loss(error):
        problem, following = "guard's installation is incomplete", f"to mend it: {REINSTALL}"
    else:
        problem = f"this is a mistake in guard itself: {type(error).__name__}"
        following = "to see where: set GUARD_DEBUG=1 and run it again"
        if os.environ.get("GUARD_DEBUG"):
            following = "\n  ".join(_places(error))
    return f"guard: error: {problem}: {error}\n  {following}\n"


def _places(error: Exception) -> Iterator[str]:
    """Where in the code it happened, as `traceback` has it, which takes its time to import."""
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        yield f"{code.co_filename}:{step.tb_lineno} in {code.co_name}"
        step = step.tb_next


def _tells_of_a_loss(error: Exception) -> bool:
    """Whether a part of guard, or of what it needs, is not there as it was installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    is_part = isinstance(error, OSError) and str(error.filename).startswith(here)
    return is_part or isinstance(error, ImportError | SyntaxError)
