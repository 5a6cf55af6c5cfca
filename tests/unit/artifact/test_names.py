# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes a part of a path, and what a message may show."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, names
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache, Name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from hypothesis import given
from hypothesis import strategies as st

EVIL = ["", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", "x\0y", "a b", "-rf", "x\n", "%2e%2e/", "é", "a" * 101]


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("part", ["component", "version"])
def test_names_that_could_leave_the_cache_are_refused(part, text):
    with pytest.raises(ArtifactError, match=part):
        names.check(**{"component": "shop", "version": "1.0.0", part: text})


def test_all_faults_come_at_once():
    with pytest.raises(ArtifactError, match=r"component is '../a'.*version is 'b/c'"):
        names.check(component="../a", version="b/c")


@given(component=st.text(max_size=12), version=st.text(max_size=12))
def test_no_name_leads_out_of_the_index(component, version):
    root = Path("/cache")
    try:
        path = Cache(root)._index(Name(component, version, Platform()))
    except ArtifactError:
        return
    assert path == root / "index" / component / version / "any.json"
    assert ".." not in path.parts
    assert "/" not in component + version


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "0" * 63, "0" * 65, "../" + "0" * 61, "0" * 64 + "\n0"])
def test_a_digest_is_64_hexadecimal_digits(text):
    with pytest.raises(ArtifactError, match="64 hexadecimal digits"):
        names.digest(text)


def test_upper_case_is_the_same_digest():
    assert names.digest("AB" * 32) == "ab" * 32


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("ftp://host/x", "scheme 'ftp'"),
        ("https://ada:pw-1234@host/x", "holds a user or a password"),
        ("https://host/a b", "a space or a character"),
        ("https://host/a\r\nX-Evil: 1", "a space or a character"),
        ("https:///x", "names no host"),
        ("https://host:port/x", "its host or port is wrong"),
        ("javascript://host/x", "scheme 'javascript'"),
        ("https://host/allowed/../private/x", "holds a part . or .."),
        ("https://host/allowed/%2E%2e/private/x", "holds a part . or .."),
        ("https://host/allowed/..%2fprivate/x", "holds a part . or .."),
        ("https://host/allowed/x%5C..%5cprivate/x", "holds a part . or .."),
        ("file:///srv/../etc/x", "holds a part . or .."),
    ],
)
def test_addresses_that_are_refused(source, told):
    with pytest.raises(ArtifactError, match=told) as caught:
        address.parse(source)
    assert "pw-1234" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://u:secret@h/x", "https://h/x"),
        ("https://u@v:secret@h/x?X-Amz-Signature=secret#secret", "https://h/x"),
        ("https://h?sig=secret", "https://h"),
        ("s3://bucket/key?versionId=secret", "s3://bucket/key"),
        ("/plain/path", "/plain/path"),
    ],
)
def test_a_message_shows_neither_password_nor_query(source, shown):
    assert address.shown(source) == shown


@given(st.text(), st.text(alphabet="abcdef0123456789", min_size=8, max_size=8))
def test_shown_never_holds_the_password(text, secret):
    password = f"Pw{secret}"
    assert password not in address.shown(f"https://ada:{password}@host/{text}")
