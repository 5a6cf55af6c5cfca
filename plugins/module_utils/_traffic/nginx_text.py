# SPDX-License-Identifier: GPL-3.0-or-later
"""The include file of the nginx driver, as data and back. Pure functions; what is not understood stays as it is.

upstream shop_blue {
    server 127.0.0.1:8001 weight=2; # web1
    server 127.0.0.1:8002 down; # web2 (drain)
}
split_clients $shop_key $shop_pool {
    5% shop_green;
    * shop_blue;
}
map $http_x_evenkeel_canary $shop_forced { ... always shop_green; never shop_blue; }     (may be missing)
map $host $shop_closed { default 0; }                                                    (may be missing; 0 or seconds)
"""

from __future__ import annotations

import re
from typing import Any, Callable, NamedTuple, Optional

OPENS = {
    "pool": re.compile(r"\s*upstream\s+(\S+)\s*\{\s*(?:#.*)?\Z"),
    "split": re.compile(r"\s*split_clients\s+\S+\s+\$(\w+)_pool\s*\{\s*(?:#.*)?\Z"),
    "forced": re.compile(r"\s*map\s+\S+\s+\$(\w+)_forced\s*\{\s*(?:#.*)?\Z"),
    "closed": re.compile(r"\s*map\s+\S+\s+\$(\w+)_closed\s*\{\s*(?:#.*)?\Z"),
}
CLOSES = re.compile(r"\s*\}\s*(?:#.*)?\Z")
SERVER = re.compile(r"(\s*)server\s+([^\s;]+)((?:\s+[^\s;#]+)*)\s*;\s*(?:#\s*(\S+)\s*(?:\((drain|maint)\))?.*)?\Z")
# nginx refuses 0%: a canary without requests is a comment.
SHARE = re.compile(r"\s*#?\s*(\d+(?:\.\d{1,2})?)%\s+([^\s;]+)\s*;\s*\Z")
REST = re.compile(r"\s*\*\s+([^\s;]+)\s*;\s*\Z")
DEFAULT = re.compile(r"\s*default\s+(\d+)\s*;\s*\Z")


class Block(NamedTuple):
    kind: str
    name: str  # of the pool or the service
    first: int  # index of the line after the opening one
    end: int  # index of the closing line


class Fault(Exception):
    pass


def blocks(lines: list[str]) -> list[Block]:
    found: list[Block] = []
    number = 0
    while number < len(lines):
        for kind, opening in OPENS.items():
            match = opening.match(lines[number])
            if match:
                ends = [later for later in range(number + 1, len(lines)) if CLOSES.match(lines[later])]
                if not ends:
                    raise Fault(f"line {number + 1}: {lines[number].strip()!r} has no closing line of its own")
                found.append(Block(kind, match.group(1), number + 1, ends[0]))
                number = ends[0]
                break
        number += 1
    return found


def read_state(text: str) -> dict[str, Any]:
    """{services, servers, splits, closed}"""
    lines = text.splitlines()
    state: dict[str, Any] = {"services": {}, "servers": {}, "splits": {}, "closed": {}, "unkept": []}
    for block in blocks(lines):
        inside = lines[block.first : block.end]
        if block.kind == "pool":
            state["servers"][block.name] = _servers(inside)
        elif block.kind == "split":
            live, shares = _split(block, inside)
            state["services"][block.name] = live
            if len(shares) > 1:
                state["splits"][block.name] = shares
        elif block.kind == "closed":
            seconds = next((int(match.group(1)) for match in map(DEFAULT.match, inside) if match), 0)
            if seconds:
                state["closed"][block.name] = seconds
    return state


def _servers(inside: list[str]) -> dict[str, dict[str, Any]]:
    servers: dict[str, dict[str, Any]] = {}
    for match in filter(None, map(SERVER.match, inside)):
        _indent, address, words, name, marked = match.groups()
        options = words.split()
        weight = next((int(word[7:]) for word in options if re.match(r"weight=\d+\Z", word)), 1)
        state = (marked or "maint") if "down" in options else "ready"
        servers[name or address] = {"state": state, "weight": weight, "sessions": None, "check": "", "address": address}
    return servers


def _split(block: Block, inside: list[str]) -> tuple[str, dict[str, float]]:
    rest = [match.group(1) for match in map(REST.match, inside) if match]
    if len(rest) != 1:
        raise Fault(f"split_clients of ${block.name}_pool needs one line '* <pool>;'")
    parts = {match.group(2): float(match.group(1)) for match in map(SHARE.match, inside) if match}
    return rest[0], {rest[0]: round(100 - sum(parts.values()), 2), **parts}


def with_server(text: str, pool: str, server: str, *, state: Optional[str] = None, weight: Optional[int] = None) -> str:
    def edit(line: str) -> str:
        match = SERVER.match(line)
        if not match or (match.group(4) or match.group(2)) != server:
            return line
        indent, address, words, name, marked = match.groups()
        options = [word for word in words.split() if weight is None or not word.startswith("weight=")]
        options += [f"weight={weight}"] if weight is not None else []
        if state is not None:
            options = [word for word in options if word != "down"] + ([] if state == "ready" else ["down"])
            marked = None if state == "ready" else state
        comment = f"{name or address} ({marked})" if marked else name
        return indent + " ".join(["server", address, *options]) + ";" + (f" # {comment}" if comment else "")

    return _edited(text, "pool", pool, lambda lines: [edit(line) for line in lines])


def with_split(text: str, service: str, live: str, canary: Optional[str], percent: float) -> str:
    share = [f"    {'' if percent else '# '}{percent:g}% {canary};"] if canary else []
    changed = _edited(text, "split", service, lambda _lines: [*share, f"    * {live};"])

    def forced(lines: list[str]) -> list[str]:
        kept = [line for line in lines if not re.match(r"\s*(always|never)\s", line)]
        return [*kept, f"    always {canary or live};", f"    never {live};"]

    return _edited(changed, "forced", service, forced)


def with_closed(text: str, service: str, seconds: int) -> str:
    return _edited(text, "closed", service, lambda _lines: [f"    default {seconds};"])


def has(text: str, kind: str, name: str) -> bool:
    return any((block.kind, block.name) == (kind, name) for block in blocks(text.splitlines()))


def _edited(text: str, kind: str, name: str, edit: Callable[[list[str]], list[str]]) -> str:
    lines = text.splitlines()
    for block in reversed([block for block in blocks(lines) if (block.kind, block.name) == (kind, name)]):
        lines[block.first : block.end] = edit(lines[block.first : block.end])
    return "\n".join(lines) + "\n"


def directives(text: str) -> str:
    """Without comments: what nginx would see."""
    return "\n".join(filter(None, (line.split("#", 1)[0].strip() for line in text.splitlines())))
