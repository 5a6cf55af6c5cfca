# SPDX-License-Identifier: GPL-3.0-or-later
"""What the how-tos say about the outputs is so."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, formats, prometheus
from ansible_collections.evenkeel.release.plugins.plugin_utils._notify import webhook
from ansible_collections.evenkeel.release.tests.unit.drift import outputs_data as data

ROOT = Path(__file__).parents[3]
PAGES = ("drift-outputs", "event-driven", "periodic-drift-scans")


def _page(name):
    return (ROOT / "docs" / "how-to" / f"{name}.md").read_text()


def _fenced(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```", _page(name), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_yaml_in_the_pages_is_yaml_and_links_lead_somewhere(name):
    assert all(map(yaml.safe_load, _fenced(name, "yaml")))
    for target in re.findall(r"\]\(([^)#]+)\)", _page(name)):
        assert (ROOT / "docs" / "how-to" / target).exists(), target


def test_every_format_and_metric_is_described():
    scans = data.Scans()
    scans.add("web1/shop", data.result(data.MODE, score=20))
    metrics = set(re.findall(r"^# TYPE (\S+)", prometheus.render(document.from_entries(scans.entries)), re.MULTILINE))
    rows = re.findall(r"^\| `(\w+)` \|", _page("drift-outputs"), re.MULTILINE)
    assert set(rows) == metrics | set(formats.FORMATS)


def test_a_receiver_that_does_as_the_page_says_knows_a_genuine_message():
    (code,) = _fenced("drift-outputs", "python")
    names = {}
    exec(code, names)
    headers = {webhook.TIMESTAMP: "1", webhook.SIGNATURE: "sha256=" + hmac.new(b"key", b"1.body", hashlib.sha256).hexdigest()}
    assert headers[webhook.SIGNATURE] == webhook.signature("key", "1", b"body")
    assert names["is_genuine"](b"key", headers, b"body")
    assert not names["is_genuine"](b"key", headers, b"other")


def test_schedules_of_awx_are_rules_that_it_takes():
    (play,) = yaml.safe_load(_fenced("periodic-drift-scans", "yaml")[0])
    names = {"DTSTART", "RRULE"}
    for template in play["vars"]["drift_templates"]:
        parts = dict(re.match(r"(\w+)[;:](.*)", part).groups() for part in template["rrule"].split(" "))
        assert set(parts) == names
        assert re.fullmatch(r"TZID=UTC:\d{8}T\d{6}", parts["DTSTART"])
        assert re.fullmatch(r"FREQ=HOURLY;INTERVAL=\d+", parts["RRULE"])
