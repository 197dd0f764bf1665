"""Errors that strategies raise."""

from __future__ import annotations

from tradewind.domain.errors import TradewindError


class FreqtradeException(TradewindError):  # noqa: N818 - the name that strategies import
    """Root of the errors that strategies import."""


class OperationalException(FreqtradeException):
    """Something that a person has to mend."""


class DependencyException(FreqtradeException):
    """A condition that was not met."""


class StrategyError(FreqtradeException):
    """A strategy went wrong."""
