# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.flags.conftest import TEXT, Server, flags_of, play
from ansible_collections.evenkeel.release.tests.integration.flags.evaluator import TOKEN, Evaluator
from ansible_collections.evenkeel.release.tests.integration.support.module import finish, run, start
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext


def flag(path: Path, state: str, *flags: str, **more: Any) -> dict[str, Any]:
    return {"evenkeel.release.feature_flag": {"path": str(path), "state": state, "flags": list(flags), **more}}


def verify(running: Evaluator, **more: Any) -> dict[str, Any]:
    return {"url": running.url, "headers": {"Authorization": TOKEN}, "deadline": 10, "interval": 0.1, **more}


def value(path: Path, key: str, targeting_key: str = "u1", **attributes: Any) -> Any:
    core = FlagdCore()
    core.set_flags(path.read_text())
    return core.resolve_boolean_value(key, True, EvaluationContext(targeting_key, attributes)).value


def test_switch_verify_kill_and_again(flag_file: Path, evaluator: Callable[..., Evaluator], playbook: PlaybookRunner) -> None:
    running = evaluator()
    flag_file.chmod(0o640)
    done = playbook(
        play(
            flag(flag_file, "on", "checkout", verify=verify(running)),
            flag(flag_file, "on", "checkout", verify=verify(running)),
            flag(flag_file, "percentage", "checkout", percentage=25, verify=verify(running, samples=200)),
            flag(flag_file, "killed", "checkout", "search", "theme", verify=verify(running, contexts=[{"targetingKey": "a", "tier": "beta"}])),
            flag(flag_file, "killed", "checkout", "search", "theme"),
        )
    )
    assert done.rc == 0, done.stdout
    assert [done.result(f"t{n}")["changed"] for n in range(5)] == [True, False, True, True, False]
    shared = done.result("t2")["verification"][0]
    assert (shared["verdict"], shared["asked"]) == ("passed", 200)
    assert 13 <= shared["found"] <= 37.5
    assert done.result("t3")["changed_flags"] == ["checkout", "search", "theme"]
    assert [row["verdict"] for row in done.result("t3")["verification"]] == ["passed"] * 3
    assert value(flag_file, "search", tier="beta") is False
    assert flags_of(flag_file)["theme"]["state"] == "DISABLED"
    assert stat.S_IMODE(flag_file.stat().st_mode) == 0o640
    assert os.listdir(flag_file.parent).count("flags.json") == 1
    assert not [name for name in os.listdir(flag_file.parent) if name.endswith(".new")]


def test_an_evaluator_that_doesnt_follow_fails_the_task(flag_file: Path, evaluator: Callable[..., Evaluator]) -> None:
    running = evaluator(deaf=True)
    found = run("feature_flag", path=str(flag_file), state="on", flags=["checkout"], verify=verify(running, deadline=1))
    assert (found["failed"], found["verdict"], found["changed"]) == (True, "failed", True)
    assert "checkout answers False for evenkeel, expected True" in found["msg"]
    wrong = {**verify(running, deadline=0), "headers": {"Authorization": "Bearer of-bad-news"}}
    found = run("feature_flag", path=str(flag_file), state="on", flags=["checkout"], verify=wrong)
    assert (found["failed"], found["verdict"], found["changed"]) == (True, "errored", False)
    assert "who are you?" in found["msg"]
    assert "of-bad-news" not in str(found)


def test_check_mode_shows_the_lines_and_touches_nothing(flag_file: Path, playbook: PlaybookRunner) -> None:
    before = flag_file.stat()
    done = playbook(play(flag(flag_file, "on", "checkout")), check=True, args=("--diff",))
    assert done.result("t0")["changed"]
    assert '-      "defaultVariant": "off"' in done.stdout
    assert '+      "defaultVariant": "on"' in done.stdout
    assert flag_file.read_text() == TEXT
    assert flag_file.stat().st_mtime_ns == before.st_mtime_ns
    fresh = flag_file.with_name("fresh.json")
    assert run("feature_flag", check=True, path=str(fresh), state="on", flags=["a"], create=True)["changed"]
    assert not fresh.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"state": "killed", "flags": ["checkout", "chekout"]}, "no flag chekout; it has checkout, search, theme. Nothing was changed"),
        ({"state": "on", "flags": ["search"]}, "has rules of its own"),
        ({"state": "percentage", "flags": ["checkout"]}, "percentage"),
        ({"state": "on", "flags": ["checkout"], "percentage": 5}, "percentage is given with state on"),
        ({"state": "percentage", "flags": ["checkout"], "percentage": 500}, "percentage is 500.0"),
        ({"state": "on", "flags": ["theme"]}, "Which variant of flag theme is on"),
        ({"state": "on", "flags": []}, "flags is empty"),
    ],
)
def test_what_is_refused_leaves_the_file_alone(flag_file: Path, options: dict[str, Any], told: str) -> None:
    found = run("feature_flag", path=str(flag_file), **options)
    assert found["failed"]
    assert told in found["msg"]
    assert flag_file.read_text() == TEXT


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "There is no file" in run("feature_flag", path=str(tmp_path / "none.json"), state="on", flags=["a"])["msg"]
    assert "There is no folder" in run("feature_flag", path=str(tmp_path / "no" / "a.json"), state="on", flags=["a"], create=True)["msg"]


