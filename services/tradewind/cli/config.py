"""`tradewind config`: look at a manifest without running it."""

from __future__ import annotations

import sys

import typer

from tradewind.cli.options import Bot, Output, OutputOption, Overrides

app = typer.Typer(help="Look at a manifest without running it.", no_args_is_help=True)


@app.command()
def validate(bot: Bot, overrides: Overrides = None) -> None:
    """Check a manifest, with its strategies and its recorded data; every problem is a line on stderr."""
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.contracts.api.v1alpha1 import DataSource  # noqa: PLC0415
    from tradewind.market_data.recording import load_recording  # noqa: PLC0415
    from tradewind.plan import check  # noqa: PLC0415

    model = load_bot(bot, overrides or ())
    check(model)
    if model.spec.data.source is DataSource.EXCHANGE:
        # Its answer is another one every day, and a check of a file should not need a network.
        print(
            f"{bot}: valid ({model.key}; {model.spec.exchanges[0].name} tells its pairs and candles when the bot runs)"
        )
        return
    recording = load_recording(model)
    for note in recording.notes():
        print(f"data: {note}", file=sys.stderr)
    print(f"{bot}: valid ({model.key}, {len(recording.checked)} pairs, {recording.candles} candles)")


@app.command()
def show(bot: Bot, overrides: Overrides = None, output: OutputOption = Output.TEXT) -> None:
    """Print every effective value and where it comes from: the file, --set, or the default."""
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415
    from tradewind.contracts.api.document import bot_document, load_bot, value_sources  # noqa: PLC0415
    from tradewind.contracts.api.reading import read_document  # noqa: PLC0415

    model = load_bot(bot, overrides or ())
    document = bot_document(model)
    if output is not Output.TEXT:
        print_document(document, output)
        return
    sources = value_sources(read_document(bot), overrides or ())
    print_table(
        None, ["field", "value", "source"], [[path, _value(document, path), src] for path, src in sources.items()]
    )


def _value(document: object, path: str) -> str:
    """The value at a path such as `spec.strategies[0].weight`, as one cell."""
    present = document
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            assert isinstance(present, list)
            present = present[int(step[1:-1])]
        else:
            assert isinstance(present, dict)
            present = present.get(step)
    return "" if present is None else str(present)
