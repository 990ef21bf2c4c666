"""Building and testing on a real engine: each ending is named for what it is."""

from __future__ import annotations

import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from guard import config
from guard.config import Config
from guard.engine import build
from guard.engine.attempt import attempt
from guard.engine.build import Event, Options, Output, Step, StepDone
from guard.engine.classic import classic_build
from guard.engine.client import Engine
from guard.engine.leftovers import OWNER, owner
from guard.errors import EngineError, UsageError
from guard.git.repository import Repository
from guard.git.store import Part
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.trees import Content, Link, Store, Submodule


@pytest.fixture(autouse=True)
def nothing_left(trial: Trial) -> Iterator[None]:
    """Whatever a test does, no container of this process is there afterwards."""
    yield
    assert own_containers(trial) == []


def own_containers(trial: Trial) -> list[str]:
    filters = {"label": f"{OWNER}={owner()}"}
    return [each["Id"] for each in trial.engine.api.containers(all=True, filters=filters)]


def parts(store: Store, dockerfile: str, **files: Content) -> list[Part]:
    aula: dict[str, Content] = {"aula.cabal": "name: aula\n", "Main.hs": "main\n"}
    root: dict[str, Content] = {"Dockerfile": dockerfile, "aula": Submodule(), **files}
    return [store.part(root), store.part(aula, "aula")]


def lines(trial: Trial) -> list[str]:
    return [event.text for event in trial.events if isinstance(event, Output)]


def test_a_combination_that_passes(trial: Trial, store: Store, base: str) -> None:
    made = parts(store, f"FROM {base}\nCOPY . /liqd/\nRUN cat /liqd/aula/Main.hs\n", run="x")
    found = trial.run(made, "/bin/sh", "-c", "echo tested; cat /liqd/run; echo err >&2")
    assert found.result is Result.PASSED
    assert (found.last.failure, found.last.status) == ("", 0)
    assert "tested" in lines(trial)
    assert sorted(found.last.tail) == ["err", "tested", "x"]
    assert [base.name for base in found.build.bases] == [base]
    assert found.build.bases[0].id == trial.engine.image_id(base)
    assert found.build.image == trial.engine.image_id(found.build.image)
    assert found.platform == trial.engine.facts.platform
    assert [step.text.split()[0] for step in found.build.steps] == ["FROM", "COPY", "RUN"]


SH = "/bin/sh"
ENTRYPOINTS = {
    "swallows": 'ENTRYPOINT ["/bin/echo", "starting the server"]',
    "fails": 'ENTRYPOINT ["/bin/false"]',
    "wraps": """ENTRYPOINT ["/bin/sh", "-c", "export STAGE=ready; exec \\"$@\\"", "wrapper"]""",
    "is a text": "ENTRYPOINT exec /bin/sh -c 'exit 5'\nCMD /bin/true",
    "is missing": 'ENTRYPOINT ["/no/such/program"]',
}


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_the_command_runs_as_it_stands_whatever_the_image_would_start(
    entrypoint: str, trial: Trial, store: Store, base: str
) -> None:
    made = parts(store, f"FROM {base}\nENV FROM_IMAGE=1\n{ENTRYPOINTS[entrypoint]}\n")
    failing = trial.run(made, SH, "-c", "echo of the test; exit 3")
    assert (failing.result, failing.last.status) == (Result.FAILED_TEST, 3)
    assert failing.last.tail == ("of the test",)
    passing = trial.run(made, SH, "-c", 'test "$FROM_IMAGE" && echo "stage ${STAGE:-none}"')
    assert (passing.result, passing.last.tail) == (Result.PASSED, ("stage none",))


@pytest.mark.parametrize(
    ("entrypoint", "result", "status", "tail"),
    [
        ("swallows", Result.PASSED, 0, "starting the server /bin/sh -c echo $STAGE; exit 3"),
        ("fails", Result.FAILED_TEST, 1, ""),
        ("wraps", Result.FAILED_TEST, 3, "ready"),
        ("is a text", Result.FAILED_TEST, 5, ""),
    ],
)
def test_the_entrypoint_is_given_the_command_where_that_is_asked_for(
    entrypoint: str,
    result: Result,
    status: int,
    tail: str,
    trial: Trial,
    store: Store,
    base: str,
) -> None:
    made = parts(store, f"FROM {base}\n{ENTRYPOINTS[entrypoint]}\n")
    found = trial.run(made, SH, "-c", "echo $STAGE; exit 3", entrypoint=True)
    assert (found.result, found.last.status) == (result, status)
    assert found.last.tail == ((tail,) if tail else ())


