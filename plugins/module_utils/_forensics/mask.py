# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing secret leaves the host: every text of a bundle passes here.

Two nets. Secrets that are known (given, or found under a telling name in configuration and environments) are taken out of every text, in the
forms in which programs write them. What tells itself by its form or by the name before it is taken out where it stands.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import NAME, PLAIN, REDACTED, is_secret, redact_lines

SHORTEST = 4  # a given one that is shorter goes where it stands alone: inside of words it would blank out ordinary text
FOUND_SHORTEST = 6  # "test" as a password of a configuration is hidden there, not in every log line
LINE = 16  # of a secret of several lines, those of this length are secrets too: a log shows them one by one
# `passwords:` or `[secrets]`, whose values come in the lines below.
_OPENS = re.compile(r"(\s*)(?:-\s+)?[\"']?([\w.-]+)[\"']?\s*:\s*(?:[&!]\S+\s*)?(?:\[|\{)?\s*(?:#.*)?")
_SECTION = re.compile(r"\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}\s*(?:[#;].*)?")
_VALUE = re.compile(r"(\s*(?:-\s+)?(?:[\"']?[\w./-]+[\"']?\s*[=:]\s*)?)(\S.*)")
_ADDRESS = re.compile(r"[\d.:/_-]+")  # also counts and dates: hidden where they stand, and left alone elsewhere
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Mask:
    """Texts without secrets. `count` is how often something was hidden."""

    def __init__(self, given: Iterable[str] = (), found: Iterable[str] = ()) -> None:
        self.count = 0
        self._long: set[str] = set()
        self._short: set[str] = set()
        for value in given:
            self._learn(str(value), shortest=SHORTEST)
        self.learn(found)

    def learn(self, values: Iterable[str]) -> None:
        """Values that were found under a telling name."""
        for value in values:
            if len(value) >= FOUND_SHORTEST and value.lower() not in PLAIN and not _ADDRESS.fullmatch(value):
                self._learn(value, shortest=FOUND_SHORTEST)
        self._known = _pattern(self._long, self._short)

    def text(self, text: str, *, config: bool = False) -> str:
        """As many lines as given. Only a configuration has sections."""
        return "\n".join(self.lines(text.split("\n"), config=config))

    def lines(self, lines: Iterable[str], *, config: bool = False) -> list[str]:
        clean = [self._without_known(_CONTROL.sub(" ", _ESCAPES.sub("", line))) for line in lines]
        shown = _blocks(clean, redact_lines(clean), config=config)
        self.count += sum(before != after for before, after in zip(clean, shown))
        return shown

    def data(self, value: Any, key: str = "") -> Any:
        """The same data; what stands under a telling name is hidden whatever it is."""
        if isinstance(value, Mapping):
            return {self._without_known(str(name)): self.data(each, str(name)) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(each, key) for each in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            if key and NAME.search(key) and is_secret(key, str(value)):
                self.count += 1
                return REDACTED
            return value
        text = str(value)
        if key and is_secret(key, text):
            self.count += 1
            return REDACTED
        return self.text(text)

    def _learn(self, value: str, *, shortest: int) -> None:
        value = value.strip()
        if not value:
            return
        if len(value) < shortest:
            self._short.add(value)
            return
        self._long.update(_forms(value))
        if "\n" in value:
            self._long.update(line.strip() for line in value.splitlines() if len(line.strip()) >= LINE)

    def _without_known(self, text: str) -> str:
        if self._known is None:
            return text
        text, hits = self._known.subn(REDACTED, text)
        self.count += hits
        return text


def _forms(value: str) -> Iterator[str]:
    """As it is, and as URLs, JSON, Python, headers and dumps write it."""
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield urllib.parse.quote(value, safe="")
    yield urllib.parse.quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]
    yield value.replace("'", "'\\''")
    if len(raw) >= FOUND_SHORTEST:
        yield base64.b64encode(raw).decode().rstrip("=")
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
        yield raw.hex()


def _pattern(long: Iterable[str], short: Iterable[str]) -> Optional[re.Pattern[str]]:
    # The longest first, or a secret that begins with another one would leave its tail behind.
    parts = [re.escape(value) for value in sorted(long, key=lambda value: (-len(value), value))]
    parts += [rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])" for value in sorted(short)]
    return re.compile("|".join(parts)) if parts else None


def _blocks(lines: Iterable[str], redacted: Iterable[str], *, config: bool) -> list[str]:
    """Hides the values below a telling key or in a telling section too."""
    shown: list[str] = []
    block, section = -1, False
    for line, safe in zip(lines, redacted):
        bare, indent = line.lstrip(), len(line) - len(line.lstrip())
        if bare and 0 <= indent <= block and not bare.startswith(("- ", "]", "}")):
            block = -1
        head = _SECTION.fullmatch(line) if config else None
        section = NAME.search(head.group(1)) is not None if head else section
        opened = _OPENS.fullmatch(line)
        if opened and NAME.search(opened.group(2)):
            block = len(opened.group(1)) if block < 0 else block
            safe = line
        elif bare and not head and (block >= 0 or section) and not bare.startswith(("#", ";", "]", "}")):
            safe = _VALUE.sub(_hidden, safe)
        shown.append(safe)
    return shown


def _hidden(match: re.Match[str]) -> str:
    key, value = match.groups()
    # A mapping below: its own values come in the lines after it.
    if _OPENS.fullmatch(match.group()) or value.strip("\"', ;").lower() in PLAIN:
        return match.group()
    return f"{key}{REDACTED}"
