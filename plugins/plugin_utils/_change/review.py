# SPDX-License-Identifier: GPL-3.0-or-later
"""The post-implementation review: what was planned against what happened, filled from the ledger, and what people add to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import text
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.text import md

Document = Mapping[str, Any]
KEYS = ("summary", "root_cause", "impact", "incidents", "actions", "attended")


def went_well(outcome: Document | None) -> bool:
    """What nobody knows did not go well."""
    return bool(outcome and outcome["verdict"] == "passed" and not outcome["rolled_back"])


def told(outcome: Document | None) -> str:
    if outcome is None:
        return "the ledger has no deployment for it"
    if not outcome["verdict"]:
        return f"deployment {outcome['deployment']} began at {outcome['began']} and has not ended"
    back = ", and it was rolled back" if outcome["rolled_back"] else ""
    return f"deployment {outcome['deployment']} ended {outcome['verdict']} at {outcome['ended']}{back}"


def check(given: Document) -> dict[str, Any]:
    """The review as it is recorded; every fault in one ChangeError. {summary, root_cause, impact, incidents, actions: [{what, owner, due}], attended}."""
    faults: list[str] = []
    found: dict[str, Any] = {}
    unknown = sorted(set(map(str, given)) - set(KEYS))
    if unknown:
        faults.append(f"unknown keys {', '.join(key[:40] for key in unknown)}; allowed are {', '.join(KEYS)}")
    for key, read in (
        ("summary", lambda: text.paragraph(given.get("summary"), name="review.summary")),
        ("root_cause", lambda: text.paragraph(given.get("root_cause"), name="review.root_cause")),
        ("impact", lambda: text.paragraph(given.get("impact") or "", name="review.impact", empty=True)),
        ("incidents", lambda: text.lines(given.get("incidents") or [], name="review.incidents")),
        ("attended", lambda: text.lines(given.get("attended") or [], name="review.attended")),
        ("actions", lambda: _actions(given.get("actions"))),
    ):
        try:
            found[key] = read()
        except ChangeError as exc:
            faults.append(str(exc).rstrip("."))
    if faults:
        raise ChangeError(f"The review was refused, nothing was recorded: {'; '.join(faults)}.")
    return found


def _actions(given: Any) -> list[dict[str, str]]:
    """An empty list is an answer; leaving it out is none."""
    if not isinstance(given, list) or len(given) > text.ITEMS:
        raise ChangeError(f"review.actions is {'nothing' if given is None else 'no list or too long'}; allowed is a list of at most {text.ITEMS}, [] for none.")
    return [_action(one, f"review.actions[{number}]") for number, one in enumerate(given)]


def _action(one: Any, name: str) -> dict[str, str]:
    if not isinstance(one, Mapping) or set(one) != {"what", "owner", "due"}:
        raise ChangeError(f"{name} needs what, owner and due, and nothing else.")
    try:
        due = date.fromisoformat(str(one["due"])).isoformat()
    except ValueError:
        raise ChangeError(f"{name}.due is {str(one['due'])[:40]!r}; allowed is a date such as 2027-06-30.") from None
    return {"what": text.line(one["what"], name=f"{name}.what"), "owner": text.line(one["owner"], name=f"{name}.owner"), "due": due}


def paper(change: Change, outcome: Document | None, *, minutes: float | None = None, incidents: Sequence[Document] | None = None, due: str = "") -> str:
    """The template of the review in Markdown, the same for the same input. What the ledger does not know is said; what people have to fill in is left open."""
    known = change.as_dict()
    planned, recorded = known["planned"] or {}, known["review"]
    rows = [
        ("start", planned.get("start") or "not planned", outcome["began"] if outcome else "unknown"),
        ("end", planned.get("end") or "not planned", (outcome or {}).get("ended") or "unknown"),
        ("minutes", _minutes(minutes), _minutes(outcome["seconds"] / 60 if outcome and outcome["seconds"] is not None else None)),
        ("result", f"release {known['release']} runs", told(outcome)),
        ("rollback", "not planned", "unknown" if outcome is None else "yes" if outcome["rolled_back"] else "no"),
    ]
    lines = [
        f"# Post-implementation review of {md(known['id'])}",
        "",
        f"- change: {md(known['type'])}, risk {md(known['level'])} ({md(known['score'])}), state {md(known['state'])}",
        f"- what: release {md(known['release'])} into {md(known['environment'])}: {md(', '.join(known['services']))}",
        f"- opened by {md(known['opened_by'] or 'unknown')} at {md(known['opened_at'])}",
        *([f"- emergency: {md(known['emergency']['reason'])}; incident {md(known['emergency']['incident'] or 'not given')}"] if known["emergency"] else []),
        *([f"- due: {md(due)}"] if due else []),
        "",
        "| | planned | happened |",
        "|---|---|---|",
        *(f"| {name} | {md(one)} | {md(other)} |" for name, one, other in rows),
        "",
        "## Problems that the deployment told of",
        "",
        *([f"- {md(one)}" for one in outcome["problems"][:50]] if outcome and outcome["problems"] else ["- none" if outcome else "- unknown"]),
        "",
        "## Incidents",
        "",
        *_incidents(incidents, recorded),
    ]
    return "\n".join([*lines, *_people(recorded)]) + "\n"


def _incidents(given: Sequence[Document] | None, recorded: Document | None) -> list[str]:
    names = [f"{one.get('id', '?')} (priority {one.get('priority', 'unknown')})" for one in given or []] + list((recorded or {}).get("incidents", []))
    return [f"- {md(one)}" for one in names] or ["- none given" if given is None else "- none"]


def _people(recorded: Document | None) -> list[str]:
    open_line = "(to be filled in)"
    actions = [f"| {md(one['what'])} | {md(one['owner'])} | {md(one['due'])} |" for one in (recorded or {}).get("actions", [])]
    found = []
    for title, key in (("Summary", "summary"), ("Root cause", "root_cause"), ("Impact", "impact")):
        said = (recorded or {}).get(key)
        found += ["", f"## {title}", "", *([md(line) for line in said.split("\n") if line.strip()] if said else [open_line])]
    return [*found, "", "## Actions", "", "| what | owner | due |", "|---|---|---|", *(actions or [f"| {'none' if recorded else open_line} | | |"])]


def _minutes(value: float | None) -> str:
    return f"{value:.1f}" if value is not None else "unknown"
