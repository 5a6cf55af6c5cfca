# SPDX-License-Identifier: GPL-3.0-or-later
"""JMeter's results as CSV (JTL) with the line of names that JMeter writes by default."""

from __future__ import annotations

import csv
import io

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import figures, take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.figures import Figure
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAME = "jmeter"
_NEEDED = ("timeStamp", "elapsed", "label", "success")


def sniff(doc: Document) -> bool:
    if doc.syntax != "text":
        return False
    return set(_NEEDED) <= set(doc.value.split("\n", 1)[0].strip().split(","))


def read(doc: Document) -> list[Reading]:
    if not sniff(doc):
        names = ", ".join(_NEEDED)
        doc.refuse(
            "line 1",
            found=doc.file.data[:60].decode(errors="replace"),
            allowed=f"names with {names}",
            next_step="set jmeter.save.saveservice.output_format=csv",
        )
    rows = csv.DictReader(io.StringIO(doc.value))
    elapsed: dict[str, list[float]] = {}
    failed, begin, end = 0, float("inf"), 0.0
    try:
        for row in rows:
            place = f"line {rows.line_num}"
            started = take.number(doc, row["timeStamp"], f"{place}, timeStamp")
            took = take.number(doc, row["elapsed"], f"{place}, elapsed")
            if row["success"] not in ("true", "false"):
                doc.refuse(f"{place}, success", found=repr(row["success"])[:60], allowed="true or false")
            elapsed.setdefault(row["label"] or "", []).append(took)
            failed += row["success"] == "false"
            begin, end = min(begin, started), max(end, started + took)
    except csv.Error as exc:
        doc.refuse(f"line {rows.line_num}", found=f"a broken row ({exc})", allowed="CSV")
    every = [value for values in elapsed.values() for value in values]
    found: dict[str, Figure] = {}
    for label, values in sorted({**elapsed, "all": every}.items()):
        if values:
            ordered = sorted(values)
            found[f"{label} p50"] = figures.lower(figures.quantile(ordered, 0.5), "ms", resolution=1.0)
            found[f"{label} p95"] = figures.lower(figures.quantile(ordered, 0.95), "ms", resolution=1.0)
    if every:
        found["all failed"] = figures.share(failed, len(every))
        if end > begin:
            found["all requests per second"] = figures.higher(len(every) * 1000 / (end - begin), "1/s")
    made_at = take.epoch(doc, begin, "timeStamp") if every else None
    return [figures.reading(doc, found, tool="JMeter", made_at=made_at, requests=len(every), failed=failed)]
