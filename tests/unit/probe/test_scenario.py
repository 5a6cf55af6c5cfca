# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe import transport
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan, summary
from ansible_collections.evenkeel.release.plugins.module_utils._probe.scenario import pointed
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.plugins.module_utils._probe.variables import Unset, censor, fill, fill_path
from ansible_collections.evenkeel.release.tests.unit.probe.shop_app import CANCEL, CSRF, LOGIN, ORDER, PASSWORD, SESSION, Shop, running, scenario
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running() as server:
        yield server


def run(probe: dict[str, Any], deadline: float = 30) -> dict[str, Any]:
    specs, faults = complete([probe])
    assert faults == []
    return Engine(Plan(deadline=deadline, concurrency=4)).run(specs)[0]


def faults_of(**more: Any) -> list[str]:
    return complete([scenario("http://h", **more)])[1]


def test_a_user_logs_in_orders_waits_and_leaves_no_trace(shop: Shop) -> None:
    limits = [{"metric": "step.order.ms", "op": "lt", "value": 5000}, {"metric": "error_rate", "value": 0}]
    result = run(scenario(shop.url, conditions=limits))
    assert result["verdict"] == "passed", result
    assert shop.seen == [
        *[("GET", "/login"), ("POST", "/login"), ("GET", "/home"), ("POST", "/orders")],
        *[("GET", "/orders/41"), ("GET", "/orders/41"), ("DELETE", "/orders/41")],
    ]
    assert json.loads(shop.bodies[3]) == {"sku": "A 1", "count": 2}
    assert shop.orders == {}
    steps = result["steps"]
    assert [(step["name"], step["phase"], step["state"], step["attempts"]) for step in steps] == [
        ("form", "step", "passed", 1),
        ("log in", "step", "passed", 1),
        ("order", "step", "passed", 1),
        ("wait until it is paid", "step", "passed", 2),
        ("cancel", "cleanup", "passed", 1),
    ]
    for step in steps:
        assert {"ms", "after_ms", "connect_ms", "ttfb_ms", "total_ms", "status", "bytes"} <= set(step)
    assert [step["after_ms"] for step in steps] == sorted(step["after_ms"] for step in steps)


def test_a_scenario_meets_its_time_limit_or_not(shop: Shop) -> None:
    result = run(scenario(shop.url, conditions=[{"metric": "step.order.ms", "op": "lt", "value": 0}]))
    assert result["verdict"] == "failed"
    assert "step.order.ms" in result["reason"]


def test_the_clean_up_runs_after_a_failed_step_and_knows_what_it_made(shop: Shop) -> None:
    wrong = {**ORDER[0], "expect": [{"metric": "status", "value": 200}]}
    result = run(scenario(shop.url, steps=[*LOGIN, wrong, ORDER[1]]))
    assert (result["verdict"], shop.orders) == ("failed", {})
    assert "step order (POST /orders): status is 201, allowed: = 200" in result["reason"]
    assert [step["name"] for step in result["steps"]] == ["form", "log in", "order", "cancel"]


def test_there_is_nothing_to_clean_up_when_nothing_was_made(shop: Shop) -> None:
    result = run(scenario(shop.url, secrets={"password": "not the right one"}))
    assert result["verdict"] == "failed"
    assert (result["steps"][-1]["state"], result["steps"][-1]["reason"]) == ("skipped", "$(id) was never set")
    assert ("DELETE", "/orders/41") not in shop.seen


def test_a_clean_up_that_fails_is_told(shop: Shop) -> None:
    again = [*CANCEL, {**CANCEL[0], "name": "cancel again"}, {"name": "look", "path": "/echo"}]
    result = run(scenario(shop.url, cleanup=again))
    assert result["verdict"] == "failed"
    assert "the clean-up cancel again (DELETE /orders/$(id)): status is 404" in result["reason"]
    assert result["steps"][-1]["state"] == "passed"


@pytest.mark.parametrize(
    ("hostile", "verdict"),
    [
        ({"path": "/deep", "extract": {"x": {"jmespath": "a"}}}, "failed"),
        ({"path": "/deep", "expect": [{"metric": "json.a", "value": 1}, {"metric": "jmespath:a", "value": 1}]}, "failed"),
        ({"path": "/half", "extract": {"token": {"json": "/token"}, "name": {"json": "/name"}}, "expect": [{"metric": "json.name", "value": "x"}]}, "failed"),
        ({"path": "/half", "extract": {"half": {"regex": "(a)(b)?zzz"}}}, "failed"),
    ],
)
def test_no_answer_keeps_the_clean_up_from_running(shop: Shop, hostile: dict[str, Any], verdict: str) -> None:
    result = run(scenario(shop.url, steps=[*LOGIN, ORDER[0], {"name": "hostile", **hostile}]))
    assert (result["verdict"], result["steps"][-1]["state"], shop.orders) == (verdict, "passed", {}), result


