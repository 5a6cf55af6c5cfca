# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Environment, environment_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source


def environment(name: str, stage: int, *upstreams: Any) -> Environment:
    document = {"name": name, "stage": stage, "kind": "permanent", "promotion": {"from": list(upstreams)}}
    return Environment(name, (f"{name}1",), document, {}, Source("hosts.yml"), Source("hosts.yml"))


@pytest.mark.parametrize(
    ("upstreams", "faults"),
    [
        (("dev", "qa"), []),
        (("prod",), ["promotion.from[0]"]),  # itself
        (("dev", "later"), ["promotion.from[1]"]),
        (("qe",), ["promotion.from[0]"]),
        ((5,), ["promotion.from[0]"]),
    ],
)
def test_more_upstreams_come_from_earlier_stages(upstreams: tuple[Any, ...], faults: list[str]) -> None:
    known = [environment("dev", 1), environment("qa", 2), environment("prod", 3, *upstreams), environment("later", 4)]
    found = environment_faults(known, {each.name: list(each.hosts) for each in known})
    assert [fault.path for fault in found] == faults
    if upstreams == ("qe",):
        assert found[0].allowed == "an environment of a stage before 3: dev, qa"
