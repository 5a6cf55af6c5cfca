# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a ledger says what its checkpoint signed, for an auditor: one file, Python's standard library and `cryptography`, no Ansible.

    python3 verifier.py ledger LEDGER --key KEY [--checkpoint FILE] [--archives FOLDER] [--witness KEY ... --quorum N]
    python3 verifier.py proof PROOF --entry FILE --key KEY [--witness ...]
    python3 verifier.py consistent OLD NEW PROOF --key KEY

LEDGER is the SQLite file of a ledger or its export in JSON Lines. KEY is a verifier key: `name+hash+base64`.

The tree is that of RFC 6962, section 2.1 (leaf SHA-256(0 || entry), node SHA-256(1 || left || right)); proofs are checked as RFC 9162, sections
2.1.3.2 and 2.1.4.2, says. Notes, checkpoints, cosignatures and proofs have the forms of c2sp.org/signed-note, /tlog-checkpoint, /tlog-cosignature
and /tlog-proof.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Protocol

EMPTY = hashlib.sha256(b"").digest()
GENESIS = bytes(32)
ED25519, COSIGNATURE = 1, 4
MAX_SIGNATURES = 64
# Subtrees of this many leaves are hashed at once: level by level is faster than leaf by leaf, and the memory is bounded.
CHUNK = 1 << 12
_DASH = "\N{EM DASH} "


class ProofError(Exception):
    """What does not hold, in one line."""


# --- the tree -------------------------------------------------------------------------------------------------------
def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows: the roots of its complete subtrees, the largest first, are all that the next leaves need."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        complete = bin(size).count("1")
        if len(roots) != complete:
            raise ProofError(f"a tree of {size} leaves has {complete} complete subtrees, given are {len(roots)}")
        self.size, self.roots = size, list(roots)

    def extend(self, hashes: Sequence[bytes]) -> None:
        """hashes: of leaves, in their order."""
        at = 0
        while at < len(hashes):
            # The largest complete subtree that fits: not more leaves than there are, and not more than where it begins allows.
            room = (self.size & -self.size) or CHUNK
            count = min(CHUNK, room, 1 << ((len(hashes) - at).bit_length() - 1))
            self._add(_complete(hashes[at : at + count]), count)
            at += count

    def _add(self, root: bytes, count: int) -> None:
        self.size += count
        while count < (self.size & -self.size):  # it and its left neighbour of the same size are one
            root = node(self.roots.pop(), root)
            count *= 2
        self.roots.append(root)

    def root(self) -> bytes:
        if not self.roots:
            return EMPTY
        found = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            found = node(left, found)
        return found


