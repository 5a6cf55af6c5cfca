# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles in folders of several teams."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import bundle, bundle_files, identity

from .test_manifest import NOW, OLD

TODAY = date(2027, 1, 15)


def write(folder: Path, version: str, **more: Any) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {**OLD, "version": version, **more}
    (folder / f"{version}.yml").write_text(yaml.safe_dump(manifest))
    return manifest


def made(tmp_path: Path, **more: Any) -> Path:
    shop, pay = write(tmp_path / "shop/releases", "1.2.0"), write(tmp_path / "pay/releases", "7.0.0")
    document = {
        "name": "spring",
        "owner": "platform",
        "summary": "Both",
        "releases": {
            "shop": {"version": "1.2.0", "manifest": "../shop/releases/1.2.0.yml", "sha256": identity.digest(shop)},
            "pay": {"version": "7.0.0", "manifest": "../pay/releases/7.0.0.yml", "sha256": identity.digest(pay)},
        },
        "before": [{"release": "shop", "first": "pay"}],
        **more,
    }
    (tmp_path / "bundles").mkdir(exist_ok=True)
    path = tmp_path / "bundles/spring.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def faults(path: Path) -> list[str]:
    return [f"{Path(fault.file).name} {fault.path}: {fault.found}" for fault in bundle_files.read([str(path)], today=TODAY)[1]]


def test_pinned_releases_and_their_order(tmp_path: Path) -> None:
    (found,), none = bundle_files.read([str(made(tmp_path))], today=TODAY)
    assert none == []
    assert bundle.order(found.document) == ["pay", "shop"]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ([{"release": "shop", "first": "pay"}, {"release": "pay", "first": "shop"}], "before: a circle:"),
        ([{"release": "shop", "first": "shop"}], "before: a circle:"),
        ([{"release": "shop", "first": "play"}], 'before[0].first: "play"'),
        ([{"release": "shop", "first": "pay", "state": "done"}], 'before[0].state: "done"'),
    ],
)
def test_orders_without_a_beginning(tmp_path: Path, before: Any, words: str) -> None:
    assert any(words in text for text in faults(made(tmp_path, before=before)))


def test_a_changed_manifest_is_not_the_pinned_one(tmp_path: Path) -> None:
    path = made(tmp_path)
    write(tmp_path / "pay/releases", "7.0.0", summary="Something else")
    (text,) = faults(path)
    assert text.startswith("spring.yml releases.pay.sha256: ")


def test_a_manifest_with_faults_or_none_is_told_at_its_place(tmp_path: Path) -> None:
    path = made(tmp_path)
    (tmp_path / "shop/releases/1.2.0.yml").unlink()
    write(tmp_path / "pay/releases", "7.0.0", milestone=[])
    found = faults(path)
    assert "7.0.0.yml milestone: the unknown key milestone" in found
    assert any(text.startswith("1.2.0.yml (file): nothing") for text in found)
    assert sum(" releases." in text for text in found) == 2


def running(version: str, place: str, *, verified: bool = True) -> list[dict[str, Any]]:
    common = {"environment": place, "release": version, "subject": "", "time": NOW, "actor": {"name": "ada"}, "id": f"{place}-{version}"}
    body = {"verdict": "passed", "services": {version: version}, "intent": "x"}
    entries = [{**common, "kind": "deployment", "phase": "outcome", "body": body}]
    return [*entries, {**common, "kind": "verification", "phase": "fact", "body": {"verdict": "passed"}}] if verified else entries


@pytest.mark.parametrize(
    ("rule", "entries", "state", "may"),
    [
        ({}, [], "none", False),
        ({}, running("7.0.0", "staging"), "none", False),  # elsewhere is not here
        ({}, running("7.0.0", "production", verified=False), "deployed", False),
        ({}, running("7.0.0", "production"), "verified", True),
        ({"state": "deployed"}, running("7.0.0", "production", verified=False), "deployed", True),
        ({"state": "complete"}, running("7.0.0", "production"), "verified", False),
        ({"in": "staging"}, running("7.0.0", "staging"), "verified", True),
        ({"in": "staging"}, running("7.0.0", "production"), "none", False),
    ],
)
def test_what_must_be_where_before_what(tmp_path: Path, rule: Any, entries: Any, state: str, may: bool) -> None:
    path = made(tmp_path, before=[{"release": "shop", "first": "pay", **rule}])
    (found,), _none = bundle_files.read([str(path)], today=TODAY)
    view = bundle.view(found.document, manifests=found.manifests, entries=entries, environment="production")
    assert view["releases"]["shop"]["may_go"] is may
    why = bundle.why_not(found.document, "shop", manifests=found.manifests, entries=entries, environment="production")
    assert (why == []) is may
    if not may:
        assert f"it is {state} there" in why[0]
    assert bundle.why_not(found.document, "pay", manifests=found.manifests, entries=entries, environment="production") == []
    assert view["verdict"] == "inconclusive"
