# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restoration as a whole: look, decide, write the journal, put the content beside its place, act, prove."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore import accounts, act, look, runtime
from ansible_collections.evenkeel.release.plugins.module_utils._restore.closed import closed
from ansible_collections.evenkeel.release.plugins.module_utils._restore.decide import World, decide
from ansible_collections.evenkeel.release.plugins.module_utils._restore.journal import Journal
from ansible_collections.evenkeel.release.plugins.module_utils._restore.rooms import Rooms
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Broken, Item, Refused, Step, Wanted, kind_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable

UNIT_FOLDERS = ("file:/etc/systemd/system/", "file:/usr/lib/systemd/system/", "file:/lib/systemd/system/", "file:/usr/local/lib/systemd/system/")


@dataclass
class Site:
    """What a restoration needs of its host; tests give another one."""

    collect: Callable[[str, Sequence[str]], Mapping[str, Any]]
    run: runtime.Run
    label: act.Label = lambda _path: None
    seen: Callable[[bytes, dict[str, Any]], dict[str, Any]] = lambda _path, item: item
    proc: str = "/proc/sys"


@dataclass
class Plan:
    steps: list[Step] = field(default_factory=list)
    units: dict[str, list[list[str]]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    now: dict[str, Optional[Item]] = field(default_factory=dict)

    def wanted(self) -> list[str]:
        return [*(step.key for step in self.steps), *self.units]

    def needs(self) -> list[str]:
        return sorted({str(step.item["sha256"]) for step in self.steps if step.act == "write" and step.item})


def plan(wanted: Wanted, *, available: Sequence[str], remove_added: bool, site: Site) -> Plan:
    """Changes nothing."""
    files = {key: item for key, item in wanted.items() if kind_of(key) == "file"}
    made = Plan()
    for key in files:
        try:
            made.now[key] = seen(key, site)
        except (Refused, ValueError) as exc:
            made.refused[key] = exc if isinstance(exc, Refused) else Refused(str(exc), "Take the name from a snapshot.")
    world = World(frozenset(available), _children, accounts.has_user, accounts.has_group, closed, remove_added)
    decision = decide({key: item for key, item in files.items() if key not in made.refused}, made.now, world)
    made.steps, made.left, made.same = decision.steps, decision.left, decision.same
    made.refused.update(decision.refused)
    _plan_units([key for key in wanted if key not in files], wanted, made, site)
    return made


def _plan_units(keys: Sequence[str], wanted: Wanted, made: Plan, site: Site) -> None:
    now = runtime.states(keys, site.collect)
    made.now.update(now)
    reloads = any(step.key.startswith(UNIT_FOLDERS) for step in made.steps)
    for key in keys:
        try:
            argvs = runtime.commands(key, wanted[key], now[key])
            if runtime.unit_differs(wanted[key], now[key]) and not reloads:
                raise Refused("the text of its unit differs", "Name the unit's file in the paths of the baseline, then it is restored.")
        except Refused as exc:
            made.refused[key] = exc
            continue
        if argvs:
            made.units[key] = argvs
        else:
            made.same.append(key)


def seen(key: str, site: Site) -> Optional[Item]:
    path = act.path_of(key)
    item = look.look(path)
    return item if item is None else site.seen(path, item)


def interrupted(journal: Journal, site: Site) -> Optional[dict[str, Any]]:
    """What an earlier run began and did not end; its unfinished files are removed, its keys are told."""
    left = journal.left()
    if left is None:
        return None
    swept = Rooms(left.mark).sweep(left.folders) if left.folders else 0
    unfinished = [key for key, item in sorted(left.wanted.items()) if kind_of(key) == "file" and not _same(item, seen(key, site))]
    return {"swept": swept, "unfinished": unfinished, "readable": bool(left.mark)}


def perform(made: Plan, contents: Mapping[str, bytes], *, journal: Journal, site: Site) -> list[str]:
    """The keys that were restored. On Broken everything before it is restored and everything after it untouched."""
    mark = f"evenkeel-restore-{secrets.token_hex(8)}"
    rooms = Rooms(mark, [act.path_of(step.key) for step in made.steps])
    journal.begin(mark, rooms.folders(), made.steps)
    done: list[str] = []
    try:
        act.stage(made.steps, contents, rooms=rooms, label=site.label)
    except (OSError, Refused) as exc:
        journal.end()
        why = (getattr(exc, "strerror", None) or str(exc)).lower()
        raise Broken(f"the content could not be written beside its place ({why}), so nothing was changed") from exc
    try:
        for step in made.steps:
            act.commit(step, rooms=rooms, label=site.label)
            done.append(step.key)
        if any(key.startswith(UNIT_FOLDERS) for key in done):
            runtime.perform(["systemctl", "daemon-reload"], run=site.run)
        for key, argvs in made.units.items():
            for argv in argvs:
                runtime.perform(argv, run=site.run, proc=site.proc)
            done.append(key)
    except Broken as exc:
        missing = [key for key in made.wanted() if key not in done]
        raise Broken(f"{exc}. Restored before it: {', '.join(done) or 'nothing'}; not restored: {', '.join(missing)}") from exc
    finally:
        rooms.sweep()
    journal.end()
    return done


def _same(item: Optional[Item], now: Optional[Item]) -> bool:
    if item is None or now is None:
        return item is now
    return all(now.get(name) == value for name, value in item.items() if name not in ("secret", "fingerprint", "key"))


def _children(key: str) -> list[str]:
    folder = act.path_of(key)
    return ["file:" + printable(os.path.join(folder, name)) for name in look.names_in(folder)]
