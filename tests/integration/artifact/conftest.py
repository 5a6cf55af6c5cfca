# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import random
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import download, fetch, http, policy
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache, Name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.locate import Access

from .server import Web

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
UNSIGNED = {"rules": [{"name": "all", "components": ["shop", "tool"], "unsigned": "a test"}]}


@pytest.fixture
def web():
    server = Web()
    yield server
    server.stop()


@pytest.fixture
def content():
    """More than a buffer, no two blocks alike."""
    return random.Random(7).randbytes(700_000)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Fetching:
    """The core as the action plugin calls it."""

    def __init__(self, root):
        self.cache = Cache(Path(root))

    def __call__(self, source, sha256, *, document=UNSIGNED, check=False, credentials=None, size=None, signatures=(), home=None, access=None, **options):
        options = {"component": "shop", "version": "1.0.0", "platform": Platform(), "timeout": 5.0, "ca_path": "", **options}
        client = http.Client(timeout=options.pop("timeout"), ca_path=options.pop("ca_path"))
        name = Name(options.pop("component"), options.pop("version"), options.pop("platform"))
        known = Access(client, credentials=credentials or Credentials(), home=home or str(source), **(access or {}))
        limits = download.Limits(**{"most": 10_000_000, "backoff": 0.01, "deadline": 20.0, **options})
        wanted = fetch.Wanted(name, str(source), sha256, size, tuple(fetch.Signature(*each) for each in signatures), name.platform)
        return fetch.Fetcher(self.cache, policy.load(document, now=NOW), known, limits, NOW).run(wanted, check=check)


@pytest.fixture
def fetching(tmp_path):
    return Fetching(tmp_path / "cache")
