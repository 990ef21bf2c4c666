"""Podman's service as an engine: `make engines` runs these, and brings Podman first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from guard import config
from guard.config import Config, Image
from guard.engine import classic, failures
from guard.engine.attempt import attempt, choose_builder
from guard.engine.baseimage import base_image
from guard.engine.build import Event, Outcome, Output, StepDone
from guard.engine.client import Engine
from guard.engine.failures import TEXTS, Cause, Trouble
from guard.engine.images import RegistryError, push
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.podman import podman
from tests.engine.test_attempt import lines, own_containers, parts
from tests.engine.test_endings import HANGING, Victim, processes, settled
from tests.engine.test_texts import PODMAN_CASES, first
from tests.engine.trees import Content, Store


@pytest.fixture(scope="module", params=["crun", "runc"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a service with each of the two runtimes."""
    with podman(request.param) as service:
        yield service


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[Engine]:
    with Engine.connect(url) as connected:
        yield connected


@pytest.fixture(scope="module")
def base(engine: Engine) -> str:
    return base_image(engine)


@pytest.fixture
def trial(engine: Engine) -> Trial:
    return Trial(engine, "auto")


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine) -> Iterator[None]:
    """Whatever a test does, no container and no volume is there afterwards."""
    yield
    assert engine.api.containers(all=True) == []
    assert engine.api.volumes()["Volumes"] == []


def test_it_is_named_for_what_it_is(engine: Engine, url: str) -> None:
    version = engine.facts.version
    assert version.startswith("5.")
    assert str(engine.facts) == f"Podman Engine {version} (linux/amd64) at {url}"
    assert str(choose_builder(engine, "auto")) == f"classic (Buildah of Podman {version})"


def test_it_has_no_buildkit(engine: Engine, url: str) -> None:
    with pytest.raises(EngineError, match=f"{url} is Podman, which has none") as refused:
        choose_builder(engine, "buildkit")
    assert 'builder = "auto"' in refused.value.remedy


def test_a_combination_passes(trial: Trial, store: Store, base: str) -> None:
    made = parts(
        store,
        f"FROM {base} AS first\nRUN echo built >/built; echo said; echo loudly >&2\nFROM {base}\n"
        "ARG WHO\nCOPY --from=first /built /\nCOPY . /liqd\n"
        "RUN --mount=type=cache,target=/c echo $WHO >/who\n",
    )
    image = trial.image._replace(build_args=(("WHO", "me"),))
    test = ("/bin/sh", "-c", "cat /built /who /liqd/aula/Main.hs")
    tried = trial.run(made, *test, image=image)
    assert (tried.result, tried.last.tail) == (Result.PASSED, ("built", "me", "main"))
    assert trial.engine.image_id(tried.build.image)
    assert [(used.name, used.id) for used in tried.build.bases] == [
        (base, trial.engine.image_id(base))
    ]
    assert {"said", "loudly"} <= set(lines(trial))
    assert [step.number for step in done(trial)] == [1, 2, 3, 4, 5, 6, 7]
    assert trial.run(made, image=image).build.image == tried.build.image
    assert [step.number for step in done(trial) if not step.cached] == [1, 3]


def done(trial: Trial) -> list[StepDone]:
    return [event for event in trial.events if isinstance(event, StepDone)]


