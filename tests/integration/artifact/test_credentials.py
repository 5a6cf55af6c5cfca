# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials reach the host that they are for and nobody else, and no message shows them."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials

from .conftest import digest
from .server import Web

PATH = "/shop-1.0.0.tar.gz"
PASSWORD = "hunter22-not-to-be-seen"
BASIC = "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
GIVEN = Credentials(username="ada", password=PASSWORD)
SECRETS = ("authorization", "x-jfrog-art-api")


@pytest.fixture
def elsewhere():
    """Another port is another origin, as another host would be."""
    server = Web()
    yield server
    server.stop()


def test_basic_authentication(web, content, fetching):
    url = web.put(PATH, content, password=BASIC)
    with pytest.raises(ArtifactError, match=r"answered 401 Unauthorized. Give credentials"):
        fetching(url, digest(content))
    assert fetching(url, digest(content), credentials=GIVEN).size == len(content)


@pytest.mark.parametrize("credentials", [GIVEN, Credentials(token=PASSWORD), Credentials(headers={"X-JFrog-Art-Api": PASSWORD})])
def test_a_redirect_to_another_host_gets_none(web, elsewhere, content, fetching, credentials):
    web.put(PATH, b"", redirect=elsewhere.put("/storage", content))
    assert fetching(f"{web.url}{PATH}", digest(content), credentials=credentials).size == len(content)
    assert any(name in web.seen[0].headers for name in SECRETS)
    assert not any(name in elsewhere.seen[0].headers for name in SECRETS)


def test_nor_does_the_way_back(web, elsewhere, content, fetching):
    """What another host says must not make us show credentials anywhere."""
    web.put(PATH, b"", redirect=elsewhere.put("/bounce", b"", redirect=web.put("/admin", content)))
    fetching(f"{web.url}{PATH}", digest(content), credentials=GIVEN)
    assert "authorization" not in web.requests("/admin")[0].headers


def test_a_redirect_on_the_same_host_keeps_them(web, content, fetching):
    web.put(PATH, b"", redirect=web.put("/real", content, password=BASIC))
    assert fetching(f"{web.url}{PATH}", digest(content), credentials=GIVEN).size == len(content)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://ada:pw@127.0.0.1/x"])
def test_redirects_that_are_not_followed(web, content, fetching, target):
    web.put(PATH, b"", redirect=target)
    with pytest.raises(ArtifactError):
        fetching(f"{web.url}{PATH}", digest(content))


def test_a_circle_of_redirects_ends(web, content, fetching):
    web.put(PATH, b"", redirect=PATH)
    with pytest.raises(ArtifactError, match="more than 5 redirects"):
        fetching(f"{web.url}{PATH}", digest(content))
    assert len(web.seen) == 6


def test_a_signature_elsewhere_is_asked_for_without(web, elsewhere, content, fetching):
    url = web.put(PATH, content, password=BASIC)
    signature = elsewhere.put("/sig", b"x")
    fetching(url, digest(content), credentials=GIVEN, signatures=[("ssh", signature)])
    assert "authorization" not in elsewhere.seen[0].headers


@pytest.mark.parametrize("how", [{"statuses": [403]}, {"statuses": [404]}, {"cut": 10, "connections": 99, "ranges": False}, {}, {"redirect": "gopher://x"}])
def test_no_message_shows_a_secret(web, content, fetching, how):
    web.put(PATH, content, **how)
    with pytest.raises(ArtifactError) as caught:
        fetching(f"{web.url}{PATH}?X-Amz-Signature={PASSWORD}", digest(b"other"), credentials=GIVEN, retries=1)
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in str(caught.value.__cause__)
    assert BASIC not in str(caught.value)


def test_a_query_is_sent_and_not_kept(web, content, fetching):
    url = f"{web.put(PATH, content)}?X-Amz-Signature={PASSWORD}"
    found = fetching(url, digest(content))
    assert PASSWORD in web.seen[0].path
    assert PASSWORD not in str(found.as_dict())
    assert not any(PASSWORD in path.read_text() for path in (fetching.cache.root / "index").rglob("*.json"))
