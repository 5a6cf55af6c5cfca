# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files of a host as items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import config
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host

KEY = b"0123456789abcdef"


class Place:
    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str | bytes) -> None:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)

    def collect(self, *files: Any, key: bytes = KEY, **options: Any) -> dict[str, Any]:
        return config.collect({"config": list(files), **options}, Host(str(self.root), key))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_keys_and_fingerprints(place: Place) -> None:
    place.write("/etc/shop/shop.ini", "[db]\nport = 5432\npassword = hunter2\n")
    items = place.collect("/etc/shop/shop.ini", "/etc/shop/missing.ini")
    assert items.pop("config:shop.ini:db.password").keys() == {"secret", "fingerprint", "key"}
    assert items == {"config:shop.ini:db.port": {"value": "5432"}}


def test_the_same_secret_has_the_same_mark_in_every_place_and_format(place: Place) -> None:
    place.write("/a.ini", "[db]\npassword = hunter2\n")
    place.write("/b.env", "DB_PASSWORD='hunter2'\n")
    place.write("/c.json", '{"password": "hunter3"}')
    marks = [item["fingerprint"] for item in place.collect("/a.ini", "/b.env", "/c.json").values()]
    assert marks[0] == marks[1] != marks[2]


def test_without_a_key_a_secret_is_unknown_and_the_rest_is_read(place: Place) -> None:
    place.write("/a.ini", "[db]\npassword = hunter2\nport = 1\n")
    items = place.collect("/a.ini", key=b"")
    assert "no fingerprint key" in items["config:a.ini:db.password"]["unknown"]
    assert items["config:a.ini:db.port"] == {"value": "1"}


