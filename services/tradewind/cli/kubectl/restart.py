"""`kubectl tradewind restart`: replaces the pods of a bot, in the order in which they depend on each other.

Or those of one service. It asks for that by an annotation of the bot: who may change the bot may restart it, and the
operator replaces the pods as it does after any other change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from tradewind.cli.kubectl.options import PATIENCE, Context, Kubeconfig, Name, Namespace, Timeout, Wait
from tradewind.contracts.labels import COMPONENT, RESTART, RESTART_OF

Service = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="SERVICE",
        help="Only the pods of this service, with the others that run in them. Without it, all.",
        show_default=False,
    ),
]


def restart(
    bot: Name,
    *,
    service: Service = None,
    wait: Wait = False,
    timeout: Timeout = PATIENCE,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Replace every pod of a bot. Orders that rest at the venue stay; the bot goes on where it was."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415
    from tradewind.cli.kubectl.voices import workload_of  # noqa: PLC0415
    from tradewind.cli.kubectl.waiting import unready, unreplaced, wait_until  # noqa: PLC0415
    from tradewind.domain.errors import PermanentError  # noqa: PLC0415

    cluster = connect(kubeconfig, context, namespace)
    found = cluster.bot(bot)
    workload = workload_of(found, service) if service is not None else None
    if found["spec"].get("suspended"):
        raise PermanentError(f"{bot} is suspended, so it has no pods; fix: kubectl tradewind resume {bot}")
    annotation = RESTART if workload is None else f"{RESTART_OF}{workload}"
    moment = datetime.now(UTC).isoformat()
    cluster.patch(bot, {"metadata": {"annotations": {annotation: moment}}})

    def missing() -> str:
        every = cluster.deployments(bot)
        concerned = [one for one in every if workload in (None, one["metadata"]["labels"].get(COMPONENT))]
        return unreplaced(concerned, annotation, moment) or unready(cluster.bot(bot))

    if wait:
        wait_until(f"{bot} is restarted", missing, timeout)
    print(f"tradingbot.tradewind.dev/{bot} restarted" + (f": {workload}" if workload is not None else ""))
