"""Every text that counts is one that a real builder says, and means what the table says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from guard.config import Config, Image, Test
from guard.engine import buildkit, classic, failures
from guard.engine.attempt import choose_builder
from guard.engine.baseimage import base_image
from guard.engine.build import Options, Outcome
from guard.engine.cli import BuildkitCli, find_cli
from guard.engine.client import Engine
from guard.engine.failures import TEXTS, Cause, Trouble
from guard.errors import EngineError
from tests.engine.conftest import Trial
from tests.engine.own import NEWER, NEWER_CONTAINERD, own_engine
from tests.engine.test_attempt import parts
from tests.engine.trees import Store

BUILDX = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"

MOUNTED = "RUN --mount=type=bind,from=a,source=/nope,target=/m ls /m\n"

# A builder, how its text begins in the table, and a Dockerfile with which it says so. For that of a
# target, one is asked for that is not there.
CASES = [
    ("docker", "no space left", "FROM base\nRUN echo No space left on device; exit 1\n"),
    ("classic", "no space left", "FROM base\nRUN echo Disk quota exceeded; exit 1\n"),
    ("buildx", "did not complete", "FROM base\nRUN exit 3\n"),
    ("docker", "^executor failed", "FROM base\nRUN exit 3\n"),
    ("classic", "option requires", "FROM base\nRUN --mount=type=cache,target=/c true\n"),
    ("classic", "dial tcp", "FROM base\nADD http://127.0.0.1:1/x /\n"),
    ("docker", "dial tcp", "FROM base\nADD http://127.0.0.1:1/x /\n"),
    ("buildx", "dial tcp", "FROM base\nADD http://127.0.0.1:1/x /\n"),
    ("classic", 'exec: ".*": .*(?:exec', 'FROM base\nRUN ["nope"]\n'),
    ("classic", 'exec: ".*": .*(?:exec', 'FROM scratch\nCOPY . /\nRUN ["/nope"]\n'),
    ("classic", 'exec: ".*": perm', 'FROM base\nRUN ["/etc/passwd"]\n'),
    ("classic", "unable to find", "FROM base\nUSER nope\nRUN true\n"),
    ("docker", "unable to find", "FROM base\nUSER root:nope\nRUN true\n"),
    ("buildx", "unable to find", "FROM base\nUSER root:nope\nRUN true\n"),
    ("classic", "dockerfile parse error", "FROM base\nFOO\n"),
    ("docker", "dockerfile parse error", "FROM base\nFOO\n"),
    ("buildx", "dockerfile parse error", "FROM base\nFOO\n"),
    ("docker", "the Dockerfile cannot", ""),
    ("buildx", "the Dockerfile cannot", ""),
    ("buildx", "invalid escape token", "# escape=x\nFROM base\n"),
    ("buildx", "target stage", "FROM base\n"),
    ("buildx", "^lint violation", "# check=error=true\nFROM base\nMAINTAINER x\n"),
    ("buildx", "invalid stage index", "FROM base\nCOPY --from=9 /x /\n"),
    ("classic", "invalid from flag", "FROM base\nCOPY --from=9 /x /\n"),
    ("classic", "(?:COPY|ADD) failed: (?:", "FROM base\nCOPY nope /\n"),
    ("classic", "(?:COPY|ADD) failed: (?:", "FROM base\nADD nope* /\n"),
    ("classic", "(?:COPY|ADD) failed: (?:", "FROM base\nCOPY ../x /\n"),
    ("classic", "(?:COPY|ADD) failed: stat", "FROM base AS a\nFROM base\nCOPY --from=a /nope /\n"),
    ("docker", '"/', "FROM base\nCOPY nope /\n"),
    ("buildx", '"/', "FROM base\nADD nope /\n"),
    ("docker", '"/', f"FROM base AS a\nRUN echo x > /x\nFROM base\n{MOUNTED}"),
    ("buildx", '"/', f"FROM base AS a\nRUN echo x > /x\nFROM base\n{MOUNTED}"),
    ("docker", "^(?:failed to walk", "FROM base AS a\nFROM base\nCOPY --from=a /nope /\n"),
    ("docker", "^(?:failed to walk", "FROM base AS a\nFROM base\nCOPY --from=a /nope/x /\n"),
    ("buildx", "^(?:failed to walk", "FROM base AS a\nFROM base\nCOPY --from=a /nope/x /\n"),
    ("classic", "with more than one", "FROM base\nCOPY Dockerfile aula /x\n"),
    ("classic", "^(?:Cannot mkdir", "FROM base\nWORKDIR /etc/passwd\n"),
    ("classic", "^(?:Cannot mkdir", "FROM base\nCOPY aula /etc/passwd\n"),
    ("classic", "^(?:mkdir", "FROM base\nWORKDIR /etc/passwd/x\n"),
    ("docker", "^(?:mkdir", "FROM base\nWORKDIR /etc/passwd\n"),
    ("docker", "^(?:mkdir", "FROM base\nWORKDIR /etc/passwd/x\n"),
    ("buildx", "^(?:mkdir", "FROM base\nWORKDIR /etc/passwd\n"),
    ("buildx", "^(?:mkdir", "FROM base\nWORKDIR /etc/passwd/x\n"),
    ("buildx", "^cannot copy", "FROM base\nCOPY aula /etc/passwd\n"),
    ("classic", "unable to convert", "FROM base\nCOPY --chown=nope Dockerfile /\n"),
    ("classic", "^base name", "ARG X\nFROM $X\n"),
    ("classic", "^invalid reference", "FROM base:$X\n"),
    ("classic", "^failed to process", "FROM base\nENV A=${X:!}\n"),
    ("classic", "stage name already", "FROM base AS a\nFROM base AS a\n"),
    ("classic", "^invalid (?:", "FROM base\nEXPOSE x/y\n"),
    ("classic", "^invalid (?:", "FROM base\nSTOPSIGNAL x\n"),
]
# The same of Podman, where `make engines` tries them.
PODMAN_CASES = [
    ("while running runtime", "FROM base\nRUN exit 3\n"),
    ("executable file `", 'FROM base\nRUN ["nope"]\n'),
    ("executable file `", 'FROM base\nRUN ["/nope"]\n'),
    ("the path `", 'FROM base\nRUN ["/etc/passwd"]\n'),
    ("determining run uid", "FROM base\nUSER nope\nRUN true\n"),
    ("copier: stat", "FROM base\nCOPY nope /\n"),
    ("copier: stat", "FROM base\nADD nope* /\n"),
    ("copier: stat", "FROM base\nCOPY ../x /\n"),
    ("copier: stat", "FROM base AS a\nFROM base\nCOPY --from=a /nope /\n"),
    ("^The target", "FROM base AS a\n"),
    ("^no (?:FROM", "RUN true\n"),
    ("^no (?:FROM", ""),
    ("^FROM requires", "FROM\n"),
    ("Build error: Unknown", "FROM base\nFOO\n"),
    ("^building at STEP .*: \\S+ only", "FROM base\nRUN --frob true\n"),
    ("^building at STEP .*: copier: mkdir", "FROM base\nWORKDIR /etc/passwd/x\n"),
    ("Invalid image name", "FROM UPPER/x\n"),
]


def first(message: str) -> str:
    """The text in the table that decides."""
    return next(text for _, text in TEXTS if re.search(text, message, re.IGNORECASE | re.DOTALL))


def test_each_text_has_a_build_that_brings_it_forth() -> None:
    starts = {start for _, start, _ in CASES} | {start for start, _ in PODMAN_CASES}
    # An engine that runs nothing is in test_refusing.py.
    texts = [text for cause, text in TEXTS if cause is not Cause.NO_RUNTIME]
    assert [text for text in texts if not text.startswith(tuple(starts))] == []


@pytest.fixture(scope="module")
def newer() -> Iterator[Engine]:
    with own_engine(NEWER_CONTAINERD) as started, Engine.connect(started.host) as engine:
        base_image(engine)
        yield engine


@pytest.mark.parametrize(("builder", "start", "dockerfile"), CASES)
def test_a_builder_says_it(
    builder: str,
    start: str,
    dockerfile: str,
    engine: Engine,
    base: str,
    store: Store,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cli = find_cli(plugins=())
    if builder == "buildx":
        engine = request.getfixturevalue("newer")
        cli = BuildkitCli((str(BUILDX), "build"), "buildx 0.29.1", True)
    troubles: list[Trouble] = []

    def judged(trouble: Trouble, text: str) -> Outcome:
        troubles.append(trouble)
        return failures.judged(trouble, text)

    for module in (classic, buildkit):
        monkeypatch.setattr(module, "judged", judged)
    trial = Trial(engine, "classic" if builder == "classic" else "buildkit")
    target = "nope" if start == "target stage" else ""
    config = Config(image=Image(builder=trial.image.builder, target=target), test=Test(("true",)))
    made = parts(store, dockerfile.replace("FROM base", f"FROM {base}"))
    with trial.stack:
        prepared = trial.prepared(made, config)
        build = choose_builder(engine, trial.image.builder, lambda: cli).build
        try:
            build(engine, prepared.context, prepared.recipe, Options(), trial.on_event)
            is_verdict = True
        except EngineError:
            is_verdict = False
    text = first(troubles[0].message)
    assert text.startswith(start), troubles[0].message
    cause = {text: cause for cause, text in TEXTS}[text]
    assert is_verdict == (cause in (Cause.STATUS, Cause.NOT_STARTED, Cause.COMBINATION))
