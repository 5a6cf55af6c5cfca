# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
import threading
from datetime import date

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import clean
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache, Name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform

NAME = Name("shop", "1.0.0", Platform("linux", "amd64"))
ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def cache(tmp_path):
    made = Cache(tmp_path / "cache")
    made.prepare()
    return made


def put(cache, content, *, used=None):
    sha256 = hashlib.sha256(content).hexdigest()
    cache.part(sha256).write_bytes(content)
    path = cache.put(sha256)
    if used is not None:
        os.utime(path, (used, used))
    return sha256


def test_the_first_name_is_for_ever(cache):
    cache.claim(NAME, ONE, {"source": "here", "time": "then"})
    cache.claim(NAME, ONE, {"source": "there", "time": "now"})
    assert cache.seen(NAME)["source"] == "here"
    with pytest.raises(ClashError, match=f"shop 1.0.0 \\(linux/amd64\\) has SHA-256 {ONE}, seen from here at then; the release manifest now pins {TWO}"):
        cache.claim(NAME, TWO, {})
    cache.claim(NAME._replace(platform=Platform("linux", "arm64")), TWO, {})


def test_of_many_who_claim_at_once_one_wins(cache):
    lost = []

    def claim(sha256):
        try:
            cache.claim(NAME, sha256, {})
        except ClashError as exc:
            lost.append(exc)

    threads = [threading.Thread(target=claim, args=(f"{number:x}" * 64,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(lost) == 7


def test_an_index_that_was_damaged_is_an_error(cache):
    cache.claim(NAME, ONE, {})
    path = cache.root / "index/shop/1.0.0/linux-amd64.json"
    path.chmod(0o600)
    path.write_text("{")
    with pytest.raises(ArtifactError, match=r"cache index .* can't be read"):
        cache.check_claim(NAME, ONE)


def test_waiting_for_a_lock_has_an_end(cache):
    with (
        cache.lock(ONE, seconds=1),
        pytest.raises(ArtifactError, match="Another run has been loading"),
        cache.lock(ONE, seconds=0.1),
    ):
        pass
    with cache.lock(ONE, seconds=1):
        pass


def test_nobody_else_reads_the_cache(cache):
    sha256 = put(cache, b"x")
    assert [cache.object(sha256).stat().st_mode & 0o077, (cache.root / "objects").stat().st_mode & 0o077] == [0, 0]


def cleaned(cache, tmp_path, **options):
    (tmp_path / "releases").mkdir(exist_ok=True)
    return clean.run(cache, [], str(tmp_path / "releases"), **{"keep": 1, "before": 100.0, "today": date(2026, 1, 1), "check": False, **options})


def test_what_nobody_needs_goes_and_the_index_stays(cache, tmp_path):
    sha256, fresh = put(cache, b"old", used=50), put(cache, b"new", used=150)
    cache.keep_signature(sha256, "somewhere", b"signature")
    cache.claim(NAME, sha256, {})
    assert cleaned(cache, tmp_path)["removed"] == [sha256]
    assert [each.sha256 for each in cache.held()] == [fresh]
    assert list((cache.root / "signatures").iterdir()) == []
    with pytest.raises(ClashError):
        cache.claim(NAME, TWO, {})


def test_what_somebody_took_up_in_the_meantime_stays(cache, tmp_path, monkeypatch):
    sha256 = put(cache, b"old", used=50)
    held = cache.held()
    cache.touch(sha256)
    monkeypatch.setattr(cache, "held", lambda: held)
    done = cleaned(cache, tmp_path)
    assert (done["removed"], done["kept"]) == ([], 1)
    assert cache.object(sha256).exists()


def test_downloads_that_nobody_went_on_with(cache, tmp_path):
    for name, age in ((ONE, 50), (TWO, 150)):
        cache.part(name).write_bytes(b"half")
        os.utime(cache.part(name), (age, age))
    assert cleaned(cache, tmp_path)["removed_parts"] == [ONE]
    assert [path.name for path in (cache.root / "parts").iterdir()] == [TWO]


def test_a_manifest_with_a_fault_ends_it(cache, tmp_path):
    put(cache, b"old", used=50)
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases/1.0.0.yml").write_text(yaml.safe_dump({"version": "1.0.0"}))
    with pytest.raises(ArtifactError, match="Nothing was removed: what the releases need is not known"):
        cleaned(cache, tmp_path)
    assert len(cache.held()) == 1


def test_a_rollback_needs_at_least_one(cache, tmp_path):
    with pytest.raises(ArtifactError, match="keep is 0, allowed: 1 or more"):
        cleaned(cache, tmp_path, keep=0)
