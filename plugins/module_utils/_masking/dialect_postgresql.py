# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL 13 and later: built-in functions only, the cheapest that were measured.

A step of an expression costs 5 ns, get_byte 13, a concatenation 25, a number as text 40, a word out of a jsonb array 45;
translate(), lpad() and regular expressions cost ten times that.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import HIGH_BITS, Dialect, jsonb, literal

CASTS_BYTES = 180000  # server_version_num from which bytea can be cast to bigint
TRIES_CASTS = 160000  # from which a text can be tried as another type
FIRST_DAY, LAST_DAY = "0011-01-01", "9990-01-01"


class PostgreSQL(Dialect):
    """Texts reach bytes by textsend(): UTF-8, because the session's client_encoding is."""

    xor_sign = "#"

    def __init__(self, *, rotation: int = 0, family: str = "text", version: int = 0, lets: bool = True) -> None:
        super().__init__(rotation=rotation, family=family)
        self.version = version
        self._lets = lets

    def let(self, expression: str) -> str:
        return super().let(expression) if self._lets else expression

    def byte(self, start: int) -> str:
        return f"get_byte({{h}},{self.place(start)})"

    def _number(self, data: str, length: int) -> str:
        if self.version >= CASTS_BYTES:
            return f"({data}::bigint)"
        return f"(('x'||encode({data},'hex'))::bit({8 * length})::bigint)"

    def number(self, start: int, length: int) -> str:
        if length > 3:
            return self._number(self.slice(start, length), length)
        # Shifts and ors have one precedence in PostgreSQL: every step needs its parentheses.
        parts = [f"(get_byte({{h}},{self.place(start + at)})<<{8 * (length - at - 1)})" for at in range(length - 1)]
        return "(" + "|".join([*parts, self.byte(start + length - 1)]) + ")"

    def word(self, start: int) -> str:
        return self._number(self.slice(start, 8), 8)

    def hex(self, start: int, length: int) -> str:
        return f"encode({self.slice(start, length)},'hex')"

    def concat(self, *parts: str) -> str:
        return "(" + "||".join(parts) + ")"

    def text(self, number: str) -> str:
        return f"({number})::text"

    def minus(self, number: str) -> str:
        return f"(-({number}))::text"

    def padded(self, number: str, width: int) -> str:
        # A leading 1 that is cut off again costs a third of lpad().
        return f"substr(({10**width}+{number})::text,2)" if width < 18 else f"substr(({10**18}+{number})::text,{20 - width})"

    def integer(self, text: str) -> str:
        return f"({text})::bigint"

    def big(self, number: object) -> str:
        return f"({number})::bigint"

    def small(self, number: str) -> str:
        return f"({number})::int"

    def pick(self, words: Sequence[str], index: str) -> str:
        return f"({literal(jsonb(words))}::jsonb->>{index})"

    def lookup(self, table: bytes, index: str) -> str:
        return f"get_byte('\\x{table.hex()}'::bytea,{index})"

    def unless(self, first: str, second: str) -> str:
        # COLLATE "C": two texts are the same only when their bytes are, whatever the column's collation says.
        # NULLIF computes the first once, COALESCE the second only when it's needed.
        return f'coalesce(nullif({first}, {{v}} collate "C"), {second})'

    def same(self, first: str, second: str) -> str:
        return f'({first} collate "C" = {second} collate "C")'

    def octets(self, text: str = "{v}") -> str:
        return f"octet_length({text})"

    def ascii(self, text: str) -> str:
        return f"regexp_replace({text},'[^\\x01-\\x7f]','0','g')"

    def load(self, text: str, words: int, place: int) -> str:
        # Long enough at once is rare; the padding costs 10 ns, a test for it costs as much.
        return self._number(f"substr(textsend({text}||'{' ' * 8 * words}'),{8 * place + 1},8)", 8)

    def plain(self, words: Sequence[str]) -> str:
        return f"(({'|'.join(words)})&({HIGH_BITS - 2**64}))=0"

    def unload(self, words: Sequence[str], octets: str) -> str:
        # 'escape' writes ASCII as it is, but doubles a backslash: masks have none.
        return f"encode(substr({'||'.join(f'int8send({word})' for word in words)},1,{octets}),'escape')"

    def matches(self, text: str, pattern: str) -> str:
        return f'({text} collate "C" ~ {literal(pattern)})'

    def address(self, text: str) -> str:
        # A quarter of what a regular expression costs. host() leaves out zeros in front and a mask, so such texts aren't the same.
        if self.version < TRIES_CASTS:
            return ""
        return f"(case when pg_input_is_valid({text},'inet') then host({text}::inet) collate \"C\"={text} and strpos({text},':')=0 else false end)"

    def replaced(self, text: str, pattern: str, by: str) -> str:
        return f"regexp_replace({text},{literal(pattern)},{literal(by)},'g')"

    def field(self, text: str, separator: str, number: int) -> str:
        return f"split_part({text},{literal(separator)},{number})"

    def power10(self, exponent: str) -> str:
        return f"power(10::float8,{exponent})::bigint"

    def digest(self, key: str, *parts: str) -> str:
        text = "||".join(part if part.startswith("'") else f"({part})::text" for part in parts)
        return self._number(f"substr(sha256({key}||textsend({text})),1,7)", 7)

    def step(self, name: str) -> str:
        return f"p.{name}"

    def chain(self, steps: Sequence[tuple[str, str]], result: str) -> str:
        found = ""
        for name, expression in steps:
            before = f" from ({found}) p" if found else ""
            found = f"select {'p.*,' if found else ''}{expression} as {name}{before} offset 0"
        return f"(select {result} from ({found}) p)"  # noqa: S608 (expressions of this file alone)

    def filled(self, text: str, number: str, digits: str) -> str:
        # to_char() fills the zeros of its format from the right; marks of its own among the signs are quoted.
        zeros = f"regexp_replace({text},'[0-9]','0','g')"
        quoted = f"replace(replace(replace({zeros},'\"','\\\"'),'.','\".\"'),',','\",\"')"
        return f"(case when {digits}='' then {text} else to_char({number},'FM'||{quoted}) end)"

    def shift(self, days: str) -> str:
        day, moved = ("{s}", "{s}+({0})") if self.family == "date" else ("{s}::date", "{s}+({0})*interval '1 day'")
        distance = f"abs({days})"
        return self.when(
            [
                (f"{{s}}>='{FIRST_DAY}' and {{s}}<'{LAST_DAY}'", moved.replace("{0}", days)),
                ("not isfinite({s})", "{s}"),
                (f"{day}='9999-12-31'", "{s}"),
                (f"{{s}}<'{FIRST_DAY}'", moved.replace("{0}", distance)),
            ],
            moved.replace("{0}", f"-{distance}"),
        )
