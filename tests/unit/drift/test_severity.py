# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fnmatch

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.registry import KIND_OF
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import literal, matches
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS, by_severity, defaults, rated, severity
from hypothesis import given, settings
from hypothesis import strategies as st


def finding(path, kind="changed", before=("value",), **more):
    return {"path": path, "kind": kind, "before": dict.fromkeys(before, 1), "after": dict.fromkeys(before, 2), **more}


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("sudo:/etc/sudoers:ALL", "critical"),
        ("key:root:SHA256:x", "critical"),
        ("file:/home/a/.ssh/authorized_keys", "critical"),
        ("file:/usr/bin/login", "critical"),
        ("packaged:/usr/bin/login", "critical"),
        ("firewall:nft/filter/input/1", "critical"),
        ("config:sshd_config:PermitRootLogin", "critical"),
        ("config:/etc/ssh/sshd_config.d/x.conf:PermitRootLogin", "critical"),
        ("sysctl:net.ipv4.conf.all.rp_filter", "high"),
        ("sysctl:kernel.kptr_restrict", "high"),
        ("sysctl:vm.swappiness", "medium"),
        ("cron:/etc/crontab:x", "high"),
        ("config:shop.ini:server.port", "high"),
        ("file:/etc/shop/x", "high"),
        ("file:/srv/shop/x", "medium"),
        ("file:/etc/shop/README.md", "cosmetic"),
        ("file:/srv/x.bak", "low"),
        ("file:/var/cache/x", "cosmetic"),
        ("collector:files", "high"),
        ("something:else", "medium"),
    ],
)
def test_defaults(path, level):
    assert severity(finding(path)) == level


def test_a_mode_counts_more_than_content_only_when_nothing_else_differs():
    assert severity(finding("file:/srv/x", before=("mode", "owner"))) == "high"
    assert severity(finding("file:/srv/x", before=("mode", "sha256"))) == "medium"
    assert severity(finding("file:/srv/x", "added", before=("mode",))) == "medium"


def test_the_first_rule_wins_and_own_rules_come_first():
    rules = [
        {"match": ["file:/srv/*"], "kinds": ["added"], "severity": "critical", "reason": "nothing may appear here"},
        {"match": "file:/**", "severity": "cosmetic"},
        {"match": "file:/**", "severity": "high"},
    ]
    assert rated(finding("file:/srv/x", "added"), rules)["severity_reason"] == "nothing may appear here"
    assert [severity(finding(path), rules) for path in ("file:/srv/x", "file:/usr/bin/x", "sudo:x")] == ["cosmetic", "cosmetic", "critical"]


def test_a_rename_is_as_bad_as_its_worse_name_where_the_rules_say_so():
    assert severity(finding("file:/tmp/x", "renamed", **{"from": "file:/usr/bin/x"})) == "critical"
    assert severity(finding("file:/usr/bin/x", "renamed", **{"from": "file:/tmp/x"})) == "critical"


def test_defaults_are_whole():
    for rule in defaults():
        assert rule["severity"] in LEVELS
        assert set(rule) <= {"match", "severity", "reason", "kinds", "attributes"}
    kinds = [kind for kind in KIND_OF if kind != "file"]
    assert [kind for kind in kinds if not any(matches(each, f"{kind}:x/y") for rule in defaults() for each in _list(rule["match"]))] == []


def _list(value):
    return [value] if isinstance(value, str) else value


def test_counts_name_every_level():
    assert by_severity([rated(finding("sudo:x"))]) == {"critical": 1, "high": 0, "medium": 0, "low": 0, "cosmetic": 0}


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("file:/etc/*", "file:/etc/a", True),
        ("file:/etc/*", "file:/etc/a/b", False),
        ("file:/etc/**", "file:/etc/a/b", True),
        ("file:/etc/**/b", "file:/etc/b", True),
        ("file:/etc/**/b", "file:/etc/a/c/b", True),
        ("file:/etc/**/b", "file:/etc/ab", False),
        ("config:shop.ini:*", "config:shop.ini:server.port", True),
        ("file:/a?c", "file:/abc", True),
        ("file:/a?c", "file:/a/c", False),
        ("file:/[ab]", "file:/b", True),
        ("file:/[!ab]", "file:/b", False),
        ("file:/[!ab]", "file:/c", True),
        ("file:/x[!ab]y", "file:/x/y", False),
        ("file:/[a-c]", "file:/b", True),
        ("file:/[a-c]", "file:/d", False),
        ("file:/[c-a]", "file:/b", False),
        ("file:/[^-]", "file:/^", True),
        ("file:/[a-]", "file:/-", True),
        ("file:/[]]", "file:/]", True),
        ("file:/[*]", "file:/*", True),
        ("file:/{a,b*}/x", "file:/bc/x", True),
        ("file:/{a,b}/x", "file:/c/x", False),
        ("file:/a.c", "file:/abc", False),
        ("file:/a\\\\b", "file:/a\\\\b", True),
        ("file:/a[", "file:/a[", True),
        ("*", "package:deb/x", False),
        ("**", "package:deb/x", True),
    ],
)
def test_patterns(pattern, path, fits):
    assert matches(pattern, path) is fits


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_literal_matches_itself_alone(path, other):
    assert matches(literal(path), path)
    assert matches(literal(path), other) is (path == other)


@settings(max_examples=300)
@given(st.text(alphabet="[]!^-\\&~|*?az", max_size=8), st.text(alphabet="[]!^-\\&~|az", max_size=5))
def test_within_a_folder_it_is_what_the_shell_takes_it_for(pattern, path):
    assert matches(pattern, path) is fnmatch.fnmatchcase(path, pattern)


@given(st.text(alphabet="[]!^-\\&~|*?{},a/", max_size=12), st.text(max_size=8))
def test_any_text_is_a_pattern(pattern, path):
    matches(pattern, path)
