# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._flags import ofrep
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from ansible_collections.evenkeel.release.plugins.module_utils._flags.http import Answer, Client
from ansible_collections.evenkeel.release.plugins.module_utils._flags.ofrep import Checked, Expected


def server(answer: Callable[[dict[str, Any]], Answer]) -> ofrep.Send:
    def send(method: str, path: str, body: Any = None) -> Answer:
        assert (method, path) == ("POST", "/ofrep/v1/evaluate/flags/a%2Fb")
        return answer(body["context"])

    return send


def value(found: Any) -> Answer:
    return Answer(200, {"key": "a/b", "value": found, "reason": "STATIC"})


def check(answer: Callable[[dict[str, Any]], Answer], expected: Expected | None, **more: Any) -> Checked:
    options = {"contexts": [], "sticky_by": "targetingKey", "samples": 400, **more}
    return ofrep.check(server(answer), "a/b", expected, **options)


def number(context: dict[str, Any]) -> int:
    return int(context["targetingKey"].rpartition("-")[2])


@pytest.mark.parametrize(
    ("answer", "expected", "verdict", "told"),
    [
        (value(True), Expected(True), "passed", "answers True"),
        (value(False), Expected(True), "failed", "answers False for evenkeel, expected True"),
        (value(1), Expected(True), "failed", "answers 1"),
        (value(1), Expected(1.0), "passed", "1.0"),
        (value("blue"), Expected("green"), "failed", "'blue' for evenkeel, expected 'green'"),
        (Answer(404, {"key": "a/b", "errorCode": "FLAG_NOT_FOUND"}), Expected(absent=True), "passed", "nothing"),
        (Answer(200, {"key": "a/b", "reason": "DISABLED"}), Expected(absent=True), "passed", "nothing"),
        (Answer(404, {"key": "a/b", "errorCode": "FLAG_NOT_FOUND"}), Expected(True), "failed", "answers nothing"),
        (value(None), Expected(absent=True), "failed", "answers None"),
        (Answer(404, None), Expected(absent=True), "errored", "answered 404 for a/b: no reason given"),
        (Answer(400, {"errorCode": "PARSE_ERROR", "errorDetails": "bad rule"}), Expected(True), "errored", "bad rule"),
        (Answer(401, None), Expected(True), "errored", "answered 401"),
        (value(True), None, "inconclusive", "rules of its own"),
    ],
)
def test_verdicts(answer: Answer, expected: Expected | None, verdict: str, told: str) -> None:
    found = check(lambda context: answer, expected)
    assert found.verdict == verdict
    assert told in found.reason


def test_every_context_is_asked() -> None:
    found = check(lambda context: value(context["tier"] != "beta"), Expected(True), contexts=[{"tier": "x"}, {"tier": "beta", "targetingKey": "u1"}])
    assert (found.verdict, found.reason) == ("failed", "a/b answers False for u1, expected True")


@pytest.mark.parametrize(("real", "verdict"), [(25, "passed"), (10, "failed"), (50, "failed"), (0, "failed"), (100, "failed")])
def test_a_share_is_measured(real: int, verdict: str) -> None:
    found = check(lambda context: value(number(context) * 37 % 100 < real), Expected(share=25.0))
    assert (found.verdict, found.asked, found.found) == (verdict, 400, float(real))


def test_shares_of_none_and_all_are_exact() -> None:
    assert ofrep.bounds(0.0, 400) == (0, 0)
    assert ofrep.bounds(100.0, 400) == (400, 400)
    assert check(lambda context: value(number(context) == 7), Expected(share=0.0)).verdict == "failed"


def test_an_evaluator_that_throws_dice_isnt_sticky() -> None:
    calls = iter(range(10**6))
    found = check(lambda context: value(next(calls) * 37 % 100 < 25), Expected(share=25.0), samples=410)
    assert (found.verdict, "isn't sticky" in found.reason) == ("failed", True)


def test_another_value_than_the_two_is_told() -> None:
    found = check(lambda context: value("x"), Expected(share=25.0))
    assert (found.verdict, found.reason) == ("failed", "a/b answers 'x', expected True or False")


def test_it_looks_until_the_evaluator_has_caught_up() -> None:
    clock = [0.0]
    looks = iter(["failed", "errored", "passed", "failed"])

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def look() -> list[Checked]:
        return [Checked(next(looks), "")]

    assert ofrep.verify(look, deadline=5, interval=1, clock=lambda: clock[0], sleep=sleep) == ("passed", [Checked("passed", "")], 2.0)
    clock[0] = 0.0
    verdict, _found, waited = ofrep.verify(lambda: [Checked("failed", "")], deadline=5, interval=1, clock=lambda: clock[0], sleep=sleep)
    assert (verdict, waited) == ("failed", 5.0)


def test_the_worst_verdict_counts() -> None:
    assert ofrep.worst(["passed", "inconclusive", "failed", "errored"]) == "errored"
    assert ofrep.worst(["passed", "inconclusive"]) == "inconclusive"
    assert ofrep.worst([]) == "passed"


@pytest.mark.parametrize("url", ["ftp://x", "localhost:8016", "file:///etc/passwd", "https://user:secret@x"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(FlagError) as raised:
        Client(url, headers={}, timeout=1)
    assert "secret" not in str(raised.value)
