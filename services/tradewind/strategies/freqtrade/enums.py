"""The few enumerations that strategies compare with."""

from __future__ import annotations

from enum import StrEnum


class RunMode(StrEnum):
    """What the strategy runs in."""

    LIVE = "live"
    DRY_RUN = "dry_run"
    BACKTEST = "backtest"
    HYPEROPT = "hyperopt"
    PLOT = "plot"
    OTHER = "other"


class CandleType(StrEnum):
    """What candles are of."""

    SPOT = "spot"
    FUTURES = "futures"


class SignalDirection(StrEnum):
    """Which way a trade goes."""

    LONG = "long"
    SHORT = "short"


class ExitType(StrEnum):
    """Why a trade ended."""

    ROI = "roi"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP_LOSS = "trailing_stop_loss"
    EXIT_SIGNAL = "exit_signal"
    FORCE_EXIT = "force_exit"
    CUSTOM_EXIT = "custom_exit"
    PARTIAL_EXIT = "partial_exit"