def test_two_files_of_one_name_go_by_their_whole_path(place: Place) -> None:
    place.write("/etc/a/x.ini", "k = 1")
    place.write("/etc/b/x.ini", "k = 2")
    place.write("/etc/b/y.ini", "k = 3")
    assert place.collect("/etc/*/*.ini") == {
        "config:/etc/a/x.ini:k": {"value": "1"},
        "config:/etc/b/x.ini:k": {"value": "2"},
        "config:y.ini:k": {"value": "3"},
    }


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.json", b'{"password": "hunter2"', "cannot be parsed as json: it is not JSON (line 1)"),
        ("a.ini", b"k = \xff\xfe hunter2", "not UTF-8"),
        ("a.ini", b"k = hunter2\n" * 100_000, "larger than 1 MiB"),
        ("a.yml", b"a: [hunter2", "cannot be parsed as yaml"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_one_unknown_item_that_quotes_nothing(place: Place, name: str, data: bytes, said: str) -> None:
    place.write(f"/{name}", data)
    ((key, item),) = place.collect(f"/{name}").items()
    assert key == f"config:{name}"
    assert said in item["unknown"]
    assert "hunter2" not in str(item)


def test_a_folder_or_an_odd_format_is_unknown(place: Place) -> None:
    (place.root / "d.ini").mkdir()
    place.write("/a.ini", "k = 1")
    assert "not a regular file" in place.collect("/d.ini")["config:d.ini"]["unknown"]
    assert "there is no format xml; there are dotenv, haproxy" in place.collect({"path": "/a.ini", "format": "xml"})["config:a.ini"]["unknown"]


def test_a_named_format_wins_over_the_name(place: Place) -> None:
    place.write("/a.txt", '{"k": {"l": 1}}')
    assert place.collect("/a.txt", {"path": "/a.txt", "format": "json"}) == {"config:a.txt:k.l": {"value": "1"}}


def test_sshd_includes_are_read_from_the_host(place: Place) -> None:
    place.write("/etc/ssh/sshd_config", "Include sshd_config.d/*.conf\nPermitRootLogin yes\n")
    place.write("/etc/ssh/sshd_config.d/20.conf", "PermitRootLogin no\n")
    place.write("/etc/ssh/sshd_config.d/10.conf", "PermitRootLogin prohibit-password\n")
    items = place.collect("/etc/ssh/sshd_config")
    assert items["config:sshd_config:permitrootlogin"] == {"value": "prohibit-password"}
    assert items["config:sshd_config:permitrootlogin#3"] == {"value": "yes"}


def test_a_secret_in_a_key_is_not_shown_either(place: Place) -> None:
    machine_made = "k3Jd8fLs0Qp2mXz7Rt5Yb1aaQ9"
    place.write("/a.json", f'{{"tokens": {{"{machine_made}": "alice"}}, "x": {{"ghp_{"a1" * 18}": 1}}}}')
    items = place.collect("/a.json")
    assert len(items) == 2
    assert machine_made not in str(items)
    assert "ghp_" not in str(items)


def test_configured_secret_keys(place: Place) -> None:
    place.write("/a.ini", "[a]\nplain = hunter2\n")
    assert place.collect("/a.ini", secret_keys=["a.pl*"])["config:a.ini:a.plain"]["secret"] is True


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAhunter2\nQx7aa==\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize("name", ["a.ini", "a.properties", "a.conf"])
@pytest.mark.parametrize("text", [f"k = {PEM}port = 1\n", f"{PEM}port = 1\n", f"port = 1\nk: {PEM[:-35]}"])
def test_no_line_of_a_private_key_becomes_a_name(place: Place, name: str, text: str) -> None:
    place.write(f"/{name}", text)
    items = place.collect(f"/{name}")
    assert items[f"config:{name}:port"] == {"value": "1"}
    assert len(items) == 2
    assert "hunter2" not in str(items)
    assert "Qx7aa" not in str(items)


def test_a_file_that_is_a_secret_is_one_fingerprint(place: Place) -> None:
    for path in ("/.pgpass", "/app.ini", "/etc/ssl/private/x.conf"):
        place.write(path, "db:5432:*:shop:hunter2\n")
    items = place.collect("/.pgpass", "/app.ini", "/etc/ssl/private/x.conf", secret_files=["/app.*"])
    assert sorted(items) == ["config:.pgpass", "config:app.ini", "config:x.conf"]
    assert len({item["fingerprint"] for item in items.values()}) == 1


def test_a_pattern_hides_a_line_that_is_nothing_but_the_secret(place: Place) -> None:
    place.write("/a.conf", "hunter2\nport 1\n")
    items = place.collect("/a.conf", secret_keys=["hunter*"])
    assert "hunter2" not in str(items)
    assert items["config:a.conf:port"] == {"value": "1"}


def test_a_very_long_key_is_not_shown(place: Place) -> None:
    place.write("/a.conf", "x" * 1000)
    ((key, item),) = place.collect("/a.conf").items()
    assert len(key) < 40
    assert item == {"value": ""}


LEAKS = {
    "haproxy.cfg": 'global\n  stats auth admin:{}\nlisten x\n  http-check send hdr Authorization "Basic {}"\n  acl a hdr(X-API-Key) -m str {}\n',
    "nginx.conf": 'http {{ if ($http_x_secret != "{}") {{ return 403; }} map $x_token $ok {{ "{}" 1; }} set $api_token "{}"; secure_link_md5 "$uri {}"; }}',
    "redis.conf": "requirepass {}\nmasterauth {}\nuser shop on >{} ~* +@all\n",
    "ldap.conf": "bindpw {}\nrootpw {}\nuri ldaps://ldap\n",
    "snmpd.conf": "rocommunity {} localhost\n",
    "docker.json": '{{"auths": {{"reg.a.org": {{"auth": "{}"}}}}}}',
    "pod.yml": (
        "containers:\n  - name: a\n    env:\n      - {{name: DB_PASSWORD, value: {}}}\n      - {{name: DB_PASSWORD, value: {}}}\n      - {{x: 1}}\n"
        "environment: [A=1, SHOP_TOKEN={}]\n"
    ),
    "secret.yml": "kind: Secret\ndata: {{any: {}}}\nstringData: {{other: {}}}\n",
    "kube.yml": "users:\n  - name: a\n    user: {{client-key-data: {}, token: {}}}\n",
    ".npmrc": "//registry.a.org/:_authToken={}\n//registry.b.org/:_auth={}\n",
    "pip.conf": "[global]\nindex-url = https://user:{}@pypi.a.org/simple\nextra = https://{}@pypi.b.org\n",
    "wg0.conf": "[Interface]\nPrivateKey = {}\n[Peer]\nPresharedKey = {}\n",
    "vpn.conf": "<tls-auth>\n-----BEGIN OpenVPN Static key V1-----\n{}\n-----END OpenVPN Static key V1-----\n</tls-auth>\n",
    "web.config": '<entry key="password">{}</entry>\n<user username="x" password="{}"/>\n',
    "app.properties": "spring.datasource.password={}\nurl=jdbc:postgresql://db/shop?user=a&password={}\n",
    "app.env": "DBPASS={}\nMYSQL_PWD={}\nAPP_KEY=base64:{}\nCONN='host=db password={}'\n",
    "userlist.txt": '"shop" "{}"\n',
    "chap-secrets": "client server {} *\n",
}


@pytest.mark.parametrize("name", LEAKS)
def test_secrets_of_programs_that_people_use(place: Place, name: str) -> None:
    planted = [f"Planted{number}Qx7Zz9Kk2" for number in range(LEAKS[name].count("{}"))]
    place.write(f"/{name}", LEAKS[name].format(*planted))
    items = place.collect(f"/{name}")
    assert not [secret for secret in planted if secret in str(items)]
    assert any(item.get("secret") for item in items.values())
