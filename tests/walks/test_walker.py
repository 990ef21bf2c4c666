"""The walker itself, with a script in guard's place: each way not to end well is seen."""

from __future__ import annotations

import pytest

from tests.walks.walker import (
    CommandError,
    DeadEndError,
    Ending,
    LostBlobError,
    LostBranchError,
    RepeatedStateError,
    Walker,
    WalkError,
    put_guard_into,
)
from tests.workshop import Repo, Workshop

# Says the lines of the file `plan` one after the other, then that nothing is left.
_SCRIPT = """\
#!/bin/sh
plan={root}/plan
next=$(head -n 1 "$plan")
sed -i 1d "$plan"
echo "next: ${{next:-nothing: all is done}}"
"""


def walker(workshop: Workshop, *plan: str) -> Walker:
    """Somebody in aula-docker whose guard says these lines."""
    tools = workshop.root / "bin"
    put_guard_into(tools, _SCRIPT.format(root=workshop.root))
    (workshop.root / "plan").write_text("".join(f"{line}\n" for line in plan))
    remotes = [Repo(workshop.root / "remotes/aula-docker.git")]
    return Walker(workshop.docker, [workshop.docker, workshop.aula], remotes, tools, None)


def test_a_walk_to_the_end(workshop: Workshop) -> None:
    walk = walker(workshop, "git commit --allow-empty -m 'One more'", "git push origin master")
    assert walk.walk() is Ending.NOTHING
    assert walk.commands == ["git commit --allow-empty -m 'One more'", "git push origin master"]
    assert workshop.remote_head("aula-docker") == workshop.docker.head


@pytest.mark.parametrize(
    ("command", "raises"),
    [
        ("git push nowhere master", CommandError),
        ("git status", RepeatedStateError),
        ("git switch --create other", LostBranchError),
        ("git -C aula checkout --detach", LostBranchError),
        ("git reset --hard", LostBlobError),
        ("rm untracked", LostBlobError),
    ],
)
def test_a_step_that_does_not_do(workshop: Workshop, command: str, raises: type[WalkError]) -> None:
    workshop.docker.write({"Dockerfile": "FROM somewhere\n", "untracked": "of the developer\n"})
    workshop.docker.git("add", "Dockerfile")
    walk = walker(workshop, command)
    with pytest.raises(raises) as caught:
        walk.walk()
    assert f"$ {command}" in str(caught.value)


def test_what_is_stashed_or_committed_is_not_lost(workshop: Workshop) -> None:
    workshop.docker.write({"Dockerfile": "FROM somewhere\n", "untracked": "of the developer\n"})
    saved = ("git stash --include-untracked", "git stash pop", "git add .", "git commit -m All")
    with pytest.raises(RepeatedStateError, match="of 2 steps ago"):
        walker(workshop, *saved).walk()
    assert walker(workshop, *saved[2:]).walk() is Ending.NOTHING


def test_no_end_and_a_goal_that_is_not_reached(workshop: Workshop) -> None:
    walk = walker(workshop, *(f"git tag v{number}" for number in range(100)))
    with pytest.raises(DeadEndError, match="no end after"):
        walk.walk()
    with pytest.raises(DeadEndError, match="but not: it is pushed"):
        walk.reaches(False, "it is pushed")
