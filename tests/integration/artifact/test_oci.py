# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts of a real registry, written by oras."""

from __future__ import annotations

import json
import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials

from .conftest import UNSIGNED, digest
from .registry import HTPASSWD, PASSWORD, USER, Registry, TokenServer

GIVEN = Credentials(username=USER, password=PASSWORD)


@pytest.fixture(scope="module")
def registry():
    server = Registry()
    yield server
    server.stop()


@pytest.fixture
def shop(tmp_path, content):
    path = tmp_path / "shop-1.0.0.tar.gz"
    path.write_bytes(content)
    return path


def test_by_tag_and_by_digest(registry, shop, content, fetching):
    manifest = registry.push("team/shop:1.0.0", shop)
    by_tag = fetching(f"oci+http://{registry.host}/team/shop:1.0.0", digest(content))
    assert by_tag.path.read_bytes() == content
    assert by_tag.resolved == f"oci://{registry.host}/team/shop:1.0.0@{manifest}"
    by_digest = fetching(f"oci+http://{registry.host}/team/shop@{manifest}", digest(content), version="1.0.0-again")
    assert by_digest.cached is True


def test_the_naming_rule_sees_the_title(registry, shop, content, fetching):
    registry.push("named:1", shop)
    document = {"rules": [{**UNSIGNED["rules"][0], "file_name": r"{component}-{version}\.tar\.gz"}]}
    assert fetching(f"oci+http://{registry.host}/named:1", digest(content), document=document).size == len(content)
    with pytest.raises(ArtifactError, match=r"named 'shop-1.0.0.tar.gz', the rule"):
        fetching(f"oci+http://{registry.host}/named:1", digest(content), document=document, version="2.0.0")


