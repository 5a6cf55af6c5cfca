# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of an SQL file, each with its line, so that an error or a kill can be told exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Optional

POSTGRESQL, MYSQL = "postgresql", "mysql"
_WORD = re.compile(r"[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*")
_DOLLAR = re.compile(r"\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$")
_DELIMITER = re.compile(r"[ \t]*delimiter[ \t]+(\S+)[ \t]*(?=\r|\n|$)", re.IGNORECASE)
_COMMENT_POSTGRESQL = re.compile(r"--[^\r\n]*")
_COMMENT_MYSQL = re.compile(r"#[^\r\n]*|--(?=[\s\x00-\x1f]|$)[^\r\n]*")


class Statement(NamedTuple):
    text: str
    line: int  # of its first word, from 1

    @property
    def head(self) -> str:
        """Its first words in lower case, without comments."""
        return " ".join(bare(self.text).lower().split()[:12])


class _Reader:
    def __init__(self, text: str, dialect: str) -> None:
        self.text = text
        self.dialect = dialect
        self.at = 0
        self.begin = 0  # of the statement
        self.first: Optional[int] = None  # of its first word
        self.words: list[str] = []
        self.depth = 0  # of BEGIN ATOMIC and CASE in a function's body
        self.delimiter = ";"
        self.found: list[Statement] = []

    def run(self) -> list[Statement]:
        while self.at < len(self.text):
            if self.first is None and self.dialect == MYSQL and self._new_delimiter():
                continue
            end = self._skipped()
            if end is not None:
                self.at = end
            elif not self.depth and self.text.startswith(self.delimiter, self.at):
                self._close()
                self.at += len(self.delimiter)
                self.begin = self.at
            else:
                self._step()
        self._close()
        return self.found

    def _step(self) -> None:
        char = self.text[self.at]
        if self.first is None and not char.isspace():
            self.first = self.at
        quoted = self._quoted()
        if quoted is not None:
            self.at = quoted
            return
        word = _WORD.match(self.text, self.at)
        if word:
            self._word(word.group().lower())
            self.at = word.end()
        elif char.isdigit():  # 1$2$ isn't the begin of a quotation
            self.at = re.compile(r"[\w$.]+").match(self.text, self.at).end()  # type: ignore[union-attr]
        else:
            self.at += 1

    def _skipped(self) -> Optional[int]:
        """The end of a comment that begins here. MySQL runs what stands in /*! */, so that is no comment."""
        text, at = self.text, self.at
        line = (_COMMENT_POSTGRESQL if self.dialect == POSTGRESQL else _COMMENT_MYSQL).match(text, at)
        if line:
            return line.end()
        if not text.startswith("/*", at):
            return None
        if self.dialect == MYSQL:
            if text.startswith(("/*!", "/*M!"), at) and self.first is None:
                self.first = at
            end = text.find("*/", at + 2)
            return len(text) if end < 0 else end + 2
        depth, at = 1, at + 2
        while depth and at < len(text):
            if text.startswith("/*", at):
                depth, at = depth + 1, at + 2
            elif text.startswith("*/", at):
                depth, at = depth - 1, at + 2
            else:
                at += 1
        return at

    def _quoted(self) -> Optional[int]:
        text, at = self.text, self.at
        char = text[at]
        if self.dialect == POSTGRESQL:
            if char == "$":
                tag = _DOLLAR.match(text, at)
                if tag:
                    end = text.find(tag.group(), tag.end())
                    return len(text) if end < 0 else end + len(tag.group())
            if char in "eE" and text[at + 1 : at + 2] == "'":
                return self._until(at + 1, backslash=True)
            return self._until(at, backslash=False) if char in "'\"" else None
        return self._until(at, backslash=char != "`") if char in "'\"`" else None

    def _until(self, at: int, *, backslash: bool) -> int:
        quote, text = self.text[at], self.text
        at += 1
        while at < len(text):
            if backslash and text[at] == "\\":
                at += 2
            elif text[at] == quote:
                if text[at + 1 : at + 2] != quote:
                    return at + 1
                at += 2
            else:
                at += 1
        return len(text)

    def _word(self, word: str) -> None:
        if self.dialect == POSTGRESQL:
            if self.depth:
                self.depth += (word == "case") - (word == "end")
            elif word == "atomic" and self.words[-1:] == ["begin"]:
                self.depth = 1
        self.words.append(word)

    def _new_delimiter(self) -> bool:
        found = _DELIMITER.match(self.text, self.at)
        if not found or (self.at and self.text[self.at - 1] not in "\r\n"):
            return False
        self.delimiter = found.group(1)
        self.at = self.begin = found.end()
        return True

    def _close(self) -> None:
        if self.first is not None:
            text = self.text[self.first : self.at].strip()
            self.found.append(Statement(text, len(re.findall(r"\r\n|\r|\n", self.text[: self.first])) + 1))
        self.first, self.words, self.depth = None, [], 0


