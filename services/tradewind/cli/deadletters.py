"""`tradewind deadletters`: messages on which a service failed again and again, and giving them to it once more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.options import Bot, Output, OutputOption

if TYPE_CHECKING:
    from tradewind.kernel.bus.dead_letters import DeadLetter

app = typer.Typer(help="Messages that a service could not handle.", no_args_is_help=True)

Service = Annotated[str | None, typer.Option("--service", help="Only those of this service.", show_default=False)]


@app.command("list")
def show(bot: Bot, service: Service = None, output: OutputOption = Output.TEXT) -> None:
    """List the dead letters of a bot, oldest first."""
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415
    from tradewind.kernel.http.wire import wall_text  # noqa: PLC0415

    rows = [
        {
            "id": one.message_id,
            "service": one.service,
            "topic": one.letter.topic,
            "kind": one.letter.kind,
            "tries": one.letter.tries,
            "at": wall_text(one.letter.at),
            "reason": one.letter.reason,
        }
        for one in _on_the_bus(bot, service, None)
    ]
    if output is Output.TEXT:
        columns = ["id", "service", "topic", "kind", "tries", "at", "reason"]
        print_table(None, columns, [[str(row[name]) for name in columns] for row in rows])
    else:
        print_document(rows, output)


@app.command("replay")
def replay(
    bot: Bot,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of messages; none for all.", show_default=False)] = None,
    service: Service = None,
) -> None:
    """Give dead letters to their service again, when what was wrong is mended."""
    from tradewind.domain.errors import NotFoundError  # noqa: PLC0415

    def chosen(found: list[DeadLetter]) -> list[DeadLetter]:
        unknown = set(ids or ()) - {one.message_id for one in found}
        if unknown:
            raise NotFoundError(f"no dead letter {', '.join(sorted(unknown))}")
        return [one for one in found if not ids or one.message_id in ids]

    for one in _on_the_bus(bot, service, chosen):
        print(f"{one.service}: {one.message_id} given again")


def _on_the_bus(
    bot: Bot, service: str | None, choose: Callable[[list[DeadLetter]], list[DeadLetter]] | None
) -> list[DeadLetter]:
    """The dead letters of the bot; with `choose`, those that it returns, given again."""
    from redis.exceptions import RedisError  # noqa: PLC0415

    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.domain.errors import MachineError, TemporaryError  # noqa: PLC0415
    from tradewind.kernel.addresses import BUSES, bus_address  # noqa: PLC0415
    from tradewind.kernel.bus.dead_letters import dead_letters, give_again  # noqa: PLC0415
    from tradewind.kernel.bus.redis_streams import Pace, connection  # noqa: PLC0415
    from tradewind.kernel.settings import Settings, variable  # noqa: PLC0415

    key, address = load_bot(bot).key, bus_address(Settings())
    if address is None or address.startswith("memory"):
        received = "nothing" if address is None else address
        raise MachineError(
            variable("bus_url"), received, BUSES["redis"], "set it: a bus in memory keeps no dead letters"
        )

    async def work(client: Any) -> list[DeadLetter]:
        found = await dead_letters(client, key, [service] if service else ())
        if choose is not None:
            found = choose(found)
            await give_again(client, key, found)
        return found

    async def connected(task: Callable[[Any], Awaitable[list[DeadLetter]]]) -> list[DeadLetter]:
        client = connection(address, Pace())
        try:
            return await task(client)
        except (RedisError, OSError) as error:
            raise TemporaryError(f"Redis: {error}") from error
        finally:
            await client.aclose()

    return asyncio.run(connected(work))
