"""A password or a token in a URL is never printed, nor kept where others may get it."""

from __future__ import annotations

import io
import json
import re
from typing import NamedTuple

import pytest

from guard import cli
from guard.commands import explain
from guard.engine.profile import brief
from guard.errors import without_secret
from guard.screen import Screen
from tests.workshop import Repo, Workshop

SECRET = re.compile("S3cret|S3%63ret")
FORMS = {
    "user and password": "https://bob:S3cret@git.example.org/{name}.git",
    "a token alone": "https://S3cret@git.example.org:8443/{name}.git",
    "a token and a word": "https://S3cret:x-oauth-basic@github.com/liqd/{name}.git",
    "percent-encoded, to a number": "http://bob:S3%63ret%40%2F@[::1]:3000/{name}.git",
    "in the query": "https://git.example.org/{name}.git?access_token=S3cret",
    "of ssh": "ssh://git:S3cret@git.example.org/{name}.git",
    "of scp": "bob:S3cret@git.example.org:{name}.git",
    "behind a space": "https://my bob:S3cret@git.example.org/{name}.git",
}


class Secretive(NamedTuple):
    """A workshop whose every URL has a secret, and leads to the remotes all the same."""

    workshop: Workshop
    form: str

    def url(self, name: str) -> str:
        return self.form.format(name=name)

    def kept(self) -> str:
        """All that guard keeps: its files, and what it gives to others."""
        folders = self.workshop.docker.folder.glob(".git/**/guard/**/*")
        texts = [path.read_text(errors="replace") for path in folders if path.is_file()]
        docker = self.workshop.docker
        listed = docker.git("ls-tree", "-r", "--name-only", "refs/guard/verdicts").split()
        texts += [docker.git("show", f"refs/guard/verdicts:{path}") for path in listed]
        assert len(texts) > 1
        return "\n".join(texts)


@pytest.fixture(params=[*FORMS.values()], ids=[*FORMS])
def secretive(workshop: Workshop, request: pytest.FixtureRequest) -> Secretive:
    made = Secretive(workshop, request.param)
    docker = workshop.docker
    for repo in (docker, workshop.aula, workshop.thentos):
        for name in ("aula-docker", "aula", "thentos"):
            to = f"url.{workshop.root}/remotes/{name}.git.insteadOf"
            repo.git("config", "--add", to, made.url(name))
        repo.git("remote", "set-url", "origin", made.url(repo.folder.name))
        repo.git("remote", "set-url", "--push", "origin", made.url(repo.folder.name))
    for name in ("aula", "thentos"):
        docker.git("config", "-f", ".gitmodules", f"submodule.{name}.url", made.url(name))
        docker.git("config", f"submodule.{name}.url", made.url(name))
    docker.commit("Name them with a secret")
    workshop.install()
    return made


ASKED = (
    *("check HEAD", "check HEAD --json", "check --ask HEAD", "check --hooks --json"),
    *("status", "status --verbose", "status --json", "log", "log --json", "audit", "audit --json"),
    *("sync", "recover", "recover --json", "release", "release --json", "align", "init"),
)


def test_no_command_prints_it(secretive: Secretive) -> None:
    workshop = secretive.workshop
    workshop.release("0.3.5")
    workshop.pin()
    workshop.verdict(detail=f"git clone {secretive.url('thentos')} failed")
    blocked = workshop.push(workshop.docker)
    assert blocked.status != 0, blocked.text
    assert "error published" in blocked.text
    bypassed = workshop.push(workshop.docker, GUARD_BYPASS=f"see {secretive.url('aula')}")
    assert bypassed.status == 0, bypassed.text
    # What git itself says before and after the hook is git's.
    told = [line for line in blocked.text.splitlines() if not line.startswith(("To ", "error: "))]
    assert not SECRET.search("\n".join(told))
    for words in ASKED:
        ran = workshop.guard(*words.split())
        assert ran.text, words
        assert not SECRET.search(ran.text), (words, ran.text)
    assert not SECRET.search(secretive.kept())


