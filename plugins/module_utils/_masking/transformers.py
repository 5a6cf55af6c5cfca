# SPDX-License-Identifier: GPL-3.0-or-later
"""Version 1 of every transformer, in Python and over the dialects of SQL. Tests prove all of them equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dictionaries import HOST
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_kinds import (
    ANY,
    DATE,
    IP,
    TEXT,
    TIMESTAMP,
    UUID,
    MaskingError,
    Option,
    Transformer,
)
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_numbers import NUMBERS
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_plain import PLAIN, REDACTED
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_shapes import SHAPES
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_words import WORDS

__all__ = (
    "ANY",
    "DATE",
    "IP",
    "MASK_DOMAIN",
    "REDACTED",
    "TEXT",
    "TIMESTAMP",
    "TRANSFORMERS",
    "UUID",
    "MaskingError",
    "Option",
    "Transformer",
    "check",
    "option_faults",
)

MASK_DOMAIN = HOST
TRANSFORMERS: dict[str, Transformer] = {**WORDS, **SHAPES, **NUMBERS, **PLAIN}


def option_faults(name: str, options: Mapping[str, Any]) -> list[str]:
    """Every fault of the options of a transformer, without the values."""
    known = TRANSFORMERS[name].options
    faults = [f"{name} has no option {unknown!r}; it has {', '.join(known) or 'none'}." for unknown in sorted(set(options) - set(known))]
    for key, wanted in known.items():
        if key not in options:
            if wanted.default is None:
                faults.append(f"{name} needs the option {key!r}: {wanted.schema()['description']}.")
            continue
        fault = wanted.fault(options[key])
        if fault:
            faults.append(f"{name}: {key} must be {fault}.")
    return faults


def check(name: str, options: Mapping[str, Any]) -> Transformer:
    """The transformer of that name, when its options are good."""
    if name not in TRANSFORMERS:
        raise MaskingError(f"There is no transformer {name!r}; there are {', '.join(sorted(TRANSFORMERS))}.")
    faults = option_faults(name, options)
    if faults:
        raise MaskingError(" ".join(faults))
    return TRANSFORMERS[name]
