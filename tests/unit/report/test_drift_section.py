# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import gzip
import json
import re
import time
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import drift, model, render, trend
from ansible_collections.evenkeel.release.tests.unit.drift import outputs_data as data

GOOD = {"entries": 3, "heads": {}, "faults": []}
EVIL = "<script>alert('x')</script>\"&"


def _page(scans):
    return render.page(model.build(title="T", now="2026-01-01T00:01:00Z", entries=scans.entries, verification=GOOD, loads=[]))


@pytest.fixture
def scans():
    return data.Scans()


def test_without_a_scan_there_is_no_section(scans):
    scans.add("shop", {"verdict": "passed"}, kind="provision", phase="outcome")
    assert drift.section(scans.entries) is None
    assert 'id="drift"' not in _page(scans)


def test_findings_stand_below_their_host_and_service_worst_first(scans):
    scans.add("web1/shop", data.result(data.KEY, data.BLIND, score=3, baseline={"name": "release", "version": 4}))
    scans.add("web2/shop", data.result(data.KEY | {"before": {"value": "7"}}, data.GONE))
    scans.add("web3/shop", data.result())
    (place,) = drift.section(scans.entries)["environments"]
    assert [(host["name"], host["worst"], host["count"]) for host in place["hosts"]] == [("web2", "critical", 2), ("web1", "high", 2), ("web3", "", 0)]
    service = place["hosts"][1]["services"][0]
    assert ([item["path"] for item in service["findings"]], service["baseline"]) == (["collector:firewall", data.KEY["path"]], "release 4")
    page = _page(scans)
    for text in ("<del>80</del> → <ins>81</ins>", "nft is not installed", "baseline release 4", "the worst is critical"):
        assert text in page


def test_the_same_change_on_many_hosts_is_one(scans):
    for number in range(14):
        scans.add(f"web{number}/shop", data.result(data.MODE, *([data.KEY] if number == 3 else [])))
    (place,) = drift.section(scans.entries)["environments"]
    (group,) = place["shared"]
    assert (group["path"], group["count"], len(group["hosts"]), group["more"]) == (data.MODE["path"], 14, 12, 2)
    assert {host["name"]: [(s["shared"], len(s["findings"])) for s in host["services"]] for host in place["hosts"]}["web3"] == [(1, 1)]
    assert "<b>14 hosts</b>" in _page(scans)


def test_two_services_of_one_host_are_not_several_hosts(scans):
    scans.add("web1/shop", data.result(data.MODE))
    scans.add("web1/system", data.result(data.MODE))
    assert drift.section(scans.entries)["environments"][0]["shared"] == []


def test_who_until_when_and_what_nobody_needs_any_more(scans):
    found = {
        **data.MODE,
        "attribution": [{"who": "ada", "when": "noon", "how": "sudo"}, {"who": "", "how": "none", "text": "Nothing tells."}],
        "diff": "-old\n+new",
    }
    body = data.result(found, data.EXPIRED, allowed=[data.ALLOWED])
    scans.add("web1/shop", {**body, "unused": [{"path": "config:x:*", "reason": "It was a trial.", "owner": "ada", "expires": "2027-01-01"}]})
    page = _page(scans)
    for text in (
        "by ada at noon (sudo)</div>",
        '<div class="quiet">Nothing tells.</div>',
        "-old\n+new",
        "was allowed: Was a trial. (owner team-shop, expired 2025-01-01)",
        "Another port range. (owner team-shop, until 2027-06-30)",
        "config:x:*: It was a trial. (owner ada, until 2027-01-01)",
    ):
        assert text in page


def test_a_finding_that_came_with_the_last_scan_says_so(scans):
    scans.add("web1/shop", data.result(data.KEY))
    scans.add("web1/shop", data.result(data.MODE, data.KEY))
    (place,) = drift.section(scans.entries)["environments"]
    assert (place["count"], place["new"]) == (2, 1)
    assert _page(scans).count('<span class="badge open">new</span>') == 1


PARITY = {
    "path": "config:shop.ini:pool",
    "kind": "changed",
    "severity": "medium",
    "before": {"value": "20"},
    "after": {"value": "5"},
    "hosts": ["web1"],
    "hosts_there": ["prod1"],
    "class": "here_drifted",
    "expected": {"here": {"value": "20"}, "there": {"value": "20"}},
}


