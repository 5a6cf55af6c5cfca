# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment wrote is expected, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import build
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import compare, written
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.fold import fold
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.written import Written
from hypothesis import given
from hypothesis import strategies as st

READ = {"files": {"state": "read"}}
ROOT = "/srv/shop"
KINDS = st.sampled_from(["file:/srv/a/x", "file:/srv/a/y", "file:/srv/b", "config:a.ini:k", "config:b.ini:k", "port:tcp:0.0.0.0:80", "service:x.service"])
ITEMS = st.dictionaries(KINDS, st.fixed_dictionaries({"value": st.integers(0, 3)}))


def folded(before: dict[str, Any], after: dict[str, Any], what: Written) -> dict[str, Any]:
    return dict(fold(build(READ, before), compare.changes(before, after), what).all_items())


@given(ITEMS, ITEMS)
def test_all_or_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert folded(before, after, Written()) == before
    assert folded(before, after, Written(patterns=("**",))) == after


@given(ITEMS, ITEMS, st.sets(KINDS))
def test_only_what_was_written_is_expected(before: dict[str, Any], after: dict[str, Any], ours: set[str]) -> None:
    result = folded(before, after, Written(patterns=tuple(ours)))
    assert result == {key: side[key] for key in {*before, *after} for side in [after if key in ours else before] if key in side}


@given(ITEMS, ITEMS)
def test_a_fold_stands_for_the_record_that_a_host_would_send(before: dict[str, Any], after: dict[str, Any]) -> None:
    record = fold(build(READ, before), compare.changes(before, after), Written(patterns=("**",)))
    assert record.root == build(READ, after).root


def test_what_cannot_be_read_now_is_drift() -> None:
    before, after = {"file:/x": {"sha256": "1"}}, {"file:/x": {"unknown": "permission denied"}}
    assert folded(before, after, Written(patterns=("**",))) == before


def test_a_drop_in_of_somebody_else_is_drift_and_the_unit_of_the_deployment_is_not() -> None:
    before = {"service:shop-blue.service": {"active": "active", "unit": "1"}}
    new = {"service:shop-blue.service": {"active": "active", "unit": "2"}}
    added = {"service:shop-blue.service": {"active": "active", "unit": "2", "drop_ins": "3"}}
    unit = Written(patterns=("service:shop-blue.service",))
    assert folded(before, new, unit) == new
    assert folded(before, added, unit) == before


def test_a_release_folder_is_expected_as_a_whole_or_not_at_all() -> None:
    old = {"file:/r/1": {"type": "folder"}, "file:/r/1.json": {"sha256": "a"}, "file:/r/1/x": {"sha256": "a"}}
    new = {"file:/r/2": {"type": "folder"}, "file:/r/2.json": {"sha256": "b"}, "file:/r/2/x": {"sha256": "b"}}
    assert folded(old, {**old, **new}, Written(trees=("/r/2",))) == {**old, **new}
    # Somebody edits, adds and removes in a release that is installed already: nobody deployed that.
    damaged = {"file:/r/1": {"type": "folder"}, "file:/r/1.json": {"sha256": "z"}, "file:/r/1/y": {"sha256": "z"}}
    assert folded(old, damaged, Written(trees=("/r/1",), removed=("/r/1",))) == old
    assert folded({**old, **new}, new, Written(removed=("/r/1",))) == new
    assert folded({**old, **new}, new, Written()) == {**old, **new}
    # A name that only begins alike is another release.
    other = {"file:/r/22/x": {"sha256": "c"}}
    assert folded(old, {**old, **other}, Written(trees=("/r/2",))) == old


def item(*, keep: str = "green", **more: Any) -> dict[str, Any]:
    host = {"root": ROOT, "address": "127.0.0.1", "ports": {"blue": 8001, "green": 8002}}
    balancer = [{"host": "lb", "map": "/srv/lb/live.map"}]
    return {"service": "shop", "release": "1.1.0", "live": "blue", "idle": "green", "keep": keep, "hosts": {"web": host}, "balancer": balancer, **more}


