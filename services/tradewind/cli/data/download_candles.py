"""`tradewind data download`: candles of an exchange, without an account there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.data.options import Into
from tradewind.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from tradewind.kernel.ccxt_client import ClientSettings
    from tradewind.market_data.ports import StreamKey
    from tradewind.research.candles.download import Download

DAY = 86_400_000

Span = tuple[int | None, int | None]
"""From and to, in milliseconds UTC."""


def download_candles(
    into: Into,
    *,
    exchange: Annotated[str, typer.Option(metavar="NAME", help="As ccxt names it, e.g. binance.", show_default=False)],
    pair: Annotated[
        list[str], typer.Option("--pair", metavar="PAIR", help="A spot pair; repeatable.", show_default=False)
    ],
    timeframe: Annotated[
        list[str],
        typer.Option("--timeframe", metavar="TIMEFRAME", help="Such as 1h; repeatable.", show_default=False),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="The first candle. Default: go on after the last one there.", show_default=False
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The last N days, in place of --since.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Candles before this. Default: now.", show_default=False)
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Scheme, host and port in place of the exchange's: a proxy, or tradewind sim-exchange.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Download closed candles of an exchange into a folder that bots and backtests read; no account is needed.

    A second call fetches what is missing before the first and after the last candle. Ctrl-C leaves what there is.
    """
    import asyncio  # noqa: PLC0415
    import re  # noqa: PLC0415

    from tradewind.cli.data.surveying import cell  # noqa: PLC0415
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415
    from tradewind.kernel.ccxt_client import ClientSettings  # noqa: PLC0415
    from tradewind.market_data.ports import StreamKey  # noqa: PLC0415

    if url is not None and not re.fullmatch(r"https?://[^/\s]+", url):
        raise ConfigError("--url", url, "scheme://host[:port]", "write for example http://127.0.0.1:8011")
    keys = [StreamKey(one, length) for one in dict.fromkeys(pair) for length in dict.fromkeys(timeframe)]
    span = _span(since, days, until)
    done: list[dict[str, Any]] = []
    interrupted = False
    try:
        asyncio.run(_download(into, ClientSettings(exchange, rest_url=url), keys, span, done))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if done and output is not Output.TEXT:
            print_document(done, output)
        elif done:
            columns = list(done[0])
            print_table(None, columns, [[cell(name, row[name]) for name in columns] for row in done])
    if interrupted:
        print("interrupted: what was downloaded is kept, and the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130)


def _span(since: str | None, days: int | None, until: str | None) -> Span:
    import time  # noqa: PLC0415

    from tradewind.cli.moments import moment  # noqa: PLC0415
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    end = None if until is None else moment("--until", until)
    if days is not None:
        if since is not None:
            raise ConfigError("--days", str(days), "--since or --days", "remove one of them")
        now = int(time.time() * 1000)
        return (now if end is None else end) - days * DAY, end
    begin = None if since is None else moment("--since", since)
    if begin is not None and end is not None and begin >= end:
        raise ConfigError("--until", str(until), f"a time after --since, {since}", "swap the two")
    return begin, end


async def _download(
    into: Path, settings: ClientSettings, keys: Sequence[StreamKey], span: Span, done: list[dict[str, Any]]
) -> None:
    from tradewind.cli.progress import Progress  # noqa: PLC0415
    from tradewind.kernel.ccxt_client import make_client, watch_requests  # noqa: PLC0415
    from tradewind.kernel.resilience import Dependency, Limits  # noqa: PLC0415
    from tradewind.market_data.adapters.ccxt.feed import CcxtFeed  # noqa: PLC0415
    from tradewind.research.candles.download import Download  # noqa: PLC0415
    from tradewind.research.candles.download_folder import download_folder  # noqa: PLC0415

    client = make_client(settings)
    watch_requests(client, Dependency("exchange", Limits(longest_pause=5.0, timeout=settings.timeout)))
    # At another address there may be a simulation: there only a successor shows that a candle has closed.
    feed = CcxtFeed(client, closes=settings.rest_url is None)
    try:
        with download_folder(into, keys) as paths, Progress(settings.exchange, None, "candles") as progress:
            download = Download(feed, progress.advance, lambda words: print(words, file=sys.stderr))
            await download.patiently(lambda: feed.prepare(keys))
            for key, path in paths.items():
                await _one(download, key, path, span, done)
    finally:
        await feed.close()


async def _one(download: Download, key: StreamKey, path: Path, span: Span, done: list[dict[str, Any]]) -> None:
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415

    found = await download.fetch(key, path, *span)
    times = {
        name: None if one is None else iso_time(one) for name, one in (("first", found.first), ("last", found.last))
    }
    done.append(
        {
            "pair": found.pair,
            "timeframe": found.timeframe,
            "file": found.file,
            "fetched": found.fetched,
            **times,
            "bad": found.bad.total(),
        }
    )
    if found.bad:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(found.bad.items()))
        print(f"{found.file}: rows of the exchange that are left out: {reasons}", file=sys.stderr)
