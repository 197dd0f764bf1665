"""`tradewind version`."""

from __future__ import annotations

import platform

from tradewind import __version__
from tradewind.cli.options import Output, OutputOption


def version(output: OutputOption = Output.TEXT) -> None:
    """Print the version."""
    if output is Output.TEXT:
        print(f"tradewind {__version__} (Python {platform.python_version()})")
        return
    from tradewind.cli.printing import print_document  # noqa: PLC0415

    print_document({"version": __version__, "python": platform.python_version()}, output)
