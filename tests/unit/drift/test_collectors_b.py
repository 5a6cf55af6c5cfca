# SPDX-License-Identifier: GPL-3.0-or-later
"""System, firewall, containers and custom commands, from what a host would say."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import containers, custom, firewall, system
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from hypothesis import given
from hypothesis import strategies as st

KEY = b"0123456789abcdef"


def host(root: Path, said: dict[str, str | int] | None = None) -> Host:
    """A tree with the tools of `said` in it; each prints its text, or ends with its code."""
    told = said or {}

    def run(argv: list[str], _timeout: float) -> tuple[int, str]:
        answer = told.get(" ".join(argv), 127)
        return (answer, "") if isinstance(answer, int) else (0, answer)

    for command in told:
        tool = root / "usr/sbin" / command.split()[0]
        tool.parent.mkdir(parents=True, exist_ok=True)
        tool.touch(mode=0o755)
    return Host(str(root), KEY, run)


def fill(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


SYSTEM = {
    "etc/hosts": "127.0.0.1 localhost lo # x\n::1 localhost\n10.0.0.1 db\n# 10.0.0.2 off\n",
    "etc/resolv.conf": "; c\nnameserver 10.0.0.53\nnameserver 10.0.0.54\nsearch a.org\nsearch b.org\noptions rotate\n",
    "etc/nsswitch.conf": "passwd: files\nhosts: files dns\n",
    "etc/hostname": "web1\n",
    "etc/chrony/chrony.conf": "pool ntp.a.org iburst\nserver 10.0.0.1\nmakestep 1 3\n! server no\n",
    "etc/systemd/timesyncd.conf": "[Time]\n#NTP=no\nNTP=t1 t2\n",
    "etc/systemd/system/multi-user.target.wants/chrony.service": "",
    "etc/default/locale": 'LANG="C.UTF-8"\n',
}


def test_system(tmp_path: Path) -> None:
    fill(tmp_path, SYSTEM)
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert system.collect({}, host(tmp_path)) == {
        "hosts:localhost": {"addresses": ["127.0.0.1", "::1"]},
        "hosts:lo": {"addresses": ["127.0.0.1"]},
        "hosts:db": {"addresses": ["10.0.0.1"]},
        "resolver:nameserver": {"values": ["10.0.0.53", "10.0.0.54"]},
        "resolver:search": {"values": ["b.org"]},
        "resolver:options": {"values": ["rotate"]},
        "resolver:hosts": {"values": ["files", "dns"]},
        "hostname:static": {"value": "web1"},
        "time:zone": {"value": "Europe/Berlin"},
        "time:chrony": {"servers": ["pool ntp.a.org iburst", "server 10.0.0.1"]},
        "time:timesyncd": {"servers": ["t1", "t2"]},
        "time:enabled": {"services": ["chrony"]},
        "locale:LANG": {"value": "C.UTF-8"},
    }


def test_what_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path, SYSTEM)
    (tmp_path / "etc/hosts").unlink()
    (tmp_path / "etc/hosts").mkdir()
    items = system.collect({}, host(tmp_path))
    assert items["hosts:/etc/hosts"] == {"unknown": "/etc/hosts is not a regular file"}
    assert items["hostname:static"] == {"value": "web1"}


NFT: list[dict[str, Any]] = [
    {"metainfo": {"version": "1.0.6"}},
    {"table": {"family": "inet", "name": "filter", "handle": 1}},
    {"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"set": {"family": "inet", "name": "seen", "table": "filter", "type": "ipv4_addr", "handle": 3, "flags": ["dynamic"], "elem": ["10.0.0.9"]}},
]


def rule(port: int, *, handle: int = 4, packets: int = 0) -> dict[str, Any]:
    match = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": port}}
    expr = [match, {"counter": {"packets": packets, "bytes": packets * 60}}, {"accept": None}]
    return {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": handle, "expr": expr}}


def nft(tmp_path: Path, *rules: dict[str, Any]) -> dict[str, Any]:
    return firewall.collect({}, host(tmp_path, {"nft -j list ruleset": json.dumps({"nftables": [*NFT, *rules]})}))


def test_nft_counters_and_handles_are_no_drift(tmp_path: Path) -> None:
    def named(packets: int) -> dict[str, Any]:
        return {"counter": {"family": "inet", "name": "seen", "table": "filter", "handle": 5, "packets": packets, "bytes": packets}}

    first = nft(tmp_path, rule(22), rule(80), named(0))
    assert first == nft(tmp_path, rule(22, handle=9, packets=7), rule(80, handle=10), named(7))
    assert first["firewall:nft/inet filter/counter seen"] == {}
    chain = first["firewall:nft/inet filter/input"]
    assert (chain["policy"], chain["hook"]) == ("drop", "input")
    assert "elem" not in first["firewall:nft/inet filter/set seen"]
    assert sum("dport" in str(item.get("rule")) for item in first.values()) == 2


@given(st.lists(st.integers(1, 9), max_size=5), st.integers(0, 5), st.integers(10, 19))
def test_one_more_rule_is_one_more_item_and_another_chain(tmp_path_factory: pytest.TempPathFactory, ports: list[int], at: int, more: int) -> None:
    tmp_path = tmp_path_factory.getbasetemp()
    before = nft(tmp_path, *map(rule, ports))
    after = nft(tmp_path, *map(rule, [*ports[:at], more, *ports[at:]]))
    assert len(after.keys() - before.keys()) == 1
    assert [key for key in before if before[key] != after.get(key)] == ["firewall:nft/inet filter/input"]


def test_the_order_of_rules_counts(tmp_path: Path) -> None:
    one, other = nft(tmp_path, rule(22), rule(80)), nft(tmp_path, rule(80), rule(22))
    assert one.keys() == other.keys()
    assert [key for key in one if one[key] != other[key]] == ["firewall:nft/inet filter/input"]


SAVED = "# made\n*filter\n:INPUT DROP [1:60]\n:own - [0:0]\n[5:300] -A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n"


def test_iptables(tmp_path: Path) -> None:
    items = firewall.collect({}, host(tmp_path, {"iptables-save": SAVED, "ip6tables-save": 4}))
    assert items["firewall:iptables/filter/INPUT"]["policy"] == "DROP"
    rules = {key: item["rule"] for key, item in items.items() if "rule" in item}
    assert set(rules.values()) == {"-p tcp --dport 22 -j ACCEPT"}
    assert sorted(key.rpartition("#")[2] for key in rules)[0] == "2"
    assert items["firewall:ip6tables"] == {"unknown": "ip6tables-save failed with code 4"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "neither nft nor iptables-save is installed"),
        ({"nft -j list ruleset": 1}, "nft failed with code 1"),
        ({"nft -j list ruleset": "{"}, "not its JSON"),
        ({"nft -j list ruleset": '{"nftables": [{"rule": {}}]}'}, "not its JSON"),
        ({"iptables-save": 4, "ip6tables-save": 4}, "iptables-save failed with code 4"),
    ],
)
def test_a_firewall_that_cannot_be_seen_is_unknown(tmp_path: Path, said: dict[str, str | int], why: str) -> None:
    with pytest.raises(Unknown, match=why):
        firewall.collect({}, host(tmp_path, said))


def test_no_rules_are_believed_from_root_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = host(tmp_path, {"iptables-save": "", "ip6tables-save": ""})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert firewall.collect({}, empty) == {}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unknown, match="no rules are shown, asked by another than root"):
        firewall.collect({}, empty)


def test_older_tables_beside_nft(tmp_path: Path) -> None:
    fill(tmp_path, {"proc/net/ip_tables_names": "filter\n", "proc/net/ip6_tables_names": ""})
    said: dict[str, str | int] = {"nft -j list ruleset": json.dumps({"nftables": NFT}), "iptables-legacy-save": SAVED}
    assert firewall.collect({}, host(tmp_path, said))["firewall:iptables-legacy/filter/INPUT"]["policy"] == "DROP"
    del said["iptables-legacy-save"]
    assert firewall.collect({}, host(tmp_path, said))["firewall:iptables-legacy"] == {"unknown": "iptables-legacy-save failed with code 127"}


PS, IMAGES = "podman ps --all --no-trunc --format json", "podman images --digests --format json"
SHOP = {
    "Names": ["shop"],
    "Image": "localhost/shop:1",
    "ImageID": "aa11",
    "Command": ["serve", "--token", "hunter2"],
    "State": "running",
    "Id": "f0",
    "Pid": 7,
    "Ports": [{"host_ip": "", "container_port": 80, "host_port": 8080, "range": 2, "protocol": "tcp"}],
}
IMAGE = {"Id": "aa11", "Names": ["localhost/shop:1"], "Digest": "sha256:bb22", "Created": 5}


def test_podman(tmp_path: Path) -> None:
    items = containers.collect({}, host(tmp_path, {PS: json.dumps([SHOP]), IMAGES: json.dumps([IMAGE, {"Id": "cc33" * 16}])}))
    shop = items["container:podman/shop"]
    assert shop.pop("fingerprint")
    assert shop == {
        "image": "localhost/shop:1",
        "image_id": "aa11",
        "command": "serve --token [REDACTED]",
        "state": "running",
        "ports": ["*:8080-8081->80-81/tcp"],
        "secret": True,
        "key": shop["key"],
    }
    assert items["image:podman/localhost/shop:1"] == {"id": "aa11", "digest": "sha256:bb22"}
    assert items["image:podman/cc33cc33cc33"] == {"id": "cc33" * 16, "digest": ""}
    assert "hunter2" not in str(items)


def test_what_moves_by_itself_is_no_drift(tmp_path: Path) -> None:
    later = {**SHOP, "Pid": 8, "Id": "f1", "Status": "Up 2 hours", "StartedAt": 9}
    one, other = (containers.collect({}, host(tmp_path, {PS: json.dumps([shop]), IMAGES: "[]"})) for shop in (SHOP, later))
    assert one == other


INSPECTED = {
    "Name": "/db",
    "Image": "sha256:dd44",
    "Path": "postgres",
    "Args": ["-c", "x"],
    "State": {"Status": "exited"},
    "Config": {"Image": "pg:17"},
    "HostConfig": {"PortBindings": {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5432"}]}},
}
DOCKER = {
    "docker ps --all --quiet --no-trunc": "f1\n",
    "docker container inspect f1": json.dumps([INSPECTED]),
    "docker images --digests --no-trunc --format {{json .}}": json.dumps({"Repository": "pg", "Tag": "17", "Digest": "<none>", "ID": "sha256:dd44"}),
}


def test_docker_beside_a_podman_that_fails(tmp_path: Path) -> None:
    fill(tmp_path, {"home/ann/.local/share/containers/storage/x": ""})
    items = containers.collect({}, host(tmp_path, {**DOCKER, PS: 125}))
    assert items["container:docker/db"] == {
        "image": "pg:17",
        "image_id": "dd44",
        "command": "postgres -c x",
        "state": "exited",
        "ports": ["127.0.0.1:5432->5432/tcp"],
    }
    assert items["image:docker/pg:17"] == {"id": "dd44", "digest": ""}
    assert items["container:podman"]["unknown"].startswith("podman failed with code 125")
    assert "ann" in items["container:podman/~ann"]["unknown"]


def test_no_engine_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match="neither podman nor docker"):
        containers.collect({}, host(tmp_path))


def test_an_engine_that_writes_nonsense_is_unknown(tmp_path: Path) -> None:
    assert "not its JSON" in containers.collect({}, host(tmp_path, {PS: '[{"Names": null}]'}))["container:podman"]["unknown"]


def command(code: str, **more: Any) -> dict[str, Any]:
    return custom.collect({"custom": [{"name": "own", "command": [sys.executable, "-S", "-c", code], **more}]}, Host("", KEY))


def test_custom_facts() -> None:
    items = command('print(\'{"a": {"b": 1, "token": "hunter2"}, "l": [1, 2]}\')')
    assert items.pop("custom:own:a.token")["secret"] is True
    assert items == {"custom:own:a.b": {"value": "1"}, "custom:own:l": {"value": "[1, 2]"}}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('print(\'{"a": "hunter2"\'); raise SystemExit(3)', "failed with code 3"),
        ("print('{hunter2')", "not JSON"),
        ("print('[\"hunter2\"]')", "not a JSON object"),
        ("print('hunter2' * 200_000)", "more than 1048576 bytes"),
        ("import sys; sys.stdout.buffer.write(b'{\\xff')", "not UTF-8"),
        ("import time; print('hunter2', flush=True); time.sleep(60)", "took longer than 0.5 s"),
        ("import os, time; os.fork() or time.sleep(60)", "took longer than 0.5 s"),
    ],
)
def test_a_command_that_fails_is_unknown_and_nothing_of_it_is_shown(code: str, said: str) -> None:
    started = time.monotonic()
    ((key, item),) = command(code, timeout=0.5 if "sleep" in code else 30).items()
    assert time.monotonic() - started < 10
    assert key == "custom:own"
    assert said in item["unknown"]
    assert "hunter2" not in str(item)


def test_what_a_command_left_running_is_ended(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    code = f"import os, time\nif os.fork() == 0:\n  time.sleep(0.4)\n  open({str(mark)!r}, 'w')\ntime.sleep(60)"
    command(code, timeout=0.2)
    time.sleep(0.5)
    assert not mark.exists()


@pytest.mark.parametrize(("entry", "said"), [({"command": ["/nonexistent/tool"]}, "no such file"), ({"command": []}, "no command")])
def test_a_command_that_is_not_there(entry: dict[str, Any], said: str) -> None:
    assert said in custom.collect({"custom": [{"name": "own", **entry}]}, Host("", KEY))["custom:own"]["unknown"]


COLLECTORS: list[tuple[Callable[..., Any], str]] = [(firewall.collect, "nft -j list ruleset"), (containers.collect, PS)]


@pytest.mark.parametrize(("collect", "tool"), COLLECTORS)
@given(
    value=st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=4)),
        lambda one: st.lists(one) | st.dictionaries(st.sampled_from(["nftables", "rule", "chain", "Names", "expr", "table"]), one),
        max_leaves=8,
    )
)
def test_any_json_of_a_tool_is_items_or_unknown(tmp_path_factory: pytest.TempPathFactory, collect: Callable[..., Any], tool: str, value: Any) -> None:
    root = tmp_path_factory.getbasetemp() / collect.__module__.rpartition(".")[2]
    try:
        items = collect({}, host(root, {tool: json.dumps(value)}))
    except Unknown:
        return
    assert all(isinstance(item, dict) for item in items.values())
