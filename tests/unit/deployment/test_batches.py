# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import batches
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from hypothesis import given
from hypothesis import strategies as st


def hosts(text):
    """`a1 a2 b1/9`: the letter is the zone, what follows a slash the rank."""
    made = []
    for word in text.split():
        name, _slash, rank = word.partition("/")
        made.append({"name": name, "zone": name[0], "rank": int(rank or 0)})
    return made


@pytest.mark.parametrize(
    ("names", "sizes", "min_healthy", "expected"),
    [
        ("", [1], 0, ""),
        ("a1 a2 a3", [1], 0, "a1 | a2 | a3"),
        ("a2 a1", [5], 0, "a1 a2"),
        ("a1 a2 a3 a4", [1, 2], 0, "a1 | a2 a3 | a4"),
        ("a1 a2 a3 a4", ["25%", "50%"], 0, "a1 | a2 a3 | a4"),
        ("a1 a2 a3", ["10%"], 0, "a1 | a2 | a3"),
        ("a1 a2 b1 b2", [3], 0, "a1 a2 | b1 b2"),
        ("a1 a2 a3 b1", ["zone"], 0, "a1 a2 a3 | b1"),
        ("a1 a2 a3 a4", ["zone"], "75%", "a1 | a2 | a3 | a4"),
        ("a1 a2 a3 a4 a5", [5], "quorum", "a1 a2 | a3 a4 | a5"),
        ("a1/9 a2 b1", [3], 0, "a2 | b1 | a1"),
        ("a1 a2 a3 a4", ["100%"], "50%", "a1 a2 | a3 a4"),
    ],
)
def test_table(names, sizes, min_healthy, expected):
    made = batches.make(hosts(names), sizes=sizes, min_healthy=min_healthy)
    assert " | ".join(" ".join(batch) for batch in made) == expected


@pytest.mark.parametrize(
    ("sizes", "min_healthy", "said"),
    [([1], 3, "so that none may be replaced"), ([1], "100%", "so that none"), (["half"], 0, "'half' is no number of hosts"), ([1], "-1", "'-1' is no number")],
)
def test_refusals(sizes, min_healthy, said):
    with pytest.raises(DeploymentError, match=said):
        batches.make(hosts("a1 a2 a3"), sizes=sizes, min_healthy=min_healthy)


fleets = st.lists(
    st.fixed_dictionaries({"name": st.text("abcdef", min_size=1, max_size=4), "zone": st.sampled_from("xyz"), "rank": st.integers(0, 2)}),
    min_size=1,
    max_size=30,
    unique_by=lambda host: host["name"],
)
amounts = st.one_of(st.integers(1, 40), st.integers(1, 100).map("{}%".format))


@given(fleets, st.lists(st.one_of(amounts, st.just("zone")), min_size=1, max_size=4), st.one_of(st.just("quorum"), st.integers(0, 99).map("{}%".format)))
def test_every_host_once_one_zone_at_a_time_and_enough_of_them_serve(fleet, sizes, min_healthy):
    needed = batches.healthy(min_healthy, len(fleet))
    if needed >= len(fleet):
        with pytest.raises(DeploymentError):
            batches.make(fleet, sizes=sizes, min_healthy=min_healthy)
        return
    made = batches.make(fleet, sizes=sizes, min_healthy=min_healthy)
    known = {host["name"]: host for host in fleet}
    assert sorted(name for batch in made for name in batch) == sorted(known)
    for batch in made:
        assert len({known[name]["zone"] for name in batch}) == 1
        assert len(fleet) - len(batch) >= needed
    ranks = [known[name]["rank"] for batch in made for name in batch]
    assert ranks == sorted(ranks)
    assert made == batches.make(list(reversed(fleet)), sizes=sizes, min_healthy=min_healthy)


@pytest.mark.parametrize(
    ("surge", "made"),
    [(True, [["h0", "h1", "h2", "h3"]]), (1, [["h0"], ["h1"], ["h2"], ["h3"]]), ("50%", [["h0", "h1"], ["h2", "h3"]])],
)
def test_with_surge_only_the_hosts_that_may_run_both_limit_a_batch(surge, made):
    hosts = [{"name": f"h{number}"} for number in range(4)]
    assert batches.make(hosts, sizes=[4], min_healthy=4, surge=surge) == made
