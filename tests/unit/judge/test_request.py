# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import SCHEMAS
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import defaults, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Effect, Metric, Settings
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2027, 1, 15)
POINTS = {"points": [[0, 1]]}
GOOD = {"name": "p95", "kind": "gauge", "canary": POINTS, "baseline": POINTS}


def faults(*metrics: dict[str, Any], **options: Any) -> dict[str, str]:
    document = request.numbers({"metrics": list(metrics) or [GOOD], **options})
    return {fault.path: f"{fault.found} | {fault.allowed} | {fault.hint}" for fault in request.faults(document, TODAY)}


def test_what_is_right_has_no_faults() -> None:
    assert faults() == {}
    query = {"query": {"events": "e", "of": "o"}, "start": 0}
    prometheus = {"url": "http://127.0.0.1:9090", "headers": {"Authorization": "Bearer x"}, "timeout": "5"}
    ratio = {"name": "errors", "kind": "ratio", "canary": query, "baseline": query, "objective": "0.999", "burn": True}
    earlier = {"name": "orders", "kind": "counter", "canary": POINTS, "earlier": [{"release": "1.0.0", **POINTS}]}
    assert faults(GOOD, ratio, earlier, prometheus=prometheus, end="2027-01-15T08:00:00Z", weights={"all": "60"}, fractions=[0.2, "0.5"]) == {}


@pytest.mark.parametrize(
    ("metric", "options", "path", "told"),
    [
        ({"kind": "gauges"}, {}, "metrics[0].kind", '"gauges" | gauge, counter, ratio, availability | did you mean gauge?'),
        ({"tolerence": 1}, {}, "metrics[0].tolerence", "the unknown key tolerence"),
        ({"tolerance": "much"}, {}, "metrics[0].tolerance", '"much" | a number'),
        ({"objective": 99.9, "kind": "availability"}, {}, "metrics[0].objective", "99.9 | availability to keep, a share below 1 such as 0.999"),
        ({"highest": 5, "kind": "ratio"}, {}, "metrics[0].highest", "5 | a share from 0 to below 1 | write 0.05 for 5 %"),
        (
            {"objective": 0.999},
            {},
            "metrics[0].objective",
            "an objective of a gauge | an objective for the kind availability, or with burn | use highest or lowest",
        ),
        ({"burn": True}, {}, "metrics[0].burn", "burn of a gauge"),
        ({"canary": {}}, {}, "metrics[0].canary", "no source | exactly one of points, of, query, file, probes, haproxy"),
        ({"canary": {**POINTS, "file": "a"}}, {}, "metrics[0].canary", "points and file | exactly one of"),
        ({"canary": {"events": 1}}, {}, "metrics[0].canary.of", "nothing | of together with events | add of"),
        ({"canary": {"probes": []}}, {}, "metrics[0].canary.probe", "nothing | probe together with probes"),
        ({"canary": {"haproxy": []}}, {}, "metrics[0].canary.backend", "nothing | backend together with haproxy"),
        ({"canary": {"query": "up", "start": 0, "end": 1}}, {}, "metrics[0].canary.query", "a query | a query together with the option prometheus"),
        ({"canary": {"query": "up"}}, {"prometheus": {"url": "http://h"}}, "metrics[0].canary", "a query without start and end"),
        ({"canary": {"query": "up", "start": "now", "end": 1}}, {"prometheus": {"url": "http://h"}}, "metrics[0].canary.start", "now | seconds since 1970"),
        ({"earlier": [{**POINTS}]}, {}, "metrics[0].earlier[0].release", "nothing | version of that release"),
        ({"earlier": [{"release": "1"}]}, {}, "metrics[0].earlier[0]", "no source"),
        ({}, {"weights": {"a": 60, "b": 50}}, "weights", "110 together | at most 100 together"),
        ({}, {"look": 3, "looks": 2}, "look", "look 3 of 2 | 1 to 2"),
        ({}, {"fractions": [0.5, 0.4]}, "fractions", "[0.5, 0.4] | each above the one before"),
        ({}, {"fractions": [1.5]}, "fractions[0]", "1.5 | share of the run"),
        ({}, {"alpha": 0.5}, "alpha", "0.5"),
        ({}, {"marginal_score": 99}, "marginal_score", "99 | at most pass_score"),
        ({}, {"end": "tomorrow"}, "end", "tomorrow | seconds since 1970"),
        ({}, {"prometheus": {"url": "ftp://h"}}, "prometheus.url", '"ftp://h"'),
        ({}, {"prometheus": {"url": "http://u:p@h"}}, "prometheus.url", "base URL, http or https, without a password in it"),
        ({}, {"mode": "netflix"}, "mode", "default, kayenta, watch"),
    ],
)
def test_every_fault_is_named(metric: dict[str, Any], options: dict[str, Any], path: str, told: str) -> None:
    found = faults({**GOOD, **metric}, **options)
    assert path in found, found
    assert told in found[path]


def test_names_occur_once_and_the_other_modes_need_a_baseline() -> None:
    assert "p95 again | each name once" in faults(GOOD, GOOD)["metrics[1].name"]
    alone = {"name": "m", "kind": "gauge", "canary": POINTS}
    assert "the mode watch compares with it" in faults(alone, mode="watch")["metrics[0].baseline"]


def test_a_password_in_the_url_is_not_shown() -> None:
    assert "geheim" not in str(faults(GOOD, prometheus={"url": "http://u:geheim@h"}))


def test_settings_and_metrics() -> None:
    assert request.settings({"look": 2, "looks": 4, "alpha": 0.02}) == Settings(alpha=0.02, fractions=(0.25, 0.5))
    assert request.settings({"fractions": [0.1, 0.7], "look": 1, "looks": 1}).fractions == (0.1, 0.7)
    assert request.settings({}).final
    found = request.metric({**GOOD, "groups": ["a"], "effect": {"measure": "cles", "allowed_increase": 0.7}})
    assert found == Metric("p95", groups=("a",), effect=Effect("cles", 0.7))


def test_defaults_by_kind_and_mode() -> None:
    ours, theirs = (defaults.complete(Metric("m", "ratio"), mode) for mode in ("default", "kayenta"))
    assert (ours.critical, ours.direction, ours.groups) == (True, "increase", ("all",))
    assert (theirs.critical, theirs.direction) == (False, "either")
    assert defaults.complete(Metric("m", "availability", direction="decrease"), "default").direction == "increase"
    assert defaults.complete(Metric("m", tolerance=0.0, must_see=5), "default").tolerance == 0.0


def test_every_property_of_the_schema_is_described_and_closed() -> None:
    def walk(node: Any, where: str) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item, where)
        elif isinstance(node, dict):
            if node.get("type") == "object":
                assert node.get("additionalProperties") is not None, where
            for name, sub in node.get("properties", {}).items():
                assert "$ref" in sub or "description" in sub, f"{where}/{name}"
            for key, sub in node.items():
                walk(sub, f"{where}/{key}")

    walk(json.loads((SCHEMAS / "judge.json").read_text()), "judge")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("kind", "canary", "baseline", "earlier", "effect", "groups", "tolerance", "burn"), json_values)),
    json_values,
)
def test_no_value_breaks_the_check(metric: dict[str, Any], other: Any) -> None:
    for options in ({}, {"weights": other}, {"prometheus": other}, {"fractions": other}, {"start": other}):
        request.faults(request.numbers({"metrics": [{**GOOD, **metric}], **options}), TODAY)
