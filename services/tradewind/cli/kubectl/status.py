"""`kubectl tradewind status`: all bots in a row each, or one bot with everything that is told of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from tradewind.cli.kubectl.options import Context, Kubeconfig, Namespace
from tradewind.cli.options import Output, OutputOption

Told = tuple[Any, Callable[[], None]]
"""What there is to tell, and what prints it."""


def status(
    bot: Annotated[str | None, typer.Argument(metavar="BOT", help="One bot; without it, all.")] = None,
    *,
    output: OutputOption = Output.TEXT,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Print it again at each change, until Ctrl-C.")] = False,
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="The bots of all namespaces.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show how bots are: ready or not and why, their services, what happened lately and what to do next."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415

    if bot is not None and everywhere:
        raise typer.BadParameter("a bot is in one namespace: give -n instead", param_hint="--all-namespaces")
    cluster = connect(kubeconfig, context, namespace, everywhere=everywhere)
    told: object = None
    while True:
        items, version = cluster.bots() if bot is None or watch else ([], "")
        found = [cluster.bot(bot)] if bot is not None else items
        document, show = _one(cluster, found[0], output) if bot is not None else _all(found, everywhere, output)
        if document != told:
            told = document
            _clear(watch)
            show()
            sys.stdout.flush()
        if not watch:
            return
        # Whatever changed, everything is asked for again: a person reads slower than that costs.
        next((one for one in cluster.changes(version) if bot in (None, one["object"]["metadata"]["name"])), None)


def _all(found: list[dict[str, Any]], everywhere: bool, output: Output) -> Told:
    from tradewind.cli.kubectl.report import COLUMNS, row, summary  # noqa: PLC0415
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415

    document = [summary(one) for one in found]

    def show() -> None:
        if output is not Output.TEXT:
            print_document(document, output)
        elif found:
            now = datetime.now(UTC)
            print_table(None, COLUMNS, [row(one, now, everywhere=everywhere) for one in found])
        else:
            print("no bots found; `-A` looks into all namespaces", file=sys.stderr)

    return document, show


def _one(cluster: Any, found: dict[str, Any], output: Output) -> Told:
    from tradewind.cli.kubectl.report import detail  # noqa: PLC0415
    from tradewind.cli.printing import print_document  # noqa: PLC0415

    metadata = found["metadata"]
    document = detail(found, cluster.events(metadata["uid"]))

    def show() -> None:
        if output is Output.TEXT:
            _print_detail(document)
        else:
            print_document(document, output)

    return document, show


def _print_detail(document: dict[str, Any]) -> None:
    from tradewind.cli.kubectl.report import age  # noqa: PLC0415
    from tradewind.cli.printing import print_table  # noqa: PLC0415

    title = " · ".join((f"{document['namespace']}/{document['name']}", document["mode"], document["profile"]))
    rows = [
        [one["type"], one["status"], age(one["lastTransitionTime"]), one["reason"], one["message"]]
        for one in document["conditions"]
    ]
    print_table(title, ["condition", "status", "since", "reason", "message"], rows)
    if document["services"]:
        rows = [[one["name"], *(str(one[name]) for name in _COUNTS)] for one in document["services"]]
        print_table(None, ["service", *_COUNTS], rows)
    if document["events"]:
        rows = [[f"{age(one['time'])} ago", one["type"], one["reason"], one["message"]] for one in document["events"]]
        print_table(None, ["event", "type", "reason", "message"], rows)
    for line in document["next"] or ["nothing: all is well"]:
        print(f"next: {line}")


_COUNTS = ("ready", "desired", "restarts")


def _clear(watch: bool) -> None:
    if watch and sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415

        Console().clear()
