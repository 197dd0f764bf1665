"""What a person gets for a manifest: a bot with every default filled in, or one clear line for each problem."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tradewind.contracts.api.document import bot_document, dump_bot, load_bot, parse_bot, value_sources
from tradewind.contracts.api.reading import read_text
from tradewind.contracts.api.v1alpha1 import ConsensusRule, FeeCurrency, Mode, Profile, TradingBot
from tradewind.domain.errors import ConfigError, ConfigErrors

SAMPLES = Path(__file__).parents[4] / "manifests" / "samples"
Change = Callable[[str, Any], dict[str, Any]]


def complaints(document: dict[str, Any]) -> list[ConfigError]:
    with pytest.raises(ConfigErrors) as caught:
        parse_bot(document, "bot.yaml")
    return caught.value.errors


def test_each_problem_is_one_line_that_names_field_allowed_and_fix(malformed: Any) -> None:
    """A person mends a manifest from the message alone: one problem, one line, nothing about our types."""
    errors = complaints(malformed.document)
    assert [error.field for error in errors] == [malformed.field]
    assert malformed.allowed in errors[0].allowed
    assert malformed.fix in errors[0].fix
    line = str(errors[0])
    assert "\n" not in line
    assert not any(word in line for word in ("tuple", "dict", "NoneType", "Decimal", "Input should"))


def test_all_problems_are_said_at_once(change: Change) -> None:
    """Nobody mends a file one message at a time: every problem is in the first answer, in the file's order."""
    document = change("spec.timeframe", "1H")
    document["spec"]["risk"] = {"stopLoss": 0.05, "maxOpenPositions": 0, "leverage": 3}
    document["spec"]["capital"] = {"currency": "eur"}
    errors = complaints(document)
    assert [error.field for error in errors] == [
        "spec.timeframe",
        "spec.risk.maxOpenPositions",
        "spec.risk.stopLoss",
        "spec.risk.leverage",
        "spec.capital.currency",
        "spec.capital.startingBalance",
    ]
    assert len(str(ConfigErrors(errors)).splitlines()) == len(errors)


def test_a_misspelt_required_field_is_one_problem(minimal: dict[str, Any]) -> None:
    """`timeFrame` is both unknown and, under its right name, missing; only the first is worth saying."""
    minimal["spec"]["timeFrame"] = minimal["spec"].pop("timeframe")
    (error,) = complaints(minimal)
    assert str(error).startswith("spec.timeFrame: received 1h; allowed: only the fields mode, profile,")
    assert error.fix == "did you mean spec.timeframe?"


def test_cross_checks_name_each_offending_value(change: Change) -> None:
    """Two timeframes that cannot be made from the base candles are two lines, each at its place."""
    document = change("spec.strategies.0.timeframes", ["15m", "1d", "1m"])
    assert [error.field for error in complaints(document)] == [
        "spec.strategies[0].timeframes[0]",
        "spec.strategies[0].timeframes[2]",
    ]


def test_another_kind_of_object_is_not_taken_apart() -> None:
    """A Deployment gets a line about its kind and version, not one about each of its fields."""
    errors = complaints({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}})
    assert [error.field for error in errors] == ["apiVersion", "kind"]


@pytest.mark.parametrize("document", [{}, [], "text"])
def test_no_mapping_is_named_by_its_origin(document: Any) -> None:
    """Where there is no field to name, the message names the file."""
    assert complaints(document)[0].field == "bot.yaml"


def test_what_json_cannot_carry_is_refused(change: Change) -> None:
    """Numbers that are none, names that are not text, and endless nesting would be lost or break on the wire."""
    deep: dict[str, Any] = {}
    deep["again"] = deep
    for parameters, field in (
        ({"level": math.inf}, "spec.strategies[0].parameters.level"),
        ({"levels": [1.0, math.nan]}, "spec.strategies[0].parameters.levels[1]"),
        ({1: 2}, "spec.strategies[0].parameters[1]"),
        ({None: 2}, "spec.strategies[0].parameters.None"),
        ({1.5: 2}, "spec.strategies[0].parameters[1.5]"),
        (deep, "spec.strategies[0].parameters"),
    ):
        assert [error.field for error in complaints(change("spec.strategies.0.parameters", parameters))] == [field]


def test_a_short_manifest_gets_the_documented_defaults(minimal: dict[str, Any]) -> None:
    """What is left out takes the defaults that the documentation states."""
    bot = parse_bot(minimal, "bot.yaml")
    spec, exchange, risk = bot.spec, bot.spec.exchanges[0], bot.spec.risk
    assert bot.key == "default/momentum"
    assert (spec.mode, spec.profile, spec.emergency_stop) == (Mode.PAPER, Profile.FULL, False)
    assert (exchange.fees.maker, exchange.fees.taker) == (Decimal("0.0015"), Decimal("0.0025"))
    assert (exchange.fees.currency, exchange.slippage.basis_points) == (FeeCurrency.QUOTE, Decimal(0))
    assert exchange.slippage.volume_share == Decimal("0.25")
    assert (spec.decision.min_confidence, spec.decision.consensus) == (Decimal("0.80"), ConsensusRule.WEIGHTED)
    assert (risk.max_risk_per_trade, risk.max_open_positions) == (Decimal("0.05"), 5)
    assert (risk.max_daily_loss, risk.max_drawdown) == (Decimal("0.03"), Decimal("0.15"))
    assert (risk.max_total_exposure, risk.max_pair_exposure) == (Decimal(1), Decimal(1))
    assert (risk.stop_loss, risk.take_profit, risk.trailing_stop) == (None, None, None)
    assert (spec.capital.stake_amount, spec.capital.tradable_ratio) == ("Unlimited", Decimal("0.99"))
    assert (spec.data.speed, spec.data.span, spec.data.synthetic) == ("max", None, None)
    assert (spec.strategies[0].weight, spec.strategies[0].timeframes) == (Decimal(1), ())