def test_an_allowed_push_stays_allowed_and_keeps_nothing_of_it(secretive: Secretive) -> None:
    workshop = secretive.workshop
    workshop.publish()
    workshop.verdict()
    for ref in ("one", "two"):
        ran = workshop.push(workshop.docker, "origin", f"HEAD:refs/heads/{ref}")
        assert ran.status == 0, ran.text
        assert "allowed" in ran.text
    assert not SECRET.search(secretive.kept())


def test_of_a_remedy_it_is_said_that_something_is_left_out(workshop: Workshop) -> None:
    docker, url = workshop.docker, "https://bob:S3cret@git.example.org/aula.git"
    docker.git("config", "-f", ".gitmodules", "submodule.aula.url", url)
    docker.commit("Name a URL that no remote has")
    workshop.verdict()
    told = workshop.guard("check", "HEAD", "--for", "refs/heads/master").out.splitlines()
    (at,) = (n for n, line in enumerate(told) if "mend:" in line and "remote add" in line)
    assert "https://git.example.org/aula.git" in told[at]
    assert "of the URL is left out: git asks for it" in told[at + 1]


@pytest.mark.parametrize("url", [FORMS["user and password"], FORMS["a token alone"]])
@pytest.mark.parametrize("file", ["stack.yaml", "cabal.project"])
def test_a_manifest_of_the_consumer(workshop: Workshop, url: str, file: str) -> None:
    source, commit = url.format(name="thentos"), "a" * 40
    texts = {
        "stack.yaml": f"resolver: lts-3.20\npackages: ['.']\nextra-deps:\n- git: '{source}'\n"
        f"  commit: {commit}\n  subdirs: [thentos-core]\n",
        "cabal.project": "packages: .\n\nsource-repository-package\n  type: git\n"
        f"  location: {source}\n  tag: {commit}\n  subdir: thentos-core\n",
    }
    (workshop.aula.folder / "stack.yaml").unlink()
    workshop.aula.commit("Take thentos from its forge", {file: texts[file]})
    workshop.pin()
    for words in ("check HEAD", "check HEAD --json", "check --ask HEAD", "status --json"):
        ran = workshop.guard(*words.split())
        assert "dependency-source" in ran.text
        assert re.search("git.example.org[^ ]*/thentos.git", ran.text)
        assert not SECRET.search(ran.text)


def test_what_git_says_of_a_remote_that_does_not_answer(workshop: Workshop) -> None:
    url = "http://bob:S3cret@127.0.0.1:1/thentos.git"
    workshop.docker.git("config", "-f", ".gitmodules", "submodule.thentos.url", url)
    workshop.docker.commit("Name a server that is down")
    workshop.thentos.git("remote", "set-url", "origin", url)
    workshop.verdict()
    workshop.install()
    workshop.thentos.git("update-ref", "-d", "refs/remotes/origin/master")
    pushed = workshop.push(workshop.docker, "origin", "HEAD:refs/heads/one")
    assert "127.0.0.1:1/thentos.git" in pushed.text
    for ran in (pushed, workshop.guard("check", "HEAD"), workshop.guard("release")):
        assert not SECRET.search(ran.text), ran.text


def test_a_mistake_in_guard_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(options: object, screen: object) -> int:
        raise ValueError("https://bob:S3cret@git.example.org/aula.git")

    monkeypatch.setattr(explain, "run", run)
    for debug in ("", "1"):
        monkeypatch.setenv("GUARD_DEBUG", debug)
        assert cli.main(["explain"]) == 3
        told = capsys.readouterr().err
        assert "ValueError: https://git.example.org/aula.git" in told
        assert (f"{__file__}:" in told) == bool(debug)


