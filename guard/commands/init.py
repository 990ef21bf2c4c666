"""``guard init``: write a ``.guard.toml``, proposing what the consumer's CI already says."""

import json
import os
import shlex
from argparse import ArgumentParser, Namespace
from os.path import normpath
from typing import Final, NamedTuple

from guard.ci.proposal import FILES, Proposal, Proposed, read_ci
from guard.config import FILE, Config, read_config
from guard.errors import EXIT_ALLOWED, ConfigError, GuardError, MissingObjectError
from guard.gate.gate import Gate
from guard.git.files import write_whole
from guard.git.folders import matching_files
from guard.git.repository import enclosing, find_here
from guard.screen import Screen, named
from guard.situation.workspace import Workspace, find_workspace, submodule_paths

_WIDTH: Final = 100
_COMMAND: Final = ("/bin/sh", "-c")
# What stands in the place of what nothing proposes.
_NO_IMAGE: Final = """\
# The name that the image has where it is published, without a tag.
# name = "registry.example.org/team/image"
# Without a registry:
# publish = false"""
_NO_COMMAND: Final = """\
# Fill in: what runs the tests in a fresh container of the image. Until then
# every push is blocked.
# command = ["/bin/sh", "-c", "cd /src && ./run-tests"]"""
_NO_SOURCE: Final = """\
# Where the consumer's sources are put before the tests, if the image has
# them not, or not at the right place.
# source = "/src\""""


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--print", "--dry-run", action="store_true", dest="dry_run", help="print it, write nothing"
    )
    parser.add_argument("--force", action="store_true", help="replace the file that is there")
    parser.add_argument("--consumer", metavar="PATH", help="the consumer's submodule")
    parser.add_argument("--dependency", metavar="PATH", help="the dependency's submodule")


class _Read(NamedTuple):
    """What the consumer's CI file at a commit proposes; `nothing` says why there is no proposal."""

    proposal: Proposal = Proposal()
    file: str = ""
    commit: str = ""
    nothing: str = ""


def run(options: Namespace, screen: Screen) -> int:
    """Write the file at the superproject's root; nothing is staged."""
    workspace = _workspace(options)
    root = workspace.superproject.work_tree
    path = os.path.join(root or "", FILE)
    with Gate(workspace) as gate:
        config = _names(gate, options)
        _check_parts(workspace, config)
        if not options.dry_run:
            _check_place(workspace, path, options.force)
        read = _read(gate, config)
    text = _text(config, read)
    read_config(text.encode(), path)
    if options.dry_run:
        screen.say(text.rstrip("\n"))
        return EXIT_ALLOWED
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise GuardError(f"{path} cannot be written: {error.strerror}") from error
    screen.say(f"wrote {path}")
    _tell(read, root or "", screen)
    return EXIT_ALLOWED


def _workspace(options: Namespace) -> Workspace:
    """Where the submodules are that were named, else where any command would find them."""
    here = find_here()
    around = [*enclosing(here), here]
    names = {normpath(name) for name in (options.consumer, options.dependency) if name}
    for repository in around:
        if names.intersection(submodule_paths(repository)):
            return Workspace(repository, repository)
    try:
        return find_workspace()
    except GuardError:
        # Other names than the built-in ones are nowhere written down before this command.
        for repository in around:
            if submodule_paths(repository):
                return Workspace(repository, repository)
        raise


def _check_place(workspace: Workspace, path: str, force: bool) -> None:
    if workspace.superproject.work_tree is None:
        raise GuardError(
            f"{workspace.superproject.git_dir} has no checkout to write {FILE} into",
            "guard init --print",
        )
    if os.path.lexists(path) and not force:
        raise GuardError(
            f"{path} is there already, and is left as it is",
            "guard init --print shows what would be written; guard init --force replaces it",
        )


def _names(gate: Gate, options: Namespace) -> Config:
    """Which submodule is which: as asked, else as configured, else the built-in names."""
    try:
        present = gate.present_config()
    except ConfigError:
        present = Config()  # it is malformed, and this is how to get a good one
    return Config(
        consumer=normpath(options.consumer or present.consumer),
        dependency=normpath(options.dependency or present.dependency),
        release_tag=present.release_tag,
    )


def _check_parts(workspace: Workspace, config: Config) -> None:
    """Refuse where one is no submodule, or both are the same: such a file blocks every push."""
    gitlinks = submodule_paths(workspace.superproject)
    parts = {"consumer": config.consumer, "dependency": config.dependency}
    there = {role: path for role, path in parts.items() if path in gitlinks}
    if config.consumer == config.dependency:
        problem, there = f"{config.consumer} cannot be the consumer and the dependency", {}
    elif len(there) < len(parts):
        missing = (f"{path}, the {role}" for role, path in parts.items() if role not in there)
        problem = f"{workspace.name('')} has no submodule at {', and none at '.join(missing)}"
    else:
        return
    if not gitlinks:
        remedy = f"git submodule add URL {shlex.quote(config.consumer)}"
        raise GuardError(f"{problem}: it has no submodules", remedy)
    others = [path for path in gitlinks if path not in there.values()]
    # Where one of the two is there and one other submodule, it is that one.
    other = others[0] if there and len(others) == 1 else "PATH"
    words = (f"--{role} {shlex.quote(there.get(role, other))}" for role in parts)
    raise GuardError(
        f"{problem}; its submodules are {named(gitlinks)}", f"guard init {' '.join(words)}"
    )


