# SPDX-License-Identifier: GPL-3.0-or-later
"""Every personal column of the labelled set has to be masked; how many harmless ones are masked, too, is told and bounded."""

from __future__ import annotations

import datetime

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect import Guess
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_facts import look
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Facts, Proposal, propose
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_render import render
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column

from .labelled import LABELS, Label, values

TODAY = datetime.date(2026, 6, 1)
SAMPLES = {(label.table, label.name): values(label) for label in LABELS}


def column(label: Label) -> Column:
    key = label.name == "id"
    return Column(label.name, label.type, label.not_null, unique="alone" if key or label.name == "email" else "", key=int(key))


def facts(*, sampled: bool) -> Facts:
    catalog: dict[str, list[Column]] = {}
    for label in LABELS:
        catalog.setdefault(f"public.{label.table}", []).append(column(label))
    if not sampled:
        return Facts(catalog)
    profiles = {}
    for table, columns in catalog.items():
        seen = look(columns, {one.name: SAMPLES[(table[7:], one.name)] for one in columns}, today=TODAY)
        profiles.update({(table, name): profile for name, profile in seen.profiles.items()})
    return Facts(catalog, profiles=profiles)


@pytest.fixture(scope="module")
def proposal() -> Proposal:
    return propose(facts(sampled=True), name="labelled")


def masked(found: Proposal) -> set[tuple[str, str]]:
    return {(table[7:], name) for table, document in found.policy["tables"].items() for name, entry in document["columns"].items() if "mask" in entry}


PERSONAL = {(label.table, label.name) for label in LABELS if label.personal}


def test_the_set_is_large_enough() -> None:
    assert len(LABELS) >= 80
    assert len(PERSONAL) >= 50


def test_every_personal_column_is_masked_and_few_others(proposal: Proposal) -> None:
    found = masked(proposal)
    recall = len(PERSONAL & found) / len(PERSONAL)
    precision = len(PERSONAL & found) / len(found)
    print(f"\n{len(LABELS)} columns: recall {recall:.1%}, precision {precision:.1%}; masked without need: {sorted(found - PERSONAL)}")
    assert not PERSONAL - found
    assert precision >= 0.9, sorted(found - PERSONAL)


def test_without_values_the_safe_side_is_kept(proposal: Proposal) -> None:
    """Names alone can't see that a status holds names of people; they must not lose what they can see."""
    found = masked(propose(facts(sampled=False), name="labelled"))
    told_by_name = {place for place in PERSONAL if place[0] in ("people", "sessions", "legacy")}
    assert not told_by_name - found


def test_the_proposal_is_a_policy_and_its_text_says_the_same(proposal: Proposal) -> None:
    assert proposal.open == []
    assert yaml.safe_load(render(proposal)) == proposal.policy
    assert make_plan(proposal.policy, {table: list(columns) for table, columns in facts(sampled=True).catalog.items()}).faults == []


def test_no_sampled_value_is_in_the_text(proposal: Proposal) -> None:
    text = render(proposal) + repr(proposal)
    shown = [value for label in LABELS if label.personal for value in SAMPLES[(label.table, label.name)] if len(value) > 7 and value in text]
    assert not shown


def test_what_is_uncertain_is_masked_and_marked(proposal: Proposal) -> None:
    guesses: list[Guess] = [found for columns in proposal.guesses.values() for found in columns.values()]
    assert all(found.personal for found in guesses if found.review)
    assert "REVIEW, 40%" in render(proposal)


def test_evidence_counts(proposal: Proposal) -> None:
    evidence = proposal.guesses["public.legacy"]["f04"].evidence
    assert evidence == ("200 of 200 sampled values pass Luhn and have the length of their issuer",)
