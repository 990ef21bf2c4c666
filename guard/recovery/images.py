"""The images of known-good combinations: where they are, and one brought back to the engine."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from guard.config import Config
from guard.engine.client import Engine
from guard.engine.images import RegistryError, local_image, looked_up, put_tag, resolve, split
from guard.engine.profile import duration
from guard.errors import EngineError, GuardError
from guard.gate.gate import Gate
from guard.model import Result
from guard.recovery.known_good import Good
from guard.screen import Screen
from guard.situation.assembly import Assembly
from guard.trial.jobs import Job, at_work
from guard.trial.publishing import pull_shown
from guard.trial.trial import tag_of, try_out
from guard.verdicts.record import Record


class ImageState(Enum):
    """Where a combination's image is."""

    HERE = "here"
    REGISTRY = "in the registry"
    GONE = "gone"
    NOT_ASKED = "not asked"


class Image(NamedTuple):
    """Where the image is, and why that could not be found out where it could not."""

    state: ImageState
    detail: str = ""

    def text(self, record: Record) -> str:
        """Where the image of a verdict will come from, in words."""
        if self.state is ImageState.HERE:
            return f"here ({record.image.reference or record.image.id})"
        if self.state is ImageState.REGISTRY:
            return f"pulled as {record.image.digest}"
        took = duration(record.build_seconds + record.test_seconds)
        return f"gone; built and tested again first (it took {took})"


def images_of(goods: Iterable[Good]) -> dict[str, Image]:
    """Verdict's name -> where its image is. An engine that does not answer is not an error here."""
    records = [good.record for good in goods]
    try:
        with Engine.connect() as engine:
            return _images(engine, records)
    except EngineError as error:
        image = Image(ImageState.NOT_ASKED, f"engine not asked: {error.problem}")
        return {record.name: image for record in records}


def _images(engine: Engine, records: Iterable[Record]) -> dict[str, Image]:
    images = {}
    trouble = ""
    for record in records:
        image = Image(ImageState.NOT_ASKED, trouble)
        # Of a registry that has failed once nothing more is asked: each would wait for it again.
        if not trouble or not record.image.digest or _local(engine, record):
            try:
                image = _image_of(engine, record, looked_up)
            except RegistryError as error:
                trouble = f"registry not asked: {error.problem}"
                image = Image(ImageState.NOT_ASKED, trouble)
        images[record.name] = image
    return images


def _image_of(
    engine: Engine, record: Record, look: Callable[[Engine, str], str] = resolve
) -> Image:
    if _local(engine, record):
        return Image(ImageState.HERE)
    if record.image.digest and look(engine, record.image.digest):
        return Image(ImageState.REGISTRY)
    return Image(ImageState.GONE)


def _local(engine: Engine, record: Record) -> str:
    """Its id in this engine, which may be another than the one that tested it; "" for none."""
    return local_image(engine, record.image.id, record.image.digest)


def image_to_bring(good: Good) -> Image:
    """Where the image will come from."""
    try:
        with Engine.connect() as engine:
            return _image_of(engine, good.record)
    except EngineError as error:
        raise EngineError(
            f"nothing was changed: the image cannot be brought back: {error.problem}",
            f"{error.remedy}; or leave the image alone: --no-image",
        ) from error


def bring_image(gate: Gate, good: Good, config: Config, image: Image, screen: Screen) -> Record:
    """Have the image in the engine again, under the name that `guard test` gave it.

    Returns:
        The verdict's newest record, which is another one where the image was built again.
    """
    record = good.record
    if image.state is ImageState.GONE:
        screen.say("the image is gone: building and testing it again")
        with at_work(gate, record.name, screen):
            return _rebuilt(gate, good, config, screen)
    name, tag = split(record.image.reference)
    if not record.image.reference:
        name, tag = config.image.name, tag_of(gate, config, good.parts, record.release)
    with Engine.connect() as engine:
        local = _local(engine, record) or pull_shown(engine, record.image.digest, screen)
        put_tag(engine, local, name, tag)
    screen.say(f"image: {name}:{tag}")
    return record


def _rebuilt(gate: Gate, good: Good, config: Config, screen: Screen) -> Record:
    assembly = Assembly(good.record.key, good.parts)
    job = Job(good.whole(), config, assembly, good.record.release)
    record, log = try_out(gate, job, False, screen)
    if record.result is not Result.PASSED:
        raise GuardError(
            f"nothing was changed: the combination {record.name} does not pass any more: "
            f"{record.result.value}: {record.detail}\n  log: {log}",
            "name another one: guard recover",
        )
    screen.say(f"image: {record.image.reference}")
    return record
