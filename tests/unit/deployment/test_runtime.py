# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser
import shlex
import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import runtime
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from hypothesis import given
from hypothesis import strategies as st

AT = {
    "kind": "process",
    "service": "shop",
    "colour": "green",
    "release": "1.1.0",
    "root": "/srv/shop",
    "address": "127.0.0.1",
    "port": 8002,
    "config_name": "shop.ini",
    "command": ["/usr/bin/shop", "--config", "{config}", "--listen", "{address}:{port}"],
    "environment": {"SHOP_COLOUR": "{colour}"},
    "user": "",
    "stop_seconds": 30,
    "supervisor_dir": "/run/supervisor",
    "host": "web1",
}
LISTEN = ["/usr/bin/shop", "--config", "/srv/shop/config/green/shop.ini", "--listen", "127.0.0.1:8002"]


def test_a_supervised_program():
    assert runtime.runs(AT) == {
        "kind": "process",
        "name": "shop-green-web1",
        "supervisor_dir": "/run/supervisor",
        "command": LISTEN,
        "directory": "/srv/shop/releases/1.1.0",
        "environment": {"SHOP_COLOUR": "green"},
        "user": None,
        "stop_wait": 30,
    }


def section(unit, name):
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str
    parsed.read_string(unit)
    return dict(parsed[name])


def test_a_unit():
    made = runtime.runs({**AT, "kind": "systemd", "user": "shop"})
    assert (made["kind"], made["name"]) == ("systemd", "shop-green.service")
    service = section(made["unit"], "Service")
    assert shlex.split(service["ExecStart"]) == LISTEN
    assert (service["WorkingDirectory"], service["User"], service["TimeoutStopSec"]) == ("/srv/shop/releases/1.1.0", "shop", "30")
    assert "Environment" not in service
    assert service["EnvironmentFile"] == "/etc/systemd/system/shop-green.env"
    assert made["environment_file"] == 'SHOP_COLOUR="green"\n'
    bare = runtime.runs({**AT, "kind": "systemd", "environment": {}})
    assert bare["environment_file"] == ""
    assert not {"User", "EnvironmentFile"} & set(section(bare["unit"], "Service"))


@given(st.text("ab \"'$`%\\;#\n", max_size=12))
def test_every_sign_of_a_variable_means_itself(value):
    """A shell reads such a file as systemd.exec(5) says that systemd does."""
    made = runtime.runs({**AT, "kind": "systemd", "environment": {"TOKEN": value}})
    script = made["environment_file"] + 'printf %s "$TOKEN"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True).stdout == value


# what systemd takes out of a quoted word again: see systemd.syntax(7), systemd.service(5)
def unescaped(word):
    return word.replace("$$", "$").replace("%%", "%").replace('\\"', '"').replace("\\\\", "\\")


@given(st.text("ab \"'$%\\;#", min_size=1, max_size=12))
def test_every_word_of_a_command_means_itself(word):
    made = runtime.runs({**AT, "kind": "systemd", "command": ["/bin/echo", word]})
    line = next(line for line in made["unit"].splitlines() if line.startswith("ExecStart="))
    inner = line.removeprefix('ExecStart="/bin/echo" "').removesuffix('"')
    rest, found = inner, ""
    while rest:
        step = 2 if rest[:2] in ("$$", "%%", '\\"', "\\\\") else 1
        found, rest = found + unescaped(rest[:step]), rest[step:]
    assert found == word


def test_an_unknown_placeholder_is_named():
    with pytest.raises(DeploymentError, match=r"\{prot\}"):
        runtime.runs({**AT, "command": ["/bin/x", "{prot}"]})


def test_the_old_release_anew_has_the_configuration_of_the_one_that_serves():
    at = {
        "root": "/srv",
        "colour": "baseline",
        "configured": "blue",
        "release": "1.0.0",
        "config_name": "a.ini",
        "address": "::1",
        "port": 3,
        "service": "shop",
    }
    assert runtime.values(at)["config"] == "/srv/config/blue/a.ini"