@pytest.mark.parametrize(("start", "dockerfile"), PODMAN_CASES)
def test_it_says_each_text(
    start: str,
    dockerfile: str,
    trial: Trial,
    store: Store,
    base: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    troubles: list[Trouble] = []

    def judged(trouble: Trouble, text: str) -> Outcome:
        troubles.append(trouble)
        return failures.judged(trouble, text)

    monkeypatch.setattr(classic, "judged", judged)
    if start.startswith(("executable", "the path")) and "runc" in url:
        start = 'exec: ".*": '
    image = Image(target="nope" if start.startswith("^The target") else "")
    tried = trial.run(parts(store, dockerfile.replace("FROM base", f"FROM {base}")), image=image)
    assert tried.result is Result.FAILED_BUILD
    text = first(troubles[0].message)
    assert text.startswith(start), troubles[0].message
    cause = {text: cause for cause, text in TEXTS}[text]
    assert tried.last.status == (3 if cause is Cause.STATUS else None)


@pytest.mark.parametrize("dockerfile", ["FROM localhost:1/x\n", "FROM base\nCOPY --from=x /x /\n"])
def test_a_base_that_cannot_be_had_is_no_verdict(
    dockerfile: str, trial: Trial, store: Store, base: str
) -> None:
    with pytest.raises(EngineError, match="the engine has no base image"):
        trial.run(parts(store, dockerfile.replace("FROM base", f"FROM {base}")))


@pytest.mark.parametrize(
    ("command", "reason", "status"),
    [
        (("/bin/sh", "-c", "echo broken; exit 3"), "exit status 3", 3),
        (("nope",), "test command 'nope' not found in the image", None),
        (("/nope",), "test command '/nope' not found in the image", None),
        (("/etc/passwd",), "test command '/etc/passwd' cannot be executed in the image", None),
        (("/etc",), "test command '/etc' cannot be executed in the image", None),
        (("/bin/sleep", "1000"), "the test did not end within 3 seconds", None),
    ],
)
def test_a_test_that_fails(
    command: tuple[str, ...], reason: str, status: int, trial: Trial, store: Store, base: str
) -> None:
    tried = trial.run(parts(store, f"FROM {base}\n"), *command, timeout=3)
    assert tried.result is Result.FAILED_TEST
    assert tried.last.failure.startswith(reason)
    assert tried.last.status == status


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_test_that_somebody_else_ends_has_not_passed(
    way: str, trial: Trial, store: Store, base: str
) -> None:
    command = "trap 'exit 0' TERM; echo ready; while :; do sleep 1 & wait; done"
    settings = Config(image=trial.image, test=config.Test(("/bin/sh", "-c", command), 60))
    others: list[threading.Thread] = []

    def on_event(event: Event) -> None:
        if event == Output("ready"):
            (container,) = own_containers(trial)
            others.append(threading.Thread(target=getattr(trial.engine.api, way), args=[container]))
            others[0].start()

    with trial.stack, pytest.raises(EngineError, match="stopped from outside"):
        prepared = trial.prepared(parts(store, f"FROM {base}\n"), settings)
        attempt(trial.engine, prepared, on_event)
    others[0].join()


def test_the_source_replaces_what_the_image_has(trial: Trial, store: Store, base: str) -> None:
    made = parts(store, f"FROM {base}\nCOPY . /liqd/\nRUN echo old >/liqd/aula/old\n")
    image = trial.image._replace(consumer="manifests")
    run = ("/bin/sh", "-c", "cd /liqd/aula && test ! -e old && cat Main.hs")
    assert trial.run(made, *run, image=image, source="/liqd/aula").last.tail == ("main",)


def test_the_dockerfiles_own_ignore_file_goes_first(trial: Trial, store: Store, base: str) -> None:
    files: dict[str, Content] = {
        "ci/Dockerfile": f"FROM {base}\nCOPY . /x/\n",
        "ci/Dockerfile.dockerignore": "a\n",
        ".dockerignore": "b\n",
        **dict.fromkeys("ab", "x"),
    }
    image = trial.image._replace(dockerfile="ci/Dockerfile")
    assert trial.run([store.part(files)], "/bin/ls", "/x", image=image).last.tail == ("b", "ci")


def test_a_registry_that_is_down_is_told_as_that(engine: Engine, base: str) -> None:
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1 does not answer"):
        push(engine, engine.image_id(base), "127.0.0.1:1/liqd/aula:x", lambda transfer: None)


@pytest.mark.parametrize("phase", ["build", "test"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_guard_leaves_nothing(
    number: signal.Signals,
    phase: str,
    url: str,
    trial: Trial,
    store: Store,
    base: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    marker = f": podman-{phase}-{number.name}-{os.path.basename(os.path.dirname(url))};"
    step = f"RUN {marker} {HANGING}\n" if phase == "build" else ""
    victim = Victim(store, f"FROM {base}\n{step}", f"{marker} {HANGING}", "auto")
    assert processes(marker)
    victim.end(number)
    victim.lines.close()
    if number is signal.SIGKILL:
        # It is for the next one, then.
        assert trial.run(parts(store, f"FROM {base}\n")).result is Result.PASSED
    assert settled(lambda: processes(marker)) == []


def test_a_build_that_takes_too_long_is_ended(trial: Trial, store: Store, base: str) -> None:
    marker = f": podman-too-long-{os.getpid()};"
    with pytest.raises(EngineError, match="the build did not end within 3 seconds"):
        trial.run(parts(store, f"FROM {base}\nRUN {marker} {HANGING}\n"), timeout=3)
    assert settled(lambda: processes(marker)) == []
