# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs with what, and what the ledger knows of it."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import matrix, matrix_render, running
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.declared import component
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import identity

MANIFESTS = [
    {"version": "1.0.0", "components": {"shop": {"version": "1.0.0"}, "pay": {"version": "7.0.0"}}},
    {"version": "1.1.0", "components": {"shop": {"version": "1.1.0"}}},
]
DECLARED = {
    each["component"]: component(each)
    for each in (
        {"component": "shop", "versions": [{"range": "1.0.0", "requires": {"api/pay": "^7"}}, {"range": "1.1.0", "requires": {"api/pay": "^8"}}]},
        {"component": "pay", "versions": [*({"range": each, "provides": {"api/pay": [each]}} for each in ("7.0.0", "8.0.0")), {"range": "9.0.0"}]},
        {"component": "mail", "versions": [{"range": "*"}]},
    )
}  # fmt: skip


def entry(kind: str, phase: str, release: str, place: str = "staging", verdict: str = "passed", **body: Any) -> dict[str, Any]:
    common = {"kind": kind, "phase": phase, "release": release, "environment": place, "subject": "", "time": "2027-01-15T10:00:00Z", "id": "x"}
    return {**common, "actor": {"name": "ada"}, "body": {"verdict": verdict, **body}}


LEDGER = [
    entry("verification", "fact", "1.0.0", services=["web", "pay"]),
    entry("deployment", "outcome", "1.0.0", services={"web": "1.0.0", "pay": "1.0.0"}, intent="1"),
    entry("verification", "fact", "1.1.0", services=["web"]),
    entry("deployment", "outcome", "1.1.0", services={"web": "1.1.0"}, intent="2"),
    entry("verification", "fact", "1.1.0", "production", "failed", services=["web"]),
]
OF_SERVICE = {"web": "shop", "pay": "pay"}


def test_what_was_verified_together() -> None:
    found = running.tested(LEDGER, running.versions([], MANIFESTS), OF_SERVICE)
    assert found == {(("pay", "7.0.0"), ("shop", "1.0.0")): ["staging"], (("pay", "7.0.0"), ("shop", "1.1.0")): ["staging"]}
    gone = [*LEDGER[:2], entry("teardown", "outcome", "", intent="3"), *LEDGER[2:3]]
    assert len(running.tested(gone, running.versions([], MANIFESTS), OF_SERVICE)) == 1


def test_what_was_recorded_comes_before_the_file() -> None:
    recorded = {
        **entry("release", "fact", "1.1.0", ""),
        "subject": "manifest",
        "body": identity.body({**MANIFESTS[1], "components": {"shop": {"version": "1.1.5"}}}),
    }
    assert running.versions([recorded], MANIFESTS)["1.1.0"] == {"shop": "1.1.5"}


def test_a_version_that_nobody_can_tell() -> None:
    of = running.versions([], MANIFESTS)
    assert running.components({"web": "1.1.0", "pay": "1.0.0", "mail": "3.0.0"}, of, OF_SERVICE) == ({"shop": "1.1.0", "pay": "7.0.0"}, ["mail"])
    assert running.components({"web": "1.1.0", "web2": "1.0.0"}, of, {"web": "shop", "web2": "shop"})[1] == ["web2"]


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [
        (("shop", "1.0.0"), ("pay", "7.0.0"), "tested"),
        (("shop", "1.0.0"), ("pay", "8.0.0"), "broken"),
        (("shop", "1.1.0"), ("pay", "7.0.0"), "broken"),  # ran together and still is declared not to work
        (("shop", "1.1.0"), ("pay", "8.0.0"), "declared"),
        (("shop", "1.1.0"), ("pay", "9.0.0"), "broken"),  # it offers it no longer
        (("shop", "1.1.0"), ("mail", "1.0.0"), "apart"),
        (("shop", "1.1.0"), ("odd", "1.0.0"), "unknown"),
        (("shop", "2.0.0"), ("mail", "1.0.0"), "unknown"),
    ],
)
def test_cells(left: Any, right: Any, state: str) -> None:
    tested = running.tested(LEDGER, running.versions([], MANIFESTS), OF_SERVICE)
    for pair in ((left, right), (right, left)):
        assert matrix.cell(*pair, DECLARED, tested=tested)["state"] == state


EVIL = '<script>"&|`x`'


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        self.cells += tag == "td"


def test_html_markdown_and_csv() -> None:
    items = [("shop", "1.0.0"), ("shop", "1.1.0"), ("pay", "7.0.0"), (EVIL, "1.0.0"), ("=x", "1.0.0")]
    made = matrix.make(items, DECLARED, tested={})
    page = Tags()
    page.feed(matrix_render.html(made, title=EVIL))
    assert "script" not in page.seen
    assert page.cells == len(items) ** 2 + 1
    assert not {"link", "img", "iframe"} & set(page.seen)
    text = matrix_render.markdown(made)
    assert "<script>" not in text
    assert text.splitlines()[0].count("|") - text.splitlines()[0].count("\\|") == len(items) + 2
    rows = list(csv.DictReader(io.StringIO(matrix_render.as_csv(made), newline="")))
    assert len(rows) == 9  # ten pairs, but for the two versions of one component
    assert all(not value.startswith("=") for row in rows for value in row.values())
    assert matrix.make([("c", f"{number}.0.0") for number in range(400)], {}, tested={})["left_out"] == 100
