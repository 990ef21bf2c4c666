"""Whether blobs are there and how large they are, without reading them."""

from __future__ import annotations

from collections.abc import Sequence

from guard.errors import GitError
from guard.git.repository import Repository


def blob_sizes(repository: Repository, ids: Sequence[str]) -> list[int | None]:
    """The size in bytes of each blob, None where the repository has no blob of that id.

    Raises:
        GitError: git failed, or answered less than it was asked.
    """
    process = repository.start(
        *("cat-file", "--batch-check=%(objecttype) %(objectsize)", "--buffer"),
        feeds=True,
    )
    output, errors = process.communicate("".join(f"{blob}\n" for blob in ids).encode())
    # Whatever else it may be, or its absence, has another word in front.
    sizes = [int(line[5:]) if line.startswith(b"blob ") else None for line in output.splitlines()]
    said = errors.decode(errors="replace").strip()
    if process.returncode != 0 and "promisor" in said and len(sizes) < len(ids):
        # Git before 2.45 dies over the first object that a partial clone only promises.
        return sizes + [None] * (len(ids) - len(sizes))
    if process.returncode != 0 or len(sizes) != len(ids):
        raise GitError(
            f"git cat-file in {repository.git_dir} ended too early: "
            f"{said or f'exit status {process.returncode}'}",
            f"git --git-dir={repository.git_dir} fsck",
        )
    return sizes
