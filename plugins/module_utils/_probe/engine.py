# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs many probes at once: a queue ordered by due time, and threads that take from it."""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import FAILED, INCONCLUSIVE, PASSED, judge, overall
from ansible_collections.evenkeel.release.plugins.module_utils._probe.kinds import KINDS, uses_tls
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unknown, classify
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import target
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import addresses_of, tls_context, tls_slots

ADDRESSES_AT_ONCE = 7  # further threads for a probe of each address


class Plan(NamedTuple):
    deadline: float  # seconds for the whole call
    concurrency: int
    until_passed: bool = False
    consecutive: int = 1  # attempts in a row that must pass
    retry_interval: float = 1.0


class _Course:
    """One probe on its way: the samples of its current attempt and how often it passed in a row."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.to_warm = spec["warmup"]
        self.samples: list[Sample] = []
        self.attempts = 0
        self.streak = 0
        self.last: Optional[dict[str, Any]] = None
        self.latest: Sample = {}
        self.done = False
        # One course per address, once the name of a probe of each address is resolved.
        self.addresses: Optional[list[_Course]] = None

    def to_resolve(self) -> bool:
        return self.spec.get("addresses") == "each" and "address" not in self.spec


class Engine:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._queue: list[tuple[float, int, _Course]] = []
        self._order = itertools.count()
        self._ready = threading.Condition()
        self._open = 0
        self._end = 0.0

    def run(self, specs: Sequence[Spec]) -> list[dict[str, Any]]:
        """One result per probe, or per address of it, in their order. Returns at the deadline even when a thread hangs in name resolution."""
        courses = [_Course(spec) for spec in specs]
        _prepare(specs)
        started = time.perf_counter()
        self._end = started + self._plan.deadline
        self._open = len(courses)
        for course in courses:
            self._put(started, course)
        usual_switch = sys.getswitchinterval()
        # A thread that waits 5 ms (the default) for its turn would add them to what it measures.
        sys.setswitchinterval(0.0005)
        try:
            # Daemons: a hanging one must not keep the process alive.
            most = len(courses) + ADDRESSES_AT_ONCE * sum(course.to_resolve() for course in courses)
            for _number in range(min(self._plan.concurrency, most)):
                threading.Thread(target=self._work, daemon=True).start()
            with self._ready:
                self._ready.wait_for(lambda: self._open == 0, timeout=self._plan.deadline)
                return [self._result(one) for course in courses for one in course.addresses or [course]]
        finally:
            sys.setswitchinterval(usual_switch)

    def _put(self, due: float, course: _Course) -> None:
        heapq.heappush(self._queue, (due, next(self._order), course))

    def _work(self) -> None:
        while True:
            course = self._take()
            if course is None:
                return
            started = time.perf_counter()
            if course.to_resolve():
                addresses, sample = _resolve(course.spec)
            else:
                addresses, sample = [], take_sample(course.spec, self._end - started)
            with self._ready:
                if addresses:
                    self._divide(course, addresses)
                else:
                    self._advance(course, sample, started)
                self._ready.notify_all()

    def _divide(self, course: _Course, addresses: Sequence[str]) -> None:
        course.addresses = [_Course({**course.spec, "address": address}) for address in addresses]
        self._open += len(course.addresses) - 1
        for one in course.addresses:
            self._put(time.perf_counter(), one)

    def _take(self) -> Optional[_Course]:
        """The next probe that is due; None when all are done or the deadline has passed."""
        with self._ready:
            while self._open:
                now = time.perf_counter()
                if now >= self._end:
                    return None
                due = self._queue[0][0] if self._queue else self._end
                if self._queue and due <= now:
                    return heapq.heappop(self._queue)[2]
                self._ready.wait(min(due, self._end) - now)
            return None

    def _advance(self, course: _Course, sample: Sample, started: float) -> None:
        course.latest = sample
        if course.to_warm:
            course.to_warm -= 1
            self._put(started + course.spec["interval"], course)
            return
        course.samples.append(sample)
        if len(course.samples) < course.spec["samples"]:
            self._put(started + course.spec["interval"], course)
            return
        course.attempts += 1
        course.last = judge(course.spec, course.samples)
        course.streak = course.streak + 1 if course.last["verdict"] == PASSED else 0
        if self._plan.until_passed and course.streak < self._plan.consecutive:
            course.samples = []
            self._put(time.perf_counter() + self._plan.retry_interval, course)
            return
        course.done = True
        self._open -= 1

    def _result(self, course: _Course) -> dict[str, Any]:
        # The last complete attempt counts; a half one only when there is no other.
        found = course.last or judge(course.spec, course.samples)
        if not course.done and found["verdict"] == PASSED:
            reason = f"it passed {course.streak} of {self._plan.consecutive} times in a row before the deadline"
            found = {**found, "verdict": INCONCLUSIVE, "reason": reason}
        named = {"name": course.spec["name"], "type": course.spec["type"], "target": target(course.spec)}
        if "address" in course.spec:
            named["address"] = course.spec["address"]
            named["family"] = "IPv6" if ":" in course.spec["address"] else "IPv4"
        if "steps" in course.latest:
            named["steps"] = course.latest["steps"]
        return {**named, **found, "attempts": course.attempts}


def _resolve(spec: Spec) -> tuple[list[str], Sample]:
    """(addresses, what to take for a sample when there is none)."""
    try:
        return addresses_of(spec), {}
    except (OSError, UnicodeError) as exc:
        return [], classify(exc, spec["timeout"])


def take_sample(spec: Spec, time_left: float) -> Sample:
    """One sample, never longer than what is left of the whole call. What a scenario has to clean up gets its own share of that."""
    kind = KINDS[spec["type"]]
    time_left -= spec["cleanup_timeout"] if spec.get("cleanup") else 0
    limited = {**spec, "timeout": max(0.001, min(spec["timeout"], time_left))}
    try:
        if spec.get("cleanup") and time_left <= 0:
            raise Unknown("before the deadline there was no time left to run it and to clean up")
        if not uses_tls(spec):
            return kind.sample(limited)
        with tls_slots:
            return kind.sample(limited)
    except Exception as exc:  # whatever happens is an outcome of the probe, never the end of the others
        return classify(exc, limited["timeout"])


def summary(results: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """(verdict, one message that names each probe that did not pass)."""
    verdict = overall(result["verdict"] for result in results)
    bad = [result for result in results if result["verdict"] != PASSED]
    if not bad:
        return verdict, f"All {len(results)} probes passed." if results else "There was no probe to run."
    bad.sort(key=lambda result: result["verdict"] != FAILED)
    lines = [f"{result['name']} ({_where(result)}) {result['verdict']}: {result['reason']}" for result in bad[:20]]
    more = f"\nand {len(bad) - 20} more" if len(bad) > 20 else ""
    return verdict, f"{len(bad)} of {len(results)} probes did not pass.\n" + "\n".join(lines) + more


def _where(result: dict[str, Any]) -> str:
    return " ".join([result["type"], result["target"], *(["at", result["address"]] if "address" in result else [])])


def _prepare(specs: Sequence[Spec]) -> None:
    """Load certificates before the clock of any sample runs; a missing file is that probe's own outcome later."""
    for spec in specs:
        if uses_tls(spec) or spec.get("scheme") == "https":
            try:
                tls_context(spec)
            except OSError:
                continue
