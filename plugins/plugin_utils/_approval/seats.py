# SPDX-License-Identifier: GPL-3.0-or-later
"""Who of those that approved fills which seat. One person fills one, so that two groups need two people even where one person is in both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

ANY = ""


def fill(seats: Sequence[str], people: Mapping[str, Collection[str]]) -> dict[int, str]:
    """{number of the seat: person}, as many as can be filled at all (augmenting paths, Kuhn).

    seats: the group that each one needs; people: {person: groups whose seats the person may take}, ANY among them for a seat of any group.
    """
    taken: dict[int, str] = {}

    def place(person: str, tried: set[int]) -> bool:
        for number, group in enumerate(seats):
            if number not in tried and group in people[person]:
                tried.add(number)
                if number not in taken or place(taken[number], tried):
                    taken[number] = person
                    return True
        return False

    for person in sorted(people):
        place(person, set())
    return taken


def needed(rule_groups: Mapping[str, int], people: int) -> list[str]:
    """A seat for each person of each required group, and open ones up to the number of people."""
    seats = [group for group, number in sorted(rule_groups.items()) for _one in range(number)]
    return seats + [ANY] * (people - len(seats))