def test_a_value_of_half_characters_can_be_sent(shop: Shop) -> None:
    take = {"name": "take", "path": "/half", "extract": {"name": {"json": "/name"}}}
    assert run(scenario(shop.url, steps=[take, {"name": "use", "path": "/echo/$(name)"}], cleanup=[]))["verdict"] == "passed"


def test_a_body_that_is_nested_too_deeply_meets_no_condition(shop: Shop) -> None:
    asked = [{"metric": "json.a", "value": 1}, {"metric": "jmespath:a", "op": "ne", "value": 1}]
    assert run({"name": "deep", "type": "http", "url": f"{shop.url}/deep", "conditions": asked})["verdict"] == "failed"


def test_a_wait_that_never_ends_leaves_time_for_the_clean_up(shop: Shop) -> None:
    shop.polls_until_paid = 10**9
    wait = {**ORDER[1], "attempts": 10**6}
    result = run(scenario(shop.url, steps=[*LOGIN, ORDER[0], wait], cleanup_timeout=5, timeout=60), deadline=6)
    assert (result["verdict"], shop.orders) == ("failed", {})
    assert "json.state is pending, allowed: = paid" in result["reason"]
    assert result["steps"][-2]["attempts"] > 1


def test_a_scenario_without_time_to_clean_up_is_not_begun(shop: Shop) -> None:
    result = run(scenario(shop.url, cleanup_timeout=5), deadline=2)
    assert (result["verdict"], shop.seen) == ("errored", [])
    assert "no time left" in result["reason"]


@pytest.mark.parametrize("secrets", [{"password": PASSWORD}, {"password": f"{PASSWORD}-wrong"}])
def test_no_secret_reaches_a_result(shop: Shop, secrets: dict[str, str]) -> None:
    told = [{"metric": "json.error", "value": "$(password)"}, {"metric": "cookie.sid", "value": "none"}]
    censored = 0
    ask = {"name": "error", "path": "/nothing/$(password)?$(csrf)", "headers": {"X-Key": "$(csrf)"}, "expect": told}
    for steps in ([*LOGIN, ask], [LOGIN[0], ask], [LOGIN[0], {**LOGIN[1], "expect": told}]):
        result = run(scenario(shop.url, secrets=secrets, steps=steps, cleanup=[]))
        assert result["verdict"] == "failed"
        whole = json.dumps([result, summary([result])])
        for secret in (*secrets.values(), SESSION, CSRF):
            assert secret not in whole
        censored += "***" in whole
    assert censored


def test_a_secret_typed_into_the_form_is_not_shown_either(shop: Shop) -> None:
    form = {"user": "probe", "password": "typed-into-the-form"}
    asked = [{"metric": "json.error", "value": "none"}]
    result = run(scenario(shop.url, steps=[{"name": "log in", "path": "/login", "form": form, "expect": asked}], cleanup=[]))
    assert "password *** is wrong" in result["reason"]
    assert "typed-into" not in str(result)


def test_values_of_answers_stay_inside_the_path(shop: Shop) -> None:
    take = {"name": "take", "path": "/echo", "extract": {"name": {"json": "/items/0/name"}}}
    use = {"name": "use", "path": "/echo/$(name)?q=$(name)"}
    assert run(scenario(shop.url, steps=[take, use], cleanup=[]))["verdict"] == "passed"
    assert shop.seen[-1] == ("GET", "/echo/a%20b%2Fc?q=a%20b%2Fc")


def test_values_of_answers_can_not_add_a_header(shop: Shop) -> None:
    take = {"name": "take", "path": "/echo", "extract": {"name": {"jmespath": "items[1].name"}}}
    use = {"name": "use", "path": "/echo", "headers": {"X-Name": "$(name)"}}
    result = run(scenario(shop.url, steps=[take, use], cleanup=[]))
    assert result["verdict"] == "failed"
    assert "control character into a header" in result["reason"]
    assert len(shop.seen) == 1


def test_redirects_are_answers_unless_the_step_follows_them(shop: Shop) -> None:
    moved = [{"metric": "status", "value": 302}, {"metric": "header.Location", "op": "contains", "value": "hopped"}]
    steps = [
        {"name": "stay", "path": "/hop", "expect": moved},
        {"name": "follow", "path": "/hop", "redirects": 3, "expect": [{"metric": "json.path", "value": "/echo?hopped=1"}]},
    ]
    assert run(scenario(shop.url, steps=steps, cleanup=[]))["verdict"] == "passed"


