# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: endpoints
short_description: Addresses, ports and paths of an environment's services
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Reads what C(evenkeel.release.provision) recorded for an environment.
  - The record in O(evenkeel_state_dir) comes first, then the last provision outcome in the ledger. An environment with the provider
    V(existing) has no record; it is read from its service documents and C(ansible_host).
options:
  _terms:
    description: Names of environments.
    required: true
    type: list
    elements: str
  service:
    description: Return the endpoints of this service alone.
    type: str
  evenkeel_state_dir:
    description: Folder of Evenkeel's state. The variable of this name comes first, then E(EVENKEEL_STATE_DIR).
    type: str
    default: ~/.local/state/evenkeel
    env:
      - name: EVENKEEL_STATE_DIR
    vars:
      - name: evenkeel_state_dir
"""

EXAMPLES = r"""
- name: Show where staging's database listens
  ansible.builtin.debug:
    msg: "{{ lookup('evenkeel.release.endpoints', 'staging', service='database') }}"
"""

RETURN = r"""
_raw:
  description: Per term, C({service - {host - {address, ports, paths}}}), or with O(service) that service's C({host - ...}).
  type: list
  elements: dict
  sample:
    - database: {staging-db: {address: 127.0.0.1, ports: {main: 20001}, paths: {root: /srv/evenkeel/staging/database}}}
"""

import json
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision import record
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision.errors import ProvisionError


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        return [self._endpoints(str(term), variables or {}) for term in terms]

    def _endpoints(self, environment: str, variables: dict[str, Any]) -> Any:
        try:
            found = record.read(self._state_dir(), environment)
            if not found:
                documents = self._documents(environment, variables)
                # What the inventory declares of hosts that are there is newer than what an earlier run saw.
                declared = documents["environment"].get("provider") == "existing"
                found = None if declared else self._from_ledger(environment, variables)
                found = found or record.of_existing(environment, documents)
        except ProvisionError as exc:
            raise AnsibleLookupError(str(exc)) from exc
        service = self.get_option("service")
        if service is None:
            return found
        if service not in found:
            known = ", ".join(sorted(found)) or "none"
            raise AnsibleLookupError(f"Environment {environment} has no endpoints of service {service!r}; it has those of {known}.")
        return found[service]

    def _state_dir(self) -> str:
        # Variables that set options of a lookup reach it as they were written; as a path the template would be spoiled.
        return str(self._templar.template(self.get_option("evenkeel_state_dir")))

    def _from_ledger(self, environment: str, variables: dict[str, Any]) -> Any:
        from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.settings import ledger_url

        url = self._templar.template(variables.get("evenkeel_ledger_url")) if variables.get("evenkeel_ledger_url") else None
        known = {"evenkeel_ledger_url": url, "evenkeel_state_dir": self._state_dir()}
        return record.from_ledger(ledger_url(known.get), environment)

    def _documents(self, environment: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What the inventory says of the environment, read through one of its hosts."""
        groups, hostvars = variables.get("groups", {}), variables.get("hostvars", {})
        hosts = groups.get(environment) or []
        if not hosts:
            return {"groups": _plain(dict(groups)), "addresses": {}, "services": {}, "environment": {}}
        first = hostvars[hosts[0]]
        return {
            "groups": _plain(dict(groups)),
            "addresses": {host: str(hostvars[host].get("ansible_host", host)) for host in hosts},
            "services": _plain(first.get("evenkeel_services", {})),
            "environment": _plain(first.get("evenkeel_environment", {})),
        }
