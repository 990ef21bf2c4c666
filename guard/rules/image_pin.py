"""Rule `image-pin`: the files that pick the image all name one tag, and one that stays.

The team's own wish of 2016, after `latest` had become another image: "tag builds and pick a
stable tag".
"""

import re
from typing import Final

from guard.model import Evidence, Finding, ImageMention, Severity
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Consumer, Facts, ImagePins

NAME: Final = "image-pin"
_SHOWN: Final = 3
_LATEST: Final = "latest"


def check(facts: Facts) -> list[Finding]:
    """Nothing where no file names the image, or where the consumer cannot be read."""
    pins, consumer = facts.image_pins, facts.consumer
    if pins is None or not isinstance(consumer, Consumer):
        return []
    findings = [_unread(facts, pins, unknown) for unknown in pins.unread]
    if pins.mentions:
        findings += _judged(facts, consumer, pins)
    return findings


def _judged(facts: Facts, consumer: Consumer, pins: ImagePins) -> list[Finding]:
    name = facts.names.consumer
    first = pins.mentions[0]
    if not _agree(pins.mentions):
        message = f"{name} names its image in different ways: {_ways(pins.mentions)}"
        expected = "one tag in all of them, neither missing nor latest"
    elif not first.tag and not first.digest:
        message = f"{name} names its image without a tag: {_ways(pins.mentions)}"
        expected = "a tag, for without one the last image that anybody pushed is taken"
    elif first.tag == _LATEST and not first.digest:
        message = f"{name} names its image by the tag latest: {_ways(pins.mentions)}"
        expected = "a tag that stays, for latest is the last image that anybody pushed"
    elif not stays(first):
        message = f"{name} does not write down the tag of its image: {_ways(pins.mentions)}"
        expected = "a tag that stands in the file"
    else:
        return []
    evidence = tuple(
        Evidence(name, consumer.commit, item.path, item.line, item.text) for item in pins.mentions
    )
    return [
        Finding(
            NAME,
            Severity.ERROR if pins.blocks else Severity.WARNING,
            message,
            found=", ".join(dict.fromkeys(item.reference for item in pins.mentions)),
            expected=expected,
            evidence=evidence,
        )
    ]


def _agree(mentions: tuple[ImageMention, ...]) -> bool:
    """Whether all have one name and one tag; a digest may be left out beside a tag."""
    digests = {item.digest for item in mentions if item.digest}
    return len({(item.name, item.tag) for item in mentions}) == 1 and (
        len(digests) == 0
        or (len(digests) == 1 and all(item.tag or item.digest for item in mentions))
    )


def stays(mention: ImageMention) -> bool:
    """Whether it always means one image, as far as a tag can."""
    is_written = re.fullmatch(r"[\w.-]+", mention.tag) is not None
    return bool(mention.digest) or (is_written and mention.tag != _LATEST)


def _ways(mentions: tuple[ImageMention, ...]) -> str:
    """Every spelling with the places where it stands, the first few of them."""
    ways: dict[str, list[str]] = {}
    for item in mentions:
        ways.setdefault(item.reference, []).append(f"{item.path}:{item.line}")
    told = [f"{reference} ({_some(places)})" for reference, places in ways.items()]
    return _some(told)


def _some(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _unread(facts: Facts, pins: ImagePins, unknown: Unknown) -> Finding:
    what = f"which image {facts.names.consumer} picks is not known: {unknown.what}"
    severity = Severity.UNDECIDED if pins.blocks else Severity.WARNING
    return undecided(NAME, unknown._replace(what=what), severity)
