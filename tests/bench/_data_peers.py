# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_anon, the fastest peer that can be installed and copies: the same source, ten masked columns and the same copies of them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import _data_correct, _data_full, _data_source

SALT = "bench-salt"


def installed(bench: Any, package: str, binary: str) -> Path | None:
    """The peer in a virtual environment of its own, kept for the run; None when it can't be had."""
    home: Path = bench.tmp / f"peer-{binary}"
    found = home / "bin" / binary
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True)
        done = subprocess.run([home / "bin" / "pip", "install", "-q", package], capture_output=True, text=True)
        if done.returncode != 0:
            bench.missing.append(package)
            bench.say(f"{package}: not installable here, its rows are left out")
            return None
    return found


def _digest(column: str, tail: str = "") -> str:
    return f"encode(sha256(convert_to('{SALT}' || {column}, 'UTF8')), 'hex')" + (f" || '{tail}'" if tail else "")


def _digits(column: str, count: int) -> str:
    return f"lpad((('x' || substr({_digest(column)}, 1, 12))::bit(48)::bigint % {10**count})::text, {count}, '0')"


# The hand-written rules that the peer asks for: keyed digests, so that copies stay alike. It has none for JSON: an expression again.
RULES = {
    "customers": {
        "name": f"substr({_digest('name')}, 1, 20)",
        "email": _digest("email", "@example.test"),
        "phone": f"'+1' || {_digits('phone', 10)}",
        "street": f"substr({_digest('street')}, 1, 20)",
        "city": f"substr({_digest('city')}, 1, 12)",
        "postcode": _digits("postcode", 5),
        "birth_date": f"(birth_date + ('x' || substr({_digest('birth_date::text')}, 1, 4))::bit(16)::int % 90)::date",
        "iban": f"'DE' || {_digits('iban', 12)} || '12345678'",
        "card": f"'4539' || {_digits('card', 12)}",
        "ssn": _digits("ssn", 9),
    },
    "orders": {"ship_name": f"substr({_digest('ship_name')}, 1, 20)"},
    "payments": {"card": f"'4539' || {_digits('card', 12)}", "payer_email": _digest("payer_email", "@example.test")},
    "events": {
        "payload": (
            "payload || jsonb_build_object('email', " + _digest("(payload->>'email')", "@example.test") + ", 'ip', '10.0.0.1', 'user', "
            "(payload->'user') || jsonb_build_object('name', substr(" + _digest("(payload->'user'->>'name')") + ", 1, 20)))"
        )
    },
}


def dictionary(folder: Path) -> Path:
    place = folder / "pg_anon_dictionary.py"
    entries = [{"schema": "public", "table": table, "fields": fields} for table, fields in RULES.items()]
    place.write_text(json.dumps({"dictionary": entries}, indent=1))
    return place


def refresh(binary: Path, pg: Any, *, source: str, target: str, folder: Path) -> None:
    """Dump masked, restore: what its manual calls the way from production to test."""
    common = ["--db-host=127.0.0.1", f"--db-port={pg.port}", f"--db-user={pg.user}", f"--db-user-password={pg.password}", "--db-connections=2"]
    output = folder / "pg_anon_dump"
    pg.psql(source, "create schema if not exists anon_funcs")  # all that it asks for of its own functions, which need pgcrypto
    dump = [binary, "dump", *common, f"--db-name={source}", f"--prepared-sens-dict-file={dictionary(folder)}", f"--output-dir={output}", "--clear-output-dir"]
    _run([*dump, f"--pg-dump={pg.bin / 'pg_dump'}"], folder)
    _run([binary, "restore", *common, f"--db-name={target}", f"--input-dir={output}", f"--pg-restore={pg.bin / 'pg_restore'}"], folder)


def _run(argv: list[Any], folder: Path) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} {argv[1]} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def rows(bench: Any, pg: Any, source: str) -> None:
    binary = installed(bench, "pg_anon", "pg_anon")
    if binary is None:
        return
    ours: list[float] = []
    theirs: list[float] = []

    def peer() -> float:
        _data_full.fresh(pg, "bench_peer")
        return _data_full.measured(pg, lambda: refresh(binary, pg, source=source, target="bench_peer", folder=bench.tmp), theirs)

    policy = _data_source.POLICY_ENTITY
    bench.row("masked refresh / pg_anon dump and restore", ours=lambda: _data_full.refresh(pg, source, policy, ours), reference=peer, bar=0.5)
    bench.row("  the same, CPU of servers and clients", ours=statistics.median(ours), reference=statistics.median(theirs), bar=0.5)
    found = {}
    for tool, target in (("evenkeel", "bench_ours"), ("pg_anon", "bench_peer")):
        found[tool] = {**_data_correct.copies(pg, target), "unchanged values": float(_data_correct.unchanged(pg, source=source, target=target))}
    for line in _data_correct.table(found):
        bench.say(line)
    wrong = sum(share < 1 for name, share in found["evenkeel"].items() if name != "unchanged values") + found["evenkeel"]["unchanged values"]
    bench.row("  what is not right in our copy (of seven checks, and values unchanged)", ours=float(wrong), reference=1.0, bar=0.0, unit="")
