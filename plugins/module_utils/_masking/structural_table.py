# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that need a whole table: shuffle, and noise that keeps the total. Rows stand in the keyed order of their primary key.

Both work around the circle of a group's rows that hold a value: each row takes the value of the next one, or gives away what its
own noise adds to the next. So nothing is lost and nothing stays, as long as a group has two rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import keyed, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_values import (
    NUMBERS,
    decimal,
    fraction,
    offset,
    plain,
    sql_fraction,
    sql_offset,
)

SEPARATOR = "\x1f"


class Row(NamedTuple):
    key: tuple[str, ...]  # texts of the primary key's columns
    group: tuple[Optional[str], ...]  # texts of the columns in `within`
    value: Optional[str]


def order_text(columns: Sequence[str]) -> str:
    """SQL of the text that is hashed for the order; `columns` are SQL of the primary key's columns."""
    return "concat_ws(E'\\x1f'," + ",".join(f"{column}::text" for column in columns) + ")"


def circles(rows: Sequence[Row], rule: Rule, *, key: str) -> list[list[tuple[bytes, int]]]:
    """Places of the rows, one list for a group."""
    secret = subkey(key, rule.domain)
    groups: dict[tuple[Optional[str], ...], list[tuple[bytes, int]]] = {}
    for place, row in enumerate(rows):
        if row.value is not None:
            groups.setdefault(row.group, []).append((keyed(secret, SEPARATOR.join(row.key)), place))
    return [sorted(group) for group in groups.values()]


def shuffle(rows: Sequence[Row], rule: Rule, *, key: str) -> list[Optional[str]]:
    found = [row.value for row in rows]
    for circle in circles(rows, rule, key=key):
        for at, (_hash, place) in enumerate(circle):
            found[place] = rows[circle[(at + 1) % len(circle)][1]].value
    return found


def noise_total(rows: Sequence[Row], rule: Rule, *, key: str) -> list[Optional[str]]:
    found = [row.value for row in rows]
    for circle in circles(rows, rule, key=key):
        values = [decimal(rows[place].value or "") for _hash, place in circle]
        moves = [_move(values[at - 1], values[at], circle[at][0], rule) * (-1) ** at for at in range(len(circle))]
        for at, (_hash, place) in enumerate(circle):
            found[place] = plain(NUMBERS.subtract(NUMBERS.add(values[at], moves[at]), moves[(at + 1) % len(circle)]))
    return found


def _move(before: Decimal, value: Decimal, h: bytes, rule: Rule) -> Decimal:
    """Half of the width, of the smaller of two neighbours: two moves together stay within what the policy allows.

    Each second one goes down, so that what a row gets and what it gives never make nothing together."""
    least = min(NUMBERS.abs(before), NUMBERS.abs(value), key=lambda one: (one, one.as_tuple().exponent))
    return offset(least, abs(fraction(h)), _halved(rule))


def _halved(rule: Rule) -> dict[str, str]:
    return {name: plain(Decimal(str(rule.options[name])) / 2) for name in ("percent", "spread") if name in rule.options}


def window(value: str, group: Sequence[str], ordered: str) -> str:
    return f"{_circle(value, group)} order by {ordered}"


def _circle(value: str, group: Sequence[str]) -> str:
    return "partition by " + ",".join([*group, f"{value} is null"])


def sql_shuffle(value: str, group: Sequence[str], ordered: str) -> str:
    """SQL of the same type as the value, for a select over the table itself."""
    over = window(value, group, ordered)
    return f"coalesce(lead({value}) over ({over}),first_value({value}) over ({over}))"


def sql_noise_total(value: str, group: Sequence[str], ordered: str) -> dict[str, str]:
    """What has to be computed beneath: neighbours around the circle, as numeric, and two hashes."""
    over = window(value, group, ordered)
    circle = _circle(value, group)
    number = f"{value}::numeric"
    last = f"last_value({number}) over ({over} rows between unbounded preceding and unbounded following)"
    return {
        "p": f"coalesce(lag({number}) over ({over}),{last})",
        "n": f"coalesce(lead({number}) over ({over}),first_value({number}) over ({over}))",
        "r": f"row_number() over ({over})",
        "c": f"count(*) over ({circle})",
        "h": ordered,
        "g": f"coalesce(lead({ordered}) over ({over}),first_value({ordered}) over ({over}))",
    }


def sql_noise_sum(value: str, names: dict[str, str], rule: Rule) -> str:
    """SQL of the number; `names` are what was computed beneath."""
    x = f"{value}::numeric"

    def move(one: str, other: str, h: str, place: str) -> str:
        # Of two equal numbers the one with fewer digits after the point, as in Python.
        least = f"(case when abs({one})=abs({other}) then round(abs({one}),least(scale({one}),scale({other}))) else least(abs({one}),abs({other})) end)"
        down = f"(case mod({place},2) when 1 then 1 else -1 end)"
        return f"(select {down}*{sql_offset('m.x', 'm.f', _halved(rule))} from (select {least} as x,abs({sql_fraction(h)}) as f offset 0) m)"  # noqa: S608

    follows = f"(case when {names['r']}={names['c']} then 1 else {names['r']}+1 end)"
    return f"({x}+{move(names['p'], x, names['h'], names['r'])}-{move(x, names['n'], names['g'], follows)})"
