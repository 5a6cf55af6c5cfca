# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind against the real server it is for, and against what is none."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import amqp
import pytest
from ansible_collections.evenkeel.release.tests.integration.probe.conftest import PASSWORD, Certificate, Grpc, Rabbit, Redis, take
from ansible_collections.evenkeel.release.tests.integration.probe.debian import environment, unpacked
from ansible_collections.evenkeel.release.tests.integration.support.mariadb import MariaDB


@pytest.mark.parametrize("tls", [False, True])
def test_grpc_says_what_the_server_says_of_its_service(grpc_server: Grpc, certificate: Certificate, tls: bool) -> None:
    place: dict[str, Any] = {"type": "grpc", "host": "127.0.0.1", "port": grpc_server.port}
    if tls:
        place = {**place, "port": grpc_server.secure_port, "tls": True, "ca_path": str(certificate.certificate)}
    grpc_server.set("", "SERVING")
    grpc_server.set("shop.Orders", "NOT_SERVING")
    whole = take(**place, headers={"X-Tenant": "shop"})
    assert (whole["verdict"], whole["metrics"]["serving"], "tls_ms" in whole["metrics"]) == ("passed", "SERVING", tls)
    assert grpc_server.seen()["x-tenant"] == "shop"
    orders = take(**place, service="shop.Orders")
    assert orders["verdict"] == "failed"
    assert "serving is NOT_SERVING, allowed: = SERVING" in orders["reason"]
    grpc_server.set("shop.Orders", "SERVING")
    assert take(**place, service="shop.Orders", samples=20)["verdict"] == "passed"
    unknown = take(**place, service="shop.None")
    assert unknown["verdict"] == "failed"
    assert "it answered NOT_FOUND" in unknown["reason"]


def test_grpc_knows_what_is_none(grpc_server: Grpc, certificate: Certificate, plain_tls: int, says: Any) -> None:
    place: dict[str, Any] = {"type": "grpc", "host": "127.0.0.1"}
    assert "not accepted" in take(**place, port=grpc_server.secure_port, tls=True)["reason"]
    assert "HTTP/2" in take(**place, port=plain_tls, tls=True, ca_path=str(certificate.certificate))["reason"]
    assert "not HTTP/2" in take(**place, port=says(b"HTTP/1.1 400 Bad Request\r\n\r\n", listen_first=10))["reason"]
    assert take(**place, port=says(b""))["verdict"] == "failed"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("query", "record", "answers"),
    [
        ("shop.test", "A", ["192.0.2.2", "192.0.2.10"]),
        ("SHOP.test.", "A", ["192.0.2.10", "192.0.2.2"]),
        ("www.shop.test", "A", ["192.0.2.10", "192.0.2.2"]),
        ("www.shop.test", "CNAME", ["Shop.Test."]),
        ("shop.test", "AAAA", ["2001:DB8::1"]),
        ("_http._tcp.shop.test", "SRV", ["10 5 8080 web1.shop.test"]),
        ("shop.test", "TXT", ["v=spf1 -all"]),
        ("shop.test", "MX", ["10 mail.shop.test."]),
    ],
)
def test_dns_holds_all_answers_against_the_expected_ones(dns_port: int, transport: str, query: str, record: str, answers: list[str]) -> None:
    asked = {"type": "dns", "host": "127.0.0.1", "port": dns_port, "query": query, "record": record, "transport": transport}
    right = take(**asked, answers=answers)
    assert (right["verdict"], right["metrics"]["answer_count"]) == ("passed", len(answers)), right
    assert take(**asked, answers=[*answers, "192.0.2.99"])["verdict"] == "failed"
    assert right["target"].endswith(query)


def test_dns_tells_names_that_are_not_there_and_asks_again_where_the_answer_does_not_fit(dns_port: int) -> None:
    place: dict[str, Any] = {"type": "dns", "host": "127.0.0.1", "port": dns_port}
    gone = take(**place, query="gone.test")
    assert gone["verdict"] == "failed"
    assert "rcode is NXDOMAIN, allowed: = NOERROR" in gone["reason"]
    assert take(**place, query="gone.test", conditions=[{"metric": "rcode", "value": "NXDOMAIN"}])["verdict"] == "passed"
    assert take(**place, query="shop.test", record="A", conditions=[{"metric": "ttl", "op": "le", "value": 30}])["verdict"] == "passed"
    big = take(**place, query="big.test", record="TXT", answers=["x" * 3000])
    assert big["verdict"] == "passed", big["reason"][:200]


def test_dns_over_udp_hears_when_nobody_listens(free_port: Any) -> None:
    silent = take(type="dns", host="127.0.0.1", port=free_port(), query="shop.test", timeout=3)
    assert silent["verdict"] == "failed"


