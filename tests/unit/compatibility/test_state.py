# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks in a state: requirements, libraries that are there once, what is unknown, and how it is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import files, ranges, state, vendor
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.declared import component
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Component, Move, state_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.plan import judge

TODAY = "2027-01-15"


def part(name: str, *rows: dict[str, Any], **more: Any) -> Component:
    return component({"component": name, "versions": [{"range": "*", **row} for row in rows], **more})


def texts(running: dict[str, Any], *parts: Component, hosts: Any = None) -> list[str]:
    at = {name: frozenset([version] if isinstance(version, str) else version) for name, version in running.items()}
    return [one.text for one in state.problems(at, {each.name: each for each in parts}, hosts)]


@pytest.mark.parametrize(
    ("text", "version", "ecosystem", "inside"),
    [
        ("^1.2.0", "1.9.0", "npm", True),
        ("^0.2.3", "0.3.0", "npm", False),
        ("~1.2", "1.3.0", "npm", False),
        ("1.x || >=2.5.0 <3", "2.4.0", "npm", False),
        ("^1.2.0", "1.3.0-rc.1", "npm", False),  # npm: a pre-release only where the range names one of that version
        (">=1.3.0-rc.0", "1.3.0-rc.1", "npm", True),
        ("^1.2.0", "1.2.3+build", "npm", True),
        ("~=2.1", "2.9", "pypi", True),
        (">=1.21,<3", "3.0", "pypi", False),
        ("==1.*", "1.26.18", "pypi", True),
        ("!=1.5", "1.5.0", "pypi", False),
    ],
)
def test_ranges(text: str, version: str, ecosystem: str, inside: bool) -> None:
    assert ranges.contains(text, version, ecosystem=ecosystem) is inside


@pytest.mark.parametrize(("text", "version", "ecosystem"), [("=>1", "1.0.0", "npm"), ("^1", "1.0", "npm"), ("^1", "1.0", "pypi"), (">=1", "x", "pypi")])
def test_what_is_no_range_or_version_is_told(text: str, version: str, ecosystem: str) -> None:
    with pytest.raises(CompatibilityError, match="allowed is"):
        ranges.contains(text, version, ecosystem=ecosystem)


def test_who_requires_what_of_whom_and_what_was_found() -> None:
    shop = part("shop", {"requires": {"api/pay": "^2.0.0"}})
    pay = part("pay", {"provides": {"api/pay": ["1.0.0", "1.1.0"]}})
    assert texts({"shop": "1.0.0", "pay": "3.0.0"}, shop, pay) == ["shop 1.0.0 requires api/pay ^2.0.0; pay 3.0.0 offers 1.0.0, 1.1.0"]
    (problem,) = state.problems(state_of({"shop": "1.0.0", "pay": "3.0.0"}), {"shop": shop, "pay": pay})
    assert problem.moves == ("shop", "pay")


@pytest.mark.parametrize(
    ("need", "versions", "broken"),
    [
        ("^1.0.0", ["1.0.0"], 0),
        ("^1.0.0", ["1.0.0", "2.0.0"], 1),  # while it is replaced, users of the old and the new one
        ("1.x || 2.x", ["1.0.0", "2.0.0"], 0),
        ({"range": "^1.0.0", "from": "pay"}, ["1.0.0"], 0),
        ({"range": "^1.0.0", "from": "other"}, ["1.0.0"], 1),
        ({"range": "^2.0.0", "optional": True}, ["1.0.0"], 1),  # optional: absent is fine, another version is not
    ],
)
def test_every_running_version_of_a_provider_counts(need: Any, versions: list[str], broken: int) -> None:
    pay = component({"component": "pay", "versions": [{"range": f"{each}", "provides": {"api/pay": [each]}} for each in ("1.0.0", "2.0.0")]})
    assert len(texts({"shop": "1.0.0", "pay": versions}, part("shop", {"requires": {"api/pay": need}}), pay)) == broken


def test_what_nothing_offers_is_missing_unless_it_is_optional() -> None:
    assert texts({"shop": "1.0.0"}, part("shop", {"requires": {"api/pay": "*"}})) == ["shop 1.0.0 requires api/pay *; nothing that runs offers it"]
    assert texts({"shop": "1.0.0"}, part("shop", {"requires": {"api/pay": {"range": "*", "optional": True}}})) == []


def lib(version: str, accepts: str = "", shared: str = "host", **more: Any) -> dict[str, Any]:
    return {"libraries": {"ssl": {"version": version, "shared": shared, **({"accepts": accepts} if accepts else {}), **more}}}


