# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/reference/policies.md says of functions is asked of the engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.expression import evaluate
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import own_names
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.limits import DEEPEST, LONGEST, NODES, STEPS
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.waivers import LONGEST_DAYS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(EVIDENCE,) = [yaml.safe_load(block) for block in BLOCKS if block.startswith('now: "2027-01-15T10:00:00Z"       # a Friday')]
ROWS = re.findall(r"^\| `(\w+)\([^|]*\)` \| [^|]+ \| `([^`|]+)` \| `([^`|]+)` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("name", "example", "result"), ROWS, ids=[name for name, _example, _result in ROWS])
def test_the_example_is_as_written(name: str, example: str, result: str) -> None:
    assert f"{name}(" in example
    given: Any = evaluate(example, EVIDENCE)
    assert given == json.loads(result)
    assert type(given) is type(json.loads(result))


def test_every_function_is_in_the_table() -> None:
    assert sorted(name for name, _example, _result in ROWS) == own_names()


def test_the_limits_are_those_of_the_page() -> None:
    text = " ".join(PAGE.split())
    assert f"at most {LONGEST:,} characters, {NODES} parts and {DEEPEST} levels, and makes at most {STEPS:,} steps" in text
    for severity, days in LONGEST_DAYS.items():
        assert re.search(rf"^\| `{severity}`.* \| {days} days \|$", PAGE, re.MULTILINE)
