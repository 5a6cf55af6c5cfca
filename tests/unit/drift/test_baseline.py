# SPDX-License-Identifier: GPL-3.0-or-later
"""Baselines with real signatures, a real ledger and a real store, without Ansible."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record, build
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import baseline
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_acts import ACTS
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_book import Book, Keys
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_files import Files
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_request import Request
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.signing import SigningError, sign
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

ARGS = {"version": None, "service": "", "promote": False, "four_eyes": False, "reason": "", "required": True, "settled": [], "release": {}}
ARGS |= {"keep": 10, "grace": 0}
READ = {"files": {"state": "read"}}


class Shop:
    """An environment of two hosts; what they show is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = open_objects(str(folder / "objects"))
        self.facts: dict[str, dict[str, Any]] = {}
        self.show("web1", {"file:/etc/shop.ini": {"sha256": "1"}})
        self.show("web2", {"file:/etc/shop.ini": {"sha256": "2"}})

    def show(self, host: str, items: dict[str, Any], collectors: dict[str, Any] | None = None) -> Record:
        record = build(collectors or READ, items)
        self.objects.put_record(record)
        self.facts[host] = {"drift_declared": ["shop"], "drift_seen": {"shop": {"root": record.root}}}
        return record

    def act(self, state: str, *, who: str = "ada", name: str = "main", dry: bool = False, key: Path | None = None, **args: Any) -> dict[str, Any]:
        with open_store(f"sqlite:///{self.folder / 'ledger.sqlite'}", actor={"name": who, "source": "test"}) as ledger:
            keys = Keys(key or self.folder / "key", self.folder / "signers", default_key=key is None, default_signers=key is None)
            book = Book(environment="staging", name=name, ledger=ledger, files=Files(self.folder / "baselines" / "staging"), objects=self.objects, keys=keys)
            store = str(self.folder / "objects")
            return ACTS[state](Request(book, store, {**ARGS, **args}, ["web1", "web2"], lambda host: self.facts.get(host, {}), dry))

    def in_force(self) -> dict[str, Any]:
        return dict(self.act("current")["baseline"])

    def entries(self) -> list[Any]:
        return open_store(f"sqlite:///{self.folder / 'ledger.sqlite'}").entries(kind="baseline")

    def document(self, number: int) -> Path:
        return self.folder / f"baselines/staging/v{number}.json"

    def twice(self) -> Shop:
        self.act("take")
        self.act("promote", reason="first")
        self.show("web1", {"file:/etc/shop.ini": {"sha256": "3"}})
        self.act("take")
        self.act("promote", reason="second")
        return self


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_baseline_is_taken_and_then_promoted_on_purpose(shop: Shop) -> None:
    with pytest.raises(BaselineError, match=r"no baseline main in force. Next: run evenkeel.release.baseline .* with baseline_state=take"):
        shop.in_force()
    assert shop.act("current", required=False) == {"baseline": {}}
    taken = shop.act("take", reason="before the audit")
    assert taken["changed"]
    with pytest.raises(BaselineError, match="v1 waits for its promotion"):
        shop.in_force()
    with pytest.raises(BaselineError, match="only with a reason"):
        shop.act("promote", reason=" ")
    assert shop.act("promote", who="grace", reason="looked at it")["changed"]
    found = shop.in_force()
    assert (found["version"], sorted(found["hosts"])) == (1, ["web1", "web2"])
    assert found["hosts"]["web1"]["shop"] == {"root": shop.facts["web1"]["drift_seen"]["shop"]["root"], "items": 1}
    assert not shop.act("promote", version=1, reason="again")["changed"]
    bodies = [(entry.actor["name"], entry.body["event"], entry.body["version"], entry.body["reason"]) for entry in shop.entries()]
    assert bodies == [("ada", "taken", 1, "before the audit"), ("grace", "promoted", 1, "looked at it")]
    document = json.loads(shop.document(1).read_text())
    assert (document["by"], document["reason"], document["previous"]) == ("ada", "before the audit", "")


def test_nothing_new_makes_no_version_and_versions_are_a_chain(shop: Shop) -> None:
    assert shop.act("take")["changed"]
    assert not shop.act("take")["changed"]
    shop.twice()
    assert [path.name for path in sorted((shop.folder / "baselines/staging").glob("*.json"))] == ["v1.json", "v2.json"]
    assert json.loads(shop.document(2).read_text())["previous"] == baseline.sha256(shop.document(1).read_bytes())
    assert [row["state"] for row in shop.act("show")["versions"]] == ["past", "current"]
    # Going back is a promotion like any other.
    assert shop.act("promote", version=1, reason="the second was wrong")["changed"]
    assert shop.in_force()["version"] == 1


