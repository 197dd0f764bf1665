"""Asking: one service's question to another about what that one owns.

In one process a question is a call of the answering function; to another process it goes over HTTP
(`kernel.http.asking`). Which services a service may ask stands in its catalog row (`calls`, and `watches` for their
state alone); a question beyond it is refused on both sides, so the table stays true.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from tradewind import catalog
from tradewind.domain.errors import PermanentError, TemporaryError

Answer = Callable[..., Awaitable[Any]]

STATE = "state"
"""The question that every service answers, also before it has loaded and while it stops."""

RUNNER = "runner"
"""Who asks on behalf of nobody's service: whoever runs the bot. It may ask every service."""


class Ask(Protocol):
    """The port through which a service asks."""

    async def __call__(self, service: str, question: str, **parameters: Any) -> Any:
        """The answer of `service`; `TemporaryError` while it cannot answer."""
        ...


class Elsewhere(Protocol):
    """Asks a service of another process: on behalf of `asker`, with the parameters by name."""

    async def __call__(self, asker: str, service: str, question: str, parameters: Mapping[str, Any]) -> Any:
        """The answer, as `Ask` gives it."""
        ...


def allowed_to(asker: str, question: str) -> Collection[str]:
    """The services that `asker` may ask that; `KeyError` for an asker that does not exist."""
    if asker == RUNNER:
        return catalog.by_name().keys()
    spec = catalog.service(asker)
    return spec.asks if question == STATE else spec.calls


class Answers:
    """The answers of the services in this process; what is not here is asked `elsewhere`, where there is such."""

    def __init__(self) -> None:
        self.elsewhere: Elsewhere | None = None
        self._answers: dict[str, Mapping[str, Answer]] = {}

    def register(self, service: str, answers: Mapping[str, Answer]) -> None:
        """Make the answers of `service` available."""
        self._answers[service] = answers

    def port(self, asker: str) -> Ask:
        """The `ask` port of a service, bounded by its catalog row, or of the runner."""
        allowed, watched = allowed_to(asker, ""), allowed_to(asker, STATE)

        async def ask(service: str, question: str, **parameters: Any) -> Any:
            if service not in (watched if question == STATE else allowed):
                raise PermanentError(f"{asker} may not ask {service}: its catalog row allows {sorted(allowed)}")
            answers = self._answers.get(service)
            if answers is not None:
                return await answer_of(service, answers, question)(**parameters)
            if self.elsewhere is None:
                raise TemporaryError(f"{service} is not running")
            return await self.elsewhere(asker, service, question, parameters)

        return ask


def answer_of(service: str, answers: Mapping[str, Answer], question: str) -> Answer:
    """The function that answers `question`; raises `PermanentError` where there is none."""
    if question not in answers:
        raise PermanentError(f"{service} does not answer {question!r}; it answers {sorted(answers)}")
    return answers[question]
