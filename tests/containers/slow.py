# SPDX-License-Identifier: GPL-3.0-or-later
"""slow.py QUEUE MILLISECONDS PERCENT: holds every packet of an NFQUEUE for so long, and drops some.

What `tc qdisc add ... netem delay 300ms loss 5%` does, for kernels without netem. It runs in the network namespace of the host that is slow.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator

NETLINK_NETFILTER = 12
QUEUE_SUBSYSTEM = 3
PACKET, VERDICT, CONFIG = 0, 1, 2
HEADER, VERDICT_HEADER = 1, 2
COMMAND, PARAMETERS, LENGTH = 1, 2, 3
DROP, ACCEPT = 0, 1


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def message(kind: int, queue: int, attributes: bytes) -> bytes:
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, queue) + attributes
    return struct.pack("=IHHII", len(body) + 16, QUEUE_SUBSYSTEM << 8 | kind, 1, 0, 0) + body


def packets(data: bytes) -> Iterator[int]:
    """The numbers of the packets in what the kernel sent."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if kind == QUEUE_SUBSYSTEM << 8 | PACKET:
            at = 20
            while at + 4 <= length:
                size, name = struct.unpack_from("=HH", data, at)
                if name & 0x3FFF == HEADER:
                    yield struct.unpack_from("!I", data, at + 4)[0]
                at += max(4, size + (-size % 4))
        data = data[max(16, length + (-length % 4)) :]


def main(queue: int, delay: float, loss: float) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.bind((0, 0))
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        kernel.send(message(CONFIG, queue, attribute(COMMAND, struct.pack("!BBH", 1, 0, socket.AF_INET))))
        # numbers are enough, so no more of a packet than its first byte is copied
        kernel.send(message(CONFIG, queue, attribute(PARAMETERS, struct.pack("!IB", 1, 2))))
        kernel.send(message(CONFIG, queue, attribute(LENGTH, struct.pack("!I", 10_000))))
        print("ready", flush=True)
        held: deque[tuple[float, int]] = deque()
        while True:
            wait = max(0.0, held[0][0] - time.monotonic()) if held else None
            if select.select([kernel], [], [], wait)[0]:
                due = time.monotonic() + delay
                held.extend((due, number) for number in packets(kernel.recv(1 << 20)))
            while held and held[0][0] <= time.monotonic():
                verdict = DROP if random.random() < loss else ACCEPT
                kernel.send(message(VERDICT, queue, attribute(VERDICT_HEADER, struct.pack("!II", verdict, held.popleft()[1]))))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3]) / 100)
