# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures, checked with ssh-keygen itself as the other side."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import signing
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.signing import NAMESPACE, SigningError

DATA = b'{"version": 1}\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    assert signing.make_key(folder / "key", folder / "signers")
    return folder


def new_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def test_ssh_keygen_accepts_the_signature_and_names_the_same_key(place: Path, tmp_path: Path) -> None:
    (tmp_path / "sig").write_bytes(signing.sign(DATA, key=place / "key"))
    command = ["ssh-keygen", "-Y", "verify", "-f", str(place / "signers"), "-I", "evenkeel", "-n", NAMESPACE, "-s", str(tmp_path / "sig")]
    done = subprocess.run(command, input=DATA, capture_output=True, check=True)
    signer = signing.verify(DATA, (tmp_path / "sig").read_bytes(), signers=place / "signers", what="v1")
    assert signer.principal == "evenkeel"
    assert f"key {signer.fingerprint}".encode() in done.stdout
    assert signer.fingerprint == signing.fingerprint_of(place / "key")


def test_the_default_key_is_private_and_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _number: signing.make_key(tmp_path / "key", tmp_path / "signers"), range(6)))
    assert made.count(True) == 1
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "signers"]
    signing.verify(DATA, signing.sign(DATA, key=tmp_path / "key"), signers=tmp_path / "signers", what="v1")


def test_a_key_that_was_there_is_trusted_by_nobody_on_its_own(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    assert not signing.make_key(tmp_path / "key", None)
    with pytest.raises(SigningError, match=r"signers is missing, so no signer is known"):
        signing.verify(DATA, signing.sign(DATA, key=tmp_path / "key"), signers=tmp_path / "signers", what="v1")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda sig: (b"{}", sig), "does not fit its content"),
        (lambda sig: (DATA, sig.replace(b"SIGNATURE", b"MESSAGE")), "no SSH signature"),
        (lambda sig: (DATA, sig[: len(sig) // 2]), "no SSH signature"),
        (lambda _sig: (DATA, b""), "no SSH signature"),
        (lambda _sig: (DATA, b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n-----END SSH SIGNATURE-----\n"), "no SSH signature"),
    ],
)
def test_what_was_changed_is_refused(place: Path, damage, message: str) -> None:
    data, signature = damage(signing.sign(DATA, key=place / "key"))
    with pytest.raises(SigningError, match=message):
        signing.verify(data, signature, signers=place / "signers", what="v1")


def test_a_stranger_and_a_signature_for_another_purpose_are_refused(place: Path, tmp_path: Path) -> None:
    stranger = new_key(tmp_path / "stranger")
    with pytest.raises(SigningError, match=re.escape(f"signed by {signing.fingerprint_of(stranger)}, whom")):
        signing.verify(DATA, signing.sign(DATA, key=stranger), signers=place / "signers", what="v1")
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(place / "key"), "-n", "git"]
    other = subprocess.run(command, input=DATA, capture_output=True, check=True).stdout
    with pytest.raises(SigningError, match="does not fit its content"):
        signing.verify(DATA, other, signers=place / "signers", what="v1")


def test_only_ed25519_signs(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="ecdsa-sha2-nistp256, allowed: ssh-ed25519"):
        signing.sign(DATA, key=new_key(tmp_path / "key", kind="ecdsa"))


def test_a_locked_key_signs_through_an_agent_and_never_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key(tmp_path / "key", passphrase="open-sesame")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(SigningError, match="Load the key with ssh-add"):
        signing.sign(DATA, key=key)

    told = subprocess.run(["ssh-agent", "-s", "-a", str(tmp_path / "agent")], capture_output=True, text=True, check=True).stdout
    agent = int(re.search(r"SSH_AGENT_PID=(\d+)", told)[1])
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        helper = tmp_path / "askpass"
        helper.write_text("#!/bin/sh\necho open-sesame\n")
        helper.chmod(0o700)
        environment = {**os.environ, "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
        (tmp_path / "signers").write_text(signing.signers_line(key).replace("<who>", "release-managers"))
        for path in (key, Path(f"{key}.pub")):
            signer = signing.verify(DATA, signing.sign(DATA, key=path), signers=tmp_path / "signers", what="v1")
            assert signer == ("release-managers", signing.fingerprint_of(key))
    finally:
        os.kill(agent, 15)


def test_without_ssh_keygen_it_says_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SigningError, match="install OpenSSH"):
        signing.sign(DATA, key=place / "key")
