# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries say, told by code that shares nothing with the product: sqlite3 and psql read them."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

HOLDING = ("approved", "pending")


def of_sqlite(path, kind):
    with sqlite3.connect(path) as ledger:
        rows = ledger.execute("select bytes from evenkeel_entries where kind = ? order by seq", (kind,)).fetchall()
    return [json.loads(row[0]) for row in rows]


def of_postgresql(pg, database, kind):
    text = pg.psql(database, f"select convert_from(bytes, 'UTF8') from evenkeel_entries where kind = '{kind}' order by seq")
    return [json.loads(line) for line in text.splitlines()]


def double_bookings(entries):
    """Pairs that held one environment at the same time for an overlapping span, at any moment of the ledger's history. All of them exclusive."""
    held, faults = {}, []
    for entry in entries:
        booking = entry["body"]["booking"]
        held[(entry["environment"], booking["id"])] = booking
        if booking["state"] not in HOLDING:
            continue
        start, end = (datetime.fromisoformat(booking[key].replace("Z", "+00:00")) for key in ("start", "end"))
        for (environment, name), other in held.items():
            if environment != entry["environment"] or name == booking["id"] or other["state"] not in HOLDING:
                continue
            begin, finish = (datetime.fromisoformat(other[key].replace("Z", "+00:00")) for key in ("start", "end"))
            if start < finish and begin < end:
                faults.append((entry["environment"], booking["id"], name))
    return faults
