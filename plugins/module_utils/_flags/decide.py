# SPDX-License-Identifier: GPL-3.0-or-later
"""What a flag of a flagd file has to look like, from what it looks like and what is wanted. Pure: a flag in, a flag out."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError

ON_NAMES, OFF_NAMES = ("on", "true", "enabled", "yes"), ("off", "false", "disabled", "no")
TARGETING_KEY = "targetingKey"
DIGITS = 3  # of a percentage behind the point
BOOLEAN = {"on": True, "off": False}


class Wanted(NamedTuple):
    state: str
    percentage: Optional[float] = None
    on_variant: str = ""
    off_variant: str = ""
    sticky_by: str = TARGETING_KEY
    replace_targeting: bool = False
    variants: Optional[Mapping[str, Any]] = None
    metadata: Mapping[str, Any] = {}


class Roles(NamedTuple):
    on: str
    off: str


def decide(key: str, flag: Optional[Mapping[str, Any]], wanted: Wanted) -> dict[str, Any]:
    """The flag as it should be. `flag` is None when there is none yet."""
    new: dict[str, Any] = copy.deepcopy(dict(flag)) if flag is not None else _fresh(wanted)
    roles = variants_of(key, new, wanted)
    if wanted.state == "killed":
        _kill(new, roles)
    else:
        if is_killed(new):
            new["targeting"] = _unkilled(new["targeting"])
        _switch(key, new, roles, wanted)
        new["state"] = "ENABLED"
    if not new.get("targeting"):
        if flag is None or "targeting" not in flag:
            new.pop("targeting", None)
        elif new.get("targeting") is None:
            new["targeting"] = {}
    if wanted.metadata:
        new["metadata"] = {**new.get("metadata", {}), **wanted.metadata}
    return new


def _fresh(wanted: Wanted) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": dict(wanted.variants or BOOLEAN), "defaultVariant": None}


def variants_of(key: str, flag: Mapping[str, Any], wanted: Wanted) -> Roles:
    """Which variant is on and which is off: as asked for, else by value, else by name. An empty name when it can't be told."""
    variants = flag.get("variants") or {}
    for option, name in (("on_variant", wanted.on_variant), ("off_variant", wanted.off_variant)):
        if name and name not in variants:
            raise FlagError(f"Flag {key} has no variant {name!r} ({option}); it has {', '.join(variants) or 'none'}. Nothing was changed.")
    on = wanted.on_variant or _guess(variants, value=True, names=ON_NAMES)
    off = wanted.off_variant or _guess(variants, value=False, names=OFF_NAMES)
    needed = {"on": ("on",), "off": ("off",), "percentage": ("on", "off"), "killed": ()}[wanted.state]
    for name, found in (("on", on), ("off", off)):
        if name in needed and not found:
            raise FlagError(f"Which variant of flag {key} is {name}? It has {', '.join(variants)}: say {name}_variant. Nothing was changed.")
    if wanted.state == "percentage" and on == off:
        raise FlagError(f"on_variant and off_variant of flag {key} are both {on!r}. Nothing was changed.")
    return Roles(on, off)


def _guess(variants: Mapping[str, Any], *, value: bool, names: tuple[str, ...]) -> str:
    by_value = [name for name, found in variants.items() if found is value]
    if len(by_value) == 1:
        return by_value[0]
    by_name = [name for name in variants if name.lower() in names]
    return by_name[0] if len(by_name) == 1 else ""


def _switch(key: str, flag: dict[str, Any], roles: Roles, wanted: Wanted) -> None:
    rule = flag.get("targeting") or {}
    if wanted.state == "percentage":
        flag["defaultVariant"] = roles.off
        flag["targeting"] = _rolled_out(key, rule, roles, wanted)
        return
    if rule and not wanted.replace_targeting and not _is_ours(rule, roles):
        raise FlagError(
            f"Flag {key} has rules of its own (targeting), and {wanted.state} for everybody would drop them. Nothing was changed."
            " Say replace_targeting: true when that is meant; killed keeps the rules and doesn't ask them."
        )
    flag["defaultVariant"] = roles.on if wanted.state == "on" else roles.off
    flag["targeting"] = {}


# --- percentages


def weights(percentage: float) -> tuple[int, int]:
    """Whole weights of on and off. On comes first: who is in at 10 % is still in at 20 %, whatever the sum of the weights."""
    try:
        exact = Decimal(str(percentage))
    except InvalidOperation:
        raise FlagError(f"percentage is {percentage!r}, allowed: 0 to 100") from None
    if exact.is_nan() or not 0 <= exact <= 100 or exact != round(exact, DIGITS):
        raise FlagError(f"percentage is {percentage}, allowed: 0 to 100 with at most {DIGITS} digits behind the point")
    scale = next(10**digits for digits in range(DIGITS + 1) if exact * 10**digits == int(exact * 10**digits))
    on = int(exact * scale)
    return on, 100 * scale - on