def test_a_synthetic_source_needs_no_word_about_its_market(change: Change) -> None:
    """`source: Synthetic` alone is the default market, with the values that `config show` then prints."""
    market = parse_bot(change("spec.data", {"source": "Synthetic"}), "bot.yaml").spec.data.synthetic
    assert market is not None
    assert (market.seed, market.candles) == (0, 10_000)
    assert (market.start_price, market.volatility) == (Decimal(100), Decimal("0.01"))


def test_dates_may_come_as_dates(change: Change) -> None:
    """YAML readers turn an unquoted date into a date object; it means midnight UTC, as the text does."""
    span = {"start": date(2022, 1, 1), "end": datetime(2022, 2, 1, 1, tzinfo=UTC)}
    as_objects = parse_bot(change("spec.data.span", span), "bot.yaml")
    as_text = parse_bot(change("spec.data.span", {"start": "2022-01-01", "end": "2022-02-01T02:00:00+01:00"}), "x")
    assert as_objects == as_text
    assert bot_document(as_text)["spec"]["data"]["span"] == {
        "start": "2022-01-01T00:00:00Z",
        "end": "2022-02-01T01:00:00Z",
    }


def test_the_output_of_kubectl_get_is_a_manifest(minimal: dict[str, Any]) -> None:
    """What the API server adds is set aside, so a bot can be taken from a cluster to a laptop as it is."""
    plain = parse_bot(minimal, "bot.yaml")
    minimal["metadata"] |= {"uid": "1", "creationTimestamp": None, "managedFields": [{}], "generation": 3}
    minimal["status"] = {"observedGeneration": 3}
    assert parse_bot(minimal, "cluster") == plain


def test_a_bot_cannot_be_changed(minimal: dict[str, Any]) -> None:
    """Services share one bot; none of them may change a limit under the others."""
    bot = parse_bot(minimal, "bot.yaml")
    with pytest.raises(ValidationError):
        bot.spec.risk.max_open_positions = 50  # type: ignore[misc]


@given(data=st.data())
def test_a_written_bot_reads_back_equal(documents: st.SearchStrategy[dict[str, Any]], data: st.DataObject) -> None:
    """`config show` output is itself a manifest of the same bot, for our reader and for any YAML 1.1 reader."""
    bot = parse_bot(data.draw(documents), "drawn")
    text = dump_bot(bot)
    assert parse_bot(read_text(text, "dumped"), "dumped") == bot
    assert parse_bot(yaml.safe_load(text), "dumped") == bot


def test_text_with_odd_line_breaks_is_written_readably(change: Change) -> None:
    """PyYAML folds some line breaks so that it cannot read them back; ours are escaped."""
    bot = parse_bot(change("spec.strategies.0.parameters", {"a\x85b": "c\u2028d\r\n", "ä": "ö"}), "bot.yaml")
    assert parse_bot(read_text(dump_bot(bot), "dumped"), "dumped") == bot
    assert "ä: ö" in dump_bot(bot)


def test_every_sample_is_valid() -> None:
    """The manifests a newcomer starts from are accepted as they are."""
    bots = {path.stem: load_bot(path) for path in SAMPLES.glob("*.yaml") if path.stem != "backtest"}
    assert {"quickstart", "synthetic"} <= set(bots)
    assert all(isinstance(bot, TradingBot) for bot in bots.values())


def test_each_value_knows_where_it_comes_from() -> None:
    """`config show` tells a default from what the file says and from what `--set` put over it."""
    document = read_text((SAMPLES / "quickstart.yaml").read_text(), "quickstart.yaml")
    sources = value_sources(document, ["spec.risk.stopLoss=0.07", "spec.data.span={start: 2022-03-01}"])
    assert sources["spec.risk.stopLoss"] == sources["spec.data.span.start"] == "set"
    assert sources["spec.strategies[1].parameters.entryPeriod"] == "file"
    assert sources["spec.risk.maxDailyLoss"] == sources["spec.pairs.exclude"] == "default"
    # A set object says nothing about the fields it leaves out.
    assert value_sources(document, ["spec.risk={}"])["spec.risk.maxDrawdown"] == "default"


def test_the_manifest_is_read_without_heavy_imports() -> None:
    """`tradewind --help` and the operator import this; numpy alone would double their start."""
    code = "import sys, tradewind.contracts.api.document; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
