"""Options that every command of the plugin has, by the names that they have in kubectl."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="BOT", help="The name of the TradingBot.", show_default=False)]
Namespace = Annotated[
    str | None,
    typer.Option(
        "-n", "--namespace", help="Where the bot is. Default: the namespace of the context.", rich_help_panel="Cluster"
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context", help="The context of the kubeconfig. Default: the current one.", rich_help_panel="Cluster"
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        help="The kubeconfig. Default: KUBECONFIG, else ~/.kube/config, else the pod's own account.",
        rich_help_panel="Cluster",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Return when it is so, not when it was asked for.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, help="Seconds for which --wait waits, then the exit code is 6.")
]
PATIENCE = 300.0
