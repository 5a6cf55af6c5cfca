# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody tries who may write into git, name files, or run the playbook: each is refused, and the answer, which is recorded, says so."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from datetime import timedelta

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import statement, subject
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.tests.unit.approval.kit import ENVIRONMENT, NOW, about, run, said
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def reasons(answer) -> str:
    assert answer["verdict"] != "passed"
    return "\n".join(f"{one['file']}: {one['reason']}" for one in answer["approvals"]["refused"])


@pytest.fixture
def what(place):
    """Ann's approval is there: with any second one that counts the answer would be yes."""
    made = about()
    place.approve(made, "ann")
    return made


def test_the_right_name_with_the_wrong_key(place, what):
    place.approve(what, "bob", key="eve")
    assert "says that it is by bob, and eve signed it" in reasons(place.ask(what))


def test_a_key_that_nobody_listed(place, what):
    place.key("mallory")
    place.approve(what, "bob", key="mallory")
    assert "which allowed_signers does not list" in reasons(place.ask(what))


def test_no_signature(place, what):
    place.lay("bob.yml", statement.write(said(what, "bob")), None, subject.digest(what))
    assert "it is not signed" in reasons(place.ask(what))


@pytest.mark.parametrize("signature", [b"", b"garbage", b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n", b"\xff" * 999])
def test_what_is_no_signature(place, what, signature):
    place.lay("bob.yml", statement.write(said(what, "bob")), signature, subject.digest(what))
    assert "no SSH signature" in reasons(place.ask(what))


@pytest.mark.parametrize("namespace", ["file", "git", "evenkeel-artifact", "evenkeel-attestation"])
def test_a_signature_for_something_else(place, what, namespace):
    place.approve(what, "bob", namespace=namespace)
    assert f"made for the namespace {namespace!r}" in reasons(place.ask(what))


def test_a_signature_over_other_bytes(place, what):
    data, other = (statement.write(said(what, "bob", reason=reason)) for reason in ("fine", "also fine"))
    place.lay("bob.yml", data, place.sign(other, "bob"), subject.digest(what))
    assert "does not fit its content" in reasons(place.ask(what))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b'"bob"\n', b'"bob" \n'),
        lambda data: data + b"\n",
        lambda data: data.rstrip(b"\n"),
        lambda data: data + b"# and more\n",
        lambda data: data + b'act: "deploy"\n',
        lambda data: data.replace(b'act: "promote"', b"act: promote"),
        lambda data: data.replace(b'"promote"', b'"\\u0070romote"'),
        lambda data: data.replace(b"decision", b"&a decision"),
        lambda data: data.replace(b'release: "1.2.0"', b'release: "1.2.0\xe2\x80\xae"'),
        lambda data: data.replace(b'release: "1.2.0"', b'release: "1.2.0\xc2\xa0"'),
        lambda data: data.replace(b'release: "1.2.0"', b'release: "1.2.0\\n"'),
        lambda data: b"---\n" + data,
        lambda data: b"\xff\xfe" + data,
        lambda data: data + b'x: "' + b"a" * 70000 + b'"\n',
    ],
)
def test_a_text_that_reads_otherwise_than_it_is(place, what, change):
    """Signed by bob himself, so only its form can be what refuses it."""
    data = change(statement.write(said(what, "bob")))
    place.lay("bob.yml", data, place.sign(data, "bob"), subject.digest(what))
    assert place.ask(what)["approvals"]["approvers"] == ["ann"]
    assert "bob.yml" in reasons(place.ask(what))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"environment": "staging"}, "for the environment staging"),
        ({"release": "1.1.0"}, "for the release 1.1.0"),
        ({"act": "deploy"}, "for the act deploy"),
        ({"ledger": "other.example.com"}, "for the ledger other.example.com"),
        ({"digest": "0" * 64}, "for another digest"),
        ({"parts": {"release": "0" * 64}}, "for another digest: release, targets, plan, policies, playbook, variables changed since"),
        ({"hosts": ["web1"]}, "what it shows to the approver is not what its digest stands for"),
        ({"artifacts": {"shop": "harmless"}}, "what it shows"),
        ({"from": "2026-11-22T13:00:00Z", "to": "2026-11-23T00:00:00Z"}, "valid from 2026-11-22T13:00:00Z only"),
        ({"from": "2026-11-20T00:00:00Z", "to": "2026-11-22T12:00:00Z"}, "expired at 2026-11-22T12:00:00Z"),
    ],
)
def test_a_replay_for_anything_else(place, what, change, reason):
    data = statement.write(said(what, "bob", **change))
    place.lay("bob.yml", data, place.sign(data, "bob"), subject.digest(what))
    assert reason in reasons(place.ask(what))


