"""`kubectl tradewind pause`, `stop`, `start` and `decisions`: a bot that runs is told and asked, not its resource.

These are questions to the gateway of the bot, by its Service and with its own first key: who may reach Services through
the API server and read that Secret may tell a bot to stop. Nothing is written to the cluster, and no pod is restarted.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradewind.cli.kubectl.options import Context, Kubeconfig, Name, Namespace
from tradewind.cli.options import Output, OutputOption

Reason = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the change.", show_default=False),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")]
Pair = Annotated[
    str | None, typer.Option("--pair", metavar="PAIR", help="Those of one pair, such as BTC/EUR.", show_default=False)
]
COLUMNS = ("time", "pair", "action", "verdict", "reason")


def pause(
    bot: Name,
    *,
    reason: Reason = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a bot make no entries any more; exits go on. `start` ends that."""
    _tell("pause", bot, reason, (kubeconfig, context, namespace))


def stop(
    bot: Name,
    *,
    reason: Reason = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a bot decide nothing any more; stops that rest at the venue stay, and pods run. `start` ends that."""
    _tell("stop", bot, reason, (kubeconfig, context, namespace))


def start(
    bot: Name,
    *,
    reason: Reason = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a bot trade again that was paused or stopped."""
    _tell("start", bot, reason, (kubeconfig, context, namespace))


def decisions(
    bot: Name,
    *,
    limit: Limit = 20,
    pair: Pair = None,
    output: OutputOption = Output.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show what a bot decided, and why it did not trade where it did not."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415

    parameters = {"limit": str(limit)} | ({"pair": pair} if pair is not None else {})
    found = connect(kubeconfig, context, namespace).ask(bot, "GET", "/api/v1/decisions", parameters)["decisions"]
    if output is not Output.TEXT:
        print_document(found, output)
    elif found:
        print_table(None, COLUMNS, [[str(one[name]) for name in COLUMNS] for one in found])
    else:
        print("no decisions yet")


def _tell(verb: str, bot: str, reason: str | None, where: tuple[Any, Any, Any]) -> None:
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415

    body = {"reason": reason} if reason is not None else {}
    found = connect(*where).ask(bot, "POST", f"/api/trading/{verb}", body=body)
    print(f"tradingbot.tradewind.dev/{bot} {found['state']}: {found['reason']}")