def test_what_is_ignored_is_not_in_the_image(trial: Trial, store: Store, base: str) -> None:
    files: dict[str, Content] = {"README.md": "x", "docs/a/b": "x", "docs.txt": "x", "run": "x"}
    made = parts(store, f"FROM {base}\nCOPY . /liqd/\n", **files)
    image = trial.image._replace(ignore=("README.md", "docs"))
    found = trial.run(made, SH, "-c", "cd /liqd && find . -type f | sort", image=image)
    assert found.last.tail == (
        *("./Dockerfile", "./aula/Main.hs", "./aula/aula.cabal", "./docs.txt", "./run"),
    )


def test_lines_of_the_two_streams_do_not_mix(trial: Trial, store: Store, base: str) -> None:
    script = "printf ab; sleep 0.2; printf FA >&2; sleep 0.2; echo cd; echo IL >&2; exit 1"
    found = trial.run(parts(store, f"FROM {base}\n"), "/bin/sh", "-c", script)
    assert sorted(found.last.tail) == ["FAIL", "abcd"]
    assert found.last.words == "FAIL"


def test_a_character_that_comes_in_two_pieces(trial: Trial, store: Store, base: str) -> None:
    script = "printf '\\342\\234'; sleep 0.3; printf '\\230\\n'"
    assert trial.run(parts(store, f"FROM {base}\n"), "/bin/sh", "-c", script).last.tail == ("✘",)


def test_the_first_line_that_tells_why_a_build_fails(trial: Trial, store: Store, base: str) -> None:
    script = "echo x.hs:1:1: error: why; seq 100; echo end >&2; exit 3"
    found = trial.run(parts(store, f"FROM {base}\nRUN {script}\n"))
    assert (found.result, found.last.words) == (Result.FAILED_BUILD, "x.hs:1:1: error: why")


def test_what_is_told_while_it_goes_on(trial: Trial, store: Store, base: str) -> None:
    made = parts(store, f"FROM {base}\nRUN printf 'one\\r\\ntwo'\n")
    trial.run(made, "/bin/true", fresh=False)
    trial.run(made, "/bin/sh", "-c", "printf 'a\\nb'")
    told = [event for event in trial.events if not isinstance(event, StepDone)]
    assert told[-5:-2] == [
        Step(1, 2, f"FROM {base}"),
        Step(2, 2, "RUN printf 'one\\r\\ntwo'"),
        build.Testing(trial.engine.image_id(made_image(told)), ("/bin/sh", "-c", "printf 'a\\nb'")),
    ]
    assert told[-2:] == [Output("a"), Output("b")]
    cached = [event.cached for event in trial.events if isinstance(event, StepDone)]
    # BuildKit calls the base cached where another build looks it up at the same time.
    assert len(cached) == 2
    assert cached[1]


def made_image(told: Sequence[Event]) -> str:
    return next(event.image for event in told if isinstance(event, build.Testing))


def test_the_second_build_of_the_same_content_is_cached(
    trial: Trial, store: Store, base: str
) -> None:
    made = parts(store, f"FROM {base}\nCOPY . /x\nRUN echo built >/y\n")
    first = trial.run(made)
    second = trial.run(made)
    assert all(step.cached for step in second.build.steps[1:])
    assert (second.build.image, second.context_digest) == (first.build.image, first.context_digest)


@pytest.mark.parametrize("times", [1, 4, 5])
def test_images_that_others_remove_meanwhile_cost_no_build(
    engine: Engine,
    store: Store,
    base: str,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
) -> None:
    classic = Trial(engine, "classic")
    message = f'unable to find image "sha256:{"6" * 64}"'
    replies = [{"stream": "Step 1/2 : FROM x"}, {"errorDetail": {"message": message}}]
    stumbles = iter(range(times))
    real = engine.api.build

    def build(**options: Any) -> Any:
        if next(stumbles, None) is None:
            yield from real(**options)
        else:
            assert list(options["fileobj"])
            yield from replies

    monkeypatch.setattr(engine.api, "build", build)
    made = parts(store, f"FROM {base}\nCOPY . /x\n")
    if times < 5:
        assert classic.run(made).result is Result.PASSED
    else:
        with pytest.raises(EngineError, match=message):
            classic.run(made)


