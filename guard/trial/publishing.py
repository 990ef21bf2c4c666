"""The image of a passed combination in its registry: a tag that never changes, and ``latest``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from guard.config import Config
from guard.engine.client import Engine
from guard.engine.images import (
    CredentialsRefusedError,
    RegistryError,
    TagFixedError,
    is_image,
    local_image,
    pull,
    push,
    resolve,
    send,
    split,
)
from guard.errors import GuardError, RefusedError
from guard.gate.gate import Gate
from guard.git.commands import PERSON
from guard.git.files import write_whole
from guard.git.releases import all_releases
from guard.model import Result
from guard.screen import Screen
from guard.situation.workspace import repositories_of
from guard.trial.jobs import job_of
from guard.trial.trial import try_out
from guard.trial.watch import Transfers, tell
from guard.verdicts.record import Record

LATEST: Final = "latest"
_SHORT: Final = 8


class Wish(NamedTuple):
    """What is asked for besides the tag.

    Args:
        tag: another than the one that says what is in the image, "" for that one.
        latest: move ``latest``, too.
        dry_run: say what would be done, and do nothing.
    """

    tag: str = ""
    latest: bool = False
    dry_run: bool = False


class _Publishing(NamedTuple):
    """One verdict on its way into the registry."""

    gate: Gate
    config: Config
    engine: Engine
    screen: Screen
    wish: Wish


def publish(gate: Gate, config: Config, record: Record, wish: Wish, screen: Screen) -> Record:
    """Bring a verdict's image into the registry, and note that with the verdict.

    The caller holds the verdict's lock.

    Args:
        config: says where the registry is, and what ``latest`` may be.
        record: the newest of its combination and recipe.

    Returns:
        The newest record afterwards; one that has not passed where the image had to be built
        again, and failed.
    """
    if not config.image.publish:
        raise RefusedError(
            "[image] publish = false in .guard.toml: there is no registry that images go to",
            "take that line out of .guard.toml, and set [image] name",
        )
    if wish.latest:
        links = {link.path: link.commit for link in record.gitlinks}
        refusal = why_not_latest(gate, config, links, f" of verdict {record.name}")
        if refusal is not None:
            raise refusal
    if not wish.dry_run:
        gate.verdicts.rehearse()
    with Engine.connect() as engine:
        doing = _Publishing(gate, config, engine, screen, wish)
        with _noting(doing, record):
            record = _tagged(doing, record)
        if wish.latest and record.result is Result.PASSED:
            _move_latest(doing, record)
    return record


@contextmanager
def _noting(doing: _Publishing, record: Record) -> Iterator[None]:
    """Keep why an image's own tag was refused for ``guard status``, which asks no registry."""
    path = doing.gate.verdicts.refusal_file(record.name)
    is_plain = not (doing.wish.tag or doing.wish.dry_run)
    try:
        yield
    except (RefusedError, RegistryError) as error:
        with suppress(OSError):  # the error itself is told in any case
            if is_plain:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                problem, _, _ = error.problem.partition("\n")
                write_whole(path, f"{problem}\n{error.remedy}\n".encode())
        raise
    if is_plain:
        with suppress(OSError):
            os.unlink(path)


def _tagged(doing: _Publishing, record: Record) -> Record:
    """The verdict with its tag in the registry."""
    own = _own_reference(doing, record)
    reference = f"{doing.config.image.name}:{doing.wish.tag}" if doing.wish.tag else own
    try:
        meant = resolve(doing.engine, reference)
    except CredentialsRefusedError:
        if doing.wish.dry_run:
            raise
        record, image = _obtained(doing, record)
        if record.result is not Result.PASSED:
            return record
        meant = _meaning_for_who_pushes(doing, image, reference)
    # Where the image's own tag is another's already, the one that is given takes its place.
    is_own = reference == own or not own or _is_anothers(doing, record, own)
    if meant:
        name, _ = split(reference)
        pinned = f"{name}@{meant}"
        published = _holder(doing, record, reference, pinned)
        noted = (record.image.reference if record.published else "", *record.tags)
        if published is record and reference in noted:
            doing.screen.say(f"published already: {reference}")
            doing.screen.say(f"  {pinned}")
            return record
        doing.screen.say(f"{reference} is in the registry already, as {meant}")
    elif doing.wish.dry_run:
        how = "push" if _at_hand(doing, record) else "build again, and push,"
        doing.screen.say(f"would {how} {record.image.id} as {reference}")
    else:
        published, image = _obtained(doing, record)
        if published.result is not Result.PASSED:
            return published
        try:
            with Transfers(doing.screen, f"pushing {reference}") as transfers:
                pinned = push(doing.engine, image, reference, transfers.on_transfer)
        except TagFixedError as error:
            raise TagFixedError(error.problem, _under_another_tag(record, reference)) from error
    if doing.wish.dry_run:
        return record
    if is_own:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return _noted(doing, published.publish(reference, pinned, now), reference)
    return _noted(doing, published.publish_also(reference, pinned), reference)


