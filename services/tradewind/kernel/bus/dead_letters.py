"""Dead letters: messages that brought their service down again and again, kept until a person has them given again.

They are kept by message id, not by place in a stream: the outbox publishes an undone message anew, and it must not
bring the service down anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tradewind import catalog
from tradewind.kernel.bus.redis_streams import Letter, letters_of, stream_of


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A letter, whose it is, and the id of its message."""

    service: str
    message_id: str
    letter: Letter


async def dead_letters(client: Any, bot: str, services: Sequence[str] = ()) -> list[DeadLetter]:
    """The dead letters of `services` (of all, when none is named), oldest first."""
    found = [
        DeadLetter(service, name.decode(), msgspec.msgpack.decode(value, type=Letter))
        for service in services or catalog.by_name()
        for name, value in (await client.hgetall(letters_of(bot, service))).items()
    ]
    return sorted(found, key=lambda one: one.letter.at)


async def give_again(client: Any, bot: str, letters: Sequence[DeadLetter]) -> None:
    """Publish messages again and forget that they were dead; their other consumers know them by their inboxes."""
    for one in letters:
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.hdel(letters_of(bot, one.service), one.message_id)
            fields = {"kind": one.letter.kind, "payload": one.letter.payload}
            pipeline.xadd(stream_of(bot, one.letter.topic), fields)
            await pipeline.execute()
