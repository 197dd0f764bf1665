"""`tradewind backtest-job`: one pod of a `Backtest`; the operator makes a Job of these.

What came of it is left in a file that becomes the message of the pod: a result as JSON, or the sentence of an error. A
pod has no token for the API server, and needs none for that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.domain.errors import TradewindError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tradewind.contracts.api.backtest import Backtest
    from tradewind.kernel.settings import Settings

_EACH = 10
"""Of so many trials one is told."""


def backtest_job(
    manifest: Annotated[
        Path, typer.Argument(metavar="BACKTEST", help="The Backtest manifest, a YAML file.", show_default=False)
    ],
    *,
    uid: Annotated[str, typer.Option(metavar="UID", help="Of the resource; trials and results are kept for it.")] = "",
    message: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to leave what came of it, in place of stdout: a result or an error.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        int, typer.Option(envvar="JOB_COMPLETION_INDEX", min=0, help="Which of the pods that share a search this is.")
    ] = 0,
) -> None:
    """Do what one pod of a Backtest does. The result goes into the database of TRADEWIND_DATABASE_URL_FILE, if any."""
    try:
        text = _played(manifest, uid, index)
    except TradewindError as error:
        if message is not None:
            _leave(message, str(error))
        raise
    if message is None:
        typer.echo(text)
    else:
        _leave(message, text)


def _played(manifest: Path, uid: str, index: int) -> str:
    from tradewind.contracts.api.backtest import parse_backtest  # noqa: PLC0415
    from tradewind.contracts.api.reading import read_document  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.research.backtest_job import Pod, message_text, play  # noqa: PLC0415

    settings = Settings()
    backtest = parse_backtest(read_document(manifest), str(manifest))
    database = _database(settings)
    typer.echo(f"{backtest.key}: pod {index} of {backtest.pods} begins", err=True)

    def on_trial(finished: int) -> None:
        if finished % _EACH == 0:
            typer.echo(f"{finished} trials are finished", err=True)

    played = play(backtest, Pod(uid, index, database), on_trial)
    if played.document is not None and database is not None:
        _record(database, backtest, uid, played.document)
    return message_text(played.message)


def _database(settings: Settings) -> str | None:
    """The address of the database that pods share; None where there is none."""
    from tradewind.kernel.addresses import shared_addresses  # noqa: PLC0415

    return shared_addresses(settings)[0]


def _record(address: str, backtest: Backtest, uid: str, document: Mapping[str, Any]) -> None:
    import asyncio  # noqa: PLC0415
    import time  # noqa: PLC0415

    from tradewind.kernel.store.postgres import PostgresStore  # noqa: PLC0415
    from tradewind.portfolio.backtests import record_backtest  # noqa: PLC0415

    async def record() -> None:
        store = PostgresStore(address)
        try:
            await record_backtest(store, backtest.key, uid, time.time_ns() // 1_000_000, document)
        finally:
            await store.close()

    asyncio.run(record())
    typer.echo("the whole result is in the database", err=True)


def _leave(path: Path, text: str) -> None:
    """A kubelet takes 4096 bytes of it and no more."""
    from tradewind.domain.errors import MachineError  # noqa: PLC0415
    from tradewind.research.backtest_job import LONGEST_MESSAGE  # noqa: PLC0415

    try:
        path.write_bytes(text.encode()[:LONGEST_MESSAGE])
    except OSError as error:
        told = f"{error.strerror}: {path}"
        raise MachineError("--message", told, "a file that can be written", "correct the path") from error
