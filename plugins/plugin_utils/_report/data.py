# SPDX-License-Identifier: GPL-3.0-or-later
"""The data section of the page: the last refresh of each database, what was proved of it, refreshes that failed, purges. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.data import newest_data, proof_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import data_proof, data_purge
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.data_read import (
    Facts,
    Refresh,
    age,
    counted,
    duration,
    ended,
    items,
    listed,
    mapping,
    number,
    refreshes,
    text,
    whole,
)

KINDS = ("data_sync", "data_purge")
# Of a database: tables, relations and past refreshes that are shown. Of an environment: failures.
MOST_TABLES, MOST_EDGES, MOST_POINTS, MOST_FAILED = 200, 100, 24, 10
MOST_COLUMNS = 24
WAYS = {"start": "start rows", "children": "children", "parents": "parents", "whole": "whole table", "unreached": "not reached"}
ENDS = {"open": "not ended", "errored": "could not tell", "inconclusive": "too little data"}


def section(entries: Sequence[Facts], *, names: Iterable[str], now: str) -> dict[str, Any]:
    """names: the environments to tell of, refreshed or not."""
    acts = [row for row in views.history(entries) if row["kind"] in (*KINDS, "teardown")]
    found = {name: _since(acts, name) for name in dict.fromkeys([*names, *(row["environment"] for row in acts if row["kind"] in KINDS)])}
    sources = {text(mapping(row["body"]).get("source")) for row in acts if row["kind"] == "data_sync"}
    return {
        "environments": [_environment(name, rows, newest_data(entries, name), now) for name, rows in found.items() if rows],
        "without": [name for name, rows in found.items() if name not in sources and not any(row["kind"] == "data_sync" for row in rows)],
    }


def notes(found: Facts) -> list[str]:
    """What needs a look, for the top of the page."""
    told = []
    for place in found["environments"]:
        if place["broken"]:
            told.append(f"The last data refresh in {place['name']} failed{_at(place['broken']['task'])}; its data is that of the refresh before.")
        if place["unproved"]:
            told.append(f"Nobody proved that the data in {place['name']} is masked: {listed(place['unproved'], 4)}.")
    return told


def short(found: Facts, name: str) -> dict[str, Any] | None:
    """For the environment's own card: how old its data is, and what is known of it."""
    place = next((place for place in found["environments"] if place["name"] == name), None)
    if place is None or not (place["last"] or place["broken"]):
        return None
    last = place["last"] or {"verdict": "failed", "word": "never refreshed", "age": ""}
    return {"verdict": last["verdict"], "word": last["word"], "age": last["age"], "broken": bool(place["broken"])}


def line(row: Facts) -> str:
    """An act in one line, for the timeline."""
    body = mapping(row["body"])
    if row["kind"] == "data_purge":
        return data_purge.line(row)
    if row["verdict"] != "passed":
        return f"from {text(body.get('source')) or 'an unnamed source'}{_at(text(body.get('task')))}"
    found = refreshes(row)
    told = [_did(name, one) for name, one in found.items()]
    return f"from {text(body.get('source')) or 'an unnamed source'}" + (f": {'; '.join(told[:6])}" if told else "")


def _did(name: str, one: Refresh) -> str:
    if not one.changed:
        return f"{name} already up to date"
    return f"{name} {one.mode.replace('_', ' ') or 'copied'}, {counted(one.rows, 'row')}, {data_proof.verdict(one, proved=True)[1]}"


def _at(task: str) -> str:
    return f' at "{task}"' if task else ""


def _since(acts: Sequence[Facts], name: str) -> list[Facts]:
    """What a teardown took away is no more."""
    own = [row for row in acts if row["environment"] == name]
    gone = max((place for place, row in enumerate(own) if row["kind"] == "teardown" and row["verdict"] == "passed"), default=-1)
    return [row for row in own[gone + 1 :] if row["kind"] in KINDS]


def _environment(name: str, acts: list[Facts], known: Facts | None, now: str) -> dict[str, Any]:
    syncs = [row for row in acts if row["kind"] == "data_sync"]
    past: dict[str, list[Refresh]] = {}
    for row in syncs:
        for database, one in refreshes(row).items():
            past.setdefault(database, []).append(one)
    proved = {text(one["service"]): one["proved_at"] for one in (known or {}).get("services", [])}
    databases = [_database(database, past[database], proved.get(database), now) for database in sorted(past)]
    # One that never ended is still running or was killed: its data is not in place either.
    failed = [_failure(row) for place, row in enumerate(syncs) if row["verdict"] != "passed" and not _overcome(row, syncs[place + 1 :])][::-1]
    earlier = sum(row["verdict"] not in ("passed", "open") for row in syncs) - sum(one["verdict"] != "open" for one in failed)
    return {
        "name": name or "no environment",
        "last": _last(syncs, databases, (known or {}).get("proved_at"), now),
        "databases": databases,
        "failed": failed[:MOST_FAILED],
        "more_failed": max(0, len(failed) - MOST_FAILED),
        "earlier": earlier,
        "broken": next((one for one in failed if one["verdict"] != "open"), None),
        "unproved": [one["name"] for one in databases if one["verdict"] == "attention"],
        "purges": data_purge.newest([row for row in acts if row["kind"] == "data_purge"]),
    }


