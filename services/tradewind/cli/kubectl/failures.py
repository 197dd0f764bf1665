"""Reaching a cluster, and every way in which that fails, as an error of ours that names the fix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tradewind.domain.errors import (
    ConfigError,
    DeniedError,
    NotFoundError,
    PermanentError,
    TemporaryError,
    TradewindError,
)

CONNECTIONS = 64
"""A connection for each log that is followed."""
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
PROBLEM = "urn:tradewind:problem:"
INSTALL = "kubectl apply --server-side -f manifests/install.yaml"


def connected(kubeconfig: Path | None, context: str | None) -> tuple[Any, str]:
    """A client for what kubectl would talk to, and the namespace of that context."""
    from kubernetes import config  # noqa: PLC0415  (a third of a second)

    if kubeconfig is not None and not kubeconfig.is_file():
        raise ConfigError("--kubeconfig", kubeconfig, "a file", "give the path of a kubeconfig, or leave it out")
    files = str(kubeconfig) if kubeconfig else None
    try:
        contexts, active = config.list_kube_config_contexts(files)
    except config.ConfigException as error:
        if files is not None or context is not None:
            received = files or f"--context {context}, and {error}"
            raise ConfigError("kubeconfig", received, "one with a context", "kubectl config view") from None
        return _in_cluster(error)
    names = {one["name"]: one for one in contexts}
    if context is not None and context not in names:
        raise ConfigError("--context", context, f"one of {', '.join(sorted(names))}", "kubectl config get-contexts")
    chosen = names[context] if context is not None else active
    settings = _settings()
    try:
        config.load_kube_config(files, context, client_configuration=settings)
    except config.ConfigException as error:
        raise ConfigError("kubeconfig", chosen["name"], "a context that is complete", str(error)) from None
    return _client(settings), str(chosen["context"].get("namespace") or "default")


def _in_cluster(error: Exception) -> tuple[Any, str]:
    """Without any kubeconfig the account of the pod, as kubectl does."""
    from kubernetes import config  # noqa: PLC0415

    settings = _settings()
    try:
        config.load_incluster_config(client_configuration=settings)
    except config.ConfigException:
        raise TemporaryError(
            "no cluster is configured; fix: set KUBECONFIG or give --kubeconfig FILE (`kubectl config view` shows what"
            f" there is): {error}"
        ) from None
    return _client(settings), _NAMESPACE.read_text().strip() if _NAMESPACE.is_file() else "default"


def _settings() -> Any:
    from kubernetes.client import Configuration  # noqa: PLC0415

    settings = Configuration()
    # A person waits: an address where nobody listens is told at once, not after three tries.
    settings.retries = False
    settings.connection_pool_maxsize = CONNECTIONS
    return settings


def _client(settings: Any) -> Any:
    from kubernetes.client import ApiClient  # noqa: PLC0415

    return ApiClient(settings)


@contextmanager
def translated() -> Iterator[None]:
    """Raises what keeps us from the API server as an error of ours."""
    from kubernetes.client import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except (HTTPError, OSError, ApiException) as error:
        raise TemporaryError(
            f"the cluster cannot be reached: {error}; fix: `kubectl cluster-info` shows whether kubectl reaches it"
        ) from None


def refused(path: str, status: int, body: str) -> TradewindError:
    """What an answer of the API server, or of a bot behind it, means to a person."""
    try:
        answer = json.loads(body)
        if str(answer.get("type", "")).startswith(PROBLEM):
            return _told(status, str(answer.get("detail") or answer.get("title")))
        message, details = str(answer.get("message") or body), answer.get("details") or {}
    except (json.JSONDecodeError, AttributeError):
        message, details = body.strip(), {}
    if status == HTTPStatus.UNAUTHORIZED:
        return DeniedError(f"the cluster does not know you: {message}; fix: log in again, as for kubectl")
    if status == HTTPStatus.FORBIDDEN:
        return DeniedError(f"not allowed: {message}; fix: ask whoever gives rights on this cluster for that one")
    if status == HTTPStatus.NOT_FOUND:
        return _absent(path, details)
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500:
        return TemporaryError(f"the cluster does not answer at the moment: {message}; fix: try again")
    return PermanentError(f"the cluster refuses: {message}")


def _told(status: int, detail: str) -> TradewindError:
    """What a bot itself answers: a problem, whose detail says what to do."""
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500:
        return TemporaryError(f"the bot does not answer at the moment: {detail}; fix: try again")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return DeniedError(f"the bot refuses: {detail}")
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(f"the bot does not know that: {detail}")
    return PermanentError(f"the bot refuses: {detail}")


def _absent(path: str, details: dict[str, Any]) -> TradewindError:
    """The object is not there; or nothing of its kind can be, in which case the answer names no object."""
    if not details.get("name"):
        return PermanentError(f"the cluster does not know TradingBots; fix: install the operator: {INSTALL}")
    what = f"{_kind(details)} {details['name']}{_where(path)}"
    return NotFoundError(f"there is no {what}; fix: `kubectl get tb -A` lists the bots")


def _kind(details: dict[str, Any]) -> str:
    kinds = {"tradingbots": "TradingBot", "pods": "pod"}
    return kinds.get(str(details.get("kind")), str(details.get("kind") or "object"))


def _where(path: str) -> str:
    _, found, rest = path.partition("/namespaces/")
    return f" in namespace {rest.partition('/')[0]}" if found else ""
