"""The Kubernetes API over HTTP, as little of it as the operator uses: read, watch, server-side apply, delete.

Every write first asks the fence whether this process may still write: a leader that has not been able to renew its
Lease for a while writes nothing any more, and no request outlives the time that the fence leaves. Nothing is retried
here: whoever asked puts its bot back into the queue, with a pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from tradewind import __version__
from tradewind.contracts.labels import OPERATOR
from tradewind.domain.errors import ConfigError, TradewindError
from tradewind_operator.fence import REQUEST_TIMEOUT, Fence, FencedBody, NotLeaderError
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import Resource
from tradewind_operator.reach import Reach

APPLY = "application/apply-patch+yaml"
"""Server-side apply; JSON is valid YAML."""
MERGE = "application/merge-patch+json"
JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
CONNECTIONS = 64
_TURNED_AWAY = (HTTPStatus.TOO_MANY_REQUESTS,)

Object = dict[str, Any]


class ApiError(TradewindError):
    """The API server did not do what it was asked. `status` is 0 where it did not answer at all."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.retry_after = status, reason, retry_after

    @property
    def passing(self) -> bool:
        """Whether the same request may well be taken later."""
        # 404 and 409 are about something that went, or was replaced, while it was looked at.
        return self.status in (0, 404, 408, 409, 429) or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def login() -> kopf.ConnectionInfo:
    """The credentials of the pod, or of the kubeconfig; raises `ConfigError` where there are neither."""
    settings = kopf.OperatorSettings()
    found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        raise ConfigError(
            "KUBECONFIG",
            "neither a service account nor a kubeconfig",
            "credentials for a Kubernetes API server",
            "run it in a pod with a ServiceAccount, or set KUBECONFIG to the path of a kubeconfig",
        )
    return found