def matched(what: Written, path: str) -> bool:
    return folded({path: {"v": 1}}, {path: {"v": 2}}, what) == {path: {"v": 2}}


SERVICE = {"config": [{"name": "shop.ini"}]}
LIVE = f"{ROOT}/config/live/shop.ini"


@pytest.mark.parametrize(
    ("path", "forward", "back"),
    [
        (f"file:{ROOT}/current", True, True),
        (f"file:{ROOT}/config/live", True, True),
        (f"file:{ROOT}/config/green/shop.ini", True, True),
        (f"file:{ROOT}/config/blue/shop.ini", False, False),
        (f"file:{LIVE}", True, False),
        ("config:shop.ini:server.port", True, False),
        (f"config:{ROOT}/config/green/shop.ini:server.port", False, False),
        ("config:other.ini:server.port", False, False),
        ("port:tcp:127.0.0.1:8001", True, True),
        ("port:tcp:127.0.0.1:22", False, False),
        ("file:/sup/conf.d/shop-blue-web.conf", True, True),
        ("file:/sup/conf.d/shop-blue-web2.conf", False, False),
        ("package:deb/openssl:amd64", False, False),
        (f"file:{ROOT}/hack.sh", False, False),
        (f"file:{ROOT}", False, False),
        ("service:shop-blue.service", False, False),
    ],
)
def test_what_a_deployment_writes(path: str, forward: bool, back: bool) -> None:
    for keep, expected in (("green", forward), ("blue", back)):
        what = written.by_service(item(keep=keep), host="web", service=SERVICE, config=[LIVE], supervisor="/sup")
        assert matched(what, path) is expected, keep


def test_configuration_that_is_live_no_more_is_a_file_like_any_other() -> None:
    path = f"file:{ROOT}/config/blue/shop.ini"
    by_keys, read = {"type": "file", "mode": "0600"}, {"type": "file", "mode": "0600", "sha256": "1", "size": 9}
    what = written.by_service(item(), host="web", service=SERVICE, config=[LIVE])
    assert folded({path: by_keys}, {path: read}, what) == {path: read}
    assert folded({path: by_keys}, {path: {**read, "mode": "0644"}}, what) == {path: by_keys}
    assert folded({path: {**read, "sha256": "2"}}, {path: read}, what) == {path: {**read, "sha256": "2"}}
    back = written.by_service(item(keep="blue"), host="web", service=SERVICE, config=[LIVE])
    assert folded({path: by_keys}, {path: read}, back) == {path: by_keys}


def test_keys_of_a_file_whose_name_is_not_unique_are_told_by_their_path() -> None:
    what = written.by_service(item(), host="web", service=SERVICE, config=[LIVE, "/etc/other/shop.ini"])
    assert not matched(what, "config:shop.ini:server.port")
    assert matched(what, f"config:{LIVE}:server.port")
    assert not matched(what, "config:/etc/other/shop.ini:server.port")
    foreign = written.by_service(item(), host="web", service=SERVICE, config=["/etc/other/shop.ini"])
    assert not matched(foreign, "config:shop.ini:server.port")


def test_units_of_systemd_and_the_map_of_the_balancer() -> None:
    what = written.by_service(item(), host="web", service={"runtime": "systemd"}, config=[], supervisor="/sup")
    assert matched(what, "service:shop-blue.service")
    assert matched(what, "file:/etc/systemd/system/shop-green.service")
    assert matched(what, "file:/etc/systemd/system/shop-green.env")
    assert not matched(what, "file:/etc/systemd/system/shop-green.service.d/x.conf")
    assert not matched(what, "file:/sup/conf.d/shop-blue-web.conf")
    assert matched(written.by_balancer(item(), host="lb"), "file:/srv/lb/live.map")
    assert written.by_balancer(item(), host="web") == Written()


def test_names_with_signs_of_globs_match_themselves_alone() -> None:
    odd = item()
    odd["hosts"]["web"]["root"] = "/srv/[s]hop"
    what = written.by_service(odd, host="web", service=SERVICE, config=[])
    assert matched(what, "file:/srv/[s]hop/current")
    assert not matched(what, "file:/srv/shop/current")
