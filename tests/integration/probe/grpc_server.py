# SPDX-License-Identifier: GPL-3.0-or-later
"""A gRPC server with the health protocol, in a process of its own: with one inside, a process can't safely start others.

    grpc_server.py KEY CERTIFICATE

Writes its two ports, in clear text and inside TLS. Then every line `STATE SERVICE` on its input sets the health of a service, and every
line `SEEN` writes the metadata of the last call as JSON. It ends with its input.
"""

from __future__ import annotations

import json
import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


class Note(grpc.ServerInterceptor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def intercept_service(self, go_on: Any, details: Any) -> Any:
        self.seen = {key: value for key, value in details.invocation_metadata if isinstance(value, str)}
        return go_on(details)


def main(key: str, certificate: str) -> None:
    note, servicer = Note(), health.HealthServicer()
    server = grpc.server(futures.ThreadPoolExecutor(2), interceptors=[note])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    trust = grpc.ssl_server_credentials([(Path(key).read_bytes(), Path(certificate).read_bytes())])
    print(server.add_insecure_port("127.0.0.1:0"), server.add_secure_port("127.0.0.1:0", trust), flush=True)
    server.start()
    for line in sys.stdin:
        word, _blank, service = line.rstrip("\n").partition(" ")
        if word == "SEEN":
            print(json.dumps(note.seen), flush=True)
        else:
            servicer.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(word))
            print("set", flush=True)
    server.stop(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