def test_fresh_uses_no_cache(trial: Trial, store: Store, base: str) -> None:
    made = parts(store, "FROM scratch\nCOPY . /x\n")
    prepared = trial.prepared(made, _config(trial, "/bin/true"))

    def build(fresh: bool) -> list[bool]:
        trial.events.clear()
        classic_build(
            *(trial.engine, prepared.context, prepared.recipe, Options(fresh)), trial.on_event
        )
        return [event.cached for event in trial.events if isinstance(event, StepDone)]

    build(False)
    assert build(False) == [True]
    assert build(True) == [False]


def test_fresh_with_a_base_that_is_only_here_says_so(trial: Trial, store: Store, base: str) -> None:
    made = parts(store, f"FROM {base}\nCOPY . /x\n")
    with pytest.raises(
        EngineError, match=rf"{base} could not be pulled\. This engine has it"
    ) as it:
        trial.run(made, fresh=True)
    assert it.value.remedy == "guard test --again"
    with pytest.raises(EngineError, match="the engine has no base image"):
        trial.run(parts(store, "FROM localhost:1/nowhere\n"), fresh=True)


@pytest.mark.parametrize(
    ("default", "platform", "remedy"),
    [
        ("linux/arm64", "", "unset DOCKER_DEFAULT_PLATFORM"),
        ("", "linux/arm64", "correct [image] platform in .guard.toml"),
    ],
)
def test_a_base_that_is_here_for_another_platform_says_so(
    default: str,
    platform: str,
    remedy: str,
    engine: Engine,
    store: Store,
    base: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", default)
    trial = Trial(engine, "buildkit")
    image = trial.image._replace(platform=platform)
    words = f"the engine has {base} for linux/amd64 alone, and this builds for linux/arm64: "
    with pytest.raises(EngineError, match=words) as caught:
        trial.run(parts(store, f"FROM {base}\nCOPY . /x\n"), image=image)
    assert caught.value.remedy == remedy


OUTSIDE = r"(COPY failed: forbidden path outside the build context|\"/x\": not found)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "FROM {base}\nRUN echo last words; exit 3\n",
            "exit status 3: RUN echo last words; exit 3$",
        ),
        ("RUN x\n", "no build stage in current context$"),
        ("", "the Dockerfile .*cannot be empty$"),
        ("FROM {base}\nCOPY ../x /\n", OUTSIDE),
        ("FROM scratch\nCOPY . /\nRUN x\n", 'exec: "/bin/sh": stat /bin/sh: no such file'),
        ("FROM {base}\nUSER nope\nRUN x\n", "unable to find user nope"),
        ("FROM {base} AS a\nFROM {base}\nCOPY --from=a /nope /\n", "no(t exist| such file)"),
    ],
)
def test_a_build_that_the_combination_fails(
    text: str, reason: str, trial: Trial, store: Store, base: str
) -> None:
    found = trial.run(parts(store, text.replace("{base}", base)))
    assert found.result is Result.FAILED_BUILD
    assert re.search(reason, found.last.failure)
    assert (found.build.image, found.test) == ("", None)
    assert found.last.status == (3 if "exit 3" in text else None)
    assert "last words" not in text or found.last.tail == ("last words",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("FROM 127.0.0.1:1/nope:latest\nRUN x\n", "no base image"),
        ("FROM {base}\nCOPY --from=127.0.0.1:1/nope /x /\n", "no base image"),
        ("FROM {base}\nADD http://127.0.0.1:1/x /\n", "no network"),
        ("FROM {base}\nRUN <<E\necho x\nE\n", "needs (a newer )?BuildKit"),
        ("FROM {base}\nRUN echo No space left on device; exit 1\n", "disk is full"),
        ("FROM {base}\nRUN sh -c 'kill -9 $$'; exit $?\n", "was killed"),
    ],
)
def test_a_build_that_the_engine_fails_is_no_verdict(
    text: str, problem: str, trial: Trial, store: Store, base: str
) -> None:
    with pytest.raises(EngineError, match=problem):
        trial.run(parts(store, text.replace("{base}", base)))


@pytest.mark.parametrize("text", ["FROM {}\n", "FROM {base}\nCOPY --from={} /x /\n"])
def test_a_base_image_that_is_not_there_is_named_with_the_command_that_pulls_it(
    text: str, trial: Trial, store: Store, base: str
) -> None:
    name = "127.0.0.1:1/nope:latest"
    with pytest.raises(EngineError, match=f"the engine has no base image {name}: ") as it:
        trial.run(parts(store, text.replace("{}", name).replace("{base}", base)))
    assert it.value.remedy == f"docker pull {name}"


