# SPDX-License-Identifier: GPL-3.0-or-later
"""What every place for objects has to do. The importing module has the fixtures `place` (its name) and `objects` (it, empty)."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record, build, delta
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, Missing, Objects, open_objects

READ = {"packages": {"state": "read"}, "files": {"state": "read"}}


def state(version: int, count: int = 60) -> Record:
    files = {
        f"file:/srv/{number}": {"type": "file", "mode": "0644", "size": 1, "sha256": hashlib.sha256(b"%d" % number).hexdigest()} for number in range(count)
    }
    return build(READ, {**files, "package:vim": {"version": str(version)}})


def test_what_is_put_comes_back_under_its_digest(objects: Objects) -> None:
    for data in (b"", b"text", bytes(100_000), bytes(range(256)) * 3):
        name = objects.put(data)
        assert name == hashlib.sha256(data).hexdigest()
        assert objects.get(name) == data
        assert objects.has(name)
        assert objects.put(data) == name


def test_it_is_kept_packed(objects: Objects) -> None:
    name = objects.put(bytes(100_000))
    assert len(objects.place.read("objects", name) or b"") < 1000


def test_what_is_not_there_is_named(objects: Objects) -> None:
    name = "ab" * 32
    assert not objects.has(name)
    assert not objects.has_record(name)
    for look in (objects.get, objects.record):
        with pytest.raises(Missing, match=f"{name} is not in the store"):
            look(name)
    with pytest.raises(Missing, match="would be 64 hexadecimal digits"):
        objects.get("../../etc/passwd")


@pytest.mark.parametrize("damage", [b"", b"-other", b"zbroken", b"?"])
def test_a_damaged_object_is_named_and_refused_and_healed_by_its_next_writer(objects: Objects, damage: bytes) -> None:
    name = objects.put(b"text")
    objects.place.write("objects", name, damage)
    with pytest.raises(Broken, match=f"object {name} in the store .* is damaged"):
        objects.get(name)
    objects.put(b"text")
    assert objects.get(name) == b"text"


def test_a_record_comes_back_under_its_root(objects: Objects) -> None:
    one = state(1)
    assert objects.put_record(one) == one.root
    assert objects.put_record(one) == one.root
    assert objects.record(one.root).all_items() == one.all_items()


def test_a_record_near_another_one_takes_little_room_and_comes_back_whole(objects: Objects) -> None:
    base = objects.put_record(state(0))
    whole = sum(len(objects.place.read("objects", name) or b"") for name in objects.place.keys("objects"))
    for version in range(1, 21):
        now = state(version)
        objects.put_record(now, base=base)
        base = now.root
    for version in range(21):
        assert objects.record(state(version).root).all_items() == state(version).all_items()
    kept = sum(len(objects.place.read("objects", name) or b"") for name in objects.place.keys("objects"))
    assert kept < 5 * whole


def test_a_record_that_is_unlike_its_base_is_kept_whole(objects: Objects) -> None:
    base = objects.put_record(build(READ, {}))
    now = state(1)
    objects.put_record(now, base=base)
    objects.place.write("objects", json.loads(objects.place.read("records", base) or b"")["object"], b"gone")
    assert objects.record(now.root).root == now.root


def test_a_record_under_a_wrong_name_is_refused(objects: Objects) -> None:
    one, two = objects.put_record(state(1)), objects.put_record(build(READ, {}))
    objects.place.write("records", one, objects.place.read("records", two) or b"")
    with pytest.raises(Broken, match=f"record {one} in the store .* is damaged: its items make up {two}"):
        objects.record(one)
    objects.place.write("records", one, b'{"object": 7}')
    with pytest.raises(Broken, match="its name leads nowhere"):
        objects.record(one)


def test_records_that_lead_to_each_other_are_refused(objects: Objects) -> None:
    one, two = state(1), state(2)
    objects.put_record(one)
    objects.put_change(delta(one, two))
    there = objects.put(json.dumps(delta(two, one)).encode())
    objects.place.write("records", one.root, json.dumps({"object": there, "base": two.root, "depth": 1}).encode())
    with pytest.raises(Broken, match=one.root):
        objects.record(one.root)
    assert not objects.has_record(one.root)


def test_changes_from_one_base(objects: Objects) -> None:
    base, near, far = state(0), state(1), build(READ, {"package:vim": {"version": "9"}})
    objects.put_record(base)
    objects.put_record(near, base=base.root)
    objects.put_record(far)
    found = objects.changes(base.root, [near.root, far.root, base.root])
    assert found[near.root] == delta(base, near)
    assert found[far.root] == delta(base, far)
    assert found[base.root]["items"] == {}


def test_hosts_that_are_alike_take_little_room_each_and_are_compared_by_what_they_differ_in(objects: Objects) -> None:
    records = [state(version) for version in range(12)]
    objects.put_record(records[0])
    whole = sum(len(objects.place.read("objects", name) or b"") for name in objects.place.keys("objects"))
    for record in records:
        objects.put_record(record)
    kept = sum(len(objects.place.read("objects", name) or b"") for name in objects.place.keys("objects"))
    assert kept < 4 * whole
    stranger = build({**READ, "ports": {"state": "read"}}, {"port:tcp:0.0.0.0:1": {"user": "x"}})
    objects.put_record(stranger)
    for base in (records[0], records[5], stranger):
        found = objects.changes(base.root, [record.root for record in [*records, stranger]])
        for record in [*records, stranger]:
            assert found[record.root] == delta(base, record)


def test_a_delta_under_a_wrong_name_is_refused(objects: Objects) -> None:
    records = [state(version) for version in range(3)]
    for record in records:
        objects.put_record(record)
    _base, one, two = (record.root for record in records)
    objects.place.write("records", one, objects.place.read("records", two) or b"")
    for look in (objects.record, lambda root: objects.changes(records[0].root, [root])):
        with pytest.raises(Broken, match=f"record {one} in the store"):
            look(one)


def test_a_damaged_first_record_is_not_built_upon(objects: Objects) -> None:
    one, two = state(1), state(2)
    objects.put_record(one)
    objects.place.write("objects", json.loads(objects.place.read("records", one.root) or b"")["object"], b"zdamaged")
    objects.put_record(two)
    assert objects.record(two.root).all_items() == two.all_items()
    assert not objects.has_record(one.root)
    objects.put_record(one)
    assert objects.record(one.root).all_items() == one.all_items()


def test_pruning_keeps_what_is_needed_and_nothing_else(objects: Objects) -> None:
    base, near, other = state(0), state(1), state(5, count=3)
    objects.put_record(base)
    objects.put_record(near, base=base.root)
    objects.put_record(other)
    loose, kept = objects.put(b"loose"), objects.put(b"kept")
    assert objects.prune([near.root], objects=[kept]) == ([], []), "all of it is too young"
    told = objects.prune([near.root], objects=[kept], grace=-1, dry=True)
    assert objects.get(loose) == b"loose"
    assert objects.has_record(other.root)
    removed = objects.prune([near.root], objects=[kept], grace=-1)
    assert [sorted(names) for names in removed] == [sorted(names) for names in told]
    assert (removed.records, len(removed.objects), loose in removed.objects) == ([other.root], 2, True)
    assert objects.record(near.root).root == near.root
    assert objects.get(kept) == b"kept"
    assert not objects.has(loose)
    assert not objects.has_record(other.root)
    assert objects.prune([near.root], objects=[kept], grace=-1) == ([], [])
    assert objects.prune([], grace=-1).records
    assert [objects.place.keys(shelf) for shelf in ("objects", "records", "kin")] == [[], [], []]


def test_what_is_held_is_not_pruned_and_every_name_on_the_shelf_is_a_record(objects: Objects) -> None:
    records = [state(0), state(1), build({}, {})]
    for record in records:
        objects.put_record(record)
    assert sorted(objects.place.keys("records")) == sorted(record.root for record in records)
    assert [objects.record(root).root for root in objects.place.keys("records")] == objects.place.keys("records")
    name = objects.put(b"text")
    time.sleep(1.2)
    objects.hold([name, "ab" * 32])
    assert name not in objects.prune([], grace=1).objects


def test_many_writers_at_once(objects: Objects, place: str) -> None:
    records = [state(number % 4) for number in range(16)]

    def write(record: Record) -> str:
        return open_objects(place).put_record(record)

    with ThreadPoolExecutor(8) as pool:
        roots = list(pool.map(write, records))
    assert roots == [record.root for record in records]
    for record in records[:4]:
        assert objects.record(record.root).all_items() == record.all_items()


def test_a_writer_who_comes_late_leaves_a_record_as_others_build_upon_it(objects: Objects, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """He looked before the first one was done, and would keep the first record by the second, which is kept by the first."""
    first, second = state(1), state(2)
    late = open_objects(place)
    seen, really = iter([False]), late.has_record
    monkeypatch.setattr(late, "has_record", lambda root: next(seen, None) is None and really(root))
    objects.put_record(first)
    objects.put_record(second)
    assert late.put_record(first, base=second.root) == first.root
    for record in (first, second):
        assert objects.record(record.root).all_items() == record.all_items()
