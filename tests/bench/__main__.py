# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the benchmarks: `make bench [SECTION=a,b] [REPEAT=5]`. Exits 1 when a row is short or a section breaks."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path

from ._plot import svg
from ._runner import HEADER, Bench

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "bench" / "out"


def sections() -> list[str]:
    return sorted(path.stem for path in HERE.glob("[a-z]*.py"))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--section", default="", help="names, apart by commas; all of them when empty")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of which the median counts")
    parser.add_argument("--out", type=Path, default=OUT)
    wanted = parser.parse_args(argv)
    wanted.section = [name for name in wanted.section.split(",") if name] or sections()
    unknown = sorted(set(wanted.section) - set(sections()))
    if unknown:
        parser.error(f"unknown section {', '.join(unknown)}; there are: {', '.join(sections())}")
    return wanted


def _run_section(name: str, bench: Bench) -> bool:
    bench.section = name
    try:
        importlib.import_module(f"{__package__}.{name}").run(bench)
    except Exception:  # a broken section is reported, and the others still run
        traceback.print_exc()
        bench.say(f"{name}: broken, see above")
        return False
    return True


def _write(bench: Bench, out: Path, seconds: float) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(row), "ratio": row.ratio, "ok": row.ok} for row in bench.rows]
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform()}
    result = {"machine": machine, "seconds": round(seconds, 1), "missing": bench.missing, "rows": rows}
    (out / "bench.json").write_text(json.dumps(result, indent=2) + "\n")
    (out / "bench.svg").write_text(svg(bench.rows))


def main(argv: list[str] | None = None) -> int:
    wanted = _arguments(sys.argv[1:] if argv is None else argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="evenkeel-bench-") as folder:
        bench = Bench(Path(folder), repeat=wanted.repeat, say=lambda line: print(line, flush=True))
        bench.say(HEADER)
        try:
            whole = [_run_section(name, bench) for name in wanted.section]
        finally:
            bench.close()
    _write(bench, wanted.out, time.monotonic() - began)
    short = [row.name for row in bench.rows if not row.ok]
    broken = whole.count(False)
    bench.say(f"{len(bench.rows)} rows, {len(short)} short, {broken} sections broken; plot and figures in {wanted.out}")
    return 1 if short or broken else 0


if __name__ == "__main__":
    sys.exit(main())
