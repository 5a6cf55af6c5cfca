# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.same_bytes import deployed, promotion

MINE, OTHER = "a" * 64, "b" * 64


def entries(sha256: str = MINE, release: str = "1.1.0") -> list[dict[str, Any]]:
    plan = {"services": [{"service": "shop", "release": release, "artifact": {"component": "web", "sha256": sha256}}]}
    common = {"kind": "deployment", "environment": "staging", "release": release, "subject": "", "time": "2027-01-15T10:00:00Z", "actor": {"name": "ada"}}
    return [
        {**common, "id": "1", "phase": "intent", "body": {"plan": plan}},
        {**common, "id": "2", "phase": "outcome", "body": {"intent": "1", "verdict": "passed", "services": {"shop": release}}},
    ]


def seen(**more: Any) -> dict[str, Any]:
    return {"host1": {"shop": {"current": "1.1.0", "sha256": MINE, "intact": True, **more}}}


def ask(observed: Any = None, known: Any = None, **manifest: Any) -> dict[str, Any]:
    document = {"version": "1.1.0", "components": {"web": {"version": "1.1.0", "artifact": "x", "sha256": MINE}}, **manifest}
    return promotion(upstream="staging", entries=entries() if known is None else known, manifest=document, components={"shop": "web"}, observed=observed)


def test_the_same_bytes_may_go_on() -> None:
    answer = ask(seen())
    assert (answer["verdict"], answer["why"]) == ("passed", [])
    assert deployed(entries(), "staging") == {"shop": {"release": "1.1.0", "component": "web", "sha256": MINE}}


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        (ask(seen(), entries(OTHER)), "failed", f"was deployed with {OTHER}"),
        (ask(seen(sha256=OTHER)), "failed", f"host1 was installed from {OTHER}"),
        (ask(seen(current="1.0.0")), "failed", "host1 has 1.0.0, not 1.1.0"),
        (ask(seen(current="")), "failed", "host1 has no release"),
        (ask(seen(intact=False)), "failed", "were changed after it was installed"),
        (ask(seen(sha256="")), "inconclusive", "no record of the bytes"),
        (ask(None), "inconclusive", "nobody looked"),
        (ask({}), "inconclusive", "no host"),
        (ask({"host1": {}}), "inconclusive", "no host"),
        (ask(seen(), entries("")), "inconclusive", "the ledger does not tell"),
        (ask(seen(), entries(release="1.0.0")), "inconclusive", "runs 1.0.0, not 1.1.0"),
        (ask(seen(), []), "inconclusive", "does not run it"),
        (ask(seen(), components={"other": {"version": "1.0.0"}}), "inconclusive", "no service takes it"),
        (ask(seen(), components={"web": {"version": "1.1.0"}}), "failed", "the manifest pins"),
    ],
)
def test_all_else_is_refused_and_told(answer: dict[str, Any], verdict: str, words: str) -> None:
    assert answer["verdict"] == verdict
    assert words in "; ".join(answer["why"])


def test_one_of_the_variants_is_the_same_release() -> None:
    variants = [{"os": "linux", "artifact": "x", "sha256": OTHER}, {"artifact": "y", "sha256": MINE}]
    assert ask(seen(), components={"web": {"version": "1.1.0", "variants": variants}})["verdict"] == "passed"
