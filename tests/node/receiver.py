"""A webhook in the node's network that keeps the alerts that it is told of, in the place of an Alertmanager."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self

from tests.node.node import Node
from tests.node.sandbox import ADDRESS


class Receiver:
    """Takes what Prometheus posts to `/api/v2/alerts`, as Alertmanager does; `alerts` has the latest of each name."""

    def __init__(self, node: Node) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/v2/alerts":
                    receiver.alerts |= {alert["labels"]["alertname"]: alert for alert in told}
                self.send_response(200 if self.path == "/api/v2/alerts" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        # A socket stays in the network that it was made in, whoever uses it.
        listening = node.on_network(lambda: socket.create_server((ADDRESS, 0)))
        self.address = f"{ADDRESS}:{listening.getsockname()[1]}"
        self._server = HTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
