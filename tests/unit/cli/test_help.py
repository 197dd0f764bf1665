"""The help of every command says what stands in the code."""

from __future__ import annotations

import typer
from rich.text import Text

from tradewind.cli.kubectl.main import app as kubectl
from tradewind.cli.main import app as tradewind


def _texts(command, name):
    yield name, command.help or ""
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
    for below, child in getattr(command, "commands", {}).items():
        yield from _texts(child, f"{name} {below}")


TEXTS = {
    name: text
    for app, program in ((tradewind, "tradewind"), (kubectl, "kubectl tradewind"))
    for name, text in _texts(typer.main.get_command(app), program)
}


def test_what_stands_in_brackets_is_shown():
    """The console takes `[word]` for an instruction how to print, and prints nothing of it."""
    assert len(TEXTS) > 100
    assert {name for name, text in TEXTS.items() if Text.from_markup(text).plain != text} == set()
