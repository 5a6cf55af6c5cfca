# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire, against the libraries that others wrote for it."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import socket
import threading
from typing import Any

import dnslib
import hpack as reference_hpack
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe import dns, grpc, hpack, http2, mysql, prometheus, redis, rsa
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Unavailable, Unknown
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa as reference_rsa
from grpc_health.v1 import health_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql import _auth as reference_mysql

# HTTP/2 --------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([":status", "content-type", "grpc-status", "x-own", "x-long-name-of-a-header"])
BLOCKS = st.lists(st.lists(st.tuples(NAMES, st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200)), max_size=6), min_size=1, max_size=8)


@given(BLOCKS, st.booleans())
def test_headers_that_others_packed_are_read(blocks: list[list[tuple[str, str]]], huffman: bool) -> None:
    encoder, decoder = reference_hpack.Encoder(), hpack.Decoder()
    for block in blocks:
        packed = encoder.encode([(name.encode(), value.encode("latin-1")) for name, value in block], huffman=huffman)
        assert decoder.decode(packed) == block


@given(st.lists(st.tuples(NAMES, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=500)), max_size=6))
def test_others_read_headers_that_are_packed_here(block: list[tuple[str, str]]) -> None:
    assert reference_hpack.Decoder().decode(hpack.encode(block)) == block


@given(st.binary(max_size=60))
def test_any_block_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(hpack.HpackError):
        hpack.Decoder().decode(data)


@given(st.text(max_size=300).filter(lambda text: text.isprintable()))
def test_the_question_of_a_health_check(service: str) -> None:
    message = grpc.message(service)
    assert message[0] == 0
    assert int.from_bytes(message[1:5], "big") == len(message) - 5
    assert health_pb2.HealthCheckRequest.FromString(message[5:]).service == service


@pytest.mark.parametrize("number", range(4))
def test_the_answer_of_a_health_check(number: int) -> None:
    content = health_pb2.HealthCheckResponse(status=number).SerializeToString()
    assert grpc.state_of(content) == health_pb2.HealthCheckResponse.ServingStatus.Name(number)
    # A later version may say more.
    assert grpc.state_of(b"\x12\x03abc" + content + b"\x18\x07") == grpc.state_of(content)


@pytest.mark.parametrize("content", [b"\x08", b"\x0d1234", b"\x12\x80", b"\xff" * 20])
def test_what_is_no_answer_of_a_health_check_is_refused(content: bytes) -> None:
    with pytest.raises(Unavailable):
        grpc.state_of(content)


