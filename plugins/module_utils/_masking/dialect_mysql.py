# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB and MySQL. Words are unsigned numbers of 64 bits; {h} and {k} are binary strings, texts have character set utf8mb4."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import FILLED, HIGH_BITS, Dialect, literal

TEXT_STEPS = ("t", "g")  # of a chain; the others are numbers
FIRST_DAY, LAST_DAY = "0011-01-01", "9990-01-01"


class MySQL(Dialect):
    def let(self, expression: str) -> str:
        return expression  # a derived table is merged into its reader or kept on disk: neither helps

    def div(self, first: object, second: int) -> str:
        return f"({first} div {second})"

    def byte(self, start: int) -> str:
        return f"ord(substr({{h}},{self.place(start) + 1},1))"

    def number(self, start: int, length: int) -> str:
        return f"cast(conv(hex({self.slice(start, length)}),16,10) as signed)"

    def word(self, start: int) -> str:
        return f"cast(conv(hex({self.slice(start, 8)}),16,10) as unsigned)"

    def hex(self, start: int, length: int) -> str:
        return f"lower(convert(hex({self.slice(start, length)}) using utf8mb4))"

    def concat(self, *parts: str) -> str:
        return f"concat({','.join(parts)})"

    def text(self, number: str) -> str:
        return f"cast({number} as char)"

    def minus(self, number: str) -> str:
        return f"concat('-',{number})"

    def padded(self, number: str, width: int) -> str:
        return f"lpad({number},{width},'0')"

    def integer(self, text: str) -> str:
        return f"cast({text} as signed)"

    def pick(self, words: Sequence[str], index: str) -> str:
        return f"elt({index}+1,{','.join(map(literal, words))})"

    def lookup(self, table: bytes, index: str) -> str:
        return f"ord(substr(x'{table.hex()}',{index}+1,1))"

    def unless(self, first: str, second: str) -> str:
        return f"if(cast({first} as binary)=cast({{v}} as binary),{second},{first})"

    def same(self, first: str, second: str) -> str:
        return f"(cast({first} as binary)=cast({second} as binary))"

    def octets(self, text: str = "{v}") -> str:
        return f"length({text})"

    def ascii(self, text: str) -> str:
        return f"regexp_replace({text},'[^\\\\x01-\\\\x7f]','0')"

    def load(self, text: str, words: int, place: int) -> str:
        padded = f"concat(cast({text} as binary),'{' ' * 8 * words}')"
        return f"cast(conv(hex(substr({padded},{8 * place + 1},8)),16,10) as unsigned)"

    def plain(self, words: Sequence[str]) -> str:
        return f"(({'|'.join(words)})&{HIGH_BITS})=0"

    def unload(self, words: Sequence[str], octets: str) -> str:
        data = ",".join(f"unhex(lpad(hex({word}),16,'0'))" for word in words)
        return f"convert(substr(concat({data}),1,{octets}) using utf8mb4)"

    def matches(self, text: str, pattern: str) -> str:
        # Here $ is before a last line feed, too.
        return f"({text} regexp binary {literal(pattern)} and ord(right({text},1))<>10)"

    def replaced(self, text: str, pattern: str, by: str) -> str:
        return f"regexp_replace({text},{literal(pattern)},{literal(by)})"

    def field(self, text: str, separator: str, number: int) -> str:
        count = f"(length({text})-length(replace({text},{literal(separator)},'')))"
        found = f"substring_index(substring_index({text},{literal(separator)},{number}),{literal(separator)},-1)"
        return f"if({count}>={number - 1},{found},'')"

    def quotient(self, first: str, second: str) -> str:
        return f"({first} div {second})"

    def power10(self, exponent: str) -> str:
        return f"cast(pow(10,{exponent}) as signed)"

    def digest(self, key: str, *parts: str) -> str:
        return f"cast(conv(left(sha2(concat({key},cast(concat({','.join(parts)}) as binary)),256),14),16,10) as signed)"

    def step(self, name: str) -> str:
        kept = f"@`evenkeel_p_{name}`"
        return f"convert({kept} using utf8mb4)" if name in TEXT_STEPS else f"cast({kept} as signed)"

    def chain(self, steps: Sequence[tuple[str, str]], result: str) -> str:
        # The one way to name an intermediate result here that reads the outer row; arguments of IF are computed in order.
        for name, expression in reversed(steps):
            result = f"if((@`evenkeel_p_{name}`:={expression}) is null,null,{result})"
        return result

    def filled(self, text: str, number: str, digits: str) -> str:
        drawn = f"lpad({number},length({digits}),'0')"
        found = []
        for place in range(1, FILLED + 1):
            char = f"substr({text},{place},1)"
            nth = f"length(regexp_replace(left({text},{place}),'[^0-9]',''))"
            found.append(f"if({char} between '0' and '9',substr({drawn},{nth},1),{char})")
        return f"concat({','.join(found)})"

    def shift(self, days: str) -> str:
        # A zero date, or a zero month or day, is no day that could be moved.
        moved, distance = "date_add({{s}},interval {0} day)", f"abs({days})"
        return self.when(
            [
                ("dayofmonth({s})=0 or month({s})=0 or {s} is null", "{s}"),
                (f"{{s}}>='{FIRST_DAY}' and {{s}}<'{LAST_DAY}'", moved.format(days)),
                ("date({s})='9999-12-31'", "{s}"),
                (f"{{s}}<'{FIRST_DAY}'", moved.format(distance)),
            ],
            moved.format(f"-{distance}"),
        )
