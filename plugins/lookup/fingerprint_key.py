# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fingerprint_key
author: Evenkeel contributors (@evenkeel)
version_added: 0.1.0
short_description: The key of the fingerprints that stand for secrets in snapshots
description:
  - Snapshots hold keyed fingerprints (HMAC with SHA-256) in place of secrets. Who has the key can compare secrets, and can try out guesses of
    weak ones. Who has a snapshot alone can do neither.
  - Each term has a key of its own. Fingerprints of two environments can be compared when both used the same term.
  - With O(transit_key) the key is what a transit engine of OpenBao or Vault answers for a fixed text, so that the engine's own key never leaves it.
    The hosts get the derived key of this term and do not talk to the server.
  - Without it the key is derived from a file on the controller, which is made, readable by its owner alone, when it is missing. Two runs that make
    it at once agree. In check mode nothing is made; a key for this one run is given when there is no file.
  - Under another key no older baseline can be compared. Rotating the transit key makes another key, unless O(transit_key_version) names one.
requirements:
  - hvac >= 2.3 in the Python of ansible-core, with O(transit_key)
options:
  _terms:
    description: Purpose and environment, V(drift/staging) or V(drift/shared).
    required: true
    type: list
    elements: str
  transit_key:
    description: Name of the transit key.
    type: str
    vars:
      - name: evenkeel_fingerprint_transit_key
  transit_mount:
    description: Where the transit engine is mounted.
    type: str
    default: transit
    vars:
      - name: evenkeel_fingerprint_transit_mount
  transit_key_version:
    description: Version of the transit key. By default the newest one.
    type: int
    vars:
      - name: evenkeel_fingerprint_transit_key_version
  key_file:
    description: File with the key when there is no O(transit_key). By default C(drift.key) in the state directory.
    type: str
    vars:
      - name: evenkeel_fingerprint_key_file
  state_dir:
    description: The state directory, for the default of O(key_file).
    type: str
    default: ~/.local/state/evenkeel
    env:
      - name: EVENKEEL_STATE_DIR
    vars:
      - name: evenkeel_state_dir
extends_documentation_fragment:
  - evenkeel.release._vault
"""

EXAMPLES = r"""
- name: Read the configuration of the shop
  evenkeel.release.drift_snapshot:
    config: [/etc/shop/shop.ini]
    fingerprint_key: "{{ lookup('evenkeel.release.fingerprint_key', 'drift/staging') }}"

- name: The same with a key that is derived from a transit key
  evenkeel.release.drift_snapshot:
    config: [/etc/shop/shop.ini]
    fingerprint_key: "{{ lookup('evenkeel.release.fingerprint_key', 'drift/shared', transit_key='drift') }}"
  vars:
    evenkeel_vault_url: https://vault.example.com:8200
    evenkeel_vault_auth_method: approle
"""

RETURN = r"""
_raw:
  description: One key per term, as text. It is a secret.
  type: list
  elements: str
"""

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.keys import KeyFault, from_file
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import access_from
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import SecretsError


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        # Plain data: terms and variables may carry tags, and values of variables are not templated yet.
        options = json.loads(json.dumps(self._templar.template(self.get_options())))
        check_mode = bool((variables or {}).get("ansible_check_mode", False))
        try:
            return [_key(term, options, check_mode=check_mode) for term in json.loads(json.dumps(terms))]
        except (KeyFault, SecretsError) as exc:
            raise AnsibleLookupError(f"evenkeel.release.fingerprint_key: {exc}") from None


def _key(term: Any, options: dict[str, Any], *, check_mode: bool) -> str:
    if options["transit_key"]:
        return _from_transit(str(term), options)
    path = Path(options["key_file"] or Path(options["state_dir"], "drift.key")).expanduser()
    return from_file(path, str(term), make=not check_mode)


def _from_transit(term: str, options: dict[str, Any]) -> str:
    access = access_from(options)
    try:
        # Each worker compiles what it imports, and most keys are in a file.
        from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.transit import from_transit
    except ImportError as exc:
        raise KeyFault(f"The Python of ansible-core can't import {exc.name}. Install it there: pip install hvac") from exc
    version = options["transit_key_version"]
    return from_transit(access, mount=options["transit_mount"].strip("/"), name=options["transit_key"], term=term, version=version)
