"""`tradewind status`: how the processes of a bot on this machine are."""

from __future__ import annotations

from typing import Any

from tradewind.cli.options import BotOrName, Output, OutputOption


def status(bot: BotOrName, output: OutputOption = Output.TEXT) -> None:
    """Show the services of a bot that runs here: whether they do their work, why not, and since when.

    It works for `up` and for `serve`, and while Redis or the database is away.
    """
    from tradewind.cli.found import find, service_rows  # noqa: PLC0415
    from tradewind.cli.printing import print_document  # noqa: PLC0415
    from tradewind.domain.errors import NotFoundError  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415

    places = find(bot, Settings())
    rows = service_rows(places)
    if not rows:
        raise NotFoundError(f"{places.namespace}/{places.name} does not run here")
    if output is Output.TEXT:
        _print(f"{places.namespace}/{places.name}", rows)
    else:
        print_document(rows, output)


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    from tradewind.cli.kubectl.report import age  # noqa: PLC0415
    from tradewind.cli.printing import print_table  # noqa: PLC0415

    print_table(
        title,
        ["service", "process", "state", "ready", "pid", "restarts", "since", "address"],
        [
            [
                row["service"],
                row["process"],
                row["state"],
                "yes" if row["ready"] else "; ".join(row["reasons"].values()) or "no",
                str(row["pid"] or ""),
                str(row["restarts"]),
                age(row["since"]),
                row["address"].removeprefix("http://"),
            ]
            for row in rows
        ],
    )
