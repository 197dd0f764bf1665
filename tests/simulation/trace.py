"""What happened in a schedule, line by line, and what came of it. The same seed gives the same lines and digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a schedule. `digest` is that of its trace."""

    seed: int
    crashes: int
    violations: list[str]
    digest: str
    trace: list[str] = field(repr=False)
    orders: int = 0
    struck: dict[str, int] = field(default_factory=dict)


class Trace:
    """Lines with the seconds at which they happened."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lines: list[str] = []
        self._now = now

    def note(self, who: str, what: str) -> None:
        """Something happened."""
        self.lines.append(f"{self._now():10.4f} {who:12} {what}")

    @property
    def digest(self) -> str:
        """Of all lines."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]


class TracingLog:
    """The log of a service: what it warns of stands in the trace, the rest is nobody's."""

    def __init__(self, trace: Trace, who: str) -> None:
        self._trace, self._who = trace, who

    def _tell(self, event: str, **facts: object) -> None:
        told = " ".join(f"{name}={value}" for name, value in facts.items() if name not in ("exc_info", "drift"))
        self._trace.note(self._who, " ".join(f"{event} {told}".split())[:240])

    warning = error = exception = critical = _tell

    def info(self, event: str, **facts: object) -> None:
        """What is as it should be."""

    debug = info
