# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles are kept under their digest, for us alone."""

from __future__ import annotations

import hashlib
import stat

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._forensics import evidence

DATA = b"bundle"
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_a_bundle_is_kept_once_for_us_alone_and_a_damaged_one_gives_way(tmp_path):
    path = evidence.keep(tmp_path / "evidence", DATA, DIGEST)
    assert path == tmp_path / "evidence" / DIGEST[:2] / f"{DIGEST}.tar.gz"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert evidence.keep(tmp_path / "evidence", DATA, DIGEST) == path
    path.write_bytes(b"damaged")
    evidence.keep(tmp_path / "evidence", DATA, DIGEST)
    assert path.read_bytes() == DATA


def test_what_arrives_otherwise_is_refused(tmp_path):
    with pytest.raises(evidence.EvidenceError, match="arrived with the digest"):
        evidence.keep(tmp_path / "evidence", b"other", DIGEST)
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize(
    ("secrets", "found"),
    [({"a": {"b": ["x", 7, None, True]}, "c": "x"}, ["x", "7"]), (["y", " "], ["y"]), ("z", ["z"]), (None, []), ({}, [])],
)
def test_values_of_any_depth_are_secrets(secrets, found):
    assert evidence.values(secrets) == found
