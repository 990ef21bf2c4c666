"""``guard check``: the gate's decision for commits, in a terminal or in CI."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from guard.commands.hooked import find_targets
from guard.errors import EXIT_ALLOWED, EXIT_BLOCKED, GuardError, UsageError
from guard.gate.gate import Gate
from guard.gate.judgement import decide_push
from guard.gate.order import Order
from guard.gate.refused import first_step, next_steps, placed
from guard.gate.staged import judge
from guard.git.history import is_range, listed
from guard.git.index import index_of, relevant_files
from guard.git.objects import ObjectPool
from guard.git.pushes import Pushed, RefUpdate, is_id, meant
from guard.git.refs import list_refs, resolve
from guard.git.remotes import Asking, Settings
from guard.git.repository import Repository, find_here
from guard.install.targets import Proof, prove_hooks
from guard.model import Decision, Outcome, Role
from guard.screen import JSON_VERSION, Screen, column, decisions_json, exit_status, named, tally
from guard.situation.branches import HEADS, tracking_ref, usual_remote
from guard.situation.gitlinks import Destination, usual_destination
from guard.situation.workspace import Workspace, find_workspace


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "revisions",
        metavar="REV",
        nargs="*",
        help="commits of the repository you are in (default: HEAD), or ranges of them, as A..B",
    )
    parser.add_argument(
        "--staged",
        action="store_true",
        help="what is staged, before it is committed; the static rules alone",
    )
    parser.add_argument(
        "--ask",
        action="store_true",
        help="ask the remotes anew, each for a minute at the most, git may ask for a password, "
        "and keep what they say",
    )
    parser.add_argument(
        "--warn",
        action="store_true",
        help="with --staged: silent unless something that matters is staged and would be blocked, "
        "and the exit status is 0 all the same",
    )
    parser.add_argument(
        "--for",
        dest="ref",
        metavar="REF",
        help="judge one commit as if it were pushed to this branch, or ref, of the remote",
    )
    parser.add_argument(
        "--from",
        dest="old",
        metavar="OLD",
        help="with --for: the commit that REF has there now, zeros for none (default: as fetched)",
    )
    parser.add_argument(
        "--hooks",
        action="store_true",
        help="instead, whether the hooks are effective: exit status 0 if they are, 1 if not",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: Namespace, screen: Screen) -> int:
    """Decide about each commit; the worst decision makes the exit status."""
    if options.staged and options.revisions:
        raise UsageError("--staged takes no revisions", "guard check --staged")
    if options.ask and (options.staged or options.hooks):
        raise UsageError("--ask goes with neither --staged nor --hooks", "guard check --ask")
    if options.warn and not options.staged:
        raise UsageError("--warn goes with --staged", "guard check --staged --warn")
    if options.old is not None and options.ref is None:
        raise UsageError("--from goes with --for", "guard check --for REF --from OLD")
    if options.ref is not None and (
        options.staged or len(options.revisions) > 1 or any(map(is_range, options.revisions))
    ):
        raise UsageError("--for takes one commit", "guard check --for REF COMMIT")
    if options.hooks:
        if options.staged or options.revisions or options.ref is not None:
            raise UsageError("--hooks goes with --json alone", "guard check --hooks")
        return _hooks(options, screen)
    if options.staged:
        return _staged(options, screen)

    workspace = find_workspace()
    asking = Asking(None, anew=True) if options.ask else Asking()
    with (
        ObjectPool(asking) as pool,
        Gate(workspace, pool=pool, destination=_usual(workspace, pool)) as gate,
    ):
        if options.ask:
            gate.ask()
        if options.ref is not None:
            decisions = _pushed(gate, options, screen)
        else:
            commits = _commits(workspace.here, options.revisions or ["HEAD"])
            decisions = _decided(gate, commits)
        decisions = placed(gate, decisions)
        following = next_steps(gate, decisions)
    if options.json:
        screen.json(decisions_json(decisions))
    else:
        for decision, command in zip(decisions, following, strict=True):
            screen.decision(decision, command)
        screen.explanation(decisions)
        if any(map(is_range, options.revisions)):
            screen.say(tally(decisions))
    return exit_status(decisions)


def _commits(repository: Repository, words: Sequence[str]) -> list[str]:
    """The commits that are named, those of a range as ``guard audit`` lists them."""
    if any(word.startswith("^") for word in words):  # it takes away from the others
        return [commit.commit for commit in listed(repository, words)]
    commits: list[str] = []
    for word in words:
        if is_range(word):
            commits += (commit.commit for commit in listed(repository, [word]))
        else:
            commits.append(resolve(repository, word))
    return commits


def _pushed(gate: Gate, options: Namespace, screen: Screen) -> list[Decision]:
    """The decisions for a push of one commit; none where its ref is not judged."""
    _refuse_dependency(gate)
    repository = gate.workspace.here
    commit = resolve(repository, (options.revisions or ["HEAD"])[0])
    ref = options.ref if options.ref.startswith("refs/") else f"{HEADS}{options.ref}"
    remote = usual_remote(repository, gate.pool.settings)
    old = options.old if options.old is not None else _tracked(repository, remote, ref)
    if old.strip("0") and not is_id(old):
        old = resolve(repository, old)
    update = RefUpdate(commit, commit, ref, old or "0" * len(commit))
    tips = ((ref, update.remote_id),)
    destination = Destination(remote, "", meant(ref), tips=tips)
    decided = decide_push(gate, destination, [Pushed(update, commit)])
    decided.tell_unjudged(screen)
    return decided.decisions


def _tracked(repository: Repository, remote: str, ref: str) -> str:
    """What a ref of a remote was when it was last fetched, "" where that is not known."""
    tracked = list_refs(repository, tracking_ref(remote, ref.removeprefix(HEADS)))
    return next((each.id for each in tracked.values()), "") if ref.startswith(HEADS) else ""


def _hooks(options: Namespace, screen: Screen) -> int:
    proof = prove_hooks(*find_targets(), Settings())
    if options.json:
        hooks = [hook.json() for hook in proof.hooks]
        state = {"effective": proof.holds, "hooks": hooks, "hooks_missing": proof.missing}
        screen.json({"version": JSON_VERSION, **state})
    else:
        show_hooks(proof, screen)
        remedies = [hook.health.remedy for hook in proof.hooks if not hook.health.effective]
        for remedy in dict.fromkeys(remedies):
            screen.say(f"to mend it: {remedy}")
    return EXIT_ALLOWED if proof.holds else EXIT_BLOCKED


def show_hooks(proof: Proof, screen: Screen) -> None:
    """Every hook's state, and what stands in the way of those that are not effective."""
    for hook in proof.hooks:
        effective = hook.health.effective
        word = screen.paint(hook.health.state.value, "green" if effective else "red")
        screen.say(f"hook of {column(hook.target.name, 14)}{word}  {hook.target.place}")
        if not effective:
            screen.say(f"  {hook.health.reason}")
        for note in hook.notes:
            screen.say(f"  {note}")
    if proof.missing:
        screen.say(f"  {proof.missing}")