def test_a_body_does_not_follow_a_redirect_to_another_host(shop: Shop) -> None:
    step = {"name": "pay", "body": {"card": "of-the-customer"}, "redirects": 1, "expect": [{"metric": "status", "value": 200}]}
    with running() as other:
        result = run(scenario(shop.url, steps=[{**step, "path": f"/moved?{other.url}/echo"}], cleanup=[]))
        assert "it redirects the request's body to another host, which was not followed" in result["reason"]
        assert (result["verdict"], other.seen) == ("failed", [])
    assert run(scenario(shop.url, steps=[{**step, "path": "/moved?/echo"}], cleanup=[]))["verdict"] == "passed"
    assert json.loads(shop.bodies[-1]) == {"card": "of-the-customer"}


def test_headers_and_cookies_of_the_scenario_go_to_its_own_host_alone(shop: Shop) -> None:
    with running() as other:
        away = {"name": "away", "url": other.url.replace("127.0.0.1", "localhost") + "/echo"}
        run(scenario(shop.url, headers={"Authorization": "Bearer of-the-shop"}, steps=[*LOGIN, away], cleanup=[]))
        assert shop.headers[0]["Authorization"] == "Bearer of-the-shop"
        assert not {"Authorization", "Cookie"} & set(other.headers[0])


def test_a_host_in_capitals_gets_the_headers_as_well(shop: Shop) -> None:
    place = {"host": "LocalHost", "port": shop.server_address[1], "headers": {"Authorization": "Bearer of-the-shop"}}
    asked = scenario(shop.url, steps=[{"name": "look", "path": "/echo"}], cleanup=[])
    assert run({**{key: value for key, value in asked.items() if key != "url"}, **place})["verdict"] == "passed"
    assert shop.headers[0]["Authorization"] == "Bearer of-the-shop"


def test_a_header_of_the_scenario_waits_for_its_variable(shop: Shop) -> None:
    steps = [LOGIN[0], {"name": "next", "path": "/echo", "expect": [{"metric": "json.headers.X-Csrf", "value": "t $(csrf)"}]}]
    result = run(scenario(shop.url, headers={"X-Csrf": "t $(csrf)"}, steps=steps, cleanup=[]))
    assert result["verdict"] == "passed", result
    assert "X-Csrf" not in shop.headers[0]
    take = {"name": "take", "path": "/echo", "extract": {"name": {"jmespath": "items[1].name"}}}
    bad = run(scenario(shop.url, headers={"X-Name": "$(name)"}, steps=[take, {"name": "use", "path": "/echo"}], cleanup=[]))
    assert "control character into a header" in bad["reason"]


def test_samples_start_anew_with_their_own_cookies(shop: Shop) -> None:
    result = run(scenario(shop.url, samples=3))
    assert (result["verdict"], result["metrics"]["samples"], shop.orders) == ("passed", 3, {})
    assert all("Cookie" not in headers for (verb, path), headers in zip(shop.seen, shop.headers) if (verb, path) == ("GET", "/login"))


def test_an_unreachable_place_is_a_failure_and_an_unknown_name_none() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = run(scenario(f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert (refused["verdict"], refused["steps"][0]["state"]) == ("failed", "failed")
    assert run(scenario("http://no-such-host.invalid"))["verdict"] == "errored"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"steps": []}, "steps is missing"),
        ({"steps": [{"path": "x"}]}, "steps[0] (steps[0]): path begins with no /"),
        ({"steps": [{"name": "a", "colour": 1}]}, "steps[0] (a): colour is not known"),
        ({"steps": [{"name": "a"}, {"name": "a"}]}, "its name is taken by an earlier step"),
        ({"steps": [{"path": "/$(later)"}]}, "$(later) is set by nothing before it; known: password, sku"),
        ({"steps": [{"url": "ftp://x"}]}, "url is not a URL"),
        ({"steps": [{"url": "http://u:p@x"}]}, "a user or password"),
        ({"steps": [{"body": 1, "form": {}}]}, "body stands beside form"),
        ({"steps": [{"attempts": 0}]}, "attempts is 0; allowed: 1 or more"),
        ({"steps": [{"expect": [{"metric": "p95_ms", "value": 1}]}]}, "expect[0]: metric is 'p95_ms'"),
        ({"steps": [{"expect": [{"metric": "jmespath:a[", "value": 1}]}]}, "no JMESPath expression"),
        ({"steps": [{"extract": {"x": {"jmespath": "a ]"}}}]}, "extract.x: 'a ]' is no JMESPath expression"),
        ({"steps": [{"extract": {"x": {"json": "a.b"}}}]}, "allowed: a JSON pointer"),
        ({"steps": [{"extract": {"x": {"regex": "("}}}]}, "regex is no regular expression"),
        ({"steps": [{"extract": {"x": {"json": "/a", "header": "b"}}}]}, "has json, header; allowed: one of"),
        ({"steps": [{"extract": {"x": "a"}}]}, "extract.x: is str; allowed: a mapping"),
        ({"steps": [{"extract": {"x-y": {"json": "/a"}}}]}, "extract.x-y: its name is not allowed"),
        ({"variables": {"a b": 1}}, "variables has the name 'a b'"),
        ({"cleanup": [{"path": "/$(nothing)"}]}, "cleanup[0]"),
        ({"headers": {"Authorization": "Bearer $(none)"}}, "headers: $(none) is set by no step"),
        ({"cleanup_timeout": 0}, "cleanup_timeout is 0"),
        ({"conditions": [{"metric": "status", "value": 1}]}, "metric is 'status'; allowed"),
    ],
)
def test_faults_are_told_before_anything_is_sent(more: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in faults_of(**more)), faults_of(**more)


