"""Sections of the manifest as the domain's rules: for the services that follow them, and for a backtest."""

from __future__ import annotations

from decimal import Decimal

from tradewind.contracts.api.v1alpha1 import Exchange, FeeCurrency, TradingBot
from tradewind.domain.account_order import AccountRules
from tradewind.domain.consensus import ConsensusRule, Voter
from tradewind.domain.decision import DecisionRules
from tradewind.domain.exits import TrailingStop
from tradewind.domain.matching import MatchingRules
from tradewind.domain.risk import RiskLimits
from tradewind.domain.sizing import StakeRules


def voters_of(bot: TradingBot) -> tuple[Voter, ...]:
    """Every voter, in the manifest's order."""
    found: list[Voter] = []
    for strategy in bot.spec.strategies:
        timeframes = strategy.timeframes or [bot.spec.timeframe]
        found += [Voter(strategy.name, timeframe, strategy.weight / len(timeframes)) for timeframe in timeframes]
    return tuple(found)


def rules_of(bot: TradingBot) -> DecisionRules:
    """What decides, sizes and refuses."""
    spec = bot.spec
    risk, capital = spec.risk, spec.capital
    trailing = TrailingStop(risk.trailing_stop.distance, risk.trailing_stop.activation) if risk.trailing_stop else None
    stake = None if capital.stake_amount == "Unlimited" else Decimal(capital.stake_amount)
    return DecisionRules(
        rule=ConsensusRule(spec.decision.consensus),
        trailing=trailing,
        limits=RiskLimits(
            min_confidence=spec.decision.min_confidence,
            max_open_positions=risk.max_open_positions,
            max_daily_loss=risk.max_daily_loss,
            max_drawdown=risk.max_drawdown,
            max_total_exposure=risk.max_total_exposure,
        ),
        stake=StakeRules(
            stake_amount=stake,
            tradable_ratio=capital.tradable_ratio,
            max_open_positions=risk.max_open_positions,
            max_risk_per_trade=risk.max_risk_per_trade,
            stop_loss=risk.stop_loss,
            max_total_exposure=risk.max_total_exposure,
            max_pair_exposure=risk.max_pair_exposure,
            fee=spec.exchanges[0].fees.taker,
        ),
    )


def account_rules(exchange: Exchange) -> AccountRules:
    """What a simulated venue charges, and how it matches."""
    return AccountRules(
        maker_fee=exchange.fees.maker,
        taker_fee=exchange.fees.taker,
        fee_in_base=exchange.fees.currency is FeeCurrency.BASE,
        matching=MatchingRules(exchange.slippage.basis_points, exchange.slippage.volume_share),
    )
