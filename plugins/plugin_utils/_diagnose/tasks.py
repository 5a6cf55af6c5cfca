# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags that were switched, and what other plays changed, from facts and from the audit trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import Change, seconds_of

Entry = Mapping[str, Any]
FLAG = "flag/"
FLAG_MODULE = "feature_flag"
TOGETHER = 300.0  # the same task on other hosts of the same run
SLACK = 2.0


def flags(own: Sequence[Entry]) -> Iterator[Change]:
    """Facts with the subject `flag/<name>` or of the kind `flag`, and changing tasks of feature_flag that the audit trail has."""
    told = set()
    for entry in own:
        subject, body = str(entry["subject"]), entry["body"]
        if entry["phase"] != "intent" and (entry["kind"] == "flag" or subject.startswith(FLAG)):
            name = subject.removeprefix(FLAG)
            told.add(round(seconds_of(entry["time"]) / TOGETHER))
            percentage = body.get("percentage")
            to = f" to {percentage:g} %" if isinstance(percentage, (int, float)) else f" {body['state']}" if body.get("state") else ""
            yield _flag(entry, f"flag {name}{to}", at=seconds_of(entry["time"]))
    for rows in _together([entry for entry in own if _is_task(entry) and _module(entry) == FLAG_MODULE]):
        at = _ended(rows[0])
        if not {round(at / TOGETHER) + step for step in (-1, 0, 1)} & told:
            yield _flag(rows[0], f"flag by task {rows[0]['body'].get('task', '')}", at=at)


def others(own: Sequence[Entry], acts: Sequence[Change]) -> Iterator[Change]:
    """Changing tasks that belong to none of our acts; without the audit trail there are none to see."""
    spans = [(act.began - SLACK, act.moments[-1] + SLACK) for act in acts if act.moments and act.verdict != "open"]
    loose = [
        entry
        for entry in own
        if _is_task(entry) and _module(entry) != FLAG_MODULE and not any(begin <= _ended(entry) <= end for begin, end in spans) and not _ours(entry)
    ]
    for rows in _together(loose):
        body = rows[0]["body"]
        yield Change(
            id=str(rows[0]["id"]),
            kind="task",
            what=f"{body.get('action', 'task')}: {body.get('task', '')}",
            who=str(rows[0]["actor"]["name"]),
            hosts=frozenset(str(each["subject"]) for each in rows),
            moments=(_ended(rows[0]), *((_ended(rows[-1]),) if len(rows) > 1 else ())),
            began=_ended(rows[0]),
            size_text=f"one task on {len(rows)} hosts" if len(rows) > 1 else "one task",
            verdict="passed",
        )


def _flag(entry: Entry, what: str, *, at: float) -> Change:
    service = str(entry["body"].get("service") or "")
    return Change(
        id=str(entry["id"]),
        kind="flag",
        what=what,
        who=str(entry["actor"]["name"]),
        services=frozenset([service] if service else ()),
        moments=(at,),
        began=at,
        size=8,
        size_text="what users meet at once",
        verdict="passed",
    )


def _is_task(entry: Entry) -> bool:
    return bool(entry["kind"] == "task" and entry["body"].get("changed") and entry["body"].get("status") == "ok")


def _module(entry: Entry) -> str:
    return str(entry["body"].get("action", "")).rpartition(".")[2]


def _ours(entry: Entry) -> bool:
    """The collection's own records and leases change nothing that users meet."""
    return str(entry["body"].get("action", "")).startswith("evenkeel.release.")


def _ended(entry: Entry) -> float:
    return seconds_of(str(entry["body"].get("ended") or entry["time"]))


def _together(entries: Sequence[Entry]) -> list[list[Entry]]:
    groups: list[list[Entry]] = []
    last: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        key = (str(entry["body"].get("action")), str(entry["body"].get("task")))
        group = last.get(key)
        if group and _ended(entry) - _ended(group[-1]) <= TOGETHER:
            group.append(entry)
        else:
            last[key] = [entry]
            groups.append(last[key])
    return groups
