"""The entry point of `kubectl tradewind`; errors become the same lines and exit codes as those of `tradewind`."""

from __future__ import annotations

import typer

from tradewind.cli.kubectl import logs, restart, status, suspend, trading
from tradewind.cli.main import run_app

app = typer.Typer(
    name="kubectl tradewind",
    help="Look at trading bots on a cluster, tell them to trade or not, suspend, resume and restart them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failure, 2 usage, 3 unreadable kubeconfig, 4 not found, 5 not allowed, 6 temporary,"
    " 130 interrupted.",
)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("decisions")(trading.decisions)
app.command("pause")(trading.pause)
app.command("stop")(trading.stop)
app.command("start")(trading.start)
app.command("suspend")(suspend.suspend)
app.command("resume")(suspend.resume)
app.command("restart")(restart.restart)


def main() -> None:
    """Run the command line."""
    run_app(app)