def test_all_faults_of_a_scenario_come_at_once() -> None:
    assert len(faults_of(steps=[{"name": "a", "path": "x", "attempts": 0}, {"name": "a", "colour": 1}], cleanup=[{"path": "/$(b)"}])) == 5


@pytest.mark.parametrize(
    ("template", "values", "result"),
    [
        ("$(n)", {"n": 7}, 7),
        ("n=$(n)", {"n": 7}, "n=7"),
        ("$(a)$(b)", {"a": "x", "b": {"c": 1}}, 'x{"c": 1}'),
        ("$$(n)", {}, "$(n)"),
        ({"$(k)": ["$(n)", True]}, {"k": "key", "n": None}, {"key": [None, True]}),
        ("${n} {n} $n", {}, "${n} {n} $n"),
    ],
)
def test_variables(template: Any, values: dict[str, Any], result: Any) -> None:
    assert fill(template, values) == result


def test_an_unset_variable_is_named() -> None:
    with pytest.raises(Unset, match="nope"):
        fill({"a": ["$(nope)"]}, {})


@given(st.text(max_size=20))
def test_a_value_never_leaves_its_part_of_the_path(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    path = fill_path("/a/$(x)/b", {"x": value})
    assert path.count("/") == 3
    assert not set(path) & set(" ?#\r\n")


@given(st.lists(st.text("abc'\" é", min_size=1, max_size=6), max_size=4), st.text("abc é", max_size=6))
def test_no_secret_is_left(secrets: list[str], around: str) -> None:
    for secret in secrets:
        left = censor(f"{around}{secret}{around}", secrets)
        assert secret not in left


@pytest.mark.parametrize(
    ("pointer", "found"),
    [("", {"a/b": [{"~": 1}]}), ("/a~1b/0/~0", 1), ("/a~1b/1", None), ("/a~1b/-", None), ("/a~1b/00", None), ("/x", None), ("/a~1b/0/~0/deep", None)],
)
def test_pointers_follow_rfc_6901(pointer: str, found: Any) -> None:
    assert pointed(pointer, {"a/b": [{"~": 1}]}) == found


# Every address of a name ---------------------------------------------------------------------------------------------


@pytest.fixture
def dual(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name dual.test has an address of each family; connections are real."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        if host != "dual.test":
            return real(host, port, *arguments, **more)
        return [entry for address in ("127.0.0.1", "::1") for entry in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolve)


def test_each_address_gets_a_result_of_its_own(dual: None, shop: Shop) -> None:
    probe = {"name": "page", "type": "http", "host": "dual.test", "port": shop.server_address[1], "path": "/echo", "addresses": "each", "samples": 2}
    specs, faults = complete([probe, {**probe, "name": "any", "addresses": "any"}])
    assert faults == []
    four, six, any_of_them = Engine(Plan(deadline=10, concurrency=8)).run(specs)
    assert (four["address"], four["family"], four["verdict"]) == ("127.0.0.1", "IPv4", "passed")
    assert (six["address"], six["family"]) == ("::1", "IPv6")
    assert six["verdict"] in ("failed", "errored")  # errored where the host itself has no IPv6
    assert "address" not in any_of_them
    assert any_of_them["verdict"] == "passed"  # which is what a check of any address overlooks
    assert "page (http http://dual.test:" in summary([four, six])[1]
    assert " at ::1) " in summary([four, six])[1]


def test_a_name_without_an_address_can_not_be_told(shop: Shop) -> None:
    assert run({"name": "page", "type": "tcp", "host": "no-such-host.invalid", "port": 1, "addresses": "each"})["verdict"] == "errored"


def test_a_scenario_goes_through_every_address(dual: None, shop: Shop) -> None:
    probe = scenario(f"http://dual.test:{shop.server_address[1]}", addresses="each", timeout=5, cleanup_timeout=2)
    specs, faults = complete([probe])
    assert faults == []
    four, six = Engine(Plan(deadline=20, concurrency=4)).run(specs)
    assert four["verdict"] == "passed" != six["verdict"]
    assert shop.headers[0]["Host"].startswith("dual.test:")