def test_redis_logs_in_and_tells_its_role(redis: Redis, certificate: Certificate) -> None:
    place: dict[str, Any] = {"type": "redis", "host": "127.0.0.1", "port": redis.port}
    inside = take(**place, password=PASSWORD, conditions=[{"metric": "info.maxclients", "op": "gt", "value": 1}])
    assert (inside["verdict"], inside["metrics"]["depth"], inside["metrics"]["role"]) == ("passed", "query", "primary")
    assert take(**place)["metrics"]["depth"] == "startup"
    wrong = take(**place, password="not-the-password")
    assert (wrong["verdict"], "WRONGPASS" in wrong["reason"]) == ("failed", True)
    assert "not-the-password" not in str(wrong)
    secure = take(**{**place, "port": redis.secure_port}, tls=True, ca_path=str(certificate.certificate), password=PASSWORD)
    assert (secure["verdict"], "tls_ms" in secure["metrics"]) == ("passed", True), secure


def test_redis_tells_how_far_its_replica_is_behind(redis: Redis, redis_replica: Redis) -> None:
    place: dict[str, Any] = {"type": "redis", "host": "127.0.0.1", "password": PASSWORD}
    end = time.monotonic() + 30
    linked = [{"metric": "role", "value": "replica"}, {"metric": "link", "value": "up"}, {"metric": "lag_seconds", "op": "le", "value": 30}]
    while take(**place, port=redis_replica.port, conditions=linked)["verdict"] != "passed":
        assert time.monotonic() < end
        time.sleep(0.1)
    seen = [{"metric": "replicas", "value": 1}, {"metric": "lag_bytes", "op": "le", "value": 1_000_000}]
    while take(**place, port=redis.port, conditions=seen)["verdict"] != "passed":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert take(**place, port=redis.port, conditions=[{"metric": "role", "value": "replica"}])["verdict"] == "failed"
    root = unpacked("redis")
    argv = [str(root / "usr/bin/redis-cli"), "-p", str(redis_replica.port), "--no-auth-warning", "info", "replication"]
    said = subprocess.run(argv, env={**os.environ, **environment(root), "REDISCLI_AUTH": PASSWORD}, capture_output=True, text=True, check=True).stdout
    assert "role:slave" in said
    assert "master_link_status:up" in said


@pytest.fixture(scope="session")
def secure_mariadb(certificate: Certificate) -> Any:
    server = MariaDB(settings={"ssl-cert": str(certificate.certificate), "ssl-key": str(certificate.key)})
    yield server
    server.stop()


def test_mysql_logs_in_and_asks(mariadb: MariaDB) -> None:
    place: dict[str, Any] = {"type": "mysql", "host": "127.0.0.1", "port": mariadb.port}
    database = mariadb.create_db()
    mariadb.sql(database, "create table jobs (n int); insert into jobs values (1), (2), (3)")
    login = {"user": mariadb.user, "password": mariadb.password, "database": database}
    version = mariadb.sql(database, "select version()")
    asked = take(**place, **login, query="select count(*) from jobs", conditions=[{"metric": "value", "value": 3}])
    assert (asked["verdict"], asked["metrics"]["depth"], asked["metrics"]["rows"]) == ("passed", "query", 1), asked
    assert asked["metrics"]["server_version"] == version
    assert take(**place, **login)["verdict"] == "passed"
    assert take(**place)["metrics"]["depth"] == "startup"
    wrong = take(**place, **{**login, "password": "not-the-password"})
    assert (wrong["verdict"], "Access denied" in wrong["reason"]) == ("failed", True)
    assert "not-the-password" not in str(wrong)
    assert "error 1146" in take(**place, **login, query="select * from nothing")["reason"]


def test_a_query_of_a_probe_can_not_write(mariadb: MariaDB) -> None:
    database = mariadb.create_db()
    mariadb.sql(database, "create table jobs (n int)")
    login = {"user": mariadb.user, "password": mariadb.password, "database": database}
    result = take(type="mysql", host="127.0.0.1", port=mariadb.port, **login, query="insert into jobs values (1)")
    assert (result["verdict"], mariadb.sql(database, "select count(*) from jobs")) == ("failed", "0")


def test_many_probes_without_a_login_do_not_lock_the_host_out(mariadb: MariaDB) -> None:
    mariadb.sql("mysql", "set global max_connect_errors = 5")
    result = take(type="mysql", host="127.0.0.1", port=mariadb.port, samples=20)
    login = take(type="mysql", host="127.0.0.1", port=mariadb.port, user=mariadb.user, password=mariadb.password)
    mariadb.sql("mysql", "set global max_connect_errors = 100; flush hosts")
    assert (result["verdict"], login["verdict"]) == ("passed", "passed"), (result, login)


