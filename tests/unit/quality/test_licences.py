# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import licences, packages

ALLOW, DENY = ["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"], ["AGPL-3.0-only", "GPL-2.0-only"]
# expression: denied, unlisted with both lists
JUDGED = {
    "MIT": (False, False),
    "MIT AND Apache-2.0": (False, False),
    "MIT OR AGPL-3.0-only": (False, False),  # one may choose
    "MIT AND AGPL-3.0-only": (True, False),
    "AGPL-3.0-only": (True, False),
    "BSD-3-Clause": (False, True),
    "BSD-3-Clause OR MIT": (False, False),
    "BSD-3-Clause AND MIT": (False, True),
    "BSD-3-Clause OR AGPL-3.0-only": (False, True),
    "(MIT OR BSD-3-Clause) AND (Apache-2.0 OR AGPL-3.0-only)": (False, False),
    "GPL-2.0-only": (True, False),
    "GPL-2.0-only WITH Classpath-exception-2.0": (False, False),
    "GPL-2.0-only WITH GCC-exception-2.0": (True, False),
    "Apache-2.0 WITH LLVM-exception": (False, False),
    "LicenseRef-ours": (False, True),
}


@pytest.mark.parametrize("expression", JUDGED)
def test_lists(expression: str) -> None:
    denied, unlisted = JUDGED[expression]
    found = licences.judge([licences.normal(expression)], allow=ALLOW, deny=DENY)
    assert (bool(found["denied"]), bool(found["unlisted"])) == (denied, unlisted)


def test_without_a_list_of_allowed_ones_everything_else_is() -> None:
    assert licences.judge(["BSD-3-Clause", "MIT AND GPL-2.0-only"], deny=DENY) == {"denied": ["MIT AND GPL-2.0-only"], "unlisted": []}


def test_old_names_mean_the_same() -> None:
    assert licences.judge([licences.normal("GPL-2.0")], deny=["GPL-2.0-only"])["denied"] == ["GPL-2.0-only"]
    assert licences.judge(["GPL-2.0-only"], deny=["GPL-2.0"])["denied"] == ["GPL-2.0-only"]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("mit", "MIT"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("(MIT)", "MIT"),
        ("MIT OR", ""),
        ("MIT/X11", ""),
        ("BSD License", ""),
        ("NONE", ""),
        ("NOASSERTION", ""),
        ("", ""),
        ("MIT AND NOASSERTION", ""),
        ("(" * 400 + "MIT" + ")" * 400, "MIT"),
        ("MIT OR " * 400, ""),
        ("LicenseRef-ours", "LicenseRef-ours"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert licences.normal(text) == normal


def test_several_licences_of_a_package_all_hold() -> None:
    assert packages.licence_of("", ["MIT", "Apache-2.0"]) == "MIT AND Apache-2.0"
    assert packages.licence_of("", ["MIT OR Apache-2.0", "BSD-2-Clause"]) == "(MIT OR Apache-2.0) AND BSD-2-Clause"
    assert packages.licence_of("", ["BSD-3-Clause", "License :: OSI Approved :: BSD License"]) == "BSD-3-Clause"
    assert packages.licence_of("", ["MIT", "some words"]) == ""
    assert packages.licence_of("", []) == ""


def test_a_typing_error_in_a_list_is_told() -> None:
    assert licences.faults({"allow": ["MIT", "LicenseRef-ours"], "deny": ["AGPL-3.0", "AGPL3"]}) == ["deny: AGPL3"]
    assert licences.faults({"allow": ["MIT OR Apache-2.0"]}) == ["allow: MIT OR Apache-2.0"]
