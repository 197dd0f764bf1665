"""`kubectl tradewind suspend` and `resume`: stop a bot's pods and keep its data, and start them again."""

from __future__ import annotations

from tradewind.cli.kubectl.options import PATIENCE, Context, Kubeconfig, Name, Namespace, Timeout, Wait


def suspend(
    bot: Name,
    *,
    wait: Wait = False,
    timeout: Timeout = PATIENCE,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Stop all pods of a bot. Its data stay, and so do orders that rest at the venue."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415
    from tradewind.cli.kubectl.waiting import wait_until  # noqa: PLC0415

    cluster = connect(kubeconfig, context, namespace)
    cluster.patch(bot, {"spec": {"suspended": True}})
    if wait:
        wait_until(f"{bot} has no pods", lambda: "" if not cluster.pods(bot) else "its pods are ending", timeout)
    print(f"tradingbot.tradewind.dev/{bot} suspended")


def resume(
    bot: Name,
    *,
    wait: Wait = False,
    timeout: Timeout = PATIENCE,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Start the pods of a suspended bot; it goes on with the data that it has."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415
    from tradewind.cli.kubectl.waiting import unready, wait_until  # noqa: PLC0415

    cluster = connect(kubeconfig, context, namespace)
    cluster.patch(bot, {"spec": {"suspended": False}})
    if wait:
        wait_until(f"{bot} is ready", lambda: unready(cluster.bot(bot)), timeout)
    print(f"tradingbot.tradewind.dev/{bot} resumed")