class ApiClient:
    """One API server, as one user. Close it."""

    def __init__(self, credentials: Callable[[], kopf.ConnectionInfo] = login, fence: Fence | None = None) -> None:
        self._credentials = credentials
        self.fence = fence or Fence()
        self.reach = Reach()
        self._session: aiohttp.ClientSession | None = None
        self._watching: aiohttp.ClientSession | None = None
        self._info: kopf.ConnectionInfo | None = None
        self._authorization: dict[str, str] = {}

    async def close(self) -> None:
        """Close all connections."""
        for one in (self._session, self._watching):
            if one is not None:
                await one.close()
        self._session = self._watching = None

    async def apply(self, resource: Resource, manifest: Object, manager: str, *, status: bool = False) -> Object:
        """Server-side apply: what `manifest` says is so afterwards, whoever said otherwise; the object as it then is.

        A `metadata.uid` or `resourceVersion` in it is a condition: `ApiError` 409 (422 for another uid) where it fails.
        """
        metadata = manifest["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"]) + ("/status" if status else "")
        parameters = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        return await self._write("PATCH", path, manifest, parameters, content_type=APPLY)

    async def create(self, resource: Resource, manifest: Object) -> Object:
        """Make an object; `ApiError` 409 where there is one of its name."""
        path = resource.collection(manifest["metadata"]["namespace"])
        return await self._write("POST", path, manifest, {"fieldManager": OPERATOR})

    async def merge(self, resource: Resource, namespace: str, name: str, patch: Object) -> Object:
        """A merge patch, for what has a resourceVersion or a uid as its condition."""
        return await self._write(
            "PATCH", resource.path(namespace, name), patch, {"fieldManager": OPERATOR}, content_type=MERGE
        )

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete the object of this uid, its own children first; no error where it is gone."""
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        try:
            await self._write("DELETE", resource.path(namespace, name), body, {})
        except ApiError as error:
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """An object, or None."""
        try:
            return await self.read(resource.path(namespace, name))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """A child, or None: by a list of one, which asks for no other right than watching; a Secret by name."""
        if resource.metadata_only:
            return await self.get(resource, namespace, name)
        page = await self.read(resource.collection(namespace), {"fieldSelector": f"metadata.name={name}"})
        return next(iter(page.get("items") or ()), None)

    async def read(self, path: str, parameters: Mapping[str, str] | None = None, accept: str | None = None) -> Object:
        """What is at a path."""
        return await self._send("GET", path, None, parameters or {}, REQUEST_TIMEOUT, accept=accept)

    async def put_lease(self, resource: Resource, lease: Object, *, fresh: bool, timeout: float) -> Object:  # noqa: ASYNC109 - aiohttp's own
        """Write the Lease, which is what the fence itself rests on, so it is not asked."""
        metadata, body = lease["metadata"], orjson.dumps(lease)
        if fresh:
            return await self._send("POST", resource.collection(metadata["namespace"]), body, {}, timeout)
        return await self._send("PUT", resource.path(metadata["namespace"], metadata["name"]), body, {}, timeout)

    @asynccontextmanager
    async def watch(
        self, path: str, parameters: Mapping[str, str], accept: str | None, silence: float
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """The events of a watch; ends when the server ends it, raises `ApiError` after `silence` seconds without."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=silence)
        async with self._open("GET", path, None, parameters, limits, accept=accept, lasting=True) as response:
            yield _lines(response)

    # ------------------------------------------------------------------------------------------------------- requests

    async def _write(
        self,
        method: str,
        path: str,
        body: Object,
        parameters: Mapping[str, str],
        content_type: str = JSON,
    ) -> Object:
        what = f"{method} {path}"
        seconds = min(self.fence.pass_through(what), REQUEST_TIMEOUT)
        fenced = FencedBody(orjson.dumps(body), self.fence, what)
        return await self._send(method, path, fenced, parameters, seconds, content_type=content_type)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | FencedBody | None,
        parameters: Mapping[str, str],
        seconds: float,
        *,
        content_type: str = JSON,
        accept: str | None = None,
    ) -> Object:
        limits = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._open(
                method, path, body, parameters, limits, content_type=content_type, accept=accept
            ) as response:
                found: Object = orjson.loads(await response.read())
                return found
        except orjson.JSONDecodeError as error:
            raise ApiError(0, "NotJson", f"{method} {path}: the answer is no JSON") from error

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        body: bytes | FencedBody | None,
        parameters: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        *,
        content_type: str = JSON,
        accept: str | None = None,
        lasting: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        for attempt in (1, 2):
            session = self._connected(lasting=lasting)
            headers = {"Accept": accept or JSON, **self._authorization}
            if body is not None:
                headers["Content-Type"] = content_type
            assert self._info is not None
            try:
                async with session.request(
                    method,
                    self._info.server.rstrip("/") + path,
                    data=body,
                    params=parameters,
                    headers=headers,
                    timeout=limits,
                ) as response:
                    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR and response.status not in _TURNED_AWAY:
                        self.reach.answered()
                    if response.status == HTTPStatus.UNAUTHORIZED and attempt == 1:
                        # The token of a pod is replaced on disk before it runs out.
                        self._info = None
                        continue
                    if response.status >= HTTPStatus.BAD_REQUEST:
                        raise await _failure(response, method, path)
                    yield response
                    return
            except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
                if isinstance(error.__cause__, NotLeaderError):
                    raise error.__cause__ from error
                raise ApiError(
                    0, type(error).__name__, f"{method} {path}: {str(error) or type(error).__name__}"
                ) from error

    def _connected(self, *, lasting: bool) -> aiohttp.ClientSession:
        if self._info is None:
            fresh = self._credentials()
            self._authorization = fresh.as_http_headers()
            if self._session is None:
                # Many requests of many bots at once; the API server's own fairness decides about the rest. Watches
                # hold a connection each, a dozen for each namespace: of those of requests they would leave none.
                self._session, self._watching = _session(fresh, CONNECTIONS), _session(fresh, 0)
            self._info = fresh
        found = self._watching if lasting else self._session
        assert found is not None
        return found


def _session(info: kopf.ConnectionInfo, connections: int) -> aiohttp.ClientSession:
    """At most so many connections at once; 0 for as many as are asked for."""
    connector = aiohttp.TCPConnector(limit=connections, ssl=_ssl(info))
    agent = {"User-Agent": f"{OPERATOR}/{__version__}"}
    return aiohttp.ClientSession(connector=connector, headers=agent, auto_decompress=True)


def _ssl(info: kopf.ConnectionInfo) -> Any:
    return info.as_ssl_context() if info.server.startswith("https") else True


async def _failure(response: aiohttp.ClientResponse, method: str, path: str) -> ApiError:
    text = await response.text(errors="replace")
    try:
        status = orjson.loads(text)
        reason, message = str(status.get("reason") or response.status), str(status.get("message") or text)
    except (orjson.JSONDecodeError, AttributeError):
        reason, message = str(response.status), text[:500]
    after = response.headers.get("Retry-After", "")
    return ApiError(response.status, reason, f"{method} {path}: {message}", float(after) if after.isdigit() else None)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    """One JSON object a line; a line may be longer than any buffer (a ConfigMap has up to a mebibyte)."""
    rest = b""
    try:
        async for chunk in response.content.iter_any():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line:
                    yield orjson.loads(line)
    except (aiohttp.ClientError, OSError, orjson.JSONDecodeError) as error:
        raise ApiError(0, type(error).__name__, f"watch: {str(error) or type(error).__name__}") from error
