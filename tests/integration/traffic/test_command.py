# SPDX-License-Identifier: GPL-3.0-or-later
"""Any balancer that a program can move, and the driver for those that nothing can."""

from __future__ import annotations

import json
import sys

import pytest

PROGRAM = """
import json, sys
path, verb, *words = sys.argv[1:]
state = json.load(open(path))
if verb == "route":
    state["services"][words[0]] = words[1]
elif verb in ("drain", "ready", "maint"):
    state["servers"][words[0]][words[1]]["state"] = verb
elif verb == "hang":
    import time
    time.sleep(60)
elif verb == "lie":
    print(json.dumps({"done": True}))
    sys.exit()
json.dump(state, open(path, "w"))
print(json.dumps(state))
"""


@pytest.fixture
def lbctl(tmp_path):
    server = {"state": "ready", "weight": 1, "sessions": 0}
    path = tmp_path / "state.json"
    state = {"services": {"shop": "blue"}, "servers": {"blue": {"web1": server, "web2": server}, "green": {"web1": server}}}
    path.write_text(json.dumps(state))
    (tmp_path / "lbctl.py").write_text(PROGRAM)

    def commands(**other):
        base = [sys.executable, str(tmp_path / "lbctl.py"), str(path)]
        usual = {
            "state": [*base, "show"],
            "switch": [*base, "route", "{service}", "{pool}"],
            "drain": [*base, "drain", "{pool}", "{server}"],
            "maint": [*base, "maint", "{pool}", "{server}"],
        }
        return {"driver": "command", "commands": {**usual, **{verb: [*base, *words] for verb, words in other.items()}}}

    commands.read = lambda: json.loads(path.read_text())
    return commands


def test_a_program_of_our_own(lbctl, tasks):
    found = tasks(
        switch={**lbctl(), "service": "shop", "value": "green"},
        again={**lbctl(), "service": "shop", "value": "green"},
        out={**lbctl(), "state": "maint", "wait": True, "servers": [{"pool": "blue", "server": "web1"}, {"pool": "blue", "server": "web2"}]},
        weight={**lbctl(), "state": "weighted", "pool": "blue", "server": "web1", "weight": 3},
        lie={**lbctl(switch=["lie"]), "service": "shop", "value": "blue", "wait_up": False},
        unknown={**lbctl(), "service": "shop", "value": "pink"},
        verb={"driver": "command", "commands": {"state": ["true"], "drian": ["true"]}, "service": "shop", "value": "blue"},
    )
    assert [found[name]["changed"] for name in ("switch", "again", "out")] == [True, False, True]
    assert [(row["server"], row["cut"]) for row in found["out"]["servers"]] == [("web1", 0), ("web2", 0)]
    assert "has no argument list for 'set_weight'; given are drain, maint, state, switch" in found["weight"]["msg"]
    assert "ended well, yet state says ('green', None), wanted was ('blue', None)" in found["lie"]["msg"]
    assert "has no pool pink; it has blue, green" in found["unknown"]["msg"]
    assert "allowed are state, switch" in found["verb"]["msg"]
    assert lbctl.read()["services"] == {"shop": "green"}


def test_a_program_that_hangs_is_ended_and_none_says_that_it_does_nothing(lbctl, tasks):
    found = tasks(
        hang={**lbctl(switch=["hang"]), "service": "shop", "value": "green", "timeout": 0.5},
        missing={"driver": "command", "commands": {"state": ["/nowhere/lbctl"]}, "service": "shop", "value": "green"},
        none={"driver": "none", "service": "shop", "value": "green"},
    )
    assert "did not end within 0.5s and was killed" in found["hang"]["msg"]
    assert "/nowhere/lbctl, cannot be run: No such file or directory" in found["missing"]["msg"]
    assert not found["none"]["changed"]
    assert "nothing was done for 'switched'" in found["none"]["msg"]
