# SPDX-License-Identifier: GPL-3.0-or-later
"""Versioned SQL files as Flyway names and sums them: V<version>__<description>.sql once, R__<description>.sql whenever it changes."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError

EXPAND, CONTRACT = "expand", "contract"
WORDS = (EXPAND, CONTRACT, "one_way", "no_transaction")
Version = tuple[int, ...]
_VERSIONED = re.compile(r"V(\d+(?:[._]\d+)*)__(.+)\.sql")
_REPEATABLE = re.compile(r"R__(.+)\.sql")
_UNDO = re.compile(r"U\d+(?:[._]\d+)*__.+\.sql")
_LINES = re.compile(r"\r\n|\r|\n")  # what Java's readLine takes for an end, which isn't what Python takes
_DIRECTIVE = re.compile(r"--\s*evenkeel\s*:(.*)", re.IGNORECASE)


class File(NamedTuple):
    script: str  # path below the folder
    version: str  # "" when it is repeatable
    description: str
    checksum: int
    text: str
    phase: str = EXPAND
    one_way: bool = False
    transaction: bool = True

    @property
    def order(self) -> Version:
        return order(self.version)


def order(version: str) -> Version:
    """Versions compare by their numbers; 1.0 is 1."""
    numbers = [int(number) for number in re.split(r"[._]", version) if number]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def checksum(text: str) -> int:
    """Flyway's: CRC-32 over the lines without their ends and without a byte order mark, as a signed number."""
    lines = _LINES.split(text[1:] if text.startswith("\ufeff") else text)
    if lines[-1] == "":
        lines.pop()
    total = 0
    for line in lines:
        total = zlib.crc32(line.encode("utf-8"), total)
    return total - (1 << 32) if total & 0x80000000 else total


def read(folder: str) -> list[File]:
    """All migrations below the folder, versioned ones in order, then repeatable ones by description."""
    if not os.path.isdir(folder):
        raise MigrateError(f"There is no folder {folder} with migrations. Nothing was applied.")
    texts, faults = {}, []
    for base, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            if name.endswith((".sql", ".sql.conf")):
                try:
                    with open(path, encoding="utf-8", newline="") as stream:
                        texts[os.path.relpath(path, folder)] = stream.read()
                except (OSError, UnicodeDecodeError) as exc:
                    faults.append(f"{path} can't be read as UTF-8 text: {exc}")
    found, wrong = parse(texts)
    if faults or wrong:
        raise MigrateError(f"The migrations in {folder} have faults, and nothing was applied: {'; '.join([*faults, *wrong])}")
    return found


def parse(texts: Mapping[str, str]) -> tuple[list[File], list[str]]:
    """(files, faults) of texts by their path below the folder."""
    found, faults = [], []
    for script in sorted(texts):
        if script.endswith(".conf"):
            continue
        name = script.rpartition("/")[2]
        versioned, repeatable = _VERSIONED.fullmatch(name), _REPEATABLE.fullmatch(name)
        if _UNDO.fullmatch(name):
            continue
        if not versioned and not repeatable:
            faults.append(f"{script} is no name of a migration, allowed: V<version>__<description>.sql, R__<description>.sql")
            continue
        words, unknown = directives(texts[script])
        if unknown:
            faults.append(f"{script} says {', '.join(unknown)}, allowed after `-- evenkeel:` {', '.join(WORDS)}")
        if EXPAND in words and CONTRACT in words:
            faults.append(f"{script} is of the phases expand and contract, allowed: one of them")
        version = versioned.group(1).replace("_", ".") if versioned else ""
        description = (versioned.group(2) if versioned else repeatable.group(1) if repeatable else "").replace("_", " ")
        phase = CONTRACT if CONTRACT in words else EXPAND
        transaction = "no_transaction" not in words and not _conf_without_transaction(texts.get(f"{script}.conf", ""))
        found.append(File(script, version, description, checksum(texts[script]), texts[script], phase, "one_way" in words, transaction))
    found.sort(key=lambda file: (not file.version, file.order, file.description))
    faults += _twice(found)
    return found, faults


def _twice(files: Sequence[File]) -> Iterable[str]:
    for one, other in zip(files, files[1:]):
        if one.version and other.version and one.order == other.order:
            yield f"{one.script} and {other.script} have the same version"
        if not one.version and not other.version and one.description == other.description:
            yield f"{one.script} and {other.script} have the same description"


def directives(text: str) -> tuple[set[str], list[str]]:
    """Words of `-- evenkeel:` comments before the first statement, and those that nobody knows."""
    words: list[str] = []
    for line in _LINES.split(text.lstrip("\ufeff")):
        plain = line.strip()
        said = _DIRECTIVE.match(plain)
        if said:
            words += re.split(r"[,\s]+", said.group(1).strip())
        elif plain and not plain.startswith("--"):
            break
    return {word for word in words if word in WORDS}, [word for word in words if word and word not in WORDS]


def _conf_without_transaction(text: str) -> bool:
    """Flyway's own way to say it: a file beside the script."""
    return re.search(r"^\s*executeInTransaction\s*=\s*false\s*$", text, re.MULTILINE) is not None


def digest(files: Sequence[File]) -> str:
    """One name for a set of migrations."""
    lines = [f"{file.script} {file.checksum} {file.phase} {int(file.one_way)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def head(files: Sequence[File]) -> Optional[str]:
    versions = [file for file in files if file.version]
    return max(versions, key=lambda file: file.order).version if versions else None
