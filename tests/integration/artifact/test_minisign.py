# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real minisign writes."""

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures import minisign
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadSignatureError, Key
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject

from . import debian


@pytest.fixture
def run(tmp_path):
    program, env = debian.program("minisign")

    def call(*arguments):
        return subprocess.run([program, *map(str, arguments)], env={**os.environ, **env}, check=True, capture_output=True, text=True, timeout=30).stdout

    return call


@pytest.mark.parametrize("options", [[], ["-l"]])
def test_minisign(run, tmp_path, content, options):
    path, other = tmp_path / "artifact", tmp_path / "other"
    path.write_bytes(content)
    other.write_bytes(content[:-1])
    run("-G", "-W", "-p", tmp_path / "pub", "-s", tmp_path / "secret")
    run("-S", *options, "-s", tmp_path / "secret", "-t", "shop 1.0.0", "-m", path)
    key, made = Key("build", "minisign", (tmp_path / "pub").read_text()), (tmp_path / "artifact.minisig").read_bytes()
    minisign.verify(Subject(path), made, key)
    assert minisign.key_id(key) in (tmp_path / "pub").read_text()
    with pytest.raises(BadSignatureError):
        minisign.verify(Subject(other), made, key)
    with pytest.raises(BadSignatureError):
        minisign.verify(Subject(path), made.replace(b"shop 1.0.0", b"shop 2.0.0"), key)
