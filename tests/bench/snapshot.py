# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot of 20,000 files of 25 kB on average and four of 64 MB, against the tools that read the same tree."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, files

if TYPE_CHECKING:
    from ._runner import Bench

SMALL, PER_FOLDER = 20_000, 100
BIG, BIG_BYTES = 4, 64 << 20
LOOK = r"%p %y %m %u %g %s %T@ %C@ %i %D\n"
# The attributes that our own snapshot holds, and the one hash.
AIDE = """database_in=file:{folder}/aide.db
database_out=file:{folder}/{out}
gzip_dbout=no
report_url=file:{folder}/aide.report
{tree} p+ftype+u+g+s+i+sha256
"""


def run(bench: Bench) -> None:
    tree, kept = bench.tmp / "tree", bench.tmp / "kept"
    _grow(tree)
    names = _balanced(tree, bench.tmp / "names")

    def full() -> None:
        assert len(files.collect(paths=[str(tree)], exclude=[])) > SMALL

    def again() -> None:
        assert len(files.collect(paths=[str(tree)], exclude=[], cache_dir=str(kept))) > SMALL

    bench.row("full snapshot, against balanced sha256sum -P2", ours=full, reference=lambda: _sha256sum(names), bar=0.5)
    time.sleep(cache.RACY_NS / 1e9 + 0.5)
    again()
    bench.row("snapshot again, against find -printf", ours=again, reference=lambda: _find(tree), bar=2)
    aide = bench.need("aide")
    if aide:
        bench.row("full snapshot, against aide --init", ours=full, reference=lambda: _aide(aide, bench.tmp, tree, "--init"), bar=0.5)
        shutil.copy(bench.tmp / "aide.db.new", bench.tmp / "aide.db")
        bench.row("snapshot again, against aide --check", ours=again, reference=lambda: _aide(aide, bench.tmp, tree, "--check"), bar=0.1)


def _grow(tree: Path) -> None:
    chance = random.Random(20)
    for number in range(SMALL):
        folder = tree / str(number // PER_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).write_bytes(chance.randbytes(chance.randrange(200, 50_000)))
    for number in range(BIG):
        (tree / f"big{number}").write_bytes(chance.randbytes(BIG_BYTES))


def _balanced(tree: Path, into: Path) -> Path:
    """The names in an order that keeps both processes busy to the end: every batch gets its share of each size."""
    found = sorted((path for path in tree.rglob("*") if path.is_file()), key=lambda path: -path.stat().st_size)
    batches = 80
    order = [path for first in range(batches) for path in found[first::batches]]
    into.write_bytes(b"\0".join(os.fsencode(path) for path in order))
    return into


def _sha256sum(names: Path) -> None:
    argv = ["xargs", "-0", "-a", str(names), "-P", "2", "-n", str(SMALL // 80 + 1), "sha256sum"]
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)


def _find(tree: Path) -> None:
    subprocess.run(["find", str(tree), "-printf", LOOK], stdout=subprocess.DEVNULL, check=True)


def _aide(aide: str, folder: Path, tree: Path, act: str) -> None:
    settings = folder / "aide.conf"
    settings.write_text(AIDE.format(folder=folder, tree=tree, out="aide.db.new"))
    done = subprocess.run([aide, "--config", str(settings), act], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"aide {act} ended with {done.returncode}: {done.stderr.strip()[:500]}")
