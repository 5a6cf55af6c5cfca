# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable as ansible_collections.evenkeel.release before any test is collected."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("_checkout", Path(__file__).parent / "integration" / "support" / "checkout.py")
assert _spec is not None
assert _spec.loader is not None
_checkout = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_checkout)
_checkout.link_collection()
if str(_checkout.COLLECTIONS) not in sys.path:
    sys.path.insert(0, str(_checkout.COLLECTIONS))
