# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffs of changed texts: which files are asked for, and that no secret is in what comes back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._restore import contents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import texts
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects, open_objects


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def finding(path: str, before: Any, after: Any, *, kind: str = "changed", severity: str = "low") -> dict[str, Any]:
    return {"path": path, "kind": kind, "severity": severity, "before": before, "after": after}


def changed(path: str, before: bytes, after: bytes, **more: Any) -> dict[str, Any]:
    return finding(path, {"sha256": digest(before)}, {"sha256": digest(after)}, **more)


@pytest.fixture
def store(tmp_path: Path) -> Objects:
    return open_objects(str(tmp_path / "objects"))


def test_only_changed_contents_that_are_no_secrets_are_asked_for_and_the_worst_first() -> None:
    asked = texts.wanted(
        [
            changed("file:/mild", b"a", b"b"),
            changed("file:/bad", b"a", b"b", severity="critical"),
            changed("file:/new", b"a", b"b", kind="renamed"),
            changed("config:/x", b"a", b"b"),
            finding("file:/mode", {"mode": "0644"}, {"mode": "0600"}),
            finding("file:/gone", {"sha256": digest(b"a")}, None, kind="removed"),
            finding("file:/secret", {"secret": "[REDACTED]"}, {"secret": "differs"}),
            finding("file:/became", {"sha256": digest(b"a"), "secret": "[REDACTED]"}, {"sha256": digest(b"b"), "secret": "differs"}),
            finding("file:/hidden", {"sha256": "[REDACTED]"}, {"sha256": digest(b"b")}),
        ]
    )
    assert list(asked.items()) == [("/bad", (digest(b"a"), digest(b"b"))), ("/mild", (digest(b"a"), digest(b"b")))]


def test_what_the_store_has_and_can_be_shown_is_bounded(store: Objects) -> None:
    files = {f"/{number}": (store.put(b"%d" % number), digest(b"new")) for number in range(30)}
    assert list(texts.known(store, files)) == list(files)[: texts.MOST]
    damaged = store.put(b"damaged")
    store.place.write("objects", damaged, b"zbroken")
    others = {"absent": digest(b"absent"), "damaged": damaged, "binary": store.put(b"a\0b"), "large": store.put(b"x" * (texts.LARGEST + 1))}
    assert texts.known(store, {name: (sha256, digest(b"")) for name, sha256 in others.items()}) == {}


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a = 1\n", "a = 1\n"),
        (b"a = 1\r\npassword = hunter2\r\n", "a = 1\r\npassword = [REDACTED]\r\n"),
        (b"auth:\n  token: |\n    hunter2\n    hunter2\nport: 1", "auth:\n  token: [REDACTED]\n[REDACTED]\n[REDACTED]\nport: 1"),
        (b"a = 1\rpwd = hunter2\x0bdb_pass = hunter2\xe2\x80\xa8secret: hunter2", "a = 1\rpwd = [REDACTED]\x0bdb_pass = [REDACTED]\u2028secret: [REDACTED]"),
        (b"", ""),
        (b"\0", None),
        (b"\xff", None),
        (b"x\n" * 20_001, None),
    ],
)
def test_secrets_are_hidden_line_by_line(data: bytes, shown: str | None) -> None:
    assert contents.redacted(data) == shown


def test_the_host_shows_only_what_was_found_and_may_be_seen(tmp_path: Path) -> None:
    held = {"plain": b"a\n", "binary": b"\0", "large": b"x" * 101, "own": b"key", "other": b"before"}
    for name, data in held.items():
        (tmp_path / name).write_bytes(data)
    asked = {str(tmp_path / name): digest(data) for name, data in held.items()} | {str(tmp_path / "gone"): digest(b"")}
    (tmp_path / "other").write_bytes(b"after")
    assert contents.texts(asked, largest=100, secret=lambda path: path.endswith(b"/own")) == {str(tmp_path / "plain"): "a\n"}


def test_a_finding_gets_its_diff_and_the_others_stay(store: Objects) -> None:
    before, after = b"workers = 4\npassword_hint = none\n", b"workers = 8\npassword = hunter2\npassword_hint = none\n"
    found = [changed("file:/a", before, after), changed("file:/b", b"x", b"y"), finding("config:/a", {"value": "4"}, {"value": "8"})]
    store.put(before)
    known = texts.known(store, texts.wanted(found))
    assert list(known) == ["/a"]
    shown, *others = texts.with_diffs(found, known, {"/a": contents.redacted(after) or "", "/b": "not asked for"})
    assert shown["diff"].split("\n")[3:] == ["-workers = 4", "+workers = 8", "+password = [REDACTED]", " password_hint = none"]
    assert others == found[1:]
    long = "".join(f"line {number}\n" for number in range(5000))
    (cut,) = texts.with_diffs(found[:1], known, {"/a": long})
    assert len(cut["diff"]) <= texts.MAX_BYTES + 100
