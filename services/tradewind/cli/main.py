"""The entry point: commands, and errors turned into exit codes in one place.

Exit codes: 0 done, 1 failure, 2 usage, 3 invalid manifest or unreadable file, 4 no such object, 5 not allowed,
6 temporary, 130 interrupted.
"""

from __future__ import annotations

import gc
import sys

import typer

from tradewind.cli import (
    backtest,
    backtest_job,
    compare,
    config,
    deadletters,
    import_bot,
    logs,
    lookahead_analysis,
    migrate,
    montecarlo,
    operator,
    optimize,
    recursive_analysis,
    release,
    render,
    restart,
    run,
    serve,
    services,
    sim_exchange,
    status,
    stop,
    up,
    version,
)
from tradewind.cli.data import main as data
from tradewind.domain.errors import (
    ConfigError,
    DeniedError,
    MachineError,
    NotFoundError,
    TemporaryError,
    TradewindError,
)

app = typer.Typer(
    name="tradewind",
    help="Crypto trading bots from one manifest: on a laptop, as processes, or on Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failure, 2 usage, 3 invalid manifest, 4 not found, 5 not allowed, 6 temporary,"
    " 130 interrupted.",
)
app.command("run")(run.run)
app.command("backtest")(backtest.backtest)
app.command("backtest-job")(backtest_job.backtest_job)
app.command("lookahead-analysis")(lookahead_analysis.lookahead_analysis)
app.command("recursive-analysis")(recursive_analysis.recursive_analysis)
app.command("compare")(compare.compare)
app.command("montecarlo")(montecarlo.montecarlo)
app.command("optimize")(optimize.optimize)
app.command("serve")(serve.serve)
app.command("up")(up.up)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("restart")(restart.restart)
app.command("stop")(stop.stop)
app.command("services")(services.services)
app.command("sim-exchange")(sim_exchange.sim_exchange)
app.command("render")(render.render)
app.command("release")(release.release)
app.command("migrate")(migrate.migrate)
app.command("version")(version.version)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(import_bot.app, name="import")
app.add_typer(operator.app, name="operator")

INTERRUPTED = 130

_UNCOLLECTED = 20_000
"""Objects that may be made before the collector looks for cycles among them. By Python's own number, 700, it looks
through all that is imported again and again, at every start."""
_EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (KeyboardInterrupt, INTERRUPTED),
    (MachineError, 1),
    (ConfigError, 3),
    (NotFoundError, 4),
    (DeniedError, 5),
    (TemporaryError, 6),
)
"""The first that fits; any other error is a 1."""


def exit_code(error: BaseException) -> int:
    """The exit code that an error means."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)


def main() -> None:
    """Run the command line."""
    run_app(app)


def run_app(commands: typer.Typer) -> None:
    """Run `commands`; a known error is a line on stderr, an unknown one a traceback."""
    gc.set_threshold(_UNCOLLECTED)
    try:
        commands(standalone_mode=True)
    except TradewindError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(exit_code(error))
    except SystemExit as end:
        # Typer makes an exit of Ctrl-C, without a word.
        if end.__context__ is not None and isinstance(end.__context__.__cause__, KeyboardInterrupt):
            print(str(end.__context__.__cause__) or "interrupted", file=sys.stderr)
        raise
