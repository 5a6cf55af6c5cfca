# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError, fail

FORM = "'path', 'path#key', 'path@version' or 'path#key@version'"
_VERSION = re.compile(r"@([0-9]+)$")
_BAD_IN_PATH = re.compile(r"[\x00-\x20\x7f?%]")


@dataclass(frozen=True)
class Ref:
    """What is read by one request. `version` None is the newest one, pinned for the run."""

    mount: str
    path: str
    version: int | None = None

    def __str__(self) -> str:
        return f"{self.mount}/{self.path}" + (f" version {self.version}" if self.version else "")


@dataclass(frozen=True)
class Want:
    """One name asked for: the whole secret, or one key of it."""

    name: str
    ref: Ref
    key: str | None = None


Shape = Union[Want, dict[str, Want]]


def parse_term(text: str, *, mount: str, name: str | None = None) -> Want:
    match = _VERSION.search(text)
    version = int(match.group(1)) if match else None
    path, hash_sign, key = text[: match.start() if match else None].partition("#")
    path = path.strip("/")
    where = f"Secret {name + ' = ' if name else ''}{text!r}"
    if not path or _BAD_IN_PATH.search(path) or any(part in ("", ".", "..") for part in path.split("/")):
        raise fail("term", f"{where}: {path!r} is not a path below the mount point. Allowed: {FORM}.")
    if hash_sign and not key:
        raise fail("term", f"{where}: no key after '#'. Allowed: {FORM}.")
    if version == 0:
        raise fail("term", f"{where}: versions start at 1; leave it out for the newest. Allowed: {FORM}.")
    return Want(name or text, Ref(mount, path, version), key or None)


def parse_terms(terms: Sequence[Any], *, mount: str) -> list[Shape]:
    """Shapes of the answers, one per term: a mapping gives a mapping of the same names, a string gives one value."""
    shapes: list[Shape] = []
    faults: list[Fault] = []
    for term in terms:
        shape: dict[str, Want] = {}
        pairs = term.items() if isinstance(term, Mapping) else [(None, term)]
        for name, text in pairs:
            try:
                shape[str(name)] = _parse_pair(name, text, mount=mount)
            except SecretsError as exc:
                faults.extend(exc.faults)
        if isinstance(term, Mapping):
            shapes.append(shape)
        elif shape:
            shapes.append(next(iter(shape.values())))
    if faults:
        raise SecretsError(faults)
    return shapes


def _parse_pair(name: Any, text: Any, *, mount: str) -> Want:
    if not isinstance(text, str):
        label = f"Secret {name!r}" if name is not None else "A term"
        raise fail("term", f"{label} is a {type(text).__name__}. Allowed: text as {FORM}, or a mapping of names to it.")
    return parse_term(str(text), mount=mount, name=None if name is None else str(name))


def wants_of(shapes: Sequence[Shape]) -> list[Want]:
    return [want for shape in shapes for want in (shape.values() if isinstance(shape, dict) else [shape])]


def fill(shapes: Sequence[Shape], values: Sequence[Any]) -> list[Any]:
    """Put values (in the order of wants_of) back into the shapes."""
    supply = iter(values)
    return [{name: next(supply) for name in shape} if isinstance(shape, dict) else next(supply) for shape in shapes]
