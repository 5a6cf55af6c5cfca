# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts are let in: rules, keys, and signatures that count."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.address import matches
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.policy import check_name, check_source, load, rule_for
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject

from . import tools

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
UNSIGNED = {"rules": [{"name": "all", "components": ["*"], "unsigned": "a test"}]}


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    return tools.Ssh(tmp_path_factory.mktemp("keys") / "ssh")


@pytest.fixture(scope="module")
def minisign():
    return tools.Minisign()


@pytest.fixture(scope="module")
def keys(ssh, minisign):
    return {"build": {"kind": "ssh", "key": ssh.public().text}, "security": {"kind": "minisign", "key": minisign.public().text}}


def policy(keys, *demands, now=NOW, **rule):
    return load({"keys": keys, "rules": [{"name": "own", "components": ["shop"], "signatures": list(demands), **rule}]}, now=now)


def judged(made, artifact, *given):
    checked = judge.check_all(Subject(artifact), [judge.Given(kind, content) for kind, content in given], made)
    judge.require(made.rules[0], checked, "shop 1.0.0")
    return checked


def test_the_first_rule_that_names_the_component_counts_and_none_is_a_refusal():
    rules = [{"name": "one", "components": ["shop"], "unsigned": "x"}, {"name": "two", "components": ["shop-*", "s?op"], "unsigned": "x"}]
    made = load({"rules": rules}, now=NOW)
    assert [rule_for(made, name).name for name in ("shop", "shop-api", "stop")] == ["one", "two", "two"]
    with pytest.raises(ArtifactError, match="no rule for the component 'bank', so it is refused; its rules are one, two"):
        rule_for(made, "bank")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "rules"),
        ({"rules": []}, "rules"),
        ({"rules": [{"name": "a", "components": ["x"]}]}, "signatures"),
        ({"rules": [{"name": "a", "components": ["x"], "unsigned": "x", "signatures": [{"kinds": ["ssh"]}]}]}, "rules"),
        ({"rules": [{"name": "a", "components": ["x"], "signatures": [{}]}]}, "signatures"),
        ({"rules": [{"name": "a", "components": ["x"], "signatures": [{"keys": ["nobody"]}]}]}, "the unknown key nobody"),
        ({"rules": [{"name": "a", "components": ["x"], "signatures": [{"kinds": ["gpg"]}]}]}, "0 keys that count"),
        ({"rules": [{"name": "a", "components": ["x"], "unsigned": "x", "file_name": "("}]}, "a regular expression"),
        ({"rules": [{"name": "a", "components": ["x"], "unsigned": "x", "filename": "y"}]}, "unknown key filename"),
        ({"keys": {"k": {"kind": "ssh", "key": "nonsense"}}, **UNSIGNED}, "an SSH public key"),
        ({"keys": {"k": {"kind": "pgp", "key": "x"}}, **UNSIGNED}, "ssh, minisign, ed25519, cosign, gpg"),
        ({"keys": {"k": {"kind": "minisign", "key": "x", "namespace": "y"}}, **UNSIGNED}, "namespace of a key of kind ssh alone"),
    ],
)
def test_a_policy_that_can_not_be_used(document, told):
    with pytest.raises(ArtifactError, match="The artifact policy can't be used") as caught:
        load(document, now=NOW)
    assert told in str(caught.value)


def test_one_key_under_two_names_is_a_fault(keys):
    """It would count as two signers, and stay trusted under one when the other is revoked."""
    with pytest.raises(ArtifactError, match="the key of build again"):
        load({"keys": {**keys, "twin": keys["build"]}, **UNSIGNED}, now=NOW)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("shop-1.0+1-linux-amd64.tar.gz", True),
        ("shop-1.0+1.tar.gz", True),
        ("shop-1.0+1Xtar.gz", False),
        ("shop-1x0+1.tar.gz", False),
        ("shop-1.0+2.tar.gz", False),
        ("evil-1.0+1.tar.gz", False),
        ("shop-1.0+1.tar.gz.exe", False),
        ("", False),
    ],
)
def test_the_naming_rule(name, good):
    """What stands for a version stands for itself, not for a pattern."""
    rule = load({"rules": [{**UNSIGNED["rules"][0], "file_name": r"{component}-{version}(-{os}-{arch})?\.tar\.gz"}]}, now=NOW).rules[0]
    if good:
        check_name(rule, name, component="shop", version="1.0+1", platform=Platform("linux", "amd64"))
    else:
        with pytest.raises(ArtifactError, match="The artifact's file is named"):
            check_name(rule, name, component="shop", version="1.0+1", platform=Platform("linux", "amd64"))


