# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps one colour of a service running on a host: the program of a supervisord, or a systemd unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill

UNITS = "/etc/systemd/system"
NEEDS_ESCAPE = re.compile(r'["\\`$]')
UNIT = """\
# Written by Ansible; a change here is lost at the next deployment.
[Unit]
Description={service} {colour} ({release})
After=network.target

[Service]
ExecStart={command}
WorkingDirectory={directory}
{environment}{user}Restart=on-failure
TimeoutStopSec={stop_seconds}

[Install]
WantedBy=multi-user.target
"""


def values(at: Mapping[str, Any]) -> dict[str, Any]:
    """What the placeholders of a command stand for."""
    # The old release that is started anew beside a canary has the configuration of the colour that serves.
    config_dir = f"{at['root']}/config/{at.get('configured') or at['colour']}"
    known = {name: at[name] for name in ("address", "port", "service", "colour", "release")}
    return {**known, "release_dir": f"{at['root']}/releases/{at['release']}", "config_dir": config_dir, "config": f"{config_dir}/{at['config_name']}"}


def runs(at: Mapping[str, Any]) -> dict[str, Any]:
    """The options `start` and `stop` of module service_replace.

    at: {kind, service, colour, release, root, address, port, config_name, command, environment, user, stop_seconds, supervisor_dir, host};
    configured: the colour whose configuration it has, when that is another one.
    """
    known = values(at)
    name = f"{at['service']}-{at['colour']}"
    command = [str(word) for word in fill(at["command"], known)]
    environment = {key: str(value) for key, value in fill(at["environment"], known).items()}
    if at["kind"] == "systemd":
        text = unit(at, command=command, settings=environment_path(name) if environment else "", directory=known["release_dir"])
        return {"kind": "systemd", "name": f"{name}.service", "unit": text, "environment_file": environment_file(environment)}
    return {
        "kind": "process",
        "name": f"{name}-{at['host']}",
        "supervisor_dir": at["supervisor_dir"],
        "command": command,
        "directory": known["release_dir"],
        "environment": environment,
        "user": at["user"] or None,
        "stop_wait": int(at["stop_seconds"]),
    }


def unit(at: Mapping[str, Any], *, command: list[str], settings: str, directory: str) -> str:
    """The unit's file; quotes, backslashes, percent and dollar signs mean themselves."""
    return UNIT.format(
        service=at["service"],
        colour=at["colour"],
        release=at["release"],
        command=" ".join('"{}"'.format(_escaped(word).replace("$", "$$")) for word in command),
        directory=directory,
        environment=f"EnvironmentFile={settings}\n" if settings else "",
        user=f"User={at['user']}\n" if at["user"] else "",
        stop_seconds=at["stop_seconds"],
    )


def environment_path(name: str) -> str:
    """Beside the unit, in a file that only root reads: whoever may ask systemd for a unit sees what is written in it."""
    return f"{UNITS}/{name}.env"


def environment_file(environment: Mapping[str, str]) -> str:
    """Its content, empty for none; every character of a value means itself, see systemd.exec(5), EnvironmentFile."""
    return "".join(f'{name}="{NEEDS_ESCAPE.sub(_backslashed, value)}"\n' for name, value in environment.items())


def _backslashed(found: re.Match[str]) -> str:
    return "\\" + found[0]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
