# SPDX-License-Identifier: GPL-3.0-or-later
"""200 endpoints that answer after 20 ms: one call, against a loop of ansible.builtin.uri; how exact the times are; and scenarios side by side."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan
from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import quantile
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete

from ..integration.support.checkout import COLLECTIONS

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from ._runner import Bench

ENDPOINTS, WAIT_MS, AT_ONCE = 200, 20, 64
SCENARIOS, STEPS = 50, 4
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def run(bench: Bench) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    stop = multiprocessing.Event()
    took = multiprocessing.Array("d", ENDPOINTS, lock=False)
    server = multiprocessing.Process(target=_serve, args=(listener, stop, took), daemon=True)
    server.start()
    try:
        _rows(bench, listener.getsockname()[1], took)
    finally:
        stop.set()
        server.join(5)
        server.kill()
        listener.close()


def _rows(bench: Bench, port: int, took: Sequence[float]) -> None:
    urls = [f"http://127.0.0.1:{port}/{WAIT_MS}?{number}" for number in range(ENDPOINTS)]
    ours = {"evenkeel.release.health_probe": {"probes": [{"name": url, "type": "http", "url": url} for url in urls]}}
    loop = {"ansible.builtin.uri": {"url": "{{ item }}"}, "loop": urls, "loop_control": {"label": ""}}
    usual, bench.repeat = bench.repeat, 1  # the loop takes about a minute
    play = _play(bench.tmp, "loop", loop)
    bench.row(f"{ENDPOINTS} endpoints: play, against a uri loop", ours=_play(bench.tmp, "ours", ours), reference=play, bar=1 / 50)
    bench.repeat = usual
    bench.row(f"error of a time, p95, {AT_ONCE} at once", ours=lambda: _error(port, took, AT_ONCE), reference=1.0, bar=2, unit="ms")
    together, one_by_one = (_scenarios(port, at_once) for at_once in (AT_ONCE, 1))
    bench.row(f"{SCENARIOS} scenarios of {STEPS} steps, against one after the other", ours=together, reference=one_by_one, bar=1 / 10)
    bench.row("error of a time, p95, 1 at once", ours=lambda: _error(port, took, 1), reference=1.0, bar=2, unit="ms")


def _play(tmp: Path, name: str, task: dict[str, Any]) -> Any:
    place = tmp / f"probe-{name}.yml"
    place.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": name, **task}]}]))
    (tmp / "ansible.cfg").touch()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment = {**inherited, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(tmp / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(place)]
    argv += ["-e", f"ansible_python_interpreter={sys.executable}"]

    def once() -> None:
        done = subprocess.run(argv, env=environment, cwd=tmp, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the play {name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")

    return once


def _scenarios(port: int, at_once: int) -> Any:
    steps = [{"name": str(number), "path": f"/{WAIT_MS}?{number}"} for number in range(STEPS - 1)]
    clean_up = [{"name": "clean up", "path": f"/{WAIT_MS}?{STEPS}"}]
    probe = {"type": "scenario", "url": f"http://127.0.0.1:{port}", "steps": steps, "cleanup": clean_up}
    specs, faults = complete([{"name": str(number), **probe} for number in range(SCENARIOS)])
    assert not faults, faults

    def once() -> None:
        verdicts = {result["verdict"] for result in Engine(Plan(deadline=120, concurrency=at_once)).run(specs)}
        assert verdicts == {"passed"}, verdicts

    return once


def _error(port: int, took: Sequence[float], at_once: int) -> float:
    """95 % of all probes measured what their endpoint itself says it took with no greater error than this, in ms."""
    waits = [5 + number * 245 // (ENDPOINTS - 1) for number in range(ENDPOINTS)] if at_once > 1 else [WAIT_MS] * 50
    probes = [{"name": str(number), "type": "http", "url": f"http://127.0.0.1:{port}/{wait}?{number}"} for number, wait in enumerate(waits)]
    specs, faults = complete(probes)
    assert not faults, faults
    results = Engine(Plan(deadline=60, concurrency=at_once)).run(specs)
    errors = sorted(abs(result["metrics"]["ttfb_ms"] - own) for result, own in zip(results, took))
    return float(quantile(errors, 0.95))


def _serve(listener: socket.socket, stop: Event, took: Any) -> None:
    """A process of its own, so that it does not share a lock with what measures it. `/20?7` answers after 20 ms; `took[7]` says after how many exactly."""
    import asyncio

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        began = time.perf_counter()
        wait, _sign, number = line.split(b" ")[1].lstrip(b"/").partition(b"?")
        await asyncio.sleep(int(wait) / 1000)
        took[int(number)] = (time.perf_counter() - began) * 1000
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async def forever() -> None:
        server = await asyncio.start_server(answer, sock=listener)
        while not stop.is_set():
            await asyncio.sleep(0.2)
        server.close()

    asyncio.run(forever())
