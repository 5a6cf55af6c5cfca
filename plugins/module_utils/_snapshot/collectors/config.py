# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`config`: configuration files key by key. What cannot be parsed as a whole is unknown, never half of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.facts_of import items_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats import sshd
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.choose import FORMATS, format_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.patterns import Globs
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import WHOLE_SECRETS
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "config"
KINDS = ("config",)
LARGEST = 1 << 20
MAGIC = "*?["


def collect(options: Mapping[str, Any], host: Host) -> Items:
    """One item per key. A file that is there and cannot be read is one unknown item `config:<file>`, a secret file one fingerprint."""
    files = configured(options, host)
    whole = Globs([*WHOLE_SECRETS, *(options.get("secret_files") or ())])
    names = Counter(os.path.basename(path) for path in files)
    items: Items = {}
    for path, wanted in files.items():
        shared = names[os.path.basename(path)] > 1
        prefix = f"config:{printable(path if shared else os.path.basename(path))}"
        try:
            if whole(os.fsencode(path)):
                items[prefix] = host.secret(host.text(path))
                continue
            items.update(items_of(prefix, _values(path, wanted, host), options.get("secret_keys") or (), host))
        except FileNotFoundError:
            continue
        except (Unknown, Broken) as exc:
            items[prefix] = {"unknown": str(exc)}
    return items


def configured(options: Mapping[str, Any], host: Host) -> dict[str, Optional[str]]:
    """{path: name of its format, or None to go by its name}. An entry is a path or glob, or {path, format}."""
    found: dict[str, Optional[str]] = {}
    for entry in options.get("config") or ():
        path, wanted = (entry["path"], entry.get("format")) if isinstance(entry, Mapping) else (entry, None)
        for one in host.glob(path) if any(mark in path for mark in MAGIC) else [path]:
            found[one] = wanted or found.get(one)
    return found


def _values(path: str, wanted: Optional[str], host: Host) -> dict[str, str]:
    if wanted and wanted not in FORMATS:
        raise Unknown(f"there is no format {wanted}; there are {', '.join(sorted(FORMATS))}")
    module = FORMATS[wanted] if wanted else format_of(path)
    text = _text(path, host)
    try:
        if module is sshd:
            return sshd.parse(text, lambda pattern: _included(path, pattern, host))
        values: dict[str, str] = module.parse(text)
        return values
    except Broken as exc:
        raise Unknown(f"it cannot be parsed as {module.NAME}: {exc}") from exc


def _text(path: str, host: Host) -> str:
    data = host.data(path)
    if len(data) > LARGEST:
        raise Unknown(f"it is larger than {LARGEST >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Unknown("it is not UTF-8") from exc


def _included(path: str, pattern: str, host: Host) -> list[str]:
    """In the order of their names, as sshd reads them; it takes relative ones from the folder of its own configuration."""
    if not pattern.startswith("/"):
        pattern = f"{os.path.dirname(path)}/{pattern}"
    return [_text(found, host) for found in host.glob(pattern)]