def test_an_older_digest_in_the_folder_of_the_new_one(place, what):
    old = about(hosts=["web1"])
    data = statement.write(said(old, "bob"))
    place.lay("bob.yml", data, place.sign(data, "bob"), subject.digest(what))
    assert "another digest: targets changed since" in reasons(place.ask(what))


def test_an_approval_that_is_valid_too_long(place, what):
    place.approve(what, "bob", to=statement.stamp(NOW + timedelta(days=300)))
    assert place.ask(what)["approvals"]["approvers"] == ["ann"]


def test_withdrawn_is_withdrawn_and_the_old_text_does_not_come_back(place, what):
    place.approve(what, "bob")
    assert place.ask(what)["verdict"] == "passed"
    place.withdraw(subject.digest(what), "bob")
    assert "bob: it was withdrawn at" in reasons(place.ask(what))
    place.approve(what, "bob", ending=".mandate")
    assert place.ask(what)["verdict"] == "failed"
    place.approve(what, "bob", **{"from": statement.stamp(NOW + timedelta(minutes=1))})
    assert place.ask(what)["verdict"] == "passed"


def test_nobody_withdraws_for_somebody_else(place, what):
    place.approve(what, "bob")
    place.withdraw(subject.digest(what), "eve", name="bob.withdrawn.yml")
    assert place.ask(what)["verdict"] == "passed"


@pytest.mark.parametrize(
    ("authors", "deployer", "who"),
    [
        ([{"mail": "a.nn@corp.example"}], "dave", "author"),
        ([{"mail": "A.NN@Corp.Example"}], "dave", "author"),
        ([{"login": "ann", "source": "awx", "mail": "eve@mail"}], "dave", "author"),
        ([{"login": "ann.login", "mail": "eve@mail"}], "dave", "author"),
        ([{"mail": "eve@mail"}], "ann", "deployer"),
    ],
)
def test_who_wrote_or_deploys_it_does_not_approve_it(place, what, authors, deployer, who):
    place.approve(what, "bob")
    answer = place.ask(what, authors=authors, deployer={"name": deployer, "source": "awx"})
    assert f"this person must not approve: is {who} of it" in reasons(answer)
    assert answer["approvals"]["approvers"] == ["bob"]


@pytest.mark.parametrize(("giver", "to"), [("ann", "cleo"), ("cleo", "ann")])
def test_nor_through_a_delegate(place, giver, to):
    what = about()
    place.approve(what, "bob")
    place.approve(what, to, mandate=giver)
    place.delegate(giver, to)
    assert "must not approve: is author" in reasons(place.ask(what, authors=[{"mail": "a.nn@corp.example"}]))


def test_an_author_whom_nobody_knows_is_not_taken_for_another_one(place, what):
    place.approve(what, "bob")
    answer = place.ask(what, authors=[{"mail": "ann@home.example"}])
    assert (answer["verdict"], answer["duties"]["verdict"]) == ("errored", "errored")
    assert place.ask(what, authors=[])["verdict"] == "errored"


@pytest.mark.parametrize("option", ['valid-before="20261101"', 'namespaces="git"', 'valid-after="20270101"'])
def test_a_key_that_is_not_valid_any_more(place, what, option):
    place.approve(what, "bob")
    assert place.ask(what)["verdict"] == "passed"
    place.lines["bob"] = f"bob@example.com {option} {place.key('bob')}"
    place.write()
    assert any(words in reasons(place.ask(what)) for words in ("valid until", "valid from", "does not allow for the namespace"))


def test_a_key_that_was_removed(place, what):
    place.approve(what, "bob")
    del place.lines["bob"]
    place.write()
    assert "does not list (any more): what it signed does not count" in reasons(place.ask(what))


def test_a_key_that_was_revoked(place, what):
    place.approve(what, "bob")
    (place.trust / "revoked_keys").write_text(place.key("bob") + "\n")
    assert "or the key is revoked" in reasons(place.ask(what))


