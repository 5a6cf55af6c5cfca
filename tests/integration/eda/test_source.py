# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source on real ledgers, driven by asyncio alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import runpy
import shutil
import stat
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

SOURCE = Path(__file__).parents[3] / "extensions" / "eda" / "plugins" / "event_source" / "drift.py"
HIGH = {"path": "file:/etc/shop/shop.ini", "kind": "changed", "severity": "high", "before": {"mode": "0640"}, "after": {"mode": "0666"}}
LOW = {**HIGH, "path": "file:/etc/motd", "severity": "low"}


@pytest.fixture
def plugin():
    return runpy.run_path(str(SOURCE))  # as ansible-rulebook does


@pytest.fixture
def ledger(tmp_path):
    return f"sqlite:///{tmp_path / 'the ledger.sqlite'}"


def _scan(url, *findings, environment="staging", subject="web1/shop", **more):
    body = {"verdict": "failed" if findings else "passed", "findings": list(findings), "score": 20.0, "baseline": {"name": "b", "version": 1}, **more}
    with open_store(url, actor={"name": "ada", "source": "os"}) as store:
        store.append([NewEntry(kind="task", phase="fact"), NewEntry(kind="drift", phase="fact", environment=environment, subject=subject, body=body)])


def _read_to_the_end(url, position):
    """Whether the source has seen all that is there."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not path.exists():
        return position.exists()
    try:
        with open_store(url) as store:
            head = store.heads().get("main")
        return json.loads(position.read_text())["seq"] == (head.seq if head else 0)
    except (LedgerError, FileNotFoundError):
        return False


@pytest.fixture
def follow(plugin, ledger, tmp_path):
    """Runs the source until it has seen all of the ledger, and gives what it told."""
    position = tmp_path / "eda" / "position.json"

    async def until_read(url, source):
        while not await asyncio.to_thread(_read_to_the_end, url, position):
            if source.done():
                source.result()  # raises what ended it
            await asyncio.sleep(0.01)

    async def listen(queue, act, args):
        source = asyncio.create_task(plugin["main"](queue, args))
        if act:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(until_read(args["ledger"], source), 0.3)
            await asyncio.to_thread(act)
        await asyncio.wait_for(until_read(args["ledger"], source), 20)
        await asyncio.sleep(0.03)  # one look more, which must tell nothing
        source.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await source
        return [queue.get_nowait()["drift"] for _number in range(queue.qsize())]

    def run(*, act=None, **options):
        return asyncio.run(listen(asyncio.Queue(), act, {"ledger": ledger, "position": str(position), "interval": 0.01, **options}))

    run.position = position
    return run


def test_an_event_says_what_differs_where(follow, ledger):
    _scan(ledger, LOW, HIGH)
    (event,) = follow(start="beginning", max_findings=1)
    assert {key: event[key] for key in ("environment", "host", "service", "verdict", "score", "severity", "count", "more")} == {
        "environment": "staging",
        "host": "web1",
        "service": "shop",
        "verdict": "failed",
        "score": 20.0,
        "severity": "high",
        "count": 2,
        "more": 1,
    }
    assert event["findings"] == [HIGH]
    with open_store(ledger) as store:
        assert event["entry"] == store.entries(kind="drift")[0].id


def test_a_restart_neither_loses_nor_repeats(follow, ledger):
    _scan(ledger, HIGH)
    assert follow() == []  # what was there before the first start is old
    assert stat.S_IMODE(follow.position.stat().st_mode) == 0o600
    _scan(ledger, HIGH, subject="web2/shop")
    assert [event["host"] for event in follow(act=lambda: _scan(ledger, LOW, subject="web3/shop"))] == ["web2", "web3"]
    assert follow() == []


def test_a_killed_source_repeats_at_most_the_event_it_was_telling(plugin, ledger, tmp_path):
    for number in range(3):
        _scan(ledger, HIGH, subject=f"web{number}/shop")
    args = {"ledger": ledger, "position": str(tmp_path / "position.json"), "start": "beginning", "interval": 0.02}
    seen = []

    class Dying(asyncio.Queue):
        async def put(self, event):
            seen.append(event["drift"]["host"])
            if len(seen) == 2:
                raise KeyError("killed")

    for _life in range(2):
        with contextlib.suppress(KeyError, asyncio.TimeoutError):
            asyncio.run(asyncio.wait_for(plugin["main"](Dying(), args), 0.5))
    assert seen == ["web0", "web1", "web1", "web2"]


def test_only_what_was_asked_for_and_only_what_changed(follow, ledger):
    options = {"start": "beginning", "min_severity": "high", "environments": ["production"]}
    _scan(ledger, HIGH)
    _scan(ledger, LOW, environment="production", subject="web8/shop")
    for findings in ((HIGH, LOW), (HIGH,), ({**HIGH, "after": {"mode": "0777"}},), ({**HIGH, "attribution": [{"who": "ada"}], "after": {"mode": "0777"}},)):
        _scan(ledger, *findings, environment="production")
    told = [(event["host"], [finding["after"]["mode"] for finding in event["findings"]]) for event in follow(**options)]
    assert told == [("web1", ["0666"]), ("web1", ["0777"])]
    follow.position.unlink()
    assert len(follow(**options, changes_only=False)) == 4


def test_the_end_of_drift_is_told_unless_only_severe_findings_are_wanted(follow, ledger):
    _scan(ledger, HIGH)
    _scan(ledger)
    assert [event["verdict"] for event in follow(start="beginning")] == ["failed", "passed"]


def test_the_same_drift_that_comes_again_is_told_again(follow, ledger):
    for findings in ((HIGH,), (HIGH,), (LOW,), (HIGH,)):
        _scan(ledger, *findings)
    assert [event["findings"] for event in follow(start="beginning", min_severity="high")] == [[HIGH], [HIGH]]


def test_the_options_are_described_as_they_are(plugin):
    described = yaml.safe_load(plugin["DOCUMENTATION"])["options"]
    assert set(described) == set(plugin["Options"]._fields)
    options = plugin["parse"]({"ledger": "l", "position": "p"})._asdict()
    assert {name: option["default"] for name, option in described.items() if "default" in option} == {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items() if name not in ("ledger", "position")
    }


def test_a_ledger_that_comes_later_is_read_from_its_beginning(follow, ledger):
    assert [event["host"] for event in follow(act=lambda: _scan(ledger, HIGH))] == ["web1"]


def test_a_ledger_that_cannot_be_read_is_asked_again(follow, ledger, caplog):
    path = Path(ledger.removeprefix("sqlite:///"))
    path.write_bytes(b"this is no database, and long enough that it cannot pass for an empty one" * 20)

    def mend():
        path.unlink()
        _scan(ledger, HIGH)

    assert [event["host"] for event in follow(start="beginning", act=mend)] == ["web1"]
    assert "the ledger cannot be read, the next look is in 0.01 s: file is not a database" in caplog.text


def test_another_ledger_in_its_place_is_not_read_as_if_it_were_the_same(follow, ledger, plugin):
    _scan(ledger, HIGH)
    follow()
    path = Path(ledger.removeprefix("sqlite:///"))
    shutil.rmtree(path, ignore_errors=True)
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    _scan(ledger, LOW)
    with pytest.raises(Exception, match=r"entry 2 of stream main is not the one that was read.*ledger_verify"):
        follow()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_severity": "huge", "start": "then", "tpyo": 1}, "tpyo is no option; start is 'then', allowed: now, beginning; min_severity is 'huge'"),
        ({"position": ""}, "position is required"),
        ({"interval": 0}, "interval is 0"),
    ],
)
def test_all_faults_of_the_options_are_named_at_once(follow, options, words):
    with pytest.raises(ValueError, match=words):
        follow(**options)


def test_a_broken_position_is_not_taken_for_none(follow, ledger):
    follow.position.parent.mkdir()
    follow.position.write_text('{"seq": 4')
    with pytest.raises(ValueError, match="cannot be read"):
        follow()


def test_postgresql_tells_the_same(follow, pg, plugin):
    url = pg.url(pg.create_db())
    assert follow(ledger=url, act=lambda: _scan(url, HIGH))[0]["findings"] == [HIGH]
    assert follow(ledger=url) == []
    position = json.loads(follow.position.read_text())
    assert position["seq"] == 2
    with pytest.raises(plugin["Unreachable"]) as caught:
        plugin["query"]("postgresql+psycopg://ada:T0P-SECRET@127.0.0.1:1/x", plugin["_HEAD"], "main")
    assert "T0P-SECRET" not in str(caught.value)