def _read(gate: Gate, config: Config) -> _Read:
    path = config.consumer
    try:
        commit = gate.gitlink(gate.present(), path)
        if commit is None:
            return _Read(nothing=f"there is no gitlink at {path}")
        store = gate.submodules(config).store(path)
        root = store.root(commit)
        if root is None:
            return _Read(nothing=f"commit {commit} of {path} is not here")
        files = [file for each in FILES for file in matching_files(store, root.tree, each)]
        contents = store.read_all([file.blob for file in files])
    except MissingObjectError as error:
        return _Read(nothing=error.problem)
    if not files:
        what = f"{path} has no {FILES[0]}, nor a file of another CI system, at {commit[:12]}"
        return _Read(nothing=what)
    reads = [
        _of_file(content.data if content is not None else b"", path, file.path, commit[:12])
        for file, content in zip(files, contents, strict=True)
    ]
    # The first that says the most.
    best = max(reads, key=lambda read: (read.proposal.command is not None, not read.nothing))
    notes = [note for read in reads if read is not best for note in _left_out(read)]
    return best._replace(proposal=best.proposal._replace(notes=(*best.proposal.notes, *notes)))


def _left_out(read: _Read) -> list[str]:
    """What a file says that is not proposed, as another says more."""
    if read.proposal.command is not None:
        places = ", ".join(f"{read.file}:{line}" for line in read.proposal.command.lines)
        return [f"not taken over: what is tested at {places}"]
    return [f"{read.file}: {note}" for note in read.proposal.notes]


def _of_file(data: bytes, consumer: str, path: str, commit: str) -> _Read:
    where = f"{consumer}/{path}"
    try:
        proposal = _usable(read_ci(data, path, where))
    except GuardError as error:
        return _Read(nothing=error.problem)
    read = _Read(proposal, where, commit)
    if proposal.command is None and proposal.image is None:
        what = "has no docker run line that says what to test"
        return read._replace(nothing=f"{where} at {commit} {what}")
    return read


def _usable(proposal: Proposal) -> Proposal:
    """Without what the configuration would refuse."""
    for name, table, key in (("image", "image", "name"), ("source", "test", "source")):
        proposed: Proposed | None = getattr(proposal, name)
        if proposed is None:
            continue
        try:
            read_config(f"[{table}]\n{key} = {_quoted(proposed.value)}\n".encode())
        except ConfigError as error:
            line = proposed.lines[0]
            notes = (*proposal.notes, f"line {line}: {error.problem.partition(': ')[2]}")
            proposal = proposal._replace(**{name: None}, notes=notes)
    return proposal


def _text(config: Config, read: _Read) -> str:
    proposal = read.proposal
    lines = ["# What guard asks before a push. docs/configuration.md of guard explains every key."]
    if read.nothing:
        lines.append(_comment(f"Nothing to propose was found: {read.nothing}."))
    usual = Config()
    names = {
        "consumer": (config.consumer, usual.consumer),
        "dependency": (config.dependency, usual.dependency),
        "release-tag": (config.release_tag, usual.release_tag),
    }
    others = [f"{key} = {_quoted(name)}" for key, (name, other) in names.items() if name != other]
    if others:
        lines += ["", "[guard]", *others]
    lines += ["", "[image]", *_proposed(read, "name", proposal.image, _NO_IMAGE)]
    why = "what is run in the image, one after the other"
    lines += ["", "[test]", *_proposed(read, "command", proposal.command, _NO_COMMAND, why)]
    why = "where the checkout is mounted"
    lines += _proposed(read, "source", proposal.source, _NO_SOURCE, why)
    lines += [_comment(f"Note: {note}.") for note in proposal.notes]
    return "\n".join(lines) + "\n"


def _proposed(
    read: _Read, key: str, proposed: Proposed | None, nothing: str, why: str = ""
) -> list[str]:
    """A key with where its value comes from, or what stands in its place."""
    if proposed is None:
        return [nothing]
    places = ", ".join(f"{read.file}:{line}" for line in proposed.lines)
    origin = _comment(f"From {places} (at {read.commit})" + (f": {why}." if why else "."))
    if key != "command":
        return [origin, f"{key} = {_quoted(proposed.value)}"]
    words = [_quoted(word) for word in (*_COMMAND, proposed.value)]
    line = f"{key} = [{', '.join(words)}]"
    if len(line) <= _WIDTH:
        return [origin, line]
    return [origin, f"{key} = [", *(f"    {word}," for word in words), "]"]


def _comment(text: str) -> str:
    return "# " + text.replace("\n", " ").replace("\r", " ")


def _quoted(text: str) -> str:
    # TOML's basic strings are JSON's, but that they hold no raw DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tell(read: _Read, root: str, screen: Screen) -> None:
    proposal = read.proposal
    if read.nothing:
        screen.say(f"  nothing to propose: {read.nothing}")
    for name, proposed in (
        ("image", proposal.image),
        ("test command", proposal.command),
        ("source", proposal.source),
    ):
        if proposed is not None:
            screen.say(f"  {name}: {proposed.value}")
    for note in proposal.notes:
        screen.say(f"  note: {note}")
    if proposal.command is None:
        screen.say(f"  fill in [test] command in {FILE}: until then every push is blocked")
    git = "git" if os.path.realpath(os.curdir) == root else f"git -C {shlex.quote(root)}"
    screen.say(f"next: {git} add {FILE} && {git} commit -m 'Configure guard'")
