# SPDX-License-Identifier: GPL-3.0-or-later
"""How much speaks for a change being the cause: a product of factors, each in 0..1 and each with its reason in words. Pure.

What came after the onset cannot be the cause, but for the tolerance of two clocks. A score does not depend on the other changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import Change, Factor, Place, Question, Suspect, span, stamp

# The suspicion halves at this distance, and halves again at three, seven, ... times as far: what breaks mostly breaks at once, yet leaks take days.
HALF = 1800.0
# How often such a change breaks a service, against a deployment.
KINDS = {
    "deployment": 1.0,
    "promotion": 1.0,
    "migration": 1.0,
    "flag": 0.95,
    "switch": 0.95,
    "config": 0.9,
    "rollback": 0.8,
    "recovery": 0.8,
    "drift": 0.8,
    "data_purge": 0.8,
    "data_sync": 0.75,
    "repair": 0.75,
    "provision": 0.75,
    "teardown": 0.75,
    "task": 0.7,
    "baseline": 0.1,
}
ELSEWHERE, NEEDED, UNNAMED = 0.15, 0.7, 0.6
NEVER_REACHED, UNDONE, NOT_YET, OWN_WRITE, UNCHANGED = 0.3, 0.35, 0.5, 0.5, 0.05
HEALTHY, ALONE = 0.5, 0.8


def moment(change: Change, question: Question) -> float | None:
    """The one nearest to the onset that may be its cause; None when all came after it."""
    if change.window:
        return min(change.window[0], question.onset) if change.window[0] <= question.onset + question.tolerance else None
    fit = [at for at in change.moments if at <= question.onset + question.tolerance]
    if fit:
        return max(fit)
    # Under way, and no step of it had been taken.
    return change.began if change.moments and change.began <= question.onset + question.tolerance else None


def suspect(change: Change, question: Question, places: Sequence[Place] = ()) -> Suspect | None:
    at = moment(change, question)
    if at is None:
        return None
    factors = [
        _time(change, question, at),
        _kind(change),
        *_services(change, question),
        *_hosts(change, question),
        _size(change),
        *_course(change, question),
        *_elsewhere(change, places),
    ]
    value = math.prod(factor.value for factor in factors)
    return Suspect(change, round(100 * value, 1), at, max(0.0, question.onset - at), tuple(factors))


def ranked(changes: Iterable[Change], question: Question, places: Mapping[str, Sequence[Place]]) -> list[Suspect]:
    """The most suspect first; of two alike the later one, then by id, so that the order of the entries does not matter."""
    found = [suspect(change, question, places.get(change.release, ()) if change.release else ()) for change in changes]
    return sorted((each for each in found if each), key=lambda each: (-each.score, each.before, each.change.id))


def decay(distance: float) -> float:
    return 1.0 / (1.0 + max(0.0, distance) / HALF)


def _time(change: Change, question: Question, at: float) -> Factor:
    distance = max(0.0, question.onset - at)
    if change.window and change.window[0] < change.window[1]:
        return _uncertain(change.window, question)
    if distance <= question.tolerance:
        return Factor("time", 1.0, "as the symptoms began")
    return Factor("time", decay(distance), f"{span(distance)} before the symptoms")


def _uncertain(window: tuple[float, float], question: Question) -> Factor:
    """Any moment between two looks is as likely: the mean of the decay over those before the onset, times the chance that it was one of them."""
    begin, end = window
    last = min(end, question.onset)
    if last <= begin:
        return Factor("time", 0.5, f"between {stamp(begin)} and {stamp(end)}, as the symptoms began")
    near, far = question.onset - last, question.onset - begin
    mean = HALF / (far - near) * math.log((1 + far / HALF) / (1 + near / HALF))
    share = (last - begin) / (end - begin)
    when = "some time" if share < 1 else "at an unknown moment"
    return Factor("time", mean * share, f"{when} between {stamp(begin)} and {stamp(end)}, {span(far)} to {span(near)} before the symptoms")


def _kind(change: Change) -> Factor:
    return Factor("kind", KINDS.get(change.kind, 0.5), f"a {change.kind.replace('_', ' ')}")


def _services(change: Change, question: Question) -> list[Factor]:
    if not question.services:
        return []
    names = ", ".join(sorted(question.services))
    if not change.services:
        return [Factor("services", UNNAMED, f"it names no service; {names} shows the symptoms")]
    if change.services & question.services:
        return [Factor("services", 1.0, f"it changed {', '.join(sorted(change.services & question.services))}, which shows the symptoms")]
    needed = {need for service in question.services for need in question.needs.get(service, frozenset())} & change.services
    if needed:
        return [Factor("services", NEEDED, f"{names} depends on {', '.join(sorted(needed))}, which it changed")]
    return [Factor("services", ELSEWHERE, f"it changed {', '.join(sorted(change.services))}, and {names} shows the symptoms")]


def _hosts(change: Change, question: Question) -> list[Factor]:
    """Hosts with symptoms that it did not touch speak against it, and so do hosts that it touched and that have none."""
    if not question.hosts or not change.hosts:
        return []
    both = change.hosts & question.hosts
    ill, well = len(both) / len(question.hosts), len(both) / len(change.hosts)
    text = f"it touched {len(both)} of the {len(question.hosts)} hosts with symptoms"
    if len(both) < len(change.hosts):
        text += f", and {len(change.hosts) - len(both)} without"
    return [Factor("hosts", (0.2 + 0.8 * ill) * (0.5 + 0.5 * well), text)]


def _size(change: Change) -> Factor:
    if change.size <= 0:
        return Factor("size", UNCHANGED if change.kind == "migration" else 0.5, change.size_text or "next to nothing")
    return Factor("size", min(1.0, 0.7 + 0.06 * math.log2(change.size + 1)), change.size_text or "one change")


def _course(change: Change, question: Question) -> list[Factor]:
    found = []
    if not change.reached:
        found.append(Factor("reach", NEVER_REACHED, "it went back before users could meet it"))
    elif change.moments and min(change.moments) > question.onset + question.tolerance:
        found.append(Factor("reach", NOT_YET, "it had begun, and no host had been switched yet"))
    if change.reached and change.undone is not None and change.undone < question.onset - question.tolerance:
        found.append(Factor("undone", UNDONE, f"it had been taken back {span(question.onset - change.undone)} before the symptoms"))
    if change.caused_by:
        found.append(Factor("origin", OWN_WRITE, "one of our own runs wrote it, which is in this list itself"))
    return found


def _elsewhere(change: Change, places: Sequence[Place]) -> list[Factor]:
    """The same release in other environments: ill there speaks for it, healthy against, nowhere leaves more open than ill."""
    if not change.release or change.kind in ("rollback", "recovery"):
        return []
    ill = [place for place in places if place.state == "ill"]
    well = [place for place in places if place.state == "healthy"]
    if ill:
        return [Factor("elsewhere", 1.0, f"{change.release} is in trouble elsewhere too: {'; '.join(place.text for place in ill)}")]
    if well:
        return [Factor("elsewhere", HEALTHY, f"{change.release} is healthy elsewhere: {'; '.join(place.text for place in well)}")]
    return [
        Factor(
            "elsewhere", ALONE, f"{change.release} runs nowhere else, so nothing tells how it fares there" if not places else "nothing is known of it elsewhere"
        )
    ]
