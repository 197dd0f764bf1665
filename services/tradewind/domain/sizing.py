"""How much to stake on an entry. Rules: `semantics` section 5.

All money in the bot's currency. A size is a result: an amount, or the reason why there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ONE, ZERO, plain

_RESERVE = Decimal("0.05")
_LARGEST_STOP_RESERVE = Decimal("1.5")
_RAISE_LIMIT = Decimal("1.3")


@dataclass(frozen=True, slots=True)
class StakeRules:
    """From the manifest: a fixed `stake_amount` or None for an equal split (`Unlimited`), and what bounds it."""

    stake_amount: Decimal | None
    tradable_ratio: Decimal
    max_open_positions: int
    max_risk_per_trade: Decimal
    stop_loss: Decimal | None
    max_total_exposure: Decimal
    max_pair_exposure: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Funds:
    """The account at the moment of a decision.

    Free cash (reservations taken off), cash tied in positions, equity, and the exposure: positions and entries on
    their way, at current prices.
    """

    free: Decimal
    tied: Decimal
    equity: Decimal
    exposure: Decimal


@dataclass(frozen=True, slots=True)
class Size:
    """An `amount` in base with its `stake` in quote; or no amount, and why."""

    amount: Decimal
    stake: Decimal
    refusal: str | None = None


def minimum_stake(instrument: Instrument, price: Decimal, stop_loss: Decimal | None) -> Decimal:
    """The smallest stake whose exit at the stop the venue still accepts."""
    stop_reserve = min(max((ONE + _RESERVE) / (ONE - (stop_loss or ZERO)), ONE), _LARGEST_STOP_RESERVE)
    return max(instrument.minimum_notional * stop_reserve, instrument.minimum_amount * price * (ONE + _RESERVE))


def size_entry(
    instrument: Instrument, price: Decimal, funds: Funds, rules: StakeRules, wanted: Decimal | None = None
) -> Size:
    """The size of an entry at about `price`.

    The stake is the `wanted` or else the configured one, cut to what risk per trade, exposure and free cash (fee
    included) allow. A stake below the venue's minimum is raised to it only when that is at most 30 % more and allowed
    by the same limits.
    """
    available = _available(funds, rules)
    if wanted is None and rules.stake_amount is None:
        wanted = min((available + funds.tied) / rules.max_open_positions, available)
    elif wanted is None:
        wanted = rules.stake_amount
        assert wanted is not None
        if wanted > available:
            return Size(ZERO, ZERO, f"stake {plain(wanted)} is above the available {plain(round(available, 2))}")
    ceiling = largest_stake(funds, rules)
    stake = min(wanted, ceiling)
    minimum = minimum_stake(instrument, price, rules.stop_loss)
    if stake < minimum:
        if stake * _RAISE_LIMIT < minimum or minimum > ceiling:
            return Size(ZERO, ZERO, f"stake {plain(round(stake, 2))} is below the minimum {plain(round(minimum, 2))}")
        stake = minimum
    amount = instrument.amount(stake / price)
    refusal = instrument.refusal(amount, price)
    return Size(ZERO, ZERO, refusal) if refusal else Size(amount, amount * price)


def largest_stake(funds: Funds, rules: StakeRules) -> Decimal:
    """The most that an entry may cost before its fee: what risk per trade, exposure and free cash allow."""
    return min(_available(funds, rules) / (ONE + rules.fee), *_limits(funds, rules))


def _available(funds: Funds, rules: StakeRules) -> Decimal:
    total = (funds.tied + funds.free) * rules.tradable_ratio
    return max(min(total - funds.tied, funds.free), ZERO)


def _limits(funds: Funds, rules: StakeRules) -> tuple[Decimal, ...]:
    """The most that risk per trade, the pair's exposure and the total exposure allow, each at least 0."""
    at_risk = funds.equity * rules.max_risk_per_trade
    by_risk = at_risk / rules.stop_loss if rules.stop_loss else at_risk
    by_pair = funds.equity * rules.max_pair_exposure
    by_total = max(funds.equity * rules.max_total_exposure - funds.exposure, ZERO)
    return by_risk, by_pair, by_total
