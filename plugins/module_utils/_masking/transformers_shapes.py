# SPDX-License-Identifier: GPL-3.0-or-later
"""Transformers that keep a value's shape, eight characters at a time.

Eight bytes of text are one number of 64 bits, and so are eight bytes of the hash: a few operations replace all eight
characters, where a CASE for every character would cost ten times as much. In ASCII bit 4 (16) tells a digit from the signs
between digits, bit 6 (64) tells a letter, bit 5 (32) a small one.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking import permutation
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import WORD, Dialect
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_kinds import SQL, TEXT, Option, Options, Python, Transformer, option

LANES = 0x0101010101010101
EVEN = 0x00FF00FF00FF00FF  # bytes 1, 3, 5, 7 in lanes of 16 bits: there is room for a product


class Shape(NamedTuple):
    letters: bool  # letters give way to letters; else to digits
    fast: int  # words of the usual value; longer ones and those beyond ASCII take a slower way to the same
    words: int  # words of the longest value, whatever is beyond is cut off


def _scaled(byte: int, place: int, count: int) -> int:
    """0 <= result < count, of a byte; the second word takes what the first left over of it."""
    scaled = byte * count
    return scaled >> 8 if not place // WORD % 2 else (scaled & 255) * count >> 8


def _character(code: int, byte: int, place: int, shape: Shape, flip: bool) -> str:
    if code < 128 and not code & 0x50:
        return chr(code)
    if shape.letters and 64 <= code < 128:
        letter = _scaled(byte, place, 26)
        return chr(65 + (code & 32) + (25 - letter if flip else letter))
    digit = _scaled(byte, place, 10)
    return chr(48 + (9 - digit if flip else digit))


def _python(shape: Shape) -> Python:
    def masked(h: bytes, v: str, flip: bool) -> str:
        found = []
        for place, char in enumerate(v[: shape.words * WORD]):
            byte = h[place // (2 * WORD) * WORD + place % WORD]
            found.append(_character(ord(char), byte, place, shape, flip))
        return "".join(found)

    def python(h: bytes, v: str, _options: Options) -> str:
        found = masked(h, v, False)
        return found if found != v else masked(h, v, True)

    return python


def _lanes(dialect: Dialect, word: str, count: int, second: bool) -> str:
    """In every byte a number below `count`, of the bytes of a word of the hash."""
    most = 31 if count > 16 else 15
    even = dialect.mul(dialect.both(word, EVEN), count)
    odd = dialect.mul(dialect.both(dialect.right(word, 8), EVEN), count)
    if second:
        even, odd = (dialect.mul(dialect.both(lane, EVEN), count) for lane in (even, odd))
    low = dialect.both(dialect.right(even, 8), most * 0x0001000100010001)
    return dialect.either(low, dialect.both(odd, most * 0x0100010001000100))


def _swap(dialect: Dialect, word: str, *, by: str, where: str) -> str:
    return dialect.xor(word, dialect.both(dialect.xor(word, by), where))


def _replaced(dialect: Dialect, word: str, entropy: str, *, shape: Shape, second: bool, flip: bool) -> str:
    def drawn(count: int, zero: int) -> str:
        lanes = _lanes(dialect, entropy, count, second)
        return dialect.sub((zero + count - 1) * LANES, lanes) if flip else dialect.add(zero * LANES, lanes)

    if not shape.letters:
        digits = dialect.both(dialect.either(dialect.right(word, 4), dialect.right(word, 6)), LANES)
        return _swap(dialect, word, by=drawn(10, 0x30), where=dialect.mul(digits, 127))
    letters = dialect.both(dialect.right(word, 6), LANES)
    both = dialect.both(dialect.either(dialect.right(word, 4), dialect.right(word, 6)), LANES)
    digits = dialect.xor(both, letters)
    # XOR by nothing where neither holds: both replacements start from the same word.
    by_digit = dialect.both(dialect.xor(word, drawn(10, 0x30)), dialect.mul(digits, 127))
    by_letter = dialect.both(dialect.xor(word, drawn(26, 0x41)), dialect.mul(letters, 0x5F))
    return dialect.xor(word, dialect.either(by_digit, by_letter))


def _sql(shape: Shape) -> SQL:
    def masked(dialect: Dialect, flip: bool) -> str:
        def words(text: str, count: int, *, shared: bool) -> list[str]:
            found = []
            for place in range(count):
                word, entropy = dialect.load(text, count, place), dialect.word(place // 2 * WORD)
                if shared:
                    word, entropy = dialect.let(word), dialect.let(entropy)
                found.append(_replaced(dialect, word, entropy, shape=shape, second=place % 2 == 1, flip=flip))
            return found

        loaded = [dialect.let(dialect.load("{v}", shape.fast, place)) for place in range(shape.fast)]
        usual = f"{dialect.octets()}<={shape.fast * WORD} and {dialect.plain(loaded)}"
        rest = dialect.ascii(dialect.cut("{v}", 1, shape.words * WORD))
        fast = dialect.unload(words("{v}", shape.fast, shared=True), dialect.octets())
        return dialect.when([(usual, fast)], dialect.unload(words(rest, shape.words, shared=False), dialect.octets(rest)))

    def text(dialect: Dialect, _options: Options) -> str:
        return dialect.unless(masked(dialect, False), masked(dialect, True))

    return text


def _shape(shape: Shape) -> Transformer:
    return Transformer((TEXT,), _python(shape), _sql(shape))


UNIQUE = {"unique": Option("flag", False, about="a permutation of the digits, one-to-one")}


def _or_permutation(shape: Shape) -> Transformer:
    hashed, hashed_sql = _python(shape), _sql(shape)

    def python(h: bytes, v: str, options: Options) -> Optional[str]:
        return (permutation.python if option(options, "unique", False) else hashed)(h, v, options)

    def text(dialect: Dialect, options: Options) -> str:
        return (permutation.sql if option(options, "unique", False) else hashed_sql)(dialect, options)

    return Transformer((TEXT,), python, text, options=UNIQUE)


SHAPES = {
    "phone": _or_permutation(Shape(False, 2, 4)),
    "postcode": _shape(Shape(True, 1, 2)),
    "digits": _or_permutation(Shape(True, 2, 4)),
}
