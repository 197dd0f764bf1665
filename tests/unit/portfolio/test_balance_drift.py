"""How far balances are from the venue's is known from the start: no report of the venue has to come first."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import BalancesReported
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.unit import UnitOfWork
from tradewind.portfolio.accounts import Account
from tradewind.portfolio.handlers import PortfolioHandlers

BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")


async def test_the_difference_to_the_venue_is_shown_before_and_after_its_report():
    """A panel and an alert look at it, also after a restart that nothing is reported after for hours."""
    metrics, said = Metrics(), []
    log = SimpleNamespace(error=lambda event, **facts: said.append(facts["drift"]))
    context = SimpleNamespace(bot=BOT, key=BOT.key, metrics=metrics, log=log, tracer=None)
    account = Account(context)
    account.balances = {"EUR": Decimal(100)}
    handlers = PortfolioHandlers(context, account)

    def shown():
        return metrics.registry.get_sample_value("tradewind_balance_drift_ratio", {"bot": BOT.key})

    assert shown() == 0
    await handlers.on_balances_reported(BalancesReported(id="b", time=1, balances={"EUR": Decimal(80)}), UnitOfWork())
    assert (shown(), said) == (0.2, [{"EUR": "0.2"}])