@pytest.mark.parametrize(
    ("left", "right", "hosts", "broken"),
    [
        (lib("3.0.0"), lib("3.0.0"), {}, 0),
        (lib("3.0.0"), lib("3.1.0"), {}, 1),
        (lib("3.0.0", "^3.0.0"), lib("3.1.0", "^3.0.0"), {}, 0),
        (lib("3.0.0", "~3.0.0"), lib("3.1.0", "^3.0.0"), {}, 0),  # 3.0.0 is there, and both can live with it
        (lib("3.0.0", "~3.0.0"), lib("3.1.0", "^3.1.0"), {}, 1),
        (lib("3.0.0"), lib("3.1.0"), {"left": ["a"], "right": ["b"]}, 0),  # not on one host
        (lib("3.0.0"), lib("3.1.0"), {"left": ["a", "b"], "right": ["b"]}, 1),
        (lib("3.0.0", shared="process"), lib("3.1.0", shared="process"), {"left": ["a"], "right": ["a"]}, 0),  # two processes
    ],
)
def test_a_library_that_is_there_once(left: Any, right: Any, hosts: Any, broken: int) -> None:
    found = texts({"left": "1.0.0", "right": "1.0.0"}, part("left", left, process="l"), part("right", right, process="r"), hosts=hosts)
    assert len(found) == broken
    if broken:
        assert found[0].startswith("only one ssl can be there: left 1.0.0 brings 3.0.0 and accepts ")


def test_one_process_of_two_components() -> None:
    parts = [part(name, lib(version, shared="process"), process="server") for name, version in (("left", "3.0.0"), ("right", "3.1.0"))]
    (text,) = texts({"left": "1.0.0", "right": "1.0.0"}, *parts, hosts={"left": ["a"], "right": ["a"]})
    assert text.endswith("(in process server on a)")


def test_three_that_agree_two_by_two_and_not_together() -> None:
    parts = [part("a", lib("1.0.0", "1.0.0 || 2.0.0")), part("b", lib("2.0.0", "2.0.0 || 3.0.0")), part("c", lib("3.0.0", "1.0.0 || 3.0.0"))]
    assert len(texts(dict.fromkeys("abc", "1.0.0"), *parts)) == 1
    assert texts(dict.fromkeys("ab", "1.0.0"), *parts) == []


def test_the_old_and_the_new_version_share_a_host_while_one_replaces_the_other() -> None:
    both = component({"component": "app", "versions": [{"range": "1.0.0", **lib("1.0.0")}, {"range": "2.0.0", **lib("2.0.0")}]})
    answer = judge(running={"app": "1.0.0"}, wanted={"app": "2.0.0"}, declared={"app": both}, today=TODAY)
    assert (answer["verdict"], answer["order"]) == ("failed", None)
    stopped = component({"component": "app", "mixed": False, "versions": [{"range": "1.0.0", **lib("1.0.0")}, {"range": "2.0.0", **lib("2.0.0")}]})
    assert judge(running={"app": "1.0.0"}, wanted={"app": "2.0.0"}, declared={"app": stopped}, today=TODAY)["verdict"] == "passed"


def test_what_is_not_declared_is_unknown_and_does_not_pass() -> None:
    answer = judge(running={"shop": "1.0.0", "odd": "1.0.0"}, wanted={"shop": "1.1.0"}, declared={"shop": part("shop", {})}, today=TODAY)
    assert (answer["verdict"], answer["unknown"]) == ("inconclusive", [{"component": "odd", "version": "1.0.0"}])
    twice = component({"component": "shop", "versions": [{"range": "1.x"}, {"range": ">=1.1.0"}]})
    assert judge(running={"shop": "1.0.0"}, wanted={"shop": "1.1.0"}, declared={"shop": twice}, today=TODAY)["verdict"] == "inconclusive"


def test_what_was_broken_before_is_told_and_does_not_stop_what_has_nothing_to_do_with_it() -> None:
    shop, pay, mail = part("shop", {"requires": {"api/pay": "^2.0.0"}}), part("pay", {"provides": {"api/pay": ["1.0.0"]}}), part("mail", {})
    declared = {each.name: each for each in (shop, pay, mail)}
    running = {"shop": "1.0.0", "pay": "1.0.0", "mail": "1.0.0"}
    answer = judge(running=running, wanted={"mail": "1.1.0"}, declared=declared, today=TODAY)
    assert (answer["verdict"], len(answer["existing"])) == ("passed", 1)
    assert answer["lines"][0].startswith("was broken before: shop 1.0.0 requires")
    assert judge(running=running, wanted={"shop": "1.1.0"}, declared=declared, today=TODAY)["verdict"] == "failed"  # what moves must work


