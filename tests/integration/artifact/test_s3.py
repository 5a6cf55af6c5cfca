# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts of a real S3 server that checks signatures; curl wrote them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials

from .conftest import digest
from .seaweedfs import ACCESS_KEY, REGION, S3, SECRET_KEY

GIVEN = Credentials(access_key=ACCESS_KEY, secret_key=SECRET_KEY)


@pytest.fixture(scope="module")
def s3():
    server = S3()
    yield server
    server.stop()


@pytest.fixture
def shop(tmp_path, content):
    path = tmp_path / "shop"
    path.write_bytes(content)
    return path


def access(s3):
    return {"endpoint": s3.endpoint, "region": REGION}


@pytest.mark.parametrize("key", ["shop-1.0.0.tar.gz", "a/b c+d/shop~1.0=é.tar.gz"])
def test_objects(s3, shop, content, fetching, key):
    found = fetching(s3.put(key, shop), digest(content), credentials=GIVEN, access=access(s3))
    assert found.path.read_bytes() == content


@pytest.mark.parametrize(
    "credentials", [Credentials(), Credentials(access_key=ACCESS_KEY, secret_key="another-one"), Credentials(access_key="AKIAX", secret_key=SECRET_KEY)]
)
def test_without_the_right_keys(s3, shop, content, fetching, credentials):
    source = s3.put("private.tar.gz", shop)
    with pytest.raises(ArtifactError, match="answered 403 Forbidden"):
        fetching(source, digest(content), credentials=credentials, access=access(s3))


def test_other_bytes(s3, shop, content, fetching):
    source = s3.put("other.tar.gz", shop)
    with pytest.raises(ClashError, match=f"{digest(content)}.*pins {digest(b'x')}"):
        fetching(source, digest(b"x"), credentials=GIVEN, access=access(s3))


def test_a_download_is_gone_on_with(s3, shop, content, fetching):
    """Each connection is signed anew."""
    source = s3.put("half.tar.gz", shop)
    with pytest.raises(ArtifactError, match="has 700000 bytes, allowed: 600000"):
        fetching(source, digest(content), credentials=GIVEN, access=access(s3), most=600_000)
    fetching.cache.prepare()
    part = fetching.cache.part(digest(content))
    part.write_bytes(content[:300_000])
    url = f"{s3.endpoint}/releases/half.tar.gz"
    etag = next(line.split(": ", 1)[1] for line in s3.curl("-I", url).splitlines() if line.lower().startswith("etag:"))
    part.with_name(f"{part.name}.json").write_text(json.dumps({"url": url, "etag": etag}))
    got = fetching(source, digest(content), credentials=GIVEN, access=access(s3))
    assert (got.resumed, got.path.read_bytes()) == (300_000, content)


def test_a_bucket_that_is_not_there(s3, content, fetching):
    with pytest.raises(ArtifactError, match="answered 404"):
        fetching("s3://nowhere/x.tar.gz", digest(content), credentials=GIVEN, access=access(s3))
