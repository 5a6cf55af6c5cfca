# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host gets an artifact from: by itself, or from the controller."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

# What a host can fetch itself when the controller has not.
BY_HOST = ("http://", "https://", "file://")


class Origin(NamedTuple):
    """One of the two is empty: the file on the controller, or what the host fetches."""

    path: str
    url: str


def origin(source: str, sha256: Any, get: Callable[[str], Any]) -> Origin:
    """`get` looks an Ansible variable up (None when absent). What evenkeel.release.artifact fetched comes first; the host proves the digest again."""
    cached = _cached(sha256, get)
    if not cached and source.startswith(BY_HOST):
        return Origin("", source)
    return Origin(cached or os.path.abspath(source), "")


def missing(source: str, path: str) -> str:
    """Why there is no file to send."""
    if "://" in source:
        return (
            f"The artifact {source.split('?')[0]} is not in the cache of the controller, and hosts fetch http, https and file alone."
            " Fetch it before with evenkeel.release.artifact."
        )
    return f"The artifact {path} is not a file on the controller. Check the artifact of the release manifest."


def _cached(sha256: Any, get: Callable[[str], Any]) -> str:
    try:
        path = Cache(settings.state_dir(get) / "artifacts").object(str(sha256))
    except ArtifactError:  # no digest: the module says so
        return ""
    return str(path) if path.is_file() else ""
