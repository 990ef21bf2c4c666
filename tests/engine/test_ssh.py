"""An engine on another machine: the user's own ssh is what reaches it, as for the docker CLI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guard.engine.client import Engine
from guard.engine.ssh import command
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.test_endings import AULA
from tests.engine.trees import Store, Submodule

# Stands in for ssh and for the other machine: notes what it was asked, and runs that here.
NEAR = """\
#!/bin/sh
echo "$*" >>"{log}"
unset DOCKER_HOST DOCKER_CONTEXT
while [ "$1" != -- ]; do shift; done
shift 2
exec sh -c "$*"
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `ssh` in front of the PATH, to be written."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", "ssh://dev@far.example:2222")
    return tmp_path / "bin" / "ssh"


def write(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


def test_both_builders_build_there(
    ssh: Path, tmp_path: Path, store: Store, base: str, builder: str
) -> None:
    write(ssh, NEAR.format(log=tmp_path / "log"))
    parts = [
        store.part({"Dockerfile": f"FROM {base}\nRUN echo far\n", "aula": Submodule()}),
        store.part(AULA, "aula"),
    ]
    with Engine.connect() as engine:
        assert engine.facts.host == "ssh://dev@far.example:2222"
        found = Trial(engine, builder).run(parts, "/bin/sh", "-c", "echo out; exit 3")
    assert (found.result, found.last.status, found.last.tail) == (Result.FAILED_TEST, 3, ("out",))
    asked = (tmp_path / "log").read_text().splitlines()
    ours = "-o ConnectTimeout=30 -T -l dev -p 2222 -- far.example docker system dial-stdio"
    assert asked[0] == ours
    assert all("far.example" in line for line in asked)


def test_what_ssh_says_is_told(ssh: Path) -> None:
    write(ssh, "#!/bin/sh\necho 'dev@far.example: Permission denied (publickey).' >&2\nexit 255\n")
    with pytest.raises(EngineError, match=r"far.example:2222: .*Permission denied") as caught:
        Engine.connect()
    assert caught.value.remedy.startswith("ssh -o ConnectTimeout=30 -T -l dev -p 2222")


def test_no_ssh_here(ssh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(ssh.parent))
    with pytest.raises(EngineError, match="ssh: No such file or directory"):
        Engine.connect()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ssh://far", ["--", "far", "docker system dial-stdio"]),
        ("ssh://Far:1", ["-p", "1", "--", "Far", "docker system dial-stdio"]),
        ("ssh://a%40b@far", ["-l", "a@b", "--", "far", "docker system dial-stdio"]),
        ("ssh://[::1]:22", ["-p", "22", "--", "::1", "docker system dial-stdio"]),
        (
            "ssh://far/run/my docker.sock",
            ["--", "far", "docker --host 'unix:///run/my docker.sock' system dial-stdio"],
        ),
    ],
)
def test_the_command(url: str, words: list[str]) -> None:
    assert command(url)[4:] == words


@pytest.mark.parametrize("url", ["ssh://", "ssh://:22", "ssh://far:x"])
def test_a_url_that_names_no_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    with pytest.raises(EngineError, match="names no machine"):
        Engine.connect()
