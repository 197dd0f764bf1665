"""How a bot trades: strategies, how they are weighed into a decision, the limits of risk, and the money at stake."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.part import ListSet, Part, Whole
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.quantities import Activation, Distance, Gain, Positive, Share, Stake
from tradewind.contracts.api.text import Currency, StrategyKind, StrategyName
from tradewind.contracts.api.times import Timeframe
from tradewind.domain.money import ZERO, plain


class Strategy(Part):
    """One strategy and its say in the decision."""

    name: StrategyName
    """The name of this strategy in evaluations, logs and metrics, its own within the bot."""
    kind: StrategyKind
    """The kind of strategy, such as EmaCross."""
    weight: Positive = Decimal(1)
    """The weight of this strategy's vote, relative to the weights of the others."""
    timeframes: Annotated[tuple[Timeframe, ...], Field(max_length=14), ListSet()] = ()
    """The timeframes on which this strategy is evaluated, multiples of the bot's; without any, the bot's own."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """The parameters of this kind of strategy, by name; what is not given takes the kind's default."""


class ConsensusRule(StrEnum):
    """How many strategies must agree."""

    WEIGHTED = "Weighted"
    MAJORITY = "Majority"
    UNANIMOUS = "Unanimous"


class Decision(Part):
    """When the strategies together say enter or exit."""

    min_confidence: Share = Decimal("0.80")
    """The least score of the agreeing strategies for an entry, as a ratio of the greatest possible."""
    consensus: ConsensusRule = ConsensusRule.WEIGHTED
    """How votes are counted: Weighted by confidence, Majority of the weights, or Unanimous."""


class TakeProfit(Part):
    """A limit order that closes a position at a gain."""

    distance: Gain
    """How far above the average entry price the position is sold, as a ratio of that price (0.10 is 10 %)."""


class TrailingStop(Part):
    """A stop that follows the price up and never goes down."""

    distance: Distance
    """How far below the highest price since the entry the stop is kept, as a ratio of that price."""
    activation: Activation = ZERO
    """The gain from which on the stop follows the price, as a ratio of the average entry price; 0 is at once."""


_RISK_RULES: list[JsonValue] = [
    {
        "rule": "!has(self.trailingStop) || !has(self.takeProfit)"
        " || double(self.trailingStop.activation) < double(self.takeProfit.distance)",
        "message": "trailingStop.activation must be below takeProfit.distance, or the target closes every position"
        " before its stop begins to follow",
    }
]


class Risk(Part):
    """The limits that hold whatever the strategies say; a limit on losses stops entries, never exits."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _RISK_RULES})

    max_risk_per_trade: Share = Decimal("0.05")
    """The most that one position may lose at its stop, as a ratio of equity."""
    max_open_positions: Annotated[Whole, Field(ge=1, le=100)] = 5
    """The most positions that may be open at one time."""
    stop_loss: Distance | None = None
    """How far below the average entry price the stop is placed, as a ratio of that price; without it there is none."""
    take_profit: TakeProfit | None = None
    """The target at which a position is closed at a gain; without it there is none."""
    trailing_stop: TrailingStop | None = None
    """The stop that follows the price up; without it the stop stays where it was placed."""
    max_daily_loss: Share = Decimal("0.03")
    """The loss since midnight UTC at which entries stop until the next day, as a ratio of the day's first equity."""
    max_drawdown: Share = Decimal("0.15")
    """The fall of equity from its peak at which entries stop, as a ratio of the peak."""
    max_total_exposure: Share = Decimal(1)
    """The most that all open positions together may be worth, as a ratio of equity."""
    max_pair_exposure: Share = Decimal(1)
    """The most that the open positions of one pair may be worth, as a ratio of equity."""

    @model_validator(mode="after")
    def _trailing_can_begin(self) -> Risk:
        trailing, target = self.trailing_stop, self.take_profit
        if trailing is not None and target is not None and trailing.activation >= target.distance:
            allowed = f"a decimal below spec.risk.takeProfit.distance ({plain(target.distance)}), which closes first"
            place = ("trailingStop", "activation")
            raise refusal(Problem(plain(trailing.activation), allowed, "lower it, or raise the target", place))
        return self


class Capital(Part):
    """The money that the bot works with."""

    currency: Currency
    """The currency that the bot's money is in; every pair it trades is quoted in it."""
    starting_balance: Positive
    """How much of the currency the bot starts with."""
    stake_amount: Stake = "Unlimited"
    """How much of the currency goes into one position, or Unlimited to share what there is among the positions."""
    tradable_ratio: Share = Decimal("0.99")
    """The ratio of the balance that may be traded; the rest is kept for fees."""
