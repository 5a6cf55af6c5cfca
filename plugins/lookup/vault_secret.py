# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: vault_secret
author: Evenkeel contributors (@evenkeel)
version_added: 0.1.0
short_description: Secrets of an OpenBao or Vault server, read once for the whole run
description:
  - Reads secrets of a key/value engine, version 2.
  - All hosts, tasks and references of one run of C(ansible-playbook) share one login, and each secret is read once.
    The first version that is read is the one that everybody sees until the run ends.
  - The values are kept in the memory of one helper process, which no other user can ask. It revokes the token that it
    got by logging in when the run ends, also when the run is killed.
  - Give a mapping to get a mapping. A variable with a lookup is worked out again at each reference, so one
    lookup for all names is much faster than one lookup per name.
  - Lookups can't mark what they return as secret. Put C(no_log=true) on tasks that show their arguments or results.
requirements:
  - hvac >= 2.3 in the Python of ansible-core
options:
  _terms:
    description:
      - Mappings of names to secrets, or secrets.
      - A secret is written V(path#key) for one key, or V(path) for all its keys as a mapping. Append V(@version) for
        another version than the newest.
    required: true
    type: list
    elements: raw
  report:
    description: Return what is known of each secret instead of its value, and no fault fails the lookup.
    type: bool
    default: false
extends_documentation_fragment:
  - evenkeel.release._vault
"""

EXAMPLES = r"""
# group_vars/staging.yml: one lookup for all names, then {{ secrets.db_password }} in templates
# secrets_wanted:
#   db_password: shop/staging/db#password
#   api_token: shop/staging/api#token@3
# secrets: "{{ lookup('evenkeel.release.vault_secret', secrets_wanted) }}"

- name: One value
  ansible.builtin.set_fact:
    db_password: "{{ lookup('evenkeel.release.vault_secret', 'shop/staging/db#password') }}"
  no_log: true

- name: All keys of a secret, with AppRole
  ansible.builtin.set_fact:
    database: "{{ lookup('evenkeel.release.vault_secret', 'shop/staging/db') }}"
  vars:
    evenkeel_vault_url: https://vault.example.com:8200
    evenkeel_vault_auth_method: approle
  no_log: true

- name: Which versions would be read, without values
  ansible.builtin.debug:
    msg: "{{ lookup('evenkeel.release.vault_secret', {'db': 'shop/staging/db#password'}, report=true) }}"
"""

RETURN = r"""
_raw:
  description:
    - One element per term. A mapping term gives a mapping with the same names, a string term gives one value.
    - With O(report=true), one mapping with RV(_raw[].faults), RV(_raw[].secrets) and RV(_raw[].ttl).
  type: list
  elements: raw
  contains:
    faults:
      description: What is wrong, one sentence each. Only with O(report=true).
      type: list
      elements: str
    secrets:
      description: Per secret its C(name), C(secret) (mount and path), C(key), C(ok), C(version). With O(report=true).
      type: list
      elements: dict
    ttl:
      description: Seconds that the token lives, if it ends. Only with O(report=true).
      type: int
"""

import json
import multiprocessing
import os
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import access_from
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.client import read_values
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import SecretsError
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import Run, run_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import fill, parse_terms, wants_of


def this_run() -> Run:
    """Ansible's workers are forks of the main process; a lookup may also run in the main process itself."""
    parent = multiprocessing.parent_process()
    in_worker = type(multiprocessing.current_process()).__name__ == "WorkerProcess"
    return run_of(parent.pid if in_worker and parent and parent.pid else os.getpid())


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        # Plain data: terms and variables may carry tags, and values of variables are not templated yet.
        options = json.loads(json.dumps(self._templar.template(self.get_options())))
        try:
            shapes = parse_terms(json.loads(json.dumps(terms)), mount=options["mount"].strip("/"))
            wants = wants_of(shapes)
            if options["report"]:
                # Each worker compiles what it imports, so the rare path is imported when it is taken.
                from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.report import report

                return [report(this_run(), options, wants)]
            return fill(shapes, read_values(this_run(), access_from(options), wants))
        except SecretsError as exc:
            raise AnsibleLookupError(f"evenkeel.release.vault_secret: {exc}") from None
