# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign-off by people, with real keys and the real ssh-keygen."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import request, statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.request import Context
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.standing import standing
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import NOW, SHOP, WEB, file, manifest

SAID: dict[str, Any] = {
    "kind": "uat",
    "subject": {"sha256": SHOP, "name": "shop 1.0.0"},
    "verdict": "passed",
    "signer": "ann@example.com",
    "made_at": "2027-01-14T10:00:00Z",
    "summary": "All 14 scenarios accepted.",
}
PENTEST = {**SAID, "kind": "penetration_test", "by": "Red Ltd", "findings": {"critical": 0, "high": 1, "medium": 2, "low": 0}}


class Desk:
    """A folder with keys, as a signer and a controller have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("ann", "eve"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        self.allow(self.line("ann@example.com", 'namespaces="evenkeel-uat,evenkeel-penetration-test"', "ann"))

    def line(self, principal: str, options: str, key: str) -> str:
        kind, blob = (self.folder / f"{key}.pub").read_text().split()[:2]
        return f"{principal} {options} {kind} {blob}\n"

    def allow(self, *lines: str) -> None:
        (self.folder / "allowed_signers").write_text("".join(lines))

    def sign(self, value: Any, *, key: str = "ann", namespace: str = "evenkeel-uat", name: str = "uat.yml") -> None:
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
        (self.folder / f"{name}.sig").unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", str(self.folder / key), "-n", namespace, str(path)], check=True)

    def record(self, *, now: datetime = NOW, **more: Any) -> request.Planned:
        report = {"src": ["uat.yml"], "name": "uat", "component": "shop", "signature": "uat.yml.sig", "allowed_signers": "allowed_signers", **more}
        planned, faults = request.plan([report], Context(now, str(self.folder), manifest()))
        if faults:
            raise faults[0]
        return planned[0]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_signed_statement_is_evidence(desk: Desk) -> None:
    desk.sign(SAID)
    body = desk.record().body
    assert (body["kind"], body["verdict"], body["signer"], body["made_at"]) == ("uat", "passed", "ann@example.com", "2027-01-14T10:00:00+00:00")
    assert [one["format"] for one in body["files"]] == ["statement", "sshsig"]
    assert body["numbers"] == {"signed": True}


def test_the_one_who_asks_says_which_allowed_signers_count(desk: Desk) -> None:
    """Whoever records could name a file of their own: it is told apart by its digest."""
    desk.sign(SAID)
    planned = desk.record()
    made = {"id": "1", "kind": "evidence", "phase": "fact", "environment": "", "release": "", "subject": SHOP, "body": planned.body}
    ours = hashlib.sha256((desk.folder / "allowed_signers").read_bytes()).hexdigest()

    def verdict(entry: dict[str, Any], **settings: Any) -> str:
        return str(standing([entry], manifest(), NOW, settings)["uat"]["all"]["verdict"])

    assert verdict(made) == verdict(made, signers=[WEB, ours]) == "passed"
    assert verdict(made, signers=[WEB]) == "errored"
    by_hand = {**made, "body": {key: value for key, value in planned.body.items() if key != "allowed_signers"}}
    assert verdict(by_hand, signers=[ours]) == "errored"


def test_a_penetration_test_brings_its_findings(desk: Desk) -> None:
    desk.sign(PENTEST, namespace="evenkeel-penetration-test")
    body = desk.record().body
    assert body["numbers"] == {"critical": 0, "high": 1, "medium": 2, "low": 0, "signed": True}
    assert body["tool"] == {"name": "Red Ltd", "version": None}


def refused(desk: Desk, *words: str, **more: Any) -> None:
    with pytest.raises(EvidenceError) as caught:
        desk.record(**more)
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


def test_edited_after_signing(desk: Desk) -> None:
    desk.sign({**SAID, "verdict": "failed"})
    path = desk.folder / "uat.yml"
    path.write_text(path.read_text().replace("failed", "passed"))
    refused(desk, "a signature that does not hold for ann@example.com", "sign it again")


def test_signed_by_another_key(desk: Desk) -> None:
    desk.sign(SAID, key="eve")
    refused(desk, "does not hold for ann@example.com")


def test_signed_by_another_who_is_allowed_too(desk: Desk) -> None:
    desk.allow(desk.line("ann@example.com", "", "ann"), desk.line("eve@example.com", "", "eve"))
    desk.sign(SAID, key="eve")
    refused(desk, "does not hold for ann@example.com")


def test_in_the_name_of_another(desk: Desk) -> None:
    """Ann may sign, and so may Bob; but Ann must not sign as Bob."""
    desk.allow(desk.line("ann@example.com", "", "ann"), desk.line("bob@example.com", "", "eve"))
    desk.sign({**SAID, "signer": "bob@example.com"}, key="ann")
    refused(desk, "does not hold for bob@example.com")


def test_signed_for_another_purpose(desk: Desk) -> None:
    desk.sign(SAID, namespace="evenkeel-artifact")
    refused(desk, "in the namespace evenkeel-uat")


def test_a_signer_who_is_not_allowed_for_that_kind(desk: Desk) -> None:
    desk.allow(desk.line("ann@example.com", 'namespaces="evenkeel-uat"', "ann"))
    desk.sign(PENTEST, namespace="evenkeel-penetration-test")
    refused(desk, "in the namespace evenkeel-penetration-test")


def test_a_key_that_was_removed(desk: Desk) -> None:
    desk.sign(SAID)
    desk.allow(desk.line("eve@example.com", "", "eve"))
    refused(desk, "does not hold for ann@example.com")


def test_a_key_that_was_not_valid_yet(desk: Desk) -> None:
    desk.allow(desk.line("ann@example.com", 'valid-after="20270114120000Z"', "ann"))
    desk.sign(SAID)
    refused(desk, "at 2027-01-14T10:00:00+00:00")


def test_a_key_that_ran_out_can_not_date_back(desk: Desk) -> None:
    desk.allow(desk.line("ann@example.com", 'valid-before="20270115000000Z"', "ann"))
    desk.sign(SAID)
    refused(desk, "at 2027-01-15T12:00:00+00:00")
    assert desk.record(now=NOW - timedelta(hours=20)).body["verdict"] == "passed"


def test_of_another_artifact(desk: Desk) -> None:
    desk.sign({**SAID, "subject": {"sha256": WEB}})
    refused(desk, f"sha256 {WEB}", f"sha256 {SHOP}")


def test_from_the_future(desk: Desk) -> None:
    desk.sign({**SAID, "made_at": "2027-01-16T00:00:00Z"})
    refused(desk, "in the future")


def test_unsigned(desk: Desk) -> None:
    desk.sign(SAID)
    refused(desk, "signature", "counts only when it is signed", signature="", format="statement")
    refused(desk, "allowed_signers", allowed_signers="")
    refused(desk, "nothing", "a readable file", signature="absent.sig")


def test_a_signature_that_is_none(desk: Desk) -> None:
    desk.sign(SAID)
    (desk.folder / "uat.yml.sig").write_text("-----BEGIN SSH SIGNATURE-----\nnope\n-----END SSH SIGNATURE-----\n")
    refused(desk, "does not hold")


@pytest.mark.parametrize("signer", ["-oops", "ann example", "*", "ann;id", ""])
def test_a_signer_that_would_be_an_option_or_a_pattern(signer: str) -> None:
    with pytest.raises(EvidenceError, match="signer"):
        statement.read(file(yaml.safe_dump({**SAID, "signer": signer})), today=NOW.date())


BAD = {
    "all faults": ("kind: uat\nverdict: great\ncolour: red\n", ["colour", "the unknown key", "great", "subject", "signer"]),
    "no yaml": ("a: [", ["one YAML document"]),
    "aliases": ("a: &a [x, x]\nb: &b [*a, *a]\n", ["an anchor or alias"]),
    "twice": ("kind: uat\nkind: penetration_test\n", ["twice"]),
    "list": ("- a\n", ["a mapping"]),
    "pentest without findings": (yaml.safe_dump({**SAID, "kind": "penetration_test"}), ["findings"]),
    "bytes": (b"\xff\xfe", ["UTF-8"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_statements(name: str) -> None:
    content, words = BAD[name]
    with pytest.raises(EvidenceError) as caught:
        statement.read(file(content), today=NOW.date())
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