def test_mysql_inside_tls(secure_mariadb: MariaDB, certificate: Certificate) -> None:
    secure_mariadb.sql("mysql", "create user if not exists tls_only@'%' identified by 'only-inside-tls' require ssl")
    login = {"type": "mysql", "host": "127.0.0.1", "port": secure_mariadb.port, "user": "tls_only", "password": "only-inside-tls"}
    assert take(**login)["verdict"] == "failed"
    inside = take(**login, tls=True, ca_path=str(certificate.certificate))
    assert (inside["verdict"], "tls_ms" in inside["metrics"]) == ("passed", True), inside
    assert "not accepted" in take(**login, tls=True)["reason"]


def test_amqp_logs_in_and_looks_at_a_queue(rabbit: Rabbit) -> None:
    place: dict[str, Any] = {"type": "amqp", "host": "127.0.0.1", "port": rabbit.port}
    greeted = take(**place)
    assert (greeted["verdict"], greeted["metrics"]["depth"]) == ("passed", "startup")
    assert greeted["metrics"]["server_version"].startswith(("3.", "4."))
    login = {"user": "guest", "password": "guest"}
    assert take(**place, **login)["metrics"]["depth"] == "query"
    wrong = take(**place, **{**login, "password": "not-the-password"})
    assert (wrong["verdict"], "ACCESS_REFUSED" in wrong["reason"]) == ("failed", True)
    assert "NOT_FOUND - no queue 'orders.none'" in take(**place, **login, queue="orders.none")["reason"]
    assert take(**place, **login, vhost="/none")["verdict"] == "failed"


def test_amqp_counts_what_waits_in_a_queue(rabbit: Rabbit) -> None:
    with amqp.Connection(f"127.0.0.1:{rabbit.port}", userid="guest", password="guest") as connection:
        channel = connection.channel()
        channel.queue_declare("orders", durable=False, auto_delete=False)
        for number in range(3):
            channel.basic_publish(amqp.Message(str(number)), routing_key="orders")
        place = {"type": "amqp", "host": "127.0.0.1", "port": rabbit.port, "user": "guest", "password": "guest", "queue": "orders"}
        full = [{"metric": "messages", "value": 3}, {"metric": "consumers", "value": 0}]
        end = time.monotonic() + 20
        while take(**place, conditions=full)["verdict"] != "passed":  # the broker takes them in its own time
            assert time.monotonic() < end
            time.sleep(0.05)
        channel.basic_consume("orders", no_ack=False, callback=lambda _message: None)
        assert take(**place, conditions=[{"metric": "consumers", "value": 1}])["verdict"] == "passed"
        assert take(**place, conditions=[{"metric": "consumers", "op": "ge", "value": 2}])["verdict"] == "failed"


def test_prometheus_holds_a_query_against_a_condition(prometheus_url: str) -> None:
    place: dict[str, Any] = {"type": "prometheus", "url": prometheus_url}
    up = take(**place, query="up", conditions=[{"metric": "value", "value": 1}])
    assert (up["verdict"], up["metrics"]["series"]) == ("passed", 1)
    assert take(**place, query="up", conditions=[{"metric": "value", "op": "lt", "value": 1}])["verdict"] == "failed"
    assert take(**place, query="scalar(up) * 2", conditions=[{"metric": "value", "value": 2}])["verdict"] == "passed"
    many = take(**place, query="prometheus_build_info or vector(3)", conditions=[{"metric": "max", "value": 3}, {"metric": "min", "value": 1}])
    assert (many["verdict"], "value" in many["metrics"]) == ("passed", False)
    none = take(**place, query="nothing_of_that_name", conditions=[{"metric": "error_rate", "value": 0}])
    assert (none["verdict"], "series is 0" in none["reason"]) == ("failed", True)
    assert take(**place, query="vector(0) / 0", conditions=[{"metric": "value", "op": "lt", "value": 1}])["verdict"] != "passed"
    broken = take(**place, query="up{")
    assert (broken["verdict"], "bad_data" in broken["reason"]) == ("errored", True)
    assert take(**place, query="up[5m]")["verdict"] == "errored"


@pytest.mark.parametrize("kind", ["grpc", "redis", "mysql", "amqp", "prometheus"])
@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, b"\0" * 64, b"SSH-2.0-OpenSSH_9\r\n", b"+OK\r\n" * 9])
def test_a_server_of_another_kind_is_a_failure_and_never_a_pass(says: Any, kind: str, data: bytes) -> None:
    more = {"query": "up"} if kind == "prometheus" else {}
    result = take(type=kind, host="127.0.0.1", port=says(data), timeout=5, **more)
    assert result["verdict"] == "failed", result
