# SPDX-License-Identifier: GPL-3.0-or-later
"""Every format on any text: keys and values, or its one declared error."""

from __future__ import annotations

import configparser
import io
import json
import random
import sys
import time
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import (
    dotenv,
    ini,
    properties,
    sshd,
    toml,
)
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import json as json_format
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import yaml as yaml_format
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.choose import FORMATS, format_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import MOST_VALUES, Broken
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = sorted(FORMATS)
# Pieces that parsers care for, so that random texts reach their corners.
PIECES = st.sampled_from(
    [*"\"'\\#;{}[]=:&*!|>-, \t\n\r$%<", "a", "b.c", "a: ", "- ", "<<: *a\n", "&a ", "Match ", "Include x\n", "server {", "export ", "\u2028", "\x00"]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=30).map("".join))
WORD = st.text("abcdefXYZ019_", min_size=1, max_size=8)
VALUE = st.text("abc XYZ019_-/+.,ü", max_size=12).map(str.strip)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=120, deadline=None)
@given(text=TEXTS)
def test_any_text_gives_texts_or_broken_and_the_same_each_time(name: str, text: str) -> None:
    def outcome() -> Any:
        try:
            return list(FORMATS[name].parse(text).items())
        except Broken as exc:
            return str(exc)

    first = outcome()
    assert first == outcome()
    if isinstance(first, list):
        assert all(isinstance(part, str) for pair in first for part in pair)


@given(st.dictionaries(WORD, st.dictionaries(WORD, VALUE, min_size=1, max_size=4), max_size=3))
def test_ini_says_what_configparser_wrote(tree: dict[str, dict[str, str]]) -> None:
    writer = configparser.RawConfigParser()
    writer.optionxform = str  # type: ignore[assignment,method-assign]
    writer.read_dict(tree)
    text = io.StringIO()
    writer.write(text)
    assert ini.parse(text.getvalue()) == {f"{section}.{key}": value for section, keys in tree.items() for key, value in keys.items()}


@given(st.dictionaries(WORD, st.text(max_size=12), max_size=4))
def test_a_map_of_texts_comes_back(tree: dict[str, str]) -> None:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    def meant(text: str) -> str:
        try:
            json.loads(text)
        except ValueError:
            return text
        return json.dumps(text, ensure_ascii=False)

    assert json_format.parse(json.dumps(tree)) == {key: meant(value) for key, value in tree.items()}
    written = "".join(f'export {key}="{escaped(value)}" # note\n' for key, value in tree.items())
    assert dotenv.parse(written) == tree


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=4))
def test_properties_come_back(tree: dict[str, str]) -> None:
    def coded(text: str) -> str:
        units = text.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2))

    found = properties.parse("".join(f"{coded(key)} = {coded(value)}\n" for key, value in tree.items()))
    whole = {one.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"): value for one, value in found.items()}
    assert {key: value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") for key, value in whole.items()} == tree


PLAIN = st.one_of(st.booleans(), st.integers(-99, 99), st.none(), VALUE)
TREES = st.dictionaries(WORD, st.recursive(PLAIN, lambda inner: st.dictionaries(WORD, inner, min_size=1, max_size=3), max_leaves=6), min_size=1, max_size=3)


@given(TREES, TREES)
def test_two_trees_are_equal_in_json_and_yaml_when_their_keys_and_values_are(one: Any, other: Any) -> None:
    """`"1"` is not `1`, and `"yes"` is not `yes`: what differs for a program differs for us."""
    assert (json_format.parse(json.dumps(one)) == json_format.parse(json.dumps(other))) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )
    written = [yaml.safe_dump(tree) for tree in (one, other)]
    same = json.dumps(yaml.safe_load(written[0]), sort_keys=True) == json.dumps(yaml.safe_load(written[1]), sort_keys=True)
    assert (yaml_format.parse(written[0]) == yaml_format.parse(written[1])) == same


def test_yaml_is_read_as_its_author_meant_it() -> None:
    text = (
        'base: &b {port: 80, tls: yes}\nweb:\n  <<: *b\n  port: "80"\nlist: [a, 1]\nusers:\n'
        "  - {name: ann, id: 1}\n  - {name: bob, id: 2}\ncut: !vault |\n  abc\n"
    )
    assert yaml_format.parse(text) == {
        "base.port": "80",
        "base.tls": "yes",
        "web.port": '"80"',
        "web.tls": "yes",
        "list": '["a", 1]',
        "users[ann].name": "ann",
        "users[ann].id": "1",
        "users[bob].name": "bob",
        "users[bob].id": "2",
        "cut": "!vault abc\n",
    }


BLOWN_UP = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 10)}]\n" for n in range(9))
MERGED = "m0: &m0 {k: v}\n" + "".join(f"m{n}: &m{n} {{p: {{<<: *m{n - 1}}}, q: {{<<: *m{n - 1}}}}}\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("yaml", BLOWN_UP, "more than"),
        ("yaml", MERGED, "more than"),
        ("yaml", "a: &a [*a]", "more than"),
        ("yaml", "[" * 400_000, "deeper"),
        ("yaml", "{a: 1, a: 2}", "twice"),
        ("yaml", "a: [\n", "not YAML"),
        ("json", "[" * 400_000, "deep"),
        ("json", '{"a": 1, "a": 2}', "twice"),
        ("json", '{"password": "hunter2"', "line 1"),
        ("json", json.dumps({str(n): n for n in range(MOST_VALUES + 1)}), "more than"),
        ("nginx", "a {" * 10_000, "deeper"),
        ("nginx", "http { server {", "not what a block allows"),
        ("nginx", 'add_header "x', "do not end"),
        ("haproxy", "mode http\n", "before the first section"),
        ("haproxy", "global\n  log 'x\n", "do not end"),
        ("sshd", "Port 22\n= x\n", "line 2"),
        ("dotenv", "A=1\nhunter2\n", "line 2"),
        ("ini", "a 1\nauthentication {\n  auth_pass hunter2\n}\n", "line 2 opens a block"),
        ("dotenv", "A='1\n", "line 1"),
        ("toml", "a = ", "TOML"),
    ],
)
def test_a_refusal_comes_soon_and_quotes_nothing(name: str, text: str, said: str) -> None:
    started = time.process_time()
    with pytest.raises(Broken, match=said) as raised:
        FORMATS[name].parse(text)
    assert time.process_time() - started < 3
    assert "hunter2" not in str(raised.value)