def test_a_file_is_made_and_a_link_stays_a_link(flag_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(flag_file)
    fresh = tmp_path / "fresh.json"
    metadata = {"owner": "team-shop", "expires": "2020-01-01"}
    assert run("feature_flag", path=str(link), state="absent", flags=["theme"])["changed"]
    made = {"path": str(fresh), "state": "percentage", "percentage": 12.5, "flags": ["a", "b"], "create": True, "metadata": metadata, "mode": "0600"}
    assert [run("feature_flag", **made)["changed"] for _time in range(2)] == [True, False]
    assert link.is_symlink()
    assert list(flags_of(flag_file)) == ["checkout", "search"]
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    info = run("feature_flag_info", path=str(fresh), known=["a", "c"])
    assert {row["key"]: row["reasons"] for row in info["flags"]} == {
        "a": ["expired on 2020-01-01"],
        "b": ["expired on 2020-01-01", "the release doesn't know it"],
    }
    assert [(row["share"], row["owner"]) for row in info["flags"]] == [(12.5, "team-shop")] * 2
    assert (info["missing"], info["faults"]) == (["c"], {})


def test_editors_at_the_same_time_lose_nothing(flag_file: Path) -> None:
    """Eight processes, each with a flag of its own."""
    names = [f"f{number}" for number in range(8)]
    editors = [start("feature_flag", path=str(flag_file), state="on", flags=[name], create=True) for name in names]
    assert all(finish(editor)["changed"] for editor in editors)
    assert set(flags_of(flag_file)) == {"checkout", "search", "theme", *names}


def switch(server: Server, state: str, *flags: str, check: bool = False, **more: Any) -> dict[str, Any]:
    return run("feature_flag", check=check, **{**server.place, "state": state, "flags": [server.flag(name) for name in flags], **more})


def test_the_life_of_an_unleash_flag(unleash: Server) -> None:
    a, b = unleash.flag("a"), unleash.flag("b")
    made = switch(unleash, "percentage", "a", "b", percentage=25, sticky_by="userId", create=True)
    assert made["changed"], made
    assert (made["flags"][a]["before"], made["flags"][a]["after"]["enabled"], made["flags"][a]["percentage"]) == (None, True, 25.0)
    again = switch(unleash, "percentage", "a", "b", percentage=25, sticky_by="userId")
    assert not again["changed"]
    assert [one["parameters"] for one in again["flags"][a]["before"]["strategies"]] == [{"rollout": "25", "stickiness": "userId", "groupId": a}]
    assert switch(unleash, "on", "a")["changed"]
    assert switch(unleash, "killed", "a", "b")["changed"]
    killed = switch(unleash, "killed", "a", "b")
    assert not killed["changed"]
    assert (killed["flags"][b]["before"]["enabled"], killed["flags"][b]["before"]["strategies"][0]["parameters"]["rollout"]) == (False, "25")
    assert switch(unleash, "percentage", "b", percentage=50)["changed"]
    rows = {row["key"]: row for row in run("feature_flag_info", **unleash.place, known=[a, b])["flags"]}
    assert [rows[name]["share"] for name in (a, b)] == [0.0, 50.0]
    assert all(rows[name]["days"] < 1 and not rows[name]["stale"] for name in (a, b))
    assert [switch(unleash, "absent", "a", "b", "never")["changed"] for _time in range(2)] == [True, False]
    if unleash.recorded:
        switched = [call for call in unleash.recorded.calls if call.endswith("/off")]
        assert switched == ["POST /api/admin/projects/default/bulk_features/environments/development/off"]


def test_an_unleash_server_is_asked_before_anything_changes(unleash: Server) -> None:
    found = [
        switch(unleash, "killed", "nobody")["msg"],
        switch(unleash, "on", "a", create=True, environment="nowhere")["msg"],
        switch(unleash, "on", "a", create=True, token="*:*.of-somebody-else")["msg"],
        switch(unleash, "percentage", "a", percentage=2.5, create=True)["msg"],
    ]
    assert f"has no flag {unleash.flag('nobody')}" in found[0]
    assert "has no environment nowhere; it has development, production" in found[1]
    assert "You must log in to use Unleash. Is the token" in found[2]
    assert "of-somebody-else" not in found[2]
    assert "whole number from 0 to 100" in found[3]
    assert switch(unleash, "on", "a", create=True, check=True)["changed"]
    assert not switch(unleash, "absent", "a")["changed"]