def test_components_come_and_go() -> None:
    shop, pay = part("shop", {"requires": {"api/pay": "^1.0.0"}}), part("pay", {"provides": {"api/pay": ["1.0.0"]}})
    declared = {"shop": shop, "pay": pay}
    first = judge(running={}, wanted={"shop": "1.0.0", "pay": "1.0.0"}, declared=declared, today=TODAY, given=["shop", "pay"])
    assert (first["verdict"], first["order"]) == ("failed", ["pay", "shop"])
    assert judge(running={"shop": "1.0.0", "pay": "1.0.0"}, wanted={"pay": ""}, declared=declared, today=TODAY)["conflicts"][0]["kind"] == "missing"
    assert judge(running={"shop": "1.0.0", "pay": "1.0.0"}, wanted={"shop": "", "pay": ""}, declared=declared, today=TODAY)["order"] == ["shop", "pay"]


POSTGRES = component(
    {
        "component": "postgresql",
        "vendor": "PGDG",
        "rollback": "stays",
        "known": ["14.9.0", "15.8.0", "16.4.0", "17.2.0"],
        "upgrades": [{"from": ">=14 <15", "to": ">=15 <16"}, {"from": ">=15 <16", "to": ">=16 <17"}, {"from": ">=16 <17", "to": ">=17 <18"}],
        "versions": [
            {"range": ">=14 <15", "support_until": "2026-11-12"},
            {"range": ">=15 <16", "support_until": "2027-01-15"},
            {"range": ">=16 <17", "support_until": "2028-11-09"},
            {"range": ">=17"},
        ],
    }
)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("14.9.0", "15.8.0", ""),
        ("14.9.0", "17.2.0", "may not go from 14.9.0 to 17.2.0 in one step; allowed is 14.9.0 -> 15.8.0 -> 16.4.0 -> 17.2.0"),
        ("14.9.0", "17.1.0", "allowed is 14.9.0 -> 15.8.0 -> 16.4.0 -> 17.1.0"),
        ("15.8.0", "14.9.0", "from 15.8.0 these steps are allowed: >=15 <16 -> >=16 <17"),
        ("", "17.2.0", ""),
        ("16.4.0", "", ""),
    ],
)
def test_upgrade_steps_are_not_skipped(before: str, after: str, words: str) -> None:
    found = vendor.refused([Move("postgresql", before, after)], {"postgresql": POSTGRES})
    assert bool(found) == bool(words)
    assert words in (found[0].text if found else "")


def test_a_step_that_can_not_be_taken_back_is_told() -> None:
    back = component({"component": "bus", "versions": [{"range": "*"}], "upgrades": [{"from": "1.x", "to": "2.x"}]})
    (found,) = vendor.refused([Move("bus", "1.0.0", "2.0.0")], {"bus": back})
    assert found.text.startswith("bus can't go back from 2.0.0 to 1.0.0")
    assert vendor.refused([Move("bus", "1.0.0", "2.0.0")], {"bus": back}, rollback=False) == []


@pytest.mark.parametrize(("version", "supported", "verdict"), [("14.9.0", False, "failed"), ("15.8.0", True, "passed"), ("17.2.0", None, "inconclusive")])
def test_support_ends_after_its_last_day(version: str, supported: Any, verdict: str) -> None:
    answer = judge(running={"postgresql": version}, wanted={}, declared={"postgresql": POSTGRES}, today=TODAY)
    assert (answer["support"][0]["supported"], answer["verdict"]) == (supported, verdict)
    assert bool(answer["lines"]) is (supported is not True)


def test_documents_of_several_teams_with_all_their_faults(tmp_path: Path) -> None:
    for team, name, more in (
        ("a", "shop", {"versions": [{"range": "1.x"}, {"range": ">=1.5.0"}], "known": ["1.5.0"]}),
        ("a", "pay", {"versions": [{"range": "1.x", "provides": {"api/pay": ["1.0"]}, "requires": {"API/x": "^1"}}]}),
        (
            "b",
            "mail",
            {"versions": [{"range": "1.x", "libraries": {"ssl": {"shared": "process", "version": "1.0.0"}, "tz": {"shared": "host"}}, "lock": "gone.lock"}]},
        ),
        ("b", "good", {"versions": [{"range": "1.x"}]}),
        ("c", "good", {"versions": [{"range": "1.x"}]}),
    ):
        (tmp_path / team).mkdir(exist_ok=True)
        (tmp_path / team / f"{name}.yml").write_text(yaml.safe_dump({"component": name, **more}))
    known, faults = files.read([str(tmp_path / team) for team in "abc"], today=date(2027, 1, 15))
    assert sorted(known) == ["good"]
    found = {f"{Path(fault.file).name} {fault.path}" for fault in faults}
    assert found == {
        "shop.yml versions[1].range",
        "pay.yml versions[0].provides.api/pay[0]",
        "pay.yml versions[0].requires.API/x",
        "mail.yml versions[0].libraries.ssl.shared",
        "mail.yml versions[0].lock",
        "good.yml component",
    }
