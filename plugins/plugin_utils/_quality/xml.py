# SPDX-License-Identifier: GPL-3.0-or-later
"""XML without entities, of bounded depth and number of elements, each element with its line.

expat itself, and not an element tree: the tree forgets lines and takes any depth. A DOCTYPE is allowed, since Cobertura and JaCoCo write one; what it
would load is never loaded, and an entity that it declares is refused before anything is expanded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import File

DEEPEST = 100
ELEMENTS = 1_000_000
ATTRIBUTES = 200
CHARACTERS = 10_000  # of the text of one element: log output is not evidence


class Node:
    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag, self.attributes, self.line = tag, attributes, line
        self.children: list[Node] = []
        self.text = ""

    def walk(self) -> Iterator[Node]:
        """This element and all below, in the order of the file."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)

    def all(self, *tags: str) -> Iterator[Node]:
        return (node for node in self.walk() if node.tag in tags)

    def child(self, *path: str) -> Node | None:
        node: Node | None = self
        for tag in path:
            node = next((child for child in node.children if child.tag == tag), None) if node else None
        return node

    def text_of(self, *path: str) -> str:
        node = self.child(*path)
        return node.text.strip() if node else ""


def parse(file: File) -> Node:
    """The root element; names without their namespace."""
    builder = _Builder(file)
    try:
        builder.parser.Parse(file.data, True)
    except expat.ExpatError as exc:
        builder.refuse(f"XML that is broken ({expat.ErrorString(exc.code)})", "well-formed XML", "write the report again; it may be cut off", exc.lineno)
    except (LookupError, ValueError) as exc:  # an encoding that Python does not know
        builder.refuse(f"XML that can't be decoded ({exc})", "UTF-8", "write the report as UTF-8")
    if builder.root is None:
        builder.refuse("no element", "an XML report", "write the report again")
    return builder.root


class _Builder:
    def __init__(self, file: File) -> None:
        self.file = file
        self.root: Node | None = None
        self.open: list[Node] = []
        self.elements = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.parser.ExternalEntityRefHandler = self._entity

    def refuse(self, found: str, allowed: str, next_step: str, line: int = 0) -> NoReturn:
        place = f"line {line or self.parser.CurrentLineNumber}"
        raise EvidenceError(self.file.name, place, found=found, allowed=allowed, next_step=next_step) from None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if len(self.open) >= DEEPEST:
            self.refuse(f"elements nested deeper than {DEEPEST}", f"at most {DEEPEST} levels", "check what wrote the file")
        if self.elements > ELEMENTS or len(attributes) > ATTRIBUTES:
            self.refuse("too many elements or attributes", f"at most {ELEMENTS} elements of {ATTRIBUTES} attributes", "split the report")
        node = Node(tag.rsplit(":", 1)[-1], {name.rsplit(":", 1)[-1]: value for name, value in attributes.items()}, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def _end(self, _tag: str) -> None:
        self.open.pop()

    def _text(self, text: str) -> None:
        node = self.open[-1]
        if len(node.text) < CHARACTERS:
            node.text += text[: CHARACTERS - len(node.text)]

    def _entity(self, *_what: object) -> NoReturn:
        self.refuse("an entity, which could load files or grow without end", "no entities", "make the tool write plain XML")
