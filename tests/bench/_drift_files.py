# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of 100,000 files of 1-8 KiB in 1,000 folders and 200 of 10 MiB, against the machine itself and the tools that read the same tree.

Ours is a whole interpreter each time, as on a managed node, and its peak is that of the process and its workers.
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._runner import Bench

TENS, FOLDERS, PER_FOLDER = 10, 100, 100
BIG, BIG_BYTES = 200, 10 << 20
FILES = TENS * FOLDERS * PER_FOLDER
CHANGED = FILES // 1000
WORKERS = 2
SETTLES = 2.2  # seconds; what is younger is read again
LOOK = "%p %s %m %u %g %T@ %C@ %i\\n"
SCAN = """
import json, sys, time
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import files, host, limits
paths, cache, rounds = json.loads(sys.argv[1])
for number in range(rounds):
    began = time.perf_counter()
    tree = files.scan(paths=paths, exclude=[], host=host.Host(), cache_dir=cache, limits=limits.Limits(workers=%d))
    seconds = time.perf_counter() - began
print(json.dumps({"inside": seconds, "count": tree.count(), **tree.stats}))
"""
# The attributes that our own snapshot holds without extended ones, and the one hash.
AIDE = """database_in=file:{folder}/aide.db
database_out=file:{folder}/aide.db.new
gzip_dbout=no
num_workers={workers}
report_url=file:{folder}/aide.report
{tree} p+ftype+u+g+s+i+sha256
"""


