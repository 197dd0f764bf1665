"""`tradewind logs`: what a process of a supervised bot printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import BotOrName

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.topology.places import Places


def logs(
    bot: BotOrName,
    service: Annotated[str, typer.Argument(help="A service, a process, or `supervisor`.", show_default=False)],
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as it speaks, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 100,
) -> None:
    """Print the last lines of a service of a bot that `tradewind up` runs, or has run."""
    from tradewind.cli.found import find  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.topology.control import ask  # noqa: PLC0415
    from tradewind.topology.process_logs import tail  # noqa: PLC0415

    places = find(bot, Settings())
    files = _files(places, service)
    if follow:
        told = ask(places.supervisor, {"do": "follow", "names": [service], "lines": lines})
    else:
        told = ((file.stem, line) for file in files for line in tail(file, lines))
    for name, line in told:
        print(f"[{name}] {line}" if len(files) > 1 else line, flush=follow)


def _files(places: Places, service: str) -> list[Path]:
    """The logs of the processes that `service` means; raises `NotFoundError` where there are none."""
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.domain.errors import NotFoundError  # noqa: PLC0415
    from tradewind.kernel.state_directory import MANIFEST  # noqa: PLC0415
    from tradewind.plan import plan  # noqa: PLC0415

    manifest = places.supervisor / MANIFEST
    if not manifest.is_file():
        raise NotFoundError(f"{places.namespace}/{places.name} was never started by tradewind up, which keeps logs")
    wanted = [one.name for one in plan(load_bot(manifest)) if service in one.services] or [service]
    known = sorted(places.log("*").parent.glob("*.log"), key=lambda path: path.stem)
    found = [one for one in known if one.stem in wanted or re.sub(r"-\d+$", "", one.stem) in wanted]
    if not found:
        raise NotFoundError(f"no log of {service}; there are: {', '.join(one.stem for one in known) or 'none'}")
    return found
