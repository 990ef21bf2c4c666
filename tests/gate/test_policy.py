"""Which refs are judged, which must be tested, and policy that weakens itself."""

from __future__ import annotations

import pytest

from guard.config import Config
from guard.gate.gate import Gate
from guard.gate.order import Order
from guard.gate.policy import Policy, policy_of, policy_of_consumer
from guard.git.objects import ObjectPool
from guard.model import Outcome, Severity
from guard.situation.gitlinks import Destination
from guard.situation.workspace import Workspace, find_workspace
from tests.workshop import GUARD_TOML, ZERO, Repo, Workshop

MASTER = "refs/heads/master"


def policy(
    workshop: Workshop, ref: str = MASTER, old: str = ZERO, commit: str = "", at: Repo | None = None
) -> Policy:
    here = at or workshop.docker
    with Gate(find_workspace(here=here.repository)) as gate:
        if at is not None:
            return policy_of_consumer(gate, ref)
        links = gate.links_to(Destination("origin", tips=((ref, old),)))
        replaced = Order(gate, links).replaced
        return policy_of(gate, replaced, commit or here.head, ref)


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
    assert policy(workshop) == Policy()


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
    ('[guard]\nprotect = ["!master"]\n', "guard.protect"),
    ('[guard]\ntested = ["release"]\n', "guard.tested"),
    ("[guard.consumer-push]\nprotect = []\n", "guard.consumer-push.protect"),
    ("[guard.consumer-push]\ntested = []\n", "guard.consumer-push.tested"),
    ('[guard]\nrelease-tag = "x{version}"\n', "guard.release-tag"),
    ('[guard]\ndependency = "gone"\n', "guard.dependency"),
    ('[guard]\nconsumer = "gone"\n', "guard.consumer"),
)


def held(workshop: Workshop, old: str) -> Config:
    """What is in force for HEAD."""
    found = policy(workshop, old=old)
    top = workshop.docker.repository
    with Gate(Workspace(top, top)) as gate:
        return gate.config(gate.combination(workshop.docker.head, settings=found.settings))


class TestLooser:
    """What a push loosens counts from the next one on."""

    def told(self, found: Policy) -> list[str]:
        start = "the pushed .guard.toml differs from the published one, and asks for less from "
        loose = [item for item in found.findings if item.message.startswith(start)]
        assert all(item.severity is Severity.WARNING for item in loose)
        return [item.message.rpartition(": ")[2] for item in loose]

    @pytest.mark.parametrize(("text", "key"), LAXER)
    def test_what_is_laxer_is_told(self, workshop: Workshop, text: str, key: str) -> None:
        old = set_policy(workshop, text + GUARD_TOML)
        assert self.told(policy(workshop, old=old)) == [key]

    @pytest.mark.parametrize(("text", "_"), LAXER[:4])
    def test_what_is_stricter_is_not(self, workshop: Workshop, text: str, _: str) -> None:
        set_policy(workshop, text + GUARD_TOML)
        old = set_policy(workshop, GUARD_TOML)
        assert policy(workshop, old=old) == Policy()

    @pytest.mark.parametrize("text", [text for text, _ in LAXER[:2]])
    def test_a_ref_is_judged_where_either_says_so(self, workshop: Workshop, text: str) -> None:
        old = set_policy(workshop, text + GUARD_TOML)
        found = policy(workshop, old=old)
        assert (found.protected, found.tested) == (True, True)
        later = policy(workshop, old=workshop.docker.head)
        assert (later.protected and later.tested, later.findings) == (False, ())

    @pytest.mark.parametrize("text", [text for text, _ in LAXER[4:]])
    def test_the_parts_and_the_releases_are_those_of_before(
        self, workshop: Workshop, text: str
    ) -> None:
        old = set_policy(workshop, text + GUARD_TOML)
        config = held(workshop, old)
        parts = config.consumer, config.dependency, config.release_tag
        assert parts == ("aula", "thentos", "v{version}")

    def test_a_part_that_is_gone_is_held_against_nothing(self, workshop: Workshop) -> None:
        old = workshop.docker.head
        workshop.docker.git("mv", "thentos", "lib")
        set_policy(workshop, '[guard]\ndependency = "lib"\n' + GUARD_TOML)
        assert held(workshop, old).dependency == "lib"

    @pytest.mark.parametrize("rule", ["image-published", "image-pin", "step-back"])
    def test_a_rule_that_no_longer_blocks(self, workshop: Workshop, rule: str) -> None:
        set_policy(workshop, f'{GUARD_TOML}[rules]\n{rule} = "error"\n')
        old = set_policy(workshop, f'{GUARD_TOML}[rules]\n{rule} = "warning"\n')
        assert self.told(policy(workshop, old=old)) == [f"rules.{rule}"]
        assert getattr(held(workshop, old).rules, rule.replace("-", "_")) == "error"

    def test_images_that_are_no_longer_published(self, workshop: Workshop) -> None:
        for word, told in (("error", ["image.publish"]), ("warning", [])):
            rules = f'[rules]\nimage-published = "{word}"\n'
            set_policy(workshop, GUARD_TOML + rules)
            nowhere = GUARD_TOML.replace("[image]\n", "[image]\npublish = false\n")
            old = set_policy(workshop, nowhere + rules)
            assert self.told(policy(workshop, old=old)) == told
            assert held(workshop, old).image.publish is bool(told)

    def test_image_pin_that_looks_elsewhere(self, workshop: Workshop) -> None:
        for word, told in (("error", ["image.pins"]), ("warning", [])):
            rules = f'[rules]\nimage-pin = "{word}"\n'
            set_policy(workshop, GUARD_TOML + rules)
            pins = GUARD_TOML.replace("[image]\n", "[image]\npins = []\n")
            old = set_policy(workshop, pins + rules)
            assert self.told(policy(workshop, old=old)) == told
            assert bool(held(workshop, old).image.pins) is bool(told)

    def test_where_the_file_is_gone_the_one_of_before_stands_in(self, workshop: Workshop) -> None:
        old = workshop.docker.head
        before = workshop.config(old)
        workshop.docker.git("rm", "--quiet", ".guard.toml")
        workshop.docker.commit("no policy")
        (finding,) = policy(workshop, old=old).findings
        assert finding.severity is Severity.ERROR
        assert "does not say why" in finding.message
        assert held(workshop, old) == before

    def test_a_new_branch_is_held_against_the_remotes_default(self, workshop: Workshop) -> None:
        old = set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        ref = "refs/heads/new"
        assert policy(workshop, ref).findings == ()  # nothing of the remote is known
        workshop.docker.git("update-ref", "refs/remotes/origin/master", old)
        assert self.told(policy(workshop, ref)) == ["guard.tested"]

    def test_what_the_remote_has_and_we_lack_is_undecided_whatever_was_fetched(
        self, workshop: Workshop
    ) -> None:
        old = set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        workshop.docker.git("update-ref", "refs/remotes/origin/master", old)
        (finding,) = policy(workshop, old="1" * 40).findings
        assert (finding.rule, finding.severity) == ("policy", Severity.UNDECIDED)
        assert finding.remedy.endswith(" fetch origin refs/heads/master")

    def test_it_stands_in_the_decision(self, workshop: Workshop) -> None:
        old = set_policy(workshop, f"[guard]\ntested = []\n{GUARD_TOML}")
        with gate_at(workshop) as gate:
            decision = gate.superproject(workshop.docker.head, MASTER)
        applied = policy(workshop, old=old).applied(decision)
        assert [item.rule for item in applied.findings] == ["tested", "policy"]
