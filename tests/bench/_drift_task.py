# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole Ansible task on a tree of 100,000 files, against `ansible.builtin.find` with checksums and against a ping.

The interpreter of the host is a script that notes what the module used and how much it answered: what the run used beside that is the controller's.
Tasks are compared by the difference between a run with one of them and a run with several, so that the start of Ansible is in none.
`find` would take half a minute on the tree, so it reads a tenth of it, and what it takes beyond a ping counts ten times.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..integration.support.checkout import COLLECTIONS

if TYPE_CHECKING:
    from ._runner import Bench

FILES, PER_FOLDER, TENTHS = 100_000, 100, 10
CHANGED = FILES // 1000
SEVERAL = 10
SPY = """#!{python} -SE
import json, os, resource, subprocess, sys
done = subprocess.run([{python!r}, *sys.argv[1:]], stdin=sys.stdin, stdout=subprocess.PIPE)
sys.stdout.buffer.write(done.stdout)
sys.stdout.flush()
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
with open({log!r}, "a") as log:
    log.write(json.dumps([sum(one.ru_utime + one.ru_stime for one in used), len(done.stdout)]) + chr(10))
sys.exit(done.returncode)
"""
PING = {"ansible.builtin.ping": {}}


@dataclass(frozen=True)
class Cost:
    """Of one task."""

    wall: float
    controller: float
    bytes: float
    answers: float


class Controller:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        folder.mkdir()
        spy = folder / "python"
        spy.write_text(SPY.format(python=sys.executable, log=str(self.log)))
        spy.chmod(0o755)
        (folder / "inventory.yml").write_text(
            yaml.safe_dump({"all": {"hosts": {"web": {"ansible_connection": "local", "ansible_python_interpreter": str(spy)}}}})
        )
        (folder / "ansible.cfg").touch()

    def cost(self, task: dict[str, Any], count: int = SEVERAL) -> Cost:
        few, many = self._run([task]), self._run([task] * (1 + count))
        return Cost(*((many[at] - few[at]) / count for at in range(4)))

    def once(self, task: dict[str, Any]) -> dict[str, Any]:
        """Its result, and how many answers of how many bytes it took."""
        result = self.folder / "result.json"
        _wall, _cpu, size, answers = self._run(
            [{**task, "register": "told"}, {"local_action": {"module": "ansible.builtin.copy", "content": "{{ told }}", "dest": str(result)}}], 1
        )
        return {**json.loads(result.read_text()), "bytes": size, "answers": answers}

    def _run(self, tasks: list[dict[str, Any]], spied: int | None = None) -> tuple[float, float, float, float]:
        play = self.folder / "play.yml"
        play.write_text(yaml.safe_dump([{"hosts": "web", "gather_facts": False, "tasks": tasks}]))
        self.log.write_text("")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "EVENKEEL_"))}
        environment.update(
            ANSIBLE_CONFIG=str(self.folder / "ansible.cfg"), ANSIBLE_HOME=str(self.folder / "home"), ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS), LC_ALL="C.UTF-8"
        )
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.folder / "inventory.yml"), str(play)]
        before, began = _children(), time.monotonic()
        done = subprocess.run(argv, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        wall, used = time.monotonic() - began, _children() - before
        if done.returncode:
            raise RuntimeError(f"the play failed: {done.stdout[-2000:]}{done.stderr[-500:]}")
        answers = [json.loads(line) for line in self.log.read_text().splitlines()][:spied]
        return wall, used - sum(cpu for cpu, _size in answers), sum(size for _cpu, size in answers), len(answers)


def rows(bench: Bench) -> None:
    tree, controller = bench.tmp / "task-tree", Controller(bench.tmp / "controller")
    _grow(tree)
    where = {"store": str(bench.tmp / "task-store"), "cache_dir": str(bench.tmp / "task-cache")}
    look = {"evenkeel.release.drift_snapshot": {"paths": [str(tree)], **where}}
    find = {"ansible.builtin.find": {"paths": str(tree / "0"), "recurse": True, "get_checksum": True, "checksum_algorithm": "sha256"}}
    time.sleep(2.5)
    look["evenkeel.release.drift_snapshot"]["baseline"] = controller.once(look)["root"]
    # The controller polls while it waits, so a longer task costs it more whatever the task is. This one is as short as a ping.
    brief = {"evenkeel.release.drift_snapshot": {"paths": [str(_path(tree, 0))], **where}}
    brief["evenkeel.release.drift_snapshot"]["baseline"] = controller.once(brief)["root"]
    pings, briefs, looks, finds = [], [], [], []
    for _round in range(bench.repeat):
        pings.append(controller.cost(PING))
        briefs.append(controller.cost(brief))
        looks.append(controller.cost(look, 2))
        finds.append(controller.cost(find, 1))
    ping, short, same, found = (_typical(costs) for costs in (pings, briefs, looks, finds))
    bench.row("task on 100,000 files, nothing changed, against find", ours=same.wall, reference=ping.wall + TENTHS * (found.wall - ping.wall), bar=0.1)
    bench.row("CPU on the controller, against a ping + 10 ms", ours=short.controller, reference=ping.controller + 0.01, bar=1)
    bench.row("its answer, against 1 KiB", ours=same.bytes, reference=1024, bar=1, unit="B")
    for number in random.Random(5).sample(range(FILES), CHANGED):
        with _path(tree, number).open("ab") as stream:
            stream.write(b"x")
    told = controller.once(look)
    assert len(told["changes"]) == CHANGED
    assert all(change["before"]["sha256"] != change["after"]["sha256"] for change in told["changes"].values())
    bench.row(f"the answer when {CHANGED} files changed, against 64 KiB", ours=told["bytes"], reference=65536, bar=1, unit="B")
    bench.row("and round trips", ours=told["answers"], reference=1, bar=1, unit="")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _typical(costs: list[Cost]) -> Cost:
    """The usual wall time; and the least CPU, to which a busy neighbour only ever adds."""
    return Cost(statistics.median(cost.wall for cost in costs), min(cost.controller for cost in costs), costs[0].bytes, costs[0].answers)


def _path(tree: Path, number: int) -> Path:
    return tree / str(number * TENTHS // FILES) / str(number // PER_FOLDER) / str(number)


def _grow(tree: Path) -> None:
    """Files of 1 to 8 KiB."""
    chance = random.Random(3)
    noise = chance.randbytes(1 << 20)
    for number in range(FILES):
        path = _path(tree, number)
        if number % PER_FOLDER == 0:
            path.parent.mkdir(parents=True)
        at = chance.randrange(len(noise) - 8192)
        path.write_bytes(noise[at : at + chance.randrange(1024, 8192)])