def rows(bench: Bench) -> None:
    tree = bench.tmp / "tree"
    grow(tree)
    try:
        _full(bench, tree)
        _again(bench, tree)
        _linear(bench, tree, [FOLDERS // TENS * PER_FOLDER, FOLDERS * PER_FOLDER, FILES])
    finally:
        shutil.rmtree(tree)
    if os.environ.get("EVENKEEL_BENCH_ALL") == "1":
        _million(bench)


def grow(tree: Path, big: int = BIG) -> None:
    """Ten folders of 100 folders of 100 files, so that 10,000 of them are a tree as well."""
    chance = random.Random(20)
    for number in range(TENS * FOLDERS):
        folder = tree / str(number // FOLDERS) / f"{number:04}"
        folder.mkdir(parents=True)
        for name in range(PER_FOLDER):
            (folder / f"file{name:03}").write_bytes(chance.randbytes(chance.randrange(1024, 8193)))
    (tree / "big").mkdir()
    for number in range(big):
        (tree / "big" / f"{number:03}").write_bytes(chance.randbytes(BIG_BYTES))


def scan(paths: list[Path], cache: Path | None = None, *, rounds: int = 1) -> dict[str, Any]:
    """`seconds` of a whole process, `inside` of the last scan in it, `peak_mib` of the largest process."""
    asked = json.dumps([[str(path) for path in paths], str(cache) if cache else None, rounds])
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SCAN % WORKERS, asked],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return {**json.loads(done.stdout), "seconds": time.perf_counter() - began}


def _full(bench: Bench, tree: Path) -> None:
    peaks = []

    def full() -> float:
        found = scan([tree])
        peaks.append(found["peak_mib"])
        assert found["hashed"] == FILES + BIG
        return float(found["seconds"])

    native = _native(bench)
    if native:
        bench.row("full snapshot, against the native walk and hash", ours=full, reference=lambda: _timed([str(native), str(WORKERS), str(tree)]), bar=1.5)
    aide = bench.need("aide")
    if aide:
        bench.row("full snapshot, against aide --init", ours=full, reference=lambda: _aide(aide, bench.tmp, tree, "--init"), bar=1 / 3.5)
    full()
    bench.row("full snapshot, peak memory", ours=max(peaks), reference=100, bar=1, unit="MiB")


def _again(bench: Bench, tree: Path) -> None:
    kept = bench.tmp / "kept"
    time.sleep(SETTLES)
    scan([tree], kept)
    changes = iter(range(1000))

    def again() -> float:
        _change(tree, next(changes))
        found = scan([tree], kept)
        # what was changed less than two seconds before the scan before is read again
        assert CHANGED <= found["hashed"] <= FILES // 50
        return float(found["seconds"])

    look = ["find", str(tree), "-printf", LOOK]
    bench.row("snapshot again, 0.1% changed, against find -printf", ours=again, reference=lambda: _timed(look), bar=1)
    bench.row("snapshot again, nothing changed, against find -printf", ours=lambda: float(scan([tree], kept)["seconds"]), reference=lambda: _timed(look), bar=1)
    aide = bench.need("aide")
    if aide:
        if not (bench.tmp / "aide.db.new").exists():
            _aide(aide, bench.tmp, tree, "--init")
        shutil.copy(bench.tmp / "aide.db.new", bench.tmp / "aide.db")
        # Half a minute each, and the bar is far away: once is enough.
        check = functools.cache(lambda: _aide(aide, bench.tmp, tree, "--check"))
        bench.row("snapshot again, 0.1% changed, against aide --check", ours=again, reference=check, bar=1 / 40)
    shutil.rmtree(kept)


def _linear(bench: Bench, tree: Path, sizes: list[int], unit: str = "us") -> None:
    """Microseconds per file, each against a tree of a tenth of the files. In one process, or the start of the interpreter would flatter the larger."""

    def trees(size: int) -> list[Path]:
        if size >= FOLDERS * PER_FOLDER:
            return [tree / str(number) for number in range(size // FOLDERS // PER_FOLDER)]
        return [tree / "0" / f"{number:04}" for number in range(size // PER_FOLDER)]

    def cost(size: int, cache: Path | None) -> Callable[[], float]:
        return lambda: float(scan(trees(size), cache, rounds=2 if cache else 1)["inside"]) / size * 1e6

    kept = bench.tmp / "linear"
    for small, large in zip(sizes, sizes[1:]):
        for name, cache in (("full", None), ("again", kept)):
            label = f"cost of a file, {name}: {large:,} against {small:,}"
            bench.row(label, ours=cost(large, cache), reference=cost(small, cache), bar=1.3, unit=unit)
    shutil.rmtree(kept)


def _million(bench: Bench) -> None:
    tree = bench.tmp / "million"
    for number in range(100 * FOLDERS):
        folder = tree / str(number // FOLDERS) / f"{number:05}"
        folder.mkdir(parents=True)
        for name in range(PER_FOLDER):
            (folder / f"file{name:03}").write_bytes(b"%d %d\n" % (number, name))
    try:
        time.sleep(SETTLES)
        _linear(bench, tree, [FILES, 10 * FILES])
    finally:
        shutil.rmtree(tree)


def _change(tree: Path, round_: int) -> None:
    """In place, a file in each tenth folder."""
    for number in range(CHANGED):
        folder = number * (TENS * FOLDERS) // CHANGED
        with (tree / str(folder // FOLDERS) / f"{folder:04}" / f"file{round_ % PER_FOLDER:03}").open("r+b") as stream:
            stream.write(b"%d" % round_)


def _native(bench: Bench) -> Path | None:
    compiler = bench.need("cc")
    if not compiler:
        return None
    binary = bench.tmp / "sha256_walk"
    source = Path(__file__).with_suffix("").parent / "sha256_walk.c"
    done = subprocess.run([compiler, "-O2", "-pthread", str(source), "-o", str(binary), "-lcrypto"], capture_output=True, text=True)
    if done.returncode:
        bench.missing.append("libssl-dev")
        bench.say(f"{bench.section}: the headers of OpenSSL are not installed (apt-get install libssl-dev): the row against the machine itself is left out")
        return None
    return binary


def _timed(argv: list[str], allowed: int = 0) -> float:
    began = time.perf_counter()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - began
    if done.returncode & ~allowed:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()[:500]}")
    return seconds


def _aide(aide: str, folder: Path, tree: Path, act: str) -> float:
    settings = folder / "aide.conf"
    settings.write_text(AIDE.format(folder=folder, tree=tree, workers=WORKERS))
    # 1, 2 and 4: entries were added, removed, changed
    return _timed([aide, "--config", str(settings), act], allowed=7)
