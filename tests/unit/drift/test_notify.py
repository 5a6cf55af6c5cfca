# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook against a real server on this machine, which answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import socket
import threading
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document
from ansible_collections.evenkeel.release.plugins.plugin_utils._notify import drift, webhook
from ansible_collections.evenkeel.release.tests.unit.drift import outputs_data as data

PATH = "/hooks/T0P-SECRET"


class Receiver(http.server.ThreadingHTTPServer):
    """`answers` are statuses, or (status, headers), or "slow" and "broken"; the last one stays."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.seen, self.done = [204], [], threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}{PATH}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        if answer == "slow":
            self.server.done.wait(5)
            return
        if answer == "broken":
            self.wfile.write(b"what is this\r\n\r\n")
            return
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def post():
    waits = []

    def run(url, *, body=b'{"a": 1}', secret="", headers=None, timeout=0.3, retries=3, **more):
        message = webhook.Message(url, body, "d1", secret=secret, headers=headers or {})
        return webhook.send(message, webhook.Patience(timeout=timeout, retries=retries, backoff=1.0, **more), sleep=waits.append)

    run.waits = waits
    return run


def test_the_receiver_can_check_the_signature_with_nothing_but_hmac(receiver, post):
    sent = post(receiver.url, secret="key", headers={"Authorization": "Bearer x"})
    assert sent == webhook.Sent(True, 204, 1, "answered 204")
    path, headers, body = receiver.seen[0]
    made = hmac.new(b"key", headers["X-Evenkeel-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert (path, body, headers["X-Evenkeel-Signature"]) == (PATH, b'{"a": 1}', f"sha256={made}")
    assert (headers["Authorization"], headers["Content-Type"], headers["X-Evenkeel-Delivery"]) == ("Bearer x", "application/json", "d1")
    assert abs(int(headers["X-Evenkeel-Timestamp"]) - time.time()) < 5


def test_without_a_secret_there_is_no_signature(receiver, post):
    post(receiver.url)
    assert "X-Evenkeel-Signature" not in receiver.seen[0][1]


@pytest.mark.parametrize(
    ("answers", "delivered", "attempts", "waits"),
    [
        ([500, 503, 200], True, 3, [1.0, 2.0]),
        ([500], False, 4, [1.0, 2.0, 4.0]),
        ([404], False, 1, []),
        ([429, 204], True, 2, [1.0]),
        ([(503, {"Retry-After": "7"}), 204], True, 2, [7.0]),
        ([(503, {"Retry-After": "86400"}), 204], True, 2, [60.0]),
        (["broken", 204], True, 2, [1.0]),
        (["slow", 204], True, 2, [1.0]),
    ],
)
def test_it_tries_again_where_that_can_help(receiver, post, answers, delivered, attempts, waits):
    receiver.answers = list(answers)
    sent = post(receiver.url)
    assert (sent.delivered, sent.attempts, post.waits) == (delivered, attempts, waits)
    assert len({body for _path, _headers, body in receiver.seen}) == 1


def test_nobody_there_is_told_and_tried_again(post):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        sent = post(f"http://127.0.0.1:{taken.getsockname()[1]}{PATH}", retries=1)
    assert (sent.delivered, sent.status, sent.attempts, sent.reason) == (False, None, 2, "could not be reached: Connection refused")


def test_a_name_that_no_host_can_have_is_not_tried_again(post):
    assert post(f"http://{'a' * 70}.example/x").reason == "has a name that no host can have"


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_not_followed(receiver, post, status):
    receiver.answers = [(status, {"Location": "/elsewhere"}), 200]
    assert post(receiver.url).reason == f"answered {status} (it leads elsewhere, which is not followed)"
    assert [path for path, _headers, _body in receiver.seen] == [PATH]


def test_plain_text_on_an_https_port_is_no_success(receiver, post):
    assert not post(receiver.url.replace("http", "https"), retries=0).delivered


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "scheme 'file'"),
        ("https:///x", "the host ''"),
        ("http://h:port/x", "cannot be read"),
        ("http://ada:pw@h/x", "holds a user or a password"),
        ("http://h/a b", "a space"),
        ("http://h/ä", "percent-encoded"),
        ("http://h/a\r\nHost: x", "a space|cannot be read"),
    ],
)
def test_a_url_that_must_not_be_used_is_refused_before_anything_is_sent(post, url, words):
    with pytest.raises(webhook.WebhookError, match=words) as caught:
        post(url)
    assert "pw" not in str(caught.value).replace("passw", "")


def test_a_header_that_would_start_another_is_refused_without_its_value(post):
    with pytest.raises(webhook.WebhookError, match="header 'Authorization'") as caught:
        post("http://h/", headers={"Authorization": "hush\r\nX: y"})
    assert "hush" not in str(caught.value)


def test_missing_certificates_are_named(post):
    with pytest.raises(webhook.WebhookError, match=r"/nonexistent/ca\.pem cannot be read: No such file"):
        post("https://h/", ca_path="/nonexistent/ca.pem")


@pytest.fixture
def scans():
    made = data.Scans()
    made.add("web1/shop", data.result(data.KEY, data.MODE))
    made.add("web2/shop", data.result(data.MODE, data.GONE))
    return made


def _new(entries, *, least="high", name="chat"):
    known = drift.told_until([entry for entry in entries if entry["subject"] == drift.subject(name)])
    return drift.new_findings(document.from_entries(entries, since=known), least)


def test_at_first_all_is_new_worst_first_and_below_the_bar_is_left_out(scans):
    assert [(f["host"], f["severity"]) for f in _new(scans.entries)] == [("web2", "critical"), ("web1", "high"), ("web2", "high")]
    assert len(_new(scans.entries, least="low")) == 4


def test_what_was_told_is_not_new_and_what_failed_was_not_told(scans):
    up_to = drift.newest(scans.entries)
    scans.add("notify/chat", {"verdict": "failed"}, kind="report", environment="")
    assert len(_new(scans.entries)) == 3
    scans.add("notify/chat", {"verdict": "passed", "up_to": up_to}, kind="report", environment="")
    scans.add("web1/shop", data.result(data.KEY, data.MODE))
    assert _new(scans.entries) == []
    assert len(_new(scans.entries, name="pager")) == 3
    scans.add("web1/shop", data.result({**data.MODE, "after": {"mode": "0777"}}))
    assert [f["state"] for f in _new(scans.entries)] == ["updated"]


def test_the_body_has_words_for_people_and_data_for_programs(scans):
    made = document.from_entries(scans.entries, since="")
    body = json.loads(drift.payload(made, drift.new_findings(made, "high")))
    assert body["text"].startswith("Drift in staging: 3 new findings on 2 hosts, the worst is critical: web2/shop: package:deb/openssl:amd64 was removed")
    assert (body["severity"], body["count"], body["more"], len(body["findings"])) == ("critical", 3, 0, 3)
    many = [{**data.MODE, "path": f"file:/{number}"} for number in range(70)]
    made = document.from_results({"h/s": data.result(*many)}, environment="e")
    found = [{**{key: part[key] for key in ("environment", "host", "service")}, **f, "state": "new"} for part in made["subjects"] for f in part["findings"]]
    body = json.loads(drift.payload(made, found))
    assert (body["count"], len(body["findings"]), body["more"]) == (70, 50, 20)


def test_the_same_findings_are_the_same_delivery(scans):
    assert drift.delivery(_new(scans.entries)) == drift.delivery(_new(scans.entries)) != drift.delivery(_new(scans.entries, least="critical"))
