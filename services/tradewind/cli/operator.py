"""`tradewind operator run`: the operator, as its pod runs it; on a laptop with the cluster of the kubeconfig."""

from __future__ import annotations

import typer

app = typer.Typer(help="The Kubernetes operator.", no_args_is_help=True)


@app.callback()
def operator() -> None:
    """The Kubernetes operator."""


@app.command("run")
def run() -> None:
    """Reconcile TradingBots until SIGTERM. Settings are variables TRADEWIND_OPERATOR_*, such as ..._NAMESPACES=a,b.

    Two may run at once: whoever holds the Lease works, the other takes over when it is silent.
    """
    import asyncio  # noqa: PLC0415

    from tradewind.kernel.telemetry.logging import configure_logging  # noqa: PLC0415
    from tradewind_operator.main import run as run_operator  # noqa: PLC0415
    from tradewind_operator.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    configure_logging(settings.log_level, settings.log_style)
    asyncio.run(run_operator(settings))
