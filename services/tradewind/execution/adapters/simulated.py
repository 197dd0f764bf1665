"""The venue on this machine, as execution reaches it: through ccxt, at an address that is known once it listens."""

from __future__ import annotations

from tradewind.execution.adapters.ccxt.venue import CcxtVenue
from tradewind.execution.adapters.remote_account import RemoteAccount
from tradewind.kernel.ccxt_client import ClientSettings, move_client
from tradewind.kernel.security import load_simulated_venue_key

END_OF_TIME = 253_402_300_799_999
"""Milliseconds UTC: the last of the year 9999."""

CALL_TIMEOUT = 3.0
"""Seconds that a call may take: it goes to this machine."""


class SimulatedVenue(RemoteAccount):
    """The account at the bot's own sim-exchange."""

    call_timeout = CALL_TIMEOUT
    since = 0
    _url = ""

    @property
    def _there(self) -> CcxtVenue:
        """Where it listens now: a pod that has taken the place of another has an address of its own."""
        venue, url = super()._there, self._context.address("sim-exchange")
        if url != self._url:
            move_client(venue.client, url, _websocket(url))
            self._url = url
        return venue

    def _settings(self) -> ClientSettings:
        key = load_simulated_venue_key(self._context.key_directory)
        self._url = url = self._context.address("sim-exchange")
        return ClientSettings(
            "binance",
            key.api_key,
            key.secret,
            rest_url=url,
            websocket_url=_websocket(url),
            rate_limit=False,
            timeout=CALL_TIMEOUT,
        )

    async def close_market(self) -> None:
        """Have time pass beyond the last candle: market orders that wait for another one trade at its close."""
        venue, url = self._there, self._url
        headers = {"Content-Type": "application/json", "X-MBX-APIKEY": venue.client.apiKey}
        body = f'{{"to": {END_OF_TIME}}}'
        await venue.calls.run(lambda: venue.client.fetch(f"{url}/sim/clock", "POST", headers, body))


def _websocket(url: str) -> str:
    return url.replace("http", "ws", 1)