def _meaning_for_who_pushes(doing: _Publishing, image: str, reference: str) -> str:
    """What a tag means in a registry that tells only those who have pushed.

    Docker Hub says 401 of a repository that is not there yet, others 403 of any to those who may
    not pull. So the image goes there under a tag of its own, which can mean nothing else.
    """
    engine, (name, tag) = doing.engine, split(reference)
    first = f"{name}:{tag[: 127 - _SHORT]}-{image.rpartition(':')[2][:_SHORT]}"
    with Transfers(doing.screen, f"pushing {first}") as transfers:
        send(engine, image, first, transfers.on_transfer)
    try:
        return resolve(engine, reference)
    except CredentialsRefusedError as error:
        raise CredentialsRefusedError(
            f"{reference} was left alone, for it may mean another image; this one was pushed as "
            f"{first}. {error.problem}",
            error.remedy,
        ) from error


def _own_reference(doing: _Publishing, record: Record) -> str:
    """The image's own tag, under the name as it is configured now.

    It is "" where the image has none and another one is asked for.
    """
    if record.image.reference:
        return f"{doing.config.image.name}:{split(record.image.reference)[1]}"
    if doing.wish.tag:
        return ""
    raise GuardError(f"the image of verdict {record.name} was given no tag", "guard test --again")


def _is_anothers(doing: _Publishing, record: Record, reference: str) -> bool:
    """Whether a tag means another image than the verdict's in the registry."""
    try:
        meant = resolve(doing.engine, reference)
        if meant:
            _holder(doing, record, reference, f"{split(reference)[0]}@{meant}")
    except CredentialsRefusedError:
        return False
    except RefusedError:
        return True
    return False


def _holder(doing: _Publishing, record: Record, reference: str, pinned: str) -> Record:
    """The record of this combination and recipe to which a tag that is there already belongs.

    Raises `RefusedError` where what it means, `pinned`, is no image that has passed for them.
    """
    image = record.image
    if image.digest == pinned:
        return record
    verdicts = doing.gate.verdicts
    theirs = (each.record for each in verdicts.others() if each.trusted)
    for earlier in (*verdicts.history(), *theirs):
        same = (earlier.key, earlier.recipe) == (record.key, record.recipe)
        if same and earlier.result is Result.PASSED and earlier.image.digest == pinned:
            # Tested again since then, or by two, with another image: what is there had passed.
            return earlier
    # Pushed, and the end came before the record; or somebody made an index around it.
    if is_image(doing.engine, pinned, local_image(doing.engine, image.id, image.digest)):
        return record
    why = ""
    if image.reference and split(reference)[1] == split(image.reference)[1]:
        name, config = doing.gate.workspace.name, doing.config
        names = f"{name(config.consumer)} and {name(config.dependency)}"
        why = (
            f"\n  the tag tells {names} alone: another Dockerfile, or other files of {name('')}, "
            "make another image under it"
        )
    raise RefusedError(
        f"{reference} means another image in the registry already: {pinned.partition('@')[2]}\n"
        f"  the image of verdict {record.name} is {image.id}"
        + (f", published as {image.digest}" if image.digest else "")
        + f"{why}\n  docker pull {pinned} shows whether they are the same",
        _under_another_tag(record, reference),
    )


