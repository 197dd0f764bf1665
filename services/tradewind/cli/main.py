"""The entry point: commands, and errors turned into exit codes in one place.

Exit codes: 0 done, 1 failure, 2 usage, 3 invalid manifest or unreadable file, 4 no such object, 6 temporary,
130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from tradewind.cli import (
    config,
    deadletters,
    migrate,
    operator,
    release,
    render,
    run,
    serve,
    services,
    sim_exchange,
    version,
)
from tradewind.domain.errors import ConfigError, MachineError, NotFoundError, TemporaryError, TradewindError

app = typer.Typer(
    name="tradewind",
    help="Crypto trading bots from one manifest: on a laptop, as processes, or on Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failure, 2 usage, 3 invalid manifest, 4 not found, 6 temporary, 130 interrupted.",
)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("services")(services.services)
app.command("sim-exchange")(sim_exchange.sim_exchange)
app.command("render")(render.render)
app.command("release")(release.release)
app.command("migrate")(migrate.migrate)
app.command("version")(version.version)
app.add_typer(config.app, name="config")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(operator.app, name="operator")

INTERRUPTED = 130


def exit_code(error: BaseException) -> int:
    """The exit code that an error means."""
    match error:
        case KeyboardInterrupt():
            return INTERRUPTED
        case MachineError():
            return 1
        case ConfigError():
            return 3
        case NotFoundError():
            return 4
        case TemporaryError():
            return 6
        case _:
            return 1


def main() -> None:
    """Run the command line; a known error is a line on stderr, an unknown one a traceback."""
    try:
        app(standalone_mode=True)
    except (TradewindError, KeyboardInterrupt) as error:
        for line in (str(error) or "interrupted").splitlines():
            print(f"error: {line}" if isinstance(error, TradewindError) else line, file=sys.stderr)
        sys.exit(exit_code(error))