def test_sources():
    rule = load({"rules": [{**UNSIGNED["rules"][0], "sources": ["https://a.example/*", "s3://releases/*"]}]}, now=NOW).rules[0]
    check_source(rule, "https://a.example/x/y.tgz")
    for source in ("https://a.example.evil/x", "http://a.example/x", "s3://other/x", "/tmp/x"):
        with pytest.raises(ArtifactError, match="must not come from"):
            check_source(rule, source)


@pytest.mark.parametrize(
    ("pattern", "source", "good"),
    [
        ("https://*.example.com/*", "https://a.example.com/x/y", True),
        ("https://*.example.com/*", "https://A.Example.com/x/y", True),
        ("https://*.example.com/*", "https://evil/a.example.com/x", False),
        ("https://a.example.com/*", "https://a.example.com:8443/x", False),
        ("*://a.example.com/*", "https://a.example.com/x", True),
        ("oci://r.example/team/*", "oci://r.example/team/shop:1.0", True),
        ("/srv/artifacts/*", "/srv/artifacts/shop.tgz", True),
        ("/srv/artifacts/*", "https://evil/srv/artifacts/x", False),
        ("https://evil/*", "/srv/artifacts/x", False),
    ],
)
def test_a_star_in_the_host_does_not_reach_into_the_path(pattern, source, good):
    assert matches(source, pattern) is good


def test_a_good_signature(keys, ssh, artifact):
    (checked,) = judged(policy(keys, {"keys": ["build"]}), artifact, ("ssh", ssh.sign(artifact)))
    assert (checked.key, checked.verdict, checked.kind) == ("build", "passed", "ssh")
    assert checked.key_id.startswith("SHA256:")


def test_every_demand_must_be_met(keys, ssh, minisign, artifact):
    made = policy(keys, {"keys": ["build"]}, {"kinds": ["minisign"]})
    with pytest.raises(ArtifactError, match="own of the artifact policy demands: 1 of security"):
        judged(made, artifact, ("ssh", ssh.sign(artifact)))
    judged(made, artifact, ("ssh", ssh.sign(artifact)), ("minisign", minisign.sign(artifact)))


def test_one_key_that_signs_twice_is_one_signer(keys, ssh, minisign, artifact):
    made = policy(keys, {"keys": ["build", "security"], "at_least": 2})
    with pytest.raises(ArtifactError, match="2 of build, security"):
        judged(made, artifact, ("ssh", ssh.sign(artifact)), ("ssh", ssh.sign(artifact, hashed="sha256")))
    judged(made, artifact, ("ssh", ssh.sign(artifact)), ("minisign", minisign.sign(artifact)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"revoked": "laptop stolen"}, "build, revoked: laptop stolen"),
        ({"valid_until": "2026-06-01T00:00:00Z"}, "build, not trusted since 2026-06-01T00:00:00Z"),
        ({"valid_from": "2026-06-01T00:00:01Z"}, "build, not trusted before"),
    ],
)
def test_a_key_that_is_not_trusted_today(keys, ssh, artifact, change, told):
    changed = {**keys, "build": {**keys["build"], **change}}
    with pytest.raises(ArtifactError) as caught:
        judged(policy(changed, {"keys": ["build"]}), artifact, ("ssh", ssh.sign(artifact)))
    assert told in str(caught.value)


def test_no_signature_an_unknown_key_and_other_bytes(tmp_path, keys, ssh, artifact, other):
    made = policy(keys, {"keys": ["build"]})
    stranger = tools.Ssh(tmp_path / "stranger")
    for given, told in (
        ((), "none came with it"),
        ((("ssh", stranger.sign(artifact)),), "ssh: no trusted key, it is of another key"),
        ((("ssh", ssh.sign(other)),), "ssh: no trusted key, it does not fit the content"),
        ((("gpg", b"x"),), "the policy trusts no key of kind gpg"),
    ):
        with pytest.raises(ArtifactError, match="is not signed as the rule own") as caught:
            judged(made, artifact, *given)
        assert told in str(caught.value)


def test_signatures_of_strangers_do_no_harm_beside_a_good_one(tmp_path, keys, ssh, artifact):
    stranger = tools.Ssh(tmp_path / "stranger")
    checked = judged(policy(keys, {"keys": ["build"]}), artifact, ("ssh", stranger.sign(artifact)), ("ssh", ssh.sign(artifact)))
    assert [each.verdict for each in checked] == ["failed", "passed"]


def test_a_list_of_signatures_has_an_end(keys, artifact):
    with pytest.raises(ArtifactError, match="21 signatures, allowed: 20"):
        judged(policy(keys, {"keys": ["build"]}), artifact, *[("ssh", b"x")] * 21)
