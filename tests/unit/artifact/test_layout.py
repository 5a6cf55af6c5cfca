# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.layout import maven_path, sidecar_digest, url_of
from hypothesis import given
from hypothesis import strategies as st

ONE, TWO = "1" * 64, "2" * 64


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ({"layout": "nexus", "url": "https://n.example/", "name": "raw", "path": "a/b.tgz"}, "https://n.example/repository/raw/a/b.tgz"),
        ({"layout": "artifactory", "url": "https://a.example/artifactory", "name": "gen", "path": "b c.tgz"}, "https://a.example/artifactory/gen/b%20c.tgz"),
        ({"layout": "plain", "url": "https://p.example/files", "path": "x+1.tgz"}, "https://p.example/files/x%2B1.tgz"),
        (
            {"layout": "nexus", "url": "https://n.example", "name": "releases", "maven": "org.example.shop:web:1.1.0:dist@tar.gz"},
            "https://n.example/repository/releases/org/example/shop/web/1.1.0/web-1.1.0-dist.tar.gz",
        ),
    ],
)
def test_where_repositories_keep_a_file(repository, expected):
    assert url_of(repository) == expected


def test_a_jar_is_what_maven_means():
    assert maven_path("g:a:1") == "g/a/1/a-1.jar"


@pytest.mark.parametrize("coordinates", ["", "a:b", "../x:a:1", "g:a/b:1", "g:a:..", "g:a:1:c:d", "g:a:1@../x"])
def test_coordinates_that_are_none(coordinates):
    with pytest.raises(ArtifactError, match="Maven coordinates"):
        maven_path(coordinates)


@pytest.mark.parametrize("path", ["../../admin", "a/../b", "a/./b", "a\\b", "a\0b", "a\nb"])
def test_a_path_does_not_lead_out_of_the_repository(path):
    with pytest.raises(ArtifactError, match="leads out of the repository"):
        url_of({"layout": "plain", "url": "https://p.example", "path": path})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONE, ONE),
        (f"{ONE}\n", ONE),
        (f"{'A' * 64}\n", "a" * 64),
        (f"{ONE}  shop.tgz\n", ONE),
        (f"{ONE} *dist/shop.tgz\n", ONE),
        (f"SHA256 (shop.tgz) = {ONE}\n", ONE),
        (f"{TWO}  other.tgz\n{ONE}  shop.tgz\n", ONE),
        (f"{TWO}  other.tgz\n", None),
        ("<html>not found</html>", None),
        ("", None),
        ("1" * 40, None),
    ],
)
def test_checksum_files(text, expected):
    assert sidecar_digest(text, "shop.tgz") == expected


@given(st.text(max_size=200))
def test_a_checksum_file_may_hold_anything(text):
    found = sidecar_digest(text, "shop.tgz")
    assert found is None or len(found) == 64
