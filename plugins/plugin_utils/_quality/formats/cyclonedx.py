# SPDX-License-Identifier: GPL-3.0-or-later
"""CycloneDX 1.2 to 1.7, JSON and XML (ECMA-424): components with their licences, nested ones too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import packages, take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import SHA256, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.packages import About, Package
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.xml import Node

NAME = "cyclonedx"


def sniff(doc: Document) -> bool:
    if doc.syntax == "xml":
        return bool(doc.value.tag == "bom")
    return doc.syntax == "json" and isinstance(doc.value, dict) and doc.value.get("bomFormat") == "CycloneDX"


def read(doc: Document) -> list[Reading]:
    if doc.syntax == "xml":
        return _xml(doc)
    top = take.mapping(doc, doc.value, "")
    if top.get("bomFormat") != "CycloneDX":
        doc.refuse("bomFormat", found=repr(top.get("bomFormat"))[:60], allowed="CycloneDX")
    metadata = take.mapping(doc, top.get("metadata"), "metadata", optional=True)
    subject = take.mapping(doc, metadata.get("component"), "metadata.component", optional=True)
    tool, version = _tool(doc, metadata)
    about = About(
        tool,
        version,
        take.moment(doc, metadata["timestamp"], "metadata.timestamp") if metadata.get("timestamp") else None,
        tuple(_digests(doc, subject.get("hashes"), "metadata.component.hashes")),
    )
    return packages.readings(doc, [_package(doc, one, place) for place, one in components(doc, top)], about)


def components(doc: Document, top: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, component), those inside of others too."""
    waiting = list(take.mappings(doc, top.get("components"), "components", optional=True))
    while waiting:
        place, one = waiting.pop()
        yield place, one
        waiting += take.mappings(doc, one.get("components"), f"{place}.components", optional=True)


def _package(doc: Document, one: dict[str, Any], place: str) -> Package:
    names, expression = [], ""
    for here, entry in take.mappings(doc, one.get("licenses"), f"{place}.licenses", optional=True):
        if "expression" in entry:
            expression = take.text(doc, entry["expression"], f"{here}.expression")
        else:
            licence = take.mapping(doc, entry.get("license"), f"{here}.license")
            names.append(take.text(doc, licence.get("id") or licence.get("name"), f"{here}.license.id"))
    group, name = take.text(doc, one.get("group"), f"{place}.group", optional=True), take.text(doc, one.get("name"), f"{place}.name")
    return Package(
        short(f"{group}/{name}" if group else name),
        short(take.text(doc, one.get("version"), f"{place}.version", optional=True)),
        take.text(doc, one.get("purl"), f"{place}.purl", optional=True),
        packages.licence_of(expression, names),
    )


def _tool(doc: Document, metadata: dict[str, Any]) -> tuple[str, str]:
    """A list up to 1.4, a mapping of components from 1.5 on."""
    tools = metadata.get("tools")
    if isinstance(tools, dict):
        tools = tools.get("components")
    found = [one for _place, one in take.mappings(doc, tools, "metadata.tools", optional=True)]
    return (short(found[0].get("name", "")), short(found[0].get("version") or "")) if found else ("", "")


def _digests(doc: Document, hashes: Any, place: str) -> Iterator[str]:
    for here, one in take.mappings(doc, hashes, place, optional=True):
        content = take.text(doc, one.get("content"), f"{here}.content").lower()
        if one.get("alg") == "SHA-256" and SHA256.fullmatch(content):
            yield content


def _xml(doc: Document) -> list[Reading]:
    root: Node = doc.value
    metadata = root.child("metadata") or Node("metadata", {}, 0)
    stamp, subject = metadata.text_of("timestamp"), metadata.child("component")
    tools = metadata.child("tools") or Node("tools", {}, 0)
    tool = next((node for node in tools.walk() if node.tag in ("tool", "component")), None)
    hashes = [node for node in (subject.children if subject else []) if node.tag == "hashes"]
    digests = [one.text.strip().lower() for node in hashes for one in node.children if one.attributes.get("alg") == "SHA-256"]
    about = About(
        short(tool.text_of("name")) if tool else "",
        short(tool.text_of("version")) if tool else "",
        take.moment(doc, stamp, "metadata/timestamp") if stamp else None,
        tuple(one for one in digests if SHA256.fullmatch(one)),
    )
    top = root.child("components")
    return packages.readings(doc, [_xml_package(doc, node) for node in top.all("component")] if top else [], about)


def _xml_package(doc: Document, node: Node) -> Package:
    name, group = node.text_of("name"), node.text_of("group")
    if not name:
        doc.refuse(f"line {node.line}, component", found="no name", allowed="a name")
    listed = node.child("licenses")
    names = [one.text_of("id") or one.text_of("name") for one in (listed.children if listed else []) if one.tag == "license"]
    expression = listed.text_of("expression") if listed else ""
    return Package(short(f"{group}/{name}" if group else name), short(node.text_of("version")), node.text_of("purl"), packages.licence_of(expression, names))
