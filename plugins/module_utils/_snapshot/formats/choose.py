# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fnmatch
from types import ModuleType

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import dotenv, haproxy, ini, json, nginx, properties, sshd, toml, yaml
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken

# The first that fits: `haproxy.cfg` before `*.cfg`.
_ALL = (haproxy, nginx, sshd, yaml, json, toml, properties, ini, dotenv)
FORMATS: dict[str, ModuleType] = {module.NAME: module for module in _ALL}
# Told apart from lines of key and value, as which half of them could be read.
OTHERS = ("*.xml", "*.html", "*.plist", "*.sql", "*.sh", "*.py")


def format_of(path: str) -> ModuleType:
    """By the name of the file; a name that tells nothing is read as lines of key and value."""
    name = path.rpartition("/")[2]
    if any(fnmatch.fnmatchcase(name, glob) for glob in OTHERS):
        raise Broken(f"there is no format for files of this kind; there are {', '.join(sorted(FORMATS))}")
    return next((module for module in _ALL if any(fnmatch.fnmatchcase(path if "/" in glob else name, glob) for glob in module.MATCH)), ini)
