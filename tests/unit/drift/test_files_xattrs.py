# SPDX-License-Identifier: GPL-3.0-or-later
"""Extended attributes as text."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import xattrs


def acl(*entries, version=2):
    return struct.pack("<I", version) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def capabilities(permitted, inheritable=0, *, effective=1, version=2, tail=()):
    words = [permitted & 0xFFFFFFFF, inheritable & 0xFFFFFFFF, permitted >> 32, inheritable >> 32, *tail]
    return struct.pack(f"<I{len(words)}I", version << 24 | effective, *words)


NOBODY = 0xFFFFFFFF
LIST = acl((1, 6, NOBODY), (2, 4, 0), (4, 4, NOBODY), (8, 7, 0), (16, 6, NOBODY), (32, 0, NOBODY))
NET_RAW, NET_BIND, MAC_OVERRIDE = 1 << 13, 1 << 10, 1 << 32


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {}),
        ({"security.selinux": b"system_u:object_r:etc_t:s0\0"}, {"selinux": "system_u:object_r:etc_t:s0"}),
        ({"system.posix_acl_access": LIST}, {"acl": "user::rw-,user:root:r--,group::r--,group:root:rwx,mask::rw-,other::---"}),
        ({"system.posix_acl_default": acl((1, 7, NOBODY))}, {"default_acl": "user::rwx"}),
        ({"system.posix_acl_default": acl(version=1)}, {"xattrs": {"system.posix_acl_default": "\\x01\\x00\\x00\\x00"}}),
        ({"security.capability": capabilities(NET_RAW)}, {"capabilities": "cap_net_raw=ep"}),
        ({"security.capability": capabilities(NET_RAW | NET_BIND, effective=0)}, {"capabilities": "cap_net_bind_service,cap_net_raw=p"}),
        ({"security.capability": capabilities(MAC_OVERRIDE, NET_RAW, effective=0)}, {"capabilities": "cap_net_raw=i cap_mac_override=p"}),
        ({"security.capability": capabilities(1 << 63)}, {"capabilities": "cap_63=ep"}),
        ({"security.capability": capabilities(0)}, {"capabilities": "="}),
        ({"security.capability": capabilities(1, version=3, tail=[1000])}, {"capabilities": "cap_chown=ep [rootid=1000]"}),
        ({"security.capability": b"short"}, {"xattrs": {"security.capability": "short"}}),
        ({"user.b": b"\xff", "user.a": b""}, {"xattrs": {"user.a": "", "user.b": "\\xff"}}),
    ],
)
def test_attributes_are_decoded(values, expected):
    assert xattrs.decoded(values) == expected


def test_a_number_without_a_name_stays_a_number():
    assert xattrs.name_of("owner", 3_999_999_999) == "3999999999"
    assert xattrs.name_of("group", 0) == "root"
