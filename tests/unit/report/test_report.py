# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import stat
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import model, plot, render
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.samples import Bucket, Sample

GOOD = {"entries": 3, "heads": {"main": {"seq": 3, "hash": "ab" * 32, "time": "2026-01-01T00:00:09Z"}}, "faults": []}
EVIL = "<script>alert('x')</script>\"&"


class Ledger:
    def __init__(self):
        self.entries = []
        self._numbers = itertools.count(1)

    def add(self, kind, phase="fact", *, environment="staging", release="1.0.0", subject="", **body):
        number = next(self._numbers)
        entry = {"id": f"e{number}", "time": f"2026-01-01T00:00:{number:02d}.500000Z", "actor": {"name": "ada"}, "kind": kind, "phase": phase}
        self.entries.append({**entry, "environment": environment, "release": release, "subject": subject, "body": body})
        return entry["id"]

    def act(self, kind, verdict="passed", *, outcome=None, **fields):
        intent = self.add(kind, "intent", **fields)
        self.add(kind, "outcome", **fields, intent=intent, verdict=verdict, **(outcome or {}))


def _build(ledger, *, verification=GOOD, loads=(), **more):
    return model.build(title="T", now="2026-01-01T00:01:00Z", entries=ledger.entries, verification=verification, loads=loads, **more)


@pytest.fixture
def ledger():
    made = Ledger()
    made.act("deployment", outcome={"services": {"shop": "1.0.0"}})
    return made


def test_a_quiet_ledger_is_in_order(ledger):
    built = _build(ledger)
    assert built["state"] == {"verdict": "passed", "notes": []}
    assert built["environments"][0]["releases"] == ["1.0.0"]
    assert built["environments"][0]["drift"] is None


def test_each_thing_that_needs_a_look_is_one_note(ledger):
    ledger.act("deployment", "failed", release="1.1.0", outcome={"services": {"shop": "1.0.0"}})
    ledger.add("drift", subject="web1", verdict="failed", findings=[{"path": "config:shop.ini"}])
    ledger.add("deployment", "intent", environment="production", release="1.1.0")
    state = _build(ledger)["state"]
    assert state["verdict"] == "attention"
    text = "\n".join(state["notes"])
    assert "Deployment of 1.1.0 in production was begun and never ended." in text
    assert "Staging differs from its baseline (1 findings)." in text
    assert "The last deployment in staging, 1.1.0, ended failed; it serves 1.0.0." in text


def test_the_newest_drift_report_of_each_host_counts(ledger):
    ledger.add("drift", subject="web1", verdict="failed", findings=[{"path": "a"}])
    ledger.add("drift", subject="web2", verdict="passed", findings=[])
    ledger.add("drift", subject="web1", verdict="passed", findings=[])
    assert _build(ledger)["environments"][0]["drift"]["verdict"] == "passed"


def test_a_changed_ledger_is_not_trusted(ledger):
    built = _build(ledger, verification={**GOOD, "faults": [{"text": "stream main, entry 2: its bytes were changed"}]})
    assert built["state"]["verdict"] == "failed"
    assert "its bytes were changed" in render.page(built)


def test_parity_names_the_service_and_both_releases(ledger):
    ledger.act("deployment", environment="production", release="1.1.0", outcome={"services": {"shop": "1.1.0"}})
    assert _build(ledger)["parity"]["differing"] == {"shop": {"staging": "1.0.0", "production": "1.1.0"}}


def test_the_filter_leaves_other_environments_out(ledger):
    ledger.act("deployment", environment="production", release="9.9.9")
    page = render.page(_build(ledger, environment="staging"))
    assert "9.9.9" not in page


def test_gate_shows_rule_value_reason_and_remedy(ledger):
    rule = {"name": "no-drift", "policy": "p", "verdict": "failed", "values": {"drift.findings": 1}, "reason": "It differs.", "remedy": "Repair it."}
    ledger.add("gate", act="promote", verdict="failed", rules=[rule])
    page = render.page(_build(ledger))
    for text in ("refused", "no-drift", "drift.findings = 1", "It differs.", "Repair it."):
        assert text in page


def test_everything_from_outside_is_escaped(ledger):
    rule = {"name": EVIL, "policy": EVIL, "verdict": EVIL, "values": {EVIL: EVIL}, "reason": EVIL, "remedy": EVIL, "problem": EVIL}
    ledger.add("gate", act=EVIL, verdict=EVIL, rules=[rule])
    ledger.act("switch", release=EVIL, subject=EVIL, environment=EVIL, outcome={"from": EVIL, "to": EVIL})
    ledger.add("drift", environment=EVIL, subject=EVIL, verdict=EVIL, findings=[{"path": EVIL}])
    ledger.act("deployment", "failed", environment=EVIL, release=EVIL, outcome={"services": {EVIL: EVIL}, "problems": [{"reason": EVIL}]})
    start = model.epoch(ledger.entries[0]["time"])
    load = model.Load(EVIL, [Sample(start + number, 5.0, True, EVIL) for number in range(30)])
    page = render.page(_build(ledger, loads=[load]))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10


def test_page_loads_nothing_and_is_the_same_each_time(ledger):
    load = model.Load("n", [Sample(1.0, 2.0, True, "1.0.0")])
    page = render.page(_build(ledger, loads=[load]))
    assert page == render.page(_build(ledger, loads=[load]))
    assert "default-src 'none'" in page
    for word in ("<script", " src=", "@import", "url("):
        assert word not in page
    assert {part.split('"')[0] for part in page.split('href="')[1:]} == {"data:,"}


def _buckets():
    return [Bucket(t=number / 4, p50=None if number == 4 else 5.0, p95=9.0, errors=float(number == 6), version="1") for number in range(12)]


def test_plot_is_well_formed_named_and_broken_at_gaps():
    svg = plot.draw(_buckets(), [{"t": 1.0, "release": "1"}, {"t": 99.0, "release": "7"}], versions=["1"], width=400, name="a<b", ident="p", step=0.25)
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "a<b: latency and errors over time"
    assert "Switches of traffic: to 1 at 00:00:01" in root.find(f"{space}desc").text
    lines = {path.get("class"): path.get("d").count("M") for path in root.iter(f"{space}path")}
    assert lines == {"line p95": 1, "line p50": 2}
    assert len([rect for rect in root.iter(f"{space}rect") if rect.get("class") == "errors"]) == 1
    assert len([line for line in root.iter(f"{space}line") if line.get("class").startswith("switch")]) == 1


def test_plot_of_nothing_is_nothing():
    assert plot.draw([], [], versions=[], width=400, name="n", ident="p", step=0.25) == ""


@pytest.mark.parametrize(("value", "ceiling"), [(0.3, 0.4), (1, 1), (1.1, 2), (7, 8), (9, 10), (60, 60), (61, 80), (1000, 1000)])
def test_scales_end_at_a_readable_number(value, ceiling):
    assert plot.nice(value) == pytest.approx(ceiling)


def test_file_is_written_whole_with_its_mode_and_only_when_new(tmp_path):
    path = tmp_path / "r.html"
    assert render.write(path, "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not render.write(path, "one")
    assert render.write(path, "two")
    assert [item.name for item in tmp_path.iterdir()] == ["r.html"]