def split(text: str, dialect: str) -> list[Statement]:
    return _Reader(text.lstrip("\ufeff"), dialect).run()


def bare(text: str) -> str:
    """Without comments, well enough for the first words."""
    plain = re.sub(r"/\*M?!\d*(.*?)\*/", r" \1 ", text, flags=re.DOTALL)
    return re.sub(r"--[^\r\n]*|/\*.*?\*/", " ", plain, flags=re.DOTALL).strip()


# --- what a statement is

_TRANSACTION = re.compile(r"(begin|start transaction|commit|rollback|abort|end|savepoint|release|prepare transaction)\b")
_ALONE = re.compile(
    r"(create (unique )?index concurrently|drop index concurrently|reindex .*concurrently|reindex (database|system)|vacuum|alter system"
    r"|(create|drop) (database|tablespace)|alter table .*detach partition .*concurrently|create subscription|cluster$)"
)
_DML = ("insert", "update", "delete", "replace", "select", "with", "values", "table")
_SESSION = ("set", "use")


def faults(statements: Sequence[Statement], script: str, dialect: str, *, transaction: bool) -> list[str]:
    """What a runner can't hold its promise with."""
    found = []
    for one in statements:
        where = f"{script}, line {one.line}"
        if one.text.startswith("\\"):
            found.append(f"{where}: {one.text.split()[0]} is a command of psql, no SQL")
        elif _TRANSACTION.match(one.head):
            found.append(f"{where}: {one.head.split()[0]} would end the runner's own transaction; take it out")
        elif dialect == POSTGRESQL and re.match(r"copy\b.*\bfrom stdin", one.head):
            found.append(f"{where}: copy from stdin has no data here; use insert, or a command")
        elif dialect == MYSQL and one.head.startswith(("lock table", "unlock table")):
            found.append(f"{where}: {one.head.split()[0]} tables would not outlive the runner's own statements; take it out")
    if dialect == POSTGRESQL and not transaction and len(statements) > 1:
        found.append(f"{script} is said to run without a transaction and has {len(statements)} statements, allowed: one in each such file")
    elif dialect == POSTGRESQL and len(statements) > 1:
        found += [
            f"{script}, line {one.line}: {' '.join(one.head.split()[:4])} can't run in a transaction; put it into a file of its own"
            for one in statements
            if alone(one)
        ]
    return found


def alone(statement: Statement) -> bool:
    """PostgreSQL refuses it within a transaction."""
    return bool(_ALONE.match(statement.head))


def kind(statement: Statement) -> str:
    """session | dml | ddl; ddl is also whatever isn't known, as MariaDB may commit by itself there."""
    first = statement.head.split()[0] if statement.head else ""
    if first in _SESSION and not statement.head.startswith(("set password", "set global", "set default role")):
        return "session"
    return "dml" if first in _DML else "ddl"
