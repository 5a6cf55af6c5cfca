# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that keeps a section of the evidence from being gathered: faults of documents, files and the trusted place."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.errors import HandoffError
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError

FAULTS = (ApprovalError, CalendarError, ChangeError, CompatibilityError, DeploymentError, HandoffError, ManifestError, ReservationError)
