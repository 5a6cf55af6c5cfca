# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups, sudo rules, and the keys that may log in.

A password is told as locked, set or none, and by the fingerprint of its hash. The order of sudo rules is not looked at (the file's digest has it).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import accounts, sshkeys, sudoers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import redact_line
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.texts import add, fingerprint, shown

NAME = "users"
KINDS: tuple[str, ...] = ("user", "group", "sudo", "key")
DEEPEST = 128  # as deep as sudo and sshd include files


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    try:
        passwd = host.text("/etc/passwd")
    except FileNotFoundError as exc:
        raise Unknown("/etc/passwd is not there") from exc
    items = _users(passwd, host)
    items.update(_groups(host))
    _sudo("/etc/sudoers", host, items=items, seen=set())
    _keys(accounts.accounts(passwd), host, items)
    return items


def _users(passwd: str, host: Host) -> Items:
    shadow: Union[dict[str, list[str]], str]
    try:
        shadow = {fields[0]: fields for _number, fields in accounts.rows(host.text("/etc/shadow"), 9) if fields}
    except FileNotFoundError:
        shadow = {}
    except Unknown as exc:
        shadow = str(exc)
    items: Items = {}
    for number, fields in accounts.rows(passwd, 7):
        if fields:
            add(items, f"user:{printable(fields[0])}", user(accounts.Account(*fields), shadow, host))
        else:
            add(items, f"user:line {number}", {"invalid": True})
    return items


def user(account: accounts.Account, shadow: Union[Mapping[str, list[str]], str], host: Host) -> dict[str, Any]:
    item = {"uid": accounts.number(account.uid), "gid": accounts.number(account.gid), "gecos": account.gecos, "home": account.home, "shell": account.shell}
    if account.password == accounts.SHADOWED and isinstance(shadow, str):
        return {**item, "unknown": shadow}
    fields = shadow.get(account.name) if account.password == accounts.SHADOWED and not isinstance(shadow, str) else None
    # Nobody logs in with the password of a user who has no line there.
    state, mark = accounts.password(fields[1] if fields else "*" if account.password == accounts.SHADOWED else account.password)
    return {**item, "password": state, **(accounts.expiry(fields) if fields else {}), **(fingerprint(mark, host) if mark else {})}


def _groups(host: Host) -> Items:
    try:
        text = host.text("/etc/group")
    except FileNotFoundError:
        return {}
    except Unknown as exc:
        return {"group:/etc/group": {"unknown": str(exc)}}
    items: Items = {}
    for number, fields in accounts.rows(text, 4):
        if fields:
            members = sorted({name for name in fields[3].split(",") if name})
            add(items, f"group:{printable(fields[0])}", {"gid": accounts.number(fields[2]), "members": members})
        else:
            add(items, f"group:line {number}", {"invalid": True})
    return items


def _sudo(path: str, host: Host, *, items: Items, seen: set[str]) -> None:
    if path in seen or len(seen) > DEEPEST:
        return
    seen.add(path)
    try:
        found = sudoers.parse(host.text(path))
    except FileNotFoundError:
        return
    except Unknown as exc:
        items[f"sudo:{printable(path)}"] = {"unknown": str(exc)}
        return
    for rule in found.rules:
        safe = redact_line(rule)
        mark = {} if safe == rule else fingerprint(rule, host)
        add(items, f"sudo:{printable(path)}:{printable(safe)}", {"rule": safe, **mark})
    for kind, place in found.includes:
        for inner in _included(kind, place.replace("%h", os.uname().nodename.partition(".")[0]), items=items, host=host, beside=path):
            _sudo(inner, host, items=items, seen=seen)


def _included(kind: str, place: str, *, items: Items, host: Host, beside: str) -> list[str]:
    path = place if place.startswith("/") else f"{os.path.dirname(beside)}/{place}"
    if kind == "include":
        return [path]
    try:
        return [f"{path.rstrip('/')}/{name}" for name in host.names(path) if sudoers.included(name)]
    except FileNotFoundError:
        return []
    except Unknown as exc:
        items[f"sudo:{printable(path)}"] = {"unknown": str(exc)}
        return []


def _keys(people: Sequence[accounts.Account], host: Host, items: Items) -> None:
    try:
        patterns = sshkeys.patterns(_sshd("/etc/ssh/sshd_config", host, 0))
    except Unknown as exc:
        items["key:*"] = {"unknown": str(exc)}
        patterns = list(sshkeys.DEFAULT)
    for person in people:
        for pattern in patterns:
            path = sshkeys.place(pattern, user=person.name, uid=person.uid, home=person.home)
            items_of = _keys_in(path, printable(person.name), host)
            for key, item in items_of:
                add(items, key, item)


def _keys_in(path: str, name: str, host: Host) -> list[tuple[str, dict[str, Any]]]:
    try:
        found = [sshkeys.parse(line) for line in host.text(path).splitlines()]
    except FileNotFoundError:
        return []
    except Unknown as exc:
        return [(f"key:{name}:{printable(path)}", {"unknown": str(exc)})]
    return [(f"key:{name}:{key.fingerprint}", _key(key, host)) for key in found if key]


def _key(key: sshkeys.Key, host: Host) -> dict[str, Any]:
    options, mark = shown(key.options, host)
    comment, other = shown(key.comment, host)
    both: Optional[dict[str, Any]] = fingerprint(f"{key.options} {key.comment}", host) if mark or other else None
    return {"type": key.type, "options": options, "comment": comment, **(both or {})}


def _sshd(path: str, host: Host, depth: int) -> list[tuple[str, str]]:
    """Settings with the included ones where they stand. Without sshd there are none."""
    try:
        found = sshkeys.settings(host.text(path))
    except FileNotFoundError:
        return []
    whole: list[tuple[str, str]] = []
    for name, arguments in found:
        whole.append((name, arguments))
        if name == "include" and depth < 16:
            for pattern in sshkeys.words(arguments):
                for inner in host.glob(pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"):
                    whole += _sshd(inner, host, depth + 1)
    return whole
