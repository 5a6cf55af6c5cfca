#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_tag
short_description: Keep checkpoints of the ledger as tags of a git repository
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Publishes a checkpoint as a tag C(<prefix>/<size>) whose object is the note, byte for byte. A repository whose tags nobody may change (protected tags)
    is a witness that needs no host of its own - a ledger that is not what it was can't show the newest tag any more.
  - Without O(note) it tells the newest one, which M(evenkeel.release.ledger_checkpoint) takes as O(evenkeel.release.ledger_checkpoint#module:kept_note).
requirements:
  - git on the controller
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Looks and publishes nothing.
  diff_mode:
    support: none
    description: A tag is added, none is changed.
  idempotent:
    support: full
    description: A checkpoint that is kept stays.
options:
  note:
    description: The signed checkpoint.
    type: str
  repo:
    description: Bare repository on the controller; C(checkpoints.git) in the state directory by default. Made when it isn't there.
    type: path
  remote:
    description: Address of the repository that keeps the tags. The controller's git needs a way in that asks nothing. Without it they stay in O(repo).
    type: str
    default: ""
  prefix:
    description: What the names of the tags begin with; one for each ledger.
    type: str
    default: evenkeel-ledger
seealso:
  - module: evenkeel.release.ledger_checkpoint
"""

EXAMPLES = r"""
- name: Keep it where the administrator of the ledger can't reach it
  evenkeel.release.ledger_tag:
    note: "{{ signed.note }}"
    remote: git@git.example.com:audit/checkpoints.git
"""

RETURN = r"""
name:
  description: The newest tag; empty when there is none.
  returned: success
  type: str
  sample: evenkeel-ledger/1204
size:
  description: Entries of its checkpoint.
  returned: success
  type: int
  sample: 1204
note:
  description: Its checkpoint.
  returned: success
  type: str
"""