def answer_with(*frames: bytes) -> dict[str, Any]:
    """What a probe says of a server that sends these frames."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _address = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"".join(frames))
            while peer.recv(65536):
                pass

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        specs, faults = complete([{"name": "one", "type": "grpc", "host": "127.0.0.1", "port": listener.getsockname()[1], "timeout": 10}])
        assert faults == []
        return Engine(Plan(deadline=15, concurrency=1)).run(specs)[0]


HELLO = http2.frame(http2.SETTINGS, 0, 0)
GOOD = b"\0\0\0\0\x02\x08\x01"


def headers(*pairs: tuple[str, str], flags: int = http2.END_HEADERS, stream: int = 1) -> bytes:
    return http2.frame(http2.HEADERS, flags, stream, hpack.encode(pairs))


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([HELLO, headers((":status", "200")), http2.frame(http2.DATA, 0, 1, GOOD), headers(("grpc-status", "0"), flags=5)], ""),
        (
            [
                HELLO,
                http2.frame(http2.PING, 0, 0, b"12345678"),
                http2.frame(http2.HEADERS, 0, 1, hpack.encode([(":status", "200")])),
                http2.frame(http2.CONTINUATION, http2.END_HEADERS, 1, hpack.encode([("x", "y")])),
                http2.frame(http2.DATA, http2.PADDED, 1, b"\x03" + GOOD + b"\0\0\0"),
                http2.frame(http2.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
                headers(("grpc-status", "0"), flags=5),
            ],
            "",
        ),
        ([HELLO, headers((":status", "503"), flags=5)], "HTTP status 503"),
        ([HELLO, headers((":status", "200"), ("grpc-status", "12"), ("grpc-message", "no%20such"), flags=5)], "UNIMPLEMENTED: no such"),
        ([HELLO, headers((":status", "200"), ("grpc-status", "99"), flags=5)], "code 99"),
        ([HELLO, headers((":status", "200"), flags=5)], "code none"),
        ([HELLO, http2.frame(http2.RST_STREAM, 0, 1, b"\0\0\0\7")], "REFUSED_STREAM"),
        ([HELLO, http2.frame(http2.GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x0b")], "ENHANCE_YOUR_CALM"),
        ([HELLO, http2.frame(http2.DATA, http2.PADDED, 1, b"\xff")], "more padding than content"),
        ([HELLO, http2.frame(http2.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff")], "not readable"),
        ([HELLO, http2.frame(http2.HEADERS, 0, 1, b""), http2.frame(http2.PING, 0, 0, b"12345678")], "don't end as HTTP/2 says"),
        ([b"\xff\xff\xff\0\0\0\0\0\0"], "not HTTP/2"),
        ([HELLO, b"\x01\0\0\0\0\0\0\0\1"], "larger than allowed"),
        ([http2.frame(http2.PING, 0, 0, b"12345678")], "not HTTP/2"),
    ],
)
def test_frames(frames: list[bytes], words: str) -> None:
    result = answer_with(*frames)
    assert (result["verdict"], words in result["reason"]) == ("failed" if words else "passed", True), result


# DNS -----------------------------------------------------------------------------------------------------------------

LABEL = st.text("abcxyz019-", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)
IP4 = st.ip_addresses(v=4).map(str)
IP6 = st.ip_addresses(v=6).map(str)
RECORD = st.one_of(
    st.tuples(st.just("A"), st.lists(IP4, max_size=5, unique=True)),
    st.tuples(st.just("AAAA"), st.lists(IP6, max_size=5, unique=True)),
    st.tuples(st.just("CNAME"), st.lists(NAME, max_size=1)),
    st.tuples(st.just("SRV"), st.lists(st.builds("{} {} {} {}".format, *[st.integers(0, 65535)] * 3, NAME), max_size=4, unique=True)),
    st.tuples(st.just("TXT"), st.lists(st.text("abc =;", min_size=1, max_size=60), max_size=3, unique=True)),
)


def packed_answer(asked: bytes, answers: list[str], record: str, ttl: int = 60) -> bytes:
    question = dnslib.DNSRecord.parse(asked)
    reply = question.reply()
    for answer in answers:
        if record == "SRV":
            *numbers, target = answer.split(" ")
            content = dnslib.SRV(*map(int, numbers), target)
        elif record == "AAAA":  # newer Pythons end a mapped address in a dotted quad, which dnslib does not read
            content = dnslib.AAAA(tuple(ipaddress.IPv6Address(answer).packed))
        else:
            content = getattr(dnslib, record)(answer)
        reply.add_answer(dnslib.RR(question.q.qname, getattr(dnslib.QTYPE, record), rdata=content, ttl=ttl))
    return bytes(reply.pack())


@given(NAME, RECORD, st.integers(0, 65535))
def test_answers_that_others_wrote_are_read(name: str, given_record: tuple[str, list[str]], identity: int) -> None:
    record, answers = given_record
    asked = dns.question(name, record, identity)
    read = dnslib.DNSRecord.parse(asked)
    assert (str(read.q.qname).rstrip("."), dnslib.QTYPE[read.q.qtype], read.header.id) == (name, record, identity)
    reply = dns.parse(packed_answer(asked, answers, record), asked)
    assert (reply.code, reply.truncated) == ("NOERROR", False)
    assert dns.joined(reply.answers) == dns.joined([dns.canonical(answer, record) for answer in answers])


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_answer_is_read_or_refused(data: st.DataObject) -> None:
    asked = dns.question("a.b.test", "SRV", 7)
    packed = bytearray(packed_answer(asked, ["1 2 3 c.b.test"], "SRV"))
    for place in data.draw(st.lists(st.integers(0, len(packed) - 1), max_size=6)):
        packed[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Unavailable):
        dns._parsed(bytes(packed[: data.draw(st.integers(12, len(packed)))]), asked)


@pytest.mark.parametrize("damage", ["identity", "name", "circle"])
def test_an_answer_to_another_question_is_refused(damage: str) -> None:
    asked = dns.question("a.test", "A", 7)
    packed = bytearray(packed_answer(asked, ["192.0.2.1"], "A"))
    if damage == "identity":
        packed[1] ^= 1
    elif damage == "name":
        packed[13] = ord("b")
    else:
        packed[12:14] = b"\xc0\x0c"
    with pytest.raises((dns.Malformed, IndexError)):
        dns.parse(bytes(packed), asked)


@pytest.mark.parametrize("query", ["", "a..b", "x" * 64, "a." * 140])
def test_names_that_dns_does_not_have_are_refused(query: str) -> None:
    (fault,) = complete([{"name": "a", "type": "dns", "host": "h", "query": query}])[1]
    assert "query is" in fault


# MySQL ---------------------------------------------------------------------------------------------------------------

SALT = st.binary(min_size=20, max_size=20)


@given(st.text(min_size=1, max_size=40), SALT)
def test_proofs_are_those_of_the_driver(password: str, salt: bytes) -> None:
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        return
    assert mysql.scramble(mysql.NATIVE, secret, salt) == reference_mysql.scramble_native_password(secret, salt)
    assert mysql.scramble(mysql.SHA2, secret, salt) == reference_mysql.scramble_caching_sha2(secret, salt)


def test_a_login_that_is_not_spoken_is_unknown() -> None:
    with pytest.raises(Unknown, match="client_ed25519"):
        mysql.scramble("client_ed25519", b"secret", bytes(20))


@pytest.fixture(scope="module")
def key() -> reference_rsa.RSAPrivateKey:
    return reference_rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: reference_rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # the protocol's


@pytest.mark.parametrize("message", [b"", b"x", bytes(range(200)), b"\0" * 214])
def test_what_is_encrypted_here_others_decrypt(key: reference_rsa.RSAPrivateKey, message: bytes) -> None:
    assert key.decrypt(rsa.encrypt(message, pem_of(key)), OAEP) == message


def test_keys_that_are_none_and_passwords_that_are_too_long_are_refused(key: reference_rsa.RSAPrivateKey) -> None:
    for pem in (b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n", b"\xff\xff", pem_of(key)[:200]):
        with pytest.raises(rsa.KeyFault):
            rsa.encrypt(b"x", pem)
    with pytest.raises(rsa.KeyFault, match="too long"):
        rsa.encrypt(bytes(215), pem_of(key))


class Sha2Server:
    """The server's half of a caching_sha2_password login, by the protocol's description: no such server is in the packages used here."""

    GREETING = b"\x0a8.4.0\0" + bytes(4) + b"saltsalt\0" + b"\xff\xf7\x2d\x02\0\xff\xdf\x15" + bytes(10) + b"saltsaltsalt\0caching_sha2_password\0"

    def __init__(self, key: reference_rsa.RSAPrivateKey, password: bytes, *, cached: bool) -> None:
        self.key, self.password, self.cached = key, password, cached
        self.raw = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        self.peer, _address = self.listener.accept()
        with self.peer, contextlib.suppress(OSError):  # a probe that was refused hangs up
            self._say(0, self.GREETING)
            self._hear()
            first, salt = hashlib.sha256(self.password).digest(), b"saltsaltsaltsaltsalt"
            proof = bytes(a ^ b for a, b in zip(first, hashlib.sha256(hashlib.sha256(first).digest() + salt).digest()))
            good = proof in self.raw
            if self.cached and good:
                self._say(2, b"\x01\x03")
                self._say(3, b"\0\0\0\2\0\0\0")
            else:
                self._say(2, b"\x01\x04")
                if self._hear() != b"\x02":
                    return
                self._say(4, b"\x01" + pem_of(self.key))
                plain = self.key.decrypt(self._hear(), OAEP)
                good = bytes(a ^ salt[i % 20] for i, a in enumerate(plain)) == self.password + b"\0"
                self._say(6, b"\0\0\0\2\0\0\0" if good else b"\xff\x15\x04#28000Access denied")
            self._hear()
            for number, packet in enumerate([b"\1", b"column", b"\xfe\0\0\2\0", b"\x011", b"\xfe\0\0\2\0"], start=1):
                self._say(number, packet)
            self._hear()

    def _say(self, number: int, payload: bytes) -> None:
        self.peer.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)

    def _hear(self) -> bytes:
        data = self.peer.recv(65536)
        self.raw += data
        return data[4:]


@pytest.mark.parametrize(
    ("cached", "more", "verdict", "words"),
    [
        (True, {}, "passed", ""),
        (False, {}, "errored", "set tls, or get_public_key"),
        (False, {"get_public_key": True}, "passed", ""),
        (False, {"get_public_key": True, "password": "not-it"}, "failed", "Access denied (error 1045)"),
    ],
)
def test_caching_sha2_password(key: reference_rsa.RSAPrivateKey, cached: bool, more: dict[str, Any], verdict: str, words: str) -> None:
    server = Sha2Server(key, b"the-password", cached=cached)
    probe = {"name": "db", "type": "mysql", "host": "127.0.0.1", "port": server.listener.getsockname()[1], "user": "u", "password": "the-password", **more}
    specs, faults = complete([probe])
    assert faults == []
    result = Engine(Plan(deadline=15, concurrency=1)).run(specs)[0]
    server.listener.close()
    assert (result["verdict"], words in result["reason"]) == (verdict, True), result
    assert b"the-password" not in server.raw  # never in clear text without TLS
    if verdict == "passed":
        assert (result["metrics"]["value"], result["metrics"]["server_version"]) == ("1", "8.4.0")


# Redis and Prometheus ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["role:master", "connected_slaves:0", "master_repl_offset:9"], {"role": "primary", "replicas": 0}),
        (
            ["role:master", "master_repl_offset:100", "slave0:ip=h,port=1,state=online,offset=90,lag=1", "slave1:ip=h,port=2,state=online,offset=40,lag=0"],
            {"role": "primary", "replicas": 2, "lag_bytes": 60, "lag_seconds": 1},
        ),
        (["role:master", "master_repl_offset:100", "slave0:ip=h,port=1,state=wait_bgsave,offset=0,lag=0"], {"role": "primary", "replicas": 0}),
        (["role:slave", "master_link_status:up", "master_last_io_seconds_ago:3"], {"role": "replica", "link": "up", "lag_seconds": 3}),
        (["role:slave", "master_link_status:down", "master_last_io_seconds_ago:-1"], {"role": "replica", "link": "down"}),
        (["# nothing"], {}),
    ],
)
def test_replication_of_redis(lines: list[str], found: dict[str, Any]) -> None:
    assert redis.replication(redis.parse_info("# Replication\r\n" + "\r\n".join(lines))) == found


def vector(*values: str) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, value]} for value in values]}}).encode()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (vector("2.5"), {"series": 1, "value": 2.5, "min": 2.5, "max": 2.5}),
        (vector("1", "3", "NaN"), {"series": 3, "min": 1, "max": 3}),
        (vector(), {"series": 0}),
        (vector("NaN"), {"series": 1}),
        (vector("+Inf"), {"series": 1, "value": "+Inf", "min": "+Inf", "max": "+Inf"}),
        (b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}', {"series": 1, "value": 7, "min": 7, "max": 7}),
    ],
)
def test_values_of_prometheus(body: bytes, found: dict[str, Any]) -> None:
    assert prometheus.values(200, body) == found


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", Unavailable),
        (b"[]", Unavailable),
        (b'{"status": "error", "errorType": "timeout", "error": "too slow"}', Unavailable),
        (b'{"status": "error", "errorType": "bad_data", "error": "parse error"}', Unknown),
        (b'{"status": "success", "data": {"resultType": "matrix", "result": []}}', Unknown),
    ],
)
def test_what_is_no_value_of_prometheus(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        prometheus.values(400, body)


# What a probe may say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"type": "dns", "host": "h"}, "query is missing"),
        ({"type": "dns", "host": "h", "query": "a", "record": "ANY"}, "record is 'ANY'; allowed: A,"),
        ({"type": "dns", "host": "h", "query": "a", "transport": "quic"}, "transport is 'quic'"),
        ({"type": "grpc", "host": "h"}, "port is None"),
        ({"type": "grpc", "host": "h", "port": 1, "headers": {"TE": "x"}}, "headers has the name 'TE'"),
        ({"type": "mysql", "host": "h", "password": "x"}, "password stands without user"),
        ({"type": "mysql", "host": "h", "query": "select 1"}, "query stands without password"),
        ({"type": "amqp", "host": "h", "queue": "q"}, "queue stands without password"),
        ({"type": "prometheus", "url": "http://h"}, "query is missing"),
        ({"type": "prometheus", "url": "ftp://h", "query": "up"}, "begins with http:// or https://"),
        ({"type": "redis", "host": "h", "database": "x"}, "database does not belong to a probe of type redis"),
        ({"type": "tcp", "host": "h", "port": 1, "addresses": "all"}, "addresses is 'all'; allowed: any, each"),
        ({"type": "redis", "host": "h", "conditions": [{"metric": "nothing", "value": 1}]}, "metric is 'nothing'; allowed"),
        ({"type": "http", "url": "http://h", "conditions": [{"metric": "jmespath:a[", "value": 1}]}, "no JMESPath expression"),
        ({"type": "tcp", "host": "h", "port": 1, "conditions": [{"metric": "json.a", "value": 1}]}, "metric is 'json.a'"),
    ],
)
def test_faults(probe: dict[str, Any], words: str) -> None:
    specs, faults = complete([{"name": "a", **probe}])
    assert (specs, [words in fault for fault in faults]) == ([], [True]), faults


@pytest.mark.parametrize(
    ("probe", "port"),
    [
        ({"type": "amqp", "host": "h"}, 5672),
        ({"type": "amqp", "host": "h", "tls": True}, 5671),
        ({"type": "amqp", "host": "h", "tls": True, "port": 7}, 7),
        ({"type": "mysql", "host": "h"}, 3306),
        ({"type": "redis", "host": "h"}, 6379),
        ({"type": "dns", "host": "h", "query": "a"}, 53),
        ({"type": "prometheus", "host": "h", "query": "up"}, 9090),
        ({"type": "prometheus", "url": "https://h/prometheus/", "query": "up"}, 443),
    ],
)
def test_ports(probe: dict[str, Any], port: int) -> None:
    (spec,), faults = complete([{"name": "a", **probe}])
    assert (spec["port"], faults) == (port, [])
