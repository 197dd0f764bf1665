"""`tradewind data`: the commands about files of recorded candles."""

from __future__ import annotations

import typer

from tradewind.cli.data import check_files, convert_files, download_candles, import_files, list_files

app = typer.Typer(help="Files of recorded candles, which bots replay and backtests trade.", no_args_is_help=True)
app.command("list")(list_files.list_files)
app.command("check")(check_files.check_files)
app.command("convert")(convert_files.convert_files)
app.command("import")(import_files.import_files)
app.command("download")(download_candles.download_candles)
