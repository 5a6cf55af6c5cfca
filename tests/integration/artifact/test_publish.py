# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing once, into a folder and into a repository that takes PUT."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import download, fetch, http, policy, publish
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.locate import Access

from .conftest import NOW, digest

DOCUMENT = {"rules": [{"name": "own", "components": ["shop"], "unsigned": "a test", "file_name": r"{component}-{version}\.tar\.gz"}]}
GIVEN = Credentials(username="ada", password="not-a-secret")
BASIC = "Basic " + base64.b64encode(b"ada:not-a-secret").decode()


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop-1.0.0.tar.gz"
    path.write_bytes(b"tested")
    return path


def put(path, dest, *, check=False, credentials=None, signatures=(), document=DOCUMENT):
    access = Access(http.Client(timeout=5), credentials=credentials or Credentials(), home=str(dest))
    name = Name("shop", "1.0.0", Platform())
    wanted = fetch.Wanted(name, str(path), digest(path.read_bytes()), None, tuple(fetch.Signature(*each) for each in signatures))
    limits = download.Limits(most=1_000_000, backoff=0.01)
    return publish.Publisher(policy.load(document, now=NOW), access, limits, str(dest)).run(wanted, check=check)


def test_a_folder(shop, tmp_path):
    dest = tmp_path / "repository" / "shop"
    assert put(shop, dest, check=True) is True
    assert not dest.exists()
    assert put(shop, dest) is True
    assert (dest / shop.name).read_bytes() == b"tested"
    assert (dest / shop.name).stat().st_mode & 0o777 == 0o444
    assert put(shop, dest) is False
    before = digest(b"tested")
    shop.write_bytes(b"patched in secret")
    with pytest.raises(ClashError, match=f"is published with SHA-256 {before}, this file has {digest(b'patched in secret')}"):
        put(shop, dest)
    assert [path.name for path in dest.iterdir()] == [shop.name]
    assert (dest / shop.name).read_bytes() == b"tested"


@pytest.mark.parametrize("told", [True, False])
def test_a_repository(web, shop, told):
    """One that tells digests in a header, and one whose files have to be read."""
    path = f"/releases/{shop.name}"
    web.put(path, b"", password=BASIC)
    del web.files[path]
    if told:
        web.behaviours[path].headers["X-Checksum-Sha256"] = digest(b"tested")
    assert put(shop, f"{web.url}/releases/", credentials=GIVEN) is True
    assert web.files[path] == b"tested"
    assert put(shop, f"{web.url}/releases", credentials=GIVEN) is False
    shop.write_bytes(b"patched in secret")
    with pytest.raises(ClashError, match=digest(b"tested")) as caught:
        put(shop, f"{web.url}/releases", credentials=GIVEN)
    assert digest(b"patched in secret") in str(caught.value)
    assert web.files[path] == b"tested"


def test_a_repository_that_only_says_so(web, shop):
    web.put(f"/{shop.name}", b"", forget=True)
    del web.files[f"/{shop.name}"]
    with pytest.raises(ArtifactError, match=r"took the file \(answer 201\), yet it is not there"):
        put(shop, web.url)


def test_signatures_go_first(web, shop, tmp_path):
    signature = tmp_path / f"{shop.name}.sig"
    signature.write_bytes(b"a signature")
    put(shop, web.url, signatures=[("ssh", str(signature))])
    assert list(web.files) == [f"/{signature.name}", f"/{shop.name}"]


def test_what_nobody_could_fetch_is_not_published(shop, tmp_path, web):
    renamed = shop.rename(tmp_path / "shop.tar.gz")
    with pytest.raises(ArtifactError, match=r"named 'shop.tar.gz', the rule own"):
        put(renamed, web.url)
    assert web.seen == []


@pytest.mark.parametrize("dest", ["oci://127.0.0.1/x", "s3://bucket/x"])
def test_where_nothing_can_be_published(shop, dest):
    with pytest.raises(ArtifactError, match="can't be published to"):
        put(shop, dest)
