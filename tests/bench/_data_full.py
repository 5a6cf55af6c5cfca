# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole masked refresh against PostgreSQL's own unmasked copies: clock and CPU of servers and clients."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize

from . import _data_source as source_of

Spent = list[float]


def fresh(pg: Any, name: str, *, schema: str = "") -> None:
    pg.psql("postgres", f"drop database if exists {name} with (force)")
    pg.psql("postgres", f"create database {name}")
    if schema:
        pg.psql(name, schema)
    pg.psql("postgres", "checkpoint")


def cpu(pg: Any) -> float:
    """Seconds of the server's sessions that have ended, and of this process and its children."""
    time.sleep(0.3)  # sessions that have ended are counted once the postmaster has collected them
    pid = (pg.folder / "data" / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK") + sum(os.times()[:4])


def measured(pg: Any, work: Callable[[], Any], spent: Spent) -> float:
    before, began = cpu(pg), time.perf_counter()
    work()
    elapsed = time.perf_counter() - began
    spent.append(cpu(pg) - before)
    return elapsed


def params(pg: Any, source: str, target: str, policy: dict[str, Any], **more: Any) -> dict[str, Any]:
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password}
    found = {
        "engine": "postgresql",
        "source": {**place, "dbname": source},
        "target": {**place, "dbname": target},
        "target_tier": "test",
        "policy": policy,
        "key": source_of.KEY,
        "mode": "full",
        "workers": 2,
        "proof": {"enabled": False},
    }
    return {**found, **more}


def refresh(pg: Any, source: str, policy: dict[str, Any], spent: Spent) -> float:
    fresh(pg, "bench_ours", schema=source_of.SCHEMA)
    return measured(pg, lambda: synchronize(params(pg, source, "bench_ours", policy), check_mode=False), spent)


def dump_psql(pg: Any, source: str, spent: Spent) -> float:
    fresh(pg, "bench_dump")

    def pipe() -> None:
        with subprocess.Popen([pg.bin / "pg_dump", "-d", source], stdout=subprocess.PIPE, env=pg.env()) as dump:
            argv = [pg.bin / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "bench_dump"]
            subprocess.run(argv, stdin=dump.stdout, stdout=subprocess.DEVNULL, env=pg.env(), check=True)

    return measured(pg, pipe, spent)


def dump_restore(pg: Any, source: str, spent: Spent) -> float:
    fresh(pg, "bench_dump")
    with tempfile.TemporaryDirectory(dir=pg.folder) as folder:
        place = Path(folder) / "dump"

        def both() -> None:
            subprocess.run([pg.bin / "pg_dump", "-Fd", "-j2", "-f", place, "-d", source], env=pg.env(), check=True)
            subprocess.run([pg.bin / "pg_restore", "-j2", "-d", "bench_dump", place], env=pg.env(), check=True)

        elapsed = measured(pg, both, spent)
        shutil.rmtree(place)
    return elapsed


def one_table(pg: Any, source: str, table: str, spent: Spent, *, policy: dict[str, Any]) -> float:
    """A refresh of one table, without keys: what its masks cost."""
    fresh(pg, "bench_one", schema=source_of.TABLES)
    others = [{"table": name, "reason": "not measured"} for name in policy["tables"] if name != table]
    alone = {**policy, "tables": {table: policy["tables"][table]}, "skip": others}
    return measured(pg, lambda: synchronize(params(pg, source, "bench_one", alone, workers=1), check_mode=False), spent)


def without_masks(policy: dict[str, Any]) -> dict[str, Any]:
    tables = {name: {"columns": dict.fromkeys(table["columns"], source_of.KEPT)} for name, table in policy["tables"].items()}
    return {**policy, "tables": tables}


def resident(pg: Any, source: str, policy: dict[str, Any]) -> float:
    """MiB that a process of its own has at most while it synchronizes."""
    fresh(pg, "bench_ours", schema=source_of.SCHEMA)
    code = (
        "import json, re, sys\n"
        "from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize\n"
        "synchronize(json.load(sys.stdin), check_mode=False)\n"
        # What getrusage() says would be the bench's own memory, which the process had before it became this program.
        "print(int(re.search(r'VmHWM:\\s+([0-9]+)', open('/proc/self/status').read())[1]) / 1024)\n"
    )
    text = json.dumps(params(pg, source, "bench_ours", policy))
    return float(subprocess.run([sys.executable, "-c", code], input=text, text=True, capture_output=True, check=True).stdout)


def rows(bench: Any, pg: Any, source: str) -> None:
    """`source` holds what _data_source.build() makes."""
    ours: Spent = []
    pipe: Spent = []
    files: Spent = []
    by_entity, by_value = source_of.POLICY_ENTITY, source_of.POLICY_VALUE
    bench.row("masked refresh / pg_dump | psql", ours=lambda: refresh(pg, source, by_entity, ours), reference=lambda: dump_psql(pg, source, pipe), bar=1.2)
    bench.row("  the same, CPU of servers and clients", ours=statistics.median(ours), reference=statistics.median(pipe), bar=1.6)
    bench.row(
        "masked refresh / pg_dump -Fd -j2, pg_restore -j2",
        ours=lambda: refresh(pg, source, by_entity, ours),
        reference=lambda: dump_restore(pg, source, files),
        bar=0.6,
    )
    raw = without_masks(by_value)
    bench.row(
        "orders with a name of few values / raw",
        ours=lambda: one_table(pg, source, "public.orders", [], policy=by_value),
        reference=lambda: one_table(pg, source, "public.orders", [], policy=raw),
        bar=1.1,
    )
    bench.row("memory of our process", ours=resident(pg, source, by_entity), reference=64.0, bar=1.0, unit="MiB")