def test_words_that_guard_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["explain", "--of=https://bob:S3cret@git.example.org/aula.git"])
    told = capsys.readouterr().err
    assert "unrecognized arguments: --of=https://git.example.org/aula.git" in told


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("https://bob:S3c/ret@example.org/a.git x", "https://example.org/a.git x"),
        ("git+https://S3cret@example.org/a.git", "git+https://example.org/a.git"),
        ("tcp://bob:S3cret@10.0.0.1:2376", "tcp://bob@10.0.0.1:2376"),
        ("ssh://S3cret:x-oauth-basic@github.com/a", "ssh://github.com/a"),
        ("ssh://git@[::1]:22/a.git", "ssh://git@[::1]:22/a.git"),
        ("https://[::1]:3000/a@b.git", "https://[::1]:3000/a@b.git"),
        ("https://example.org:3000/a@b.git", "https://example.org:3000/a@b.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("example.org/a?access_token=S3cret&b=1", "example.org/a?access_token=&b=1"),
        ('"https:\\/\\/bob:S3cret@example.org\\/v2"', '"https:\\/\\/example.org\\/v2"'),
        ("add up bob:S3/cr@et@a.org:x/y.git && b", "add up bob@a.org:x/y.git && b"),
        ("bob:S3cret@[::1]:x", "bob@[::1]:x"),
        ("bob:S3cret@example.org/x.git", "bob@example.org/x.git"),
        ("error: git@example.org:x/y", "error: git@example.org:x/y"),
        ("aula:v1@sha256:1a on tcp://10.0.0.1", "aula:v1@sha256:1a on tcp://10.0.0.1"),
        ("ssh://a.org has aula:v1@sha256:1a", "ssh://a.org has aula:v1@sha256:1a"),
        ("'ssh://my bob:S3cret@example.org/x'", "'ssh://my bob@example.org/x'"),
        ("'https://bob:my S3cret@example.org/x'", "'https://example.org/x'"),
        ('"ssh://a.org", "b:c@d"', '"ssh://a.org", "b:c@d"'),
        ("Authorization: Basic S3cret==", "Authorization: Basic "),
        (
            "see https://example.org/ and ada@example.org",
            "see https://example.org/ and ada@example.org",
        ),
    ],
)
def test_what_is_taken_out(text: str, printed: str) -> None:
    assert without_secret(text) == printed


def test_what_another_program_says_comes_in_pieces() -> None:
    output = io.StringIO()
    screen = Screen(output, output, colour=False)
    for piece in (
        "Sending 1%\rSending 2%\r",
        "remote: see http",
        "s://bob:S3c",
        "ret@a.org/x",
        "!",
    ):
        screen.echo(piece)
        assert "S3c" not in output.getvalue()
    assert output.getvalue() == "Sending 1%\rSending 2%\rremote: see "
    screen.warn("done")
    assert output.getvalue().endswith("remote: see https://a.org/x! done\n")


def test_a_text_that_is_cut_off_within_a_url() -> None:
    assert "S3c" not in brief("RUN git clone https://S3cret@git.example.org/aula.git", 35)


def test_a_subject_that_audit_cuts_off(workshop: Workshop) -> None:
    workshop.docker.commit(
        "Take it from https://bob:S3cretS3cretS3cretS3cret@git.example.org/a.git"
    )
    told = workshop.guard("audit").out
    assert "Take it from https://git.example.org/a.git" in told


def test_the_record_that_goes_to_others(workshop: Workshop) -> None:
    key = workshop.verdict(detail="RUN git clone https://bob:S3cret@git.example.org/x failed")
    docker = Repo(workshop.docker.folder)
    (path,) = docker.git("ls-tree", "-r", "--name-only", "refs/guard/verdicts").split()
    record = json.loads(docker.git("show", f"refs/guard/verdicts:{path}"))
    assert record["subject"][0]["digest"]["gitTree"] == key
    assert (
        record["predicate"]["guard"]["detail"] == "RUN git clone https://git.example.org/x failed"
    )