def rollout(roles: Roles, percentage: float, sticky_by: str) -> dict[str, Any]:
    on, off = weights(percentage)
    pairs = [[roles.on, on], [roles.off, off]]
    if sticky_by == TARGETING_KEY:  # the bucket is that of flag and targeting key; who has none gets the default
        return {"fractional": pairs}
    bucket = {"cat": [{"var": "$flagd.flagKey"}, {"var": sticky_by}]}
    return {"if": [{"!!": [{"var": sticky_by}]}, {"fractional": [bucket, *pairs]}, roles.off]}


def _rolled_out(key: str, rule: Mapping[str, Any], roles: Roles, wanted: Wanted) -> dict[str, Any]:
    percentage = wanted.percentage or 0.0
    whole = rollout(roles, percentage, wanted.sticky_by)
    if not rule or wanted.replace_targeting or _is_ours(rule, roles):
        return whole
    new = copy.deepcopy(dict(rule))
    places = _between(new, roles)
    if len(places) != 1:
        raise FlagError(
            f"Flag {key} has rules of its own (targeting) with {len(places)} roll-outs between {roles.on!r} and {roles.off!r}, and exactly one"
            " could be changed. Nothing was changed. Say replace_targeting: true to put the roll-out in their place."
        )
    pairs = dict(zip((roles.on, roles.off), weights(percentage)))
    places[0]["fractional"] = [[part[0], pairs[part[0]]] if isinstance(part, list) else part for part in places[0]["fractional"]]
    return new


def _between(rule: Any, roles: Roles) -> list[dict[str, Any]]:
    """Fractional rules that part subjects into on and off and nothing else."""
    found: list[dict[str, Any]] = []
    if isinstance(rule, list):
        for part in rule:
            found += _between(part, roles)
    elif isinstance(rule, dict):
        if sorted(str(name) for name, _weight in _pairs(rule)) == sorted((roles.on, roles.off)):
            found.append(rule)
        for part in rule.values():
            found += _between(part, roles)
    return found


def _pairs(rule: Any) -> list[tuple[Any, Any]]:
    """(variant, weight) of a fractional rule; nothing of any other."""
    if not isinstance(rule, Mapping) or not isinstance(rule.get("fractional"), list):
        return []
    return [(pair[0], pair[1] if len(pair) > 1 else 1) for pair in rule["fractional"] if isinstance(pair, list) and pair]


def _is_ours(rule: Any, roles: Roles) -> bool:
    """A plain roll-out between the two, whoever wrote it."""
    plain = _inner(rule, roles)
    names = {name for name, _weight in _pairs(plain)}
    return bool(names) and names <= {roles.on, roles.off}


def _inner(rule: Any, roles: Roles) -> Any:
    """The fractional rule of a roll-out that is sticky by an attribute."""
    if isinstance(rule, Mapping) and isinstance(rule.get("if"), list) and len(rule["if"]) == 3:
        condition, then, otherwise = rule["if"]
        if isinstance(condition, Mapping) and set(condition) == {"!!"} and otherwise == roles.off and isinstance(then, Mapping):
            return then
    return rule


# --- the kill switch


def _kill(flag: dict[str, Any], roles: Roles) -> None:
    """Everybody gets off, and the rules stay in the file behind a condition that never holds."""
    if not roles.off:
        flag["state"] = "DISABLED"  # nothing that could be called off: the program's own default then
        return
    if is_killed(flag) and flag["state"] == "ENABLED":
        return
    rule = flag.get("targeting") or {}
    if not rule and flag.get("defaultVariant") == roles.off and flag.get("state") == "ENABLED":
        return
    flag["state"] = "ENABLED"
    flag["targeting"] = {"if": [False, _unkilled(rule) or None, roles.off]}


def is_killed(flag: Mapping[str, Any]) -> bool:
    rule = flag.get("targeting")
    if not isinstance(rule, Mapping) or set(rule) != {"if"} or not isinstance(rule["if"], list):
        return False
    return len(rule["if"]) == 3 and rule["if"][0] is False


def _unkilled(rule: Any) -> Any:
    return (rule["if"][1] or {}) if is_killed({"targeting": rule}) else rule


# --- what a flag answers


def share(flag: Mapping[str, Any], wanted: Wanted, *, key: str = "") -> Optional[float]:
    """Percent of the subjects that get the on variant; None when rules decide it."""
    try:
        roles = variants_of(key, flag, wanted._replace(state="killed"))
    except FlagError:
        return None
    if flag.get("state") != "ENABLED" or is_killed(flag):
        return 0.0
    rule = flag.get("targeting") or {}
    if not rule:
        default = flag.get("defaultVariant")
        return 100.0 if default == roles.on else 0.0 if default is None or default == roles.off else None
    if not roles.on or not _is_ours(rule, roles):
        return None
    pairs = _pairs(_inner(rule, roles))
    if any(isinstance(weight, (dict, bool)) for _name, weight in pairs):
        return None
    whole = sum(weight for _name, weight in pairs)
    return 100.0 * sum(weight for name, weight in pairs if name == roles.on) / whole if whole else None