def test_files_beside_it_are_picked_by_title(registry, shop, content, fetching, tmp_path):
    """A signature travels in the same artifact."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", "evenkeel-artifact", shop], check=True, timeout=30, capture_output=True)
    registry.push("signed:1", shop, shop.with_name(f"{shop.name}.sig"))
    public = {"kind": "ssh", "key": key.with_suffix(".pub").read_text()}
    document = {"keys": {"build": public}, "rules": [{"name": "own", "components": ["shop"], "signatures": [{"keys": ["build"]}]}]}
    base = f"oci+http://{registry.host}/signed:1"
    with pytest.raises(ArtifactError, match=r"holds 2 files, source asks for no title; there are: shop-1.0.0.tar.gz, shop-1.0.0.tar.gz.sig"):
        fetching(base, digest(content))
    found = fetching(f"{base}#{shop.name}", digest(content), document=document, signatures=[("ssh", f"{base}#{shop.name}.sig")])
    assert found.signatures[0].verdict == "passed"


def test_another_layer_than_the_manifest_pins_is_not_loaded(registry, shop, content, fetching):
    registry.push("moved:1", shop)
    wanted = digest(b"what was tested")
    with pytest.raises(ClashError, match=f"holds sha256:{digest(content)}, the release manifest pins sha256:{wanted}. Nothing was loaded"):
        fetching(f"oci+http://{registry.host}/moved:1", wanted)


def test_a_tag_that_was_moved(registry, shop, content, fetching, tmp_path):
    """What was pinned stays what it is; the registry now offers something else."""
    registry.push("tags:1", shop)
    fetching(f"oci+http://{registry.host}/tags:1", digest(content))
    shop.write_bytes(b"something else")
    registry.push("tags:1", shop)
    fetching.cache.remove(digest(content))
    with pytest.raises(ClashError, match=f"holds sha256:{digest(b'something else')}"):
        fetching(f"oci+http://{registry.host}/tags:1", digest(content))


def test_the_platform_chooses_from_an_index(registry, tmp_path, fetching):
    made = {}
    for arch in ("amd64", "arm64"):
        path = tmp_path / arch / "tool"
        path.parent.mkdir()
        path.write_bytes(arch.encode() * 1000)
        registry.push(f"tool:1-{arch}", path)
        made["linux", arch] = f"1-{arch}"
    registry.push_index("tool", "1", made)
    for arch in ("amd64", "arm64"):
        found = fetching(f"oci+http://{registry.host}/tool:1", digest(arch.encode() * 1000), platform=Platform("linux", arch), component="tool")
        assert found.path.read_bytes() == arch.encode() * 1000
    with pytest.raises(ArtifactError, match=r"No variant of the artifact fits linux/s390x; there are: linux/amd64, linux/arm64"):
        fetching(f"oci+http://{registry.host}/tool:1", digest(b"x"), platform=Platform("linux", "s390x"), component="tool")


def test_what_is_not_there(registry, fetching):
    with pytest.raises(ArtifactError, match="answered 404 Not Found"):
        fetching(f"oci+http://{registry.host}/nothing:1", digest(b"x"))


def test_a_download_from_a_registry_is_gone_on_with(registry, shop, content, fetching):
    """The registry gives strong ETags and ranges for blobs."""
    registry.push("half:1", shop)
    source = f"oci+http://{registry.host}/half:1"
    url = f"http://{registry.host}/v2/half/blobs/sha256:{digest(content)}"
    fetching.cache.prepare()
    part = fetching.cache.part(digest(content))
    part.write_bytes(content[:400_000])
    tag = f'"sha256:{digest(content)}"'
    part.with_name(f"{part.name}.json").write_text(json.dumps({"url": url, "etag": tag}))
    got = fetching(source, digest(content))
    assert (got.resumed, got.path.read_bytes()) == (400_000, content)


# Who may read


def test_basic(tmp_path, shop, content, fetching):
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    server = Registry(htpasswd={"realm": "test", "path": str(tmp_path / "htpasswd")})
    try:
        source = f"oci+http://{server.host}/shop:1"
        with pytest.raises(ArtifactError, match=r"asks who is there \(basic\)"):
            fetching(source, digest(content))
        with pytest.raises(ArtifactError, match="answered 401"):
            fetching(source, digest(content), credentials=Credentials(username=USER, password="wrong-one"))
        with pytest.raises(ArtifactError, match="answered 404"):
            fetching(source, digest(content), credentials=GIVEN)
    finally:
        server.stop()


@pytest.fixture
def tokens(tmp_path):
    server = TokenServer(tmp_path)
    yield server
    server.stop()


def test_tokens(tmp_path, tokens, registry, shop, content, fetching):
    """Written without a password into the same folder, read with one."""
    registry.push("private:1", shop)
    server = Registry(**tokens.auth)
    try:
        (server.folder / "data").symlink_to(registry.folder / "data")
        source = f"oci+http://{server.host}/private:1"
        with pytest.raises(ArtifactError, match="/token answered 401"):
            fetching(source, digest(content))
        assert tokens.shown == [None]
        assert fetching(source, digest(content), credentials=GIVEN).path.read_bytes() == content
    finally:
        server.stop()


def test_a_registry_that_wants_the_password_sent_elsewhere(web, content, fetching):
    """Whoever owns the registry would otherwise collect it where he likes."""
    web.put("/v2/shop/manifests/1", b"", statuses=[401] * 9, challenge='Bearer realm="https://collector.example/token",service="x"')
    source = f"oci+{web.url}/shop:1"
    with pytest.raises(ArtifactError, match=r"wants the password sent to collector\.example\. It was not") as caught:
        fetching(source, digest(content), credentials=GIVEN)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", "not a JSON object"),
        (b"<html>", "not a JSON object"),
        (b'{"layers": 5}', "no list of layers"),
        (b'{"layers": [{"digest": "sha256:../../etc"}]}', "no SHA-256 digest"),
        (b'{"manifests": [{"digest": "x", "platform": 7}]}', "no SHA-256 digest"),
        (b'{"layers": []}', "holds 0 files"),
        (b"x" * 5_000_000, "more than 4194304 bytes"),
    ],
)
def test_manifests_that_are_none(web, fetching, body, told):
    web.put("/v2/shop/manifests/1", body)
    with pytest.raises(ArtifactError, match=told):
        fetching(f"oci+{web.url}/shop:1", digest(b"x"))


def test_a_manifest_of_another_digest_than_was_asked_for(web, fetching):
    asked = "sha256:" + "1" * 64
    web.put(f"/v2/shop/manifests/{asked}", b'{"layers": []}')
    with pytest.raises(ClashError, match=f"{asked} answered with the manifest sha256:"):
        fetching(f"oci+{web.url}/shop@{asked}", digest(b"x"))
