# SPDX-License-Identifier: GPL-3.0-or-later
"""Program of the broker. Started by path, without site packages: everything it needs comes in its one argument."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and os.fork():
    os._exit(0)  # the starter reaps this half at once and has no child left

import json
import resource
import socket
import types
from pathlib import Path


def main(settings: dict[str, object]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would be a file with secrets in it
    os.umask(0o077)
    sys.path[:] = [str(entry) for entry in settings["path"]]  # type: ignore[attr-defined]
    # A package of this name in site-packages must not hide the tree that this file is part of.
    root = types.ModuleType("ansible_collections")
    root.__path__ = [str(Path(__file__).absolute().parents[5])]
    sys.modules["ansible_collections"] = root
    from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import Run
    from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.server import serve

    run = Run(int(str(settings["pid"])), str(settings["started"]))
    serve(run, socket.socket(fileno=int(str(settings["listener"]))))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
