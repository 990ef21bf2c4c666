"""What is staged, judged before it is committed, as far as that asks for no verdict.

In the superproject that is its index. In the consumer it is the superproject as it stands, with the
consumer's index as a commit at the gitlink: that commit is made in a private object database, and
nothing is written into anybody's repository.
"""

from typing import Final

from guard.errors import GuardError
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.git.index import staged_tree
from guard.git.repository import Repository
from guard.model import Decision, Outcome, Role
from guard.situation.gitlinks import usual_destination
from guard.situation.workspace import Workspace

_AUTHOR: Final = "guard <guard> 0 +0000"


def judge(workspace: Workspace, index: str) -> Decision:
    """The decision for what is staged in the repository of the command."""
    if workspace.in_superproject:
        with Gate(workspace, asks_verdicts=False, index=index) as gate:
            to = usual_destination(workspace.superproject, workspace.options, asks=False)
            return Order(gate, gate.links_to(to)).ahead(gate.present())
    here = workspace.here
    with staged_tree(here, index) as staged:
        if staged is None:
            raise GuardError(f"{here.work_tree or here.git_dir} has no index, so nothing is staged")
        commit = _commit(here, staged.tree, staged.objects)
        seen = workspace._replace(here=here._replace(objects=staged.objects))
        with Gate(seen, asks_verdicts=False) as gate:
            if seen.role(gate.present_config()) is not Role.CONSUMER:
                raise GuardError(f"what is staged in {seen.name(seen.inside)} is not judged")
            destination = usual_destination(here, gate.pool.settings.of(here), asks=False)
            judges = Order(gate, consumer=here, destination=destination).superprojects
            decisions = [each for _, each in judges.decisions(commit, destination.ref)]
            allowed = (each for each in decisions if each.outcome is Outcome.ALLOWED)
            return _without(next(allowed, decisions[0]), commit)


def _commit(repository: Repository, tree: str, objects: str) -> str:
    """A commit of a tree beside the repository: the rules judge commits."""
    data = f"tree {tree}\nauthor {_AUTHOR}\ncommitter {_AUTHOR}\n\nstaged\n".encode()
    scratch = repository._replace(new_objects=objects)
    return scratch.text("hash-object", "-t", "commit", "-w", "--stdin", data=data)


def _without(decision: Decision, commit: str) -> Decision:
    """The decision without a commit that nobody can look up."""
    findings = tuple(
        item._replace(
            evidence=tuple(
                one._replace(commit=None) if one.commit == commit else one for one in item.evidence
            )
        )
        for item in decision.findings
    )
    links = tuple(link for link in decision.gitlinks if link.commit != commit)
    return decision._replace(commit="", ref=None, findings=findings, gitlinks=links)