def _complete(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of leaves."""
    sha, level = hashlib.sha256, list(hashes)
    while len(level) > 1:
        level = [sha(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2])]
    return level[0]


def included(hashed: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of a tree of that size in which the leaf is at index."""
    if not 0 <= index < size:
        raise ProofError(f"the entry is number {index} and the tree has {size}")
    at, last, root = index, size - 1, hashed
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof has more hashes than a tree of that size")
        if at & 1 or at == last:
            root = node(sibling, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node(root, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError("the proof has fewer hashes than a tree of that size")
    return root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofError unless the tree of the old size is the beginning of that of the new one."""
    if old > new:
        raise ProofError(f"the newer tree has {new} entries and the older one {old}: entries were taken away")
    if old in (0, new):
        if proof or (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY):
            raise ProofError("trees of the same size, or an empty one, have no hashes between them and one root")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the proof is empty")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof has more hashes than trees of these sizes")
        if at & 1 or at == last:
            before, after = node(sibling, before), node(sibling, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node(after, sibling)
        at, last = at >> 1, last >> 1
    if last or before != old_root or after != new_root:
        raise ProofError("the newer tree does not begin with the older one: entries were changed, or the history was forked")


# --- notes ----------------------------------------------------------------------------------------------------------
Fits = Callable[[bytes, bytes, bytes], bool]


def ed25519(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the signature is that of the text, RFC 8032."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise ProofError("signatures can't be checked without Python's package cryptography") from None
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


class Key(NamedTuple):
    """Who may sign: name, signature type (1 Ed25519, 4 cosignature) and the 32 bytes of the public key."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @staticmethod
    def parse(text: str) -> Key:
        name, _plus, rest = text.strip().partition("+")
        digest, _plus, encoded = rest.partition("+")
        data = unbase64(encoded, f"the key of {name or 'nobody'}")
        if not valid_name(name) or len(data) != 33 or data[0] not in (ED25519, COSIGNATURE):
            raise ProofError(f"{text.strip()!r} is no verifier key: name+hash+base64 of an Ed25519 key")
        key = Key(name, data[0], data[1:])
        if key.id.hex() != digest:
            raise ProofError(f"the key of {name} is damaged: its hash is {digest}, computed is {key.id.hex()}")
        return key

    def check(self, text: bytes, signature: bytes, fits: Fits) -> int:
        """The time of a cosignature, 0 of a signature; raises ProofError."""
        moment = 0
        if self.kind == COSIGNATURE:
            moment, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            text = f"cosignature/v1\ntime {moment}\n".encode() + text
        if not fits(self.public, signature, text):
            raise ProofError(f"the signature of {self.name} does not fit the text")
        return moment


def valid_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def unbase64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as exc:
        raise ProofError(f"{what} is not base64") from exc


class Signature(NamedTuple):
    name: str
    id: bytes
    data: bytes


class Note(NamedTuple):
    text: str
    signatures: tuple[Signature, ...]

    @staticmethod
    def parse(note: str) -> Note:
        if any(ord(letter) < 0x20 and letter != "\n" for letter in note):
            raise ProofError("a note has no control characters but line feeds")
        text, empty, tail = note.rpartition("\n\n")
        if not empty or not tail.endswith("\n"):
            raise ProofError("a note is a text, an empty line, and lines of signatures that each end with a line feed")
        lines = tail[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise ProofError(f"a note has {MAX_SIGNATURES} signatures at most")
        return Note(text + "\n", tuple(map(_signature, lines)))

    def signed(self, keys: Iterable[Key], fits: Fits = ed25519) -> dict[str, int]:
        """{name: time} of those keys whose signature fits. One of a known key that does not fit makes the note bad."""
        known = {(key.name, key.id): key for key in keys}
        found = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.id))
            if key is not None:
                found[key.name] = key.check(self.text.encode(), signature.data, fits)
        return found


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not valid_name(name):
        raise ProofError(f"{line!r} is no line of a signature")
    data = unbase64(encoded, f"the signature of {name}")
    if len(data) < 5:
        raise ProofError(f"the signature of {name} is too short")
    return Signature(name, data[:4], data[4:])


def signature_line(key: Key, data: bytes) -> str:
    return f"{_DASH}{key.name} {base64.b64encode(key.id + data).decode()}\n"


class Checkpoint(NamedTuple):
    """The head of a tree, as its note says it."""

    origin: str
    size: int
    root: bytes
    note: Note

    @staticmethod
    def parse(text: str) -> Checkpoint:
        note = Note.parse(text)
        lines = note.text.split("\n")
        if len(lines) < 4 or not all(lines[:-1]) or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
            raise ProofError("a checkpoint is an origin, a size and a root, a line each")
        root = unbase64(lines[2], "the root of the checkpoint")
        if len(root) != 32:
            raise ProofError("the root of a checkpoint has 32 bytes")
        return Checkpoint(lines[0], int(lines[1]), root, note)


def body(origin: str, size: int, root: bytes) -> str:
    """The text of a checkpoint, to be signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


@dataclass(frozen=True)
class Trust:
    """Whom an auditor believes: the ledger's own key, and so many of these witnesses."""

    key: Key
    witnesses: tuple[Key, ...] = ()
    quorum: int = 0
    fits: Fits = ed25519

    def checkpoint(self, text: str) -> Checkpoint:
        found = Checkpoint.parse(text)
        signed = found.note.signed((self.key, *self.witnesses), self.fits)
        if self.key.name not in signed:
            raise ProofError(f"the checkpoint is not signed by {self.key.name}")
        if found.origin != self.key.name:
            raise ProofError(f"the checkpoint is of {found.origin}, and the key of {self.key.name}")
        seen = sorted(signed.keys() & {key.name for key in self.witnesses})
        if len(seen) < self.quorum:
            raise ProofError(f"{len(seen)} witnesses have signed the checkpoint ({', '.join(seen) or 'none'}), {self.quorum} are needed")
        return found


# --- proofs in files --------------------------------------------------------------------------------------------------
PROOF = "c2sp.org/tlog-proof@v1"


class Proof(NamedTuple):
    """That an entry is in the tree of a checkpoint."""

    number: int  # of the entry in the tree, from 0
    hashes: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        lines = [PROOF, f"index {self.number}", *(base64.b64encode(each).decode() for each in self.hashes), "", ""]
        return "\n".join(lines) + self.checkpoint

    @staticmethod
    def parse(text: str) -> Proof:
        head, _empty, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) > 1 and lines[1].startswith("extra "):
            del lines[1]
        number = lines[1].removeprefix("index ") if len(lines) > 1 else ""
        if lines[0] != PROOF or not re.fullmatch("0|[1-9][0-9]{0,18}", number):
            raise ProofError(f"a proof begins with {PROOF} and the index of its entry")
        return Proof(int(number), hashes(lines[2:]), checkpoint)

    def verify(self, entry: bytes, trust: Trust) -> Checkpoint:
        checkpoint = trust.checkpoint(self.checkpoint)
        if included(leaf(entry), self.number, checkpoint.size, self.hashes) != checkpoint.root:
            raise ProofError(f"the entry is not number {self.number} of the ledger that {checkpoint.origin} signed")
        return checkpoint


def hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    found = tuple(unbase64(line, "a hash of the proof") for line in lines)
    if any(len(each) != 32 for each in found):
        raise ProofError("a hash of the proof has not 32 bytes")
    return found


# --- a whole ledger ---------------------------------------------------------------------------------------------------
class Part(NamedTuple):
    """Entries of one stream that follow each other, as a checkpoint took them into the tree."""

    stream: str
    first: int
    last: int


Row = tuple[int, bytes, bytes]  # seq, bytes, hash


class Piece(NamedTuple):
    """The beginning of a stream that lies in a file by now: the hash of each leaf and the hash of the last entry stay."""

    stream: str
    first: int
    last: int
    head: bytes
    leaves: bytes
    file: str
    sha256: str


class Place(Protocol):
    """Where a ledger is read."""

    def pieces(self) -> list[Piece]:
        """By stream, the first one first."""

    def checkpoints(self) -> list[tuple[str, list[Part]]]:
        """Each note with the parts that it added, the first one first."""

    def rows(self, part: Part) -> Iterator[Sequence[Row]]: ...


class Sqlite:
    """The ledger as its file: nothing is written to it."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)

    def checkpoints(self) -> list[tuple[str, list[Part]]]:
        rows = self._connection.execute("SELECT note, parts FROM evenkeel_checkpoints ORDER BY size").fetchall()
        return [(str(note), parts(text)) for note, text in rows]

    def pieces(self) -> list[Piece]:
        if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'evenkeel_archived'").fetchone():
            return []
        rows = self._connection.execute(f"SELECT {', '.join(Piece._fields)} FROM evenkeel_archived ORDER BY stream, first")  # noqa: S608 - our own names
        return [Piece(*row) for row in rows]

    def rows(self, part: Part) -> Iterator[Sequence[Row]]:
        query = "SELECT seq, bytes, hash FROM evenkeel_entries WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq"
        found = self._connection.execute(query, part)
        while batch := found.fetchmany(CHUNK):
            yield batch

    def close(self) -> None:
        self._connection.close()


class Export:
    """The ledger as JSON Lines: `{"stream", "seq", "bytes", "hash"}` of each entry, `{"checkpoint", "parts"}` of each checkpoint, and `{"archived"}`
    of each piece that lies in another file."""

    def __init__(self, path: str) -> None:
        self._entries: dict[str, dict[int, Row]] = {}
        self._checkpoints: list[tuple[str, list[Part]]] = []
        self._pieces: list[Piece] = []
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError) as exc:
                    raise ProofError(f"{path}: line {number} is no line of an export") from exc

    def _take(self, said: Mapping[str, Any]) -> None:
        if "checkpoint" in said:
            self._checkpoints.append((str(said["checkpoint"]), parts(json.dumps(said["parts"]))))
            return
        if "archived" in said:
            piece = Piece(**said["archived"])
            self._pieces.append(piece._replace(head=bytes.fromhex(str(piece.head)), leaves=base64.b64decode(piece.leaves)))
            return
        seq = int(said["seq"])
        self._entries.setdefault(str(said["stream"]), {})[seq] = (seq, str(said["bytes"]).encode(), bytes.fromhex(said["hash"]))

    def checkpoints(self) -> list[tuple[str, list[Part]]]:
        return self._checkpoints

    def pieces(self) -> list[Piece]:
        return sorted(self._pieces)

    def rows(self, part: Part) -> Iterator[Sequence[Row]]:
        stream = self._entries.get(part.stream, {})
        yield [stream[seq] for seq in range(part.first, part.last + 1) if seq in stream]

    @staticmethod
    def opened(path: str) -> closing[Export]:
        return closing(Export(path))

    def streams(self) -> Iterator[tuple[str, list[Row]]]:
        """Every entry, signed or not."""
        for name, entries in self._entries.items():
            yield name, [entries[seq] for seq in sorted(entries)]

    def close(self) -> None:
        self._entries = {}


def parts(text: str) -> list[Part]:
    try:
        return [Part(str(stream), int(first), int(last)) for stream, first, last in json.loads(text)]
    except (ValueError, TypeError) as exc:
        raise ProofError("what a checkpoint took into the tree can't be read") from exc


@dataclass
class Walk:
    """One pass over what checkpoints signed: the chain of each stream and the tree over all of them."""

    tree: Frontier = field(default_factory=Frontier)
    chains: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    archives: dict[str, Piece] = field(default_factory=dict)

    def take(self, part: Part, batches: Iterable[Sequence[Row]]) -> None:
        seq, before = self.chains.get(part.stream, (0, GENESIS))
        if part.first != seq + 1 or part.last < part.first:
            raise ProofError(f"stream {part.stream}: entry {seq + 1} should come next, a checkpoint says {part.first} to {part.last}")
        archive = self.archives.get(part.stream)
        if archive and seq < archive.last:
            end = min(part.last, archive.last)
            self.tree.extend([archive.leaves[32 * at : 32 * at + 32] for at in range(seq, end)])
            seq, before = end, archive.head if end == archive.last else b""
        for rows in batches:
            seq, before = self._follow(part.stream, seq, before, rows)
        if seq != part.last:
            raise ProofError(f"stream {part.stream}: the entries from {seq + 1} to {part.last} are gone")
        self.chains[part.stream] = (seq, before)

    def _follow(self, stream: str, seq: int, before: bytes, rows: Sequence[Row]) -> tuple[int, bytes]:
        """Comprehensions, since a million entries go through here."""
        sha = hashlib.sha256
        numbers, entries, digests = [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
        made = [sha(last + data).digest() for last, data in zip([before, *digests], entries)]
        if made != digests or numbers != list(range(seq + 1, seq + 1 + len(rows))):
            self._fail(stream, seq, zip(numbers, made, digests))
        self.tree.extend([sha(b"\x00" + data).digest() for data in entries])
        return (numbers[-1], digests[-1]) if rows else (seq, before)

    @staticmethod
    def _fail(stream: str, seq: int, found: Iterable[tuple[int, bytes, bytes]]) -> None:
        for wanted, (number, made, digest) in enumerate(found, start=seq + 1):
            if number != wanted or made != digest:
                raise ProofError(_broken(stream, wanted, number))


def _broken(stream: str, wanted: int, found: int) -> str:
    if found != wanted:
        return f"stream {stream}: entry {wanted} is missing before {found}"
    return f"stream {stream}, entry {wanted}: its bytes or its hash were changed, or an entry before it was replaced"


def archives(pieces: Sequence[Piece]) -> dict[str, Piece]:
    """One piece for each stream, from its first entry on."""
    found: dict[str, Piece] = {}
    for piece in pieces:
        before = found.get(piece.stream)
        if piece.first != (before.last if before else 0) + 1 or len(piece.leaves) != 32 * (piece.last - piece.first + 1) or len(piece.head) != 32:
            raise ProofError(f"stream {piece.stream}: what is kept of the archived entries {piece.first} to {piece.last} does not fit")
        found[piece.stream] = piece._replace(first=1, leaves=before.leaves + piece.leaves) if before else piece
    return found


def archived(pieces: Sequence[Piece], folder: str) -> int:
    """How many entries lie in the files of the folder, every one as it was signed; raises ProofError."""
    heads: dict[str, bytes] = {}
    for piece in pieces:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", piece.file) is None:
            raise ProofError(f"the name of an archive is {piece.file!r}")
        with Export.opened(str(Path(folder, piece.file))) as export:
            rows = [row for batch in export.rows(Part(piece.stream, piece.first, piece.last)) for row in batch]
        walk = Walk(chains={piece.stream: (piece.first - 1, heads.get(piece.stream, GENESIS))})
        walk.take(Part(piece.stream, piece.first, piece.last), [rows])
        if b"".join(leaf(row[1]) for row in rows) != piece.leaves or rows[-1][2] != piece.head:
            raise ProofError(f"{piece.file}: its entries {piece.first} to {piece.last} of stream {piece.stream} are not those that were signed")
        heads[piece.stream] = piece.head
    return sum(piece.last - piece.first + 1 for piece in pieces)


def ledger(place: Place, trust: Trust, given: Optional[str] = None) -> tuple[Checkpoint, Walk]:
    """Every entry up to the last checkpoint. `given` is a checkpoint as somebody else kept it, with the signatures of its witnesses."""
    if given is None and trust.quorum:
        raise ProofError("witnesses sign checkpoints that are kept elsewhere: name the file of one")
    made, own = place.checkpoints(), Trust(trust.key, fits=trust.fits)
    wanted = trust.checkpoint(given) if given is not None else None
    if not made and wanted is None:
        raise ProofError("the ledger has no checkpoint: nothing of it was signed")
    walk, last, met = Walk(archives=archives(place.pieces())), wanted, wanted is None
    for text, taken in made:
        last = own.checkpoint(text)
        for part in taken:
            walk.take(part, place.rows(part))
        _agrees(last, walk.tree)
        if wanted is not None and wanted.size == last.size:
            _agrees(wanted, walk.tree)
            met = True
    if not met or last is None:
        size = wanted.size if wanted else 0
        raise ProofError(f"the checkpoint that was kept has {size} entries, and the ledger has no checkpoint of that size: it was cut off or rewritten")
    return last, walk


def _agrees(checkpoint: Checkpoint, tree: Frontier) -> None:
    if tree.size != checkpoint.size or tree.root() != checkpoint.root:
        raise ProofError(
            f"the checkpoint of {checkpoint.size} entries does not fit them: an entry was changed, put in, taken away or moved after it was signed"
        )


# --- the command ------------------------------------------------------------------------------------------------------
def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="verifier", description="Verify a ledger of evenkeel.release, or a proof about it.")
    acts = parser.add_subparsers(dest="act", required=True)
    whole = acts.add_parser("ledger", help="every entry, up to the last checkpoint")
    whole.add_argument("ledger", help="SQLite file, or export in JSON Lines")
    whole.add_argument("--checkpoint", help="file with a checkpoint that was kept elsewhere")
    whole.add_argument("--archives", help="folder with the files of archived entries, to verify these too")
    one = acts.add_parser("proof", help="that an entry is in the ledger")
    one.add_argument("proof", help="file in the form of c2sp.org/tlog-proof")
    one.add_argument("--entry", required=True, help="file with the bytes of the entry")
    two = acts.add_parser("consistent", help="that a checkpoint only adds to an older one")
    for name in ("old", "new", "proof"):
        two.add_argument(name, help="file")
    for act in (whole, one, two):
        act.add_argument("--key", required=True, help="verifier key of the ledger")
        act.add_argument("--witness", action="append", default=[], help="verifier key of a witness")
        act.add_argument("--quorum", type=int, default=None, help="how many witnesses must have signed; all that are given by default")
    args = parser.parse_args(argv)
    try:
        said = {"ledger": _ledger, "proof": _proof, "consistent": _consistent}[args.act](args, _trust(args))
    except (ProofError, OSError, sqlite3.Error, UnicodeDecodeError) as exc:
        sys.stderr.write(f"NOT VERIFIED: {exc}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


def _trust(args: argparse.Namespace) -> Trust:
    witnesses = tuple(map(Key.parse, args.witness))
    return Trust(Key.parse(args.key), witnesses, len(witnesses) if args.quorum is None else args.quorum)


def _ledger(args: argparse.Namespace, trust: Trust) -> str:
    with open(args.ledger, "rb") as file:
        is_sqlite = file.read(15) == b"SQLite format 3"
    given = Path(args.checkpoint).read_text(encoding="utf-8") if args.checkpoint else None
    with closing(Sqlite(args.ledger) if is_sqlite else Export(args.ledger)) as place:
        checkpoint, walk = ledger(place, trust, given)
        pieces = place.pieces()
        read = archived(pieces, args.archives) if args.archives else 0
    elsewhere = sum(piece.last - piece.first + 1 for piece in pieces)
    told = f", {elsewhere} of them in archives that were {'read' if read else 'not read'}" if elsewhere else ""
    return f"verified: {checkpoint.size} entries in {len(walk.chains)} streams are what {checkpoint.origin} signed{told}"


def _proof(args: argparse.Namespace, trust: Trust) -> str:
    proof = Proof.parse(Path(args.proof).read_text(encoding="utf-8"))
    checkpoint = proof.verify(Path(args.entry).read_bytes(), trust)
    return f"verified: the entry is number {proof.number} of {checkpoint.size} that {checkpoint.origin} signed"


def _consistent(args: argparse.Namespace, trust: Trust) -> str:
    old, new = (trust.checkpoint(Path(path).read_text(encoding="utf-8")) for path in (args.old, args.new))
    consistent(old.size, new.size, old.root, new.root, hashes(Path(args.proof).read_text(encoding="utf-8").split()))
    return f"verified: the {new.size} entries of {new.origin} begin with the {old.size} that it signed before"


if __name__ == "__main__":
    raise SystemExit(main())
