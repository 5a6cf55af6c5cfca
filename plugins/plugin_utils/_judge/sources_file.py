# SPDX-License-Identifier: GPL-3.0-or-later
"""Series from a file of the controller: JSON in the shape of the judge, or CSV with a header."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import GAUGE, JudgeError, Metric
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds

COLUMNS = {"time": "time", "value": "value", "events": "events", "of": "of"}


def document(source: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    path = Path(source["file"])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise JudgeError(f"the file {path} cannot be read: {getattr(exc, 'strerror', None) or 'it is no UTF-8 text'}.") from exc
    found = _csv(text, source, metric, path) if path.suffix.lower() == ".csv" else _json(text, source, path)
    return {**found, **{key: source[key] for key in ("exposure",) if key in source}}


def _json(text: str, source: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """One series, or a list of them of which `series` names one."""
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise JudgeError(f"the file {path} is no JSON: {exc}.") from exc
    if isinstance(found, list):
        named = {str(each.get("name")): each for each in found if isinstance(each, Mapping)}
        wanted = str(source.get("series", ""))
        if wanted not in named:
            raise JudgeError(f"the file {path} has no series {wanted!r}; it has {', '.join(sorted(named)) or 'none'}.")
        found = named[wanted]
    if not isinstance(found, dict) or not {"points", "of", "events"} & set(found):
        raise JudgeError(f"the file {path} has no series, needed is an object with points, or with events and of.")
    points = [[seconds(row[0], f"a time in {path}"), *row[1:]] if isinstance(row, list) and row else row for row in found.get("points") or []]
    return {**found, "points": points}


def _csv(text: str, source: Mapping[str, Any], metric: Metric, path: Path) -> dict[str, Any]:
    """`columns` renames, `where` keeps the rows in which columns have these values."""
    reader = csv.DictReader(text.splitlines())
    names, where = {**COLUMNS, **source.get("columns", {})}, source.get("where", {})
    wanted = ["time", "value"] if metric.kind == GAUGE or metric.kind == "counter" else ["time", "events", "of"]
    if metric.kind == "availability" and names["events"] not in (reader.fieldnames or []):
        wanted = ["time", "value"]
    columns = [names[part] for part in wanted]
    missing = [name for name in [*columns, *where] if name not in (reader.fieldnames or [])]
    if missing:
        raise JudgeError(f"the file {path} has no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or []) or 'none'}.")
    rows = [row for row in reader if all(row[name] == str(value) for name, value in where.items())]
    return {"points": [[seconds(row[columns[0]], f"a time in {path}"), *(row[name] or None for name in columns[1:])] for row in rows]}
