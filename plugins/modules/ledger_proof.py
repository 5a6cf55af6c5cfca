#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_proof
short_description: Prove something about the ledger to somebody who does not read it
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - With O(entry) writes that entry and the proof that it is in the ledger that was signed, as C(c2sp.org/tlog-proof) says. Both are small, whatever
    the ledger's size, and C(verifier.py proof) checks them without the ledger.
  - With O(since) gives the proof that a checkpoint only adds to an older one, which a witness asks for.
attributes:
  check_mode:
    support: full
    description: Writes no file.
  diff_mode:
    support: none
    description: The files are proofs, not settings.
  idempotent:
    support: full
    description: Files that are right stay.
options:
  entry:
    description: Id of an entry that the last checkpoint has.
    type: str
  dest:
    description: Folder for the files, needed with O(entry).
    type: path
  since:
    description: Size of the older checkpoint.
    type: int
  size:
    description: Size of the newer one, needed with O(since).
    type: int
  ledger_url:
    description: The store. Defaults as in M(evenkeel.release.record).
    type: str
"""

EXAMPLES = r"""
- name: Prove to an auditor that the release was approved
  evenkeel.release.ledger_proof:
    entry: 0199b6a2-7c1e-7d5c-9f3e-3f6f0b9c2d11
    dest: /srv/audit
"""

RETURN = r"""
proof:
  description: The hashes of the proof, in base64.
  returned: with O(entry) or O(since)
  type: list
  elements: str
files:
  description: Where the entry and its proof are.
  returned: with O(entry)
  type: list
  elements: str
number:
  description: The entry's place in the tree, from 0.
  returned: with O(entry)
  type: int
"""
