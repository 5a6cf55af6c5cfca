# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.filter.witnesses import FilterModule
from ansible_collections.evenkeel.release.plugins.plugin_utils._forensics.witnesses import witnesses
from hypothesis import given
from hypothesis import strategies as st

HOSTS = st.lists(st.sampled_from([f"h{number}" for number in range(20)]), unique=True)


def test_who_is_in_trouble_comes_first_and_only_hosts_of_the_release_are_asked() -> None:
    problems = [{"host": "w3"}, {"host": "lb1"}, {"host": "w3"}]
    assert witnesses(problems, touched=["w1", "w3"], started=["w2"], staged=["w1", "w2", "w3", "w4"]) == ["w3", "w1", "w2"]


@given(HOSTS, HOSTS, HOSTS, HOSTS)
def test_no_host_twice_and_no_more_than_so_many(troubled: list[str], touched: list[str], started: list[str], staged: list[str]) -> None:
    found = witnesses([{"host": host} for host in troubled], touched=touched, started=started, staged=staged, most=3)
    assert len(found) == len(set(found)) == min(3, len({*troubled, *touched, *started} & set(staged)))


def test_a_deployment_that_did_not_begin_has_none() -> None:
    ask = FilterModule().filters()["witnesses"]
    assert ask({}) == []
    known = {"deploy_problems": [{"host": "w2"}], "deploy_hosts": {"stage": ["w1", "w2"], "start": ["w1"]}, "deploy_order": None}
    assert ask(known) == ["w2", "w1"]
