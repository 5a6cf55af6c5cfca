# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: mask
short_description: Mask one value as a data synchronization does
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Gives the value that M(evenkeel.release.data_sync) writes for the same value, transformer, key and domain.
  - The same input always gives the same output; without the key nobody can tell which input it was.
positional: _input, transformer
options:
  _input:
    description: The value, as the text PostgreSQL shows for it. None is NULL and stays None.
    type: raw
    required: true
  transformer:
    description: What kind of value it is. The reference of the masks says what each one makes.
    type: str
    required: true
    choices:
      - card
      - city
      - company
      - constant
      - date_shift
      - digits
      - email
      - first_name
      - hash
      - iban
      - ip
      - last_name
      - mac
      - name
      - national_id
      - 'null'
      - phone
      - postcode
      - street
      - text
      - token
      - url
      - username
      - uuid
  key:
    description: The masking key, at least 16 bytes. Take it from a vault.
    type: str
    required: true
  domain:
    description: Values of one domain get the same mask wherever they stand. The name of the transformer by default.
    type: str
  entity:
    description: The text of the entity's key, for a column that the policy masks by entity. Needs O(entity_name).
    type: str
  entity_name:
    description: The name of the kind of entity, as the policy says it. Needs O(entity).
    type: str
  unique:
    description: Whether V(phone), V(digits) and V(username) give every value a mask of its own.
    type: bool
  days:
    description: The most days that V(date_shift) moves a date, from 1 to 3650, 30 by default.
    type: int
  host:
    description: What stands after the @ in V(email), of a domain that RFC 2606 reserves. V(example.test) by default.
    type: str
  bytes:
    description: Half the number of digits in V(token), from 8 to 32, 8 by default.
    type: int
  country:
    description: Whose numbers V(national_id) makes, needed by it.
    type: str
    choices: [us, de, fr, es, pl, gb]
  network:
    description: Whose test cards V(card) makes, V(visa) by default.
    type: str
    choices: [visa, mastercard]
  prefix:
    description: Bits of an IPv4 address that V(ip) keeps, 16 by default.
    type: int
    choices: [0, 8, 16, 24]
  prefix6:
    description: Bits of an IPv6 address that V(ip) keeps, 32 by default.
    type: int
    choices: [0, 16, 32]
  value:
    description: The value of V(constant), needed by it.
    type: raw
"""

EXAMPLES = r"""
- name: Find a customer of production in the masked copy
  ansible.builtin.debug:
    msg: "{{ 'jane.doe@example.com' | evenkeel.release.mask('email', key=secrets.masking_key) }}"

- name: The name that orders carry too
  ansible.builtin.debug:
    msg: "{{ 'Jane Doe' | evenkeel.release.mask('name', key=secrets.masking_key, domain='person') }}"

- name: The birth date of customer 4711, whose columns are masked by entity
  ansible.builtin.debug:
    msg: "{{ '1980-05-17' | evenkeel.release.mask('date_shift', key=secrets.masking_key, entity='4711', entity_name='customer', days=90) }}"
"""

RETURN = r"""
_value:
  description: The masked value, or None for None.
  type: raw
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _plain(value: Any) -> Any:
    """Out of a template a text or a number may be of a subclass that only Ansible knows."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return str(value) if isinstance(value, str) else value


def mask(given: Any, /, transformer: str, *, key: str, domain: str | None = None, **options: Any) -> str | None:
    # Slow to load, and every filter is loaded by each task that uses one.
    from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import KeyTooShort
    from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
    from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import MaskingError

    words = {name: _plain(value) for name, value in options.items() if value is not None}
    words.update({name: str(words[name]) for name in ("entity", "entity_name") if name in words})
    try:
        return mask_value(
            None if given is None else str(given),
            str(transformer),
            key=str(key),
            domain=None if domain is None else str(domain),
            **words,
        )
    except (MaskingError, KeyTooShort) as exc:
        raise AnsibleFilterError(f"evenkeel.release.mask: {exc}") from exc


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str | None]]:
        return {"mask": mask}
