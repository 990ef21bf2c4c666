"""`guard test` on a real engine, from the first line to the push that its verdict opens."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from guard.engine.client import Engine
from guard.git.files import held, lock_file
from guard.model import Result
from tests.engine.own import NEWER
from tests.workshop import GUARD_TOML, Workshop, running_commands

BUILDX = NEWER / "usr/libexec/docker/cli-plugins/docker-buildx"
# The last words are those that say something, without their colours.
TEST = "printf '\\033[31mit breaks\\033[0m\\n\\n---\\n'; exit 7\n"


@pytest.fixture
def prepared(workshop: Workshop, base: str) -> Workshop:
    """The workshop with an image that can be built here."""
    workshop.docker.commit("Use the base", {"Dockerfile": f"FROM {base}\nCOPY . /liqd/\n"})
    return workshop


def test_a_passed_verdict_opens_both_pushes(prepared: Workshop) -> None:
    prepared.install()
    ran = prepared.guard("test")
    assert ran.status == 0, ran.text
    assert f"testing aula {prepared.aula.head[:12]} with thentos" in ran.out
    assert "(v0.3.0) in aula-docker (the index)" in ran.out
    assert "  | the tests of aula ran" in ran.out
    assert "passed: verdict" in ran.out
    assert prepared.push(prepared.aula, "origin", "HEAD:refs/heads/topic").status == 0
    assert prepared.push(prepared.docker).status == 0
    assert prepared.docker.git("fsck", "--strict", "--no-dangling") == ""


def test_a_passed_verdict_is_reused_and_a_failed_one_run_again(prepared: Workshop) -> None:
    assert prepared.guard("test").status == 0
    again = prepared.guard("test")
    assert again.status == 0
    assert "passed already: verdict" in again.out
    assert "the tests of aula ran" not in again.out
    assert "the tests of aula ran" in prepared.guard("test", "--again").out
    prepared.aula.commit("Break a test", {"test.sh": "echo it breaks; exit 7\n"})
    prepared.docker.git("add", "aula")
    for _ in range(2):
        ran = prepared.guard("test")
        assert ran.status == 1
        assert "it breaks" in ran.out


def test_what_is_ignored_is_not_tested_and_its_changes_are_pushed(prepared: Workshop) -> None:
    prepared.install()
    ignoring = GUARD_TOML.replace("[test]", 'ignore = ["README.md", "docs"]\n[test]')
    files = {".guard.toml": ignoring, "README.md": "one\n", "docs/a": "a\n"}
    prepared.docker.commit("Leave out what is read", files)
    ran = prepared.guard("test")
    assert ran.status == 0, ran.text
    assert "\n  left out of the image: README.md, docs\n" in ran.out
    prepared.push(prepared.aula)
    prepared.docker.commit("Write", {"README.md": "two\n", "docs/b/c": "c\n"})
    assert "passed already: verdict" in prepared.guard("test").out
    assert "  verdict     passed" in prepared.guard("status").out
    assert prepared.push(prepared.docker).status == 0
    prepared.docker.commit("Write elsewhere", {"doc": "d\n"})
    blocked = prepared.push(prepared.docker)
    assert blocked.status != 0
    assert "this combination has not been built and tested" in blocked.text


def test_what_cannot_be_ignored_blocks_and_is_said(prepared: Workshop) -> None:
    prepared.install()
    bare = str(prepared.root / "remotes/aula.git")
    prepared.docker.git("submodule", "--quiet", "add", bare, "docs/theme")
    ignoring = GUARD_TOML.replace("[test]", 'ignore = ["docs"]\n[test]')
    prepared.docker.commit("Leave out what is read", {".guard.toml": ignoring})
    problem = ".guard.toml: image.ignore must leave docs/theme alone, and names 'docs'"
    for ran in (
        prepared.guard("test"),
        prepared.guard("check"),
        prepared.guard("status"),
        prepared.push(prepared.docker),
    ):
        assert problem in ran.text
        assert "correct .guard.toml" in ran.text
    assert prepared.remote_head("aula-docker") is None


def test_an_entrypoint_that_ends_well_makes_no_verdict(prepared: Workshop, base: str) -> None:
    server = f'FROM {base}\nCOPY . /liqd/\nENTRYPOINT ["/bin/echo", "starting the server"]\n'
    prepared.docker.commit("Start a server", {"Dockerfile": server})
    prepared.aula.commit("Break a test", {"test.sh": TEST})
    prepared.pin()
    assert prepared.guard("test").status == 1
    prepared.docker.commit("Ask the server", {".guard.toml": f"{GUARD_TOML}entrypoint = true\n"})
    ran = prepared.guard("test")
    assert (ran.status, "  | starting the server" in ran.out) == (0, True), ran.text


@pytest.mark.parametrize("is_recorded", [True, False])
def test_whoever_waits_takes_a_failure_too_and_tests_where_the_first_was_killed(
    prepared: Workshop, is_recorded: bool
) -> None:
    prepared.aula.commit("Break a test", {"test.sh": "echo it breaks; exit 7\n"})
    prepared.pin()
    prepared.guard("test")
    (verdict,) = json.loads(prepared.guard("log", "--json").out)["verdicts"]
    lock = lock_file(str(prepared.docker.folder / ".git/guard"), verdict["name"])
    with ExitStack() as stack:
        with held(lock, lambda: None):
            second = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-I", "-m", "guard", "test"],
                    cwd=prepared.docker.folder,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            assert second.stdout is not None
            assert any("waiting for its verdict" in line for line in second.stdout)
            if is_recorded:
                prepared.verdict(Result.FAILED_TEST, detail="as the first one found")
        told = second.stdout.read()
    assert second.returncode == 1
    assert ("failed at test: as the first one found" in told) is is_recorded
    assert ("  | it breaks" in told) is not is_recorded


class TestABaseThatMoved:
    @pytest.fixture(params=["classic", "buildkit"])
    def moving(
        self, request: pytest.FixtureRequest, prepared: Workshop, base: str
    ) -> Iterator[Callable[[], None]]:
        """Give the name that the Dockerfile starts from to another image."""
        name = f"localhost/guard-moving-{uuid.uuid4().hex[:12]}"
        toml = GUARD_TOML.replace("[test]", f'builder = "{request.param}"\n[test]')
        files = {".guard.toml": toml, "Dockerfile": f"FROM {name}\nCOPY . /liqd/\n"}
        with Engine.connect() as engine:
            api: Any = engine.api

            def move() -> None:
                made = api.create_container(base, ["true"])["Id"]
                api.commit(made, repository=name, changes=[f"LABEL guard.made={uuid.uuid4()}"])
                api.remove_container(made)

            move()
            prepared.docker.commit("Start from a name", files)
            yield move
            api.remove_image(name, force=True)

    def test_is_built_on_again_and_the_status_says_why(
        self, moving: Callable[[], None], prepared: Workshop
    ) -> None:
        prepared.install()
        assert prepared.guard("test").status == 0
        assert "passed already" in prepared.guard("test").out
        assert json.loads(prepared.guard("status", "--json").out)["verdict"]["moved_bases"] == []
        moving()
        status = prepared.guard("status").out
        why = r"localhost/guard-moving-\w+ was [0-9a-f]{12} and is [0-9a-f]{12} now"
        again = "guard test builds and tests again"
        assert re.search(rf"\n  verdict     passed .*\n {{14}}its base {why}: {again}\n", status)
        (moved,) = json.loads(prepared.guard("status", "--json").out)["verdict"]["moved_bases"]
        assert (set(moved), moved["was"] == moved["now"]) == ({"name", "was", "now"}, False)
        # The hook asks no engine, and a verdict does not cease to be one.
        assert prepared.push(prepared.aula, "origin", "HEAD:refs/heads/topic").status == 0
        ran = prepared.guard("test")
        assert ran.status == 0
        assert re.search(rf"\n\S+ passed on another base: {why}\n", ran.out)
        assert "  | the tests of aula ran" in ran.out
        assert "passed already" in prepared.guard("test").out
        assert "its base" not in prepared.guard("status").out

    def test_is_no_matter_on_another_engine_nor_where_none_answers(
        self, moving: Callable[[], None], prepared: Workshop, tmp_path: Path
    ) -> None:
        """Its images were pulled another day, and it may know the same one by another id."""
        assert prepared.guard("test").status == 0
        moving()
        with Engine.connect() as engine:
            socket_ = engine.facts.host.removeprefix("unix://")
        (tmp_path / "elsewhere").symlink_to(socket_)
        for host in (f"unix://{tmp_path}/elsewhere", "unix:///nonexistent/docker.sock"):
            ran = prepared.guard("test", DOCKER_HOST=host)
            assert (ran.status, "passed already" in ran.out) == (0, True), ran.text
            assert "its base" not in prepared.guard("status", DOCKER_HOST=host).out


def test_an_engine_that_does_not_answer_holds_up_nobody_for_long(
    prepared: Workshop, base: str
) -> None:
    assert prepared.guard("test").status == 0
    with socket.create_server(("127.0.0.1", 0), backlog=9) as silent:
        host = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        status = prepared.guard("status", DOCKER_HOST=host)
        assert "\n  engine      none: the engine has not answered within 5 seconds\n" in status.out
        ran = prepared.guard("test", DOCKER_HOST=host)
        assert (ran.status, "passed already" in ran.out) == (0, True), ran.text
        assert time.monotonic() - began < 25  # the SDK would wait for 30 seconds, twice


def running(marker: str) -> bool:
    """Whether a process of this machine has the marker in its command."""
    return any(marker in command for _, command in running_commands())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_before_the_engine_has_answered_it_leaves_no_file(
    prepared: Workshop, tmp_path: Path, number: signal.Signals
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "guard", "test"],
            cwd=prepared.docker.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DOCKER_HOST": host, "TMPDIR": str(place)},
        )
        # The SDK asks for the version behind all imports, and the CLI has a place for its answer.
        asked, connections = b"", []
        while b"/version" not in asked or b"docker-sdk" not in asked:
            connections.append(silent.accept()[0])
            asked = connections[-1].recv(4096)
        while not running(f"--iidfile={place}/"):
            assert process.poll() is None
        process.send_signal(number)
        told, _ = process.communicate()
        for connection in connections:
            connection.close()
    assert (process.returncode, told.splitlines()[-1]) == (130, b"guard: interrupted"), told
    assert list(place.glob(f"guard-{process.pid}-*")) == []


def test_what_is_found_before_the_build_leaves_no_cli_that_waits_for_it(
    prepared: Workshop, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    blob = prepared.aula.git("rev-parse", "HEAD:test.sh").strip()
    git_dir = Path(prepared.aula.repository.common_dir)
    (git_dir / "objects" / blob[:2] / blob[2:]).unlink()
    ran = prepared.guard("test", TMPDIR=str(place))
    assert ran.status == 3
    assert f"blob {blob} (aula/test.sh) is not in" in ran.err
    assert not running(f"--iidfile={place}/")
    assert list(place.glob("guard-[0-9]*")) == []


# What a signal raises there is lost: Python ignores it, and imports have such callbacks.
IN_A_CALLBACK = """
import signal, sys, time, weakref
from guard.cli import main

