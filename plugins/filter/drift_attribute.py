# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift_attribute
short_description: Say who changed what differs, and how sure that is
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Adds C(attribution) to each finding, a list of candidates with the most likely first. Each has C(who), C(when), C(how), C(confidence) and C(text).
  - C(how) is V(ledger) (a run of ours), V(package_log), V(sudo), V(audit), V(session), V(file), or V(none) when nothing tells.
  - C(confidence) is V(certain), V(likely), V(possible) or V(unknown). Only the audit log, the ledger and a package log that names the very version are certain.
options:
  _input:
    description: The findings of P(evenkeel.release.drift_compare#filter).
    type: list
    elements: dict
    required: true
  evidence:
    description: The result of M(evenkeel.release.drift_evidence). An empty one leaves the ledger alone.
    type: dict
    default: {}
  entries:
    description: Entries of the ledger, as the lookup P(evenkeel.release.ledger#lookup) returns them, the oldest first.
    type: list
    elements: dict
    default: []
  host:
    description: Name of the host.
    type: str
    required: true
  environment:
    description: Name of the environment.
    type: str
    required: true
  since:
    description: When they were known to be as they should be, in seconds since the epoch or as RFC 3339 text.
    type: raw
    required: true
  until:
    description: When the differences were found. The default is now.
    type: raw
  skew:
    description: How many seconds the host's clock is ahead, C(clock_skew) of M(evenkeel.release.drift_snapshot).
    type: float
    default: 0
positional: evidence, entries
"""

EXAMPLES = r"""
- name: Say who it was
  ansible.builtin.debug:
    msg: >-
      {{ drift_result.findings | evenkeel.release.drift_attribute(evidence, query('evenkeel.release.ledger', 'entries') | flatten,
         host=inventory_hostname, environment=evenkeel_environment.name, since=baseline_taken, skew=now_taken.clock_skew) }}
"""

RETURN = r"""
_value:
  description: The findings, each with C(attribution).
  type: list
  elements: dict
"""

import json
import time
from datetime import datetime

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.attribute import attribute


def _seconds(moment):
    try:
        return float(moment)
    except ValueError:
        parsed = datetime.fromisoformat(str(moment))
        if parsed.tzinfo is None:
            raise ValueError(f"{moment} has no time zone") from None
        return parsed.timestamp()


def drift_attribute(findings, evidence=None, entries=(), *, host, environment, since, until=None, skew=0):
    try:
        # Values out of templates are tagged: only plain data goes on.
        given = json.loads(json.dumps([list(findings), evidence or {}, list(entries)], default=str))
        window = {"since": _seconds(since), "until": time.time() if until is None else _seconds(until), "skew": float(skew or 0)}
        return attribute(*given, host=str(host), environment=str(environment), **window)
    except (KeyError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"drift_attribute takes findings, a result of drift_evidence and entries; {type(exc).__name__}: {exc}") from exc


class FilterModule:
    def filters(self):
        return {"drift_attribute": drift_attribute}
