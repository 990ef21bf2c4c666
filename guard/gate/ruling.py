"""What the rules say, with what mends it: of what the memo does not have, and of what is not right.

A push that goes through by the memo imports none of this; the rules read Haskell.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from guard.config import FILE, Config, Recipe
from guard.errors import GitError, GuardError
from guard.git.commands import ALONE, PERSON, Command, Remedy, git, told
from guard.git.commits import reachable
from guard.git.refs import head_of
from guard.git.remotes import Remote
from guard.git.repository import Repository, checkout_at
from guard.git.trees import GITLINK
from guard.model import OTHER_RECIPE, STEPS_BACK, Combination, Evidence, Finding, Severity, Tested
from guard.plan.remedies import mended
from guard.rules import image_published, merged, policy, published, step_back
from guard.rules.asked import ranges_on_gitlink
from guard.rules.rulebook import ASKING, STATIC, judge
from guard.situation.branches import (
    HEADS,
    DefaultBranch,
    PushedTo,
    default_branch,
    head_branch,
    looking_for_default,
    push_remote,
    short_name,
    upstream,
)
from guard.situation.contents import Contents, of_commit
from guard.situation.facts import Gatherer, ask_command, old_image
from guard.situation.gitlinks import Links
from guard.situation.others import Drift
from guard.situation.publication import Direction, Move, Publication, PublicationState, Unknown
from guard.situation.published import Standing
from guard.situation.tracking import Place
from guard.situation.trailers import said, wanted
from guard.situation.values import (
    Apart,
    Facts,
    Merge,
    OtherRecipe,
    Pin,
    Publications,
    Stale,
    StepBack,
)

# Releases, for what would fit instead of what was found; guard align looks into all.
_LOOKED_INTO: Final = 20
_UNDECIDED: Final = (
    PublicationState.UNKNOWN,
    PublicationState.UNANSWERED,
    PublicationState.NO_REMOTE,
)


class Ruling:
    """Says what of the facts is not right; what it names is to be typed where the user stands."""

    def __init__(self, contents: Contents, gatherer: Gatherer) -> None:
        self._contents = contents
        self._gatherer = gatherer
        self._top = contents.workspace.superproject

    def _evidence(self, combination: Combination) -> Evidence:
        name = self._contents.workspace.name("")
        return Evidence(name, combination.commit, text=combination.source)

    def static(self, combination: Combination, tested: bool) -> tuple[Facts, tuple[Finding, ...]]:
        """What the static rules say of a combination, and the facts that they saw."""
        facts = self._gatherer.gather(combination, tested=tested)
        findings = judge(facts, STATIC)
        # No list of releases makes it clearer that there is no pin, or none that can be read.
        if isinstance(facts.pin, Pin) and any(each.severity is Severity.ERROR for each in findings):
            # Which releases would fit is good to know; what is wrong is known without.
            with suppress(GuardError):
                ranges = ranges_on_gitlink(facts).values()
                facts = self._gatherer.explain(facts, combination, ranges, _LOOKED_INTO)
                findings = judge(facts, STATIC)
        return facts, mended(findings, facts)

    def misfits(self, combination: Combination) -> tuple[tuple[Finding, ...], bool]:
        """What the static rules say of a combination, without what mends it; whether that stays."""
        facts = self._gatherer.gather(combination, tested=False)
        return judge(facts, STATIC), facts.stay

    def asking(self, facts: Facts) -> tuple[Finding, ...]:
        """What the rules say that ask for a verdict."""
        return mended(judge(facts, ASKING), facts)

    def of_image(
        self,
        combination: Combination,
        config: Config,
        tested: Tested,
        drift: Drift | Unknown,
    ) -> tuple[Finding, ...]:
        """What is to be said of an image that others do not have."""
        image = old_image(self._contents.workspace.name, combination, config, tested, drift)
        return mended(image_published.of_image(image), image)

    def of_links(
        self, combination: Combination, links: tuple[Publication, ...]
    ) -> tuple[Finding, ...]:
        """What is to be pushed before the superproject, or before the consumer."""
        evidence = self._evidence(combination)
        publications = Publications(evidence, links, ask_command(self._contents, combination))
        return mended(published.check(publications), publications)

    def of_moves(
        self,
        combination: Combination,
        config: Config,
        moves: Sequence[Move],
        moves_default: bool,
        is_past: bool = False,
        default: str = "",
    ) -> tuple[Finding, ...]:
        """What is to be said of gitlinks that do not lie ahead of those that they replace.

        Args:
            is_past: whether nobody is to mend it any more.
            default: the tip of the default branch, as of `said`.
        """
        is_strict = config.rules.step_back == Severity.ERROR.value
        findings: tuple[Finding, ...] = ()
        for move in moves:
            severity = _weight(move, moves_default)
            if severity is not Severity.NOTE and not is_strict:
                severity = Severity.WARNING
            step = self._step_back(combination, move, default)._replace(severity=severity)
            if is_past:
                step = step._replace(instead="", remedy="")
            findings += mended([step_back.check(step)], step)
        return findings

    def _step_back(self, combination: Combination, move: Move, default: str) -> StepBack:
        contents, top, tip = self._contents, self._top, combination.commit or ""
        evidence, line = self._evidence(combination), f"{STEPS_BACK}: {move.path}"
        head = contents.pool.head(top) if move.path and not tip else None
        before = of_commit(top, contents.pool, head, "") if head else None
        # Where something else is staged, that would be committed with it.
        is_committed = bool(tip or (before and before.tree == combination.tree))
        remedy = self._back_up(move, is_committed)
        step = StepBack(evidence, move, tip, "", Severity.ERROR, "", remedy)
        if not move.path:
            return step
        if head and before and contents.gitlink(before, move.path) == move.new:
            tip = head  # what is staged besides has not set it
        if not tip:
            words = ("-m", f"Take {move.path} back", "-m", f"{line} <why>")
            return step._replace(instead=git(top, "commit", *words).text)
        mine = said(
            *(contents, [move.base], tip, move.path),
            lambda each: contents.gitlink(each, move.path),
            *(STEPS_BACK, move.path, default),
        )
        step = step._replace(commit=mine.commit, why=mine.why)
        if mine.why:
            return step._replace(remedy="")
        instead = wanted(contents, mine.commit, tip, f"{line} <why>")
        return step._replace(instead=told(instead).removeprefix(PERSON))

    def _back_up(self, move: Move, is_committed: bool) -> Remedy:
        """What brings a submodule back to where it was, or makes that be known."""
        if move.unknown is not None:
            return move.unknown.remedy
        top, checkout = self._top, checkout_at(self._top, move.path)
        if move.direction is not Direction.BEHIND:
            what = f"stage a commit of {move.path} that leads to {move.names[0]}, too"
            merge = git(checkout, "merge", move.old[:12]).text if checkout is not None else ""
            return f"{what}: {merge}" if merge else what
        commands = [git(top, "update-index", "--cacheinfo", f"{GITLINK:o},{move.old},{move.path}")]
        if checkout is not None and _lies_before(checkout, move.old):
            # Else the next commit of everything would take it back once more.
            commands.insert(0, git(checkout, "merge", "--ff-only", move.old[:12]))
        if is_committed:
            message = f"Bring {move.path} back up to {move.names[0]}"
            commands.append(git(top, "commit", "-m", message))
        return tuple(commands)

    def of_recipe(
        self,
        combination: Combination,
        there: Combination,
        own: Recipe,
        theirs: Recipe,
        default: str = "",
    ) -> tuple[Finding, ...]:
        """What is to be said of a recipe that is not the one that others have.

        Args:
            combination: the pushed commit; of what is staged, HEAD may say why.
            default: the tip of the default branch, as of `said`.
        """
        contents, top, line = self._contents, self._top, f"{OTHER_RECIPE}: <why>"
        tip = combination.commit or contents.pool.head(top) or ""
        head = of_commit(top, contents.pool, tip, "")
        evidence = Evidence(contents.workspace.name(""), path=FILE)
        if contents.config(head).recipe != own:
            message = ("-m", f"Change {FILE}", "-m", line)
            remedy: Remedy = (git(top, "commit", *message),)
        else:
            mine = said(
                *(contents, [there.commit or ""], tip, FILE),
                lambda each: contents.config(each).recipe,
                *(OTHER_RECIPE, "", default),
            )
            if mine.why:
                return ()
            evidence = evidence._replace(commit=mine.commit)
            remedy = wanted(contents, mine.commit, tip, line)
        remedy = f"say why: {told(remedy).removeprefix(PERSON)}"
        other = OtherRecipe(evidence, there.commit or "", own.unlike(theirs), remedy)
        return mended([policy.check(other)], other)

    def unknown_default(self, links: Links, ref: str) -> Unknown:
        """That nothing tells whether a push of the superproject moves its default branch."""
        remote, name = links.pushed_to, self._contents.workspace.name("")
        assert remote is not None  # else the usual names tell
        what = f"the push to {ref.removeprefix(HEADS)} is one to it"
        return _unknown_default(name, remote, looking_for_default(self._top, remote), what)

    def of_silence(self, why: str) -> tuple[Finding, ...]:
        """That a remote did not say which branch is its default one."""
        return (merged.check_silence(why),)

    def nearest(
        self,
        links: Links,
        link: Publication,
        places: Sequence[Place],
        standings: Sequence[Standing],
    ) -> Standing | Unknown | None:
        """The standing that counts where none is merged; None where `published` says enough."""
        if link.state in _UNDECIDED:
            return None
        if not standings:
            where, what = places[0], "the gitlink is in it"
            return _unknown_default(link.path, where.remote, where.looking_for_default, what)
        standing = standings[0]
        commit, path, name = standing.commit, standing.path, standing.place.remote.name
        repository = standing.place.repository
        if not links.present(repository, [commit]):
            what = f"commit {commit} of {path} is not in {repository.git_dir}"
            return Unknown(what, (git(repository, "fetch", name, commit),))
        if repository.is_shallow:
            what = f"the history of {path} is cut off, so it cannot be seen what is merged"
            return Unknown(what, (git(repository, "fetch", "--unshallow", name),))
        return standing

    def of_merge(
        self,
        links: Links,
        combination: Combination,
        standing: Standing,
        misfits: tuple[Finding, ...],
    ) -> tuple[Finding, ...]:
        """What is to be merged before a push to the superproject's default branch."""
        commit, remote = combination.commit or "HEAD", links.destination.remote or "<remote>"
        elsewhere = f"{commit[:12]}:{HEADS}pin-{commit[:8]}"
        merge = Merge(
            self._evidence(combination),
            standing.path,
            standing.commit,
            standing.ref.removeprefix("refs/remotes/"),
            standing.tip,
            standing.merged,
            _into(standing),
            git(self._top, "push", remote, elsewhere),
            misfits,
        )
        return mended(merged.check(merge), merge)

    def of_stale(self, remote: str, ref: str, tip: str) -> tuple[Finding, ...]:
        """What a push of the consumer is told where the superproject lacks what its remote has.

        Args:
            ref: what tracks that.
        """
        workspace, top, target = self._contents.workspace, self._top, short_name(remote, ref)
        words, head = ["pull", *ALONE], head_of(top)
        if head is None or not reachable(top, [head], [tip]):
            words.append("--no-rebase")
        branch = head_branch(top).removeprefix(HEADS)
        if upstream(dict(workspace.options), branch) != (remote, HEADS + target):
            words += [remote, target]
        pull = (git(top, *words),)
        stale = Stale(workspace.name(""), ref.removeprefix("refs/remotes/"), tip, pull)
        return mended([merged.check_stale(stale)], stale)

    def _switching(self, default: DefaultBranch, name: str, before: tuple[Command, ...]) -> Remedy:
        """What brings the superproject to its default branch, after other commands."""
        top = self._top
        if not name or head_branch(top) == HEADS + name:
            return before
        is_known = default.name == name
        if is_known and default.checked_out:
            place = f"{name} is checked out in {default.checked_out[0]}"
            return f"{PERSON}go on where {place}: {git(top, 'worktree', 'list').text}"
        is_new = is_known and default.local is None
        words = ["--create", name, f"{default.remote}/{name}"] if is_new else [name]
        return (*before, git(top, "switch", *words))

    def of_apart(
        self, links: Links, consumer: str, ref: str, to: PushedTo, is_fork: bool
    ) -> tuple[Finding, ...]:
        """What a push to the consumer's default branch is told that what is here does not judge.

        Args:
            to: where the superproject would be pushed.
            is_fork: whether that is another place than its default branch comes from.
        """
        workspace, top, home, name = self._contents.workspace, self._top, links.home, ""
        before: tuple[Command, ...] = ()
        if home is not None:
            tracked, said_there = links.defaults.tracked(top, home), links.defaults.said(top, home)
            name = short_name(home.name, tracked) or said_there.removeprefix(HEADS)
            # What the remote said is its default branch need not have been fetched.
            before = () if tracked else looking_for_default(top, home)
        remedy = self._switching(default_branch(top, self._contents.pool.settings), name, before)
        to_home = push_remote(
            dict(workspace.options), [each.name for each in links.here.remotes], name
        )
        if home is not None and name and isinstance(remedy, tuple) and to_home != home.name:
            remedy = (*remedy, git(top, "config", f"branch.{name}.pushRemote", home.name))
        fork = f" of {to.url or to.remote}" * is_fork
        branch = "" if to.detached else to.ref.removeprefix(HEADS) + fork
        where = ref.removeprefix(HEADS)
        apart = Apart(workspace.name(""), branch, name, consumer, where, remedy)
        return mended([merged.check_apart(apart)], apart)


