"""`.guard.toml` and the defaults.

The file is read from the commit that is judged, never from the working tree. Unknown keys, wrong
types and bad values are errors that name the key: a policy that is misread is no policy.
"""

import re
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, NamedTuple

from guard import __version__
from guard.errors import ConfigError
from guard.model import to_json

_Check = Callable[[object], object]

FILE: Final = ".guard.toml"

# Of key and recipe: changes whenever the same objects and the same file would give another key,
# another build context or another test than before, a default of `Recipe` included.
FORMAT: Final = 2

_UPDATE: Final = (
    "update guard: in the clone that it was installed from, git pull && pipx install --force ."
)
# What editors of Windows may begin a file with.
_MARKS: Final = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# Ten times what people write. Of a dotted key, tomllib keeps every beginning in memory, and looks
# at each: its time grows with their square.
_LONGEST_FILE: Final = 64 * 1024
_LONGEST_LINE: Final = 4 * 1024
_MOST_DOTS: Final = 256
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


class Protection(NamedTuple):
    """Which destination refs are judged.

    Args:
        protect: patterns over full ref names, the last one that fits decides; ``!`` excludes.
        tested: the same, for the refs where the rule `tested` blocks; elsewhere it warns.
    """

    protect: tuple[str, ...] = ("*",)
    tested: tuple[str, ...] = ("*",)


class Image(NamedTuple):
    """The table ``[image]``.

    Args:
        consumer: ``full``, or ``manifests`` to let only the consumer's manifests into the context.
        builder: ``auto``, ``buildkit`` or ``classic``.
        ignore: files and folders of the superproject's own that are no content.
        latest_from: ``releases`` or ``any``: which combinations the tag ``latest`` may move to.
        also: other names under which the consumer's files know the image.
        pins: patterns over the consumer's paths: by these files people and CI pick the image.
        publish: whether there is a registry that images go to.
        cache_from, cache_to: where else buildx finds layers and keeps them, in its own words.
    """

    name: str = "quay.io/liqd/aula"
    dockerfile: str = "Dockerfile"
    target: str = ""
    platform: str = ""
    build_args: tuple[tuple[str, str], ...] = ()
    consumer: str = "full"
    builder: str = "auto"
    ignore: tuple[str, ...] = ()
    latest_from: str = "releases"
    also: tuple[str, ...] = ("fisx/aula",)
    pins: tuple[str, ...] = (
        *(".travis.yml", ".travis/**", ".github/workflows/**", ".gitlab-ci.yml", ".circleci/**"),
        *("*.sh", "Makefile", "Dockerfile*", "docker/**", "docker-compose*", "scripts/**"),
    )
    publish: bool = True
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()


class Test(NamedTuple):
    """The table ``[test]``.

    Args:
        command: argv that runs in a fresh container; empty where none is set.
        timeout: seconds, for the build and for the test each.
        source: absolute path in the container where the consumer's tree is put before the test,
            or "".
        entrypoint: whether the command is given to the image's ENTRYPOINT.
    """

    command: tuple[str, ...] = ()
    timeout: int = 90 * 60
    source: str = ""
    entrypoint: bool = False


class Rules(NamedTuple):
    """The table ``[rules]``: how much the findings of a rule weigh, ``warning`` or ``error``."""

    image_published: str = "warning"
    image_pin: str = "warning"
    step_back: str = "error"


class Recipe(NamedTuple):
    """How a combination is built and tested: what of the configuration changes the result.

    Args:
        consumer: ``full`` or ``manifests``.
        builder: as configured.
        consumer_path: of the submodule that `consumer` and `source` speak of, "" where they leave
            everything as it is.
    """

    dockerfile: str
    target: str
    platform: str
    build_args: tuple[tuple[str, str], ...]
    consumer: str
    builder: str
    ignore: tuple[str, ...]
    command: tuple[str, ...]
    source: str
    entrypoint: bool
    consumer_path: str

    def unlike(self, other: "Recipe") -> tuple[str, ...]:
        """The keys of `.guard.toml` in which another one differs."""
        keys = {"command": "test.command", "source": "test.source", "entrypoint": "test.entrypoint"}
        keys["consumer_path"] = "guard.consumer"
        return tuple(
            keys.get(name, f"image.{name.replace('_', '-')}")
            for name, mine, theirs in zip(self._fields, self, other, strict=True)
            if mine != theirs
        )

    @property
    def digest(self) -> str:
        """64 hexadecimal digits: SHA-256 of the canonical JSON of the format and of what is not at
        its default, so that a key that a newer guard knows changes no digest by being there.
        """
        import hashlib

        usual = Config().recipe._asdict()
        content = {key: value for key, value in self._asdict().items() if value != usual[key]}
        text = to_json(
            {"format": FORMAT, **content}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
        )
        return hashlib.sha256(text.encode()).hexdigest()


