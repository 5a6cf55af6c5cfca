# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures that come with an artifact from a repository, and what an attacker may try."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

from .conftest import digest

PATH = "/shop-1.0.0.tar.gz"


class Signer:
    """By ssh-keygen."""

    def __init__(self, folder):
        folder.mkdir()
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True, timeout=30)

    @property
    def public(self):
        return {"kind": "ssh", "key": self.key.with_suffix(".pub").read_text()}

    def sign(self, content: bytes) -> bytes:
        argv = ["ssh-keygen", "-Y", "sign", "-q", "-f", self.key, "-n", "evenkeel-artifact"]
        return subprocess.run(argv, input=content, check=True, capture_output=True, timeout=30).stdout


@pytest.fixture
def signer(tmp_path):
    return Signer(tmp_path / "signer")


def demand(signer, **change):
    return {"keys": {"build": {**signer.public, **change}}, "rules": [{"name": "own", "components": ["shop"], "signatures": [{"keys": ["build"]}]}]}


def put(web, content, signature):
    return web.put(PATH, content), [("ssh", web.put(f"{PATH}.sig", signature))]


def test_signed(web, content, fetching, signer):
    url, signatures = put(web, content, signer.sign(content))
    found = fetching(url, digest(content), document=demand(signer), signatures=signatures)
    assert [(each.key, each.verdict) for each in found.signatures] == [("build", "passed")]


def test_without_a_signature_nothing_is_asked_for(web, content, fetching, signer):
    with pytest.raises(ArtifactError, match=r"is not signed as the rule own .* demands: 1 of build. Signatures: none came with it"):
        fetching(web.put(PATH, content), digest(content), document=demand(signer))
    assert web.seen == []


def test_by_a_stranger(web, content, fetching, signer, tmp_path):
    url, signatures = put(web, content, Signer(tmp_path / "stranger").sign(content))
    with pytest.raises(ArtifactError, match="it is of another key"):
        fetching(url, digest(content), document=demand(signer), signatures=signatures)
    assert fetching.cache.held() == []
    assert not fetching.cache.part(digest(content)).exists()


def test_over_other_bytes(web, content, fetching, signer):
    """The manifest's digest was changed along with the artifact; the signature can't be."""
    url, signatures = put(web, content, signer.sign(b"what was tested"))
    with pytest.raises(ArtifactError, match="it does not fit the content"):
        fetching(url, digest(content), document=demand(signer), signatures=signatures)
    assert fetching.cache.held() == []


def test_a_key_that_was_revoked_since_ends_the_trust_in_the_cache(web, content, fetching, signer):
    url, signatures = put(web, content, signer.sign(content))
    fetching(url, digest(content), document=demand(signer), signatures=signatures)
    with pytest.raises(ArtifactError, match="build, revoked: laptop stolen"):
        fetching(url, digest(content), document=demand(signer, revoked="laptop stolen"), signatures=signatures)


def test_a_rollback_while_the_repository_is_away(web, content, fetching, signer):
    url, signatures = put(web, content, signer.sign(content))
    fetching(url, digest(content), document=demand(signer), signatures=signatures)
    web.stop()
    assert fetching(url, digest(content), document=demand(signer), signatures=signatures).cached is True


def test_what_one_component_may_another_may_not(web, content, fetching, signer):
    """Bytes that were let in unsigned for one component are not there for one that wants a signature."""
    document = demand(signer)
    document["rules"].append({"name": "vendor", "components": ["tool"], "unsigned": "a test"})
    url = web.put(PATH, content)
    fetching(url, digest(content), document=document, component="tool")
    with pytest.raises(ArtifactError, match="is not signed"):
        fetching(url, digest(content), document=document, component="shop")


def test_a_signature_that_is_too_large(web, content, fetching, signer):
    url, signatures = put(web, content, b"x" * (1 << 21))
    with pytest.raises(ArtifactError, match="answered with more than 1048576 bytes"):
        fetching(url, digest(content), document=demand(signer), signatures=signatures)