def _staged(options: Namespace, screen: Screen) -> int:
    here = find_here()
    index = index_of(here)
    try:
        files = relevant_files(here, index) if options.warn else ()
        if options.warn and not files:
            return EXIT_ALLOWED
        decision = judge(find_workspace(), index)
    except GuardError as error:
        if not options.warn:
            raise
        screen.failure(error)
        return EXIT_ALLOWED
    if options.warn and decision.outcome is Outcome.ALLOWED:
        return EXIT_ALLOWED
    if options.json:
        screen.json(decisions_json([decision]))
    else:
        what = f"{decision.repository}, what is staged"
        screen.decision(decision._replace(repository=what), first_step(decision))
        screen.explanation([decision])
    if not options.warn:
        return exit_status([decision])
    screen.warn(f"guard: the commit is not blocked, but its push would be: {named(files)}")
    return EXIT_ALLOWED


def _decided(gate: Gate, commits: Sequence[str]) -> list[Decision]:
    """The decisions for commits, as if they were pushed to where a plain push would bring them."""
    _refuse_dependency(gate)
    workspace = gate.workspace
    if not workspace.in_superproject:
        order = Order(gate, consumer=workspace.here, destination=_usual(workspace, gate.pool))
        return [order.consumer(commit) for commit in commits]
    return Order(gate).plain(commits)


def _usual(workspace: Workspace, pool: ObjectPool) -> Destination:
    """Where a plain push would bring HEAD of the repository here."""
    return usual_destination(workspace.here, pool.settings.of(workspace.here))


def _refuse_dependency(gate: Gate) -> None:
    workspace = gate.workspace
    try:
        config = gate.present_config()
    except GuardError:
        return  # and so each commit is told why
    if workspace.role(config) is not Role.DEPENDENCY:
        return
    raise GuardError(
        f"pushes of {workspace.name(workspace.inside)} are not judged: it is what the others "
        "are held against",
        f"cd {workspace.superproject.work_tree or workspace.superproject.git_dir}",
    )
