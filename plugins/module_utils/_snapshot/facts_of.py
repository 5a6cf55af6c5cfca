# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of configuration and of custom commands as items, with fingerprints in place of secrets."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import texts
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import tells_itself
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

# A part of a key that looks made by a machine, as in {"tokens": {"4fP…": "alice"}}: names are shown everywhere, so it must not be one.
RANDOM_PART = re.compile(r"(?=[^.\[\]]*[0-9])(?=[^.\[\]]*[a-z])(?=[^.\[\]]*[A-Z])[A-Za-z0-9+/=]{24,}|[0-9a-f]{32,}|[0-9A-F]{32,}")
# A longer one is no name, but data.
LONGEST_KEY = 512


def items_of(prefix: str, values: Mapping[str, str], secret_keys: Sequence[str], host: Host) -> Items:
    items: Items = {}
    for key, value in values.items():
        # A line of a secret alone is a key without a value: then the pattern means the key.
        bare = not value and any(fnmatch.fnmatchcase(key, pattern) for pattern in secret_keys)
        shown = _mark(key, host) if bare else _shown_key(key, host)
        items[f"{prefix}:{printable(shown)}"] = texts.value(key, value, host=host, patterns=secret_keys)
    return items


def _shown_key(key: str, host: Host) -> str:
    if len(key) > LONGEST_KEY or tells_itself(key):
        return _mark(key, host)
    return RANDOM_PART.sub(lambda found: _mark(found.group(), host), key)


def _mark(text: str, host: Host) -> str:
    try:
        return f"<{host.secret(text)['fingerprint'][:12]}>"
    except Unknown:
        return "<secret>"
