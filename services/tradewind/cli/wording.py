"""Errors of the readers in the words of a command: they speak of the manifest, and a command may have none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tradewind.domain.errors import ConfigError


@contextlib.contextmanager
def in_words_of(option: str) -> Iterator[None]:
    """What is raised inside names `option` in place of `spec.data.path`."""
    try:
        yield
    except ConfigError as error:
        allowed, fix = (
            text.replace("spec.timeframe", "--timeframe").replace("spec.data.path", option)
            for text in (error.allowed, error.fix)
        )
        field = option if error.field.startswith("spec.") else error.field
        raise ConfigError(field, error.received, allowed, fix) from error
