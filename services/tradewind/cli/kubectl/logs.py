"""`kubectl tradewind logs`: what all services of a bot say, together, each line with the name of its service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.kubectl.options import Context, Kubeconfig, Name, Namespace

if TYPE_CHECKING:
    from tradewind.cli.kubectl.voices import Voice


def logs(
    bot: Name,
    service: Annotated[str | None, typer.Argument(metavar="SERVICE", help="One service; without it, all.")] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as they speak, until Ctrl-C.")] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", min=0, help="The last lines of each pod only.", show_default=False)
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="What they said before they were restarted.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print the logs of a bot's services in the order of time."""
    from tradewind.cli.kubectl.cluster import connect  # noqa: PLC0415
    from tradewind.cli.kubectl.streams import followed, merged  # noqa: PLC0415
    from tradewind.cli.kubectl.voices import voices, workload_of  # noqa: PLC0415

    if follow and previous:
        raise typer.BadParameter("what has ended cannot be followed", param_hint="--previous")
    cluster = connect(kubeconfig, context, namespace)
    found = cluster.bot(bot)
    workload = workload_of(found, service) if service else None
    parameters = {"tailLines": str(tail)} if tail is not None else {}

    def present() -> list[Voice]:
        return voices(cluster.pods(bot), workload=workload, service=service, previous=previous)

    if not follow and not present():
        why = "no container was restarted" if previous else "no pods run (kubectl tradewind status says why)"
        print(f"{bot} says nothing: {why}", file=sys.stderr)
    lines = (
        followed(cluster, present, parameters) if follow else merged(cluster, present(), parameters, previous=previous)
    )
    for line in lines:
        print(line, flush=follow)
