# SPDX-License-Identifier: GPL-3.0-or-later
"""Pruning a real store: what a version that matters needs is there afterwards, and nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.unit.drift.test_baseline import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def version(shop: Shop, number: int, *, promote: bool = False) -> str:
    """web1 shows another file, whose content is kept; returns the content's name."""
    content = b"version %d" % number
    shop.show("web1", {"file:/etc/shop.ini": {"type": "file", "sha256": hashlib.sha256(content).hexdigest()}})
    kept = shop.objects.put(content)
    shop.act("take", promote=promote)
    return kept


def roots(shop: Shop, number: int) -> list[str]:
    return [services["shop"]["root"] for services in shop.act("current", version=number)["baseline"]["hosts"].values()]


def whole(shop: Shop, number: int) -> bool:
    return all(map(shop.objects.has_record, roots(shop, number)))


def test_versions_in_force_and_the_newest_stay_and_the_rest_goes(shop: Shop) -> None:
    contents = [version(shop, number, promote=number == 2) for number in range(1, 6)]
    stray = shop.objects.put(b"nobody needs it")
    shop.show("web9", {"file:/x": {"sha256": "9"}})
    told = shop.act("prune", keep=2, dry=True)
    assert all(map(shop.objects.has, [*contents, stray]))
    done = shop.act("prune", keep=2)
    assert done == told
    assert done["kept"] == ["staging: main v2", "staging: main v4", "staging: main v5"]
    assert done["dropped"] == ["staging: main v1", "staging: main v3"]
    # web1's records of both versions and one that no version names, and the one of web9.
    assert done["removed"]["records"] == 4
    assert [whole(shop, number) for number in range(1, 6)] == [False, True, False, True, True]
    assert [shop.objects.has(name) for name in [*contents, stray]] == [False, True, False, True, True, False]
    assert not shop.act("prune", keep=2)["changed"]
    with pytest.raises(BaselineError, match="main v1 of staging cannot be promoted"):
        shop.act("promote", version=1, reason="back")


def test_what_is_young_stays(shop: Shop) -> None:
    contents = [version(shop, number) for number in (1, 2)]
    assert not shop.act("prune", keep=1, grace=3600)["changed"]
    assert all(map(shop.objects.has, contents))


def test_other_environments_and_names_keep_theirs(shop: Shop) -> None:
    content = version(shop, 1)
    shop.show("web1", {"file:/other": {"sha256": "7"}})
    shop.act("take", name="golden")
    version(shop, 3)
    (shop.folder / "baselines/production").mkdir()
    document = shop.document(1).read_bytes()
    (shop.folder / "baselines/production/v1.json").write_bytes(document)
    sha256 = hashlib.sha256(document).hexdigest()
    body: dict[str, Any] = {"event": "taken", "name": "main", "version": 1, "sha256": sha256, "signer": "x"}
    with open_store(f"sqlite:///{shop.folder / 'ledger.sqlite'}", actor={"name": "ada", "source": "test"}) as ledger:
        ledger.append([NewEntry(kind="baseline", phase="fact", environment="production", subject="main/v1", body=body)])
    done = shop.act("prune", keep=1)
    assert done["kept"] == ["production: main v1", "staging: golden v2", "staging: main v3"]
    # What the first version of staging needs is what production needs as well.
    assert (done["removed"]["records"], done["dropped"]) == (1, [])
    assert shop.objects.has(content)
    assert [whole(shop, number) for number in (1, 2, 3)] == [True, True, True]


def forget(shop: Shop) -> None:
    (shop.folder / "ledger.sqlite").unlink()


def stranger(shop: Shop) -> None:
    folder = shop.folder / "baselines/elsewhere"
    folder.mkdir()
    (folder / "v1.json").write_text("{}")


def damage(shop: Shop) -> None:
    root = roots(shop, 2)[0]
    shop.objects.place.write("records", root, b"{}")


@pytest.mark.parametrize(
    ("harm", "message", "args"),
    [
        (forget, "The ledger does not know the baselines of staging", {}),
        (stranger, "The ledger does not know the baselines of elsewhere", {}),
        (lambda shop: shop.document(2).unlink(), r"v2.json cannot be read \(No such file or directory\)", {}),
        (lambda shop: shop.document(2).write_text("{}"), "v2.json has SHA-256 .*; the ledger says", {}),
        (damage, "its name leads nowhere", {}),
        (lambda shop: None, "keep is 0 and grace is 0: allowed are 1 or more versions", {"keep": 0}),
    ],
)
def test_what_cannot_be_understood_removes_nothing(shop: Shop, harm: Callable[[Shop], Any], message: str, args: dict[str, Any]) -> None:
    names = [version(shop, number) for number in (1, 2)]
    harm(shop)
    before = shop.objects.place.keys("objects")
    with pytest.raises(BaselineError, match=f"{message}.*Nothing was removed"):
        shop.act("prune", **{"keep": 1, **args})
    assert shop.objects.place.keys("objects") == before
    assert set(names) <= set(before)


def test_an_empty_ledger_removes_nothing(shop: Shop) -> None:
    with pytest.raises(BaselineError, match="does not know any baseline"):
        shop.act("prune")
