#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_verify
short_description: Prove that the ledger holds what was written
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Hashes the stored bytes of every entry along its chain, from the controller, and names each entry that was changed, removed, swapped or inserted.
  - The columns used for queries are compared with the bytes.
  - A tail that was cut off shows only against heads remembered from before; see O(heads).
attributes:
  check_mode:
    support: full
    description: Verifies as always and does not write O(heads).
  diff_mode:
    support: none
    description: Verifying changes nothing in the ledger.
  idempotent:
    support: full
    description: Reports a change only when O(heads) has to be written.
options:
  heads:
    description:
      - File of the remembered heads. The ledger is compared with it when it exists, and it is written when the ledger is whole.
      - Keep it where whoever can write the ledger can't write.
    type: path
  key:
    description:
      - Verifier key of the ledger, as M(evenkeel.release.ledger_checkpoint) returns it. With it the ledger is compared with what was signed.
    type: str
  checkpoint:
    description: File of a checkpoint that was kept elsewhere. Only such a one shows that checkpoints were removed together with their entries.
    type: path
  witnesses:
    description: Verifier keys of the witnesses whose signatures O(checkpoint) needs.
    type: list
    elements: str
  quorum:
    description: How many of them must have signed; all by default.
    type: int
  ledger_url:
    description: The store. Defaults as in M(evenkeel.release.record).
    type: str
"""

EXAMPLES = r"""
- name: Verify the ledger
  evenkeel.release.ledger_verify:

- name: Verify it against what was remembered, and remember the new heads
  evenkeel.release.ledger_verify:
    heads: /var/lib/evenkeel/heads.json

- name: Verify it against what was signed
  evenkeel.release.ledger_verify:
    key: ledger.example.com/production+b56b3b47+AZIGK8mLRbbJlJFqUe1VUfSSN9OdkDMoOaU5GnUpoUQp
    checkpoint: /srv/checkpoints/production.txt
"""

RETURN = r"""
report:
  description: C(entries) is their number, C(heads) the last entry of each stream, C(faults) what is damaged.
  returned: when there is a ledger
  type: dict
signed:
  description: C(name) and C(size) of the last checkpoint.
  returned: with O(key)
  type: dict
open_intents:
  description: Announced acts without an outcome.
  returned: success
  type: list
  elements: dict
"""
