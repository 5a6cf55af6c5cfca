# SPDX-License-Identifier: GPL-3.0-or-later
"""What a terminal shows of a file that grows."""

from __future__ import annotations

import json

from ansible_collections.evenkeel.release.plugins.plugin_utils._data.progress import Reader, describe


def test_an_event_in_words():
    event = {"name": "shop", "phase": "copy", "table": "public.orders", "rows": 1_350_000, "rows_estimate": 3_000_000, "rate": 310_000.4, "seconds_left": 12.3}
    assert describe(event) == "shop: copy public.orders, 45 % of about 3,000,000 rows, 310,000 rows/s, about 12 s left"


def test_what_is_not_known_is_left_out():
    assert describe({"phase": "indexes"}) == "data: indexes"
    assert describe({"name": "a", "phase": "copy", "table": "t", "rows": 7, "rows_estimate": 0}) == "a: copy t, 7 rows"


def test_more_rows_than_the_planner_thought_are_not_the_end():
    assert "99 %" in describe({"name": "a", "phase": "copy", "rows": 300, "rows_estimate": 100})


def test_a_reader_tells_the_last_of_each_database_and_waits_for_whole_lines(tmp_path):
    place = tmp_path / "progress"
    reader = Reader(place)
    assert reader.news() == []
    lines = [{"name": "a", "phase": "copy", "rows": 1}, {"name": "b", "phase": "copy", "rows": 5}, {"name": "a", "phase": "copy", "rows": 2}]
    place.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"name": "a", "ph')
    assert reader.news() == ["a: copy, 2 rows", "b: copy, 5 rows"]
    assert reader.news() == []
    with place.open("a") as stream:
        stream.write('ase": "keys"}\n')
    assert reader.news() == ["a: keys"]
