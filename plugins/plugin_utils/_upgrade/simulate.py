# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers would be after a step that comes out: so the whole upgrade can be told before it begins."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.decide import Decision, Nodes, Step, Wanted, decide, primary

State = dict[str, dict[str, Any]]


def course(nodes: Nodes, wanted: Wanted) -> tuple[list[Step], Decision]:
    """All steps up to the end, and the decision that ended them."""
    state: State = {name: dict(node) for name, node in nodes.items()}
    steps: list[Step] = []
    most = 6 * len(state) + 8
    while True:
        decision = decide(state, wanted)
        if decision.step is None:
            return steps, decision
        if len(steps) >= most:
            return steps, Decision(None, ("The steps would not come to an end. Nothing was done; look at the servers by hand.",))
        steps.append(decision.step)
        state = after(state, decision.step, wanted)


def after(state: State, step: Step, wanted: Wanted) -> State:
    changed = {name: dict(node) for name, node in state.items()}
    ACTS[step.act](changed, step, wanted)
    return changed


def _backup(state: State, step: Step, _wanted: Wanted) -> None:
    state[step.host]["backup"] = {"age_seconds": 0}


def _upgraded(state: State, step: Step, wanted: Wanted) -> None:
    leader = primary(state)
    node = state[step.host]
    role = "primary" if step.act == "upgrade_primary" else "replica"
    node.update(state="running", role=role, version=wanted.version, installed=wanted.version, fenced=False)
    if role == "replica" and leader:
        _follows(state, step.host, leader)


def _follows(state: State, name: str, leader: str) -> None:
    state[name].update(streaming=True, paused=False, lag_bytes=0, timeline=state[leader]["timeline"], lsn=state[leader]["lsn"])


def _switchover(state: State, step: Step, _wanted: Wanted) -> None:
    old = state[step.host]
    old.update(state="stopped", fenced=True, version="", streaming=False, control={**old["control"], "state": "shut down"}, senders=[])
    old["control"].update(timeline=old["timeline"], checkpoint="0/1")
    _promote(state, step._replace(host=step.to), _wanted)


def _promote(state: State, step: Step, _wanted: Wanted) -> None:
    node = state[step.host]
    left = node["timeline"]
    node.update(role="primary", streaming=False, timeline=left + 1, lag_bytes=None, history=[{"timeline": left, "end": "FFFFFFFF/0"}], senders=[])
    for other in state.values():
        if other is not node and other["role"] == "replica":
            other["streaming"] = False


def _resume(state: State, step: Step, _wanted: Wanted) -> None:
    state[step.host].update(state="running", fenced=False, version=state[step.host]["installed"])
    for name, other in state.items():
        if name != step.host and other["state"] == "running":
            _follows(state, name, step.host)


def _repoint(state: State, step: Step, _wanted: Wanted) -> None:
    _follows(state, step.host, step.to)


def _drop(state: State, step: Step, _wanted: Wanted) -> None:
    state[step.host]["slots"] = [slot for slot in state[step.host]["slots"] if slot["name"] not in step.slots]


ACTS = {
    "backup": _backup,
    "upgrade_replica": _upgraded,
    "upgrade_primary": _upgraded,
    "switchover": _switchover,
    "promote": _promote,
    "resume": _resume,
    "repoint": _repoint,
    "drop_slots": _drop,
}
