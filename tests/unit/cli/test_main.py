"""How the command line ends."""

import pytest
import typer

from tradewind.cli.main import INTERRUPTED, run_app


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "interrupted\n"),
        (KeyboardInterrupt("interrupted: half is kept"), INTERRUPTED, "interrupted: half is kept\n"),
        # Who has said already what is left says nothing more.
        (typer.Exit(INTERRUPTED), INTERRUPTED, ""),
    ],
)
def test_ctrl_c_is_told(raised, code, told, capsys, monkeypatch):
    commands = typer.Typer()

    @commands.command()
    def command() -> None:
        raise raised

    monkeypatch.setattr("sys.argv", ["tradewind"])
    with pytest.raises(SystemExit) as end:
        run_app(commands)
    assert (code, told) == (end.value.code, capsys.readouterr().err)
