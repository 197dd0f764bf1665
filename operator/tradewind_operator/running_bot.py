"""Talking to a bot that runs: its monitoring, its engine and its execution, over HTTP as another service would.

The operator signs its calls with the bot's own key, which lies in the Secret that it made. A bot that does not answer
is the normal case at every start and every stop: that is `TemporaryError`, and never a failure of the operator.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from tradewind import catalog
from tradewind.contracts.labels import OPERATOR
from tradewind.domain.errors import PermanentError, TemporaryError
from tradewind.kernel.security import SERVICE_HEADER, SERVICE_KEY_FILE, ServiceTokens
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.kinds import SECRET
from tradewind_operator.manifests.secrets import KEYS
from tradewind_operator.status import TYPES, Condition

ASK_TIMEOUT = 5.0
CONNECTIONS = 32
_MOST_KEYS = 5000


class RunningBots:
    """Asks the services of bots. `address` has places for `{service}`, `{namespace}`, `{port}` and `{bot}`."""

    def __init__(self, client: ApiClient, address: str) -> None:
        self._client, self._address = client, address
        self._session: aiohttp.ClientSession | None = None
        self._tokens: OrderedDict[str, ServiceTokens] = OrderedDict()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def forget(self, uid: str) -> None:
        """The bot of this uid is gone, and its key with it."""
        self._tokens.pop(uid, None)

    async def conditions(self, bot: Mapping[str, Any]) -> tuple[Condition, ...]:
        """What the bot's monitoring says of it."""
        answer = await self._call(bot, "monitoring", "GET", "/conditions")
        try:
            found = tuple(
                Condition(one["type"], one["status"], one["reason"], one["message"])
                for one in answer
                if one["type"] in TYPES
            )
        except (TypeError, KeyError) as error:
            raise TemporaryError(f"monitoring answers something else than conditions: {error!r}") from None
        return found

    async def emergency_stop(self, bot: Mapping[str, Any], reason: str, *, flatten: bool = False) -> dict[str, Any]:
        """Cancel every open order and stop, until a person clears it; what came of it."""
        body = {"reason": reason, "flatten": flatten}
        found: dict[str, Any] = await self._call(bot, "engine", "POST", "/api/v1/trading/emergency-stop", body)
        return found

    async def pause(self, bot: Mapping[str, Any], reason: str) -> None:
        """Make no entries; exits go on."""
        await self._call(bot, "engine", "POST", "/api/trading/pause", {"reason": reason})

    async def open_positions(self, bot: Mapping[str, Any]) -> int:
        """How many positions are open, by the engine."""
        status = await self._call(bot, "engine", "GET", "/api/v1/trading/status")
        return int(status["openPositions"])

    async def cancel_orders(self, bot: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel every open order through execution alone; what came of it."""
        found: dict[str, Any] = await self._call(bot, "execution", "DELETE", "/api/v1/orders")
        return found

    async def _call(self, bot: Mapping[str, Any], service: str, method: str, path: str, body: Any = None) -> Any:
        tokens = await self._tokens_of(bot)
        metadata = bot["metadata"]
        base = self._address.format(
            service=f"{metadata['name']}-{service}",
            namespace=metadata["namespace"],
            port=catalog.service(service).port,
            bot=metadata["name"],
        )
        headers = {SERVICE_HEADER: tokens.issue(OPERATOR, service), "Content-Type": "application/json"}
        data = orjson.dumps(body) if body is not None else None
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            limits = aiohttp.ClientTimeout(total=ASK_TIMEOUT)
            self._session = aiohttp.ClientSession(connector=connector, timeout=limits)
        try:
            async with self._session.request(method, base + path, data=data, headers=headers) as response:
                text = await response.read()
                if response.status >= 500 or response.status == 429:
                    raise TemporaryError(f"{service} answers {response.status}")
                if response.status >= 400:
                    self.forget(metadata["uid"])
                    raise PermanentError(f"{service} refuses {method} {path}: {text[:300]!r}")
                return orjson.loads(text)
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise TemporaryError(f"{service} does not answer: {error or type(error).__name__}") from None

    async def _tokens_of(self, bot: Mapping[str, Any]) -> ServiceTokens:
        metadata = bot["metadata"]
        known = self._tokens.get(metadata["uid"])
        if known is not None:
            return known
        try:
            secret = await self._client.get(SECRET, metadata["namespace"], f"{metadata['name']}-{KEYS}")
        except ApiError as error:
            raise TemporaryError(f"the keys of the bot cannot be read: {error}") from None
        data = (secret or {}).get("data", {}).get(SERVICE_KEY_FILE)
        if data is None:
            raise TemporaryError("the keys of the bot are not there yet")
        made = self._tokens[metadata["uid"]] = ServiceTokens(base64.b64decode(data).strip())
        if len(self._tokens) > _MOST_KEYS:
            self._tokens.popitem(last=False)
        return made
