# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures that ssh-keygen, openssl and gpg made; what is not theirs over these bytes is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures import cosign, ed25519, kinds, minisign, ssh
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures import gpg as gpg_kind
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, BadSignatureError, Key
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from . import tools


def refused(kind, path, signature, key):
    with pytest.raises(BadSignatureError) as caught:
        kind.verify(Subject(path), signature, key)
    return str(caught.value)


@pytest.mark.parametrize(("type", "bits"), [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")])
@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_ssh_keys(tmp_path, artifact, other, type, bits, hashed):
    signer = tools.Ssh(tmp_path / "a", type, bits)
    made = signer.sign(artifact, hashed=hashed)
    ssh.verify(Subject(artifact), made, signer.public())
    assert refused(ssh, other, made, signer.public()) == "it does not fit the content"


def test_ssh_a_short_rsa_key(tmp_path):
    with pytest.raises(BadKeyError, match="2048 bits or more"):
        ssh.check_key(tools.Ssh(tmp_path / "a", "rsa", "1024").public())


def test_ssh_names_the_key_as_ssh_keygen_does(tmp_path):
    signer = tools.Ssh(tmp_path / "a")
    assert ssh.key_id(signer.public()) == tools.run("ssh-keygen", "-lf", signer.folder / "key.pub").split()[1].decode()


def test_ssh_another_key(tmp_path, artifact):
    one, two = tools.Ssh(tmp_path / "a"), tools.Ssh(tmp_path / "b")
    assert refused(ssh, artifact, one.sign(artifact), two.public()) == "it is of another key"


def test_ssh_a_signature_for_something_else(tmp_path, artifact):
    """A key that signs commits has not approved an artifact."""
    signer = tools.Ssh(tmp_path / "a")
    made = signer.sign(artifact, namespace="git")
    assert "namespace 'git', allowed: 'evenkeel-artifact'" in refused(ssh, artifact, made, signer.public())
    ssh.verify(Subject(artifact), made, signer.public(namespace="git"))


def test_ssh_a_line_of_allowed_signers(tmp_path, artifact):
    signer = tools.Ssh(tmp_path / "a")
    line = f'build@example.com namespaces="evenkeel-artifact" {signer.public().text}'
    ssh.verify(Subject(artifact), signer.sign(artifact), Key("build", "ssh", line))
    with pytest.raises(BadKeyError, match="without cert-authority"):
        ssh.check_key(Key("build", "ssh", f"* cert-authority {signer.public().text}"))


def test_ssh_a_key_on_a_token(tmp_path, artifact, other):
    """Made by hand, as no token is here; ssh-keygen agrees that it is good."""
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    packed = lambda *parts: b"".join(struct.pack(">I", len(part)) + part for part in parts)  # noqa: E731
    name = b"sk-ssh-ed25519@openssh.com"
    public = packed(name, raw, b"ssh:")
    inner = b"SSHSIG" + packed(b"evenkeel-artifact", b"", b"sha512", hashlib.sha512(artifact.read_bytes()).digest())

    def made(flags: int) -> bytes:
        trailer = struct.pack(">BI", flags, 7)
        signed = private.sign(hashlib.sha256(b"ssh:").digest() + trailer + hashlib.sha256(inner).digest())
        blob = b"SSHSIG" + struct.pack(">I", 1) + packed(public, b"evenkeel-artifact", b"", b"sha512", packed(name, signed) + trailer)
        return b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(blob) + b"-----END SSH SIGNATURE-----\n"

    key = Key("token", "ssh", f"{name.decode()} {base64.b64encode(public).decode()}")
    (tmp_path / "signers").write_text(f"ada {key.text}\n")
    (tmp_path / "sig").write_bytes(made(1))
    verify = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "ada", "-n", "evenkeel-artifact", "-s", tmp_path / "sig"]
    tools.run(*verify, data=artifact.read_bytes())
    ssh.verify(Subject(artifact), made(1), key)
    assert refused(ssh, other, made(1), key) == "it does not fit the content"
    assert refused(ssh, artifact, made(0), key) == "it does not fit the content"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\n!!\n-----END SSH SIGNATURE-----\n",
    ],
)
def test_ssh_no_signature(tmp_path, artifact, text):
    assert "no SSH signature" in refused(ssh, artifact, text, tools.Ssh(tmp_path / "a").public())


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M=", "not a key"])
def test_ssh_no_key(text):
    with pytest.raises(BadKeyError):
        ssh.check_key(Key("x", "ssh", text))


def test_ed25519_by_openssl(tmp_path, artifact, other):
    signer = tools.Openssl(tmp_path / "a")
    made = signer.sign(artifact)
    for text in (made, base64.b64encode(made), base64.encodebytes(made)):
        ed25519.verify(Subject(artifact), text, signer.public("ed25519"))
    assert "does not fit" in refused(ed25519, other, made, signer.public("ed25519"))
    assert "another key" in refused(ed25519, artifact, made, tools.Openssl(tmp_path / "b").public("ed25519"))
    assert "no Ed25519 signature" in refused(ed25519, artifact, made[:-1], signer.public("ed25519"))


