# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable as ansible_collections.evenkeel.release before any test is collected."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

_spec = importlib.util.spec_from_file_location("_checkout", Path(__file__).parent / "integration" / "support" / "checkout.py")
assert _spec is not None
assert _spec.loader is not None
_checkout = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_checkout)
_checkout.link_collection()
if str(_checkout.COLLECTIONS) not in sys.path:
    sys.path.insert(0, str(_checkout.COLLECTIONS))

# A shared machine starves a process for seconds: an example that takes long is no fault of the code. In CI hypothesis says so itself.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("CI"):
    settings.load_profile("steady")
