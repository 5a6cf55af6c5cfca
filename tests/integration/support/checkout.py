# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this checkout is, and the tree in which Ansible sees it as a collection."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
COLLECTIONS = REPO / ".cache" / "collections"


def link_collection() -> None:
    """Make the checkout visible as ansible_collections/evenkeel/release; safe when several workers do it at once."""
    link = COLLECTIONS / "ansible_collections" / "evenkeel" / "release"
    if link.resolve() == REPO:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".release-{os.getpid()}")
    fresh.symlink_to(REPO)
    fresh.replace(link)
