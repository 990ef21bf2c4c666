"""The docker CLI's configuration: what the CLI lives with, guard lives with, to the same end."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pytest

from guard.demo.registry import registry as loopback_registry
from guard.engine.baseimage import base_image
from guard.engine.client import Engine
from guard.engine.images import CredentialsRefusedError, push, resolve
from guard.errors import EngineError
from guard.model import Result
from tests.engine.conftest import Trial
from tests.engine.own import NEWER, OwnEngine, Spec, own_engine
from tests.engine.test_endings import AULA
from tests.engine.trees import Content, Store, Submodule
from tests.registry import PASSWORD, USER, USERS

OLDER_CLI: Final = "/usr/bin/docker"
NEWER_CLI: Final = str(NEWER / "usr/bin/docker")
AUTH: Final = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
GOOD: Final = f'"HOST": {{"auth": "{AUTH}"}}'


class Kind(NamedTuple):
    """A configuration.

    Args:
        content: of config.json, None for a folder in its place; HOST stands for the registry.
        pushes: whether an image can be pushed with it.
        cli_may_fail: what is broken costs the CLI more: Go walks through a mapping in an order of
            chance, up to that; the newer CLI does not go on without a helper.
    """

    content: str | bytes | None
    pushes: bool = True
    cli_may_fail: bool = False


def auths(entries: str, more: str = "") -> str:
    return f'{{"auths": {{{entries}}}{more}}}'


KINDS: Final = {
    "no file": Kind("", False),
    "as docker login leaves it": Kind(auths(GOOD)),
    "in lines, as base64 writes it": Kind(auths(GOOD.replace(AUTH, f"{AUTH[:8]}\\n{AUTH[8:]}\\n"))),
    "somebody else's is null": Kind(auths(f'"old.example.org": null, {GOOD}')),
    "somebody else's is empty": Kind(auths(f'"old.example.org": {{}}, {GOOD}')),
    "somebody else's has no colon": Kind(
        auths(f'"old.example.org": {{"auth": "bm9jb2xvbg=="}}, {GOOD}'), cli_may_fail=True
    ),
    "somebody else's is no base64": Kind(
        auths(f'"old.example.org": {{"auth": "!!!"}}, {GOOD}'), cli_may_fail=True
    ),
    "somebody else's is a list": Kind(auths(f'"old.example.org": [1], {GOOD}'), cli_may_fail=True),
    "user and password": Kind(auths(f'"HOST": {{"username": "{USER}", "password": "{PASSWORD}"}}')),
    "a URL": Kind(auths(GOOD.replace("HOST", "http://HOST/v1/"))),
    "names in any case": Kind(f'{{"AUTHS": {{{GOOD.replace("auth", "Auth")}}}}}'),
    "the wrong password": Kind(auths(GOOD.replace(AUTH, "ZGV2OndCbmc=")), False),
    "no credentials for it": Kind(auths(GOOD.replace("HOST", "other.example.org")), False),
    "a helper that is gone": Kind(auths(GOOD, ', "credsStore": "gone"'), cli_may_fail=True),
    "a helper that fails": Kind(auths(GOOD, ', "credsStore": "failing"'), cli_may_fail=True),
    "a helper that is no program of that kind": Kind(
        auths(GOOD, ', "credsStore": "babbling"'), cli_may_fail=True
    ),
    "a helper that has none": Kind(auths(GOOD, ', "credsStore": "empty"'), False),
    "a helper that has them": Kind('{"credsStore": "full"}'),
    "a helper for it": Kind('{"credHelpers": {"HOST": "full"}, "credsStore": "gone"}'),
    "a helper for another registry": Kind(auths(GOOD, ', "credHelpers": {"other": "gone"}')),
    "no helper for it": Kind(auths(GOOD, ', "credHelpers": {"HOST": ""}, "credsStore": "empty"')),
    "a helper that is gone and nothing else": Kind('{"credsStore": "gone"}', False),
    "a folder": Kind(None, False),
    "a list": Kind("[]", False),
    "null": Kind("null", False),
    "a text": Kind('"x"', False),
    "nothing in it": Kind(" \n", False),
    "half of it": Kind('{"auths": {', False),
    "a comma too many": Kind(auths(GOOD, ","), False),
    "more behind it": Kind(auths(GOOD) + " and more"),
    "not UTF-8": Kind(auths(GOOD, ', "x": "\xe4"').encode("latin-1")),
    "a byte order mark": Kind(b"\xef\xbb\xbf" + auths(GOOD).encode(), False),
    "auths is a list": Kind('{"auths": [1]}', False),
    "auths is null": Kind('{"auths": null}', False),
    "proxies of another type": Kind(auths(GOOD, ', "proxies": [1]'), cli_may_fail=True),
    "a proxy of another type": Kind(
        auths(GOOD, ', "proxies": {"default": {"httpProxy": 5}}'), cli_may_fail=True
    ),
    "proxies are null": Kind(auths(GOOD, ', "proxies": null')),
    "headers": Kind(auths(GOOD, ', "HttpHeaders": {"X-Team": "aula"}')),
    "headers of another type": Kind(
        auths(GOOD, ', "HttpHeaders": {"X-Team": 5}'), cli_may_fail=True
    ),
    "helpers of another type": Kind(auths(GOOD, ', "credHelpers": [1]'), cli_may_fail=True),
    "a store of another type": Kind(auths(GOOD, ', "credsStore": {}'), cli_may_fail=True),
    "a context of another type": Kind(auths(GOOD, ', "currentContext": 5'), cli_may_fail=True),
    "the default context": Kind(auths(GOOD, ', "currentContext": "default"')),
    "keys for detaching": Kind(auths(GOOD, ', "detachKeys": "ctrl-x"')),
}
HELPERS: Final = {
    "failing": "echo locked; exit 1",
    "babbling": "echo hello",
    "empty": "echo 'credentials not found in native keychain'; exit 1",
    "full": f'echo \'{{"Username": "{USER}", "Secret": "{PASSWORD}"}}\'',
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry that wants credentials."""
    with loopback_registry(tmp_path_factory.mktemp("closed"), USERS) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the CLI's configuration is; helpers are in the PATH, no variable leads elsewhere."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in HELPERS.items():
        program = programs / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "docker").mkdir()
    return tmp_path / "docker"


def succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def guard_pushes(engine: Engine, image: str, reference: str) -> bool:
    try:
        push(engine, image, reference, lambda transfer: None)
    except EngineError:
        return False
    return True


@pytest.mark.parametrize("name", KINDS)
def test_what_the_cli_lives_with(
    name: str, closed: str, folder: Path, engine: Engine, base: str
) -> None:
    kind, api = KINDS[name], cast(Any, engine.api)
    image = engine.image_id(base)
    content = kind.content.encode() if isinstance(kind.content, str) else kind.content
    if content is None:
        (folder / "config.json").mkdir()
    elif content:
        (folder / "config.json").write_bytes(content.replace(b"HOST", closed.encode()))
    repository = f"{closed}/liqd/{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    try:
        with Engine.connect() as connected:
            assert guard_pushes(connected, image, f"{repository}:guard") is kind.pushes
        for number, cli in enumerate((OLDER_CLI, NEWER_CLI)):
            assert succeeds(cli, "version")
            api.tag(image, repository, tag=str(number))
            pushed = succeeds(cli, "push", f"{repository}:{number}")
            assert pushed is kind.pushes or (kind.cli_may_fail and kind.pushes)
    finally:
        for tag in api.inspect_image(image)["RepoTags"]:
            if tag.startswith(repository):
                api.remove_image(tag)


@pytest.mark.parametrize("name", ["a list", "a helper that is gone", "somebody else's is null"])
def test_both_builders_build_with_damage_in_it(
    name: str, builder: str, folder: Path, store: Store, base: str
) -> None:
    (folder / "config.json").write_text(str(KINDS[name].content))
    files: dict[str, Content] = {"Dockerfile": f"FROM {base}\n", "aula": Submodule()}
    with Engine.connect() as engine:
        tried = Trial(engine, builder).run([store.part(files), store.part(AULA, "aula")])
    assert tried.result is Result.PASSED


def test_a_helper_that_is_gone_is_named_where_the_registry_refuses(
    closed: str, folder: Path
) -> None:
    (folder / "config.json").write_text('{"credsStore": "gone"}')
    with Engine.connect() as engine, pytest.raises(CredentialsRefusedError) as refused:
        resolve(engine, f"{closed}/liqd/aula:v1")
    assert "docker-credential-gone is not installed" in refused.value.problem