def test_check_mode_leaves_nothing_behind(shop: Shop) -> None:
    assert shop.act("take", dry=True) == {"changed": True, "baseline": {}}
    assert not (shop.folder / "baselines").exists()
    assert not (shop.folder / "key").exists()
    shop.act("take")
    assert shop.act("promote", reason="why", dry=True)["changed"]
    assert len(shop.entries()) == 1


def test_two_people_when_it_is_asked_for(shop: Shop) -> None:
    shop.act("take", who="ada")
    with pytest.raises(BaselineError, match="taken by ada, who may not promote it as well"):
        shop.act("promote", who="ada", reason="mine", four_eyes=True)
    assert shop.act("promote", who="grace", reason="hers", four_eyes=True)["changed"]
    shop.show("web1", {})
    with pytest.raises(BaselineError, match="taken and promoted by two people"):
        shop.act("take", promote=True, four_eyes=True)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda shop: shop.show("web1", {}, {"packages": {"state": "unknown", "reason": "no dpkg"}}), r"web1/shop: packages \(no dpkg\)"),
        (lambda shop: shop.show("web1", {"file:/x": {"unknown": "permission denied"}}), "web1/shop: file:/x"),
        (lambda shop: shop.facts.pop("web2"), "web2 told nothing"),
        (lambda shop: shop.facts["web2"].update(drift_seen={}), "web2/shop told nothing"),
    ],
)
def test_a_baseline_with_gaps_is_refused(shop: Shop, harm: Callable[[Shop], Any], message: str) -> None:
    harm(shop)
    with pytest.raises(BaselineError, match=message):
        shop.act("take")
    assert not (shop.folder / "baselines").exists()


def replay(shop: Shop) -> None:
    for end in ("", ".sig"):
        Path(f"{shop.document(2)}{end}").write_bytes(Path(f"{shop.document(1)}{end}").read_bytes())


def resign(shop: Shop) -> None:
    """Somebody who may sign as well signs the same bytes once more: not the one whom the ledger names."""
    key = shop.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with (shop.folder / "signers").open("a") as signers:
        signers.write("other " + Path(f"{key}.pub").read_text())
    Path(f"{shop.document(2)}.sig").write_bytes(sign(shop.document(2).read_bytes(), key=key))


def forge(shop: Shop) -> None:
    """The whole document by the rightful key, but nobody recorded it."""
    document = {**json.loads(shop.document(2).read_text()), "hosts": {}}
    shop.document(2).write_bytes(baseline.text(document))
    Path(f"{shop.document(2)}.sig").write_bytes(sign(baseline.text(document), key=shop.folder / "key"))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda shop: shop.document(2).write_text(shop.document(2).read_text().replace("web1", "web3")), "has SHA-256 .*; the ledger says"),
        (lambda shop: Path(f"{shop.document(2)}.sig").unlink(), "is not signed: v2.json.sig cannot be read"),
        (lambda shop: Path(f"{shop.document(2)}.sig").write_text("signed, honestly"), "no SSH signature"),
        (lambda shop: shop.document(2).unlink(), "v2.json cannot be read"),
        (replay, "is a copy of v1, put in its place"),
        (resign, "is signed by SHA256:.*; the ledger says SHA256:"),
        (forge, "has SHA-256 .*; the ledger says"),
        (lambda shop: (shop.folder / "signers").write_text(""), "whom .*signers does not list"),
        (lambda shop: (shop.folder / "signers").unlink(), "signers is missing"),
    ],
)
def test_a_document_that_is_not_what_was_promoted_is_refused(shop: Shop, harm: Callable[[Shop], Any], message: str) -> None:
    assert shop.twice().in_force()["version"] == 2
    harm(shop)
    for state in ("current", "verify"):
        with pytest.raises((BaselineError, SigningError), match=message):
            shop.act(state)


def test_what_the_ledger_does_not_know_is_never_promoted(shop: Shop) -> None:
    shop.twice()
    for end in ("", ".sig"):
        Path(f"{shop.document(3)}{end}").write_bytes(Path(f"{shop.document(2)}{end}").read_bytes())
    with pytest.raises(BaselineError, match="v3 of staging is unknown to the ledger; it knows v1, v2"):
        shop.act("promote", version=3, reason="why not")
    with pytest.raises(BaselineError, match=r"v3.json is unknown to the ledger"):
        shop.act("verify")
    shop.show("web1", {})
    assert shop.act("take")["baseline"]["version"] == 4


def test_a_missing_or_damaged_record_is_found_before_it_is_needed(shop: Shop) -> None:
    shop.act("take")
    root = shop.facts["web1"]["drift_seen"]["shop"]["root"]
    (alias,) = [path for path in shop.folder.rglob("*") if path.is_file() and root[2:] in path.name]
    alias.unlink()
    with pytest.raises(BaselineError, match="web1/shop: The record"):
        shop.act("verify")
    with pytest.raises(BaselineError, match="cannot be promoted: web1/shop"):
        shop.act("promote", reason="why")


