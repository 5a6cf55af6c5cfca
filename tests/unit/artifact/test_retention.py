# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import retention
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Held
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from hypothesis import given
from hypothesis import strategies as st

RELEASES = [f"1.{number}.0" for number in range(6)]


def digest(release: str) -> str:
    return release.replace(".", "").rjust(64, "0")


MANIFESTS = {release: {"components": {"shop": {"sha256": digest(release)}}} for release in RELEASES}


def history(acts):
    """(kind, environment, release, verdict) as entries of a ledger; no verdict leaves the intent open."""
    entries = []
    for number, (kind, environment, release, verdict) in enumerate(acts):
        common = {"kind": kind, "environment": environment, "release": release, "subject": "shop", "time": f"2026-01-01T00:00:{number:02}Z"}
        actor = {"actor": {"name": "ada"}}
        entries.append({**common, **actor, "id": f"i{number}", "phase": "intent", "body": {}})
        if verdict:
            entries.append({**common, **actor, "id": f"o{number}", "phase": "outcome", "body": {"intent": f"i{number}", "verdict": verdict}})
    return entries


def test_what_runs_what_was_verified_and_what_is_under_way():
    acts = [("deployment", "prod", release, "passed") for release in RELEASES[:4]]
    acts += [("verification", "prod", "1.0.0", "passed"), ("deployment", "prod", "1.4.0", "failed"), ("deployment", "prod", "1.5.0", None)]
    assert retention.needed_releases(history(acts), keep=1) == {"prod": ["1.0.0", "1.3.0", "1.5.0"]}
    assert retention.needed_releases(history(acts), keep=2) == {"prod": ["1.0.0", "1.2.0", "1.3.0", "1.5.0"]}


def test_a_release_that_was_deployed_again_counts_from_then():
    acts = [("deployment", "prod", release, "passed") for release in ("1.0.0", "1.1.0", "1.2.0", "1.0.0")]
    assert retention.needed_releases(history(acts), keep=2) == {"prod": ["1.0.0", "1.2.0"]}


def test_every_variant_of_every_component_is_needed():
    manifest = {"components": {"a": {"sha256": "A" * 64}, "b": {"variants": [{"sha256": "b" * 64}, {"sha256": "c" * 64}]}}}
    assert retention.digests_of(manifest) == {"a" * 64, "b" * 64, "c" * 64}


def test_without_a_manifest_nothing_is_removed():
    with pytest.raises(ArtifactError, match=r"no manifest of 9\.9\.9, which prod may have to go back to"):
        retention.needed_digests({"prod": ["9.9.9"]}, MANIFESTS)


ACT = st.tuples(
    st.sampled_from(["deployment", "rollback", "verification"]),
    st.sampled_from(["staging", "prod"]),
    st.sampled_from(RELEASES),
    st.sampled_from(["passed", "failed", None]),
)


@given(acts=st.lists(ACT, max_size=20), keep=st.integers(1, 3), ages=st.lists(st.floats(0, 10), min_size=6, max_size=6))
def test_nothing_goes_that_a_rollback_needs(acts, keep, ages):
    """By a model of its own: the last `keep` distinct releases that passed, newest first, in each environment."""
    held = [Held(digest(release), 1, age) for release, age in zip(RELEASES, ages, strict=True)]
    releases = retention.needed_releases(history(acts), keep=keep)
    gone = {each.sha256 for each in retention.surplus(held, retention.needed_digests(releases, MANIFESTS), before=5)}
    for environment in ("staging", "prod"):
        for kinds in (("deployment", "rollback"), ("verification",)):
            passed = [release for kind, where, release, verdict in acts if kind in kinds and where == environment and verdict == "passed"]
            for release in list(dict.fromkeys(reversed(passed)))[:keep]:
                assert digest(release) not in gone
        for kind, where, release, verdict in acts:
            if kind != "verification" and where == environment and verdict is None:
                assert digest(release) not in gone
    assert all(each.used < 5 for each in held if each.sha256 in gone)
