"""Two ways by which tests talk to the API server as administrator: plain requests, and kubectl.

A request costs a millisecond and is for what is asked often; kubectl costs a tenth of a second and shows what a user
would see.
"""

from __future__ import annotations

import http.client
import json
import select
import ssl
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from tests.cluster.components import API_SERVER, Layout
from tests.cluster.processes import LOOPBACK


class RefusedError(Exception):
    """The API server did not do what was asked; the message has its answer."""


class KubectlError(Exception):
    """kubectl ended with an error.

    Attributes:
        code: its exit code.
        complaint: what it wrote to stderr.
    """

    def __init__(self, arguments: tuple[str, ...], code: int, complaint: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: exit {code}: {complaint.strip()}")
        self.code = code
        self.complaint = complaint


class AdministratorClient:
    """Requests by the certificate of the administrator, each thread on a connection that it keeps."""

    def __init__(self, layout: Layout) -> None:
        keys = layout.certificates
        self._port = layout.ports[API_SERVER]
        self._context = ssl.create_default_context(cafile=str(keys / "authority.crt"))
        self._context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
        self._of_thread = threading.local()
        self._kept: list[http.client.HTTPSConnection] = []

    def request(self, method: str, path: str, body: object = None, kind: str = "application/json") -> tuple[int, Any]:
        """Status and content (decoded where it is JSON) of one request; `body` is sent as JSON of content type `kind`.

        Raises:
            OSError: the API server cannot be reached, or does not answer for 30 s.
            http.client.HTTPException: it went away before the answer was whole.
        """
        connection = self._connection()
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": kind, "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, orjson.loads(text) if is_json else text.decode()

    def _connection(self) -> http.client.HTTPSConnection:
        """The connection of this thread; where the API server has ended it, the next request makes it anew."""
        kept = getattr(self._of_thread, "connection", None)
        if kept is None:
            kept = http.client.HTTPSConnection(LOOPBACK, self._port, context=self._context, timeout=30)
            self._of_thread.connection = kept
            self._kept.append(kept)
        # Between an answer and the next request an API server says nothing but that it ends the connection.
        if kept.sock is not None and select.select([kept.sock], [], [], 0)[0]:
            kept.close()
        return kept

    def close(self) -> None:
        """Ends the connections of all threads."""
        for connection in self._kept:
            connection.close()

    def create(self, path: str, body: Mapping[str, object]) -> Any:
        """Creates an object at `path`; returns it as it was stored.

        Raises:
            RefusedError: the API server did not take it.
        """
        status, answer = self.request("POST", path, body)
        if status >= 300:
            raise RefusedError(f"POST {path}: {status}: {answer}")
        return answer


def run_kubectl(program: Path, kubeconfig: Path, arguments: tuple[str, ...], stdin: str | None) -> str:
    """What kubectl printed.

    Raises:
        KubectlError: it ended with an error.
    """
    # A home of its own: kubectl keeps what it has discovered of an API server, by host and port, which come again.
    environment = {"HOME": str(kubeconfig.parent), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [program, f"--kubeconfig={kubeconfig}", *arguments],
        input=stdin or "",
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    if done.returncode:
        raise KubectlError(arguments, done.returncode, done.stderr)
    return done.stdout
