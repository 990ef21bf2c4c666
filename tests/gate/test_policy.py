"""Which refs are judged, which must be tested, and policy that weakens itself."""

from __future__ import annotations

import pytest

from guard.gate.gate import Gate
from guard.gate.judgement import Policy, policy_for
from guard.git.objects import ObjectPool
from guard.git.pushes import Pushed, RefUpdate
from guard.model import Outcome, Severity
from guard.situation.workspace import Workspace
from tests.workshop import GUARD_TOML, ZERO, Repo, Workshop

MASTER = "refs/heads/master"


def policy(
    workshop: Workshop, ref: str = MASTER, old: str = ZERO, commit: str = "", at: Repo | None = None
) -> Policy:
    top = workshop.docker.repository
    here = at or workshop.docker
    inside = here.folder.name if at else ""
    commit = commit or here.head
    with Gate(Workspace(here.repository, top, inside)) as gate:
        found = policy_for(gate, Pushed(RefUpdate("x", commit, ref, old), commit), "origin")
    assert found is not None
    return found


def gate_at(workshop: Workshop) -> Gate:
    pool, top = ObjectPool(), workshop.docker.repository
    return Gate(Workspace(top, top, options=tuple(pool.settings.of(top))), pool=pool)


def set_policy(workshop: Workshop, text: str) -> str:
    """Commit another .guard.toml, and return the commit before it."""
    before = workshop.docker.head
    workshop.docker.commit("policy", {".guard.toml": text})
    return before


@pytest.mark.parametrize(
    ("text", "ref", "protected", "tested"),
    [
        ("", MASTER, True, True),
        ('protect = ["*", "!refs/heads/wip/*"]', MASTER, True, True),
        ('protect = ["*", "!refs/heads/wip/*"]', "refs/heads/wip/x", False, True),
        ('tested = ["master"]', MASTER, True, True),
        ('tested = ["master"]', "refs/heads/topic", True, False),
        ("protect = []\ntested = []", MASTER, False, False),
    ],
)
def test_patterns_decide(
    workshop: Workshop, text: str, ref: str, protected: bool, tested: bool
) -> None:
    set_policy(workshop, f"[guard]\n{text}\n{GUARD_TOML}")
    found = policy(workshop, ref)
    assert (found.protected, found.tested) == (protected, tested)


def test_the_consumer_has_its_own(workshop: Workshop) -> None:
    text = '[guard]\nprotect = []\n[guard.consumer-push]\ntested = ["!*"]\n'
    set_policy(workshop, text + GUARD_TOML)
    found = policy(workshop, at=workshop.aula)
    assert (found.protected, found.tested) == (True, False)
    assert policy(workshop).protected is False


def test_a_configuration_that_cannot_be_read_exempts_nothing(workshop: Workshop) -> None:
    set_policy(workshop, "[guard\n")
    top = workshop.docker.repository
    head = workshop.docker.head
    with Gate(Workspace(top, top)) as gate:
        pushed = Pushed(RefUpdate("x", head, MASTER, ZERO), head)
        assert policy_for(gate, pushed, "origin") == Policy(True, True)


class TestApplied:
    def test_where_it_need_not_be_tested_the_rule_warns(self, workshop: Workshop) -> None:
        set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        with gate_at(workshop) as gate:
            blocked = gate.superproject(workshop.docker.head, MASTER)
        assert blocked.outcome is Outcome.BLOCKED
        applied = policy(workshop).applied(blocked)
        assert applied.outcome is Outcome.ALLOWED
        assert [(item.rule, item.severity) for item in applied.findings] == [
            ("tested", Severity.WARNING)
        ]

    def test_the_other_rules_block_all_the_same(self, workshop: Workshop) -> None:
        set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        workshop.require(">=0.9")
        workshop.pin()
        with gate_at(workshop) as gate:
            blocked = gate.superproject(workshop.docker.head, MASTER)
        assert policy(workshop).applied(blocked).outcome is Outcome.BLOCKED


LAXER = (
    ('[guard]\nprotect = ["!master"]\n', f"{MASTER} is no longer protected"),
    ('[guard]\ntested = ["release"]\n', f"{MASTER} need no longer be tested"),
    (
        "[guard.consumer-push]\nprotect = []\n",
        f"{MASTER} is no longer protected in pushes of aula",
    ),
    (
        "[guard.consumer-push]\ntested = []\n",
        f"{MASTER} need no longer be tested in pushes of aula",
    ),
    ('[guard]\nrelease-tag = "x{version}"\n', "release tags are named in another way"),
    ('[guard]\ndependency = "gone"\n', "other submodules are held against each other"),
    ('[guard]\nconsumer = "gone"\n', "other submodules are held against each other"),
)


