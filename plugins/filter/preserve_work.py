# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: preserve_work
short_description: Decide what is preserved, what a rollback restores, and what a rehearsal proved
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - The decisions of the roles C(evenkeel.release.preserve) and C(evenkeel.release.rehearse), one for each O(step). None of them looks at anything but
    its input.
options:
  _input:
    description: A mapping with what the step takes.
    type: dict
    required: true
  step:
    description:
      - V(checked) takes C(kind) (preserve or rehearsal) and C(document), refuses its faults and gives it back.
      - V(flags_of_host) takes C(document) and C(host), V(flags_of_servers) C(document), V(databases) C(document) and C(hosts); each gives work.
        V(server_flags) makes rows of C(results); V(restored) takes C(work), C(colours), C(rows), C(host), C(release) and C(services).
      - V(record) takes C(identity), C(hosts), C(databases) and C(flags) and gives C(body) and C(problems).
      - V(wanted) takes C(entries), C(environment), C(release), C(services) and C(skip) and gives what was preserved of that release.
      - V(restorable) takes C(preserved), C(parts) and C(data) and gives C(can), C(operator) and C(cannot); V(tell) makes lines of these, as C(found).
      - V(flag_acts) takes C(preserved) and C(now) and gives what module feature_flag has to do.
      - V(begin) takes C(environment), C(services), C(manifest) and C(entries) and gives what a rehearsal goes back to, or refuses.
      - V(place) and V(schemas) take C(services), C(endpoints) and C(names) and say where to write and ask; V(heads) takes C(results), V(joined) C(points).
      - V(compare) takes C(before) and C(after), V(schema) C(heads), V(data) C(checks), C(values) and C(wrote), V(probes) C(results) and C(point); each
        gives findings.
      - V(judge) takes C(findings), C(now) and C(valid) and gives verdict, expires and message.
      - V(rehearsals) takes C(entries), C(manifest) and C(now) and gives the part C(rehearsal) of a gate's evidence.
    type: str
    required: true
    choices:
      - checked
      - flags_of_host
      - flags_of_servers
      - databases
      - restored
      - server_flags
      - record
      - wanted
      - restorable
      - tell
      - flag_acts
      - begin
      - place
      - schemas
      - heads
      - joined
      - compare
      - schema
      - data
      - probes
      - judge
      - rehearsals
positional: step
"""

EXAMPLES = r"""
- name: Show whether the rollback of a release was rehearsed
  ansible.builtin.debug:
    msg: "{{ given | evenkeel.release.preserve_work('rehearsals') }}"
  vars:
    given:
      entries: "{{ query('evenkeel.release.ledger', 'entries', release='1.1.0', kind=['validation', 'deployment', 'rollback']) | flatten }}"
      manifest: "{{ lookup('ansible.builtin.file', 'releases/1.1.0.yml') | from_yaml }}"
      now: "{{ now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
"""

RETURN = r"""
_value:
  description: What the step gives.
  type: raw
"""

from datetime import datetime, timezone

from ansible_collections.evenkeel.release.plugins.plugin_utils._ansible import filter_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve import book, declared, rehearsal
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.errors import PreservationError


def _checked(kind, document):
    return declared.checked(kind, document, today=datetime.now(timezone.utc).date())


STEPS = {
    "checked": _checked,
    "flags_of_host": declared.flags_of_host,
    "flags_of_servers": declared.flags_of_servers,
    "databases": declared.databases,
    "restored": declared.restored,
    "server_flags": declared.server_flags,
    "record": book.record,
    "wanted": book.wanted,
    "restorable": book.restorable,
    "tell": book.tell,
    "flag_acts": book.flag_acts,
    "begin": rehearsal.begin,
    "place": rehearsal.place,
    "schemas": rehearsal.schemas,
    "heads": rehearsal.heads,
    "joined": rehearsal.joined,
    "compare": rehearsal.compare,
    "schema": rehearsal.schema,
    "data": rehearsal.data,
    "probes": rehearsal.probes,
    "judge": rehearsal.judge,
    "rehearsals": rehearsal.rehearsals,
}


class FilterModule:
    def filters(self):
        return {"preserve_work": filter_of(STEPS, of="preservation", errors=(PreservationError, DeploymentError, LedgerError))}
