"""`tradewind sim-exchange`: a Binance-compatible venue on this machine, for any client that speaks to Binance."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from tradewind.domain.instrument import Instrument
    from tradewind.domain.series import CandleSeries
    from tradewind.sim_exchange.standalone import Standalone, StandaloneOptions
    from tradewind.sim_exchange.wire.signature import Credentials

MOST_SPEED = 10_000_000


def sim_exchange(
    *,
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            metavar="PAIR=FILE|FOLDER",
            help="Candles: ETH/USDT=eth.csv, or a folder with all pairs in it, or sample:bitvavo-2022. Repeatable.",
        ),
    ],
    timeframe: Annotated[str, typer.Option(metavar="TIMEFRAME", help="Timeframe of the candles, e.g. 1h or 4h.")],
    balance: Annotated[
        list[str] | None,
        typer.Option(
            "--balance",
            metavar="CURRENCY=AMOUNT",
            help="What the account starts with; may be repeated. Default: 100000 of each quote currency.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 is any free one.")] = 8011,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Simulated seconds in a second; max: only POST /sim/clock moves time.")
    ] = "max",
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Where time begins. Default: the first candle.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the order book and the trades between candles.")] = 0,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the account here. Default: a fresh one for a while.", show_default=False
        ),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option("--api-key", help="The API key. Default: a random one.", show_default=False)
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", help="Its secret. Default: a random one.", show_default=False)
    ] = None,
    maker_fee: Annotated[str, typer.Option(metavar="RATIO", help="Fee of orders that rested.")] = "0.001",
    taker_fee: Annotated[str, typer.Option(metavar="RATIO", help="Fee of orders that took.")] = "0.001",
    rate_limits: Annotated[
        bool, typer.Option("--rate-limits/--no-rate-limits", help="Refuse clients that ask too often, as Binance does.")
    ] = True,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run a venue that any Binance client trades on, from candle files, until Ctrl-C or SIGTERM.

    Once ready it prints where it listens, its API key and its secret: put them into the client in place of Binance's.
    """
    import asyncio  # noqa: PLC0415
    import tempfile  # noqa: PLC0415
    from contextlib import ExitStack  # noqa: PLC0415

    from tradewind.cli.venue_data import read_market  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.kernel.telemetry.logging import configure_logging  # noqa: PLC0415
    from tradewind.sim_exchange.standalone import Standalone, StandaloneOptions  # noqa: PLC0415

    settings = Settings()
    configure_logging(settings.log_level or "warning", settings.log_style)
    instruments, series = read_market(data, timeframe)
    with ExitStack() as stack:
        options = StandaloneOptions(
            instruments=instruments,
            series=series,
            balances=_balances(balance, instruments.values()),
            maker_fee=_fee("--maker-fee", maker_fee),
            taker_fee=_fee("--taker-fee", taker_fee),
            directory=directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tradewind-"))),
            credentials=_credentials(api_key, secret),
            host=host,
            port=port,
            speed=_speed(speed),
            start_time=_start(start, series.values()),
            seed=seed,
            rate_limits=rate_limits,
            # Where time stands still, a window of simulated time would never end.
            simulated_limits=speed != "max",
        )
        asyncio.run(_run(Standalone(options), options, output))


async def _run(standalone: Standalone, options: StandaloneOptions, output: Output) -> None:
    import asyncio  # noqa: PLC0415
    import signal  # noqa: PLC0415

    told, loop = asyncio.Event(), asyncio.get_running_loop()
    await standalone.start()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, told.set)
    serving, interrupted = asyncio.create_task(standalone.wait()), asyncio.create_task(told.wait())
    try:
        _announce(standalone, options, output)
        await asyncio.wait([serving, interrupted], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        for task in (serving, interrupted):
            task.cancel()
        await asyncio.gather(serving, interrupted, return_exceptions=True)
        await standalone.stop()


def _announce(standalone: Standalone, options: StandaloneOptions, output: Output) -> None:
    document = {
        "url": standalone.url,
        "websocketUrl": standalone.websocket_url,
        "apiKey": options.credentials.api_key,
        "secret": options.credentials.secret,
    }
    if output is not Output.TEXT:
        from tradewind.cli.printing import print_document  # noqa: PLC0415

        print_document(document, output)
    else:
        print(f"REST       {document['url']}  (in place of https://api.binance.com)")
        print(
            f"WebSocket  {document['websocketUrl']}  (in place of wss://stream.binance.com:9443 and the WebSocket API)"
        )
        print(f"API key    {document['apiKey']}")
        print(f"secret     {document['secret']}")
    # Whoever waits for the line through a pipe must get it now.
    sys.stdout.flush()


def _balances(given: Sequence[str] | None, instruments: Iterable[Instrument]) -> dict[str, Decimal]:
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    if given is None:
        return {instrument.quote: Decimal(100_000) for instrument in instruments}
    balances: dict[str, Decimal] = {}
    for one in given:
        currency, _, amount = one.partition("=")
        if not re.fullmatch(r"[A-Z0-9]{1,10}", currency) or currency in balances:
            raise ConfigError("--balance", one, "CURRENCY=AMOUNT, each currency once", "write for example USDT=1000")
        balances[currency] = _number("--balance", amount, "write for example --balance USDT=1000")
    return balances


def _fee(option: str, text: str) -> Decimal:
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    fee = _number(option, text, "write it as a ratio, 0.001 for 0.1 %")
    if fee >= 1:
        raise ConfigError(option, text, "a ratio below 1", "write it as a ratio, 0.001 for 0.1 %")
    return fee


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    fix = "write for example --speed 60 for a minute in a second, or --speed max"
    speed = _number("--speed", text, fix)
    if not 0 < speed <= MOST_SPEED:
        from tradewind.domain.errors import ConfigError  # noqa: PLC0415

        raise ConfigError("--speed", text, f"max, or a number above 0 and up to {MOST_SPEED}", fix)
    return float(speed)


def _number(option: str, text: str, fix: str) -> Decimal:
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text, re.ASCII):
        raise ConfigError(option, text, "a number of plain digits", fix)
    return Decimal(text)


def _start(text: str | None, series: Iterable[CandleSeries]) -> int | None:
    if text is None:
        return None
    from tradewind.cli.moments import moment  # noqa: PLC0415
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    time, times = moment("--start", text), [one.open_time for one in series]
    first, last = min(int(one[0]) for one in times), max(int(one[-1]) for one in times)
    if not first <= time <= last:
        allowed = f"a time within the candles, {iso_time(first)} to {iso_time(last)}"
        raise ConfigError("--start", text, allowed, "choose such a time, or leave --start out for the first candle")
    return time


def _credentials(api_key: str | None, secret: str | None) -> Credentials:
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415
    from tradewind.sim_exchange.wire.signature import Credentials  # noqa: PLC0415

    made = Credentials.random()
    for option, text in (("--api-key", api_key), ("--secret", secret)):
        if text is not None and not re.fullmatch(r"[!-~]{1,128}", text):
            raise ConfigError(option, text, "1 to 128 printable ASCII characters without spaces", "leave it out")
    return Credentials(api_key or made.api_key, secret or made.secret)