def test_parity_shows_three_sides_and_whose_drift_it_is(scans):
    designed = {**PARITY, "path": "config:shop.ini:name", "class": "by_design", "expected": {"here": {"value": "5"}, "there": {"value": "20"}}}
    body = data.result({**PARITY, "after": {"value": "1"}}, kind="report")
    scans.add("parity/shop/production", {**body, "compared_with": "production"}, kind="report")
    scans.add("parity/shop/production", {**data.result(PARITY, designed), "compared_with": "production"}, kind="report")
    scans.add("notify/chat", {"verdict": "passed"}, kind="report")
    (item,) = drift.section(scans.entries)["parity"]
    assert (item["environment"], item["other"], item["classes"]) == ("staging", "production", [("drifted here", 1), ("by design", 1)])
    rows = {row["path"]: row["sides"] for row in item["rows"]}
    assert rows[PARITY["path"]] == [("baseline", "value: 20"), ("here", "value: 5"), ("there", "value: 20")]
    assert rows[designed["path"]][:2] == [("baseline here", "value: 5"), ("baseline there", "value: 20")]
    page = _page(scans)
    assert "staging against production" in page
    assert "drifted here" in page


def test_everything_from_outside_is_escaped(scans):
    evil = dict.fromkeys(("path", "kind", "severity", "from", "diff"), EVIL) | {"before": {EVIL: EVIL}, "after": EVIL, "attribution": [{"who": EVIL}, EVIL]}
    body = data.result(evil, {**evil, "expired": {"reason": EVIL}}, allowed=[{**evil, "reason": EVIL, "owner": EVIL}], baseline={"name": EVIL, "version": 1})
    for host in ("a", "b"):
        scans.add(f"{EVIL}{host}/{EVIL}", {**body, "unused": [{"path": EVIL, "reason": EVIL}]}, environment=EVIL)
        scans.add(f"{EVIL}{host}/{EVIL}", {**body, "verdict": EVIL}, environment=EVIL)
    scans.add(f"parity/{EVIL}", {**data.result({**evil, "class": EVIL, "hosts": [EVIL], "expected": {"here": EVIL}}), "compared_with": EVIL}, kind="report")
    page = _page(scans)
    assert "<script" not in page
    assert 'class="badge <' not in page
    assert page.count("&lt;script&gt;") > 20


def _many(scans, count=5000, hosts=50):
    each = count // hosts
    for host in range(hosts):
        findings = [{**data.MODE, "path": f"file:/srv/app/{host}/{number}", "severity": "critical" if number == 7 else "low"} for number in range(each)]
        scans.add(f"web{host:02}/shop", data.result(*findings, score=50))


def test_five_thousand_findings_stay_small_quick_and_whole(scans):
    _many(scans)
    begin = time.process_time()
    page = _page(scans)
    assert time.process_time() - begin < 3
    assert len(page) < 700_000
    section = drift.section(scans.entries)
    (place,) = section["environments"]
    shown = [item for host in place["hosts"] for service in host["services"] for item in service["findings"]]
    assert len(shown) + section["left_out"] == section["total"] == 5000
    assert sum(item["severity"] == "critical" for item in shown) == 50
    assert sum(len(s["findings"]) + s["more"] for host in place["hosts"] for s in host["services"]) == 5000
    assert "and 99 more" in page
    (link,) = re.findall(r'href="data:application/gzip;base64,([^"]+)"', page)
    whole = json.loads(gzip.decompress(base64.b64decode(link)))
    assert sum(len(subject["findings"]) for subject in whole["subjects"]) == 5000
    assert _page(scans) == page


def test_an_export_that_would_make_the_page_heavy_is_named_instead(scans, monkeypatch):
    monkeypatch.setattr(drift, "LARGEST_EXPORT", 10)
    _many(scans, count=800)
    assert "evenkeel.release.drift_export</code> writes it as JSON" in _page(scans)


def test_the_trend_follows_every_scan_of_every_host(scans):
    for subject, score in (("web1/shop", 0), ("web2/shop", 0), ("web1/shop", 40), ("web1/shop", 0)):
        scans.add(subject, data.result(score=score))
    scans.add("db1/shop", data.result(data.GONE), environment="production")
    found = trend.points(scans.entries)
    assert [score for _moment, score in found["staging"]] == [0, 0, 30, 0]
    assert [score for _moment, score in found["production"]] == [50]  # no score of its own: that of its findings
    root = ET.fromstring(trend.draw(found["staging"], name="a<b", ident="t"))
    assert root.find("{http://www.w3.org/2000/svg}title").text == "a<b: drift score over time"
    assert "0 at first, 30 at worst, 0 now" in root.find("{http://www.w3.org/2000/svg}desc").text
    assert trend.draw(found["production"], name="n", ident="t") == ""


def test_a_long_trend_stays_drawable_and_ends_with_the_last_scan():
    scans = data.Scans()
    for number in range(55):
        scans.add("web1/shop", data.result(score=number))
    entries = [{**entry, "time": f"2026-01-{1 + day:02}{entry['time'][10:]}"} for day in range(20) for entry in scans.entries]
    found = trend.points(entries)["staging"]
    assert len(found) <= trend.MOST + 1
    assert found[-1][1] == 54
