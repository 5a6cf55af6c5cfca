# SPDX-License-Identifier: GPL-3.0-or-later
"""Who puts a finding back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._remediate.choose import choose

FILE = {"path": "file:/etc/motd", "kind": "changed"}
KEY = {"path": "config:shop.ini:server.port", "kind": "changed"}
NEW = {"path": "file:/etc/cron.d/miner", "kind": "added"}
PACKAGE = {"path": "package:deb/openssl:amd64", "kind": "changed"}
UNKNOWN = {"path": "file:/etc/shadow", "kind": "unknown", "after": {"unknown": "permission denied"}}
SYSCTL = {"path": "sysctl:net.ipv4.ip_forward", "kind": "changed"}
MOVED = {"path": "file:/etc/b", "from": "file:/etc/a", "kind": "renamed"}
ACCOUNTS = {"path": "file:/etc/passwd", "kind": "changed"}
SUDOERS = {"path": "file:/etc/sudoers.d/web", "kind": "added"}
RULE = {"path": "sudo:/etc/sudoers.d/web:www-data ALL=(ALL) ALL", "kind": "added"}
KEYS = {"path": "file:/home/alice/.ssh/authorized_keys", "kind": "changed"}
REFUSED = {"file:/etc/motd": {"reason": "the content is not in the store", "next": "x"}}


@pytest.mark.parametrize(
    ("finding", "options", "place"),
    [
        (FILE, {}, "restore"),
        (FILE, {"repair_role": "r"}, "restore"),
        (FILE, {"repair_role": "r", "prefer": "role"}, "role"),
        (FILE, {"prefer": "role"}, "restore"),
        (FILE, {"repair_role": "r", "refused": REFUSED}, "role"),
        (FILE, {"refused": REFUSED}, "refused"),
        (FILE, {"only": ["file:/etc/*"]}, "restore"),
        (FILE, {"only": ["file:/opt/**", "sysctl:*"]}, "skipped"),
        (KEY, {}, "refused"),
        (KEY, {"repair_role": "r"}, "role"),
        (NEW, {}, "restore"),
        (NEW, {"left": [NEW["path"]]}, "refused"),
        (NEW, {"left": [NEW["path"]], "repair_role": "r"}, "role"),
        (PACKAGE, {}, "refused"),
        (PACKAGE, {"repair_role": "r"}, "role"),
        (UNKNOWN, {"repair_role": "r"}, "refused"),
        (SYSCTL, {}, "restore"),
        # shadow is a secret that no store keeps: passwd alone would disagree with it
        (ACCOUNTS, {}, "refused"),
        (ACCOUNTS, {"repair_role": "r"}, "role"),
    ],
)
def test_each_finding_goes_to_one_place(finding: dict[str, Any], options: dict[str, Any], place: str) -> None:
    choice = choose([finding], **options)
    assert {name for name in ("role", "restore", "refused", "skipped") if finding["path"] in choice[name]} == {place}
    assert choice["fault"] == ""


def test_a_refusal_says_why_and_what_to_do() -> None:
    assert choose([UNKNOWN])["refused"][UNKNOWN["path"]]["reason"] == "it cannot be told: permission denied"
    assert choose([FILE], refused=REFUSED)["refused"] == REFUSED
    assert "role that owns the packages" in choose([PACKAGE])["refused"][PACKAGE["path"]]["next"]


@pytest.mark.parametrize(
    ("path", "file", "follows"),
    [
        (RULE["path"], SUDOERS, True),
        (RULE["path"], FILE, False),
        ("sudo:/etc/sudoers.d/web2:x", SUDOERS, False),
        ("key:alice:SHA256:abc", KEYS, True),
        ("key:bob:SHA256:abc", KEYS, False),
        ("config:app.ini:server.port", {"path": "file:/etc/app/app.ini", "kind": "changed"}, True),
        ("config:/etc/app/app.ini:server.port", {"path": "file:/etc/app/app.ini", "kind": "changed"}, True),
        ("certificate:/etc/app/tls.pem#2", {"path": "file:/etc/app/tls.pem", "kind": "changed"}, True),
        ("package:deb/web:all", SUDOERS, False),
    ],
)
def test_what_is_read_from_a_restored_file_follows_it(path: str, file: dict[str, Any], follows: bool) -> None:
    choice = choose([{"path": path, "kind": "changed"}, file])
    assert (choice["follows"], path in choice["refused"]) == (([path], False) if follows else ([], True))
    assert choice["restore"] == [file["path"]]


def test_a_renamed_file_is_two() -> None:
    assert choose([MOVED])["restore"] == ["file:/etc/a", "file:/etc/b"]


def test_too_many_are_a_fault() -> None:
    assert "2 findings are more than the 1" in choose([FILE, NEW], most=1)["fault"]
    assert choose([FILE, NEW], most=1, only=["file:/etc/motd"])["fault"] == ""
