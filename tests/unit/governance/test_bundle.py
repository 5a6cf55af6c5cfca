# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that goes together with one of another team, on files and a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import identity

from .test_sections import MANIFEST, gathered, question

PAY: dict[str, Any] = {**MANIFEST, "version": "7.0.0", "components": {"pay": {"version": "7.0.0", "artifact": "pay.tar.gz", "sha256": "b" * 64}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, manifest in (("releases", MANIFEST), ("pay", PAY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{manifest['version']}.yml").write_text(yaml.safe_dump(manifest))
    (tmp_path / "bundles").mkdir()
    write(tmp_path, "spring")
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        yield opened


def write(folder: Path, name: str, **more: Any) -> None:
    releases = {
        "shop": {"version": "1.1.0", "manifest": "../releases/1.1.0.yml", "sha256": identity.digest(MANIFEST)},
        "pay": {"version": "7.0.0", "manifest": "../pay/7.0.0.yml", "sha256": identity.digest(PAY)},
    }
    before = [{"release": "shop", "first": "pay", "in": "staging"}]
    document = {"name": name, "owner": "platform", "summary": "Both", "releases": releases, "before": before, **more}
    (folder / f"bundles/{name}.yml").write_text(yaml.safe_dump(document))


def asked(folder: Path, store: Store, act: str = "deploy") -> Any:
    settings = Settings(bundles_dir=str(folder / "bundles"))
    return gathered(question(folder, act=act, store=store, settings=settings))["bundle"]


def deploy(store: Store, release: str, place: str, *, verified: bool = True) -> None:
    intent = store.append([NewEntry("deployment", "intent", place, release, "", {"plan": {"services": []}})])[0]
    store.append([NewEntry("deployment", "outcome", place, release, "", {"intent": intent.id, "verdict": "passed", "services": {"pay": release}})])
    if verified:
        store.append([NewEntry("verification", "fact", place, release, "", {"verdict": "passed"})])


def test_it_waits_for_the_other_team(folder: Path, store: Store) -> None:
    found = asked(folder, store)
    assert (found["name"], found["release"], found["may_go"], found["order"]) == ("spring", "shop", False, ["pay", "shop"])
    assert found["why_not"] == ["7.0.0 (pay) must be verified in staging before it; it is none there"]
    deploy(store, "7.0.0", "staging", verified=False)
    assert asked(folder, store)["why_not"] == ["7.0.0 (pay) must be verified in staging before it; it is deployed there"]
    deploy(store, "7.0.0", "staging")
    assert (asked(folder, store)["may_go"], asked(folder, store)["why_not"]) == (True, [])


def test_another_manifest_than_the_pinned_one_does_not_go(folder: Path, store: Store) -> None:
    """The bundle has a checkout of its own; what would be deployed is another one."""
    deploy(store, "7.0.0", "staging")
    (folder / "checkout").mkdir()
    (folder / "releases/1.1.0.yml").rename(folder / "checkout/1.1.0.yml")
    pinned = {"version": "1.1.0", "manifest": "../checkout/1.1.0.yml", "sha256": identity.digest(MANIFEST)}
    write(folder, "spring", releases={"shop": pinned, "pay": {"version": "7.0.0", "manifest": "../pay/7.0.0.yml", "sha256": identity.digest(PAY)}})
    (folder / "releases/1.1.0.yml").write_text(yaml.safe_dump({**MANIFEST, "summary": "Something else."}))
    assert "pins another manifest of 1.1.0" in asked(folder, store)["why_not"][0]


def test_a_release_of_no_bundle_waits_for_nothing(folder: Path, store: Store) -> None:
    write(folder, "spring", releases={"pay": {"version": "7.0.0", "manifest": "../pay/7.0.0.yml", "sha256": identity.digest(PAY)}}, before=[])
    assert asked(folder, store) is None


def test_two_bundles_and_a_broken_one_are_refused_but_not_on_the_way_back(folder: Path, store: Store) -> None:
    write(folder, "summer")
    with pytest.raises(DeploymentError, match="in the bundles spring, summer; a release goes with one"):
        asked(folder, store)
    write(folder, "summer", releases={})
    with pytest.raises(DeploymentError, match=r"summer\.yml"):
        asked(folder, store)
    assert asked(folder, store, act="rollback") is None