def test_proxies_of_the_engine_and_the_default_ones(
    builder: str, folder: Path, store: Store, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    theirs = {"default": {"httpProxy": "http://usual:1"}}
    own = {where: {"HttpProxy": "http://own:1", "noProxy": "near"}}
    show = 'echo "$http_proxy $HTTP_PROXY $no_proxy"'
    printed = []
    for proxies in (theirs, {**theirs, **own}):
        (folder / "config.json").write_text(json.dumps({"proxies": proxies}))
        dockerfile = f"FROM {base}\nRUN : {len(proxies)}; {show} >/built\n"
        files: dict[str, Content] = {"Dockerfile": dockerfile, "aula": Submodule()}
        parts = [store.part(files), store.part(AULA, "aula")]
        with Engine.connect() as engine:
            tried = Trial(engine, builder).run(parts, "/bin/sh", "-c", f"cat /built; {show}")
        printed.append(tried.last.tail)
    assert printed == [
        ("http://usual:1 http://usual:1 ",) * 2,
        ("http://own:1 http://own:1 near",) * 2,
    ]


# As CI of a team may have it set for other programs.
BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"
SKIPPING: Final = "skip-tls-verify=true"
PAIR: Final = "cert=TLS/cert.pem,key=TLS/key.pem"


class Way(NamedTuple):
    """To an engine.

    Args:
        variables: OWN stands for that engine's URL, TLS for the folder of its certificates.
        leads_to: the engine: "own", "usual", or "" for none.
        context: options by which a context "far" is made.
        current: what config.json calls the current context.
        older: whether the older CLI finds its way, too.
    """

    variables: dict[str, str]
    leads_to: str
    context: str = ""
    current: str = ""
    older: bool = True


FULL: Final = f"host=OWN,ca=TLS/ca.pem,{PAIR}"
VERIFIED: Final = {"DOCKER_HOST": "OWN", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "TLS"}
WAYS: Final = {
    "no word": Way({}, "usual"),
    "certificates": Way(VERIFIED, "own"),
    "certificates and a 0 for verifying": Way({**VERIFIED, "DOCKER_TLS_VERIFY": "0"}, "own"),
    "nothing for verifying": Way({**VERIFIED, "DOCKER_TLS_VERIFY": ""}, ""),
    "certificates and no host": Way({"DOCKER_CERT_PATH": "TLS"}, "usual"),
    "no certificates": Way({**VERIFIED, "DOCKER_CERT_PATH": ""}, ""),
    "another CA": Way({**VERIFIED, "DOCKER_CERT_PATH": "TLS/other"}, ""),
    "TLS by another name": Way({**VERIFIED, "DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": ""}, "own"),
    "no scheme": Way({**VERIFIED, "DOCKER_HOST": "ADDRESS"}, "own"),
    "TLS to a socket": Way(
        {**VERIFIED, "DOCKER_HOST": "unix:///var/run/docker.sock"}, "usual", older=False
    ),
    "a context": Way({"DOCKER_CONTEXT": "far"}, "own", FULL),
    "the current context": Way({}, "own", FULL, "far"),
    "a context that a host overrules": Way(
        {"DOCKER_HOST": "unix:///var/run/docker.sock", "DOCKER_CONTEXT": "far"}, "usual", FULL
    ),
    "the default context overrules": Way({"DOCKER_CONTEXT": "default"}, "usual", FULL, "far"),
    "a context that skips": Way({"DOCKER_CONTEXT": "far"}, "own", f"host=OWN,{PAIR},{SKIPPING}"),
    "a context that skips, and its CA": Way({}, "own", f"{FULL},{SKIPPING}", "far"),
    "a context without a key": Way({}, "", "host=OWN,ca=TLS/ca.pem", "far"),
    "a context without a CA": Way({}, "", f"host=OWN,{PAIR}", "far"),
    "a context of a socket that skips": Way(
        {}, "usual", f"host=unix:///var/run/docker.sock,{SKIPPING}", "far", older=False
    ),
    "a context that is gone": Way({"DOCKER_CONTEXT": "gone"}, "", FULL, "far"),
    "the current context is gone": Way({}, "", "", "gone"),
    "a proxy that is not there": Way({**VERIFIED, "HTTPS_PROXY": "http://127.0.0.1:9"}, "own"),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ca.pem, cert.pem and key.pem, with server.pem; below `other` those of another."""
    folder = tmp_path_factory.mktemp("tls")
    script = Path(__file__).with_name("certificates.sh")
    for place in (folder, folder / "other"):
        place.mkdir(exist_ok=True)
        subprocess.run(["sh", script], cwd=place, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def own(certificates: Path) -> Iterator[OwnEngine]:
    """An engine behind TLS, which wants a certificate of its clients."""
    settings = {
        "tlsverify": True,
        "tlscacert": f"{certificates}/ca.pem",
        "tlscert": f"{certificates}/server.pem",
        "tlskey": f"{certificates}/server-key.pem",
    }
    with own_engine(Spec("d", more=tuple(settings.items()))) as started:
        yield started


def found_by(cli: str) -> str:
    """The id of the engine that a CLI finds, "" where it finds none."""
    command = [cli, "info", "--format", "{{.ID}}"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def found_by_guard() -> str:
    try:
        with Engine.connect() as engine:
            return str(engine.api.info()["ID"])
    except EngineError:
        return ""


@pytest.mark.parametrize("name", WAYS)
def test_the_way_to_the_engine(
    name: str,
    own: OwnEngine,
    certificates: Path,
    folder: Path,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def meant(text: str) -> str:
        text = text.replace("OWN", own.tcp).replace("TLS/", f"{certificates}/")
        text = re.sub("^TLS$", str(certificates), text)
        return text.replace("ADDRESS", own.tcp.removeprefix("tcp://"))

    way = WAYS[name]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", BUNDLE)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with Engine.connect(own.host) as far:
        ids = {"own": far.api.info()["ID"], "usual": engine.api.info()["ID"], "": ""}
    if way.context:
        created = ("context", "create", "far", "--docker", meant(way.context))
        subprocess.run([OLDER_CLI, *created], check=True, capture_output=True)
    if way.current:
        (folder / "config.json").write_text(json.dumps({"currentContext": way.current}))
    for variable, value in way.variables.items():
        monkeypatch.setenv(variable, meant(value))
    assert found_by_guard() == ids[way.leads_to]
    assert found_by(NEWER_CLI) == ids[way.leads_to]
    assert found_by(OLDER_CLI) == (ids[way.leads_to] if way.older else "")


@pytest.mark.parametrize("context", ["", f"{FULL},{SKIPPING}"])
def test_a_build_behind_tls(
    context: str,
    builder: str,
    own: OwnEngine,
    certificates: Path,
    folder: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", BUNDLE)
    if context:
        options = context.replace("OWN", own.tcp).replace("TLS/", f"{certificates}/")
        created = ("context", "create", "far", "--docker", options)
        subprocess.run([OLDER_CLI, *created], check=True, capture_output=True)
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
    else:
        monkeypatch.setenv("DOCKER_HOST", own.tcp)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
    with Engine.connect() as far:
        base = base_image(far)
        dockerfile = f"FROM {base}\nRUN echo far\n"
        files: dict[str, Content] = {"Dockerfile": dockerfile, "aula": Submodule()}
        tried = Trial(far, builder).run([store.part(files), store.part(AULA, "aula")])
    assert tried.result is Result.PASSED
    # Python tells nobody of connections that are open at the end.
    assert {warning.category for warning in recwarn} <= {ResourceWarning}


def test_another_ca_is_told_as_that(
    own: OwnEngine, certificates: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own.tcp)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", f"{certificates}/other")
    with pytest.raises(EngineError, match=rf"TLS with the engine at {own.tcp}: .*verify") as caught:
        Engine.connect()
    assert "ca.pem" in caught.value.remedy


def test_a_current_context_that_is_gone_says_what_ends_that(folder: Path) -> None:
    (folder / "config.json").write_text('{"currentContext": "gone"}')
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_HOST", raising=False)
        with pytest.raises(EngineError, match="there is no docker context gone") as caught:
            Engine.connect()
        subprocess.run(caught.value.remedy, shell=True, check=True, capture_output=True)
        Engine.connect().close()


def test_tls_without_a_ca_says_which_file_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(EngineError, match=re.escape(f"{folder}/ca.pem is not there")) as caught:
        Engine.connect()
    assert "DOCKER_CERT_PATH" in caught.value.remedy
