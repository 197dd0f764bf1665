"""Tables on stdout: what stands in them is text, whoever wrote it."""

from tradewind.cli.printing import print_table


def test_what_looks_like_markup_is_printed_as_it_stands(capsys):
    """A class written for freqtrade calls its exits what it likes."""
    print_table("[b] trades", ["exit [reason]", "trades"], [["[/x] odd [red]", "1"]])

    told = capsys.readouterr().out
    assert [line.split() for line in told.splitlines() if "[" in line] == [
        ["[b]", "trades"],
        ["exit", "[reason]", "trades"],
        ["[/x]", "odd", "[red]", "1"],
    ]
