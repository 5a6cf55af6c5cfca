# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.tools import Alembic, Program, timeouts

PROGRAM = Program(("alembic", "-c", "a.ini"), "/srv", {"X": "1"})
LIMITS = Limits(backoff=0, retries=2)


class Told:
    """Answers in turn; what was asked for is kept."""

    def __init__(self, *answers: tuple[int, str, str]) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], folder: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
        assert (folder, dict(environment)) == ("/srv", {"X": "1"})
        self.asked.append(list(argv))
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("out", "heads"),
    [
        ("", []),
        ("a1b2 (head)\n", ["a1b2"]),
        ("ff (branch) (head)\naa (effective head)\n", ["aa", "ff"]),
        ("INFO  [alembic] Context impl\na1\n", ["a1"]),
        ("Rev: x\n", []),
    ],
)
def test_where_alembic_stands(out: str, heads: list[str]) -> None:
    told = Told((0, out, ""))
    assert Alembic(PROGRAM, told, LIMITS).current() == heads
    assert told.asked == [["alembic", "-c", "a.ini", "current"]]


def test_a_target_that_is_no_head_is_looked_up() -> None:
    told = Told((0, "Rev: b2 (head)\nParent: a1\n", ""), (0, "nothing", ""))
    tool = Alembic(PROGRAM._replace(target="expand@head"), told, LIMITS)
    assert tool.wanted() == ["b2"]
    assert told.asked[0][-2:] == ["show", "expand@head"]
    with pytest.raises(MigrateError, match="expand@head names no revision"):
        tool.wanted()


def test_what_it_applied() -> None:
    err = "INFO  [x] Running upgrade  -> a1, create orders, and more\nINFO  [x] Running upgrade a1 -> b2\nINFO [x] Running upgrade b2, c3 -> d4, merge\n"
    found, attempts = Alembic(PROGRAM, Told((0, "", err)), LIMITS).upgrade()
    assert [(one["from"], one["version"], one["description"]) for one in found] == [
        ("", "a1", "create orders, and more"),
        ("a1", "b2", ""),
        ("b2, c3", "d4", "merge"),
    ]
    assert attempts == 1


def test_only_a_lock_that_wasnt_given_is_tried_again() -> None:
    busy = (1, "", "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout")
    assert Alembic(PROGRAM, Told(busy, busy, (0, "", "")), LIMITS).upgrade() == ([], 3)
    with pytest.raises(MigrateError, match="attempt 3"):
        Alembic(PROGRAM, Told(busy, busy, busy), LIMITS).upgrade()
    with pytest.raises(MigrateError, match="attempt 1"):
        Alembic(PROGRAM, Told((1, "", "syntax error")), LIMITS).upgrade()


def test_timeouts_of_a_programs_sessions() -> None:
    assert timeouts("postgresql", Limits(lock_timeout=2.5, statement_timeout=60)) == {"PGOPTIONS": "-c lock_timeout=2500 -c statement_timeout=60000"}
    assert timeouts("mysql", Limits()) == {}
