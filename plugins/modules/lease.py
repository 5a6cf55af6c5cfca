#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: lease
short_description: Hold a lock with an end while a playbook acts
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Takes, checks or frees a named lease in the store of the ledger, from the controller.
  - The holder is the running C(ansible-playbook). A small process renews the lease while that lives, and ends with it.
  - A lease whose holder is gone is taken over at once on the same host, and after its end from anywhere else. Nobody removes a lock by hand.
  - Of a run that was killed with SIGKILL the workers live on until the tasks are done that they had under way. They keep the lease so long, but
    not beyond its end.
  - Taking, freeing and taking over are entries of the ledger.
attributes:
  check_mode:
    support: full
    description: Says what would be done and writes nothing.
  diff_mode:
    support: none
    description: Nothing is ever edited, so there is no before and after.
  idempotent:
    support: full
    description: A run that holds the lease keeps it under the same token; freeing what is not held changes nothing.
options:
  name:
    description: Name of the lease, for example C(environment/production).
    type: str
    required: true
  state:
    description:
      - V(acquired) takes the lease and V(released) frees it.
      - V(held) fails unless this run still holds it; use it before an act that can't be undone.
    type: str
    choices: [acquired, held, released]
    default: acquired
  environment:
    description: Environment that the ledger's entries name. Defaults to the variable C(evenkeel_target).
    type: str
  release:
    description: Release the lease is taken for. Defaults to the variable C(evenkeel_version).
    type: str
  message:
    description: Why; whoever is refused reads it.
    type: str
    default: ""
  ttl:
    description: How long the lease lasts without a heartbeat, in seconds or as C(30s), C(15m), C(2h).
    type: str
    default: 15m
  wait:
    description:
      - How long to wait for a lease that another run holds, in seconds or with a unit. Defaults to that of O(concurrency), else not at all.
      - Who waits has a place in a queue, the first who came goes first. A run that was killed while it waited loses its place.
    type: str
  priority:
    description: An V(emergency) goes before everybody else who waits, though not before who holds it. The ledger tells whom it overtook.
    type: str
    choices: [normal, emergency]
    default: normal
  limit:
    description: How many runs may wait; one more is refused at once, unless it is an emergency. Defaults to that of O(concurrency), else there is no limit.
    type: int
  concurrency:
    description: >-
      C(concurrency) of an environment's document. C(policy) is V(refuse) or V(queue), C(wait) how long to wait with V(queue), C(30m) by default, and
      C(limit) as O(limit).
    type: dict
    default: {}
  token:
    description: Fencing token of the lease. Without it O(state=held) and O(state=released) look for a lease of this very run.
    type: int
  heartbeat:
    description: Whether a process renews the lease at a third of O(ttl) until the playbook ends.
    type: bool
    default: true
  ledger_url:
    description:
      - The store, C(sqlite:////absolute/path) or C(postgresql+psycopg://user:password@host/database).
      - Defaults to the variable C(evenkeel_ledger_url), else the environment variable C(EVENKEEL_LEDGER_URL), else
        C(ledger.sqlite) in C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Hold staging, wait ten minutes for another run at most
  evenkeel.release.lease:
    name: environment/staging
    release: 1.1.0
    message: deploying 1.1.0
    wait: 10m

- name: Wait as the environment's document says
  evenkeel.release.lease:
    name: environment/staging
    concurrency: "{{ evenkeel_environment.concurrency | default({}) }}"

- name: Stop here if another run took over
  evenkeel.release.lease:
    name: environment/staging
    state: held

- name: Let others in
  evenkeel.release.lease:
    name: environment/staging
    state: released
"""

RETURN = r"""
lease:
  description: The lease; after a refusal, that of its holder.
  returned: always
  type: dict
  contains:
    name:
      description: As given.
      type: str
    token:
      description: Fencing token; every new holder gets a greater one.
      type: int
    holder:
      description: Who holds it.
      type: str
    host:
      description: Controller the holder runs on.
      type: str
    pid:
      description: Process of ansible-playbook there.
      type: int
    job:
      description: Job of AWX or of the CI system, when there is one.
      type: str
    since:
      description: UTC, RFC 3339 with microseconds.
      type: str
    until:
      description: End of the lease without a further heartbeat.
      type: str
    heartbeat:
      description: Last renewal.
      type: str
    release:
      description: Release it is held for.
      type: str
    message:
      description: Why.
      type: str
    queue:
      description: When it had to wait, C(since) when and how many it C(overtook) as an emergency.
      type: dict
    waiting:
      description: In check mode, who waits for it.
      type: list
      elements: dict
    taken_over_from:
      description: The last holder's lease and C(why) it could be taken; only after a takeover.
      type: dict
"""
