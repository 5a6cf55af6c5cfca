# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import ModuleType

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.auth import approle, token

# A new way to log in: one file with NAME, OPTIONS, validate() and login(), and one word here.
METHODS: dict[str, ModuleType] = {method.NAME: method for method in (token, approle)}
