# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the running evaluator answer what was switched? Asked by OFREP, the OpenFeature Remote Evaluation Protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from ansible_collections.evenkeel.release.plugins.module_utils._flags.http import Send

PASSED, FAILED, ERRORED, INCONCLUSIVE = "passed", "failed", "errored", "inconclusive"
PATH = "/ofrep/v1/evaluate/flags"
SIGMAS = 4.0  # a right evaluator falls outside once in 16,000 verifications
STICKY = 20  # subjects that are asked twice
NOT_THERE = object()


class Expected(NamedTuple):
    """What a flag has to answer: a value for everybody, or a share of `values[0]` against `values[1]`."""

    value: Any = None
    share: Optional[float] = None
    values: tuple[Any, Any] = (True, False)
    absent: bool = False


class Checked(NamedTuple):
    verdict: str
    reason: str
    asked: int = 0
    found: Optional[float] = None  # percent of on, where a share was expected


def evaluate(send: Send, key: str, context: Mapping[str, Any]) -> Any:
    """The value, or NOT_THERE when the evaluator has none for this flag: unknown, disabled, or the program's own default."""
    answer = send("POST", f"{PATH}/{quote(key, safe='')}", {"context": dict(context)})
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status == 200 and "value" in body:
        return body["value"]
    if (answer.status == 200 and body.get("reason")) or (answer.status == 404 and body.get("errorCode") == "FLAG_NOT_FOUND"):
        return NOT_THERE
    told = body.get("errorDetails") or body.get("errorCode") or "no reason given"
    raise FlagError(f"the evaluator answered {answer.status} for {key}: {told}")


def evaluate_all(send: Send, context: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all flags; those that can't be evaluated are left out."""
    answer = send("POST", PATH, {"context": dict(context)})
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status != 200 or not isinstance(body.get("flags"), list):
        raise FlagError(f"the evaluator answered {answer.status}: {body.get('errorDetails') or body.get('errorCode') or 'no list of flags'}")
    return {str(flag["key"]): flag["value"] for flag in body["flags"] if isinstance(flag, dict) and "key" in flag and "value" in flag}


def check(send: Send, key: str, expected: Optional[Expected], *, contexts: Sequence[Mapping[str, Any]], sticky_by: str, samples: int) -> Checked:
    """One look."""
    if expected is None:
        return Checked(INCONCLUSIVE, f"rules of its own decide what {key} answers, so no share can be expected")
    try:
        if expected.share is None:
            return _everybody(send, key, expected, contexts)
        return _shared(send, key, expected, expected.share, sticky_by=sticky_by, samples=samples, base=contexts[0] if contexts else {})
    except FlagError as exc:
        return Checked(ERRORED, str(exc))


def _everybody(send: Send, key: str, expected: Expected, contexts: Sequence[Mapping[str, Any]]) -> Checked:
    asked = list(contexts) or [{"targetingKey": "evenkeel"}]
    wanted = NOT_THERE if expected.absent else expected.value
    for context in asked:
        found = evaluate(send, key, context)
        if not _same(found, wanted):
            return Checked(FAILED, f"{key} answers {_shown(found)} for {_who(context)}, expected {_shown(wanted)}", len(asked))
    return Checked(PASSED, f"{key} answers {_shown(wanted)}", len(asked))


def _shared(send: Send, key: str, expected: Expected, share: float, *, sticky_by: str, samples: int, base: Mapping[str, Any]) -> Checked:
    subjects = [{**base, "targetingKey": f"evenkeel-{number}", sticky_by: f"evenkeel-{number}"} for number in range(samples)]
    first = [evaluate(send, key, subject) for subject in subjects]
    other = next((value for value in first if not any(_same(value, allowed) for allowed in expected.values)), None)
    if other is not None:
        return Checked(FAILED, f"{key} answers {_shown(other)}, expected {_shown(expected.values[0])} or {_shown(expected.values[1])}", samples)
    on = sum(_same(value, expected.values[0]) for value in first)
    if [evaluate(send, key, subject) for subject in subjects[:STICKY]] != first[:STICKY]:
        return Checked(FAILED, f"{key} isn't sticky: the same subject got two answers", samples, 100.0 * on / samples)
    low, high = bounds(share, samples)
    told = f"{key} is on for {on} of {samples} subjects, expected {low} to {high} at {share:g} %"
    return Checked(PASSED if low <= on <= high else FAILED, told, samples, 100.0 * on / samples)


def bounds(share: float, samples: int) -> tuple[int, int]:
    """How many of the subjects may be on; exact at 0 and 100."""
    part = share / 100.0
    middle, spread = samples * part, SIGMAS * math.sqrt(samples * part * (1 - part))
    if part in (0.0, 1.0):
        return round(middle), round(middle)
    return max(0, math.floor(middle - spread)), min(samples, math.ceil(middle + spread))


def verify(
    look: Callable[[], list[Checked]], *, deadline: float, interval: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> tuple[str, list[Checked], float]:
    """Look until everything passes or the deadline comes. (verdict, last looks, seconds waited)"""
    began = clock()
    while True:
        found = look()
        verdict = worst([one.verdict for one in found])
        spent = clock() - began
        if verdict == PASSED or spent + interval > deadline:
            return verdict, found, spent
        sleep(interval)


def worst(verdicts: Sequence[str]) -> str:
    return next((verdict for verdict in (ERRORED, FAILED, INCONCLUSIVE) if verdict in verdicts), PASSED)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and one == other) or (_number(one) and _number(other) and one == other)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return "nothing" if value is NOT_THERE else repr(value)


def _who(context: Mapping[str, Any]) -> str:
    return str(context.get("targetingKey") or "a context without targetingKey")
