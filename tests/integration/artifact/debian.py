# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of a Debian package: the host's own, or unpacked into a cache, without root."""

from __future__ import annotations

import shutil

from ansible_collections.evenkeel.release.tests.integration.probe import debian

debian.SETS.update({"docker-registry": ("docker-registry",), "minisign": ("minisign", "libsodium23")})


def program(name: str) -> tuple[str, dict[str, str]]:
    """(path, environment in which it finds its libraries); skips the test where there is no way to it."""
    found = shutil.which(name)
    if found:
        return found, {}
    root = debian.unpacked(name)
    return str(root / "usr/bin" / name), debian.environment(root)