def test_stages_of_buildkit_each_have_their_output(engine: Engine, store: Store, base: str) -> None:
    trial = Trial(engine, "buildkit")
    text = (
        f"FROM {base} AS one\nRUN echo from one; sleep 1\nFROM {base} AS two\n"
        f"RUN echo from two; sleep 1\nFROM {base}\nCOPY --from=one /bin/sh /1\n"
        "COPY --from=two /bin/sh /2\n"
    )
    trial.run(parts(store, text), fresh=False)
    steps = {event.number: event.text for event in trial.events if isinstance(event, Step)}
    for event in trial.events:
        if isinstance(event, Output) and event.number:
            assert event.text in steps[event.number]


@pytest.mark.parametrize(
    ("command", "reason", "status"),
    [
        (("/bin/sh", "-c", "echo broken; exit 3"), "exit status 3", 3),
        (("nope",), "test command 'nope' not found in the image", None),
        (("/etc/passwd",), "test command '/etc/passwd' cannot be executed in the image", None),
        (("/bin/sh", "-c", "/etc/passwd"), "exit status 126: test command '/bin/sh', or", 126),
    ],
)
def test_a_test_that_fails(
    command: tuple[str, ...], reason: str, status: int, trial: Trial, store: Store, base: str
) -> None:
    found = trial.run(parts(store, f"FROM {base}\n"), *command)
    assert found.result is Result.FAILED_TEST
    assert found.last.failure.startswith(reason)
    assert found.last.status == status
    assert found.build.image
    assert "broken" not in reason or found.last.tail == ("broken",)


def test_a_test_that_the_kernel_kills_for_memory(trial: Trial, store: Store, base: str) -> None:
    # The limit is set on the running container; the test eats only when it sees it.
    wait = (
        "limit() { cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max; };"
        "echo ready; until limit 2>/dev/null | grep -q 33554432; do :; done;"
        "x=12345678; while :; do x=$x$x; done"
    )
    prepared = trial.prepared(parts(store, f"FROM {base}\n"), _config(trial, "/bin/sh", "-c", wait))

    def on_event(event: Event) -> None:
        if event == Output("ready"):
            (container,) = own_containers(trial)
            trial.engine.api.update_container(container, mem_limit="32m", memswap_limit="32m")

    found = attempt(trial.engine, prepared, on_event)
    assert found.result is Result.FAILED_TEST
    assert found.last.failure == "the kernel killed the test for want of memory (exit status 137)"


def _config(trial: Trial, *command: str) -> Config:
    return Config(image=trial.image, test=config.Test(command, 60))


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_test_that_somebody_else_ends_has_not_passed(
    way: str, trial: Trial, store: Store, base: str
) -> None:
    command = "trap 'exit 0' TERM; echo ready; while :; do sleep 1 & wait; done"
    prepared = trial.prepared(
        parts(store, f"FROM {base}\n"), _config(trial, "/bin/sh", "-c", command)
    )
    others: list[threading.Thread] = []

    def on_event(event: Event) -> None:
        if event == Output("ready"):
            (container,) = own_containers(trial)
            others.append(threading.Thread(target=getattr(trial.engine.api, way), args=[container]))
            others[0].start()

    with pytest.raises(EngineError, match="stopped from outside"):
        attempt(trial.engine, prepared, on_event)
    others[0].join()


def test_the_source_replaces_what_the_image_has(trial: Trial, store: Store, base: str) -> None:
    text = f"FROM {base}\nCOPY . /liqd/\nRUN echo old >/liqd/aula/old\n"
    image = trial.image._replace(consumer="manifests")
    command = "test ! -e old && cat Main.hs && test ! -e /liqd/.guard.toml"
    made = parts(store, text)
    run = ("/bin/sh", "-c", f"cd /liqd/aula && {command}")
    found = trial.run(made, *run, image=image, source="/liqd/aula")
    assert (found.result, found.last.tail) == (Result.PASSED, ("main",))
    changed = [made[0], store.part({"aula.cabal": "name: aula\n", "Main.hs": "new\n"}, "aula")]
    again = trial.run(changed, *run, image=image, source="/liqd/aula")
    assert (again.result, again.last.tail) == (Result.PASSED, ("new",))
    assert again.build.image == found.build.image


