# SPDX-License-Identifier: GPL-3.0-or-later
"""Swap, confirm and revert. Each finds in the target what was done before, so each may be repeated, also after a crash."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import shadow, triggers
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import new_of, old_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import is_error


def _found(target: Any, policy: str) -> tuple[str, dict[str, Any]]:
    """The phase that the tables show: a session may have died between the RENAME and its record."""
    phase, state = shadow.remembered(target, policy)
    if phase in ("prepared", "swapped") and state.get("triggers"):
        triggers.put_on(target, state["triggers"])  # a session may have died before it put them on again
    if phase in ("prepared", "swapped"):
        swapped = set(state["tables"]) <= set(shadow.held(target, old_of(target.database)))
        waiting = set(state["tables"]) <= set(shadow.held(target, new_of(target.database)))
        phase = "swapped" if swapped else "prepared" if waiting else ""
    return phase, state


def swap(target: Any, policy: str) -> bool:
    phase, state = _found(target, policy)
    if phase in ("swapped", "confirmed"):
        return False
    if phase != "prepared":
        raise SyncError(f"Nothing is prepared for policy {policy!r} in database {target.database!r}; run the phase prepare first.")
    if set(shadow.held(target, old_of(target.database))):
        shadow.drop(target, old_of(target.database))
    found = triggers.read(target, state["tables"])
    triggers.try_on(target, found, database=new_of(target.database))
    state["triggers"] = found
    shadow.remember(target, policy=policy, phase="prepared", state=state)
    _without_triggers(target, found, lambda: shadow.swap(target, state["tables"]))
    shadow.remember(target, policy=policy, phase="swapped", state=state)
    return True


def _without_triggers(target: Any, found: list[dict[str, str]], act: Callable[[], None]) -> None:
    try:
        triggers.take_off(target, found)
        act()
    finally:
        triggers.put_on(target, found)


def confirm(target: Any, policy: str) -> bool:
    phase, state = _found(target, policy)
    if phase == "confirmed":
        return False
    if phase != "swapped":
        raise SyncError(f"Nothing is swapped for policy {policy!r} in database {target.database!r}; run the phases prepare and swap first.")
    # First the record: from here on the new tables are the ones to keep, whatever is left of the old.
    shadow.remember(target, policy=policy, phase="confirmed", state=state)
    tidy(target)
    return True


def revert(target: Any, policy: str) -> bool:
    phase, state = _found(target, policy)
    if phase == "swapped":
        _without_triggers(target, state.get("triggers", []), lambda: shadow.swap_back(target, state["tables"]))
    changed = phase in ("swapped", "prepared")
    if changed:
        shadow.forget(target, policy)
    tidy(target)
    return changed


def give_up(target: Any, policy: str) -> None:
    """The first error counts: what can't be undone now is undone by the next run."""
    try:
        revert(target, policy)
    except Exception as exc:
        if not is_error(exc):
            raise


def undo(target: Any, policy: str) -> None:
    """What an earlier run left: unconfirmed tables make room for the old ones, half-filled ones go."""
    if _found(target, policy)[0] == "swapped":
        revert(target, policy)
    held = shadow.held(target, old_of(target.database))
    missing = sorted(set(held) - set(shadow.held(target, target.database)))
    if missing:
        raise SyncError(f"Database {old_of(target.database)!r} holds tables that {target.database!r} lacks ({', '.join(missing)}); move them back first.")
    tidy(target)


def tidy(target: Any) -> None:
    """The first error counts: what can't be dropped now is dropped by the next run."""
    try:
        for database in (new_of(target.database), old_of(target.database)):
            shadow.drop(target, database)
    except Exception as exc:
        if not is_error(exc):
            raise


def pending(target: Any, policy: str, phase: str) -> bool:
    found = _found(target, policy)[0]
    return {"swap": found == "prepared", "confirm": found == "swapped", "revert": found in ("prepared", "swapped")}[phase]


ACTS: dict[str, Callable[[Any, str], bool]] = {"swap": swap, "confirm": confirm, "revert": revert}
