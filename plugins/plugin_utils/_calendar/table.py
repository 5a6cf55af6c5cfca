# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendars and answers as text, in columns that a terminal shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import expand, export, public, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar, Span

WORDS = {"allow": "allows", "deny": "refuses", "close": "no window", "tell": ""}
_WIDEST = 48


def rows(calendars: Iterable[Calendar], begin: int, end: int) -> list[Span]:
    """Everything that is in the calendars from begin to end (seconds since 1970), sorted by time."""
    known = list(calendars)
    found = expand.spans([event for one in known for event in (*one.events, *(train.departures for train in one.trains))], begin, end)
    found += [span for one in known for span in public.spans(one.holidays, begin, end)]
    found += [span for one in known for train in one.trains for span in export.milestones(train, begin, end) if begin <= span.begin < end]
    return sorted(found, key=lambda span: (span.begin, span.end, span.event.kind, span.event.uid))


def plain(span: Span) -> dict[str, str]:
    event = span.event
    scope = "; ".join(f"{key}: {', '.join(globs)}" for key, globs in event.scope.as_dict().items()) or "everything"
    return {
        "from": wall.text(span.begin, event.zone),
        "to": wall.text(span.end, event.zone),
        "kind": event.kind,
        "effect": event.effect,
        "name": span.name or event.name,
        "scope": scope,
        "calendar": event.calendar,
    }


def weeks(spans: Sequence[Span]) -> str:
    shown = [
        (
            wall.shown(span.begin, span.event.zone),
            wall.shown(span.end, span.event.zone),
            span.event.kind,
            WORDS[span.event.effect],
            span.name or span.event.name,
            plain(span)["scope"],
        )
        for span in spans
    ]
    return columns(("from", "to", "kind", "effect", "name", "where"), shown) if shown else "Nothing is in the calendars for this time."


def columns(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cut = [tuple(_line(str(cell)) for cell in line) for line in lines]
    widths = [max(len(line[number]) for line in (tuple(head), *cut)) for number in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in (tuple(head), *cut))


def why(answer: Mapping[str, Any], *, subject: str) -> str:
    """The section `calendar` of the evidence as text: whether, why, and when next."""
    head = f"The calendars {'allow' if answer['allowed'] else 'do not allow'} {subject} at {answer['at']}. {answer['reason']}"
    lines = [head]
    causes = [(one["kind"], one["name"], _until(one), one["reason"]) for one in (*answer["freezes"], *answer["closed"])]
    if causes:
        lines += ["", columns(("what", "name", "until", "why"), causes)]
    duration = answer["duration"]
    if answer["closes"]:
        fits = "it would finish before that" if answer["will_finish"] else "it would not finish before that"
        lines.append(f"It ends at {answer['closes']['at']}; the deployment takes {duration['seconds']} s ({duration['rule']}): {fits}.")
    for one in answer["override"]:
        state = "counts" if one["counts"] else f"does not count: {one['why_not']}"
        lines.append(f"Override of {one['name'] or one['freeze']} by {one['by']} until {one['until']} ({one['reason']}): it {state}.")
    train = answer["train"]
    if train:
        place = "aboard" if train["aboard"] else "not aboard"
        lines.append(f"Train {train['train']}: departs {train['departs'] or 'never'}, {place}. {train['reason']}".rstrip())
    slots = [(one["from"], one["latest_start"], one["to"], (one["window"] or {}).get("name", "")) for one in answer["next_slots"]]
    if slots:
        lines += ["", "Next times at which it may go:", columns(("from", "start until", "finished by", "window"), slots)]
    elif not answer["allowed"]:
        lines.append(f"There is no time in the next months at which it may go for {duration['seconds']} s ({duration['rule']}).")
    return "\n".join(lines)


def conflicts(found: Sequence[Mapping[str, str]]) -> str:
    if not found:
        return "The calendars do not contradict each other."
    told = [f"  {one['when']}  {one['kind']}\n      {one['what']}\n      next: {one['next']}" for one in found]
    return "\n".join([f"{len(found)} conflict{'s' if len(found) > 1 else ''}:", *told])


def _until(one: Mapping[str, Any]) -> str:
    return str(one["local_to"])


def _line(text: str) -> str:
    """One line without control characters, not wider than a column may be."""
    plain_text = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain_text if len(plain_text) <= _WIDEST else plain_text[: _WIDEST - 1] + "…"
