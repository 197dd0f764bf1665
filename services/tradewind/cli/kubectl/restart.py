"""`kubectl tradewind restart`: replaces the pods of a bot, in the order in which they depend on each other."""

from __future__ import annotations

from datetime import UTC, datetime

from tradewind.cli.kubectl.options import PATIENCE, Context, Kubeconfig, Name, Namespace, Timeout, Wait
from tradewind.contracts.labels import RESTART


def restart(
    bot: Name,
    *,
    wait: Wait = False,
    timeout: Timeout = PATIENCE,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Replace every pod of a bot. Orders that rest at the venue stay; the bot goes on where it was."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415
    from tradewind.cli.kubectl.waiting import unready, unreplaced, wait_until  # noqa: PLC0415
    from tradewind.domain.errors import PermanentError  # noqa: PLC0415

    cluster = connect(kubeconfig, context, namespace)
    if cluster.bot(bot)["spec"].get("suspended"):
        raise PermanentError(f"{bot} is suspended, so it has no pods; fix: kubectl tradewind resume {bot}")
    moment = datetime.now(UTC).isoformat()
    cluster.patch(bot, {"metadata": {"annotations": {RESTART: moment}}})
    if wait:
        wait_until(
            f"{bot} is restarted",
            lambda: unreplaced(cluster.deployments(bot), RESTART, moment) or unready(cluster.bot(bot)),
            timeout,
        )
    print(f"tradingbot.tradewind.dev/{bot} restarted")
