"""The ways to choose what is tried next, by the names of the option."""

from __future__ import annotations

from enum import StrEnum


class Sampler(StrEnum):
    """How sets of values are chosen."""

    TPE = "tpe"
    RANDOM = "random"
    GRID = "grid"
