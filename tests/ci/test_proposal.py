"""What a ``.travis.yml`` proposes, in the many ways to write the same thing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guard.ci.docker_run import DockerRun, docker_calls, docker_runs, joined
from guard.ci.proposal import Proposal, read_ci
from guard.errors import GuardError


def of(*lines: str, env: str = "") -> Proposal:
    """The proposal of a file whose script holds these lines."""
    text = env + "script:\n" + "".join(f"- {line}\n" for line in lines)
    return read_ci(text.encode(), ".travis.yml")


def only(line: str, **variables: str) -> DockerRun:
    """The one docker run of a line."""
    (found,) = docker_runs(docker_calls(line, variables), [])
    return found


@pytest.mark.parametrize(
    "mount",
    [
        "-v `pwd`:/src/aula/",
        "-v $(pwd):/src/aula",
        '-v "$(pwd)":/src/aula:ro',
        '-v "$(pwd):/src/aula:rw"',
        "-v $PWD:/src/aula",
        "-v ${PWD}:/src/aula",
        "-v $PWD/:/src/aula",
        "-v $PWD/.:/src/aula",
        "-v .:/src/aula",
        "-v$PWD:/src/aula",
        "-itv $PWD:/src/aula",
        "-v $TRAVIS_BUILD_DIR:/src/aula",
        "--volume=$PWD:/src/aula",
        "--volume $PWD:/src/aula",
        "--mount type=bind,source=$PWD,target=/src/aula",
        '--mount "type=bind,src=$(pwd),dst=/src/aula,readonly"',
        "-v /var/cache:/cache -v $PWD:/src/aula",
    ],
)
def test_every_way_to_mount_the_checkout(mount: str) -> None:
    assert only(f"docker run --rm {mount} team/aula make").checkout == "/src/aula"


@pytest.mark.parametrize(
    "mount",
    ["", "-v /var/cache:/cache", "-v $PWD/dist:/dist", "-v data:/data", "-v $PWD:/", "-v $HOME:/x"],
)
def test_what_is_no_mount_of_the_checkout(mount: str) -> None:
    assert only(f"docker run {mount} team/aula make").checkout == ""


@pytest.mark.parametrize(
    ("line", "image", "command"),
    [
        ("docker run team/aula make test", "team/aula", "make test"),
        ("sudo docker run team/aula make", "team/aula", "make"),
        ("/usr/bin/docker container run team/aula make", "team/aula", "make"),
        ("travis_wait 30 docker run team/aula make", "team/aula", "make"),
        ('docker run team/aula sh -c "a && b"', "team/aula", "a && b"),
        ("docker run team/aula /bin/sh -c 'a; b'", "team/aula", "a; b"),
        ("docker run team/aula bash -c 'a'", "team/aula", "bash -c a"),
        ("docker run team/aula sh -ec 'a'", "team/aula", "sh -ec a"),
        ("docker run --rm -it --name x --net=host -p 80:80 a/b:1 x", "a/b:1", "x"),
        ("docker run --entrypoint make a/b test", "a/b", "make test"),
        ("docker run --entrypoint=/bin/sh a/b -c 'x y'", "a/b", "x y"),
        ("docker run -w /src a/b make", "a/b", "cd /src && make"),
        ("docker run -w /src a/b sh -c 'x; y'", "a/b", "cd /src && { x; y; }"),
        ("docker run -w /src a/b sh -c 'x # why'", "a/b", "cd /src && { x # why\n }"),
        ("docker run a/b test ! -f x", "a/b", "test '!' -f x"),
        ("docker run -e CI=yes -e HOME a/b make", "a/b", "export CI=yes && make"),
        ('docker run -e "CI=$CI" a/b make', "a/b", "make"),
        ("docker run a/b make 'it is' \"so $HERE\"", "a/b", "make 'it is' 'so $HERE'"),
        ("docker run a/b make # and no more", "a/b", "make"),
        ("docker run a/b", "a/b", ""),
        ("docker run -- a/b x", "a/b", "x"),
        ("docker run $KNOWN x", "team/known:3", "x"),
        ('docker run "${KNOWN}" x', "team/known:3", "x"),
        ("docker run '$KNOWN' x", "$KNOWN", "x"),
        ("docker run a/b sh -c '$KNOWN'", "a/b", "$KNOWN"),
        ('docker run a/b sh -c "x $KNOWN"', "a/b", "x team/known:3"),
    ],
)
def test_image_and_command(line: str, image: str, command: str) -> None:
    found = only(line, KNOWN="team/known:3")
    assert (found.image, found.command) == (image, command)


def test_several_in_one_line_and_none() -> None:
    found = docker_calls("docker pull x && docker run a/b x && docker run a/b y; echo docker", {})
    assert [call.command for call in found] == ["x", "y"]
    assert docker_calls("docker build -t x . && docker push x", {}) == []
    assert docker_calls("docker run --rm -it", {}) == []


@pytest.mark.parametrize(
    ("commands", "output"),
    [
        (["echo a", "echo b"], "a\nb\n"),
        (["cd /", "basename $PWD"], "{here}\n"),
        (["echo a; echo b", "echo c"], "a\nb\nc\n"),
        (["false || echo a", "echo b"], "a\nb\n"),
        (["echo a", "false; true", "echo b"], "a\nb\n"),
        (["echo a", "false", "echo b"], "a\n"),
        (["exit 0", "echo b"], "b\n"),
        (["set -e; x=1", "echo ${x:-unset}"], "unset\n"),
        (["echo a # why", "echo b"], "a\nb\n"),
        (["cat <<E\na\nE", "echo b"], "a\nb\n"),
    ],
)
def test_joined_commands_run_as_if_alone(
    commands: list[str], output: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("here")
    done = subprocess.run(
        ["/bin/sh", "-c", joined(commands)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout == output.format(here=folder.name)


def test_variables_of_env() -> None:
    env = "env:\n- IMAGE=team/aula:1.2 SOURCE=/src/aula\n"
    found = of('docker run -v `pwd`:$SOURCE $IMAGE /bin/sh -c "$SOURCE/test.sh"', env=env)
    assert found.image is not None
    assert found.image.value == "team/aula"
    assert found.command is not None
    assert found.command.value == "/src/aula/test.sh"
    assert found.command.lines == (4,)
    assert found.source is not None
    assert found.source.value == "/src/aula"
    assert found.notes == ()


@pytest.mark.parametrize(
    "env",
    [
        "env: IMAGE=a/b\n",
        "env:\n  IMAGE: a/b\n",
        "env:\n  global:\n  - secure: xyz\n  - IMAGE=a/b\n",
        "env:\n  global: IMAGE=a/b\n  matrix:\n  - X=1\n",
        "env:\n  jobs:\n  - IMAGE='a/b' X=1\n",
        "env:\n- IMAGE=a/b\n- IMAGE=c/d\n",
    ],
)
def test_forms_of_env(env: str) -> None:
    found = of("docker run $IMAGE make", env=env)
    assert found.image is not None
    assert found.image.value == "a/b"


def test_several_jobs_are_noted() -> None:
    found = of("docker run $IMAGE make", env="env:\n- IMAGE=a/b\n- IMAGE=c/d\n")
    assert found.notes == ("env has 2 jobs; taken are the variables of the first, line 2",)


def test_an_unknown_image_is_not_proposed_and_an_unknown_variable_is_noted() -> None:
    found = of("docker run $IMAGE make $TARGET")
    assert found.image is None
    assert found.command is not None
    assert found.command.value == "make '$TARGET'"
    assert found.notes == ("line 2 uses variables that are set on CI only: TARGET",)


def test_names_lose_tag_and_digest_but_not_the_port() -> None:
    for written, name in (
        ("a/b:1.0", "a/b"),
        ("localhost:5000/a/b", "localhost:5000/a/b"),
        ("localhost:5000/a/b:2", "localhost:5000/a/b"),
        ("a/b@sha256:" + "0" * 64, "a/b"),
        ("a/b:1@sha256:" + "0" * 64, "a/b"),
    ):
        found = of(f"docker run {written} make")
        assert found.image is not None
        assert found.image.value == name


def test_the_phases_come_in_their_order_and_the_later_ones_not_at_all() -> None:
    text = "".join(
        f"{phase}:\n- docker run a/b {phase}\n"
        for phase in (
            *("after_script", "script", "before_script", "install", "before_install"),
            *("after_success", "after_failure", "before_deploy", "deploy", "before_cache"),
        )
    )
    found = read_ci(text.encode(), ".travis.yml")
    assert found.command is not None
    assert found.command.value == "before_install && install && before_script && script"


def test_another_image_is_a_service_and_left_out() -> None:
    found = of("docker run -d postgres:9", "docker run a/b one", "docker run a/b two")
    assert found.image is not None
    assert found.image.value == "a/b"
    assert found.command is not None
    assert found.command.value == "one && two"
    assert found.notes == ("line 2 runs another image, postgres:9: left out",)


def test_a_backslash_continues_no_comment() -> None:
    for text in ("# one \\\n", "make # one \\\n  docker run a/b one\n", "cat <<E >> x\n"):
        found = read_ci(f"script: |\n  {text}  docker run a/b two\n".encode(), ".travis.yml")
        assert found.command is not None
        assert found.command.value == "two"


def test_blocks_and_continued_lines() -> None:
    block = "- |\n  docker run \\\n    a/b one\n  docker run a/b two\n"
    folded = "- >\n  docker run\n  a/b three\n"
    found = read_ci(f"script:\n{block}{folded}".encode(), ".travis.yml")
    assert found.command is not None
    assert found.command.value == "one && two && three"
    assert found.command.lines == (3, 5, 7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "- a\n- list\n",
        "script:\n",
        "script:\n  a: b\n",
        "script: [[docker run a/b c]]\n",
    ],
)
def test_files_that_say_nothing(text: str) -> None:
    assert read_ci(text.encode(), ".travis.yml") == Proposal()


@pytest.mark.parametrize(
    "data", [b"\xff", b"a: 'b\n", b"\ta: b\n", b"[" * 5000, b"a: *b\n", b"? [a]\n: b\n"]
)
def test_files_that_are_no_yaml(data: bytes) -> None:
    with pytest.raises(GuardError, match="cannot be read as YAML"):
        read_ci(data, ".travis.yml")


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    text = f"script: !!python/object/apply:os.system ['touch {ran}']\n"
    read_ci(text.encode(), ".travis.yml")
    of(f"docker run a/b $(touch {ran}) `touch {ran}`")
    assert not ran.exists()


def test_a_line_that_is_no_shell_is_noted() -> None:
    found = of("docker run a/b echo 'x", "docker run a/b two")
    assert found.command is not None
    assert found.command.value == "two"
    assert "line 2 cannot be read as shell" in found.notes[0]


@pytest.mark.parametrize(
    "lines",
    [
        ("docker run -d --name c a/b sleep 1000", "docker exec c make test"),
        ("docker run -dit --name=c a/b", "sudo docker container exec -it c sh -c 'make test'"),
        ("docker create --name c a/b", "docker start c", "docker exec -e HOME c make test"),
        ("CID=$(docker run --detach a/b sleep 9)", "docker exec $CID make test"),
        ('CID="$(docker run --detach a/b sleep 9)"', 'docker exec "$CID" make test'),
        ("C=`docker run -d a/b`; docker exec ${C} make test",),
        (
            "docker run -d --name db postgres:9",
            "docker run -d --name c a/b",
            "docker exec c make test",
        ),
    ],
)
def test_what_is_executed_in_a_container_that_waits(lines: tuple[str, ...]) -> None:
    proposal = of(*(f"{line!r}" if line[0] in "'\"" else line for line in lines))
    assert proposal.image is not None
    assert proposal.image.value == "a/b"
    assert proposal.command is not None
    assert proposal.command.value == "make test"


def test_a_container_that_waits_lends_its_folders_and_variables() -> None:
    start = "docker run -d --name c -v $PWD:/src -w /src -e A=1 a/b sleep 9"
    proposal = of(start, "docker exec c make", "docker exec -w /src/x -e B=2 c make test")
    assert proposal.source is not None
    assert proposal.source.value == "/src"
    assert proposal.command is not None
    assert proposal.command.value == (
        "(export A=1 && cd /src && make) && (export A=1 && export B=2 && cd /src/x && make test)"
    )
    assert proposal.command.lines == (3, 4)


def test_a_container_that_nothing_starts_is_noted() -> None:
    proposal = of("docker run a/b one", "docker exec other two")
    assert proposal.command is not None
    assert proposal.command.value == "one"
    assert proposal.notes == ("line 3 runs in other, which nothing here starts",)


INCLUDE = """\
env: {{global: [IMAGE=a/b]}}
install: docker pull $IMAGE
{top}{key}:
  include:
  - script: docker run $IMAGE one
  - env: IMAGE=a/b:2 X=1
    before_script: docker run $IMAGE two
    script: [docker run $IMAGE one, docker run a/b three]
  - stage: deploy
    script: ./deploy
