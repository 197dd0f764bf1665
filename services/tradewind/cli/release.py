"""`tradewind release`: end what a bot has open at its venue, when the bot itself does not run.

The operator's last resort at the deletion of a bot: a Job with this command. It brings the bot up on its own state
with trading stopped, lets the engine cancel every order, sells the positions where `deletionPolicy` is Flatten, and
ends when nothing is open. It exits with 1 and says what is left where it could not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import Bot, Overrides

if TYPE_CHECKING:
    from tradewind.contracts.api.v1alpha1 import TradingBot
    from tradewind.kernel.settings import Settings

PATIENCE = 60.0
"""Seconds for which positions are waited for by default; each is asked for again with the next candle."""


def release(
    bot: Bot,
    overrides: Overrides = None,
    patience: Annotated[
        float, typer.Option("--timeout", min=0, help="Seconds to wait for positions to be sold.")
    ] = PATIENCE,
) -> None:
    """Cancel what a stopped bot has open at its venue, and sell its positions if spec.deletionPolicy is Flatten."""
    import asyncio  # noqa: PLC0415

    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.kernel.telemetry.logging import configure_logging  # noqa: PLC0415

    settings = Settings()
    configure_logging(settings.log_level or "info", settings.log_style)
    left = asyncio.run(_release(load_bot(bot, overrides or ()), settings, patience))
    for line in left:
        typer.echo(f"still open: {line}", err=True)
    if left:
        raise typer.Exit(1)


async def _release(bot: TradingBot, settings: Settings, patience: float) -> list[str]:
    """What is still open at the end, in words."""
    import asyncio  # noqa: PLC0415

    from tradewind.cli.session import check_same_bot, places_of, state_of  # noqa: PLC0415
    from tradewind.contracts.api.v1alpha1 import DeletionPolicy  # noqa: PLC0415
    from tradewind.kernel.state_directory import MANIFEST  # noqa: PLC0415
    from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions  # noqa: PLC0415
    from tradewind.topology.shared import shared_by  # noqa: PLC0415

    path, shared = places_of(settings.state_directory, bot).serve, shared_by(bot, settings)
    # What a bot of several processes has done stands in their database, not in a directory here.
    begun = shared is not None or (path / MANIFEST).is_file()
    if bot.spec.deletion_policy is DeletionPolicy.LEAVE or not begun:
        typer.echo("nothing to do: the bot leaves what is open, or never traded", err=True)
        return []
    if shared is None:
        check_same_bot(bot, path, whole=False)
    else:
        path = path.with_name("release")
    flatten = bot.spec.deletion_policy is DeletionPolicy.FLATTEN
    options = EmbeddedOptions(until_end=False, listen=settings.listener(), settings=settings, take_over=True)
    embedded = EmbeddedBot(bot, state_of(path), options, shared=shared)
    await embedded.start()
    try:
        ask = embedded.ask
        done = await ask("engine", "emergency_stop", actor="tradewind release", reason="released", flatten=flatten)
        typer.echo(f"{done['canceled']} orders canceled", err=True)
        positions = int((await ask("engine", "status"))["openPositions"]) if flatten else 0
        deadline = asyncio.get_running_loop().time() + patience
        while positions and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.2)
            positions = int((await ask("engine", "status"))["openPositions"])
        return [*done["troubles"], *([f"{positions} positions"] if positions else [])]
    finally:
        await embedded.stop()