def test_the_source_may_stand_where_the_image_has_nothing(
    trial: Trial, store: Store, base: str
) -> None:
    made = parts(store, f"FROM {base}\n")
    found = trial.run(made, "/bin/cat", "/a/b c/Main.hs", source="/a/b c")
    assert found.last.tail == ("main",)


@pytest.mark.parametrize(
    "targets",
    [
        ("none", "nowhere", "/none"),
        # The same bytes, and the same file.
        ("marker", "alike"),
        ("marker", "./marker", "aula/../marker"),
        # Into the folder, and left out of what is sent.
        ("left-out", "left-out-too"),
    ],
)
def test_a_changed_link_is_changed_in_the_image(
    targets: tuple[str, ...], trial: Trial, store: Store, base: str
) -> None:
    dockerfile = f"FROM {base}\nCOPY . /x/\nRUN readlink /x/link\n"
    for target in targets:
        files: dict[str, Content] = dict.fromkeys(("left-out", "left-out-too"), "x")
        files |= dict.fromkeys(("marker", "alike"), "a link")
        files |= {".dockerignore": "left-out*\n", "link": Link(target)}
        made = parts(store, dockerfile, **files)
        assert trial.run(made, "/bin/readlink", "/x/link").last.tail == (target,)


def test_the_dockerfiles_own_ignore_file_is_for_buildkit(
    trial: Trial, builder: str, store: Store, base: str
) -> None:
    files: dict[str, Content] = {
        "ci/Dockerfile": f"FROM {base}\nCOPY . /x/\n",
        "ci/Dockerfile.dockerignore": "a\n",
        ".dockerignore": "b\n",
        "a": "x",
        "b": "x",
    }
    image = trial.image._replace(dockerfile="ci/Dockerfile")
    listed = trial.run([store.part(files)], "/bin/ls", "/x", image=image)
    assert listed.last.tail == ("a" if builder == "classic" else "b", "ci")


def test_the_same_content_is_cached_in_another_clone_and_under_another_umask(
    trial: Trial, store: Store, base: str, tmp_path: Path
) -> None:
    dockerfile = f"FROM {base}\nCOPY . /x/\nRUN ls -R /x\n"
    made = parts(store, dockerfile, kept="kept", run=uuid.uuid4().hex)
    first = trial.run(made, "/bin/cat", "/x/kept")
    other = tmp_path / "other.git"
    shutil.copytree(store.folder, other)
    clone = Repository(str(other), str(other))
    old = os.umask(0o077)
    try:
        cloned = [part._replace(repository=clone) for part in made]
        second = trial.run(cloned, "/bin/cat", "/x/kept")
    finally:
        os.umask(old)
    assert second.build.image == first.build.image
    assert all(step.cached for step in second.build.steps[1:])


def test_without_a_test_command_nothing_is_built(trial: Trial, store: Store) -> None:
    with pytest.raises(UsageError, match="no test command"):
        trial.prepared(parts(store, "FROM scratch\n"), Config())


def test_containers_of_a_dead_guard_are_removed_and_of_others_not(
    trial: Trial, store: Store, base: str
) -> None:
    here = owner()
    dead = f"{here.partition(' ')[0]} {2**22 + 1} 1"
    elsewhere = f"elsewhere/0/0 {2**22 + 1} 1"
    reused = f"{here.rpartition(' ')[0]} 1"
    machine, _, process = here.partition(" ")
    booted_since = f"{machine.split('/')[0]}/earlier/0 {process}"
    made = {
        label: _sleeping(trial, base, label)
        for label in (dead, elsewhere, reused, booted_since, here, "of others")
    }
    try:
        trial.run(parts(store, f"FROM {base}\n"))
        there = {each["Id"] for each in trial.engine.api.containers(all=True)}
        left = {label for label, container in made.items() if container in there}
        assert left == {elsewhere, here, "of others"}
    finally:
        for label in (elsewhere, here, "of others"):
            trial.engine.api.remove_container(made[label], force=True)


def _sleeping(trial: Trial, base: str, label: str) -> str:
    api = trial.engine.api
    made = api.create_container(base, ["/bin/sleep", "1000"], labels={OWNER: label})
    # Any guard that works on this engine at this moment may have removed it, as it should.
    with suppress(APIError):
        api.start(made["Id"])
    return str(made["Id"])
