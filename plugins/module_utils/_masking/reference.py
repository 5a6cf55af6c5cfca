# SPDX-License-Identifier: GPL-3.0-or-later
"""One value, masked in Python exactly as the SQL of a data synchronization masks it in the source server."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import keyed, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS, MaskingError


def mask_value(value: Optional[str], transformer: str, *, key: str, domain: Optional[str] = None, **options: Any) -> Optional[str]:
    """`value` is the text PostgreSQL shows for it (DateStyle ISO, TimeZone UTC); None is NULL and stays None."""
    found = TRANSFORMERS.get(transformer)
    if found is None:
        raise MaskingError(f"There is no transformer {transformer!r}; there are {', '.join(sorted(TRANSFORMERS))}.")
    unknown = sorted(set(options) - set(found.options))
    if unknown:
        raise MaskingError(f"{transformer} has no option {unknown[0]!r}; it has {', '.join(found.options) or 'none'}.")
    if transformer == "constant" and "value" not in options:
        raise MaskingError("constant needs the option 'value'.")
    digest = subkey(key, domain or transformer)
    if value is None:
        return None
    return found.python(keyed(digest, value), value, options)
