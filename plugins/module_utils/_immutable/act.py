# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protect, lift or look, over all paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._immutable import bind, tree
from ansible_collections.evenkeel.release.plugins.module_utils._immutable.modes import Modes
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable

MOST = 100


def perform(tops: Sequence[bytes], *, state: str, method: str, fallback: bool, modes: Modes, dry: bool, run: bind.Run) -> dict[str, Any]:
    """Looks at everything first: a path that is not there stops it before anything is changed."""
    before = _seen(tops, method, modes)
    changed = False
    if state != "verified":
        paths = list(tops) if method == "bind" else [path for path, _how in before]
        if state == "applied" and method != "bind" and fallback and not dry:
            _keep(before, modes)
        # Lifting begins above: a folder that may not change keeps nothing in it from being changed.
        for path in paths if state == "applied" else reversed(paths):
            changed = _one(path, state, method, fallback, modes, dry, run) or changed
        if not dry:
            modes.flush()
    after = before if dry or not changed else _seen(tops, method, modes)
    return {"changed": changed, **_told(after), "diff": {"before": _text(before), "after": _text(after)}}


def _one(path: bytes, state: str, method: str, fallback: bool, modes: Modes, dry: bool, run: bind.Run) -> bool:
    if method == "bind":
        return (bind.protect if state == "applied" else bind.lift)(path, dry=dry, run=run)
    if state == "applied":
        return tree.protect(path, fallback=fallback, modes=modes, dry=dry)
    changed = tree.lift(path, modes=modes, dry=dry)
    if not dry:
        modes.forget(path)
    return changed


def _keep(before: Sequence[tuple[bytes, str]], modes: Modes) -> None:
    """On disk before the first mode is narrowed; what gets the attribute is forgotten again."""
    for path, how in before:
        if how == tree.NONE:
            modes.keep(path, tree.look(path).mode)
    modes.flush()


def _seen(tops: Sequence[bytes], method: str, modes: Modes) -> list[tuple[bytes, str]]:
    if method == "bind":
        return [(path, "bind" if bind.read_only(path) else tree.NONE) for path in tops]
    return [(path, tree.look(path).protected(modes)) for path in tree.walk(tops)]


def _told(seen: Sequence[tuple[bytes, str]]) -> dict[str, Any]:
    counts = Counter(how for _path, how in seen)
    return {
        "held": not counts[tree.NONE],
        "protected": dict(sorted(counts.items())),
        "weak": [printable(path) for path, how in seen if how == tree.MODES][:MOST],
        "open": [printable(path) for path, how in seen if how == tree.NONE][:MOST],
    }


def _text(seen: Sequence[tuple[bytes, str]]) -> str:
    return "".join(f"{how}: {count}\n" for how, count in sorted(Counter(how for _path, how in seen).items()))