class TestWeaker:
    def told(self, found: Policy) -> list[str]:
        start = "the pushed .guard.toml differs from the published one: "
        assert all(item.severity is Severity.WARNING for item in found.weaker)
        return [item.message.removeprefix(start) for item in found.weaker]

    @pytest.mark.parametrize(("text", "message"), LAXER)
    def test_what_is_laxer_is_told(self, workshop: Workshop, text: str, message: str) -> None:
        old = set_policy(workshop, text + GUARD_TOML)
        assert self.told(policy(workshop, old=old)) == [message]

    @pytest.mark.parametrize(("text", "_"), LAXER[:4])
    def test_what_is_stricter_is_not(self, workshop: Workshop, text: str, _: str) -> None:
        set_policy(workshop, text + GUARD_TOML)
        old = set_policy(workshop, GUARD_TOML)
        assert self.told(policy(workshop, old=old)) == []

    def test_a_rule_that_no_longer_blocks(self, workshop: Workshop) -> None:
        blocks = '[rules]\nimage-published = "error"\n'
        set_policy(workshop, GUARD_TOML + blocks)
        old = set_policy(workshop, GUARD_TOML)
        assert self.told(policy(workshop, old=old)) == ["the rule image-published no longer blocks"]

    def test_images_that_are_no_longer_published(self, workshop: Workshop) -> None:
        for word, told in (("error", ["images are no longer published"]), ("warning", [])):
            rules = f'[rules]\nimage-published = "{word}"\n'
            set_policy(workshop, GUARD_TOML + rules)
            nowhere = GUARD_TOML.replace("[image]\n", "[image]\npublish = false\n")
            old = set_policy(workshop, nowhere + rules)
            assert self.told(policy(workshop, old=old)) == told

    def test_image_pin_that_looks_elsewhere(self, workshop: Workshop) -> None:
        for table, told in ((' "error"', 1), (' "warning"', 0)):
            rules = f"[rules]\nimage-pin ={table}\n"
            set_policy(workshop, GUARD_TOML + rules)
            pins = GUARD_TOML.replace("[image]\n", "[image]\npins = []\n")
            old = set_policy(workshop, pins + rules)
            messages = ["the image is looked for elsewhere, or by other names"]
            assert self.told(policy(workshop, old=old)) == messages[:told]

    def test_another_test_command(self, workshop: Workshop) -> None:
        old = set_policy(workshop, GUARD_TOML.replace("/liqd/aula/test.sh", "true"))
        (finding,) = policy(workshop, old=old).weaker
        assert finding.message.endswith("the test command is another one")
        assert (finding.expected, finding.found) == ("/bin/sh /liqd/aula/test.sh", "/bin/sh true")

    def test_a_file_that_is_gone(self, workshop: Workshop) -> None:
        old = workshop.docker.head
        workshop.docker.git("rm", "--quiet", ".guard.toml")
        workshop.docker.commit("no policy")
        found = policy(workshop, old=old)
        assert (found.protected, found.tested, self.told(found)) == (True, True, [])

    def test_a_new_branch_is_held_against_the_remotes_default(self, workshop: Workshop) -> None:
        old = set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        ref = "refs/heads/new"
        assert policy(workshop, ref).weaker == ()  # nothing of the remote is known
        workshop.docker.git("update-ref", "refs/remotes/origin/HEAD", old)
        assert self.told(policy(workshop, ref)) == [f"{ref} need no longer be tested"]

    def test_what_the_remote_has_and_we_lack_is_held_against_what_was_fetched(
        self, workshop: Workshop
    ) -> None:
        old = set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        workshop.docker.git("update-ref", "refs/remotes/origin/master", old)
        found = policy(workshop, old="1" * 40)
        assert self.told(found) == [f"{MASTER} need no longer be tested"]

    def test_it_stands_in_the_decision(self, workshop: Workshop) -> None:
        old = set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        with gate_at(workshop) as gate:
            decision = gate.superproject(workshop.docker.head, MASTER)
        applied = policy(workshop, old=old).applied(decision)
        assert [item.rule for item in applied.findings] == ["tested", "policy"]
