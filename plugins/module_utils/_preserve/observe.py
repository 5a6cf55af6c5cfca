# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has now that a rollback would have to bring back: releases, configuration, further files, feature flags. Changes nothing.

Contents stay on the host; `shown` is what may leave it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags import decide, jsontext, schema
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree
from ansible_collections.evenkeel.release.plugins.module_utils._restore import look
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Refused
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.keyed import fingerprint

ABSENT = "absent"
Item = Optional[dict[str, Any]]


def observe(services: Sequence[Mapping[str, Any]], files: Sequence[str], flags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "services": {str(one["service"]): service(str(one["root"])) for one in services},
        "files": {path: item(path) for path in files},
        "flags": {str(one["path"]): flag_file(str(one["path"]), one.get("flags") or []) for one in flags},
    }


def service(root: str) -> dict[str, Any]:
    """The release pointer, the digest of its artifact, and every file of the live configuration by its name below config/<colour>."""
    tree = ReleaseTree(root)
    release, colour = tree.current() or "", tree.colour()
    record = tree.record(release) if release else None
    folder = config_folder(root, colour)
    names = sorted(_names(folder)) if colour else []
    return {
        "root": root,
        "release": release,
        "colour": colour,
        "artifact": str((record or {}).get("sha256") or ""),
        "config": {name: item(os.path.join(folder, name)) for name in names},
    }


def config_folder(root: str, colour: str) -> str:
    return os.path.join(root, "config", colour)


def item(path: str) -> Item:
    try:
        found = look.look(os.fsencode(path))
    except Refused as exc:
        raise PreserveError(f"{path} cannot be looked at: {exc.reason}. {exc.next_step}") from exc
    if found is not None and found.get("unknown"):
        raise PreserveError(f"{path} cannot be read ({found['unknown']}), so it could not be brought back. Let the connecting user read it.")
    if found is not None and found["type"] not in ("file", "link"):
        raise PreserveError(f"{path} is a {found['type']}; only files and links are preserved. Name the files in it.")
    return found


def flag_file(path: str, keys: Sequence[str]) -> dict[str, Any]:
    """The flags of a flagd file as they are written there: all of them, or those of `keys`."""
    flags = flags_of(path)
    unknown = sorted(set(keys) - set(flags))
    if unknown:
        raise PreserveError(f"{path} has no flag {', '.join(unknown)}; it has {', '.join(sorted(flags)) or 'none'}. Nothing was recorded.")
    return {key: flags[key] for key in sorted(keys or flags)}


def flags_of(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            document = jsontext.load(stream.read(), name=path)
    except (OSError, UnicodeDecodeError) as exc:
        raise PreserveError(f"The flags of {path} cannot be read: {exc}.") from exc
    except FlagError as exc:
        raise PreserveError(str(exc)) from exc
    wrong = schema.document_faults(document)
    if wrong:
        raise PreserveError(f"{path} is no flag file: {'; '.join(wrong)}")
    return dict(document["flags"])


def shown(observed: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The same with a digest for each content. With a key nobody can guess a short secret from the digest of the file that holds it."""
    return {
        "services": {
            name: {**found, "config": {rel: digest(one, key) for rel, one in found["config"].items()}} for name, found in observed["services"].items()
        },
        "files": {path: digest(one, key) for path, one in observed["files"].items()},
        "flags": {path: {flag: _flag_shown(flag, value) for flag, value in flags.items()} for path, flags in observed["flags"].items()},
    }


def digest(found: Item, key: str) -> str:
    """One word for content, mode and owner of a file."""
    if found is None:
        return ABSENT
    text = "\0".join(f"{name}={found[name]}" for name in sorted(found) if name != "selinux")
    return fingerprint(text, key.encode()) if key else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _flag_shown(flag: str, value: Any) -> dict[str, Any]:
    broken = not isinstance(value, dict) or bool(schema.faults({"flags": {flag: value}}))
    return {
        "share": None if broken else decide.share(value, decide.Wanted("killed"), key=flag),
        "killed": not broken and decide.is_killed(value),
        "digest": hashlib.sha256(repr(_sorted(value)).encode("utf-8", "surrogatepass")).hexdigest()[:32],
    }


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _names(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(place, name), folder)
