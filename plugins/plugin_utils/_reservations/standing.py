# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds an environment now, and whether somebody may act in it: what the gate is told as `reservation`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._acts import WAY_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments, words
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import belongs, bookings, used
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import HOLDING, Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import DAY
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.settle import applied, settle, waiting
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import SEARCH, interval, next_free
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World, world

# The way back to what served before is never closed, and looking disturbs nobody.
LOOKS = ("drift",)
UNREADABLE = (ReservationError, KeyError, TypeError, ValueError, AttributeError, OverflowError)


class Question(NamedTuple):
    environment: str
    now: datetime
    actor: str
    act: str
    release: str


def standing(documents: Mapping[str, Any], entries: Iterable[Any], environment: str, now: datetime, actor: str, act: str, release: str = "") -> dict[str, Any]:
    """The section `reservation` of the policies' evidence.

    documents: {reservations: [checked documents], environments: {name: evenkeel_environment}, teams: {team: [people]}}; entries: those of
    read.entries(), oldest first; now: aware; actor: the name that the ledger has for whoever acts.

    {environment, allowed, why, message, required, holders: [interval], mine: interval or None, waiting: number, ask: [text], until, free_from,
    next: interval or None}. `why` is free, own, way_back or looks where it is allowed, else required (a booking is needed), held, shared, mode
    (the own booking is for looking only), release (it is for another release), clash (two hold it) or unknown. What can't be told is not allowed.
    """
    question = Question(environment, now, actor, act, release)
    try:
        declared, known = world(documents), list(entries)
        present = bookings(declared, known, now, until=moments.later(now, SEARCH + DAY))
        present = applied(present, settle(declared, present, used(declared, known, present.values(), now), now))
        return _standing(declared, list(present.values()), question)
    except UNREADABLE as exc:
        return _unknown(question, str(exc))


def _standing(declared: World, present: Sequence[Booking], question: Question) -> dict[str, Any]:
    name, now = question.environment, question.now
    if name not in declared.environments:
        return _unknown(question, f"{name} is no environment that is declared ({', '.join(sorted(declared.environments)) or 'there is none'})")
    here = sorted((each for each in present if name in each.environments and each.state in HOLDING), key=lambda each: (each.start, each.id))
    holders = [each for each in here if each.state == "approved" and each.blocked[0] <= now < each.blocked[1]]
    strongest = max((declared.rules.priority(each.purpose) for each in holders), default=0)
    mine = [each for each in holders if belongs(declared, each, question.actor)]
    required = any(_demands(rule, declared, question) for rule in declared.rules.required)
    why = _why(declared, holders, mine, question, required=required, strongest=strongest)
    others = [each for each in holders if each not in mine]
    later = [each for each in here if each.state == "approved" and each.blocked[0] > now]
    free = _free(declared, here, question)
    asked = words.ask(declared, others, [name])
    found: dict[str, Any] = {
        "environment": name,
        "allowed": why in ("free", "own", "way_back", "looks"),
        "why": why,
        "required": required,
        "holders": [interval(each) for each in holders],
        "mine": interval(mine[0]) if mine else None,
        "waiting": sum(1 for each in waiting(declared.rules, present) if name in each.environments),
        "ask": asked,
        "until": moments.text(max(each.blocked[1] for each in holders)) if holders else None,
        "free_from": moments.text(free[0]) if free else None,
        "next": interval(later[0]) if later else None,
    }
    return found | {"message": _message(question, why, holders, asked, found["free_from"], later)}


def _why(declared: World, holders: Sequence[Booking], mine: Sequence[Booking], question: Question, *, required: bool, strongest: int) -> str:
    if question.act in WAY_BACK:
        return "way_back"
    if not question.actor:
        return "unknown"
    if not holders:
        return "required" if required else "free"
    if not mine:
        return "looks" if question.act in LOOKS and not required else "held"
    fitting = [each for each in mine if each.release in ("", question.release)]
    if not fitting:
        return "release"
    if question.act in LOOKS:
        return "own"
    changing = [each for each in fitting if declared.rules.changes(each.mode)]
    if not changing:
        return "shared" if len(holders) > len(mine) else "mode"
    rivals = [each for each in holders if each not in mine and not any(declared.rules.share(each.mode, own.mode) for own in changing)]
    # Bookings in files may meet those of the ledger after a merge that nobody checked: then the more urgent one has it, or nobody.
    ahead = all(declared.rules.priority(own.purpose) == strongest > declared.rules.priority(each.purpose) for each in rivals for own in changing[:1])
    return "own" if ahead or declared.rules.conflicts == "plutora" else "clash"


def _demands(rule: Mapping[str, Any], declared: World, question: Question) -> bool:
    """An absent or empty list means all."""
    asked = {"tiers": declared.tier(question.environment), "environments": question.environment, "acts": question.act}
    return all(not rule.get(key) or value in rule[key] for key, value in asked.items())


def _free(declared: World, here: Sequence[Booking], question: Question) -> tuple[datetime, datetime] | None:
    rules, now = declared.rules, question.now
    probe = Booking(
        id="", environments=(question.environment,), mode="", purpose="", team="", by="", start=now, end=moments.later(now, 3600), made=now, since=now
    )
    approved = [each for each in here if each.state == "approved"]
    return next_free(replace(rules, conflicts="strict"), replace(probe, state="approved"), approved, after=now)


def _message(question: Question, why: str, holders: Sequence[Booking], asked: Sequence[str], free: str | None, later: Sequence[Booking]) -> str:
    name, who = question.environment, question.actor or "somebody"
    held = f"{name} is held by {'; '.join(words.named(each) for each in holders)}." if holders else f"Nobody holds {name} now."
    then = f" It is free for an hour from {free}." if free else " It is not free for an hour in the next 60 days."
    ask = f" Next: ask {'; '.join(asked)}, or book it with evenkeel.release.reservation."
    refused = f"{held} {question.act} by {who} is refused: "
    said = {
        "free": held + (f" The next booking is {words.named(later[0])}." if later else ""),
        "own": f"{held} {question.act} by {who} is inside that booking.",
        "way_back": f"{held} The way back is never closed.",
        "looks": f"{held} {question.act} only looks.",
        "required": f"{refused}it needs a booking here.{then}{ask}",
        "held": f"{refused}{who} is not of that booking.{then}{ask}",
        "mode": f"{refused}the booking is for looking, not for changes. Next: book it in a mode that may change it, such as code_change.",
        "shared": f"{refused}others use it at the same time, and the booking is not for changes.{then}{ask}",
        "release": f"{refused}the booking is for release {', '.join(sorted({each.release for each in holders if each.release}))} and not for"
        f" {question.release or 'no release'}. Next: book it for that one.",
        "clash": f"{refused}two bookings hold it that can't be there together.{then}{ask}",
        "unknown": f"{refused}nobody knows who acts. Next: run it as a user whom the ledger can name.",
    }
    return said[why]


def _unknown(question: Question, fault: str) -> dict[str, Any]:
    """Everything that a policy may ask, with the answer no."""
    text = f"Whether {question.act} may go ahead in {question.environment} could not be told, so it is refused: {fault}"
    absent: dict[str, Any] = {"holders": [], "mine": None, "waiting": 0, "ask": [], "until": None, "free_from": None, "next": None}
    return {"environment": question.environment, "allowed": question.act in WAY_BACK, "why": "unknown", "required": True, **absent, "message": text}
