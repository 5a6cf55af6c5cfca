# SPDX-License-Identifier: GPL-3.0-or-later
"""What a snapshot has to look at, so that every rule of a baseline can be judged, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.rules import Baseline


def needs(baseline: Baseline) -> dict[str, Any]:
    """Options of drift_snapshot."""
    names = [item for rule in baseline.rules for item in (*rule.items, rule.applies) if item]
    kinds = {name.partition(":")[0] for name in names}
    paths = sorted({name.partition(":")[2] for name in names if name.startswith("file:")})
    configs = {json.dumps(dict(rule.config), sort_keys=True) for rule in baseline.rules if rule.config}
    return {
        "collectors": sorted({registry.KIND_OF[kind] for kind in kinds}),
        "paths": paths,
        # A folder is asked for its own sake; what lies in it only where a rule names that.
        "exclude": [f"{path}/*" for path in paths if not any(other != path and other.startswith(f"{path}/") for other in paths)],
        "config": [json.loads(one) for one in sorted(configs)],
        "sysctl_keys": sorted({name.partition(":")[2] for name in names if name.startswith("sysctl:")}),
        "one_file_system": False,
    }
