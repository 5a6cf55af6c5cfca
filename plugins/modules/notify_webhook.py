#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: notify_webhook
short_description: Tell a web server about new drift
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads the ledger on the controller and sends one POST with JSON when there are findings that the receiver was not told about yet.
  - What was told is recorded in the ledger, for each O(name) and O(environment). A message that could not be delivered is not counted as told,
    so the next run tries again, with whatever came in between.
  - The body has C(text) for chat services, and C(findings), C(severity), C(count) and more for programs; at most 50 findings, C(more) says how
    many were left out.
  - The header C(X-Evenkeel-Signature) is C(sha256=) and the HMAC-SHA256 of C(X-Evenkeel-Timestamp), a dot and the body.
    C(X-Evenkeel-Delivery) is the same when the same findings are sent again.
  - Redirects are not followed, certificates are always checked.
attributes:
  check_mode:
    support: full
    description: Says whether it would send, and neither sends nor records anything.
  diff_mode:
    support: none
    description: There is no before.
  idempotent:
    support: full
    description: What was delivered is not sent again.
options:
  url:
    description: Where to send it. It is never shown, only its host is.
    type: str
    required: true
  secret:
    description: Key of the signature. Without one there is no signature.
    type: str
    default: ""
  headers:
    description: More headers, for example C(Authorization). Their values are never shown.
    type: dict
    default: {}
  name:
    description: What the receiver is called in the ledger. Defaults to the host of O(url).
    type: str
  environment:
    description: Tell about this environment only. Empty tells about all.
    type: str
    default: ""
  severity:
    description: Tell about findings of this severity and those above it.
    type: str
    choices: [critical, high, medium, low, cosmetic]
    default: high
  timeout:
    description: Seconds to wait for the receiver, each time.
    type: float
    default: 10.0
  retries:
    description: How often to try again when the receiver cannot be reached, is slow, or answers 408, 425, 429 or 5xx.
    type: int
    default: 3
  backoff:
    description: Seconds before the first new try, twice as long before each further one, 60 at most. C(Retry-After) goes before it.
    type: float
    default: 1.0
  ca_path:
    description: File with the certificates to trust instead of the system's.
    type: path
    default: ""
  required:
    description: Fail the task when the message could not be delivered.
    type: bool
    default: false
  ledger_url:
    description: The ledger to read and to record in. Defaults to the variable C(evenkeel_ledger_url), then to a file in C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.drift_export
"""

EXAMPLES = r"""
- name: Tell the chat about new drift in production
  evenkeel.release.notify_webhook:
    url: "{{ drift_chat_url }}"
    environment: production

- name: Tell a program, signed, and fail when it does not hear it
  evenkeel.release.notify_webhook:
    url: https://events.example.com/drift
    secret: "{{ drift_webhook_secret }}"
    headers:
      Authorization: "Bearer {{ drift_webhook_token }}"
    severity: medium
    required: true
"""

RETURN = r"""
delivered:
  description: Whether the receiver took it.
  returned: success
  type: bool
  sample: true
count:
  description: How many findings are new to the receiver at this severity.
  returned: success
  type: int
  sample: 2
delivery:
  description: Identifier of the message; empty when there was nothing to tell.
  returned: success
  type: str
  sample: 8f14e45fceea167a5a36dedd4bea2543
status:
  description: Status of the last answer; null when there was none.
  returned: when something was sent
  type: int
  sample: 204
attempts:
  description: How often it was sent.
  returned: when something was sent
  type: int
  sample: 1
"""