def _weight(move: Move, moves_default: bool) -> Severity:
    """How much it weighs where a gitlink goes: what others build from is stricter."""
    if move.direction is Direction.BEHIND:
        return Severity.ERROR
    if not moves_default:
        return Severity.NOTE
    return Severity.ERROR if move.direction is Direction.BESIDE else Severity.UNDECIDED


def _lies_before(checkout: Repository, commit: str) -> bool:
    """Whether what is checked out lies before a commit that is there, too."""
    try:
        head = head_of(checkout)
        return head is not None and head in reachable(checkout, [head], [commit])
    except GitError:
        return False


def _unknown_default(where: str, remote: Remote, remedy: Remedy, what: str) -> Unknown:
    return Unknown(
        f"the default branch of {remote.name} in {where} is not known, so neither is whether "
        f"{what}",
        remedy,
    )


def _into(standing: Standing) -> Remedy:
    """What brings a commit into the default branch of its remote."""
    place, ref, commit = standing.place, standing.ref, standing.commit[:12]
    repository, branch = place.repository, HEADS + short_name(place.remote.name, ref)
    try:
        ahead = bool(reachable(repository, [standing.tip], [standing.commit]))
    except GitError:
        ahead = False
    if ahead:
        return (git(repository, "push", place.target, f"{commit}:{branch}"),)
    return (
        git(repository, "checkout", "--detach", ref.removeprefix("refs/remotes/")),
        git(repository, "merge", commit),
        git(repository, "push", place.target, f"HEAD:{branch}"),
    )
