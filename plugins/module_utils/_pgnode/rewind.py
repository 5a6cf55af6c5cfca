# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_rewind makes a data folder the other server's, with its port, its certificates and all: what is this server's own is kept beside and put back."""

from __future__ import annotations

import os
import shutil

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.server import Server

OWN = (".conf", ".crt", ".key", ".pem")
HINT = "It needs the log back to where the two parted (wal_keep_size); without it, rebuild the server with pg_basebackup."


def rewind(server: Server, source: str) -> None:
    """A run that was killed meanwhile has left what it kept: that is what the next one puts back."""
    kept = f"{server.data.rstrip('/')}.evenkeel-own"
    if not os.path.isdir(kept):
        _copy(server, server.data, f"{kept}.partial")
        os.rename(f"{kept}.partial", kept)
    try:
        server.tool("pg_rewind", "-D", server.data, f"--source-server={source}", password=server.settings["password"] or "")
    except NodeError as exc:
        raise NodeError(f"{exc} {HINT}") from exc
    finally:
        _copy(server, kept, server.data)
        for name in own(server.data) - own(kept):
            os.unlink(os.path.join(server.data, name))  # came with the rewind
    shutil.rmtree(kept)


def own(folder: str) -> set[str]:
    """Of the folder and of those right below it, as conf.d."""
    below = [entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    names = [os.path.join(part, name) for part in ("", *below) for name in os.listdir(os.path.join(folder, part))]
    return {name for name in names if name.endswith(OWN) and os.path.isfile(os.path.join(folder, name)) and not os.path.islink(os.path.join(folder, name))}


def _copy(server: Server, source: str, target: str) -> None:
    for name in ["", *sorted(own(source))]:
        place = os.path.join(target, name)
        folder = os.path.dirname(place)
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            os.chown(folder, *server.identity)
        if name:
            shutil.copy2(os.path.join(source, name), f"{place}.evenkeel")
            os.chown(f"{place}.evenkeel", *server.identity)
            os.replace(f"{place}.evenkeel", place)
