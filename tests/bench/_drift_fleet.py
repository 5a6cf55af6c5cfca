# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet against its baseline and against itself. Every row is a ratio to what a usual way costs in the same run."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import canonical
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import build, changed, delta
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import fleet
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.cohort import cohort
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects, open_objects

from . import _drift_task

if TYPE_CHECKING:
    from ._runner import Bench

HOSTS, FACTS, EDITS = 1000, 5000, 10
KINDS = ("package:deb/", "sysctl:net.", "file:/usr/lib/part", "port:tcp:", "custom:fact:")
STATES = {name: {"state": "read"} for name in ("files", "packages", "services", "users", "sysctl", "mounts", "ports", "cron", "system", "config", "custom")}
Items = dict[str, dict[str, Any]]


class Fleet:
    """Each host has ten facts of another value, one that is gone and one more: what the others lack."""

    def __init__(self, folder: Path) -> None:
        self.chance = random.Random(7)
        facts = {self._key(number): self._value(number) for number in range(FACTS)}
        self.base = build(STATES, facts)
        self.items: Items = self.base.all_items()
        self.objects: Objects = open_objects(str(folder / "objects"))
        self.objects.put_record(self.base)
        self.files, self.roots, self.replies = {}, {}, {}
        (folder / "json").mkdir()
        lines = {key: f"{json.dumps(key)}:{json.dumps(item)}" for key, item in self.items.items()}
        for number in range(HOSTS):
            self._add(f"host{number:04}", folder / "json" / f"{number}.json", lines)

    def _add(self, host: str, path: Path, lines: dict[str, str]) -> None:
        keys = self.chance.sample(sorted(self.items), EDITS + 1)
        edits: Items = {key: self._value(self.chance.randrange(1 << 30)) for key in keys[1:]}
        edits[f"custom:fact:{host}"] = self._value(0)
        now = changed(self.base, collectors=STATES, items=edits, gone=keys[:1])
        change = delta(self.base, now)
        self.replies[host] = zlib.compress(canonical({**change, "unknown": []}).encode(), 6)
        self.roots[host] = self.objects.put_change(change)
        own = {**lines, **{key: f"{json.dumps(key)}:{json.dumps(item)}" for key, item in edits.items()}}
        del own[keys[0]]
        path.write_text("{" + ",".join(own.values()) + "}")
        self.files[host] = path

    def _key(self, number: int) -> str:
        kind = KINDS[number % len(KINDS)]
        return f"{kind}{number // 200}/{number}" if kind.startswith("file") else f"{kind}{number}"

    def _value(self, number: int) -> dict[str, Any]:
        return {"version": f"1.{number}", "sha256": self.chance.randbytes(32).hex()}


def rows(bench: Bench) -> None:
    _drift_task.rows(bench)
    fleet_rows(bench)


def fleet_rows(bench: Bench) -> None:
    of = Fleet(bench.tmp)

    def naive() -> None:
        found = {host: _unlike(of.items, json.loads(path.read_text())) for host, path in of.files.items()}
        assert sum(map(len, found.values())) == HOSTS * (EDITS + 2)

    def replies() -> None:
        found = fleet.compare(of.items, fleet.answered(of.base.root, of.replies))
        assert sum(map(len, found.values())) == HOSTS * (EDITS + 2)

    def records() -> None:
        found = fleet.compare(of.items, fleet.stored(of.objects, of.base.root, of.roots))
        assert sum(map(len, found.values())) == HOSTS * (EDITS + 2)

    def majority() -> None:
        found = cohort(of.items, fleet.stored(of.objects, of.base.root, of.roots))
        assert found["counts"]["foreign"] > HOSTS

    name = f"{HOSTS} hosts of {FACTS} facts"
    usual = bench.row(f"{name} by their answers, against JSON", ours=replies, reference=naive, bar=1 / 14).reference
    bench.row(f"{name} by their records, against JSON", ours=records, reference=usual, bar=1 / 14)
    bench.row(f"{name} among themselves, against JSON", ours=majority, reference=usual, bar=1 / 7)
    json_bytes = sum(path.stat().st_size for path in of.files.values())
    bench.row("bytes of the answers, against 3 MB", ours=sum(map(len, of.replies.values())), reference=3e6, bar=1, unit="B")
    of.objects.moved = 0
    records()
    bench.row("bytes read of the records, against 3 MB", ours=of.objects.moved, reference=3e6, bar=1, unit="B")
    bench.say(f"the JSON of all hosts has {json_bytes / 1e6:.0f} MB")
    few = dict(list(of.roots.items())[: HOSTS // 10])
    bench.row(
        "per host, ten times as many hosts",
        ours=lambda: _least(bench, lambda: fleet.compare(of.items, fleet.stored(of.objects, of.base.root, of.roots))) / HOSTS,
        reference=lambda: _least(bench, lambda: fleet.compare(of.items, fleet.stored(of.objects, of.base.root, few))) / len(few),
        bar=1.3,
    )


def _unlike(before: Items, after: Items) -> dict[str, Any]:
    return {key: (before.get(key), after.get(key)) for key in {*before, *after} if before.get(key) != after.get(key)}


def _least(bench: Bench, work: Callable[[], object]) -> float:
    """The least of several times, to which a busy neighbour only ever adds."""
    seconds = []
    for _round in range(5):
        began = bench.clock()
        work()
        seconds.append(bench.clock() - began)
    return min(seconds)
