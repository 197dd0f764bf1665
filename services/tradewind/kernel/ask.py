"""Asking: one service's question to another about what that one owns.

In one process a question is a call of the answering function. Which services a service may ask stands in its catalog
row (`calls`); a question beyond it is refused here, so the table stays true.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from tradewind import catalog
from tradewind.domain.errors import PermanentError, TemporaryError

Answer = Callable[..., Awaitable[Any]]


class Ask(Protocol):
    """The port through which a service asks."""

    async def __call__(self, service: str, question: str, **parameters: Any) -> Any:
        """The answer of `service`; `TemporaryError` while it cannot answer."""
        ...


class LocalAnswers:
    """The answers of the services in this process."""

    def __init__(self) -> None:
        self._answers: dict[str, Mapping[str, Answer]] = {}

    def register(self, service: str, answers: Mapping[str, Answer]) -> None:
        """Make the answers of `service` available."""
        self._answers[service] = answers

    def port(self, asker: str) -> Ask:
        """The `ask` port of one service, bounded by its catalog row."""
        return self.port_of(catalog.service(asker).calls, asker)

    def port_of(self, allowed: Collection[str], asker: str) -> Ask:
        """The `ask` port of `asker`, which may ask `allowed`."""

        async def ask(service: str, question: str, **parameters: Any) -> Any:
            if service not in allowed:
                raise PermanentError(f"{asker} may not ask {service}: its catalog row allows {sorted(allowed)}")
            answers = self._answers.get(service)
            if answers is None:
                raise TemporaryError(f"{service} is not running")
            if question not in answers:
                raise PermanentError(f"{service} does not answer {question!r}; it answers {sorted(answers)}")
            return await answers[question](**parameters)

        return ask