def test_cosign_in_all_its_forms(tmp_path, artifact, other):
    signer = tools.cosign(tmp_path / "a")
    made, key = signer.sign(artifact), signer.public("cosign")
    text = made.decode()
    sigstore = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {"signature": text}, "verificationMaterial": {}}
    for form in (made, made + b"\n", json.dumps(sigstore).encode(), json.dumps({"base64Signature": text, "rekorBundle": {}}).encode()):
        cosign.verify(Subject(artifact), form, key)
        assert "does not fit" in refused(cosign, other, form, key)
    assert "another key" in refused(cosign, artifact, made, tools.cosign(tmp_path / "b").public("cosign"))


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b'{"messageSignature": 1}', b'{"messageSignature": {"signature": 5}}', b"not base64!", b"AAAA"])
def test_cosign_no_signature(tmp_path, artifact, text):
    assert refused(cosign, artifact, text, tools.cosign(tmp_path / "a").public("cosign"))


def test_cosign_wants_p256(tmp_path):
    with pytest.raises(BadKeyError, match="P-256"):
        cosign.check_key(tools.cosign(tmp_path / "a", "P-384").public("cosign"))


def test_pem_keys_are_named_as_openssl_does(tmp_path):
    signer = tools.cosign(tmp_path / "a")
    der = subprocess.run(["openssl", "pkey", "-in", signer.key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    assert cosign.key_id(signer.public("cosign")) == "sha256:" + hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("legacy", [False, True])
def test_minisign(artifact, other, legacy):
    signer, stranger = tools.Minisign(), tools.Minisign(b"12345678")
    made = signer.sign(artifact, legacy=legacy)
    minisign.verify(Subject(artifact), made, signer.public())
    assert "does not fit" in refused(minisign, other, made, signer.public())
    assert "another key, 3837363534333231" in refused(minisign, artifact, stranger.sign(artifact), signer.public())
    assert "does not fit" in refused(minisign, artifact, tools.Minisign().sign(artifact), signer.public())


def test_minisign_a_comment_that_was_changed(artifact):
    signer = tools.Minisign()
    made = signer.sign(artifact, comment="shop 1.0.0").replace(b"shop 1.0.0", b"shop 2.0.0")
    assert "its comment" in refused(minisign, artifact, made, signer.public())


@pytest.mark.parametrize("text", [b"", b"a\nb\nc\nd\n", b"untrusted comment: x\nAAAA\ntrusted comment: y\nAAAA\n"])
def test_minisign_no_signature(artifact, text):
    assert "no minisign signature" in refused(minisign, artifact, text, tools.Minisign().public())


def test_gpg(artifact, other, gpg):
    made, key = gpg.sign(artifact), gpg.public()
    gpg_kind.check_key(key)
    gpg_kind.verify(Subject(artifact), made, key)
    assert refused(gpg_kind, other, made, key) == "it does not fit the content"
    assert "no OpenPGP signature" in refused(gpg_kind, artifact, b"garbage", key)


def test_gpg_what_is_not_trusted(tmp_path, artifact, gpg, monkeypatch):
    made, key = gpg.sign(artifact), gpg.public()
    # The user's own keyring knows the key; the policy does not.
    monkeypatch.setenv("GNUPGHOME", str(gpg.folder))
    strange = Key("other", "gpg", key.text, fingerprint="0" * 40)
    assert "another key" in refused(gpg_kind, artifact, made, strange)
    sha1 = gpg.sign(artifact, "--digest-algo", "SHA1")
    assert "no longer safe" in refused(gpg_kind, artifact, sha1, key)
    gpg.revoke()
    assert refused(gpg_kind, artifact, made, gpg.public()) == "its key is revoked by its owner"


def test_gpg_asks_for_a_fingerprint():
    with pytest.raises(BadKeyError, match="fingerprint"):
        gpg_kind.check_key(Key("x", "gpg", "-----BEGIN PGP PUBLIC KEY BLOCK-----", fingerprint="AB12"))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), kind=st.sampled_from(["ssh", "minisign", "ed25519", "cosign"]))
def test_nothing_else_is_a_signature(data, kind, tmp_path_factory):
    """Whatever is sent, the answer is a refusal and never another error."""
    folder = tmp_path_factory.mktemp("keys")
    path = folder / "artifact"
    path.write_bytes(b"content")
    key = {
        "minisign": lambda: tools.Minisign().public(),
        "ssh": lambda: Key("k", "ssh", Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()),
        "ed25519": lambda: Key("k", "ed25519", _pem(Ed25519PrivateKey.generate())),
        "cosign": lambda: Key("k", "cosign", COSIGN),
    }[kind]()
    for signature in (data, b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(b"SSHSIG\0\0\0\1" + data) + b"-----END SSH SIGNATURE-----\n"):
        with pytest.raises(BadSignatureError):
            kinds.KINDS[kind].verify(Subject(path), signature, key)


def _pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


COSIGN = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""


def test_a_minisign_key_has_the_name_that_minisign_gives_it():
    """As minisign 0.11 wrote it: zeros in front are left out."""
    text = "untrusted comment: minisign public key E08D3C9E0F9C867\nRWRnyPngydMIDoySdsew41lKgjeXz+tyiCoWO4lAIesjVPNAz47B3xxX\n"
    assert minisign.key_id(Key("build", "minisign", text)) == "E08D3C9E0F9C867"
