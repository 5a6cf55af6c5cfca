# SPDX-License-Identifier: GPL-3.0-or-later
"""The data section of the page, over bodies as the engines leave them."""

from __future__ import annotations

import copy
import itertools
import re
from html import unescape

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import data, model, render
from ansible_collections.evenkeel.release.tests.unit.report import data_bodies as bodies

GOOD = {"entries": 3, "heads": {}, "faults": []}
EVIL = "<script>alert('x')</script>\"&"
ODD = (None, "", 0, -1, True, 1.5, float("nan"), float("inf"), "text", [], [None, 7, "x"], {}, {"x": None}, {"x": {"y": []}}, {"x": 1}, {None: None})


def _now(story):
    return (story.moment + story.step).strftime("%Y-%m-%dT%H:%M:%SZ")


def _build(story, **more):
    return model.build(title="T", now=_now(story), entries=story.entries, verification=GOOD, loads=[], **more)


def _page(story):
    return render.page(_build(story))


def _words(story):
    """What a reader sees, as one text."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", _page(story).partition('id="data"')[2].partition('id="gates"')[0])))


def _places(story):
    return {place["name"]: place for place in data.section(story.entries, names=[], now=_now(story))["environments"]}


@pytest.fixture
def story():
    return bodies.Story()


@pytest.mark.parametrize(
    ("databases", "badge", "words", "texts"),
    [
        ({"database": bodies.POSTGRESQL}, "passed", "proof passed", ["4,000,000 rows of 2 tables, checksums equal in 2", "1 foreign key, 1 check"]),
        (
            {"crm": bodies.SQLITE},
            "passed",
            "proof passed",
            ["100 rows of 1 table, no checksums", "2 rows of 1 table masked once more", "0 broken foreign keys"],
        ),
        (
            {"crm": bodies.MARIADB},
            "passed",
            "proof passed",
            ["1,500 rows of 2 tables, checksums equal in 2", "2 columns, 1,500 values compared", "10 rows of 1 table masked once more"],
        ),
        ({"database": bodies.SUBSET}, "passed", "proof passed", ["not reached", "public.orders.customer", "whole table"]),
        ({"database": bodies.BARE}, "attention", "proof switched off", ["never proved as a whole"]),
        ({"database": bodies.EMPTY}, "none", "no rows, nothing to prove", ["schema only"]),
        ({"crm": bodies.EMPTY_PROOF}, "attention", "proof shows no check", []),
        ({"database": bodies.DELTA}, "attention", "only the changes proved", ["9,000 rows: 800 inserted, 8,200 updated", "40 deleted"]),
        ({"database": bodies.POSTGRESQL, "crm": bodies.BARE}, "attention", "proof switched off", ["snapshots 12 ms apart"]),
        ({"database": bodies.POSTGRESQL, "crm": bodies.EMPTY}, "passed", "proof passed", []),
        ({"database": bodies.UNCHANGED}, "attention", "no proof recorded", ["no copy on record; found up to date"]),
    ],
)
def test_one_refresh_of_each_kind(story, databases, badge, words, texts):
    story.sync(**databases)
    place = _places(story)["staging"]
    assert (place["last"]["verdict"], place["last"]["word"]) == (badge, words)
    assert [one["name"] for one in place["databases"]] == sorted(databases)
    seen = _words(story)
    for text in (words, *texts):
        assert text in seen


def test_three_seconds_when_proved_and_what_failed(story):
    story.sync(database=bodies.POSTGRESQL)
    story.sync(environment="test", database=bodies.BARE)
    story.fail(environment="test")
    built = _build(story)
    assert built["state"] == {
        "verdict": "attention",
        "notes": [
            'The last data refresh in test failed at "Refresh the data"; its data is that of the refresh before.',
            "Nobody proved that the data in test is masked: database.",
        ],
    }
    seen = _words(story)
    assert "staging 5 h ago 2026-01-01 02:00:00 from production proof passed 5 h ago refresh ended well" in seen
    assert "test 3 h ago 2026-01-01 04:00:00 from production proof switched off refresh failed 2026-01-01 06:00:00, at “Refresh the data”" in seen


def test_the_environments_own_card_tells_of_its_data(story):
    for environment in ("staging", "test", "production"):
        story.act("deployment", {"services": {"shop": "1.0.0"}}, environment=environment, subject="shop")
    story.sync(database=bodies.POSTGRESQL)
    story.fail(environment="test")
    cards = {place["name"]: place["data"] for place in _build(story)["environments"]}
    assert cards["staging"] == {"verdict": "passed", "word": "proof passed", "age": "3 h", "broken": False}
    assert cards["test"] == {"verdict": "failed", "word": "never refreshed", "age": "", "broken": True}
    assert cards["production"] is None


def test_a_delta_stands_on_what_was_proved_before(story):
    story.sync(database=bodies.POSTGRESQL)
    story.sync(database=bodies.DELTA)
    place = _places(story)["staging"]
    assert (place["last"]["word"], place["databases"][0]["rows"], len(place["databases"][0]["points"])) == ("proof passed", 9000, 2)


def test_a_refresh_that_found_nothing_leaves_rows_and_proof_and_makes_them_younger(story):
    story.sync(database=bodies.POSTGRESQL)
    story.sync(database=bodies.UNCHANGED)
    last = _places(story)["staging"]["last"]
    assert (last["age"], last["proved_age"], last["rows"], last["word"]) == ("1 h", "3 h", 4_000_000, "proof passed")
    assert "found up to date again 2026-01-01 04:00:00" in _words(story)


def test_the_environment_is_as_old_as_its_oldest_database(story):
    story.sync(database=bodies.POSTGRESQL, crm=bodies.SQLITE)
    story.sync(crm=bodies.SQLITE)
    assert _places(story)["staging"]["last"]["age"] == "3 h"


def test_a_failure_is_made_up_for_when_each_of_its_databases_was_refreshed(story):
    story.sync(database=bodies.POSTGRESQL, crm=bodies.SQLITE)
    story.fail(subject="database,crm")
    assert _places(story)["staging"]["broken"]
    story.sync(crm=bodies.SQLITE)
    assert _places(story)["staging"]["broken"]
    story.sync(database=bodies.DELTA)
    place = _places(story)["staging"]
    assert (place["broken"], place["failed"], place["earlier"]) == (None, [], 1)
    assert "1 earlier refresh failed and was made up for" in _words(story)
    assert _build(story)["state"]["verdict"] == "passed"


def test_a_refresh_that_never_ended_is_no_failure_and_is_shown(story):
    story.sync(database=bodies.POSTGRESQL)
    story.add("data_sync", "intent", source="production")
    place = _places(story)["staging"]
    assert (place["broken"], place["failed"][0]["word"]) == (None, "not ended")
    assert _build(story)["state"]["notes"] == ["Data sync of database in staging was begun and never ended."]


def test_many_failures_are_counted(story):
    for _ in range(25):
        story.fail()
    place = _places(story)["staging"]
    assert (len(place["failed"]), place["more_failed"]) == (10, 15)
    assert "never" in _words(story)


def test_a_teardown_takes_the_data_along(story):
    story.sync(database=bodies.POSTGRESQL)
    story.act("teardown", {"left": []}, subject="")
    assert data.section(story.entries, names=["staging"], now=_now(story)) == {"environments": [], "without": []} | {"without": ["staging"]}
    story.sync(database=bodies.BARE)
    assert _places(story)["staging"]["last"]["word"] == "proof switched off"


def test_the_source_isnt_asked_for_a_refresh(story):
    for environment in ("development", "staging", "production"):
        story.act("deployment", {"services": {"shop": "1.0.0"}}, environment=environment, subject="shop")
    story.sync(database=bodies.POSTGRESQL)
    assert _build(story)["data"]["without"] == ["development"]
    assert "No refresh recorded: development." in _words(story)


def test_purges_are_told(story):
    story.purge(bodies.reported(bodies.PURGED))
    assert "69 rows too old, reported only" in _words(story)
    story.purge()
    seen = _words(story)
    for text in ("68 rows removed, 69 were too old", "created older than 90d", "14 rows of public.notes detached", "1 still needed"):
        assert text in seen
    story.act("data_purge", {"state": "purged", "task": "Find what is too old"}, verdict="failed")
    story.add("data_purge", "intent")
    seen = _words(story)
    assert "last purge failed" in seen
    assert 'failed at "Find what is too old"' in seen
    assert "begun 2026-01-01 07:00:00, never ended" in seen


def test_a_purge_alone_is_no_refresh(story):
    story.purge()
    section = data.section(story.entries, names=["staging"], now=_now(story))
    assert (section["without"], section["environments"][0]["last"]) == (["staging"], None)


def test_anonymity_names_the_smallest_group(story):
    crowd = {"public.people": {"columns": ["city"], "groups": 9, "smallest": 2, "k": 5, "rows_below_k": 1}, "public.empty": {"columns": ["a"], "groups": 0}}
    proof = {**bodies.POSTGRESQL["proof"], "k_anonymity": {**bodies.POSTGRESQL["proof"]["k_anonymity"], **crowd}}
    story.sync(database={**bodies.POSTGRESQL, "proof": proof}, crm=bodies.SQLITE)
    assert _places(story)["staging"]["last"]["smallest"] == {"size": 2, "text": "rows in the smallest group of public.people (city)"}
    assert "public.people: 9 groups by city, the smallest of 2, 1 row in groups below 5; public.empty: 0 groups by a, no rows" in _words(story)


def test_findings_of_a_failed_proof_are_listed(story):
    findings = [{"check": "leaks", "place": f"public.a.c{number}", "values": 3, "text": "3 source values"} for number in range(30)]
    story.sync(database={**bodies.POSTGRESQL, "proof": {**bodies.POSTGRESQL["proof"], "verdict": "failed", "findings": findings}})
    seen = _words(story)
    for text in ("proof failed", "public.a.c0: 3 source values", "and 10 more findings"):
        assert text in seen


def test_long_lists_are_cut_and_counted(story):
    tables = {f"public.t{number}": {"masked": [f"c{column}" for column in range(40)], "rows": 1} for number in range(250)}
    edges = [{"direction": "children", "edge": f"e{number}", "table": "t", "rows": 1} for number in range(150)]
    story.sync(database={**bodies.SUBSET, "tables": tables, "edges": edges})
    seen = _words(story)
    for text in ("250 tables", "and 50 more tables, in the ledger entry", "and 50 more, in the ledger entry", "c23 and 16 more"):
        assert text in seen


def test_everything_from_outside_is_escaped(story):
    def hostile(value):
        if isinstance(value, dict):
            return {EVIL if "." in key else key: hostile(one) for key, one in value.items()}
        if isinstance(value, list):
            return [hostile(one) for one in value]
        return EVIL if isinstance(value, str) and value not in ("passed", "equal", "subset", "full") else value

    for body in (bodies.SUBSET, bodies.MARIADB, bodies.SQLITE, bodies.POSTGRESQL):
        story.sync(environment=EVIL, source=EVIL, **{EVIL: hostile(body)})
    story.sync(environment=EVIL, source=EVIL, **{EVIL: {**hostile(bodies.DELTA), "mode": EVIL, "proof": {"verdict": EVIL}}})
    story.purge(hostile(bodies.PURGED), environment=EVIL, subject=EVIL)
    story.act("data_purge", {"task": EVIL}, verdict="failed", environment=EVIL, subject=EVIL)
    story.fail(EVIL, environment=EVIL, subject=EVIL)
    page = _page(story)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 30
    assert not re.search(r"(?:class|id|aria-labelledby)=\"[^\"]*alert", page)


def _spots(value, way=()):
    """Every place in a body."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*way, key)
        yield from _spots(one, (*way, key))


