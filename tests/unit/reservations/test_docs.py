# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of the how-tos are valid, and the reference names what there is."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check, schema
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.declared import bookings
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import STATES
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import MODES, PURPOSES
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import world

from .parts import ENVIRONMENTS, at

DOCS = Path(__file__).parents[3] / "docs"


def blocks(page):
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)]


def test_the_documents_of_the_how_to():
    found = [plain(block) for block in blocks("how-to/reservations.md") if isinstance(block, dict) and {"rules", "bookings"} & set(block)]
    assert len(found) == 2
    for each in found:
        assert check("reservations", each, today=date(2027, 1, 1), source=Source("how-to")) == []
    known = world({"reservations": found, "environments": {**ENVIRONMENTS, "test": {"name": "test", "tier": "test", "owner": "x"}}, "teams": {}})
    assert [each.id for each in bookings(known, at(0), at(24 * 10))] == ["nightly@20270301T210000Z", "nightly@20270303T210000Z", "nightly@20270310T210000Z"]


def test_the_handoff_of_the_how_to():
    [handoff] = [block for block in blocks("how-to/handoff.md") if isinstance(block, dict)]
    assert check("handoff", plain(handoff), today=date(2027, 1, 1), source=Source("how-to")) == []


@pytest.mark.parametrize(
    "word", [*STATES, *MODES, *PURPOSES, *schema("reservations")["$defs"]["rules"]["properties"], *schema("reservations")["$defs"]["booking"]["properties"]]
)
def test_the_reference_names_it(word):
    assert f"`{word}`" in (DOCS / "reference/reservations.md").read_text()