def test_rules_that_changed_after_the_approval(place):
    what = about(policies=place.loaded().policies)
    place.approve(what, "ann")
    place.approve(what, "bob")
    assert place.ask(what)["verdict"] == "passed"
    place.approvals["rules"][0]["people"] = 1
    place.write()
    later = about(policies=place.loaded().policies)
    assert place.ask(later)["verdict"] == "failed"


@pytest.mark.parametrize("principals", ["*", "*@example.com", "bob@example.com,*", '"bob x"', "!eve@example.com,bob@example.com", "b?b@example.com", "bob\t"])
def test_patterns_among_the_principals(place, what, principals):
    place.lines["evil"] = f"{principals} {place.key('eve')}"
    place.write()
    with pytest.raises(ApprovalError, match=r"line 7|allowed_signers"):
        place.ask(what)


def test_one_key_for_two_persons(place, what):
    place.lines["eve"] = f"bob@example.com,eve@example.com {place.key('eve')}"
    place.write()
    place.approve(what, "bob", key="eve")
    assert "of several persons" in reasons(place.ask(what))


def test_a_name_that_two_persons_claim(place, what):
    place.people["people"]["eve"]["aliases"].append("BOB@example.com")
    place.write()
    with pytest.raises(ApprovalError, match="a name of bob too"):
        place.ask(what)


def test_names_of_files(place, what):
    """None of these is a name of somebody in people.yml, so none is opened."""
    digest = subject.digest(what)
    data = statement.write(said(what, "bob"))
    for name in ("bob .yml", "BOB.yml", "bob.yaml", "*.yml", "bob\n.yml", "..yml", "{{ lookup('pipe', 'id') }}.yml", "bob.yml.sig.yml"):
        place.lay(name, data, place.sign(data, "bob"), digest)
    assert "has the name of nobody in people.yml: not read" in reasons(place.ask(what))


@pytest.mark.parametrize("name", ["../../bob", "bob\n", "Bob", "request", "a--b", "bob.yml", ""])
def test_a_person_whose_id_is_no_id(place, what, name):
    place.people["people"][name] = {"name": "Path"}
    place.write()
    with pytest.raises(ApprovalError, match="id of a person"):
        place.ask(what)


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe", "folder", "huge", "device"])
def test_what_is_no_plain_file(place, what, tmp_path, kind):
    digest = subject.digest(what)
    path = place.approve(what, "bob")
    elsewhere = tmp_path / "elsewhere"
    if kind == "folder link":
        (place.folder / digest).rename(elsewhere)
        (place.folder / digest).symlink_to(elsewhere)
        assert "no folder of its own" in reasons(place.ask(what))
        return
    path.rename(elsewhere)
    made = {
        "link": path.symlink_to,
        "pipe": lambda _to: os.mkfifo(path),
        "folder": lambda _to: path.mkdir(),
        "device": lambda _to: path.symlink_to("/dev/zero"),
    }
    made.get(kind, lambda _to: path.write_bytes(b"a" * 10_000_000))(elsewhere)
    assert any(words in reasons(place.ask(what)) for words in ("no plain file", "more than 65536 bytes"))


def test_a_flood_of_files_costs_nothing_and_hides_nothing(place, what, monkeypatch):
    place.approve(what, "bob")
    folder = place.folder / subject.digest(what)
    for number in range(100_000):
        (folder / f"x{number}.yml").touch()
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda *given, **more: opened.append(given[0]) or real(*given, **more))
    answer = place.ask(what)
    assert answer["verdict"] == "passed"
    assert len(opened) < 200
    assert "and more" in answer["approvals"]["refused"][0]["file"]


