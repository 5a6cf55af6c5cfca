# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Where approvals, rules and the ledger are, and what will run."""

    DOCUMENTATION = r"""
options:
  approvals_dir:
    description: Folder of approvals, a part of the project; by default the variable C(evenkeel_approvals_dir).
    type: path
  trust_dir:
    description:
      - Folder of C(allowed_signers), C(people.yml), C(approvals.yml), C(duties.yml) and C(access/).
      - C(/etc/evenkeel/trust) is taken where it exists, and nothing overrides it; else C(EVENKEEL_TRUST_DIR) of the environment; only then this
        option, and last the variable C(evenkeel_trust_dir).
    type: path
  ledger_name:
    description: Name of the ledger, so that no other installation takes the statement; by default the variable C(evenkeel_ledger_name).
    type: str
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
"""

    SUBJECT = r"""
options:
  environment:
    description: The environment document, C(evenkeel_environment).
    type: dict
  release:
    description: The release manifest.
    type: dict
  act:
    description: What is about to be done, such as V(deploy), V(promote) or V(rollback).
    type: str
  hosts:
    description: Every host that it may touch.
    type: list
    elements: str
    default: []
  plan:
    description: The plan of M(evenkeel.release.deployment_plan).
    type: dict
    default: {}
  batches:
    description: Its batches, in order.
    type: list
    elements: raw
    default: []
  policies_dir:
    description: Folder of the policies of the gate.
    type: path
  project_dir:
    description: Folder of the project, whose files in git are a part of what runs; by default C(evenkeel_project_dir), else the inventory's.
    type: path
  fingerprint_key:
    description: Key of the fingerprints that stand for secrets. Without it the names of secrets are told as not bound.
    type: str
  risk:
    description: Risk of the change, V(low), V(moderate), V(high) or V(critical). Rules that ask for it can't be decided without.
    type: str
"""