number = int(sys.argv.pop(1))

class Finder:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "guard.engine.images":
            thing = Finder()
            note = weakref.ref(thing, lambda ref: signal.raise_signal(number))
            del thing
            time.sleep(5)  # it comes again, and ends this

sys.meta_path.insert(0, Finder)
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_guard_imports_is_not_lost(
    prepared: Workshop, number: signal.Signals
) -> None:
    command = [sys.executable, "-I", "-c", IN_A_CALLBACK, str(int(number)), "test"]
    ran = prepared.run(command, prepared.docker)
    assert (ran.status, ran.err.splitlines()[-1]) == (130, "guard: interrupted")
    assert "passed" not in ran.text


def test_a_verdict_tells_the_first_failure_and_not_the_end_of_the_output(
    prepared: Workshop,
) -> None:
    prints = "logs out FAILED [1]\naula: no users\nCallStack (from HasCallStack):\n"
    trace = "  error, called at Main.hs:1:1 in main:Main\n2 examples, 1 failure\n"
    script = f"cat <<END\n{prints}{trace}END\nexit 1\n"
    prepared.aula.commit("Break a test", {"test.sh": script})
    prepared.pin()
    assert prepared.guard("test").status == 1
    assert "exit status 1: logs out FAILED [1]\n" in prepared.guard("log").out


