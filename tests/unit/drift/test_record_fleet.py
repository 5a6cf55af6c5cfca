# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet compared by deltas says what a comparison of everything says."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import canonical
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, build, delta
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import fleet
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.rebase import rebased
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

READ = {"packages": {"state": "read"}, "files": {"state": "read"}}
KEYS = st.sampled_from(["package:a", "package:b", "file:/x", "file:/y/z", "sysctl:k"])
ITEMS = st.dictionaries(KEYS, st.fixed_dictionaries({"value": st.integers(0, 2)}))
HOSTS = st.dictionaries(st.sampled_from("abcde"), ITEMS)


def naive(base: Any, hosts: Any) -> Any:
    pairs = {host: {key: (base.get(key), items.get(key)) for key in {*base, *items}} for host, items in hosts.items()}
    return {host: {key: {"before": old, "after": new} for key, (old, new) in found.items() if old != new} for host, found in pairs.items()}


@given(ITEMS, HOSTS)
def test_answers_tell_what_everything_tells(base: Any, hosts: Any) -> None:
    first = build(READ, base)
    now = {host: build(READ, items) for host, items in hosts.items()}
    replies = {host: zlib.compress(canonical({**delta(first, record), "unknown": []}).encode()) for host, record in now.items()}
    assert fleet.compare(base, fleet.answered(first.root, replies)) == naive(base, hosts)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ITEMS, HOSTS)
def test_the_records_of_a_fleet_in_the_store(tmp_path: Path, base: Any, hosts: Any) -> None:
    objects = open_objects(str(tmp_path / "objects"))
    roots = {host: objects.put_record(build(READ, items)) for host, items in hosts.items()}
    root = objects.put_record(build(READ, base))
    assert fleet.compare(base, fleet.stored(objects, root, roots)) == naive(base, hosts)


@given(ITEMS, ITEMS, ITEMS)
def test_a_delta_by_way_of_a_third_record(third: Any, one: Any, two: Any) -> None:
    middle, before, after = build(READ, third), build(READ, one), build(READ, two)
    assert rebased(third, delta(middle, before), delta(middle, after)) == delta(before, after)


def test_alike_hosts_are_compared_once(tmp_path: Path) -> None:
    base, now = build(READ, {"package:a": {"value": 1}}), build(READ, {"package:a": {"value": 2}})
    objects = open_objects(str(tmp_path))
    objects.put_record(base)
    objects.put_record(now)
    found = fleet.compare(base.all_items(), fleet.stored(objects, base.root, {"one": now.root, "two": now.root, "same": base.root}))
    assert found["one"] is found["two"]
    assert found["same"] == {}


@pytest.mark.parametrize("reply", [b"", zlib.compress(b"7"), zlib.compress(b"{}"), zlib.compress(canonical(delta(build(READ, {}), build(READ, {}))).encode())])
def test_an_answer_of_another_kind_names_its_host(reply: bytes) -> None:
    with pytest.raises(Broken, match=r"^the answer of web7 "):
        fleet.answered("ab" * 32, {"web7": reply})
