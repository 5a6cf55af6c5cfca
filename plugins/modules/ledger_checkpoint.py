#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_checkpoint
short_description: Sign what the ledger holds
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Takes every entry that no checkpoint has yet into the ledger's tree (RFC 6962) and signs its head as C(c2sp.org/tlog-checkpoint) says. What is in
    the ledger by then can't be changed, removed, put in or moved any more without anybody noticing who has the checkpoint.
  - Refuses to sign when the ledger is not what was signed before, since a signature would hide that.
attributes:
  check_mode:
    support: full
    description: Checks everything and signs nothing.
  diff_mode:
    support: none
    description: What is new in the ledger is in the ledger.
  idempotent:
    support: full
    description: Without new entries the last checkpoint is returned.
options:
  name:
    description: Name of the ledger, which stands in each checkpoint. A URL without its scheme is usual.
    type: str
    required: true
  key:
    description: Ed25519 private key in OpenSSH's form or in PEM, without a passphrase; from a vault as a rule.
    type: str
    required: true
  kept:
    description:
      - File of a checkpoint that was made before, best kept where whoever can write the ledger can't write. The ledger must still have it.
      - A file that does not exist is no fault.
    type: path
  kept_note:
    description: Such a checkpoint itself, for example what M(evenkeel.release.ledger_tag) returns.
    type: str
    default: ""
  ledger_url:
    description: The store. Defaults as in M(evenkeel.release.record).
    type: str
seealso:
  - module: evenkeel.release.ledger_verify
  - module: evenkeel.release.ledger_witness
  - module: evenkeel.release.ledger_proof
"""

EXAMPLES = r"""
- name: Sign what the ledger holds
  evenkeel.release.ledger_checkpoint:
    name: ledger.example.com/production
    key: "{{ evenkeel_ledger_key }}"
    kept: /srv/checkpoints/production.txt
  register: signed

- name: Keep the checkpoint
  ansible.builtin.copy:
    content: "{{ signed.note }}"
    dest: /srv/checkpoints/production.txt
    mode: "0644"
"""

RETURN = r"""
note:
  description: The signed checkpoint; empty in check mode when one would be made.
  returned: success
  type: str
size:
  description: Entries in the tree.
  returned: success
  type: int
added:
  description: Entries that this checkpoint took into the tree.
  returned: success
  type: int
verifier_key:
  description: The public key as an auditor's program takes it, C(name+hash+base64).
  returned: success
  type: str
"""
