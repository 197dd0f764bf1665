"""`python -m tradewind`: the command line, where the script of that name is not at hand."""

from __future__ import annotations

from tradewind.cli.main import main

if __name__ == "__main__":
    main()