def test_a_failing_test_blocks_the_push_with_its_verdict(prepared: Workshop) -> None:
    prepared.install()
    prepared.aula.commit("Break a test", {"test.sh": TEST})
    prepared.pin()
    ran = prepared.guard("test")
    assert ran.status == 1
    assert "failed at test" in ran.out
    pushed = prepared.push(prepared.docker)
    assert pushed.status != 0
    assert "the tests of this combination fail: exit status 7: it breaks" in pushed.text
    name = prepared.guard("log").out.split()[0]
    shown = prepared.guard("log", name).out
    assert "exit status   7" in shown
    assert "it breaks" in shown


def test_a_failing_build_is_another_thing(prepared: Workshop, base: str) -> None:
    prepared.install()
    prepared.docker.commit("Break the build", {"Dockerfile": f"FROM {base}\nRUN exit 3\n"})
    ran = prepared.guard("test")
    assert ran.status == 1
    assert "failed at build" in ran.out
    pushed = prepared.push(prepared.docker)
    assert pushed.status != 0
    assert "the image of this combination does not build" in pushed.text


def test_no_engine_is_no_verdict(prepared: Workshop) -> None:
    ran = prepared.guard("test", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert ran.status == 3
    assert "no engine answers at unix:///nonexistent/docker.sock" in ran.text
    assert prepared.docker.git("for-each-ref", "refs/guard") == ""
    assert "no verdicts yet" in prepared.guard("log").out


def test_a_builder_that_has_gone_costs_three_seconds_and_no_verdict(
    prepared: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = tmp_path / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / BUILDX.name).symlink_to(BUILDX)
    monkeypatch.setenv("DOCKER_CONFIG", str(plugins.parent))
    monkeypatch.setenv("BUILDX_BUILDER", "gone")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        create = [str(BUILDX), "create", "--name", "gone", "--driver", "remote", address]
        subprocess.run(create, check=True)
        began = time.monotonic()
        ran = prepared.guard("test")
        took = time.monotonic() - began
    assert ran.status == 3
    assert "guard: error: the builder of buildx that is in use does not answer\n" in ran.err
    assert "to mend it: BUILDX_BUILDER=default guard test\n" in ran.err
    assert took < 15, "the build itself waits for twenty"
    assert not any(str(plugins) in command for _, command in running_commands())
    mended = prepared.guard("test", BUILDX_BUILDER="default")
    assert mended.status == 0, mended.text
    assert re.search(r"builder: buildkit \(buildx \S+, builder default \(docker\)\)\n", mended.out)


def test_only_what_is_committed_is_tested(prepared: Workshop) -> None:
    script = "ls /liqd/aula /liqd/thentos; cat /liqd/aula/word\n"
    prepared.aula.commit("Look around", {"test.sh": script, "word": "committed\n"})
    prepared.pin()
    prepared.aula.write({"untracked": "", "word": "changed\n"})
    (prepared.aula.folder / "stack.yaml").unlink()
    prepared.thentos.write({"untracked": ""})
    ran = prepared.guard("test")
    assert ran.status == 0, ran.text
    assert "  | untracked" not in ran.out
    assert "  | stack.yaml" in ran.out
    assert "  | committed" in ran.out
    assert "not tested: 3 uncommitted or untracked files in aula" in ran.out
    assert "not tested: 1 uncommitted or untracked files in thentos" in ran.out


def test_a_commit_of_aula_is_tested_in_the_present_superproject(prepared: Workshop) -> None:
    prepared.install()
    prepared.aula.commit("Change aula", {"test.sh": "echo the changed test ran\n"})
    ran = prepared.guard("test", at=prepared.aula)
    assert ran.status == 0, ran.text
    assert "the changed test ran" in ran.out
    assert prepared.push(prepared.aula).status == 0
    named = prepared.guard("test", "--consumer", prepared.aula.head[:10])
    assert "passed already" in named.out


def test_a_commit_older_than_the_configuration_is_tested_by_the_present_one(
    workshop: Workshop, base: str
) -> None:
    workshop.docker.git("rm", "--quiet", ".guard.toml")
    old = workshop.docker.commit("Before guard", {"Dockerfile": f"FROM {base}\nCOPY . /liqd/\n"})
    workshop.docker.commit("Configure guard", {".guard.toml": GUARD_TOML})
    ran = workshop.guard("test", old)
    assert ran.status == 0, ran.text


def test_without_an_identity_nothing_is_built(prepared: Workshop) -> None:
    prepared.docker.git("config", "--global", "--unset", "user.email")
    prepared.docker.git("config", "user.useConfigOnly", "true")
    ran = prepared.guard("test")
    assert ran.status == 3
    assert "a verdict could not be recorded" in ran.text
    assert "the tests of aula ran" not in ran.text


def test_without_a_test_command(workshop: Workshop) -> None:
    workshop.docker.commit("No test", {".guard.toml": '[image]\nname = "localhost/aula"\n'})
    ran = workshop.guard("test")
    assert ran.status == 2
    assert ran.err.endswith("\n  to mend it: you: fill in [test] command in .guard.toml\n")
    workshop.docker.write({".guard.toml": GUARD_TOML})
    assert workshop.guard("test").err.endswith("\n  to mend it: git add .guard.toml\n")
    workshop.docker.git("rm", "--quiet", "--force", ".guard.toml")
    assert workshop.guard("test").err.endswith("\n  to mend it: guard init\n")
    assert workshop.guard("init").status == 0


def test_the_log_as_json(prepared: Workshop) -> None:
    prepared.guard("test")
    prepared.aula.commit("Break a test", {"test.sh": "exit 1\n"})
    prepared.guard("test", at=prepared.aula)
    logged = json.loads(prepared.guard("log", "--json").out)
    assert [item["result"] for item in logged["verdicts"]] == ["failed at test", "passed"]
    failed = json.loads(prepared.guard("log", "--json", "--failed").out)
    assert len(failed["verdicts"]) == 1
    assert failed["verdicts"][0]["gitlinks"]["aula"] == prepared.aula.head


def test_a_known_good_combination_is_kept(prepared: Workshop) -> None:
    prepared.guard("test")
    for repo in (prepared.aula, prepared.thentos):
        assert repo.git("for-each-ref", "--format=%(refname)", "refs/guard/keep").endswith(
            repo.head
        )


def test_the_image_says_what_is_in_it(prepared: Workshop) -> None:
    prepared.guard("test")
    described = prepared.aula.git("describe", "--tags", "--always")
    reference = f"localhost/aula:aula-{described}-thentos-v0.3.0"
    label = '{{{{index .Config.Labels "guard.gitlink.{}"}}}}'
    labels = f"{label.format('aula')} {label.format('thentos')}"
    ran = prepared.run(["docker", "inspect", "--format", labels, reference], prepared.docker)
    assert ran.out.split() == [prepared.aula.head, prepared.thentos.head]


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_the_image_of_a_submodule_at_any_path_says_so_and_tells_no_secret(
    prepared: Workshop, builder: str
) -> None:
    remote = str(prepared.root / "remotes/thentos.git")
    prepared.aula.git("submodule", "--quiet", "add", remote, "sub mod/ü=1")
    prepared.aula.commit("Nest one")
    toml = GUARD_TOML.replace("[image]", f'[image]\nbuilder = "{builder}"')
    prepared.docker.commit("Take it", {".guard.toml": toml})
    url, secrets = "https://example.org/aula-docker", "?token=S3cret#S3cret"
    prepared.docker.git("remote", "set-url", "origin", f"{url}{secrets}".replace("//", "//me:S3@"))
    ran = prepared.guard("test")
    assert ran.status == 0, ran.text
    image = re.search(r"image: (localhost\S+)", ran.out)
    assert image
    show = ["docker", "inspect", "--format", "{{json .Config.Labels}}", image[1]]
    labels = json.loads(prepared.run(show, prepared.docker).out)
    assert labels["guard.gitlink.aula/sub%20mod/%C3%BC%3D1"] == prepared.thentos.head
    assert labels["org.opencontainers.image.source"] == url


def test_the_profile_names_the_step_whose_cache_was_lost(prepared: Workshop) -> None:
    prepared.guard("test")
    # Of its own each time: an engine that has seen it before has it in its cache.
    prepared.aula.commit("Change aula", {"src.hs": f"-- {uuid.uuid4()}\nmain = pure ()\n"})
    ran = prepared.guard("test", at=prepared.aula)
    assert "build profile: 2 steps" in ran.out
    assert "the cache was lost at step 2: COPY . /liqd/ (aula changed since verdict" in ran.out


def test_no_submodule_is_blamed_for_a_step_that_reads_none(prepared: Workshop, base: str) -> None:
    prepared.guard("test")
    prepared.aula.commit("Change aula", {"src.hs": "main = pure ()\n"})
    prepared.docker.commit(
        "Do more", {"Dockerfile": f"FROM {base}\nRUN : {uuid.uuid4()}\nCOPY . /liqd/\n"}
    )
    ran = prepared.guard("test")
    assert "the cache was lost at step 2: RUN" in ran.out
    assert "(by no submodule: the superproject's own files, a base image" in ran.out
    assert "aula changed since" not in ran.out


def test_prune_drops_what_no_branch_needs(prepared: Workshop) -> None:
    prepared.guard("test")
    needed = prepared.guard("log").out.split()[0]
    prepared.aula.commit("Break a test", {"test.sh": "exit 1\n"})
    prepared.guard("test", at=prepared.aula)
    logs = prepared.docker.folder / ".git/guard/logs"
    assert len(list(logs.iterdir())) == 2
    # The failure stands as long as something has that commit: the hook names its log.
    assert "0 logs" in prepared.guard("log", "--prune").out
    prepared.aula.git("reset", "--quiet", "--hard", "HEAD^")
    asked = prepared.guard("log", "--prune")
    assert "1 log (" in asked.out
    assert "nothing was dropped" in asked.out
    assert len(list(logs.iterdir())) == 2
    assert "dropped; the verdicts themselves stay" in prepared.guard("log", "--prune", "--yes").out
    (left,) = logs.iterdir()
    assert left.name.startswith(needed)
    image = prepared.guard("log", needed).out.partition("image ")[2].split()[0]
    assert prepared.run(["docker", "inspect", image], prepared.docker).status == 0
    assert len(prepared.guard("log").out.splitlines()) == 3
    assert "nothing to drop" in prepared.guard("log", "--prune").out


def test_prune_leaves_what_a_branch_of_aula_was_tested_with(prepared: Workshop) -> None:
    prepared.aula.git("switch", "--quiet", "--create", "topic")
    prepared.aula.commit("Say more", {"test.sh": f"echo {uuid.uuid4()}\n"})
    assert "passed: verdict" in prepared.guard("test", at=prepared.aula).out
    for branch in ("topic", "master"):
        prepared.aula.git("switch", "--quiet", branch)
        assert "nothing to drop" in prepared.guard("log", "--prune").out
    prepared.aula.git("branch", "--quiet", "-D", "topic")
    assert "1 log (" in prepared.guard("log", "--prune").out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_found_before_the_hour(tmp_path: Path, base: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], check=True)
    try:
        workshop = Workshop(disk / "work")
        workshop.docker.commit("Use the base", {"Dockerfile": f"FROM {base}\nCOPY . /liqd/\n"})
        free = os.statvfs(disk)
        (disk / "filling").write_bytes(bytes(free.f_bavail * free.f_frsize - 500_000))
        ran = workshop.guard("test")
        assert ran.status == 3
        assert "less than 1.0 MB are free in" in ran.err
        assert "step 1" not in ran.out
        assert workshop.docker.git("for-each-ref", "refs/guard") == ""
        (disk / "filling").unlink()
        assert workshop.guard("test").status == 0
        assert workshop.docker.git("fsck", "--strict", "--no-dangling") == ""
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_commit_of_aula_that_nobody_knows(workshop: Workshop) -> None:
    ran = workshop.guard("test", "--consumer", "nosuch")
    assert "nosuch names no commit of aula\n" in ran.err
    look = ran.err.rpartition("to mend it: ")[2].strip()
    assert look == "git -C aula log --oneline --all"
    assert workshop.run(look.split(), workshop.docker).status == 0
