# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import tell


def finding(path: str, severity: str = "high", kind: str = "changed", **more: Any) -> dict[str, Any]:
    return {"path": path, "kind": kind, "severity": severity, "before": {"value": "20"}, "after": {"value": "500"}, **more}


def result(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"verdict": "failed" if findings else "passed", "score": 20.0, "findings": list(findings), "allowed": [], **more}


def test_a_line_names_the_worst_first_and_stays_short() -> None:
    line = tell.subject_line("web1/shop", result(finding("config:a:x", "low"), finding("file:/bin/su", "critical")), "main v3")
    assert line == ("web1/shop: failed, score 20.0. changed file:/bin/su (value 20 -> 500) [critical]; changed config:a:x (value 20 -> 500) [low]")
    many = tell.subject_line("web1/shop", result(*(finding(f"file:/{number}") for number in range(100))), "main v3")
    assert many.endswith("; and 80 more")
    assert tell.subject_line("web1/shop", result(allowed=[{}]), "main v3") == "web1/shop: as main v3 says, 1 declared."


def test_the_same_difference_on_several_hosts_is_one_line() -> None:
    size, motd = finding("config:shop.ini:page_size"), finding("file:/etc/motd", "cosmetic")
    other = finding("config:shop.ini:page_size", after={"value": "7"})
    found = {"web1/shop": result(size), "web2/shop": result(size, motd), "web3/shop": result(other), "web4/shop": result()}
    assert tell.together(found) == [
        "changed config:shop.ini:page_size (value 20 -> 500) [high] - on web1/shop, web2/shop",
        "changed config:shop.ini:page_size (value 20 -> 7) [high] - on web3/shop",
        "changed file:/etc/motd (value 20 -> 500) [cosmetic] - on web2/shop",
    ]


@pytest.mark.parametrize(
    ("level", "paths"),
    [("critical", ["b", "u"]), ("medium", ["b", "m", "u"]), ("low", ["b", "m", "u"]), ("cosmetic", ["b", "c", "m", "u"])],
)
def test_what_fails_a_gate(level: str, paths: list[str]) -> None:
    found = [finding("b", "critical"), finding("c", "cosmetic"), finding("m", "medium"), finding("u", "cosmetic", "unknown")]
    assert tell.failing(found, level) == paths


def test_a_diff_shows_attributes_and_the_text() -> None:
    text = finding("file:/etc/x", before={"sha256": "1", "mode": "0600"}, after={"sha256": "2", "mode": "0666"}, diff="-old\n+new\n")
    shown = tell.diff("web1/shop", [finding("config:a:x"), text, finding("user:eve", kind="added", before=None)])
    assert shown.splitlines()[2:] == [
        "@@ config:a:x (changed, high) @@",
        "-value: 20",
        "+value: 500",
        "@@ file:/etc/x (changed, high) @@",
        "-mode: 0600",
        "+mode: 0666",
        "-old",
        "+new",
        "@@ user:eve (added, high) @@",
        "+value: 500",
    ]
    assert tell.diff("web1/shop", []) == ""


def test_long_values_and_line_breaks_do_not_break_a_line() -> None:
    text = tell.finding_text(
        finding("config:a:x", after={"value": "a\nb" + "x" * 500}, **{"from": "config:b:x"}, attribution=[{"who": "eve", "confidence": "likely"}])
    )
    assert "\n" not in text
    assert len(text) < 300
    assert "(was config:b:x)" in text
    assert " by eve, likely [high]" in text


def test_digests_are_short_in_a_line() -> None:
    text = tell.finding_text(finding("file:/x", before={"sha256": "ab" * 32}, after={"sha256": "cd" * 32, "mode": "0600"}))
    assert "sha256 abababababab -> cdcdcdcdcdcd)" in text
    assert "mode nothing -> 0600" in text
