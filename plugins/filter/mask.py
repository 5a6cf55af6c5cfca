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
    description: What kind of value it is.
    type: str
    required: true
    choices: [name, first_name, last_name, email, phone, street, city, postcode, date_shift, card, iban, uuid, token, hash, text, 'null', constant]
  key:
    description: The masking key, at least 16 bytes. Take it from a vault.
    type: str
    required: true
  domain:
    description: Values of one domain get the same mask wherever they stand. The name of the transformer by default.
    type: str
  days:
    description: The most days that V(date_shift) moves a date, 30 by default.
    type: int
  value:
    description: The value of V(constant).
    type: raw
"""

EXAMPLES = r"""
- name: Find a customer of production in the masked copy
  ansible.builtin.debug:
    msg: "{{ 'jane.doe@example.com' | evenkeel.release.mask('email', key=secrets.masking_key) }}"

- name: The name that orders carry too
  ansible.builtin.debug:
    msg: "{{ 'Jane Doe' | evenkeel.release.mask('name', key=secrets.masking_key, domain='person') }}"
"""

RETURN = r"""
_value:
  description: The masked value, or None for None.
  type: raw
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import KeyTooShort
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import MaskingError


def mask(value: Any, transformer: str, *, key: str, domain: str | None = None, **options: Any) -> str | None:
    try:
        return mask_value(
            None if value is None else str(value),
            str(transformer),
            key=str(key),
            domain=None if domain is None else str(domain),
            **options,
        )
    except (MaskingError, KeyTooShort) as exc:
        raise AnsibleFilterError(f"evenkeel.release.mask: {exc}") from exc


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str | None]]:
        return {"mask": mask}
