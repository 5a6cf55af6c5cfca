# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform, choose, of_facts, of_mapping

LINUX = [
    {"os": "linux", "arch": "amd64", "id": "amd64"},
    {"os": "linux", "arch": "aarch64", "id": "arm64"},
    {"os": "linux", "arch": "arm", "variant": "v7", "id": "v7"},
]


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("Linux", "x86_64", "linux/amd64"),
        ("Linux", "aarch64", "linux/arm64"),
        ("Linux", "armv7l", "linux/arm/v7"),
        ("Linux", "i686", "linux/386"),
        ("Linux", "s390x", "linux/s390x"),
        ("FreeBSD", "amd64", "freebsd/amd64"),
        ("Darwin", "arm64", "darwin/arm64"),
    ],
)
def test_facts_become_the_names_that_registries_use(system, machine, expected):
    assert str(of_facts(system=system, machine=machine)) == expected


@pytest.mark.parametrize(("machine", "expected"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("armv7l", "v7")])
def test_the_variant_that_fits_is_chosen(machine, expected):
    assert choose(LINUX, of_facts(system="Linux", machine=machine))["id"] == expected


def test_a_variant_for_all_is_the_last_choice():
    variants = [{"id": "all"}, {"os": "linux", "arch": "any", "id": "linux"}, *LINUX]
    assert choose(variants, Platform("linux", "amd64"))["id"] == "amd64"
    assert choose(variants, Platform("linux", "s390x"))["id"] == "linux"
    assert choose(variants, Platform("freebsd", "amd64"))["id"] == "all"


def test_none_fits_and_the_error_says_what_there_is():
    with pytest.raises(ArtifactError, match=r"No variant .* fits linux/s390x; there are: linux/amd64, linux/arm/v7, linux/arm64"):
        choose(LINUX, Platform("linux", "s390x"))


def test_two_that_fit_alike_are_an_error():
    with pytest.raises(ArtifactError, match="More than one variant"):
        choose([*LINUX, {"os": "linux", "arch": "x86_64"}], Platform("linux", "amd64"))


def test_a_platform_is_no_path():
    with pytest.raises(ArtifactError, match=r"os is '\.\./x'"):
        of_mapping({"os": "../x"})
