# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed requests, addresses of registries and buckets, and who gets credentials."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import download, http
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources import oci, s3
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials, check
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.locate import Access, known_name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.sigv4 import sign

DIGEST = "sha256:" + "a" * 64


def test_the_signature_of_the_example_in_the_documentation():
    """Amazon S3 API Reference, "Examples: Signature Calculations", GET Object."""
    made = sign(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        now=datetime(2013, 5, 24, tzinfo=timezone.utc),
        headers={"Range": "bytes=0-9"},
    )
    assert made["Authorization"].endswith("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    assert "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date" in made["Authorization"]


@pytest.mark.parametrize(
    ("source", "endpoint", "expected"),
    [
        ("s3://releases/shop/1.0/a.tgz", "", "https://releases.s3.eu-west-1.amazonaws.com/shop/1.0/a.tgz"),
        ("s3://releases/a+b%20c.tgz", "https://s3.example:9000/", "https://s3.example:9000/releases/a%2Bb%20c.tgz"),
    ],
)
def test_where_an_object_is(source, endpoint, expected):
    assert s3.url_of(source, endpoint=endpoint, region="eu-west-1") == expected


@pytest.mark.parametrize("source", ["s3://Releases/a", "s3://x/a", "s3://releases/", "s3://releases", "s3://re_leases/a"])
def test_no_objects(source):
    with pytest.raises(ArtifactError, match="is no S3 object"):
        s3.url_of(source, endpoint="", region="eu-west-1")


def test_an_object_key_does_not_climb():
    with pytest.raises(ArtifactError, match=r"holds a part \. or \.\."):
        s3.url_of("s3://releases/a/%2e%2e/b", endpoint="", region="eu-west-1")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("oci://r.example/shop:1.0", oci.Reference("https://r.example", "shop", "1.0")),
        ("oci+http://127.0.0.1:5000/team/shop:1.0#a%20b.tgz", oci.Reference("http://127.0.0.1:5000", "team/shop", "1.0", "", "a b.tgz")),
        (f"oci://r.example/shop@{DIGEST}", oci.Reference("https://r.example", "shop", "", DIGEST)),
        (f"oci://r.example/shop:1.0@{DIGEST}", oci.Reference("https://r.example", "shop", "1.0", DIGEST)),
    ],
)
def test_references(source, expected):
    assert oci.parse(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "oci://r.example/shop",
        "oci://r.example/Shop:1",
        "oci://r.example/.x:1",
        "oci://r.example/a//b:1",
        "oci://r.example/shop:-x",
        "oci://r.example/shop@sha256:12",
    ],
)
def test_no_references(source):
    with pytest.raises(ArtifactError, match="is no artifact of a registry"):
        oci.parse(source)


def test_a_file_of_an_artifact_is_picked_by_its_title():
    layers = [oci.Layer(DIGEST, 1, "a.tgz"), oci.Layer(DIGEST, 1, "../a.tgz.sig")]
    reference = oci.parse("oci://r.example/shop:1.0#a.tgz")
    assert oci.pick(layers, reference).title == "a.tgz"
    with pytest.raises(ArtifactError, match=r"holds 2 files, source asks for no title; there are: a\.tgz, \.\./a\.tgz\.sig"):
        oci.pick(layers, oci.parse("oci://r.example/shop:1.0"))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://h/x/shop-1.0.tgz?token=1", "shop-1.0.tgz"),
        ("https://h/x/", ""),
        ("/srv/shop.tgz", "shop.tgz"),
        ("oci://h/shop:1#shop.tgz", "shop.tgz"),
        ("oci://h/shop:1", ""),
        ("s3://bucket/a/shop.tgz", "shop.tgz"),
    ],
)
def test_the_name_that_a_source_tells(source, name):
    assert known_name(source) == name


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("https://h/other", True),
        ("https://h:443/other", True),
        ("https://h:8443/x", False),
        ("http://h/x", False),
        ("https://evil/x", False),
        ("https://h.evil/x", False),
        ("/a/path", False),
    ],
)
def test_credentials_are_for_one_host(source, given):
    access = Access(http.Client(timeout=1), credentials=Credentials(token="t"), home="https://h/shop.tgz")
    assert bool(access.for_source(source).token) is given


@pytest.mark.parametrize(
    ("credentials", "told"),
    [
        (Credentials(headers={"X-Token": "a\r\nHost: evil"}), "X-Token"),
        (Credentials(headers={"Host": "evil"}), "Host"),
        (Credentials(token="a\nb"), "token"),
        (Credentials(token="a", username="b"), "more than one"),
        (Credentials(access_key="a"), "access_key and secret_key"),
    ],
)
def test_credentials_that_are_refused(credentials, told):
    with pytest.raises(ArtifactError, match=told):
        check(credentials)


def test_credentials_do_not_print():
    assert "hunter22" not in repr(Credentials(username="ada", password="hunter22"))


def test_credentials_want_tls():
    with pytest.raises(ArtifactError, match="Credentials are not sent"):
        http.Client(timeout=1).open("http://192.0.2.1/x", secret={"Authorization": "Bearer x"})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Checksum-Sha256": "A" * 64}, ["a" * 64]),
        ({"Docker-Content-Digest": DIGEST}, ["a" * 64]),
        ({"x-amz-checksum-sha256": "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="}, ["aa" * 32]),
        ({"x-amz-checksum-sha256": "AAAA-3"}, []),
        ({"X-Checksum-Sha256": "none"}, []),
        ({}, []),
    ],
)
def test_what_servers_tell_of_the_content(headers, expected):
    assert [digest for _name, digest in download.told_digests(headers)] == expected
