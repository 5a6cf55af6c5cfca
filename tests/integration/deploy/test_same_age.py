# SPDX-License-Identifier: GPL-3.0-or-later
"""Canary deployments that are compared with the old release started anew, and users that stay on their side of the split."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from .lab import Lab, Users

METRIC = {"name": "failed requests", "kind": "ratio", "highest": 0.2, "must_see": 0.5, "min_samples": 20}
ROLLOUT = {"baseline": "same_age", "steps": [{"weight": 20, "seconds": 3}, {"weight": 40, "seconds": 3}], "metrics": [METRIC]}


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        made.declare(f"canary\n    rollout: {ROLLOUT}")
        made.skip_the_rehearsal()
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0")
        yield made


def version_at(url, headers=None, timeout=5):
    with urllib.request.urlopen(urllib.request.Request(f"{url}/version", headers=headers or {}), timeout=timeout) as answer:
        return json.load(answer)["version"], (answer.headers.get("Set-Cookie") or "").partition(";")[0]


class Anew(threading.Thread):
    """What answers at the ports of the old release that was started anew, all the time."""

    def __init__(self, lab):
        super().__init__()
        self.urls = [f"http://{at['address']}:{at['ports']['baseline']}" for at in lab.endpoints("shop").values()]
        self.seen, self.ended = set(), threading.Event()

    def run(self):
        while not self.ended.is_set():
            for url in self.urls:
                try:
                    self.seen.add((url, version_at(url, timeout=1)[0]))
                except OSError:
                    continue
            time.sleep(0.2)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exc):
        self.ended.set()
        self.join()


class Visitor(threading.Thread):
    """One user with its cookie; `seen` are (version, whether the users were split before and after that request)."""

    def __init__(self, lab, ended, headers=None):
        super().__init__()
        at = next(iter(lab.endpoints("balancer").values()))
        self._url, self._map, self._ended, self._headers = lab.url, Path(at["paths"]["map"]), ended, dict(headers or {})
        self._live = self.entries()["shop"]
        self.seen, self.faults = [], []

    def entries(self):
        return dict(line.split() for line in self._map.read_text().splitlines())

    def split(self):
        """While the old release is still the live one."""
        found = self.entries()
        return found["shop"] == self._live and found["shop.canary"] != "none:0"

    def run(self):
        while not self._ended.wait(0.25):
            before = self.split()
            try:
                version, cookie = version_at(self._url, self._headers)
            except OSError as exc:
                self.faults.append(str(exc))
                continue
            if cookie:
                self._headers["Cookie"] = cookie
            self.seen.append((version, before and self.split()))


class Visitors:
    def __init__(self, lab):
        self.ended = threading.Event()
        self.plain = [Visitor(lab, self.ended) for _number in range(20)]
        self.always = Visitor(lab, self.ended, {"X-Evenkeel-Canary": "always"})
        self.never = Visitor(lab, self.ended, {"X-Evenkeel-Canary": "never"})

    def all(self):
        return [*self.plain, self.always, self.never]

    def __enter__(self):
        for visitor in self.all():
            visitor.start()
        return self

    def __exit__(self, *_exc):
        self.ended.set()
        for visitor in self.all():
            visitor.join()


def served_by(lab, pool):
    """Requests that the balancer gave to a pool, by its own socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(next(iter(lab.endpoints("balancer").values()))["paths"]["socket"])
        asking.sendall(b"show stat\n")
        text = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
    rows = csv.DictReader(io.StringIO(text.lstrip("# ")))
    return next(int(row["req_tot"]) for row in rows if (row["pxname"], row["svname"]) == (pool, "BACKEND"))


def judgements(lab, release):
    found = [entry for entry in lab.entries(kind="step", phase="outcome") if entry.release == release and "judgement" in entry.body]
    return [entry.body["judgement"] for entry in found]


def assert_whole(lab):
    """Nobody is sent anywhere but to the live colour, and the old release that was started anew is gone."""
    at = next(iter(lab.endpoints("balancer").values()))
    assert "shop.canary none:0" in Path(at["paths"]["map"]).read_text()
    assert not any("baseline" in colours for colours in lab.listening().values())


def test_a_first_release_is_compared_with_nothing(lab):
    assert judgements(lab, "1.0.0") == []
    lab.assert_settled("1.0.0")
    assert_whole(lab)


def test_a_release_is_compared_with_the_old_one_anew_and_users_stay_on_their_side(lab):
    with Users(lab) as users, Visitors(lab) as visitors, Anew(lab) as anew:
        lab.must("deploy", evenkeel_version="1.1.0")
    assert users.summary["failed"] == 0
    assert [visitor.faults for visitor in visitors.all() if visitor.faults] == []
    assert anew.seen == {(url, "1.0.0") for url in anew.urls}
    metric = judgements(lab, "1.1.0")[-1]["metrics"][0]
    # What the judge saw of the old release is what its new instances served, not the live pool.
    assert metric["canary"]["n"] >= 20
    assert 20 <= metric["baseline"]["n"] <= served_by(lab, "shop_baseline")
    for visitor in visitors.plain:
        versions = [version for version, _split in visitor.seen]
        assert versions == sorted(versions), f"a user went to and fro: {versions}"
    assert {version for version, split in visitors.never.seen if split} == {"1.0.0"}
    assert {version for version, split in visitors.always.seen if split} == {"1.1.0"}
    assert {visitor.seen[-1][0] for visitor in visitors.all()} == {"1.1.0"}
    lab.assert_settled("1.1.0")
    assert_whole(lab)


def test_a_bad_release_goes_back_and_nothing_is_left_beside(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.2.0")
    assert run.rc != 0
    assert users.summary["by_version"]["1.1.0"]["failed"] == 0
    lab.assert_settled("1.1.0")
    assert_whole(lab)


def test_killed_in_a_split_then_recovered(lab):
    with Users(lab):
        lab.killed("deploy", at="Watch the canary", evenkeel_version="1.0.0")
        assert any("baseline" in colours for colours in lab.listening().values())
        lab.must("recover")
    lab.assert_settled("1.1.0")
    assert_whole(lab)
