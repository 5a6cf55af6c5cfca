# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import data_plot, data_read

SPACE = "{http://www.w3.org/2000/svg}"
WIDTHS = {"wide": 960, "narrow": 360}


def _points(*seconds, rows=5_000_000, mode="full"):
    return [{"time": f"2026-01-01 00:00:{number:02d}", "mode": mode, "seconds": value, "rows": rows} for number, value in enumerate(seconds)]


def _drawn(points, size="wide", name="shop"):
    return ET.fromstring(data_plot.pictures(points, name=name, ident="p", widths=WIDTHS)[size])


def test_axes_have_their_units_and_bars_their_numbers():
    svg = _drawn([*_points(1.5, 31.0), *_points(0.2, rows=0, mode="incremental")])
    assert [text.text for text in svg.iter(f"{SPACE}text") if text.get("class") == "unit"] == ["seconds", "rows moved"]
    said = [text.text for text in svg.iter(f"{SPACE}text")]
    for text in ("1.5 s", "31 s", "5.0M", "0", "40", "F", "I", "2026-01-01 00:00"):
        assert text in said
    assert svg.find(f"{SPACE}title").text == "shop: duration and rows of the last refreshes"
    assert "2026-01-01 00:00:00 full, 1.5 s, 5,000,000 rows" in svg.find(f"{SPACE}desc").text


@pytest.mark.parametrize(("seconds", "unit"), [((1, 119), "seconds"), ((1, 120), "minutes"), ((1, 7200), "hours"), ((0.0, 0.0), "seconds")])
def test_the_unit_fits_the_longest(seconds, unit):
    assert next(text.text for text in _drawn(_points(*seconds)).iter(f"{SPACE}text") if text.get("class") == "unit") == unit


@pytest.mark.parametrize("size", list(WIDTHS))
@pytest.mark.parametrize("count", [2, 9, 200])
def test_everything_stays_inside_and_the_last_are_shown(size, count):
    svg = _drawn(_points(*([3600.0 * 30] * count), rows=10**12), size)
    _, _, width, height = map(float, svg.get("viewBox").split())
    bars = list(svg.iter(f"{SPACE}rect"))
    assert 4 <= len(bars) <= 2 * count
    for rect in bars:
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= width
        assert 0 <= float(rect.get("y")) <= float(rect.get("y")) + float(rect.get("height")) <= height
    for text in svg.iter(f"{SPACE}text"):
        assert 10 <= float(text.get("y")) <= height
        assert 0 <= float(text.get("x")) <= width


def test_one_refresh_is_no_comparison():
    assert data_plot.pictures(_points(1.0), name="n", ident="p", widths=WIDTHS) == {"wide": "", "narrow": ""}
    assert data_plot.pictures([], name="n", ident="p", widths=WIDTHS) == {"wide": "", "narrow": ""}


def test_names_are_escaped_and_unknown_modes_told():
    points = _points(1.0, 2.0, mode="<script>")
    assert _drawn(points, name="<b>&\"'").find(f"{SPACE}title").text.startswith("<b>&\"'")
    assert data_plot.legend(points) == [{"style": "m5", "letter": "?", "name": "<script>"}]
    assert data_plot.legend([*_points(1.0, mode=""), *_points(1.0, mode="schema_only")])[0] == {"style": "m4", "letter": "0", "name": "schema only"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (9.96, "10.0 s"), (12.4, "12 s"), (60, "1 min"), (5400, "1.5 h"), (86400, "1 day"), (86400 * 6.44, "6.4 days")],
)
def test_durations_read_well(seconds, said):
    assert data_read.duration(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0"), (999, "999"), (1000, "1.0k"), (9960, "10k"), (2_500_000, "2.5M"), (12 * 10**9, "12G")])
def test_counts_fit_above_a_bar(count, said):
    assert data_plot.compact(count) == said


@pytest.mark.parametrize(("value", "seen"), [(1, 1.0), (0, 0.0), (True, None), (-1, None), (float("nan"), None), (float("inf"), None), ("7", None)])
def test_only_numbers_are_numbers(value, seen):
    assert data_read.number(value) == seen