def _with(value, way, new):
    made = copy.deepcopy(value)
    place = made
    for key in way[:-1]:
        place = place[key]
    if new is KeyError:
        del place[way[-1]]
    else:
        place[way[-1]] = new
    return made


SAMPLES = {
    "data_sync": bodies.done(database=bodies.SUBSET, crm={**bodies.SQLITE, "proof": {**bodies.MARIADB["proof"], "findings": [{"place": "a", "text": "b"}]}}),
    "data_purge": bodies.PURGED,
}


def _story_of(kind, body):
    story = bodies.Story()
    story.sync(database=bodies.POSTGRESQL, crm=bodies.SQLITE)
    story.act(kind, body, subject="database,crm")
    return story


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_whatever_one_field_holds_or_whichever_lacks_there_is_a_section(kind):
    turns = itertools.cycle(ODD)
    for way in _spots(SAMPLES[kind]):
        for new in (KeyError, *itertools.islice(turns, 3)):
            story = _story_of(kind, _with(SAMPLES[kind], way, new))
            assert data.notes(data.section(story.entries, names=[], now=_now(story))) is not None


@pytest.mark.parametrize("kind", list(SAMPLES))
@pytest.mark.parametrize("odd", range(len(ODD)))
def test_whatever_all_fields_of_a_level_hold_the_page_is_made(kind, odd):
    ways = list(_spots(SAMPLES[kind]))
    for level in range(1, 1 + max(map(len, ways)))[odd % 2 :: 2]:
        body = copy.deepcopy(SAMPLES[kind])
        for way in ways:
            if len(way) == level:
                body = _with(body, way, ODD[odd])
        assert 'id="data"' in _page(_story_of(kind, body))


@pytest.mark.parametrize("now", ["", "soon", "2026-01-01", "2000-01-01T00:00:00Z"])
def test_an_odd_clock_gives_no_age(story, now):
    story.sync(database=bodies.POSTGRESQL)
    section = data.section(story.entries, names=[], now=now)
    assert section["environments"][0]["last"]["age"] in ("", "less than a minute")
