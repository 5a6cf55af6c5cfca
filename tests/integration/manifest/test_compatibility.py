# SPDX-License-Identifier: GPL-3.0-or-later
"""Compatibility in real runs: what a CI job of a team would see."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
import yaml

DECLARED: dict[str, dict[str, Any]] = {
    "web": {
        "versions": [
            {"range": "1.1.x", "requires": {"schema/shop": "^1.0.0"}},
            {"range": "1.2.x", "requires": {"schema/shop": "^2.0.0"}},
        ]
    },
    "database": {
        "vendor": "PGDG", "rollback": "stays", "upgrades": [{"from": "15.x", "to": "16.x"}],
        "versions": [
            {"range": "15.x", "provides": {"schema/shop": ["1.4.0"]}, "support_until": "2099-01-01"},
            {"range": "16.x", "provides": {"schema/shop": ["1.4.0", "2.0.0"]}, "support_until": "2099-01-01"},
        ],
    },
}  # fmt: skip


@pytest.fixture
def declared(world: Any) -> Any:
    world.manifest("1.1.0")
    world.manifest("1.2.0")
    world.deployed("production", "1.1.0", ago=7200)
    (world.folder / "compatibility").mkdir()
    for name, document in DECLARED.items():
        (world.folder / f"compatibility/{name}.yml").write_text(yaml.safe_dump({"component": name, **document}))
    return world


def ask(world: Any, **more: Any) -> Any:
    return world.run("compatibility", evenkeel_target="production", evenkeel_running_versions={"database": "15.8.0"}, **more)


def test_what_runs_works(declared: Any) -> None:
    run = ask(declared)
    assert run.rc == 0, run.stdout
    assert run.result("Look at every state on the way")["lines"] == ["Everything that is declared holds."]
    assert run.changed == 0


def test_a_release_that_needs_another_schema(declared: Any) -> None:
    run = ask(declared, evenkeel_version="1.2.0")
    assert run.rc != 0
    assert "web 1.2.0 requires schema/shop ^2.0.0; database 15.8.0 offers 1.4.0. May move: web, database" in run.stdout


def test_the_order_that_works_and_one_that_does_not(declared: Any) -> None:
    both = {"evenkeel_version": "1.2.0", "evenkeel_wanted_versions": {"database": "16.4.0"}}
    run = ask(declared, **both)  # depends_on: the database first
    assert run.rc == 0, run.stdout
    found = run.result("Look at every state on the way")["compatibility"]
    assert (found["order"], found["given_works"]) == (["database", "web"], True)
    wrong = ask(declared, **both, evenkeel_move_order=["web", "database"])
    assert wrong.rc != 0
    assert "broken while web 1.1.0 -> 1.2.0" in wrong.stdout
    assert "an order that works: database -> web" in wrong.stdout


def test_a_step_of_the_vendor_is_not_skipped(declared: Any) -> None:
    run = ask(declared, evenkeel_wanted_versions={"database": "17.0.0"})
    assert run.rc != 0
    assert "database may not go from 15.8.0 to 17.0.0 in one step" in run.stdout


def test_what_nobody_declared_is_unknown(declared: Any) -> None:
    (declared.folder / "compatibility/web.yml").unlink()
    run = ask(declared)
    assert run.rc != 0
    assert run.result("Look at every state on the way")["verdict"] == "inconclusive"
    assert "unknown: nothing, or two things, declared of web 1.1.0" in run.stdout


def test_every_fault_of_the_documents_at_once(declared: Any) -> None:
    (declared.folder / "compatibility/web.yml").write_text("component: web\nversions:\n  - {range: '=>1', needs: {}}\n  - {range: 1.x, lock: ../../etc.lock}\n")
    run = ask(declared)
    message = run.result("Look at every state on the way")["msg"]
    for words in ("versions[0].range", "the unknown key needs", "an npm"[:0] or "a range of semantic versions"):
        assert words in message
    assert declared.run("validate", evenkeel_compatibility_dir=str(declared.folder / "compatibility")).rc != 0


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.classes: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "td":
            self.classes.append(dict(attrs).get("class", ""))


@pytest.mark.parametrize("suffix", ["html", "md", "csv"])
def test_the_matrix(declared: Any, suffix: str) -> None:
    declared.deployed("staging", "1.1.0", ago=3600)
    dest = declared.folder / f"matrix.{suffix}"
    dry = ask(declared, evenkeel_matrix_dest=str(dest), evenkeel_version="1.2.0", check=True)
    assert not dest.exists(), dry.stdout
    ask(declared, evenkeel_matrix_dest=str(dest), evenkeel_version="1.2.0")
    again = ask(declared, evenkeel_matrix_dest=str(dest))
    assert again.changed == (1 if suffix else 0)  # without the release it is another matrix
    assert ask(declared, evenkeel_matrix_dest=str(dest)).changed == 0
    text = dest.read_text()
    if suffix == "html":
        cells = Cells()
        cells.feed(text)
        assert cells.classes.count("declared") == 2  # web 1.1.0 with database 15.8.0, twice in the table
    else:
        assert "web" in text


def test_a_wrong_name_of_the_matrix_and_versions_that_are_no_text(declared: Any) -> None:
    assert "allowed are names that end with .html, .md, .csv" in ask(declared, evenkeel_matrix_dest="matrix.pdf").stdout
    run = declared.run("compatibility", evenkeel_target="production", evenkeel_running_versions={"database": 15.8})
    assert "quote versions" in run.stdout