class Config(NamedTuple):
    """Everything that `.guard.toml` can say."""

    consumer: str = "aula"
    dependency: str = "thentos"
    release_tag: str = "v{version}"
    superproject_push: Protection = Protection()
    consumer_push: Protection = Protection()
    image: Image = Image()
    test: Test = Test()
    rules: Rules = Rules()

    @property
    def recipe(self) -> Recipe:
        """What a verdict depends on, beside the content."""
        image, test = self.image, self.test
        return Recipe(
            dockerfile=image.dockerfile,
            target=image.target,
            platform=image.platform,
            build_args=image.build_args,
            consumer=image.consumer,
            builder=image.builder,
            ignore=image.ignore,
            command=test.command,
            source=test.source,
            entrypoint=test.entrypoint,
            consumer_path=self.consumer if test.source or image.consumer != "full" else "",
        )

    def held_to(self, theirs: "Config", gitlinks: Container[str]) -> "Config":
        """What is in force of this one where others go by theirs: what it loosens counts later.

        Which refs are judged is asked of both. How a combination is built and tested stays its own,
        for another recipe has to be said in a commit.

        Args:
            gitlinks: the paths that have one; what is gone cannot be held against anything.
        """
        image, own, strict = self.image, self.rules._asdict(), theirs.rules._asdict()
        if theirs.rules.image_pin == "error":
            was = theirs.image
            image = image._replace(name=was.name, also=was.also, pins=was.pins)
        if theirs.rules.image_published == "error" and theirs.image.publish:
            image = image._replace(publish=True)
        held = self._replace(
            release_tag=theirs.release_tag,
            image=image,
            rules=Rules(**{key: min(own[key], strict[key]) for key in own}),  # before "warning"
        )
        if not (theirs.consumer in gitlinks and theirs.dependency in gitlinks):
            return held
        parts = held._replace(consumer=theirs.consumer, dependency=theirs.dependency)
        return parts if parts.recipe == held.recipe else held


def read_config(data: bytes | None, where: str = FILE) -> Config:
    """The configuration in the file's content, the defaults where there is no file.

    Args:
        where: how messages name the file.

    Raises:
        ConfigError: too long, not UTF-8, no TOML, a key or value that guard does not know, or this
            is another guard than the file requires.
    """
    if data is None:
        return Config()
    if len(data) > _LONGEST_FILE or any(map(_is_too_long, data.split(b"\n"))):
        what = f"{where} has more than 64 KiB, or a line of more than 4 KiB or {_MOST_DOTS} dots"
        raise ConfigError(what, f"correct {where}")
    import tomllib

    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            what = f"{where} is {encoding} with a byte order mark, and TOML is UTF-8 without one"
            raise ConfigError(what, f"save {where} as UTF-8 without a byte order mark")
    try:
        text = data.decode()
        tables = tomllib.loads(text)
    except ValueError as error:  # no UTF-8, no TOML, or a number of too many digits
        raise ConfigError(f"{where} is not valid TOML: {error}", f"correct {where}") from error
    except RecursionError as error:
        raise ConfigError(f"{where} is nested too deeply", f"correct {where}") from error
    return _Reader(where, text).config(tables)


