"""A stretch of time in a word, as people write it who come from freqtrade."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tradewind.domain.errors import ConfigError

_RANGE = re.compile(r"(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Timerange:
    """From `start` to `stop` in milliseconds UTC; None where it is open."""

    start: int | None = None
    stop: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> Timerange:
        """From `20210101-20220101`, `20210101-`, `-20220101`, or seconds or milliseconds since the epoch."""
        found = _RANGE.fullmatch((text or "-").strip())
        allowed, fix = "YYYYMMDD-YYYYMMDD, either side may be empty", "write 20210101-20220101"
        if found is None:
            raise ConfigError("timerange", text, allowed, fix)
        try:
            start, stop = (_time(part) for part in found.groups())
        except ValueError as error:
            raise ConfigError("timerange", text, allowed, fix) from error
        if start is not None and stop is not None and start > stop:
            raise ConfigError("timerange", text, "a start before its end", "turn it round")
        return cls(start, stop)


def _time(text: str) -> int | None:
    if not text:
        return None
    if len(text) == 8:
        return round(datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1000)
    if len(text) in (10, 13):
        return int(text) * (1000 if len(text) == 10 else 1)
    raise ValueError(text)
