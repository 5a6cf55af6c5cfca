# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loads count is what the balancer counts, and what is no answer of theirs is a failure."""

from __future__ import annotations

import time

import pytest
from ansible_collections.evenkeel.release.tests.bench import _load
from ansible_collections.evenkeel.release.tests.bench._runner import Bench

from .load import Load


@pytest.fixture(params=["python", "native"])
def users(request, tmp_path_factory):
    """Makes a load; both kinds take the same."""
    if request.param == "python":
        return Load
    binary = _load.built(Bench(tmp_path_factory.mktemp("load")))
    if binary is None:
        pytest.skip("no C compiler")
    return lambda port, **more: _load.Native(binary, port, bodies=("blue", "green"), **more)


def answered(balancer):
    return sum(pool["hrsp_2xx"] for pool in balancer.driver.balancer.backends().values())


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "close"])
def test_every_request_is_counted_once(one, users, keep_alive):
    before = answered(one)
    with users(one.port, keep_alive=keep_alive) as load:
        time.sleep(0.3)
    assert load.seen.failed == 0, load.seen.reasons
    assert len(load.seen.began) == answered(one) - before
    assert set(load.seen.letter) == {ord("b")}
    assert all(took >= 0 for took in load.seen.took)
    assert load.seen.began[0] < time.monotonic() < load.seen.began[0] + 60


def test_a_page_is_a_failure_that_is_named(one, users):
    with users(one.port) as load:
        one.driver.close("shop", 30)
        time.sleep(0.2)
    one.driver.open("shop")
    assert load.seen.failed > 0
    assert set(load.seen.reasons) & {"503", "status 503"}


def test_a_balancer_that_dies_is_a_failure(one, users):
    with users(one.port) as load:
        one.kill()
        time.sleep(0.2)
    one.start()
    assert load.seen.failed > 0
    assert len(load.seen.status) == len(load.seen.began)


def test_another_body_is_a_failure_of_the_native_load(one, tmp_path):
    binary = _load.built(Bench(tmp_path))
    if binary is None:
        pytest.skip("no C compiler")
    with _load.Native(binary, one.port, bodies=("red",)) as load:
        time.sleep(0.1)
    assert load.seen.reasons == {"wrong body": len(load.seen.began)}