class _Reader:
    """Turns tables into values, and every surprise into an error that names the key."""

    def __init__(self, where: str, text: str) -> None:
        self._where = where
        self._text = text

    def config(self, tables: Mapping[str, Any]) -> Config:
        guard = self._table("guard", tables.get("guard", {}))
        # Before anything that only a newer guard knows.
        if "requires" in guard:
            self._require(guard["requires"])
        self._known("", tables, {"guard", "image", "test", "rules"})
        push = self._table("guard.consumer-push", guard.get("consumer-push", {}))
        self._known("guard.", guard, {*_GUARD, *_PROTECTION, "consumer-push", "requires"})
        self._known("guard.consumer-push.", push, set(_PROTECTION))
        config = Config(
            superproject_push=Protection(**self._values("guard", guard, _PROTECTION)),
            consumer_push=Protection(**self._values("guard.consumer-push", push, _PROTECTION)),
            image=Image(**self._whole("image", tables.get("image", {}), _IMAGE)),
            test=Test(**self._whole("test", tables.get("test", {}), _TEST)),
            rules=Rules(**self._whole("rules", tables.get("rules", {}), _RULES)),
        )
        config = config._replace(**self._values("guard", guard, _GUARD))
        if config.consumer == config.dependency:
            raise self._bad("guard.dependency", "is the same submodule as the consumer")
        if config.image.consumer == "manifests" and not config.test.source:
            raise self._bad(
                "image.consumer",
                'is "manifests", but without test.source no test would see the sources',
                f"say in {self._where} where the test finds them, as in [test] source = "
                f'"/src/{config.consumer}"; or [image] consumer = "full"',
            )
        self._check_ignored(config)
        return config

    def _check_ignored(self, config: Config) -> None:
        """Let only content be left out, and nothing that says what the content is."""
        dockerfile = config.image.dockerfile
        builders = (dockerfile, f"{dockerfile}.dockerignore", ".dockerignore", ".gitmodules")
        for ignored in config.image.ignore:
            hidden = [path for path in builders if is_below(path, ignored)]
            hidden += [
                path
                for path in (config.consumer, config.dependency)
                if is_below(path, ignored) or is_below(ignored, path)
            ]
            # It acts on the files beside it, which stay.
            hidden += [ignored] if f"/{ignored}".endswith("/.gitattributes") else []
            if hidden:
                what = f"must leave {hidden[0]} alone, and names {ignored!r}"
                raise self._bad("image.ignore", what)

    def _whole(self, name: str, table: object, keys: Mapping[str, _Check]) -> dict[str, Any]:
        values = self._table(name, table)
        self._known(f"{name}.", values, set(keys))
        return self._values(name, values, keys)

    def _values(
        self, name: str, table: Mapping[str, Any], keys: Mapping[str, _Check]
    ) -> dict[str, Any]:
        found = {}
        for key, check in keys.items():
            if key in table:
                try:
                    found[key.replace("-", "_")] = check(table[key])
                except ValueError as error:
                    raise self._bad(f"{name}.{key}", str(error)) from error
        return found

    def _table(self, name: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._bad(name, "must be a table")
        return value

    def _known(self, prefix: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in table:
            if key not in known:
                names = ", ".join(sorted(known))
                raise self._bad(
                    f"{prefix}{key}",
                    f"is not a key that guard knows ({names}); this is guard {__version__}, and a "
                    "newer one may know it",
                    f"correct {self._where}, or {_UPDATE}",
                )

    def _require(self, value: object) -> None:
        """Let only a guard go on that the file is written for."""
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            versions = SpecifierSet(_text(value))
        except (ValueError, InvalidSpecifier) as error:
            what = f'must name versions of guard, as in ">=0.2", not {value!r}'
            raise self._bad("guard.requires", what) from error
        if not versions.contains(__version__, prereleases=True):
            raise self._bad(
                "guard.requires", f"is {value}, but this is guard {__version__}", _UPDATE
            )

    def _bad(self, key: str, what: str, remedy: str = "") -> ConfigError:
        line = _line_of(key, self._text)
        where = f"{self._where}:{line}" if line else self._where
        return ConfigError(f"{where}: {key} {what}", remedy or f"correct {self._where}")


def is_below(path: str, folder: str) -> bool:
    """Whether a path is that one, or in it."""
    return f"{path}/".startswith(f"{folder}/")


def _is_too_long(line: bytes) -> bool:
    return len(line) > _LONGEST_LINE or line.count(b".") > _MOST_DOTS


def _line_of(key: str, text: str) -> int | None:
    """Where a key or a table stands, as far as it is written in the usual way."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([\w.-]+)\s*\]", line)
        assigned = re.match(r"\s*([\w.-]+)\s*=", line)
        name = ""
        if header:
            name = table = header[1]
        elif assigned:
            name = f"{table}.{assigned[1]}".removeprefix(".")
        if name == key:
            return number
    return None


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"must be a text, not {value!r}")
    return value


def _path(value: object) -> str:
    text = _text(value).removesuffix("/")
    parts = text.split("/")
    if not text or text.startswith("/") or ".." in parts or "." in parts or "" in parts:
        raise ValueError(f"must be a path inside the repository, not {value!r}")
    return text


def _literal_paths(value: object) -> tuple[str, ...]:
    paths = [_path(item) for item in _texts(value)]
    for path in paths:
        if path.startswith("!") or set(path) & set("*?["):
            raise ValueError(f"must list files and folders, not patterns such as {path!r}")
    return tuple(sorted(set(paths)))


def _tag_format(value: object) -> str:
    text = _text(value)
    if text.count("{version}") != 1 or "{" in text.replace("{version}", ""):
        raise ValueError(f"must hold {{version}} once, as in v{{version}}, not {value!r}")
    return text


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list of texts, not {value!r}")
    return tuple(_text(item) for item in value)


def _patterns(value: object) -> tuple[str, ...]:
    patterns = _texts(value)
    for pattern in patterns:
        if not pattern.removeprefix("!"):
            raise ValueError("holds an empty pattern")
    return patterns


def _name(value: object) -> str:
    # The reference grammar of the OCI distribution specification, without tag and digest.
    text = _text(value)

    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    if not re.fullmatch(rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{part}(?:/{part})*", text):
        raise ValueError(f"must be the name of an image without a tag, not {value!r}")
    return text


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(_name(item)) for item in _texts(value))


def _globs(value: object) -> tuple[str, ...]:
    patterns = tuple(_path(item) for item in _texts(value))
    for pattern in patterns:
        if "**" in pattern.removesuffix("/**"):
            raise ValueError(f"may have ** as its last step only, not {pattern!r}")
    return patterns


def _arguments(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a table of texts, not {value!r}")
    return tuple(sorted((_text(key), _text(item)) for key, item in value.items()))


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _one_of(*words: str) -> _Check:
    def check(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {value!r}")
        return str(value)

    return check


def _command(value: object) -> tuple[str, ...]:
    command = _texts(value)
    if not command or not command[0]:
        raise ValueError('must be a command and its arguments, as in ["make", "test"]')
    return command


def _duration(value: object) -> int:

    match = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"must be a duration such as 90m, 45s or 2h, not {value!r}")
    return int(match[1]) * _UNITS[match[2]]


def _absolute(value: object) -> str:
    text = _text(value)
    if text and (not text.startswith("/") or ".." in text.split("/") or text.strip("/") == ""):
        raise ValueError(f"must be an absolute path below /, not {value!r}")
    return "/" + text.strip("/") if text else ""


_PROTECTION: Final[Mapping[str, _Check]] = {"protect": _patterns, "tested": _patterns}
_GUARD: Final[Mapping[str, _Check]] = {
    "consumer": _path,
    "dependency": _path,
    "release-tag": _tag_format,
}
_IMAGE: Final[Mapping[str, _Check]] = {
    "name": _name,
    "dockerfile": _path,
    "target": _text,
    "platform": _text,
    "build-args": _arguments,
    "consumer": _one_of("full", "manifests"),
    "builder": _one_of("auto", "buildkit", "classic"),
    "ignore": _literal_paths,
    "cache-from": _texts,
    "cache-to": _texts,
    "latest-from": _one_of("releases", "any"),
    "also": _names,
    "pins": _globs,
    "publish": _yes_or_no,
}
_RULES: Final[Mapping[str, _Check]] = {
    "image-published": _one_of("warning", "error"),
    "image-pin": _one_of("warning", "error"),
    "step-back": _one_of("warning", "error"),
}
_TEST: Final[Mapping[str, _Check]] = {
    "command": _command,
    "timeout": _duration,
    "source": _absolute,
    "entrypoint": _yes_or_no,
}
