# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hosts of a service get a release, which a feature flag leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FLAG = "feature_flag"


def replacement(service: Mapping[str, Any]) -> str:
    """The strategy by which hosts are replaced; behind a flag it is what `rollout.replace` names."""
    declared = str(service.get("strategy", "blue_green"))
    return str((service.get("rollout") or {}).get("replace", "rolling")) if declared == FLAG else declared