def _overcome(row: Facts, later: Sequence[Facts]) -> bool:
    """Whether each of its databases was refreshed since."""
    since = {name for other in later if other["verdict"] == "passed" for name in text(other["subject"]).split(",")}
    return set(text(row["subject"]).split(",")) <= since


def _newest(found: list[Refresh]) -> Refresh:
    """The one whose rows are there now: a later one that found nothing to do left them."""
    return next((one for one in reversed(found) if one.changed), found[-1])


def _last(syncs: Sequence[Facts], databases: Sequence[Facts], proved_at: str | None, now: str) -> dict[str, Any] | None:
    row = next((row for row in reversed(syncs) if row["verdict"] == "passed"), None)
    if row is None:
        return None
    body = mapping(row["body"])
    group = min((one["smallest"] for one in databases if one["smallest"]), default=None)
    apart = number(body.get("snapshots_apart"))
    oldest = min((one["as_of"] for one in databases), default=ended(row))
    worst = min(databases, key=lambda one: data_proof.RANK.index(one["verdict"]), default={"verdict": "attention", "word": data_proof.WORDS[""][1]})
    return {
        "source": text(body.get("source")) or "an unnamed source",
        "time": _clock(oldest),
        "age": age(oldest, now),
        "by": text(row["by"]),
        "proved": _clock(text(proved_at)),
        "proved_age": age(text(proved_at), now) if proved_at else "",
        "rows": sum(one["rows"] for one in databases),
        "masked": sum(one["masked"] for one in databases),
        "smallest": None if group is None else {"size": group.size, "text": f"rows in the smallest group of {group.table} ({group.columns})"},
        "verdict": worst["verdict"],
        "word": worst["word"],
        "apart": None if apart is None else f"{apart * 1000:,.0f} ms",
    }


def _failure(row: Facts) -> dict[str, Any]:
    body = mapping(row["body"])
    return {
        "time": _clock(ended(row)),
        "source": text(body.get("source")) or "an unnamed source",
        "subject": text(row["subject"]).replace(",", ", "),
        "task": text(body.get("task")),
        "verdict": row["verdict"],
        "word": ENDS.get(row["verdict"], text(row["verdict"])),
        "by": text(row["by"]),
    }


def _database(name: str, past: list[Refresh], proved_at: str | None, now: str) -> dict[str, Any]:
    one = _newest(past)
    style, word = data_proof.verdict(one, proved=proved_at is not None)
    tables = one.tables
    edges = [mapping(edge) for edge in items(one.facts.get("edges"))]
    points = [each for each in past if each.changed and each.seconds is not None]
    return {
        "name": name,
        "source": one.source or "an unnamed source",
        "as_of": past[-1].time,
        "time": _clock(one.time),
        "age": age(one.time, now),
        "entry": one.entry,
        "mode": one.mode.replace("_", " ") or "not recorded",
        "why": text(one.facts.get("why")),
        "changed": one.changed,
        "checked": _clock(past[-1].time) if past[-1] is not one else "",
        "took": "" if one.seconds is None else duration(one.seconds),
        "rows": one.rows,
        "masked": sum(len(_masked(table)) for table in tables.values()),
        "smallest": data_proof.smallest(one),
        "key": text(one.facts.get("key_id")),
        "verdict": style,
        "word": word,
        "proof": data_proof.describe(one.proof) if proof_of(one.facts) in ("passed", "failed") else None,
        "tables": [_table(table, tables[table]) for table in sorted(tables)[:MOST_TABLES]],
        "more_tables": max(0, len(tables) - MOST_TABLES),
        "edges": [_edge(edge) for edge in edges[:MOST_EDGES]],
        "more_edges": max(0, len(edges) - MOST_EDGES),
        "points": [_point(each) for each in points[-MOST_POINTS:]],
    }


def _table(name: str, facts: Facts) -> dict[str, Any]:
    rows, estimate = whole(facts.get("rows")), whole(facts.get("rows_estimate"))
    moved = [f"{whole(facts[word]):,} {word}" for word in ("inserted", "updated", "deleted") if whole(facts.get(word))]
    size, seconds = number(facts.get("bytes")), number(facts.get("seconds"))
    masked = _masked(facts)
    return {
        "name": name,
        "rows": f"{rows:,}" if rows is not None else f"about {estimate:,}" if estimate is not None else "",
        "moved": ", ".join(moved),
        "size": "" if not size else f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB",
        "took": "" if seconds is None else duration(seconds),
        "masked": listed(masked, MOST_COLUMNS),
    }


def _masked(facts: Facts) -> list[str]:
    return [text(column) for column in items(facts.get("masked"))]


def _edge(edge: Facts) -> dict[str, Any]:
    rows = whole(edge.get("rows"))
    way = text(edge.get("direction"))
    return {
        "way": WAYS.get(way, way),
        "edge": text(edge.get("edge") or edge.get("name")),
        "table": text(edge.get("table")),
        "rows": "" if rows is None else f"{rows:,}",
    }


def _point(one: Refresh) -> dict[str, Any]:
    return {"time": _clock(one.time), "mode": one.mode, "seconds": one.seconds, "rows": one.rows}


def _clock(moment: str) -> str:
    return moment[:19].replace("T", " ")
