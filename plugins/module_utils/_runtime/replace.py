# SPDX-License-Identifier: GPL-3.0-or-later
"""One host from one release of a service to another, where both cannot run at once: stop, start, wait until healthy, point the links.

The links are moved last: whoever looks at them, a later run above all, sees a release that was healthy here.
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan, summary
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree


class ReplaceError(Exception):
    """Why the service is not healthy with the wanted release; `probes` has what they said."""

    def __init__(self, message: str, probes: Any = ()) -> None:
        super().__init__(message)
        self.probes = list(probes)


class Health(NamedTuple):
    """Three clocks: every attempt waits `interval` s, all must pass for `minimum` s in a row, before `deadline` s have gone."""

    deadline: float
    minimum: float
    interval: float


class Course:
    """The steps that were taken, with the seconds that each took."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def take(self, name: str, work: Callable[[], bool]) -> bool:
        began = time.monotonic()
        step: dict[str, Any] = {"step": name, "changed": False}
        self.steps.append(step)
        try:
            step["changed"] = work()
        finally:
            step["seconds"] = round(time.monotonic() - began, 3)
        return bool(step["changed"])

    @property
    def changed(self) -> bool:
        return any(step["changed"] for step in self.steps)


def await_health(specs: list[dict[str, Any]], health: Health) -> list[dict[str, Any]]:
    """The probes' results when all of them pass for long enough; else ReplaceError."""
    if not specs:
        return []
    consecutive = 1 + int(health.minimum / health.interval)
    plan = Plan(deadline=health.deadline, concurrency=len(specs), until_passed=True, consecutive=consecutive, retry_interval=health.interval)
    results = Engine(plan).run(specs)
    verdict, said = summary(results)
    if verdict != "passed":
        raise ReplaceError(f"not healthy within {health.deadline:g} s: {said}", results)
    return results


def link(path: str, target: str, *, check: bool) -> bool:
    """Whether the link has to change; it changes in one step."""
    fresh = path + ".new"
    if not check:
        _clear(fresh)
    if os.path.islink(path) and os.readlink(path) == target:
        return False
    if not check:
        os.symlink(target, fresh)
        os.replace(fresh, path)
    return True


def activate(root: str, release: str, *, check: bool) -> bool:
    tree = ReleaseTree(root)
    if not check:
        _clear(tree.fresh_link)
    if tree.current() == (release or None) or (not release and tree.foreign()):
        return False
    if not check:
        if release:
            tree.activate(release)
        else:
            tree.deactivate()
    return True


def _clear(fresh: str) -> None:
    """What a run left that was killed between its two steps; whoever goes back changes no link, so it would stay."""
    if os.path.lexists(fresh):
        os.unlink(fresh)
