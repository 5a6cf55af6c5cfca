# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

SHOP = Path(__file__).resolve().parents[3] / "demo/shop"
NAME = "new-checkout"


@pytest.fixture(scope="module")
def flags():
    before = set(sys.modules)
    sys.path.insert(0, str(SHOP))
    try:
        import shop.flags

        yield shop.flags
    finally:
        sys.path.remove(str(SHOP))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "shop":
                del sys.modules[name]


def flag(**more):
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **more}


@pytest.mark.parametrize(
    "written",
    [
        flag(),
        flag(defaultVariant="on"),
        flag(targeting={"fractional": [["on", 5], ["off", 95]]}),
        flag(targeting={"fractional": [["on", 125], ["off", 875]]}),
        flag(targeting={"if": [False, {"fractional": [["on", 50], ["off", 50]]}, "off"]}),
    ],
)
def test_everybody_gets_what_flagd_gives(flags, written):
    core = FlagdCore()
    core.set_flags(json.dumps({"flags": {NAME: written}}))
    for number in range(400):
        found = core.resolve_boolean_value(NAME, False, EvaluationContext(str(number), {})).value
        assert flags.evaluate(NAME, written, str(number)) == ("on" if found else "off")


def test_a_file_is_read_again_and_a_broken_one_changes_nothing(flags, tmp_path, monkeypatch):
    monkeypatch.setattr(flags, "LOOK_EVERY", 0.0)
    path = tmp_path / "flags.json"
    read = flags.Flags(str(path))
    assert read.variant(NAME, "1") == "off"
    for number, text in enumerate((json.dumps({"flags": {NAME: flag(defaultVariant="on")}}), "{")):
        path.write_text(text)
        os.utime(path, (number, number))
        assert read.variant(NAME, "1") == "on"
    assert flags.Flags("").variant(NAME, "1") == "off"


def test_who_a_request_is_about(flags):
    assert flags.subject_of("/customers/7", {}) == "7"
    assert flags.subject_of("/orders", {"customer": ["8"]}) == "8"
    assert flags.subject_of("/", {}) == ""
