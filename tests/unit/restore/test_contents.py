# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves a host as content, and what does not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._restore import contents
from ansible_collections.evenkeel.release.plugins.module_utils._restore.secret import matcher
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import build
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._remediate import held

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"welcome\n", ""),
        (b"", ""),
        (b"PasswordAuthentication no\nPermitRootLogin no\n", ""),
        (b"password = hunter2\n", "line 1 looks like a secret"),
        (b"a\nurl = postgresql://shop:hunter2@db/shop\n", "line 2 looks like a secret"),
        (KEY, "private key"),
        (b"\0\1" + KEY, "private key"),
        (b"\0ELF -----BEGIN RSA PRIVATE KEY-----\0 -----END", ""),
        (b"x\n" * 20_001, "too long"),
    ],
)
def test_secrets_stay(data: bytes, said: str) -> None:
    found = contents.holds_secret(data)
    assert said in found
    assert bool(said) == bool(found)


def files(folder: Path, **texts: str) -> dict[str, str]:
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {str(folder / name): hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def test_only_what_the_baseline_saw_travels(tmp_path: Path) -> None:
    wanted = files(tmp_path, same="same", changed="before", large="x" * 101, gone="gone", link="link", key="key")
    (tmp_path / "changed").write_text("after")
    (tmp_path / "gone").unlink()
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("same")
    answer = contents.gather(wanted, largest=100, total=10**6, secret=lambda path: path.endswith(b"/key"))
    assert list(answer.contents) == [wanted[str(tmp_path / "same")]]
    refused = {os.path.basename(path): reason for path, reason in answer.refused.items()}
    assert refused["changed"] == "it changed since the baseline was taken"
    assert "101 bytes, more than the 100" in refused["large"]
    assert "no such file" in refused["gone"]
    assert "cannot be read" in refused["link"]
    assert refused["key"] == "it is one of secret_files"


def test_a_full_answer_leaves_the_rest_for_later(tmp_path: Path) -> None:
    wanted = files(tmp_path, a="a", b="b", c="c")
    answer = contents.gather(wanted, largest=10, total=1, secret=matcher([]))
    assert (len(answer.contents), answer.later) == (1, [str(tmp_path / "b"), str(tmp_path / "c")])


def test_the_store_takes_nothing_under_a_false_name(tmp_path: Path) -> None:
    store = open_objects(str(tmp_path / "objects"))
    with pytest.raises(held.Lied, match="is not 0000"):
        held.keep(store, {"0" * 64: contents.pack(b"x")})
    digest = hashlib.sha256(b"x").hexdigest()
    held.keep(store, {digest: contents.pack(b"x")})
    assert held.had(store, [digest, "0" * 64]) == [digest]
    assert held.packed(store, [digest]) == {digest: contents.pack(b"x")}
    assert contents.unpack(digest, "not base64!") is None


def test_items_of_a_record() -> None:
    file = {"type": "file", "mode": "0644", "owner": "root", "group": "root", "size": 1, "sha256": "1" * 64}
    packages = {f"package:deb/p{number}:all": {"version": "1"} for number in range(600)}
    record = build({"files": {"state": "read"}}, {"file:/etc/a": file, "file:/opt/b": {**file, "sha256": "2" * 64}, **packages})
    found = held.items_of(record, ["file:/etc/a", "file:/etc/none", "package:deb/p7:all", "package:deb/none:all"])
    assert found == {"file:/etc/a": file, "file:/etc/none": None, "package:deb/p7:all": {"version": "1"}, "package:deb/none:all": None}
    assert held.files_of(record, ["/etc/**"]) == {"/etc/a": "1" * 64}
    assert len(held.files_of(record, ["**"])) == 2
