# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of an Unleash server, through its admin API, in one project and one environment."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.module_utils._flags.decide import TARGETING_KEY, Wanted
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from ansible_collections.evenkeel.release.plugins.module_utils._flags.http import Send

ROLLOUT = "flexibleRollout"
DEFAULT = "default"  # the strategy that is on for everybody, and the stickiness that takes userId, then sessionId, then chance


class Change(NamedTuple):
    before: dict[str, Any]  # by flag: {enabled, strategies}; None where there is none
    after: dict[str, Any]
    changed: tuple[str, ...]


class Unleash:
    def __init__(self, send: Send, *, project: str, environment: str) -> None:
        self._send = send
        self.project = project
        self.environment = environment
        self._features = f"/api/admin/projects/{_quoted(project)}/features"
        self._bulk = f"/api/admin/projects/{_quoted(project)}/bulk_features/environments/{_quoted(environment)}"

    # --- looking

    def check_place(self) -> None:
        body = self._ask("GET", f"/api/admin/environments/project/{_quoted(self.project)}", what=f"read project {self.project}")
        known = [str(one["name"]) for one in body.get("environments", [])]
        if self.environment not in known:
            raise FlagError(
                f"Project {self.project} of the Unleash server has no environment {self.environment}; it has {', '.join(known) or 'none'}. Nothing was changed."
            )

    def known(self) -> dict[str, dict[str, Any]]:
        body = self._ask("GET", self._features, what=f"list the flags of project {self.project}")
        return {str(one["name"]): one for one in body.get("features", [])}

    def state(self, key: str) -> dict[str, Any]:
        body = self._ask("GET", f"{self._place(key)}", what=f"read flag {key}")
        return {"enabled": bool(body["enabled"]), "strategies": [_strategy(one) for one in body.get("strategies", [])]}

    def changed_at(self, key: str) -> str:
        """When the flag was last changed in this environment, or for all of them."""
        body = self._ask("GET", f"/api/admin/events/{_quoted(key)}", what=f"read the history of flag {key}")
        times = [str(one["createdAt"]) for one in body.get("events", []) if one.get("environment") in (None, self.environment)]
        return max(times, default="")

    # --- changing

    def apply(self, keys: Sequence[str], wanted: Wanted, *, create: bool, dry: bool) -> Change:
        self.check_place()
        known = self.known()
        unknown = [key for key in keys if key not in known]
        if unknown and wanted.state != "absent" and (wanted.state == "killed" or not create):
            hint = "" if wanted.state == "killed" else " Say create: true to make them."
            raise FlagError(
                f"Project {self.project} of the Unleash server has no flag {', '.join(unknown)}; it has {', '.join(sorted(known)) or 'none'}."
                f" Nothing was changed.{hint}"
            )
        before = {key: self.state(key) if key in known else None for key in keys}
        after = {key: decide(key, before[key], wanted) for key in keys}
        changed = tuple(key for key in keys if before[key] != after[key])
        if not dry:
            self._carry_out(changed, before, after, wanted)
        return Change(before, after, changed)

    def _carry_out(self, keys: Sequence[str], before: Mapping[str, Any], after: Mapping[str, Any], wanted: Wanted) -> None:
        off = [key for key in keys if before[key] and after[key] and before[key]["enabled"] and not after[key]["enabled"]]
        if off:  # one call for all of them: they go off together
            self._ask("POST", f"{self._bulk}/off", {"features": off}, what=f"switch off {', '.join(off)}")
        for key in keys:
            if after[key] is None:
                self._ask("DELETE", f"{self._features}/{_quoted(key)}", what=f"archive flag {key}")
                continue
            if before[key] is None:
                self._ask("POST", self._features, {"name": key, "type": "release", **_described(wanted)}, what=f"create flag {key}")
            self._write_strategies(key, before[key] or {"strategies": []}, after[key])
            if after[key]["enabled"] and not (before[key] and before[key]["enabled"]):
                # after its strategies: an environment without one would be given 100 %
                self._ask("POST", f"{self._place(key)}/on", what=f"switch on {key}")
        for key in keys:
            if after[key] is not None:
                self._read_back(key, after[key])

    def _write_strategies(self, key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        kept = {one["id"]: one for one in after["strategies"] if one.get("id")}
        place = f"{self._place(key)}/strategies"
        for old in before["strategies"]:
            if old["id"] not in kept:
                self._ask("DELETE", f"{place}/{_quoted(old['id'])}", what=f"remove a strategy of {key}")
            elif old != kept[old["id"]]:
                new = {name: value for name, value in kept[old["id"]].items() if name != "id"}
                self._ask("PUT", f"{place}/{_quoted(old['id'])}", new, what=f"change a strategy of {key}")
        for new in after["strategies"]:
            if not new.get("id"):
                self._ask("POST", place, new, what=f"add a strategy to {key}")

    def _read_back(self, key: str, expected: Mapping[str, Any]) -> None:
        found = self.state(key)
        if _plain(found) != _plain(expected):
            raise FlagError(
                f"Flag {key} is {_plain(found)} after the change, expected {_plain(expected)}: somebody else changes it, or a change request is needed."
            )

    def _place(self, key: str) -> str:
        return f"{self._features}/{_quoted(key)}/environments/{_quoted(self.environment)}"

    def _ask(self, method: str, path: str, body: Any = None, *, what: str) -> dict[str, Any]:
        answer = self._send(method, path, body)
        if 200 <= answer.status < 300:
            return answer.body if isinstance(answer.body, dict) else {}
        found = answer.body if isinstance(answer.body, dict) else {}
        told = "; ".join(str(one.get("message")) for one in found.get("details", []) if isinstance(one, dict)) or found.get("message") or "no reason given"
        told = str(told).rstrip(".")
        hint = {401: " Is the token an admin or personal one?", 403: " The token lacks the right, or the environment needs a change request."}
        raise FlagError(f"Unleash refused to {what} (status {answer.status}): {told}.{hint.get(answer.status, '')}")


def decide(key: str, found: Optional[Mapping[str, Any]], wanted: Wanted) -> Optional[dict[str, Any]]:
    if wanted.state == "absent":
        return None
    new: dict[str, Any] = copy.deepcopy(dict(found)) if found else {"enabled": False, "strategies": []}
    if wanted.state in ("off", "killed"):
        return {**new, "enabled": False}
    rollout = _whole(wanted.percentage) if wanted.state == "percentage" else "100"
    new["enabled"] = True
    plain = [one for one in new["strategies"] if _for_everybody(one)]
    if wanted.state == "on" and any(share_of(one) == 100.0 for one in plain):
        return new  # one that is on for everybody is enough, whatever the others say
    others = [one for one in new["strategies"] if one not in plain]
    if not wanted.replace_targeting and (others or len(plain) > 1):
        names = ", ".join(f"{one['name']}{' with constraints' if one['constraints'] or one['segments'] else ''}" for one in new["strategies"])
        raise FlagError(f"Flag {key} has strategies of its own ({names}). Nothing was changed. Say replace_targeting: true to put one roll-out in their place.")
    parameters = {"rollout": rollout, "stickiness": _stickiness(wanted.sticky_by), "groupId": key}
    old = next((one for one in plain if one["name"] == ROLLOUT), None)
    if old is not None:
        parameters = {**old["parameters"], "rollout": rollout}
        if wanted.state == "percentage" and wanted.sticky_by != TARGETING_KEY:
            parameters["stickiness"] = wanted.sticky_by
    fresh = {"name": ROLLOUT, "parameters": parameters, "constraints": [], "segments": [], "variants": [], "disabled": False}
    new["strategies"] = [{**old, "parameters": parameters, "disabled": False} if old is not None else fresh]
    return new


def share(found: Mapping[str, Any]) -> Optional[float]:
    """Percent of the subjects that get the flag; None when constraints decide it."""
    if not found["enabled"]:
        return 0.0
    active = [one for one in found["strategies"] if not one.get("disabled")]
    shares = [share_of(one) for one in active]
    if 100.0 in shares or not found["strategies"]:
        return 100.0
    return shares[0] if len(shares) == 1 else 0.0 if not shares or all(one == 0.0 for one in shares) else None


def share_of(strategy: Mapping[str, Any]) -> Optional[float]:
    if not _for_everybody(strategy) or strategy.get("disabled"):
        return None
    if strategy["name"] == DEFAULT:
        return 100.0
    try:
        return float(strategy["parameters"]["rollout"])
    except (KeyError, TypeError, ValueError):
        return None


def _for_everybody(strategy: Mapping[str, Any]) -> bool:
    return strategy["name"] in (ROLLOUT, DEFAULT) and not strategy["constraints"] and not strategy["segments"]


def _strategy(one: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: one.get(name) for name in ("id", "name", "parameters")}
    return {**kept, **{name: one.get(name) or [] for name in ("constraints", "segments", "variants")}, "disabled": bool(one.get("disabled"))}


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    strategies = [{"name": one["name"], **(one["parameters"] or {})} for one in found["strategies"]]
    return {"enabled": found["enabled"], "strategies": sorted(strategies, key=str)}


def _whole(percentage: Optional[float]) -> str:
    if percentage is None or percentage != int(percentage) or not 0 <= percentage <= 100:
        raise FlagError(f"percentage is {percentage}, allowed for Unleash: a whole number from 0 to 100. Nothing was changed.")
    return str(int(percentage))


def _stickiness(sticky_by: str) -> str:
    return DEFAULT if sticky_by == TARGETING_KEY else sticky_by


def _described(wanted: Wanted) -> dict[str, Any]:
    text = wanted.metadata.get("description")
    return {"description": str(text)} if text else {}


def _quoted(word: str) -> str:
    return quote(word, safe="")
