#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_export
short_description: Give the entries of the ledger to other systems
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Writes entries to a file, or sends them to a syslog server or to a server that takes CloudEvents.
  - With O(position) only what came since the last time. Nothing counts as taken before all of it was, so after a failure some entries come twice;
    their C(id) tells.
  - Entries come stream by stream, each in its own order.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Says how many entries wait.
  diff_mode:
    support: none
    description: Entries are added, none is changed.
options:
  dest:
    description:
      - Absolute path of a file, which only this user may read.
      - With O(format=syslog) also C(udp://host:514), C(tcp://host:601), C(tls://host:6514) or C(unix:///dev/log). Nobody tells whether a datagram arrived.
      - With O(format=cloudevents) also an address of http or https, which gets batches of 500 events a request.
    type: str
    required: true
  format:
    description:
      - V(json) is a line of JSON for each entry, V(cloudevents) CloudEvents 1.0 in the JSON format, V(syslog) RFC 5424.
      - V(verifier) is the whole ledger with its checkpoints, as the auditor's program C(verifier.py ledger) reads it.
    type: str
    choices: [json, cloudevents, syslog, verifier]
    default: json
  position:
    description: File that remembers what was exported. With it a file in O(dest) is added to, without it is written anew.
    type: path
  kinds:
    description: Only entries of these kinds.
    type: list
    elements: str
  name:
    description: Name of the ledger for the receiver.
    type: str
    default: ledger
  host:
    description: Name of the sender in syslog. This host's name by default.
    type: str
  enterprise:
    description: Private enterprise number (IANA) for the structured data of syslog. The default is the one for examples (RFC 5612).
    type: int
    default: 32473
  max_bytes:
    description: Longest message of syslog. Of an entry that would be longer the body is left out, and C(omitted) in its structured data says how long it is.
    type: int
    default: 8192
  timeout:
    description: Seconds to wait for the receiver.
    type: float
    default: 10
  ca_path:
    description: Certificates to trust instead of the system's.
    type: path
    default: ""
  secret:
    description: Signs each request as M(evenkeel.release.notify_webhook) does.
    type: str
    default: ""
  headers:
    description: Headers of each request.
    type: dict
    default: {}
  ledger_url:
    description: The store. Defaults as in M(evenkeel.release.record).
    type: str
"""

EXAMPLES = r"""
- name: Send what is new to the security team
  evenkeel.release.ledger_export:
    format: syslog
    dest: tls://siem.example.com:6514
    name: production
    position: /var/lib/evenkeel/siem.json

- name: Feed an event broker
  evenkeel.release.ledger_export:
    format: cloudevents
    dest: https://broker.example.com/ledger
    headers: {Authorization: "Bearer {{ broker_token }}"}
    kinds: [deployment, rollback, verification]
    position: /var/lib/evenkeel/broker.json

- name: Write the whole ledger for an auditor
  evenkeel.release.ledger_export:
    format: verifier
    dest: /srv/audit/ledger.jsonl
"""

RETURN = r"""
exported:
  description: How many entries (with V(verifier), lines) were given.
  returned: success
  type: int
  sample: 12
pending:
  description: In check mode, how many wait.
  returned: success
  type: int
  sample: 0
"""