"""


@pytest.mark.parametrize("key", ["jobs", "matrix"])
@pytest.mark.parametrize("top", ["", "script: docker run a/b top\n"])
def test_the_jobs_that_a_travis_file_includes(key: str, top: str) -> None:
    proposal = read_ci(INCLUDE.format(top=top, key=key).encode(), ".travis.yml")
    assert proposal.command is not None
    # Each has a script of its own, so that the file's is nobody's.
    assert proposal.command.value == "one && three"
    assert {note.partition(" ")[2].partition(" ")[2] for note in proposal.notes} == {
        "runs another image, a/b:2: left out"
    }


CONTAINERS = {
    ".github/workflows/ci.yml": """\
on: push
env: {NAME: a/b}
jobs:
  test:
    container: {image: "${{ env.NAME }}:1", options: --init}
    steps:
    - uses: actions/checkout@v4
    - {name: Build, run: make all}
    - run: |
        # all of them
        ./test.sh one; ./test.sh two
  lint:
    runs-on: ubuntu-latest
    steps: [{run: hlint .}]
""",
    ".gitlab-ci.yml": """\
variables: {NAME: a/b}
default:
  image: {name: "$NAME:1", entrypoint: [""]}
.base: {before_script: [make all]}
stages: [test]
test:
  extends: .base
  script:
  - [./test.sh one; ./test.sh two]
