"""Composition root of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.gateway.keys import load_keys
from tradewind.kernel.service import Context, Service

if TYPE_CHECKING:
    from fastapi import APIRouter

    from tradewind.kernel.http.direct import DirectRoute


def build(context: Context) -> Service:
    """The gateway of one bot. Where nothing listens it has nothing to do, and makes no key."""
    if context.peers is None:
        return Service(name="gateway")
    # Only a bot that listens loads these: both sides of HTTP import slowly.
    from tradewind.gateway.api import passed_on, router  # noqa: PLC0415
    from tradewind.gateway.document import WholeDocument  # noqa: PLC0415
    from tradewind.gateway.door import Door  # noqa: PLC0415
    from tradewind.gateway.proxy import Proxy  # noqa: PLC0415

    door, proxy = Door(context), Proxy(context)
    document = WholeDocument(proxy)

    async def load() -> None:
        door.keys = load_keys(context.data_directory, context.settings.gateway.admin_key())

    def routes() -> APIRouter:
        return router(context, door)

    def direct() -> list[DirectRoute]:
        return passed_on(door, proxy)

    return Service(
        name="gateway",
        load=load,
        drain=proxy.close,
        router=routes,
        direct=direct,
        describe=document.complete,
        docs=("/api/docs",),
    )
