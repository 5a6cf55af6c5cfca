# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it the deployment? From entries and a question to the ranked list and one sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose import elsewhere
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.changes import changes
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import DEPLOYING, Change, DiagnoseError, Place, Question, Suspect, span, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.score import moment, ranked
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

Entry = Mapping[str, Any]
LIKELY, POSSIBLE = 35.0, 12.0
ANSWERS = ("likely", "possible", "unlikely", "unknown")
LATER = 7200.0  # of what came after the onset, how much is told


def answer(entries: Sequence[Entry], question: Question, *, now: float, looks_back: float) -> dict[str, Any]:
    """{answer, text, suspects, after, elsewhere}; entries of all environments, oldest first.

    answer: likely | possible | unlikely | unknown, whether it is a deployment (or a switch, migration or rollback).
    """
    known = {str(entry["environment"]) for entry in entries} - {""}
    if question.environment not in known:
        raise DiagnoseError(f"The ledger knows nothing of {question.environment!r}; it knows {', '.join(sorted(known)) or 'no environment'}.")
    every = changes(entries, question.environment)
    recent = [change for change in every if _reaches(change, question, looks_back)]
    running = views.deployed(entries).get(question.environment, {})
    places = elsewhere.places(entries, question.environment, [*(change.release for change in recent), *running.values()], now=now)
    suspects = ranked(recent, question, places)
    after = [change for change in every if moment(change, question) is None and change.earliest <= question.onset + LATER]
    word, text = _said(suspects, after, question)
    return {
        "answer": word,
        "text": text,
        "suspects": [{"rank": number, **each.as_dict()} for number, each in enumerate(suspects, start=1)],
        "after": [{"kind": change.kind, "what": change.what, "when": stamp(change.earliest), "who": change.who, "entry": change.id} for change in after],
        "running": running,
        "elsewhere": [_shown(place) for release in sorted(places) for place in places[release]],
    }


def _reaches(change: Change, question: Question, looks_back: float) -> bool:
    latest = change.window[1] if change.window else moment(change, question)
    return latest is not None and latest >= question.onset - looks_back


def _shown(place: Place) -> dict[str, Any]:
    return {
        "environment": place.environment,
        "release": place.release,
        "services": list(place.services),
        "since": stamp(place.since),
        "state": place.state,
        "text": place.text,
    }


def _said(suspects: Sequence[Suspect], after: Sequence[Change], question: Question) -> tuple[str, str]:
    ours = next((each for each in suspects if each.change.kind in DEPLOYING), None)
    top = suspects[0] if suspects else None
    late = next((change for change in after if change.kind in DEPLOYING), None)
    began = f" The {late.what} began {span(late.earliest - question.onset)} after the symptoms, so it is not their cause." if late else ""
    if top is None or top.score < 1:
        text = f"Nothing that the ledger knows changed {question.environment} shortly before the symptoms; look at traffic, data and others' services.{began}"
        return "unlikely" if late else "unknown", text
    if ours is None:
        return "unlikely", f"It is not a deployment: none is known before the symptoms. First to look at: {_named(top)}.{began}"
    if ours is top and ours.score >= LIKELY:
        return "likely", f"It is likely the {_named(ours)}.{_way_back(ours)}{began}"
    if ours.score >= POSSIBLE and ours.score >= top.score / 2:
        other = "" if ours is top else f" Look at this first: {_named(top)}."
        return "possible", f"It may be the {_named(ours)}.{other}{began}"
    return "unlikely", f"It is hardly a deployment; the nearest is the {_named(ours)}. First to look at: {_named(top)}.{began}"


def _named(each: Suspect) -> str:
    who = f" by {each.change.who}" if each.change.who else ""
    time = next(factor.text for factor in each.factors if factor.name == "time")
    return f"{each.change.what}{who}, {time}, score {each.score:g}"


def _way_back(each: Suspect) -> str:
    change = each.change
    if change.kind in ("deployment", "promotion") and change.undone is None:
        return " Way back: evenkeel.release.rollback."
    if change.kind == "migration" and "one way" in change.size_text:
        return " It is one way: a rollback past it is refused."
    return ""
