# SPDX-License-Identifier: GPL-3.0-or-later
"""What an evaluator must answer once a flag looks as it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags import decide, unleash
from ansible_collections.evenkeel.release.plugins.module_utils._flags.ofrep import Expected


def of_flag(key: str, flag: Optional[Mapping[str, Any]], wanted: decide.Wanted) -> Optional[Expected]:
    """Of a flag in a flagd file; None when rules of its own decide what it answers."""
    if flag is None or flag.get("state") != "ENABLED":
        return Expected(absent=True)
    roles = decide.variants_of(key, flag, wanted._replace(state="killed"))
    variants = flag["variants"]
    share = decide.share(flag, wanted, key=key)
    if share is None:
        return None
    if wanted.state == "percentage":
        return Expected(share=share, values=(variants[roles.on], variants[roles.off]))
    return Expected(value=variants[roles.on if share == 100.0 else roles.off])


def of_server(found: Optional[Mapping[str, Any]], wanted: decide.Wanted) -> Optional[Expected]:
    if found is None:
        return Expected(absent=True)
    share = unleash.share(found)
    if share is None:
        return None
    return Expected(share=share) if wanted.state == "percentage" else Expected(value=share == 100.0)
