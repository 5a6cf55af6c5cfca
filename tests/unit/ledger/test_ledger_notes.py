# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed notes, checkpoints and proofs in files: published examples, and what must not be believed."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import (
    COSIGNATURE,
    Checkpoint,
    Key,
    Note,
    Proof,
    ProofError,
    Trust,
    body,
    leaf,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import proofs
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

# The example of Go's package golang.org/x/mod/sumdb/note, where the format comes from.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The example of c2sp.org/tlog-cosignature.
BEHIND = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
NAME = "ledger.example/production"


def signer(name: str = NAME, **options: int) -> Signer:
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return Signer.load(name, text, **options)


def test_the_published_note() -> None:
    key = Key.parse(NEUMANN)
    assert str(key) == NEUMANN
    assert Note.parse(NOTE).signed([key]) == {"PeterNeumann": 0}
    with pytest.raises(ProofError, match="does not fit the text"):
        Note.parse(NOTE.replace("answer", "Answer")).signed([key])
    assert Note.parse(NOTE).signed([signer("PeterNeumann").key]) == {}  # another key of that name is unknown


def test_the_published_checkpoint() -> None:
    found = Checkpoint.parse(BEHIND)
    assert (found.origin, found.size, found.root.hex()[:8]) == ("example.com/behind-the-sofa", 20852163, "0ac5186a")
    assert [signature.name for signature in found.note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(found.note.signatures[1].data[:8], "big") == 1679315147


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000+AR==",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("PeterNeumann", "Peter Neumann"),
        NEUMANN.replace("ARpc", "CRpc"),
        NEUMANN + "!",
    ],
)
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ProofError):
        Key.parse(key)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name AAAAAAA=",
        "text\n\n- name AAAAAAA=\n",
        "text\n\n— name\n",
        "text\n\n— na+me AAAAAAA=\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name ????\n",
        "te\rxt\n\n— name AAAAAAA=\n",
        "text\n\n" + "— name AAAAAAA=\n" * 65,
    ],
)
def test_what_is_no_note(note: str) -> None:
    with pytest.raises(ProofError):
        Note.parse(note)


@pytest.mark.parametrize("lines", ["a\n1", "a\n01\nx", "a\n-1\nx", "a\n1\nAAAA", "\n1\nx", "a\n1\nx\n\nmore"])
def test_what_is_no_checkpoint(lines: str) -> None:
    root = body("a", 0, bytes(32)).split("\n")[2]
    with pytest.raises(ProofError):
        Checkpoint.parse(signer().note(lines.replace("x", root) + "\n"))


def test_who_is_believed() -> None:
    ledger, first, second, stranger = signer(), signer("w1", kind=COSIGNATURE), signer("w2", kind=COSIGNATURE), signer("w3", kind=COSIGNATURE)
    text = body(NAME, 1, leaf(b"x"))
    trust = Trust(ledger.key, (first.key, second.key), quorum=1)
    with pytest.raises(ProofError, match="0 witnesses have signed"):
        trust.checkpoint(ledger.note(text) + stranger.line(text, moment=1))
    assert trust.checkpoint(ledger.note(text) + second.line(text, moment=1)).size == 1
    with pytest.raises(ProofError, match=f"is not signed by {NAME}"):
        trust.checkpoint(first.note(text))
    with pytest.raises(ProofError, match="is of elsewhere"):
        trust.checkpoint(ledger.note(body("elsewhere", 1, leaf(b"x"))) + first.line(body("elsewhere", 1, leaf(b"x")), moment=1))
    # A cosignature is no signature of the ledger, nor the other way round, even with the same key.
    twin = Signer(first.key._replace(kind=1), first.private)
    with pytest.raises(ProofError, match="0 witnesses"):
        trust.checkpoint(ledger.note(text) + twin.line(text))
    # Its time is signed with it.
    name, _space, signed = first.line(text, moment=5).strip().rpartition(" ")
    data = base64.b64decode(signed)
    assert Note.parse(f"{ledger.note(text)}{name} {signed}\n").signed([first.key]) == {"w1": 5}
    later = base64.b64encode(data[:4] + (6).to_bytes(8, "big") + data[12:]).decode()
    with pytest.raises(ProofError, match="w1 does not fit"):
        Note.parse(f"{ledger.note(text)}{name} {later}\n").signed([first.key])


def test_a_proof_in_a_file() -> None:
    entries = [bytes([number]) * 9 for number in range(11)]
    leaves = [leaf(entry) for entry in entries]
    ledger = signer()
    note = ledger.note(body(NAME, len(leaves), proofs.root(leaves)))
    proof = Proof(4, tuple(proofs.inclusion(leaves, 4)), note)
    assert Proof.parse(str(proof)) == proof
    assert Proof.parse(str(proof)).verify(entries[4], Trust(ledger.key)).size == 11
    assert Proof.parse(str(proof).replace("v1\n", "v1\nextra YWdl\n", 1)) == proof
    for entry, changed in ((entries[5], proof), (entries[4], proof._replace(number=5)), (entries[4], proof._replace(hashes=proof.hashes[1:]))):
        with pytest.raises(ProofError):
            changed.verify(entry, Trust(ledger.key))
    with pytest.raises(ProofError, match="is not signed by"):
        proof.verify(entries[4], Trust(signer().key))


def test_keys_as_the_usual_programs_make_them(tmp_path: Path) -> None:
    text = body(NAME, 0, bytes(32))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")], check=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "pem")], check=True)
    for name in ("ssh", "pem"):
        made = Signer.load(NAME, (tmp_path / name).read_text())
        assert Note.parse(made.note(text)).signed([made.key]) == {NAME: 0}
    public = base64.b64decode((tmp_path / "ssh.pub").read_text().split()[1])
    assert public.endswith(Signer.load(NAME, (tmp_path / "ssh").read_text()).key.public)


def test_other_keys_are_refused_without_showing_them() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, text in ((NAME, other), (NAME, "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"), (NAME, "c2VjcmV0"), ("a b", other)):
        with pytest.raises(LedgerError) as found:
            Signer.load(name, text)
        assert "c2VjcmV0" not in str(found.value)
        assert found.value.__cause__ is None
