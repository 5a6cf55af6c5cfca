# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the wanted is to be done, and what is refused: decided before anything is touched. Pure but for what `World` looks up."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore import xattrs
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import CONTENT, GIVEN, KNOWN, SECRET, Item, Refused, Step, Wanted


class World(NamedTuple):
    available: frozenset[str]  # digests of the contents that can be had
    children: Callable[[str], Iterable[str]]  # keys of what lies directly in a folder
    user: Callable[[str], bool]
    group: Callable[[str], bool]
    # Why the folder of this key takes no change ("" when it does): read-only, immutable, a way that is not safe.
    closed: Callable[[str], str]
    remove_added: bool


class Decision(NamedTuple):
    steps: list[Step]
    refused: dict[str, Refused]
    left: list[str]  # added since, and not asked to remove
    same: list[str]


class _State(NamedTuple):
    wanted: Wanted
    now: Mapping[str, Optional[Item]]
    made: set[str]
    gone: set[str]
    world: World


def decide(wanted: Wanted, now: Mapping[str, Optional[Item]], world: World) -> Decision:
    """Removals come first and from below; then what is made, from above."""
    decision = Decision([], {}, [], [])
    gone = _removals(wanted, now, world, decision)
    made = {key for key, item in now.items() if item is not None}
    state = _State(wanted, now, made, gone, world)
    present = {key: item for key, item in wanted.items() if item is not None}
    for key, item in sorted(present.items()):
        found = now.get(key)
        try:
            act = _act(item, found, world)
            if act == "":
                decision.same.append(key)
                continue
            _check_place(key, item, state=state)
        except Refused as exc:
            decision.refused[key] = exc
            continue
        made.add(key)
        decision.steps.append(Step(key, act, item, found))
    return decision


def _removals(wanted: Wanted, now: Mapping[str, Optional[Item]], world: World, decision: Decision) -> set[str]:
    gone: set[str] = set()
    for key in sorted((key for key, item in wanted.items() if item is None), reverse=True):
        found = now.get(key)
        if found is None:
            decision.same.append(key)
            continue
        if not world.remove_added:
            decision.left.append(key)
            continue
        try:
            if found.get("unknown"):
                raise Refused(f"it cannot be looked at: {found['unknown']}", "Make it readable for the connecting user, then restore again.")
            _check_open(key, world)
            _check_empty(key, found, gone, world)
        except Refused as exc:
            decision.refused[key] = exc
            continue
        gone.add(key)
        decision.steps.append(Step(key, "remove", None, found))
    return gone


def _act(item: Item, found: Optional[Item], world: World) -> str:
    """The act; empty when it is as it was."""
    _check_known(item, found)
    differing = {name for name in {*item, *(found or {})} if item.get(name) != (found or {}).get(name)}
    if "selinux" not in item:
        differing.discard("selinux")  # a host's own label is kept
    if item.get("secret"):
        # Its digest is not in the baseline, its fingerprint is: equal fingerprints leave the attributes, which can be given.
        if not found or not found.get("secret") or any(item.get(name) != found.get(name) for name in SECRET):
            raise Refused("the baseline holds only the fingerprint of this secret", "Set the secret through the role or the vault that owns it.")
        differing -= {*CONTENT}
    elif "sha256" not in item and found and found.get("type") == item.get("type") == "file":
        differing -= {*CONTENT}  # compared key by key, not as a whole
    if not differing:
        return ""
    for name, known in (("owner", world.user), ("group", world.group)):
        if name in item and not known(str(item[name])):
            raise Refused(f"there is no {'user' if name == 'owner' else 'group'} {item[name]} on this host", "Restore the account first.")
    xattrs.values(item)  # refuses what cannot be given again
    kind = str(item.get("type"))
    if found and differing <= {*GIVEN} and kind != "link":
        return "attributes"
    if kind in ("folder", "link", "pipe"):
        return kind
    return _write(item, world)


def _write(item: Item, world: World) -> str:
    if item.get("type") != "file":
        raise Refused(f"a {item.get('type')} is not made again", "Let the program that owns it make it.")
    digest = item.get("sha256")
    if not digest:
        raise Refused("the baseline compares this file key by key and holds no content", "Apply the role that owns it (drift.repair_role).")
    if digest not in world.available:
        raise Refused(f"the content {str(digest)[:12]} is not in the store", "Take it from the package or the release, or apply the role that owns the file.")
    return "write"


def _check_known(item: Item, found: Optional[Item]) -> None:
    for name, side in (("the baseline", item), ("the host", found or {})):
        if side.get("unknown"):
            raise Refused(f"{name} does not know it: {side['unknown']}", "Make it readable, then look again.")
    for name in sorted(set(item) - KNOWN):
        if (found or {}).get(name) != item[name]:
            raise Refused(f"{name} of a file cannot be given", f"Set {name} to {item[name]} by hand.")


def _check_place(key: str, item: Item, *, state: _State) -> None:
    parent = "file:" + posixpath.dirname(key.partition(":")[2])
    planned = state.wanted.get(parent)
    if parent in state.gone or (planned is not None and parent not in state.made):
        raise Refused("its folder is not restored", "See why its folder is refused.")
    if planned is None or (state.now.get(parent) or {}).get("type") == "folder":
        _check_open(key, state.world)
    found = state.now.get(key)
    if found and found.get("type") == "folder" and item.get("type") != "folder":
        _check_empty(key, found, state.gone, state.world)


def _check_open(key: str, world: World) -> None:
    reason = world.closed(key)
    if reason:
        raise Refused(reason, "Where evenkeel protects it, let remediate lift that meanwhile (remediate_lift=true); else lift it by hand, then restore again.")


def _check_empty(key: str, found: Item, gone: set[str], world: World) -> None:
    if found.get("type") != "folder":
        return
    left = sorted(set(world.children(key)) - gone)
    if left:
        raise Refused(f"the folder holds {len(left)} more: {', '.join(left[:3])}", "Name them too, with remove_added, or move them away.")
