"""Every engine and builder with every way in which a combination can end: the same for each."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands.publishing import Shop
from tests.commands.test_publish import tag_of
from tests.matrix.columns import COLUMNS, DEMO, MORE_COLUMNS, Column, Engines
from tests.matrix.conftest import containers, what_runs


class Ending(NamedTuple):
    """What a combination is, and what `guard test` says of it.

    In these texts ``{base}`` is a name of an image that has a shell, ``{nowhere}`` one of an image
    that no registry has, and ``{own}`` is of this test alone.

    Args:
        status: the exit status.
        result: the verdict's, "" for none.
        detail: a pattern of the verdict's detail, or of the error where there is no verdict.
        dockerfile: the Dockerfile.
        image: more lines of ``[image]``.
        script: the test.
        command: the test command, "" for the usual one.
        timeout: seconds that ``[test] timeout`` gives.
    """

    status: int
    result: str
    detail: str
    dockerfile: str = "FROM {base}\nCOPY . /liqd/\n"
    image: str = ""
    script: str = "echo the tests of aula ran\n"
    command: str = ""
    timeout: int = 60


BUILD, TEST = "failed at build", "failed at test"
# As long as this is in a command that runs, something of the test is left.
HANGING = ": own={own}; echo ready; while :; do sleep 1; done"
STAGES = (
    "FROM {base} AS one\nRUN echo one >/one\nFROM {base} AS two\nCOPY --from=one /one /two\n"
    "COPY . /liqd/\nFROM scratch\n"
)
ENDINGS = {
    "passes": Ending(0, "passed", ""),
    "RUN fails": Ending(
        1,
        BUILD,
        "exit status 3: RUN echo no; exit 3",
        "FROM {base}\nRUN echo no; exit 3\n",
    ),
    "program of RUN missing": Ending(
        1,
        BUILD,
        r'.*exec: "nope": executable file not found in \$PATH.*: RUN \["nope"\]',
        'FROM {base}\nRUN ["nope"]\n',
    ),
    "COPY fails": Ending(
        1,
        BUILD,
        r'(?:COPY failed: .* stat nope: .*|"/nope": not found): COPY nope /',
        "FROM {base}\nCOPY nope /\n",
    ),
    "does not parse": Ending(
        1,
        BUILD,
        ".*dockerfile parse error.* line 3: unknown instruction: FOO.*",
        "FROM {base}\nFOO bar\n",
    ),
    "target missing": Ending(1, BUILD, ".*target.*nope.*", image='target = "nope"'),
    "base missing": Ending(
        3, "", "the engine has no base image {nowhere}: .*not found.*", "FROM {nowhere}\n"
    ),
    "base of a stage missing": Ending(
        3,
        "",
        "the engine has no base image {nowhere}: .*not found.*",
        "FROM {base}\nCOPY --from={nowhere} /x /\n",
    ),
    "test fails": Ending(
        1, TEST, "exit status 7: error: it breaks", script="echo error: it breaks >&2; exit 7\n"
    ),
    "test program missing": Ending(
        1, TEST, "test command '/nope' not found in the image", command='["/nope"]'
    ),
    "program in the test missing": Ending(
        1, TEST, "exit status 127: test command '/bin/sh', or one that .*", script="nope\n"
    ),
    "timeout of the test": Ending(
        1,
        TEST,
        "the test did not end within 6 seconds: ready",
        script=f"exec /bin/sh -c '{HANGING}'",
        timeout=6,
    ),
    "timeout of the build": Ending(
        3,
        "",
        "the build did not end within 6 seconds",
        f"FROM {{base}}\nRUN {HANGING}\n",
        timeout=6,
    ),
    "stages, a target and build args": Ending(
        0,
        "passed",
        "",
        STAGES.replace("RUN", "ARG WHO\nRUN [ $WHO = me ] &&"),
        'target = "two"\nbuild-args = { WHO = "me" }',
        "test -e /two && test ! -e /one\n",
    ),
    "source": Ending(
        0,
        "passed",
        "",
        "FROM {base}\nCOPY . /liqd/\nRUN echo old >/liqd/aula/old\nVOLUME /liqd/aula\n",
        'consumer = "manifests"',
        "cd /liqd/aula && test ! -e old && test ! -e /liqd/.guard.toml\n",
    ),
}


def prepare(shop: Shop, column: Column, ending: Ending) -> None:
    """Commit a combination that ends so; of its own each time, as engines keep what they built."""
    first, _, others = ending.dockerfile.partition("\n")
    dockerfile = filled(f"{first}\nLABEL own={{own}}\n{others}", shop)
    image = f'name = "{shop.registry.name}"\nbuilder = "{column.builder}"\n{ending.image}\n'
    command = ending.command or '["/bin/sh", "/liqd/aula/test.sh"]'
    test = f'command = {command}\ntimeout = "{ending.timeout}s"\n'
    if "manifests" in ending.image:
        test += 'source = "/liqd/aula"\n'
    shop.workshop.aula.commit("Write the test", {"test.sh": filled(ending.script, shop)})
    toml = f"[image]\n{image}\n[test]\n{test}"
    shop.workshop.docker.commit("Build so", {"Dockerfile": dockerfile, ".guard.toml": toml})


def filled(text: str, shop: Shop) -> str:
    """One of the texts of an ending."""
    text = text.replace("{nowhere}", f"{shop.registry.address}/nowhere:none")
    return text.replace("{base}", shop.base).replace("{own}", str(shop.workshop.root))


@pytest.mark.parametrize("case", ENDINGS)
def test_an_ending(case: str, column: Column, shop: Shop) -> None:
    ending = ENDINGS[case]
    prepare(shop, column, ending)
    ran = shop.guard("test", status=ending.status)
    detail = filled(ending.detail, shop)
    if not ending.result:
        error = re.match(f"guard: error: {detail}\n  no verdict; log: .*\n  to mend it: ", ran.err)
        assert error, ran.text
        assert shop.attempts() == 0
        return
    assert ran.err == ""
    name = shop.newest()["name"]
    if ending.status:
        assert re.search(f"\n{ending.result}: {detail}\n  verdict {name} ", ran.out), ran.text
    else:
        assert f"\npassed: verdict {name} " in ran.out, ran.text
    verdict = shop.newest()
    assert verdict["result"] == ending.result
    assert re.fullmatch(detail, verdict["detail"])
    assert verdict["engine"]["builder"] == column.builder
    driver = verdict["engine"]["driven_by"]
    assert re.match(column.driver, driver)
    assert f"\n  | builder: {column.builder} ({driver})\n" in ran.out
    assert verdict["engine"]["version"].startswith(column.version)
    assert bool(verdict["image"]["id"]) is (ending.result != BUILD)
    assert not verdict["image"]["id"] or shop.has(verdict["image"]["id"])


def test_a_cache_mount_lives_from_one_build_to_the_next(column: Column, shop: Shop) -> None:
    mount = f"--mount=type=cache,id={uuid.uuid4()},target=/c"
    run = f"COPY aula/seed /\nRUN {mount} echo x >>/c/n; cp /c/n /n\nCOPY . /liqd/\n"
    for times in (1, 2):
        shop.workshop.aula.write({"seed": str(times)})
        script = f"test $(wc -l </n) = {times}\n"
        ending = Ending(0, "passed", "", f"FROM {{base}}\n{run}", script=script)
        prepare(shop, column, ending)
        if column.builder == "classic":
            ran = shop.guard("test", status=3)
            assert ran.err.startswith("guard: error: the Dockerfile needs BuildKit: ")
            assert "\n  to mend it: install docker buildx, and set [image] builder" in ran.err
        else:
            shop.guard("test")


@pytest.mark.parametrize("phase", ["build", "test"])
def test_ctrl_c_leaves_nothing_running(phase: str, column: Column, shop: Shop) -> None:
    prepare(shop, column, ENDINGS[f"timeout of the {phase}"]._replace(timeout=60))
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "guard", "test"],
        cwd=shop.workshop.docker.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any(line == "  | ready\n" for line in process.stdout)
        assert what_runs(shop)
        # BuildKit's steps are in no container of the engine.
        assert containers(shop) or (phase == "build" and column.builder == "buildkit")
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
    assert (process.returncode, told.splitlines()[-1]) == (130, "guard: interrupted"), told
    assert shop.attempts() == 0


def published(shop: Shop) -> dict[str, Any]:
    shop.guard("test")
    shop.guard("publish")
    return shop.newest()


def test_the_tag_means_the_very_image_that_passed_and_stays(column: Column, shop: Shop) -> None:
    prepare(shop, column, ENDINGS["passes"])
    passed = shop.test()
    ran = shop.guard("publish")
    (tag,) = shop.registry.tags()
    assert tag == tag_of(passed)
    reference, digest = f"{shop.registry.name}:{tag}", shop.registry.digest(tag)
    assert f"published: {reference}\n  {shop.registry.name}@{digest}\n" in ran.out
    assert shop.newest()["image"]["digest"] == f"{shop.registry.name}@{digest}"
    # What the engine brings from the registry is what was tested.
    shop.remove_images()
    shop.docker("pull", "--quiet", f"{shop.registry.name}@{digest}")
    assert shop.has(passed["image"]["id"])
    assert f"published already: {reference}\n" in shop.guard("publish").out
    assert shop.registry.digest(tag) == digest
    assert shop.attempts() == 2


def test_another_content_does_not_take_the_tag(column: Column, shop: Shop) -> None:
    prepare(shop, column, ENDINGS["passes"])
    first = published(shop)
    second = shop.change_image()
    ran = shop.guard("publish", status=1)
    digest = shop.registry.digest(tag_of(first))
    assert f"means another image in the registry already: {digest}" in ran.err
    assert f"the image of verdict {second['name']} is {second['image']['id']}" in ran.err
    assert first["image"]["digest"].endswith(digest)


def test_an_image_comes_back_from_the_registry(column: Column, shop: Shop) -> None:
    prepare(shop, column, ENDINGS["passes"])
    good = published(shop)
    shop.workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    assert shop.guard("recover").out.splitlines()[1].endswith("here")
    shop.remove_images()
    assert shop.guard("recover").out.splitlines()[1].endswith("in the registry")
    ran = shop.guard("recover", good["name"], "--yes")
    assert "| the tests of aula ran" not in ran.out
    assert shop.has(good["image"]["id"]) and shop.has(good["image"]["reference"])
    assert shop.guard("recover").out.splitlines()[1].endswith("here")
    assert "passed already" in shop.guard("test").out


def test_another_engine_has_what_was_published(
    column: Column, engines: Engines, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(shop, column, ENDINGS["passes"])
    good = published(shop)
    shop.workshop.docker.commit("Harm", {"Dockerfile": "FROM localhost/nowhere:none\n"})
    shop.remove_images()
    columns = COLUMNS if column in COLUMNS else MORE_COLUMNS
    other = columns[columns.index(column) - 2]
    assert other.spec != column.spec
    for name, value in engines.environment(other, tmp_path / "other").items():
        monkeypatch.setenv(name, value)
    assert shop.guard("recover").out.splitlines()[1].endswith("in the registry")
    shop.guard("recover", good["name"], "--yes")
    assert shop.guard("recover").out.splitlines()[1].endswith("here")
    assert "published already" in shop.guard("publish").out


def test_prune_drops_the_image_that_no_branch_needs(column: Column, shop: Shop) -> None:
    prepare(shop, column, ENDINGS["passes"])
    needed = shop.test()
    script = f"echo {uuid.uuid4()}\n"
    shop.workshop.aula.commit("Say more", {"test.sh": script})
    shop.workshop.guard("test", at=shop.workshop.aula)
    (other,) = (v for v in verdicts(shop) if v["name"] != needed["name"])
    assert "nothing to drop" in shop.guard("log", "--prune").out
    shop.workshop.aula.git("reset", "--quiet", "--hard", "HEAD^")
    assert "1 image" in shop.guard("log", "--prune").out
    assert shop.has(other["image"]["id"])
    shop.guard("log", "--prune", "--yes")
    assert not shop.has(other["image"]["id"])
    assert shop.has(needed["image"]["id"])
    assert "nothing to drop" in shop.guard("log", "--prune").out


def verdicts(shop: Shop) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(shop.guard("log", "--json").out)["verdicts"]
    return listed


# On the usual engine tests/commands/test_demo.py has it.
@pytest.mark.parametrize("column", [DEMO], ids=str, indirect=True)
def test_the_demo_tells_its_whole_story(column: Column, shop: Shop) -> None:
    ran = shop.guard("demo")
    assert "Every step did what it should: 10 steps" in ran.out
