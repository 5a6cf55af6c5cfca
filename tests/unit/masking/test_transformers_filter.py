# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter says what it takes, and takes what the transformers do."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.filter import mask as plugin
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS

KEY = "k" * 16
OPTIONS = yaml.safe_load(plugin.DOCUMENTATION)["options"]


def test_all_transformers_and_options_are_documented() -> None:
    assert OPTIONS["transformer"]["choices"] == sorted(TRANSFORMERS)
    wanted = {name: option for found in TRANSFORMERS.values() for name, option in found.options.items()}
    assert set(OPTIONS) == {"_input", "transformer", "key", "domain", "entity", "entity_name", *wanted}
    for name, option in wanted.items():
        assert tuple(OPTIONS[name].get("choices", ())) == option.choices


def test_options_reach_the_transformer() -> None:
    found = plugin.mask(4711, "digits", key=KEY, unique=True, domain="number")
    assert found == mask_value("4711", "digits", key=KEY, unique=True, domain="number")
    assert plugin.mask("Jane", "constant", key=KEY, value="x") == "x"
    assert plugin.mask(None, "email", key=KEY) is None
    by_entity = plugin.mask("Jane", "name", key=KEY, entity=7, entity_name="customer")
    assert by_entity == mask_value("Jane", "name", key=KEY, entity="7", entity_name="customer")


def test_a_fault_is_a_fault_of_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match="national_id needs the option 'country'"):
        plugin.mask("1", "national_id", key=KEY)
