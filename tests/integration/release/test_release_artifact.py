# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts through real runs; sha256sum and tar are the oracle."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading

import pytest


@pytest.fixture
def artifact(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "VERSION").write_text("1.0.0\n")
    path = tmp_path / "app.tar.gz"
    subprocess.run(["tar", "-C", str(tree), "-czf", str(path), "VERSION"], check=True)
    digest = subprocess.run(["sha256sum", str(path)], check=True, capture_output=True, text=True).stdout.split()[0]
    return path, digest


def plays(root, source, digest, **options):
    task = {"root": str(root), "version": "1.0.0", "source": str(source), "sha256": digest, **options}
    return [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "install", "evenkeel.release.release_artifact": task}]}]


def test_install_twice_check_first(playbook, artifact, tmp_path):
    root = tmp_path / "srv"
    checked = playbook(plays(root, *artifact), check=True)
    assert (checked.rc, checked.changed) == (0, 1)
    assert not root.exists()
    first = playbook(plays(root, *artifact))
    assert (first.rc, first.changed) == (0, 1), first.stdout
    assert (root / "releases/1.0.0/VERSION").read_text() == "1.0.0\n"
    second = playbook(plays(root, *artifact))
    assert (second.rc, second.changed) == (0, 0)


def test_an_installed_release_needs_no_artifact(playbook, artifact, tmp_path):
    root = tmp_path / "srv"
    assert playbook(plays(root, *artifact)).rc == 0
    artifact[0].unlink()
    again = playbook(plays(root, *artifact))
    assert (again.rc, again.changed) == (0, 0)


def test_a_wrong_digest_changes_nothing_and_names_both(playbook, artifact, tmp_path):
    root = tmp_path / "srv"
    run = playbook(plays(root, artifact[0], "0" * 64))
    assert run.rc != 0
    message = run.result("install")["msg"]
    assert artifact[1] in message
    assert "0" * 64 in message
    assert list((root / "releases").iterdir()) == []


def test_a_missing_artifact_is_named(playbook, tmp_path):
    run = playbook(plays(tmp_path / "srv", tmp_path / "nowhere.tar.gz", "0" * 64))
    assert run.rc != 0
    assert "nowhere.tar.gz is not a file" in run.result("install")["msg"]


def test_an_artifact_from_a_server(playbook, artifact, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(artifact[0].parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        good = playbook(plays(tmp_path / "srv", f"{url}/{artifact[0].name}", artifact[1]))
        assert (good.rc, good.changed) == (0, 1), good.stdout
        bad = playbook(plays(tmp_path / "other", f"{url}/nothing.tar.gz", artifact[1]))
        assert "the server answered 404" in bad.result("install")["msg"]
        server.shutdown()


def test_activation_needs_an_installed_release(playbook, artifact, tmp_path):
    root = tmp_path / "srv"
    refused = playbook(plays(root, *artifact, state="active"))
    assert "is not installed" in refused.result("install")["msg"]
    assert playbook(plays(root, *artifact)).rc == 0
    assert playbook(plays(root, *artifact, state="active")).changed == 1
    assert (root / "current").resolve() == root / "releases/1.0.0"
    assert playbook(plays(root, *artifact, state="active")).changed == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_said_and_leaves_nothing(playbook, tmp_path):
    (tmp_path / "noise").write_bytes(os.urandom(2_000_000))
    path = tmp_path / "app.tar.gz"
    subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(path), "noise"], check=True)
    digest = subprocess.run(["sha256sum", str(path)], check=True, capture_output=True, text=True).stdout.split()[0]
    root = tmp_path / "srv"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root)], check=True)
    try:
        run = playbook(plays(root, path, digest))
        assert run.rc != 0
        assert "No space left on device" in run.result("install")["msg"]
        assert list((root / "releases").iterdir()) == []
    finally:
        subprocess.run(["umount", str(root)], check=True)
