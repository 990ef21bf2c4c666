"""Records, their store, sharing, trust; here the names by which the store is laid out."""

from typing import Final

# Beside the records: what was lost, as `guard.verdicts.salvage` knows it.
LOST: Final = "lost.json"
# Whose verdicts count: a person's own choice, and never the tree's.
SETTING: Final = "guard.trust"
# The random names of this clone, which stand in the records that it makes.
CLONE: Final = "guard.clone"


def record_path(key: str, recipe: str) -> str:
    """Where a record stands in the tree."""
    return f"{key[:2]}/{key[2:]}/{recipe}.json"