def test_a_key_on_a_token_that_nobody_touched(place, what):
    """Made by hand, as no token is here; ssh-keygen takes both."""
    private = Ed25519PrivateKey.generate()
    packed = lambda *parts: b"".join(struct.pack(">I", len(part)) + part for part in parts)  # noqa: E731
    name, raw = b"sk-ssh-ed25519@openssh.com", private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = packed(name, raw, b"ssh:")
    place.lines["token"] = f"bob@token {name.decode()} {base64.b64encode(public).decode()}"
    place.write()
    data = statement.write(said(what, "bob"))

    def made(flags: int) -> bytes:
        inner = b"SSHSIG" + packed(b"evenkeel-approval", b"", b"sha512", hashlib.sha512(data).digest())
        trailer = struct.pack(">BI", flags, 7)
        signed = private.sign(hashlib.sha256(b"ssh:").digest() + trailer + hashlib.sha256(inner).digest())
        blob = b"SSHSIG" + struct.pack(">I", 1) + packed(public, b"evenkeel-approval", b"", b"sha512", packed(name, signed) + trailer)
        return b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(blob) + b"-----END SSH SIGNATURE-----\n"

    for flags in (0, 1):
        path = place.lay("bob.yml", data, made(flags), subject.digest(what))
        argv = ["ssh-keygen", "-Y", "verify", "-f", place.trust / "allowed_signers", "-I", "bob@token", "-n", "evenkeel-approval", "-s", f"{path}.sig"]
        run(*argv, data=data)
        answer = place.ask(what)
        assert answer["verdict"] == ("passed" if flags else "failed")
    place.lay("bob.yml", data, made(0), subject.digest(what))
    assert "nobody touched" in reasons(place.ask(what))


@pytest.mark.parametrize(
    ("words", "key", "namespace", "reason"),
    [
        ({"via": "awx", "login": "bob", "job": "41"}, "bob", "evenkeel-attestation", "not the attestor awx"),
        ({"via": "awx", "login": "bob", "job": "41"}, "bob", "evenkeel-approval", "namespace 'evenkeel-approval'"),
        ({"via": "awx", "login": "ann", "job": "41"}, "awx", "evenkeel-attestation", "it is by bob, and ann signed it"),
        ({"via": "awx", "login": "nobody", "job": "41"}, "awx", "evenkeel-attestation", "nobody in people.yml has the alias awx:nobody"),
        ({"via": "awx", "login": "BOB", "job": "41"}, "awx", "evenkeel-attestation", "nobody in people.yml has the alias awx:BOB"),
        ({"via": "awx", "login": "b.ob", "job": "41"}, "awx", "evenkeel-attestation", "nobody in people.yml has the alias awx:b.ob"),
        ({"via": "awx", "login": "bob"}, "awx", "evenkeel-attestation", "no login and job"),
        ({}, "awx", "evenkeel-approval", "does not allow for the namespace"),
    ],
)
def test_an_awx_identity_that_is_only_claimed(place, what, words, key, namespace, reason):
    place.approve(what, "bob", key=key, ending=".awx", namespace=namespace, **words)
    assert reason in reasons(place.ask(what))


@pytest.mark.parametrize("path", ["allowed_signers", "people.yml", "approvals.yml", "", ".."])
def test_a_trusted_place_that_others_can_write(place, what, path):
    (place.trust / path).chmod(0o777 if not path.endswith(("s", "l")) else 0o666)
    with pytest.raises(ApprovalError, match="can be written by others"):
        place.ask(what)


def test_a_link_in_the_trusted_place(place, what, tmp_path):
    (tmp_path / "people.yml").write_text((place.trust / "people.yml").read_text())
    (place.trust / "people.yml").unlink()
    (place.trust / "people.yml").symlink_to(tmp_path / "people.yml")
    with pytest.raises(ApprovalError, match="is a link"):
        place.ask(what)


def test_the_deployer_is_known_in_a_way_that_the_rules_take(place, what):
    place.approve(what, "bob")
    place.duties["deployers_known_by"] = ["awx"]
    place.write()
    assert place.ask(what, deployer={"name": "dave", "source": "awx"})["verdict"] == "passed"
    for deployer in ({"name": "dave", "source": "os"}, {"name": "dave"}, None):
        assert place.ask(what, deployer=deployer)["verdict"] == "errored"


def test_a_tampered_request_explains_nothing(place, what):
    """It is a file that nobody signs: it may only explain, and only when it is what its digest says."""
    other = about(hosts=["web1"])
    other["content"]["targets"]["hosts"] = ["somewhere else"]
    folder = place.folder / subject.digest(about(hosts=["web1"]))
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps(other))
    assert place.ask(what)["approvals"]["changed"] == []
    (folder / "request.json").write_text("[" * 100_000)
    assert place.ask(what)["approvals"]["changed"] == []


def test_environment_of_another_tier_is_another_digest(place, what):
    place.approve(what, "bob")
    weaker = about(environment={**ENVIRONMENT, "tier": "staging"})
    assert place.ask(weaker, environment={**ENVIRONMENT, "tier": "staging"})["verdict"] == "failed"