def test_a_python_without_a_parser_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml, "HAS_TOML", False)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Broken, match=r"Python 3\.11 or newer"):
        toml.parse("a = 1")
    with pytest.raises(Broken, match="PyYAML, which is not installed"):
        yaml_format.parse("a: 1")


INI = """top = 1
; note
[server]
port = 80
long = one
    two
Mixed: Case
bare
[service]
ExecStart=/bin/a --x=y
ExecStart=/bin/b \\
  --more
"""


@pytest.mark.parametrize(
    ("module", "text", "values"),
    [
        (
            ini,
            INI,
            {
                "top": "1",
                "server.port": "80",
                "server.long": "one\ntwo",
                "server.Mixed": "Case",
                "server.bare": "",
                "service.ExecStart": "/bin/a --x=y\n/bin/b\n--more",
            },
        ),
        (ini, "max_connections 100\nssl = on", {"max_connections": "100", "ssl": "on"}),
        (properties, "# n\na.b = c\\\n   d\nk\\ 1:\\u0041\\n\nlone", {"a.b": "cd", "k 1": "A\n", "lone": ""}),
        (dotenv, "export A=b # c\nB='x # y'\nC=\"m\\nn\nend\"\nD=a#b\nE=", {"A": "b", "B": "x # y", "C": "m\nn\nend", "D": "a#b", "E": ""}),
        (toml, 'a = 1\n[t]\nb = 2.50\nc = "1"\n[[s]]\nname = "x"\nv = true', {"a": "1", "t.b": "2.50", "t.c": '"1"', "s[x].name": "x", "s[x].v": "true"}),
    ],
)
def test_examples(module: Any, text: str, values: dict[str, str]) -> None:
    assert module.parse(text) == values


def test_sshd_takes_the_first_value_and_reads_what_it_includes_in_its_place() -> None:
    included = {"d/*.conf": ["PasswordAuthentication no\nMatch user x\n  X11Forwarding no\n", "Port 2222\n"]}
    text = (
        "Include d/*.conf\nport = 22\nPasswordAuthentication yes # no\nSubsystem sftp internal-sftp -f AUTH\n"
        'Match User bob Address "10.0.0.0/8"\n  PermitRootLogin yes\nMatch all\nUseDNS no'
    )
    assert sshd.parse(text, included.__getitem__) == {
        "include": "d/*.conf",
        "passwordauthentication": "no",
        "match[user x].x11forwarding": "no",
        "port": "2222\n22",
        "passwordauthentication#2": "yes",
        "subsystem[sftp]": "internal-sftp -f AUTH",
        "match[User bob Address 10.0.0.0/8].permitrootlogin": "yes",
        "usedns": "no",
    }


def test_sshd_that_includes_itself_ends() -> None:
    with pytest.raises(Broken, match="deeper than"):
        sshd.parse("Include a", lambda _pattern: ["Include a"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/etc/haproxy/haproxy.cfg", "haproxy"),
        ("/etc/nginx/conf.d/x.conf", "nginx"),
        ("/etc/ssh/sshd_config", "sshd"),
        ("/etc/ssh/sshd_config.d/10.conf", "sshd"),
        ("/etc/x/shop.ini", "ini"),
        ("/etc/x/a.yaml", "yaml"),
        ("/etc/x/a.json", "json"),
        ("/etc/x/a.toml", "toml"),
        ("/etc/x/a.properties", "properties"),
        ("/srv/shop/.env", "dotenv"),
        ("/etc/default/shop/x", "dotenv"),
        ("/etc/postgresql/17/main/postgresql.conf", "ini"),
        ("/etc/login.defs", "ini"),
    ],
)
def test_the_format_of_a_file(path: str, name: str) -> None:
    found = format_of(path).NAME
    assert found == name


def test_what_is_no_configuration_of_keys_is_refused() -> None:
    with pytest.raises(Broken, match="there are dotenv"):
        format_of("/etc/tomcat/server.xml")


NGINX_LINES = ["proxy_set_header Host $host;", "add_header X-A 1;", "listen 80;", "gzip on;", "deny all;", "error_page 404 /x;"]
HAPROXY_LINES = ["bind *:80", "option httplog", "timeout client 3s", "server a 1.2.3.4:80 check", "mode http", "acl x path /y"]


@pytest.mark.parametrize(("name", "head", "lines", "tail"), [("nginx", "http {", NGINX_LINES, "}"), ("haproxy", "frontend web", HAPROXY_LINES, "")])
@pytest.mark.parametrize("seed", range(8))
def test_one_more_line_renames_no_other(name: str, head: str, lines: list[str], tail: str, seed: int) -> None:
    chosen = random.Random(seed).sample(lines, 5)
    for at in range(5):
        fewer = FORMATS[name].parse("\n".join([head, *chosen[:at], *chosen[at + 1 :], tail]))
        more = FORMATS[name].parse("\n".join([head, *chosen, tail]))
        assert len(more.items() - fewer.items()) == 1
        assert not fewer.items() - more.items()
