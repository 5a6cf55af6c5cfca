# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packaged files that are not what their package brought, or are gone.

dpkg: its own MD5 lists and those of the settings files that packages own, with what dpkg itself knows about moved files (diversions), files that another
package took over, and paths this host is told to do without (`path-exclude`). rpm: what `rpm -Va` finds, but times. `packaged_paths` looks at some paths only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, debfiles, dpkg, originals, patterns
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors.packages import has_rpm
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host, reason
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.texts import fingerprint

NAME = "packaged"
KINDS: tuple[str, ...] = ("packaged",)
RULES = b"packaged files 1"
ALIASES = ("bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32")
RPM_SECONDS = 900
RPM_LINE = re.compile(r"(missing  |[.?S][.?M][.?5][.?D][.?L][.?U][.?G][.?T][.?P]?)\s+(?:([acdglnr])\s+)?(/.*?)( \(.+\))?")
RPM_FLAGS = {"S": "size", "M": "mode", "5": "digest", "D": "device", "L": "target", "U": "owner", "G": "group", "P": "capabilities"}


def collect(options: Mapping[str, Any], host: Host) -> Items:
    try:
        match = patterns.compiled(options.get("packaged_paths") or ())
    except ValueError as exc:
        raise Unknown(str(exc)) from exc
    has_dpkg = bool(host.glob(dpkg.STATUS))
    if not has_dpkg and not has_rpm(host):
        raise Unknown("neither dpkg nor rpm keeps a database here")
    items = _deb(options, host, match) if has_dpkg else {}
    if has_rpm(host):
        # Its code only counts what differs.
        items.update(rpm(host.lines(["rpm", "-Va"], timeout=RPM_SECONDS, codes=range(256)), match))
    return items


def _deb(options: Mapping[str, Any], host: Host, match: debfiles.Match) -> Items:
    folder = options.get("cache_dir")
    found = debfiles.check(
        host,
        match,
        str(sorted(options.get("packaged_paths") or ())).encode(),
        place=cache.path_of(folder, RULES + os.fsencode(host.root)) if folder else None,
        keep=bool(options.get("keep_cache", True)),
        limits=_limits(options),
    )
    aliases = _aliases(host)
    return {f"packaged:{_canonical(printable(one.path), aliases)}": _item(one, host) for one in found}


def _limits(options: Mapping[str, Any]) -> Limits:
    return Limits(
        verify=options.get("verify") or "cache",
        workers=options.get("workers"),
        io_mib_per_s=options.get("io_limit"),
        nice=options.get("nice") or 0,
        io_class=options.get("io_class") or "none",
    )


def _item(one: debfiles.Found, host: Host) -> dict[str, Any]:
    about = {"package": f"deb/{one.package}", **({"conffile": True} if one.conffile else {})}
    if one.verdict.state == "unknown":
        return {**about, "unknown": f"cannot be read ({one.verdict.reason})"}
    if one.verdict.state != originals.altered:
        return {**about, "state": one.verdict.state}
    try:
        descriptor = os.open(os.fsencode(host.root) + one.path, originals.FLAGS)
        try:
            digest, mode = originals.hashed(descriptor, "sha256"), os.fstat(descriptor).st_mode
        finally:
            os.close(descriptor)
    except OSError as exc:
        return {**about, "state": one.verdict.state, "unknown": f"cannot be read ({reason(exc)})"}
    # Out of the digest of a short secret the secret can be guessed.
    shown = {"sha256": digest} if mode & stat.S_IROTH else fingerprint(digest, host)
    return {**about, "state": one.verdict.state, **shown}


def _aliases(host: Host) -> tuple[str, ...]:
    """/bin and the like, where they are links into /usr."""
    return tuple(f"/{name}/" for name in ALIASES if os.path.islink(host.path(f"/{name}")) and os.readlink(host.path(f"/{name}")).lstrip("/") == f"usr/{name}")


def _canonical(path: str, aliases: tuple[str, ...]) -> str:
    return f"/usr{path}" if path.startswith(aliases) else path


def rpm(lines: list[str], match: debfiles.Match) -> Items:
    """A changed time alone is nothing, and neither is a file that the package only reserves (ghost) and nobody made."""
    items: Items = {}
    for line in lines:
        found = RPM_LINE.fullmatch(line)
        if not found or (match and not match(os.fsencode(found.group(3)))):
            continue
        flags, kind, path, note = found.groups()
        about = {"conffile": True} if kind == "c" else {}
        key = f"packaged:{printable(path)}"
        if flags.startswith("missing"):
            if note:
                items[key] = {**about, "unknown": f"cannot be looked at{note.lower()}"}
            elif kind != "g":
                items[key] = {**about, "state": originals.missing}
            continue
        differs = [name for flag, name in RPM_FLAGS.items() if flag in flags]
        if "?" in flags and "digest" not in differs and flags[2] == "?":
            items[key] = {**about, "unknown": "its content could not be compared"}
        elif differs:
            items[key] = {**about, "state": originals.altered, "differs": differs}
    return items
