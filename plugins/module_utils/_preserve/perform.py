# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a restoration with the engine of drift_restore: all of it is possible, or nothing is changed."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._preserve.back import Wanted
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._restore import restore as engine
from ansible_collections.evenkeel.release.plugins.module_utils._restore.act import path_of
from ansible_collections.evenkeel.release.plugins.module_utils._restore.journal import Journal
from ansible_collections.evenkeel.release.plugins.module_utils._restore.module import refusal_text
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Broken, Refused


def perform(wanted: Wanted, *, journal_dir: str, remove_added: bool, check_mode: bool) -> dict[str, Any]:
    # Files only: no commands, no units, no collectors.
    site = engine.Site(collect=lambda _name, _keys: {}, run=lambda _argv: (1, ""))
    journal = Journal(journal_dir)
    try:
        if not check_mode:
            journal.lock()
            left = engine.interrupted(journal, site)
            if left:
                journal.end()
        plan = engine.plan(wanted.items, available=list(wanted.contents), remove_added=remove_added, site=site)
        if plan.refused:
            raise PreserveError(refusal_text(plan.refused))
        if plan.wanted() and not check_mode:
            engine.perform(plan, wanted.contents, journal=journal, site=site)
    except (Broken, Refused, OSError) as exc:
        raise PreserveError(f"Restoring was stopped: {exc}.") from exc
    finally:
        journal.unlock()
    return {
        "changed": bool(plan.wanted()),
        "restored": [os.fsdecode(path_of(key)) for key in plan.wanted()],
        "left": [os.fsdecode(path_of(key)) for key in sorted(plan.left)],
        "services_changed": sorted({wanted.owners[key] for key in plan.wanted() if key in wanted.owners}),
    }
