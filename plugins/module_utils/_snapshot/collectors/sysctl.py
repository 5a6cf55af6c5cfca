# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings below /proc/sys, and the parameters the kernel was started with.

Left out are what the kernel itself moves (counters, states, what it makes up at each start), what can only be written,
and the settings of interfaces that come and go with containers. `sysctl_keys` names keys instead, globs and `cmdline:<param>` too.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host, reason
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.texts import add, value

NAME = "sysctl"
KINDS: tuple[str, ...] = ("sysctl", "cmdline")
TOP = "/proc/sys"
VOLATILE = re.compile(
    r"kernel\.(?:random\.(?!trust|urandom_min|write_wakeup).*|ns_last_pid|pty\.nr|tainted|core_modes|sched_domain\..*|acpi_video_flags)"
    r"|kernel\.(?:spin_retry|perf_event_max_sample_rate|perf_cpu_time_max_percent|cad_pid)"
    r"|fs\.(?:aio-nr|dentry-state|inode-nr|inode-state|file-nr|dquot-nr|quota\.(?!warnings).*|xfs\.stats_clear|nfs\..*_count)"
    r"|net\.netfilter\.nf_conntrack_count|net\.core\.netdev_rss_key|net\.ipv[46]\.route\.flush|net\.ipv4\.tcp_fastopen_key"
    r"|net\.ipv[46]\.(?:conf|neigh)\.(?:veth|cali|lxc|cni|tap|vnet|br-|docker|podman|cilium|flannel|virbr)[^.]*\..*"
    r"|vm\.(?:drop_caches|compact_memory|stat_refresh|lowmem_reserve_ratio_state)|sunrpc\.transports|dev\.cdrom\.info|fs\.binfmt_misc\..*"
)
NUMBERS = re.compile(r"[-0-9 ]{0,200}")
WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


def collect(options: Mapping[str, Any], host: Host) -> Items:
    chosen = list(options.get("sysctl_keys") or ())
    keys = [key for key in chosen if not key.startswith("cmdline:")]
    params = [key[len("cmdline:") :] for key in chosen if key.startswith("cmdline:")]
    items: Items = {}
    if keys or not chosen:
        items.update(_settings(keys, host, options.get("secret_keys") or ()))
    if params or not chosen:
        items.update(_cmdline(params, host, options.get("secret_keys") or ()))
    return items


def _settings(keys: Sequence[str], host: Host, patterns: Sequence[str]) -> Items:
    if not os.path.isdir(host.path(TOP)):
        raise Unknown(f"{TOP} is not there")
    items: Items = {}
    for path in _chosen(keys, host):
        key = dotted(path)
        try:
            text = _read(host.path(f"{TOP}/{path}"))
        except FileNotFoundError:
            continue
        except OSError as exc:
            if _write_only(host.path(f"{TOP}/{path}")):
                continue
            # A key that was never set is there and cannot be read, for anybody.
            items[f"sysctl:{printable(key)}"] = {"value": ""} if exc.errno == errno.EIO else {"unknown": f"{TOP}/{path} cannot be read ({reason(exc)})"}
            continue
        line = " ".join(text.split())
        # Nearly all are numbers, and looking for secrets in them takes longer than reading them.
        plain = NUMBERS.fullmatch(line) and not patterns
        items[f"sysctl:{printable(key)}"] = {"value": line} if plain else value(key, line, host=host, patterns=patterns)
    return items


def _chosen(keys: Sequence[str], host: Host) -> list[str]:
    plain = [slashed(key) for key in keys if not set(key) & set("*?[")]
    globs = [key for key in keys if set(key) & set("*?[")]
    if keys and not globs:
        return plain
    there = [path for path in _below(host.path(TOP), "") if not VOLATILE.fullmatch(dotted(path))]
    return [*plain, *there] if not keys else sorted({*plain, *(path for path in there if any(fnmatch.fnmatchcase(dotted(path), key) for key in globs))})


def _below(folder: str, prefix: str) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # gone with its interface
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name


def _write_only(path: str) -> bool:
    try:
        return not os.stat(path).st_mode & 0o444
    except OSError:
        return True


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 65536).decode("utf-8", "backslashreplace")
    finally:
        os.close(descriptor)


def dotted(path: str) -> str:
    """`net/ipv4/conf/eth0.5/mtu` is net.ipv4.conf.eth0/5.mtu, as sysctl(8) writes it."""
    return path.translate(str.maketrans("./", "/."))


def slashed(key: str) -> str:
    """Keys may be written either way: the first separator tells which."""
    first = re.search(r"[./]", key)
    return key.lstrip("/") if first and first.group() == "/" else dotted(key)


def _cmdline(params: Sequence[str], host: Host, patterns: Sequence[str]) -> Items:
    try:
        found = parse_cmdline(host.text("/proc/cmdline"))
    except FileNotFoundError as exc:
        raise Unknown("/proc/cmdline is not there") from exc
    items: Items = {}
    for name, text in found.items():
        if not params or any(fnmatch.fnmatchcase(name, param) for param in params):
            add(items, f"cmdline:{printable(name)}", value(name, text, host=host, patterns=patterns))
    return items


def parse_cmdline(text: str) -> dict[str, str]:
    """A parameter that is given twice (`console`) has both values."""
    values: dict[str, list[str]] = {}
    for word in WORD.findall(text):
        name, _sign, rest = word.replace('"', "").partition("=")
        values.setdefault(name, []).append(rest)
    return {name: " ".join(several) for name, several in values.items() if name}