def test_a_key_that_nobody_trusts_takes_nothing(shop: Shop) -> None:
    key = shop.folder / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with pytest.raises(
        BaselineError, match=r'Nothing was taken. To trust the key .*mine, .*signers needs the line: <who> namespaces="evenkeel-baseline" ssh-ed25519'
    ):
        shop.act("take", key=key)
    assert not (shop.folder / "baselines").exists()


def test_names_are_independent_and_a_single_service_keeps_the_rest(shop: Shop) -> None:
    shop.act("take", promote=True)
    shop.act("take", name="golden", promote=True, reason="hardening")
    assert (shop.in_force()["version"], shop.act("current", name="golden")["baseline"]["version"]) == (1, 2)
    for host in ("web1", "web2"):
        known = shop.facts[host]
        shop.facts[host] = {"drift_declared": ["shop", "api"], "drift_seen": {"api": dict(known["drift_seen"]["shop"])}}
    assert shop.act("take", service="api", promote=True)["baseline"]["hosts"]["web1"].keys() == {"api", "shop"}
    with pytest.raises(BaselineError, match="web1/shop told nothing"):
        shop.act("take")


def test_a_teardown_ends_what_was_in_force(shop: Shop) -> None:
    shop.twice()
    with open_store(f"sqlite:///{shop.folder / 'ledger.sqlite'}") as ledger:
        (intent,) = ledger.append([NewEntry("teardown", "intent", environment="staging")])
        ledger.append([NewEntry("teardown", "outcome", environment="staging", body={"intent": intent.id, "verdict": "passed"})])
    with pytest.raises(BaselineError, match="no baseline main in force"):
        shop.in_force()


def changed(shop: Shop, host: str, items: dict[str, Any]) -> None:
    """What the host answers after a deployment, compared with the baseline in force."""
    base = shop.in_force()["hosts"][host]["shop"]["root"]
    before = shop.objects.record(base).all_items()
    names = {name for name in {*before, *items} if before.get(name) != items.get(name)}
    changes = {name: {"before": before.get(name), "after": items.get(name)} for name in names}
    shop.facts[host]["drift_seen"] = {"shop": {"root": "0" * 64, "baseline": base, "same": not names, "changes": changes}}


def settled(host: str) -> dict[str, Any]:
    about = {"root": "/srv", "address": "127.0.0.1", "ports": {}}
    return {"service": "shop", "release": "1.1.0", "live": "blue", "idle": "green", "keep": "green", "hosts": {host: about}, "balancer": []}


def test_a_fold_takes_what_was_written_and_an_edit_from_before_stays_drift(shop: Shop) -> None:
    for host in ("web1", "web2"):
        shop.show(host, {"file:/srv/current": {"target": "releases/1.0.0"}, "file:/srv/notes": {"sha256": "1"}})
    first = shop.act("fold", reason="deployment 1", release={"shop": "1.0.0"})
    assert first["new"] == ["web1/shop", "web2/shop"]
    untouched = first["baseline"]["hosts"]["web2"]
    changed(shop, "web1", {"file:/srv/current": {"target": "releases/1.1.0"}, "file:/srv/notes": {"sha256": "edited by hand"}})
    shop.facts["web2"]["drift_seen"] = {}
    second = shop.act("fold", reason="deployment 2", release={"shop": "1.1.0"}, settled=[settled("web1")])
    items = shop.objects.record(second["baseline"]["hosts"]["web1"]["shop"]["root"]).all_items()
    assert items == {"file:/srv/current": {"target": "releases/1.1.0"}, "file:/srv/notes": {"sha256": "1"}}
    assert second["baseline"]["hosts"]["web2"] == untouched
    assert (second["baseline"]["release"], shop.in_force()["version"]) == ({"shop": "1.1.0"}, 2)
    document = json.loads(shop.document(2).read_text())
    assert (document["by"], document["reason"]) == ("deployment", "deployment 2")
    # A run that was killed and is recovered folds once more: nothing is left to do.
    changed(shop, "web1", items)
    assert not shop.act("fold", reason="recovery", release={"shop": "1.1.0"}, settled=[settled("web1")])["changed"]


def test_a_fold_says_what_it_could_not_see_and_refuses_another_base(shop: Shop) -> None:
    shop.act("fold", reason="first")
    for host in ("web1", "web2"):
        shop.facts[host]["drift_seen"] = {}
    assert shop.act("fold", reason="second", settled=[settled("web1")])["gaps"] == ["web1/shop: could not be looked at"]
    changed(shop, "web1", {})
    shop.facts["web1"]["drift_seen"]["shop"]["baseline"] = "1" * 64
    with pytest.raises(BaselineError, match="compared with another baseline"):
        shop.act("fold", reason="third", settled=[settled("web1")])
