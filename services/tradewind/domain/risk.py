"""GO / NO-GO: the gates that every entry passes, each with its value and its limit, so that a decision explains itself.

A gate that has no meaning where the bot runs (the freshness of a recording) says `NotApplicable` and lets pass.
Gates stop entries, never exits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from tradewind.domain.money import ONE, ZERO, plain


class Verdict(StrEnum):
    """A gate's answer."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_APPLICABLE = "NotApplicable"


class Gate(NamedTuple):
    """One gate's answer: what was `measured`, told by `form`, and the limit, as text for people."""

    name: str
    verdict: Verdict
    measured: Any
    limit: str
    form: Callable[[Any], str] = str

    @property
    def value(self) -> str:
        """What was measured, as text; put into words where somebody reads it."""
        return self.form(self.measured)


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """From the manifest; None switches a gate off."""

    min_confidence: Decimal
    max_open_positions: int
    max_daily_loss: Decimal | None
    max_drawdown: Decimal | None
    max_total_exposure: Decimal


@dataclass(frozen=True, slots=True)
class RiskView:
    """What the gates look at. Money in the bot's currency; `health`, `data_age` and `connected` None in a replay.

    `named` is whether the manifest names the pair: one that it names no longer is left, and never entered again.
    `open_positions` and `exposure` include entries on their way, also those decided earlier in the same cycle.
    `data_age` is in seconds, infinite where the market has gone on since the candle.
    """

    trading_state: str
    score: Decimal
    open_positions: int
    exposure: Decimal
    equity: Decimal
    equity_peak: Decimal
    day_start_equity: Decimal
    balance_drift: Decimal
    named: bool = True
    health: int | None = None
    data_age: float | None = None
    connected: bool | None = None


BALANCE_DRIFT_LIMIT = Decimal("0.0001")
HEALTH_LIMIT = 60
DATA_AGE_LIMIT = 300.0


def limits_used(view: RiskView, limits: RiskLimits) -> dict[str, Decimal]:
    """How much of each limit is used, by the name of its gate, as a ratio: from 1 on it refuses; 0 without a limit."""
    exposure = view.exposure / view.equity if view.equity > ZERO else ONE
    return {
        "open_positions": _share(Decimal(view.open_positions), Decimal(limits.max_open_positions)),
        "exposure": _share(exposure, limits.max_total_exposure),
        "drawdown": _share(_below(view.equity, view.equity_peak), limits.max_drawdown),
        "daily_loss": _share(_below(view.equity, view.day_start_equity), limits.max_daily_loss),
    }


def gates(view: RiskView, limits: RiskLimits) -> tuple[Gate, ...]:
    """Every gate's verdict, in a fixed order."""
    drawdown = _below(view.equity, view.equity_peak)
    daily_loss = _below(view.equity, view.day_start_equity)
    exposure = view.exposure / view.equity if view.equity > ZERO else ONE
    return (
        _gate("trading_state", view.trading_state == "Running", view.trading_state, "Running"),
        _gate("pair", view.named, "named" if view.named else "not named", "named by spec.pairs"),
        _gate(
            "confidence", view.score >= limits.min_confidence, view.score, _bound(">=", limits.min_confidence), _ratio
        ),
        _gate(
            "open_positions",
            has_slot(view.open_positions, limits),
            view.open_positions,
            f"< {limits.max_open_positions}",
        ),
        _gate(
            "exposure", exposure < limits.max_total_exposure, exposure, _bound("<", limits.max_total_exposure), _ratio
        ),
        _limit("drawdown", drawdown, limits.max_drawdown),
        _limit("daily_loss", daily_loss, limits.max_daily_loss),
        _gate(
            "balance_drift",
            view.balance_drift <= BALANCE_DRIFT_LIMIT,
            view.balance_drift,
            _bound("<=", BALANCE_DRIFT_LIMIT),
            plain,
        ),
        _optional(
            "health_score", view.health, str(HEALTH_LIMIT), view.health is not None and view.health >= HEALTH_LIMIT
        ),
        _optional(
            "data_freshness",
            view.data_age,
            f"{DATA_AGE_LIMIT:.0f} s",
            view.data_age is not None and view.data_age <= DATA_AGE_LIMIT,
        ),
        _optional("exchange_connectivity", view.connected, "connected", view.connected is True),
    )


def has_slot(open_positions: int, limits: RiskLimits) -> bool:
    """Whether another position may be opened beside so many."""
    return open_positions < limits.max_open_positions


LASTING = frozenset({"trading_state", "pair", "drawdown"})
"""Gates that go on refusing for as long as the account holds nothing but cash and the manifest stays as it is."""


def refusals(answers: Sequence[Gate]) -> tuple[str, ...]:
    """The names of the gates that refuse."""
    return tuple(gate.name for gate in answers if gate.verdict is Verdict.NO_GO)


def _gate(name: str, passes: bool, measured: Any, limit: str, form: Callable[[Any], str] = str) -> Gate:
    return Gate(name, Verdict.GO if passes else Verdict.NO_GO, measured, limit, form)


def _limit(name: str, value: Decimal, limit: Decimal | None) -> Gate:
    if limit is None:
        return Gate(name, Verdict.NOT_APPLICABLE, value, "none", _ratio)
    return _gate(name, value < limit, value, _bound("<", limit), _ratio)


def _optional(name: str, value: object, limit: str, passes: bool) -> Gate:
    if value is None:
        return Gate(name, Verdict.NOT_APPLICABLE, "replay", limit)
    return _gate(name, passes, value, limit)


@lru_cache(maxsize=256)  # a bot has few limits, and meets them at every entry
def _bound(sign: str, limit: Decimal) -> str:
    return f"{sign} {plain(limit)}"


def _share(value: Decimal, limit: Decimal | None) -> Decimal:
    if limit is None:
        return ZERO
    return value / limit if limit > ZERO else ONE


def _below(value: Decimal, reference: Decimal) -> Decimal:
    return max((reference - value) / reference, ZERO) if reference > ZERO else ZERO


def _ratio(value: Decimal) -> str:
    return f"{value:.4f}"
