# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals that count, with real keys and ssh-keygen."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import statement, subject
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.tell import tell
from ansible_collections.evenkeel.release.tests.unit.approval.kit import APPROVALS, ENVIRONMENT, MANIFEST, NOW, about, run, said


def test_two_people_in_two_seats_approve(place):
    what = about()
    place.approve(what, "ann")
    first = place.ask(what)
    assert (first["verdict"], first["approvals"]["approvers"]) == ("failed", ["ann"])
    place.approve(what, "bob")
    answer = place.ask(what)
    assert answer["verdict"] == "passed", tell(what, answer)
    assert answer["approvals"]["approvers"] == ["ann", "bob"]
    assert answer["approvals"]["until"] == statement.stamp(NOW + timedelta(days=2))
    assert answer["duties"]["duties"] == {"approver": ["ann", "bob"], "author": ["eve"], "deployer": ["dave"], "requester": [], "verifier": []}


def test_an_auditor_verifies_by_hand(place):
    """The documented command, without any of our code."""
    what = about()
    path = place.approve(what, "ann")
    argv = ["ssh-keygen", "-Y", "verify", "-f", place.trust / "allowed_signers", "-I", "ann@example.com", "-n", "evenkeel-approval", "-s", f"{path}.sig"]
    assert b'Good "evenkeel-approval" signature for ann@example.com' in run(*argv, data=path.read_bytes())


def test_a_group_that_is_required_needs_a_person_of_its_own(place):
    """Ann is in both groups, and fills one seat only."""
    what = about()
    place.approvals["rules"][0].update(people=2, groups={"dba": 1, "release": 1})
    place.write()
    place.approve(what, "ann")
    answer = place.ask(what)
    assert answer["verdict"] == "failed"
    assert len(answer["approvals"]["rules"][0]["missing"]) == 1
    place.approve(what, "cleo")
    assert place.ask(what)["verdict"] == "passed"


def test_two_keys_of_one_person_count_once(place):
    what = about()
    place.lines["token"] = f"bob@token {place.key('token')}"
    place.write()
    place.approve(what, "bob")
    place.approve(what, "bob", key="token", ending=".mandate")
    answer = place.ask(what)
    assert (answer["verdict"], answer["approvals"]["approvers"]) == ("failed", ["bob"])


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (
            {"release": {**MANIFEST, "components": {"shop": {**MANIFEST["components"]["shop"], "sha256": "00" * 32}}}},
            "release: components.shop.sha256, manifest",
        ),
        ({"release": {**MANIFEST, "summary": "another"}}, "release: manifest"),
        ({"hosts": ["web1", "web2", "web3"]}, "targets: hosts"),
        ({"environment": {**ENVIRONMENT, "quota": {"cpu": 1}}}, "targets: environment"),
        ({"batches": [["web1", "web2"]]}, "plan: batches"),
        ({"plan": {"services": []}}, "plan: services.shop, whole"),
        ({"policies": {"promotion": "00" * 32}}, "policies: promotion"),
        ({"policies": {}}, "policies: promotion"),
        ({"playbook": {"collection": "00" * 32, "version": "0.1.0"}}, "playbook: collection"),
        ({"variables": {"web1": {"shop_port": "00" * 32}}}, "variables: hosts.web1.shop_port"),
        ({"unbound": ["shop_password"]}, "variables: unbound"),
        ({"act": "deploy"}, "act (promote then, deploy now)"),
    ],
)
def test_any_change_voids_and_the_refusal_says_which(place, change, part):
    before, now = about(), about(**change)
    place.approve(before, "ann")
    place.approve(before, "bob")
    (place.folder / subject.digest(before) / "request.json").write_text(json.dumps(before))
    answer = place.ask(now)
    assert answer["verdict"] == "failed"
    assert answer["approvals"]["changed"] == [part]
    assert part in tell(now, answer)


def test_an_automatic_rule_is_told_and_is_no_person(place):
    low = {"name": "low-risk", "applies_to": {"risks": ["low"]}, "automatic": True, "reason": "Low risk goes by itself."}
    place.approvals["rules"] = [{**APPROVALS["rules"][0], "applies_to": {"risks": ["moderate", "high"]}}, low]
    place.write()
    answer = place.ask(about(), risk="low")
    assert answer["verdict"] == "passed"
    assert (answer["approvals"]["automatic"], answer["approvals"]["approvers"]) == (["policy:low-risk"], [])
    assert place.ask(about(), risk="high")["verdict"] == "failed"
    unknown = place.ask(about(), risk=None)
    assert unknown["verdict"] == "errored"
    assert "the risk is None" in tell(about(), unknown)