def _under_another_tag(record: Record, reference: str) -> str:
    tag = split(reference)[1]
    return f"guard publish {record.name} --tag {tag[: 127 - _SHORT]}-{record.key[:_SHORT]}"


def pull_shown(engine: Engine, pinned: str, screen: Screen) -> str:
    """As `pull`, followed on the screen."""
    with Transfers(screen, f"pulling {pinned}") as transfers:
        return pull(engine, pinned, transfers.on_transfer)


def _at_hand(doing: _Publishing, record: Record) -> bool:
    """Whether the image can be had without building it."""
    engine, image = doing.engine, record.image
    if local_image(engine, image.id, image.digest):
        return True
    return bool(image.digest) and bool(resolve(engine, image.digest))


def _obtained(doing: _Publishing, record: Record) -> tuple[Record, str]:
    """The record of an image that the engine has: this one's, pulled by digest, or built again.

    With it comes the image's id in this engine, which may be another than the record's.
    """
    engine, screen, image = doing.engine, doing.screen, record.image
    if _at_hand(doing, record):
        local = local_image(engine, image.id, image.digest)
        return record, local or pull_shown(engine, image.digest, screen)
    job = job_of(doing.gate, record)
    if job is None:
        raise GuardError(
            f"the image of verdict {record.name} is neither here nor in the registry, and its "
            "combination is not what stands now, so it cannot be built again",
            f"git checkout {record.superproject or '<its commit>'}; git submodule update; "
            "guard test",
        )
    screen.say(
        f"the image of verdict {record.name} is neither here nor in the registry: "
        "building and testing it again"
    )
    made, log = try_out(doing.gate, job, False, screen)
    tell(made, log, screen)
    return made, made.image.id


def _noted(doing: _Publishing, record: Record, reference: str) -> Record:
    """The record, recorded; it has one more tag."""
    for trouble in doing.gate.verdicts.record(record, ()):
        doing.screen.warn(f"guard: {trouble}")
    word = doing.screen.paint("published", "green")
    doing.screen.say(f"{word}: {reference}")
    doing.screen.say(f"  {record.image.digest}")
    return record


def why_not_latest(
    gate: Gate, config: Config, links: Mapping[str, str], of: str = ""
) -> RefusedError | None:
    """Why ``latest`` may not move to a combination: consumer or dependency stand at no release.

    Args:
        links: path -> commit, of its gitlinks.
        of: whose they are, with a space before it.
    """
    if config.image.latest_from == "any":
        return None
    for path in (config.consumer, config.dependency):
        commit = links.get(path, "")
        repositories = repositories_of(gate.workspace, config, path)
        releases = all_releases(repositories, config.release_tag).at(commit)
        if releases and not releases[0].is_pre:
            continue
        has = f"is the pre-release {releases[0].tag}" if releases else "has no release tag"
        form = config.release_tag.replace("{version}", "X.Y.Z")
        where = f"{gate.workspace.name(path)} {commit[:12]}".rstrip()
        return RefusedError(
            f"latest moves to releases only, and {where}{of} {has} ({form})",
            f"{PERSON}release it under a tag of the form {form}, or set "
            'latest-from = "any" under [image] in .guard.toml',
        )
    return None


def _move_latest(doing: _Publishing, record: Record) -> None:
    """Let ``latest`` mean the verdict's image, by its digest."""
    engine, screen = doing.engine, doing.screen
    reference = f"{doing.config.image.name}:{LATEST}"
    before = resolve(engine, reference)
    pinned = record.image.digest
    earlier = f"{split(reference)[0]}@{before}"
    if earlier == pinned:
        screen.say(f"{reference} means it already")
        return
    if doing.wish.dry_run:
        screen.say(f"would move {reference}, which means {before or 'nothing'}")
        return
    image = local_image(engine, record.image.id, pinned) or pull_shown(engine, pinned, screen)
    if before and is_image(engine, earlier, image):
        screen.say(f"{reference} means it already")
        return
    with Transfers(screen, f"pushing {reference}") as transfers:
        push(engine, image, reference, transfers.on_transfer, before)
    screen.say(f"{screen.paint('moved', 'green')}: {reference}, before {before or 'not there'}")
