"""What the hook starts, by its path: ``python -I -S -X utf8 .../guard/start.py pre-push ...``.

Python compiles what it starts by a path anew at every start: the rest is elsewhere.
"""

import sys

if __name__ == "__main__":
    # Behind Python's own: nothing that lies beside guard takes the place of a module of Python's.
    sys.path.append(__file__.removesuffix("/guard/start.py"))
    from guard.starting import hook

    hook()
