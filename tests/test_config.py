"""`.guard.toml`: every key, every error with the key's name, and what a verdict depends on."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guard import __version__
from guard.config import Config, Image, Protection, Rules, read_config
from guard.config import Test as HowToTest
from guard.errors import ConfigError

WHOLE = """\
[guard]
requires    = ">=0.1"
consumer    = "parts/aula/"
dependency  = "parts/thentos"
release-tag = "thentos-{version}"
protect     = ["*", "!refs/heads/wip/*"]
tested      = ["master"]

[guard.consumer-push]
protect = []
tested  = ["release/*"]

[image]
name       = "quay.io:443/liqd/aula_x"
dockerfile = "docker/Dockerfile"
target     = "final"
platform   = "linux/amd64"
build-args = {B = "2", A = "1"}
consumer   = "manifests"
builder    = "classic"
ignore     = ["docs/", "README.md", "docs"]
also       = ["fisx/x"]
pins       = ["ci/**"]
latest-from = "any"
publish = false
cache-from = ["type=registry,ref=x:cache"]
cache-to = ["type=inline"]

[test]
command = ["make", ""]
timeout = "45s"
source  = "/liqd/aula/"
entrypoint = true

[rules]
image-published = "error"
image-pin = "error"
"""


def test_every_key() -> None:
    assert read_config(WHOLE.encode()) == Config(
        consumer="parts/aula",
        dependency="parts/thentos",
        release_tag="thentos-{version}",
        superproject_push=Protection(("*", "!refs/heads/wip/*"), ("master",)),
        consumer_push=Protection((), ("release/*",)),
        image=Image(
            "quay.io:443/liqd/aula_x",
            "docker/Dockerfile",
            "final",
            "linux/amd64",
            (("A", "1"), ("B", "2")),
            "manifests",
            "classic",
            ("README.md", "docs"),
            "any",
            ("fisx/x",),
            ("ci/**",),
            publish=False,
            cache_from=("type=registry,ref=x:cache",),
            cache_to=("type=inline",),
        ),
        test=HowToTest(("make", ""), 45, "/liqd/aula", True),
        rules=Rules("error", "error"),
    )


@pytest.mark.parametrize("data", [None, b"", b"[guard]\n[image]\n[test]\n"])
def test_the_defaults(data: bytes | None) -> None:
    config = read_config(data)
    assert config == Config()
    assert (config.consumer, config.dependency, config.release_tag) == (
        "aula",
        "thentos",
        "v{version}",
    )
    assert config.superproject_push == config.consumer_push == Protection(("*",), ("*",))
    assert config.image.name == "quay.io/liqd/aula"
    assert config.test == HowToTest((), 90 * 60, "")


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90m", 5400), ("2h", 7200), ("999999s", 999999)]
)
def test_durations(text: str, seconds: int) -> None:
    assert read_config(f'[test]\ntimeout = "{text}"'.encode()).test.timeout == seconds


WRONG = {
    "guard": ["consumer", "dependency", "release-tag", "protect", "tested"],
    "guard.consumer-push": ["protect", "tested"],
    "image": [
        *("name", "dockerfile", "target", "platform", "build-args", "consumer", "builder"),
        *("latest-from", "also", "pins", "ignore", "cache-from", "cache-to"),
    ],
    "test": ["command", "timeout", "source"],
    "rules": ["image-published", "image-pin"],
}
KEYS = [(table, key) for table, keys in WRONG.items() for key in keys]


@pytest.mark.parametrize("value", ["1", "true", "[1]", "1979-05-27", "nan", "{a = 1}", '"\\u0000"'])
@pytest.mark.parametrize(("table", "key"), KEYS)
def test_a_wrong_type_names_the_key(table: str, key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(f"[{table}]\n{key} = {value}\n".encode())
    assert caught.value.problem.startswith(f".guard.toml:2: {table}.{key} ")
    assert caught.value.remedy == "correct .guard.toml"
    assert caught.value.status == 3


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        *(("guard", "consumer", path) for path in ('""', '"/a"', '"../a"', '"a/../b"', '"a//b"')),
        ("guard", "dependency", '"./thentos"'),
        ("guard", "dependency", '"aula"'),
        ("guard", "release-tag", '"v"'),
        ("guard", "release-tag", '"v{version}{version}"'),
        ("guard", "release-tag", '"v{version}-{date}"'),
        ("guard", "protect", '"*"'),
        ("guard", "protect", '[""]'),
        ("guard", "tested", '["*", "!"]'),
        ("guard.consumer-push", "tested", '["*", 1]'),
        ("image", "name", '"Aula"'),
        ("image", "name", '"aula:latest"'),
        ("image", "name", '"quay.io/liqd/aula@sha256:1"'),
        ("image", "name", '""'),
        ("image", "dockerfile", '"/Dockerfile"'),
        ("image", "consumer", '"none"'),
        ("image", "builder", '"kaniko"'),
        ("image", "latest-from", '"none"'),
        ("image", "publish", '"no"'),
        ("image", "publish", "0"),
        ("image", "also", '["aula:latest"]'),
        ("image", "pins", '["/Makefile"]'),
        *(("image", "ignore", paths) for paths in ('"docs"', '["/docs"]', '["docs/../aula"]')),
        *(("image", "ignore", paths) for paths in ('["*.md"]', '["!docs"]', '["[a]"]', '["a?"]')),
        *(("image", "ignore", f'["{path}"]') for path in ("Dockerfile", ".dockerignore")),
        *(("image", "ignore", f'["{path}"]') for path in (".gitmodules", "aula", "aula/README.md")),
        *(("image", "ignore", f'["x", "{path}"]') for path in ("Dockerfile.dockerignore",)),
        ("image", "ignore", '["thentos/docs/"]'),
        *(("image", "ignore", f'["{path}.gitattributes"]') for path in ("", "docs/")),
        ("image", "pins", '["**/*.sh"]'),
        ("rules", "image-published", '"off"'),
        ("rules", "image-pin", '"off"'),
        ("image", "build-args", "{A = 1}"),
        ("test", "command", '"make test"'),
        ("test", "command", "[]"),
        ("test", "command", '[""]'),
        *(("test", "timeout", text) for text in ('"90"', '"0s"', '"-1s"', '"1.5h"', '"1d"', "90")),
        ("test", "timeout", '"1234567s"'),
        ("test", "source", '"liqd"'),
        ("test", "source", '"/"'),
        ("test", "source", '"/a/../b"'),
        ("test", "entrypoint", '"yes"'),
    ],
)
def test_a_bad_value_names_the_key(table: str, key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(f"[{table}]\n{key} = {value}\n".encode(), "aula-docker/.guard.toml")
    assert caught.value.problem.startswith(f"aula-docker/.guard.toml:2: {table}.{key} ")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("consumer = 'aula'", ":1", "consumer"),
        ("\n [ guards ]", ":2", "guards"),
        ("[guard]\nconsumers = 'aula'", ":2", "guard.consumers"),
        ("[guard]\nrelease_tag = 'v{version}'", ":2", "guard.release_tag"),
        ("[guard.consumer-push]\n# x\nconsumer = 'a'", ":3", "guard.consumer-push.consumer"),
        ("[guard]\nconsumer = 'a'\n[image]\ntag = 'x'", ":4", "image.tag"),
        ("test.commands = ['x']", ":1", "test.commands"),
        # Lines that are written in another way are not looked for.
        ("test = {commands = ['x']}", "", "test.commands"),
        ("[test]\n'commands' = ['x']", "", "test.commands"),
    ],
)
def test_an_unknown_key_is_named_and_may_be_a_newer_guards(text: str, line: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(text.encode())
    problem, remedy = caught.value.problem, caught.value.remedy
    assert problem.startswith(f".guard.toml{line}: {key} is not a key that guard knows (")
    assert problem.endswith(f"); this is guard {__version__}, and a newer one may know it")
    assert remedy.startswith("correct .guard.toml, or update guard: ")


@pytest.mark.parametrize("source", ["", 'source = ""\n'])
def test_sources_that_no_test_would_see(source: str) -> None:
    text = f'[test]\n{source}[image]\nconsumer = "manifests"\n[guard]\nconsumer = "app"\n'
    with pytest.raises(ConfigError) as caught:
        read_config(text.encode())
    line = text[: text.index("consumer =")].count("\n") + 1
    assert caught.value.problem == (
        f'.guard.toml:{line}: image.consumer is "manifests", but without test.source no test would '
        "see the sources"
    )
    remedy = 'say in .guard.toml where the test finds them, as in [test] source = "/src/app"'
    assert caught.value.remedy == f'{remedy}; or [image] consumer = "full"'
    read_config(text.replace(f"[test]\n{source}", '[test]\nsource = "/src/app"\n').encode())


@pytest.mark.parametrize("versions", [f">={__version__}", f"=={__version__}", "<9000,>0.0.1", ""])
def test_the_guard_that_is_required(versions: str) -> None:
    assert read_config(f'[guard]\nrequires = "{versions}"'.encode()) == Config()


@pytest.mark.parametrize("versions", [">=9000", "<0.0.1", f"!={__version__}", f">{__version__}"])
def test_another_guard_than_is_required(versions: str) -> None:
    newer = f'[guards]\n[guard]\nrequires = "{versions}"\nnew = 1\n'
    with pytest.raises(ConfigError) as caught:
        read_config(newer.encode())
    assert caught.value.problem == (
        f".guard.toml:3: guard.requires is {versions}, but this is guard {__version__}"
    )
    assert caught.value.remedy == (
        "update guard: in the clone that it was installed from, git pull && pipx install --force ."
    )


@pytest.mark.parametrize("value", ["1", '"0.2"', '"^0.2"', '[">=0.2"]', '"latest"'])
def test_what_names_no_versions(value: str) -> None:
    with pytest.raises(ConfigError, match=r"guard.toml:2: guard.requires must name versions of"):
        read_config(f"[guard]\nrequires = {value}".encode())


@pytest.mark.parametrize("name", ["guard", "image", "test"])
def test_what_should_be_a_table(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a table"):
        read_config(f"{name} = 1".encode())


@pytest.mark.parametrize(
    "data", [b"\xff", b"[guard", b"a = ", b"x = 1e", b"x = " + b"[" * 4000, b"x = 0b" + b"2" * 4000]
)
def test_what_is_no_toml(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"\.guard\.toml is (not valid TOML|nested too deeply)"):
        read_config(data)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_what_an_editor_saved_with_a_byte_order_mark(encoding: str) -> None:
    data = "\ufeff[guard]\n".encode("utf-8" if encoding == "utf-8-sig" else encoding)
    with pytest.raises(ConfigError) as error:
        read_config(data)
    name = encoding[:6].rstrip("-").upper()
    assert error.value.problem == (
        f".guard.toml is {name} with a byte order mark, and TOML is UTF-8 without one"
    )
    assert error.value.remedy == "save .guard.toml as UTF-8 without a byte order mark"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a" + b".a" * 100_000 + b" = 1", id="dotted key"),
        pytest.param(b"[a" + b".a" * 3_000 + b"]\n", id="dotted table"),
        pytest.param(b"[a" + b".a" * 257 + b"]\n", id="more dots than there may be"),
        pytest.param(b"[[a]]\n" * 100_000, id="tables"),
        pytest.param(b"a = 0x" + b"f" * 10_000_000, id="number"),
        pytest.param(b"\n" * 10_000_000, id="lines"),
    ],
)
def test_what_is_too_long_is_not_read(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(ConfigError, match=r"\.guard\.toml has more than 64 KiB, or a line of"):
        read_config(data)
    assert time.process_time() - start < 1.0


def test_the_longest_lines_take_a_second_at_most() -> None:
    start = time.process_time()
    with pytest.raises(ConfigError):
        read_config(b"".join(b"k%d" % i + b".a" * 2000 + b" = 1\n" for i in range(16)))
    with pytest.raises(ConfigError, match="is not a key"):
        read_config(b"".join(b"k%d" % i + b".a" * 256 + b" = 1\n" for i in range(120)))
    assert time.process_time() - start < 1.0


LINES = st.sampled_from([*WHOLE.splitlines(), "[[guard]]", "guard = 1", "[image.build-args]"])


@settings(max_examples=150)
@given(st.binary() | st.lists(LINES, max_size=12).map(lambda lines: "\n".join(lines).encode()))
@example(b"[guard]\nprotect = [" + b"0x" + b"f" * 9000 + b"]")
def test_any_bytes_are_a_configuration_or_an_error_of_it(data: bytes) -> None:
    try:
        config = read_config(data)
    except ConfigError as error:
        assert error.problem.startswith(".guard.toml")
    else:
        assert len(config.recipe.digest) == 64


IMAGE_DEFAULTS = [
    *('dockerfile = "Dockerfile"', 'target = ""', 'platform = ""', "build-args = {}"),
    *('consumer = "full"', 'builder = "auto"', "ignore = []"),
]
TEST_DEFAULTS = ['source = ""', "entrypoint = false", 'timeout = "90m"']


class TestRecipe:
    """A verdict belongs to a recipe: what changes the result, and nothing else."""

    def digest(self, text: str) -> str:
        return read_config(text.encode()).recipe.digest

    @pytest.mark.parametrize(
        "line",
        [
            'dockerfile = "other/Dockerfile"',
            'target = "other"',
            'platform = "linux/arm64"',
            'build-args = {B = "2", A = "other"}',
            'consumer = "full"',
            'command = ["make", "other"]',
            'source = "/other"',
            'builder = "auto"',
            'ignore = ["README.md"]',
            "entrypoint = false",
        ],
    )
    def test_what_changes_it(self, line: str) -> None:
        key = line.partition(" ")[0]
        lines = [line if old.partition(" ")[0] == key else old for old in WHOLE.splitlines()]
        if key == "consumer":  # the one of [image] alone
            lines = WHOLE.replace('"manifests"', '"full"').splitlines()
        changed = "\n".join(lines)
        assert changed != WHOLE.removesuffix("\n")
        assert self.digest(changed) != self.digest(WHOLE)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("quay.io:443/liqd/aula_x", "aula"),
            ("45s", "2h"),
            ('"!refs/heads/wip/*"', '"!x"'),
            ("parts/thentos", "thentos"),
            ("thentos-{version}", "v{version}"),
            ('{B = "2", A = "1"}', '{A = "1", B = "2"}'),
            ("/liqd/aula/", "/liqd/aula"),
            ('["docs/", "README.md", "docs"]', '["README.md", "docs"]'),
            ('latest-from = "any"', 'latest-from = "releases"'),
            ("publish = false", ""),
            ('cache-from = ["type=registry,ref=x:cache"]', ""),
            ('cache-to = ["type=inline"]', ""),
            ('image-published = "error"', ""),
            ('image-pin = "error"', ""),
            ('also       = ["fisx/x"]', ""),
            ('pins       = ["ci/**"]', ""),
        ],
    )
    def test_what_does_not(self, old: str, new: str) -> None:
        assert old in WHOLE
        assert self.digest(WHOLE.replace(old, new)) == self.digest(WHOLE)

    def test_what_is_at_its_default_is_no_part_of_it(self) -> None:
        """So a key that comes to be known, and is not used, voids no verdict."""
        command = '[test]\ncommand = ["make"]\n'
        content = '{"command":["make"],"format":2}'
        assert self.digest(command) == hashlib.sha256(content.encode()).hexdigest()

    @settings(max_examples=100)
    @given(
        st.sets(st.sampled_from([*IMAGE_DEFAULTS, *TEST_DEFAULTS])),
        st.sampled_from(["", 'builder = "classic"\n', 'target = "x"\nplatform = "y/z"\n']),
    )
    def test_a_default_may_be_written_out(self, written: set[str], image: str) -> None:
        usual = f'[image]\n{image}[test]\ncommand = ["make"]\n'
        keys = {line.partition(" ")[0] for line in image.splitlines()}
        mine = [line for line in sorted(written) if line.partition(" ")[0] not in keys]
        images = "\n".join(line for line in mine if line in IMAGE_DEFAULTS)
        tests = "\n".join(line for line in mine if line in TEST_DEFAULTS)
        whole = f'[image]\n{image}{images}\n[test]\ncommand = ["make"]\n{tests}\n'
        assert self.digest(whole) == self.digest(usual)

    @settings(max_examples=200)
    @given(st.data())
    def test_two_configurations_have_one_digest_if_they_say_the_same(
        self, data: st.DataObject
    ) -> None:
        def config() -> Config:
            text = st.sampled_from(["", "a", "b"])
            image = Image(
                target=data.draw(text),
                platform=data.draw(text),
                build_args=data.draw(st.sampled_from([(), (("a", "b"),), (("a", ""), ("b", ""))])),
                builder=data.draw(st.sampled_from(["auto", "classic"])),
                ignore=data.draw(st.sampled_from([(), ("a",), ("a", "b")])),
            )
            command = data.draw(st.sampled_from([("a",), ("a", ""), ("a", "b")]))
            test = HowToTest(command, source=data.draw(text), entrypoint=data.draw(st.booleans()))
            return Config(consumer=data.draw(text), image=image, test=test)

        first, second = config(), config()
        # Where no source is put anywhere, nothing depends on whose it is.
        same = [
            each if each.test.source else each._replace(consumer="") for each in (first, second)
        ]
        assert (first.recipe.digest == second.recipe.digest) is (same[0] == same[1])

    def test_two_words_are_not_one(self) -> None:
        command = "[test]\ncommand = {}\n"
        digests = {
            self.digest(command.format(words))
            for words in ('["a b"]', '["a", "b"]', '["a", "", "b"]', '["a,b"]')
        }
        assert len(digests) == 4
