# SPDX-License-Identifier: GPL-3.0-or-later
"""A flag file's text before and after a change of some of its flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags import decide, jsontext, schema
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError

EMPTY = '{\n  "$schema": "https://flagd.dev/schema/v0/flags.json",\n  "flags": {}\n}\n'
STAMP = "changed_at"


class Change(NamedTuple):
    text: str
    before: dict[str, Any]  # flag by key; None where there was none
    after: dict[str, Any]
    changed: tuple[str, ...]
    warnings: tuple[str, ...]


class Options(NamedTuple):
    create: bool = False
    stamp: bool = True
    now: str = ""  # RFC 3339; what a changed flag is stamped with


def plan(text: str, keys: Sequence[str], wanted: decide.Wanted, options: Options, *, name: str) -> Change:
    document = jsontext.load(text, name=name)
    wrong = schema.document_faults(document)
    if wrong:
        raise FlagError(f"{name} is no flag file, and nothing was changed: {'; '.join(wrong)}")
    flags = document["flags"]
    _refuse_unknown(flags, keys, wanted, options, name)
    before = {key: flags.get(key) for key in keys}
    after = {key: None if wanted.state == "absent" else _next(key, flags.get(key), wanted, options) for key in keys}
    changed = tuple(key for key in keys if not jsontext.same(before[key], after[key]))
    new = text
    for key in changed:
        new = _write(new, key, before[key], after[key])
    warnings = _check(new, keys, wanted.state, name)
    return Change(new, before, after, changed, warnings)


def _refuse_unknown(flags: Mapping[str, Any], keys: Sequence[str], wanted: decide.Wanted, options: Options, name: str) -> None:
    unknown = [key for key in keys if key not in flags]
    if unknown and wanted.state != "absent" and (wanted.state == "killed" or not options.create):
        known = ", ".join(sorted(flags)) or "none"
        hint = "" if wanted.state == "killed" else " Say create: true to make them."
        raise FlagError(f"{name} has no flag {', '.join(unknown)}; it has {known}. Nothing was changed.{hint}")
    broken = [key for key in keys if key in flags and not (isinstance(flags[key], dict) and isinstance(flags[key].get("variants"), dict))]
    if broken and wanted.state != "absent":
        raise FlagError(f"{name}: flag {', '.join(broken)} has no variants, so it can't be switched. Nothing was changed; mend it first.")


def _next(key: str, flag: Optional[Mapping[str, Any]], wanted: decide.Wanted, options: Options) -> dict[str, Any]:
    new = decide.decide(key, flag, wanted)
    if options.stamp and not jsontext.same(new, flag):
        stamps = {STAMP: options.now} if flag is not None else {"created_at": options.now, STAMP: options.now}
        new["metadata"] = {**new.get("metadata", {}), **stamps}
    return new


def _write(text: str, key: str, before: Optional[Mapping[str, Any]], after: Optional[Mapping[str, Any]]) -> str:
    if after is None:
        return jsontext.remove(text, ("flags", key))
    if before is None:
        return jsontext.change(text, ("flags", key), dict(after))
    for part, value in after.items():
        if part == "metadata" and isinstance(before.get("metadata"), dict):
            for word in value:
                text = jsontext.change(text, ("flags", key, "metadata", word), value[word])
        elif part not in before or not jsontext.same(before[part], value):
            text = jsontext.change(text, ("flags", key, part), value)
    return text


def _check(text: str, keys: Sequence[str], state: str, name: str) -> tuple[str, ...]:
    """Faults of what is switched stop it. A kill switch works, whatever is wrong with other flags."""
    found = schema.faults(jsontext.load(text, name=name))
    mine = [fault for key in keys for fault in found.get(key, ())]
    others = [fault for key, list_ in found.items() if key not in keys for fault in list_]
    tolerant = state in ("killed", "off", "absent")
    if mine or (others and not tolerant):
        told = "; ".join([*mine, *([] if tolerant else others)])
        raise FlagError(f"{name} wouldn't be a valid flag file, and nothing was changed: {told}")
    return tuple(others)