deploy: {image: other/c, script: [./deploy]}
""",
    ".circleci/config.yml": """\
version: 2.1
executors: {ours: {docker: [{image: "a/b:1"}, {image: "postgres:9"}]}}
jobs:
  test:
    executor: ours
    steps:
    - checkout
    - run: make all
    - run: {name: Test, command: ./test.sh one; ./test.sh two}
""",
}
TESTS = {
    ".github/workflows/ci.yml": "export NAME=a/b && cd /src && make all"
    " && sh -ec '# all of them\n./test.sh one; ./test.sh two'",
    ".gitlab-ci.yml": "(export NAME=a/b && cd /src"
    " && bash -eo pipefail -c 'make all\n./test.sh one; ./test.sh two'\n)",
    ".circleci/config.yml": "cd /src && make all"
    " && bash -eo pipefail -c './test.sh one; ./test.sh two'",
}


@pytest.mark.parametrize("path", CONTAINERS)
def test_a_job_in_a_container_of_the_image(path: str) -> None:
    proposal = read_ci(CONTAINERS[path].replace("other/c", "a/b:1").encode(), path)
    assert proposal.image is not None
    assert proposal.image.value == "a/b"
    assert proposal.source is not None
    assert proposal.source.value == "/src"
    assert proposal.command is not None
    assert proposal.command.value.startswith(TESTS[path])
    assert any(
        note.endswith("runs in the checkout, which is put at /src") for note in proposal.notes
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            ".github/workflows/a.yml",
            "jobs: {a: {steps: [{run: 'docker run -v ${{ github.workspace }}:/x a/b make'}]}}",
        ),
        (
            ".github/workflows/a.yml",
            "jobs: {a: {steps: [{run: 'docker run -v $GITHUB_WORKSPACE:/x a/b make'}]}}",
        ),
        (
            ".gitlab-ci.yml",
            "test: {image: 'docker:24', script: 'docker run -v $CI_PROJECT_DIR:/x a/b make'}",
        ),
        (
            ".circleci/config.yml",
            "jobs: {a: {machine: true, steps: [{run: 'docker run -v $PWD:/x a/b make'}]}}",
        ),
    ],
)
def test_a_machine_on_which_docker_runs_the_image(path: str, text: str) -> None:
    proposal = read_ci(text.encode(), path)
    assert proposal.image is not None
    assert proposal.image.value == "a/b"
    assert proposal.source is not None
    assert proposal.source.value == "/x"
    assert proposal.command is not None
    assert proposal.command.value == "make"


def steps_of(*steps: str, path: str = ".github/workflows/ci.yml") -> Proposal:
    """The proposal of a job in a container that has these steps."""
    container = "container: a/b" if path.startswith(".github") else "docker: [{image: a/b}]"
    lines = "".join(f"    - {step}\n" for step in steps)
    return read_ci(f"jobs:\n  t:\n    {container}\n    steps:\n{lines}".encode(), path)


def outcome(proposal: Proposal, folder: Path) -> tuple[bool, str]:
    """Whether the proposed command passes in a checkout, and what it prints."""
    assert proposal.command is not None
    command = proposal.command.value.replace("/src", str(folder))
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("steps", "passes", "output"),
    [
        (["run: 'echo a   # why'", "run: echo b"], True, "a\nb\n"),
        (['run: "echo a # why\\necho b"'], True, "a\nb\n"),
        (['run: "# why \\\\\\necho b"'], True, "b\n"),
        (['run: "echo a # why\\nfalse\\necho b"', "run: echo c"], False, "a\n"),
        (["run: 'false; true'", "run: echo c"], False, ""),
        (["run: exit 0", "run: echo c"], True, "c\n"),
        (["run: cd sub", "run: cat name"], True, "top\n"),
        (["{run: cat name, working-directory: sub}", "run: cat name"], True, "sub\ntop\n"),
        (["{run: 'echo $A', env: {A: a b}}", "run: echo $A."], True, "a b\n.\n"),
        (["run: \"echo 'a\\nb'\""], True, "a\nb\n"),
        (['run: "f() {\\necho f\\n}\\nf"'], True, "f\n"),
        (['run: "for x in 1 2\\ndo\\necho $x\\ndone"'], True, "1\n2\n"),
        (['run: "sh <<E\\necho a\\nE\\necho b"'], True, "a\nb\n"),
        (["{run: 'false | true', shell: bash}"], False, ""),
    ],
)
def test_the_steps_of_a_job_run_as_on_ci(
    steps: list[str], passes: bool, output: str, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "name").write_text("top\n")
    (tmp_path / "sub" / "name").write_text("sub\n")
    assert outcome(steps_of(*steps), tmp_path) == (passes, output)


def test_the_lines_of_gitlab_share_a_shell(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "name").write_text("sub\n")
    text = "t: {image: a/b, before_script: [cd sub, x=1], script: [cat name, 'echo $x # y']}\n"
    assert outcome(read_ci(text.encode(), ".gitlab-ci.yml"), tmp_path) == (True, "sub\n1\n")


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("{run: other, shell: python}", "has `shell`"),
        ("{run: other, if: failure()}", "has `if`"),
        ("{run: other, continue-on-error: true}", "has `continue-on-error`"),
        ("{run: other, working-directory: $HOME}", "has `working-directory`"),
        ("{run: other, working-directory: /x}", "has `working-directory`"),
        ("uses: freckle/stack-action@v5", "has `uses`"),
        ("{run: make, env: {A: '${{ secrets.A }}'}}", "has A set to what only CI knows"),
    ],
)
def test_a_step_that_is_not_understood_is_noted(step: str, reason: str) -> None:
    proposal = steps_of("run: make", step)
    assert proposal.command is not None
    assert "other" not in proposal.command.value
    assert any(
        note.startswith("not taken over: line ") and reason in note for note in proposal.notes
    )


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("{run: {command: other, when: on_fail}}", "has `when`"),
        ("{run: {command: other, background: true}}", "has `background`"),
        ("{run: 'other V=<< parameters.v >>'}", "has `<< parameters.v >>`"),
        ("other", "is a step of another kind than `run`"),
        ("{when: {condition: x, steps: [{run: other}]}}", "is a step of another kind than `run`"),
    ],
)
def test_a_step_of_circleci_that_is_not_understood_is_noted(step: str, reason: str) -> None:
    always = "{run: {command: make, when: always, working_directory: sub}}"
    proposal = steps_of("checkout", always, step, path=".circleci/config.yml")
    assert proposal.command is not None
    assert proposal.command.value == "cd /src && (cd sub && make)"
    assert any(note.startswith(f"not taken over: line 7 {reason}") for note in proposal.notes)


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("{image: a/b, script: !reference [.x, script]}", "refers to lines elsewhere"),
        ("{image: a/b, script: [!reference [.x, before_script]]}", "refers to lines elsewhere"),
        ("{image: a/b, script: other, when: manual}", "has `when`"),
        ("{image: a/b, script: other, allow_failure: true}", "has `allow_failure`"),
        ("{extends: .by-hand, image: a/b, script: other}", "has `when`"),
        ("{image: a/b, script: [[[other]], {other: x}]}", "refers to lines elsewhere"),
    ],
)
def test_a_job_of_gitlab_that_is_not_understood_is_noted(job: str, reason: str) -> None:
    text = f".by-hand: {{when: manual}}\nt: {{image: a/b, script: make}}\nd: {job}\n"
    proposal = read_ci(text.encode(), ".gitlab-ci.yml")
    assert proposal.command is not None
    assert proposal.command.value == "cd /src && make"
    assert proposal.notes[0].startswith(f"not taken over: line 3 {reason}")


@pytest.mark.parametrize(
    "redirection",
    ["> log.txt", "> log.txt 2>&1", ">log.txt", ">> 'log.txt'", "2>/dev/null", "&> log.txt"],
)
def test_a_redirection_of_the_machine_is_no_argument(redirection: str) -> None:
    assert only(f"docker run a/b make test {redirection}").command == "make test"
    assert only("docker run a/b sh -c 'make > log'").command == "make > log"


@pytest.mark.parametrize(
    "line",
    [
        "docker run -i a/b sh <<EOF",
        "docker run -i a/b sh < tests.sh",
        "cat tests.sh | docker run -i a/b sh",
        "(docker run a/b other)",
        "! docker run a/b other",
        "docker -H tcp://x run a/b other",
        "docker --context x run a/b other",
        "docker-compose run app other",
        "docker compose -f x.yml run app other",
        "podman run a/b other",
    ],
)
def test_a_container_that_is_run_in_another_way_is_noted(line: str) -> None:
    proposal = read_ci(
        f"script: |\n  {line}\n  docker network create x\n  docker run a/b make\n".encode(),
        ".travis.yml",
    )
    assert proposal.command is not None
    assert proposal.command.value == "make"
    assert proposal.notes == ("not taken over: line 2 runs a container in another way",)


@pytest.mark.parametrize(
    "text",
    [
        "a: {extends: a, script: x, image: a/b}\n",
        "a: {extends: [b, b, b, b]}\nb: {extends: [a, a, a, a], script: y}\n",
        "jobs: {a: {docker: x, steps: y, executor: [z]}, b: [], c: {container: []}}\n",
        "jobs: x\nexecutors: []\nmatrix: {include: x}\n",
    ],
)
@pytest.mark.parametrize("path", [*CONTAINERS, ".travis.yml"])
def test_a_file_of_another_shape_is_no_harm(path: str, text: str) -> None:
    read_ci(text.encode(), path)