def test_automatic_never_takes_the_place_of_a_person(place):
    place.approvals["rules"].append({"name": "low-risk", "applies_to": {"risks": ["low"]}, "automatic": True, "reason": "By itself."})
    place.write()
    assert place.ask(about(), risk="low")["verdict"] == "failed"


def test_what_no_rule_speaks_of_is_denied(place):
    place.approvals["rules"][0]["applies_to"] = {"tiers": ["staging"]}
    place.write()
    answer = place.ask(about())
    assert answer["verdict"] == "failed"
    assert "no rule of approvals.yml says who approves the act promote in production" in tell(about(), answer)


def test_the_environment_may_ask_for_more_people(place):
    what = about(environment={**ENVIRONMENT, "required_approvals": 3})
    for name in ("ann", "bob"):
        place.approve(what, name)
    answer = place.ask(what, environment={**ENVIRONMENT, "required_approvals": 3})
    assert answer["approvals"]["rules"][-1]["missing"] == [{"group": "anybody", "could": ["cleo"]}]
    assert place.ask(what)["verdict"] == "passed"


def test_a_delegate_stands_in_one_seat(place):
    what = about()
    place.approve(what, "ann")
    place.approve(what, "dave", mandate="bob")
    deployer = {"name": "robot", "source": "awx"}
    place.duties["rules"] = []
    place.write()
    lacking = place.ask(what, deployer=deployer)
    assert lacking["verdict"] == "failed"
    assert "bob delegated nothing to dave" in tell(what, lacking)
    place.delegate("bob", "dave")
    answer = place.ask(what, deployer=deployer)
    assert answer["verdict"] == "passed", tell(what, answer)
    assert [(one["approver"], one["mandate"]) for one in answer["approvals"]["counted"]] == [("ann", ""), ("dave", "bob")]


def test_certificates_and_tokens_by_principal(place):
    """A certificate of an authority that allowed_signers trusts for named people."""
    what = about()
    place.key("ca"), place.key("laptop")
    run("ssh-keygen", "-q", "-s", place.keys / "ca", "-I", "cleo laptop", "-n", "cleo@example.com", "-V", "20260101:20270101", place.keys / "laptop.pub")
    place.lines["ca"] = f"cleo@example.com,dave@example.com cert-authority {place.key('ca')}"
    place.write()
    data = statement.write(said(what, "cleo"))
    signature = run("ssh-keygen", "-Y", "sign", "-q", "-f", place.keys / "laptop-cert.pub", "-n", "evenkeel-approval", data=data)
    place.lay("cleo.yml", data, signature, subject.digest(what))
    place.approve(what, "bob")
    assert place.ask(what)["verdict"] == "passed"
    late = place.ask(what, now=NOW + timedelta(days=400))
    assert late["approvals"]["approvers"] == []


def test_ecdsa_and_rsa_keys(place):
    what = about()
    for name, kind in (("ann", "ecdsa"), ("bob", "rsa")):
        place.lines[name] = f"{name}@example.com {place.key(f'{name}-{kind}', kind)}"
        place.approve(what, name, key=f"{name}-{kind}")
    place.write()
    assert place.ask(what)["verdict"] == "passed"


def test_awx_tells_who_with_a_key_of_its_own(place):
    what = about()
    place.approve(what, "ann")
    place.approve(what, "bob", key="awx", ending=".awx", namespace="evenkeel-attestation", via="awx", login="bob", job="41")
    answer = place.ask(what)
    assert answer["verdict"] == "passed", tell(what, answer)
    assert [one["how"] for one in answer["approvals"]["counted"]] == ["signature", "awx"]
    place.approvals["rules"][0]["identities"] = ["signature"]
    place.write()
    assert place.ask(what)["verdict"] == "failed"


def test_without_ssh_keygen_nothing_is_approved(place, monkeypatch):
    what = about()
    place.approve(what, "ann")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ApprovalError, match="ssh-keygen cannot be run"):
        place.ask(what)
    with pytest.raises(FileNotFoundError):
        subprocess.run(["ssh-keygen"], check=False)
