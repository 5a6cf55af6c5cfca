# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages and the module's manual say is what the code takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._probe.kinds import COMMON_OPTIONS, KINDS
from ansible_collections.evenkeel.release.plugins.module_utils._probe.scenario_spec import EXTRACT_OPTIONS, STEP_OPTIONS
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.plugins.modules import health_probe

ROOT = Path(__file__).resolve().parents[3]
KIND_PAGE = (ROOT / "docs/reference/probe-kinds.md").read_text()
MANUAL = yaml.safe_load(health_probe.DOCUMENTATION)["options"]["probes"]["suboptions"]


def tasks() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(where, probes) of every example."""
    texts = [(name, block) for name in ("smoke-and-scenarios", "probes") for block in fenced(ROOT / f"docs/how-to/{name}.md")]
    for name, text in [*texts, ("EXAMPLES", health_probe.EXAMPLES)]:
        document = yaml.safe_load(text)
        if isinstance(document, dict):
            smoke = [probe for service in document.get("evenkeel_services", {}).values() for probe in service.get("smoke", [])]
            yield name, [{"host": "h", "port": 1, **probe} for probe in smoke]
            continue
        for task in document:
            yield f"{name}: {task['name']}", task["evenkeel.release.health_probe"]["probes"]


def fenced(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize(("where", "probes"), list(tasks()))
def test_examples_have_no_fault(where: str, probes: list[dict[str, Any]]) -> None:
    assert probes
    assert complete(probes)[1] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_has_every_option_and_metric_of_a_kind(kind: str) -> None:
    (row,) = [line for line in KIND_PAGE.splitlines() if re.match(rf"\| [^|]*`{kind}`", line)]
    shared = {"addresses"} | ({"server_name", "validate_certs", "ca_path"} if "TLS" in row else set())
    words = set(re.findall(r"[a-z_]+", row))
    assert set(KINDS[kind].options) - shared <= words
    times = {"connect_ms", "tls_ms", "ttfb_ms", "certificate_days_left"}  # of every kind that connects
    assert set(KINDS[kind].metrics) - times <= words


def test_the_manual_and_the_argument_spec_have_the_same_options() -> None:
    every = {option for kind in KINDS.values() for option in kind.options} | COMMON_OPTIONS
    assert set(MANUAL) == set(health_probe.PROBE) == every
    assert MANUAL["type"]["choices"] == list(KINDS)
    assert set(MANUAL["steps"]["suboptions"]) == set(health_probe.STEP) == set(STEP_OPTIONS)


def test_the_document_schema_takes_what_the_module_takes() -> None:
    schema = yaml.safe_load((ROOT / "plugins/plugin_utils/_documents/schemas/services.json").read_text())["$defs"]
    assert set(schema["probe"]["properties"]) == set(MANUAL)
    assert schema["probe"]["properties"]["type"]["enum"] == list(KINDS)
    assert set(schema["step"]["properties"]) == set(STEP_OPTIONS)
    assert set(schema["step"]["properties"]["extract"]["additionalProperties"]["properties"]) == set(EXTRACT_OPTIONS)
