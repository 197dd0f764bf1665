"""What strategies are given and may ask, seen from inside of their own methods."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from tests.unit.research.freqtrade.conftest import HOUR, START, write_candles

from tradewind.domain.errors import ConfigError

LEAVE = """
    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe.index % 6 == 2, "exit_long"] = 1
        return dataframe
"""


def test_a_frame_has_its_candles_without_holes_and_the_decimals_of_its_prices(run, tmp_path):
    """A missing candle stands at the close before it, with no volume; tags exist before the methods that set them."""
    seen = []
    files = {("BTC/EUR", "1h"): write_candles(tmp_path / "holes.parquet", 20, left_out={7, 8})}
    body = """
    def populate_indicators(self, dataframe, metadata):
        self.config["seen"].append((metadata["pair"], dataframe.copy()))
        return dataframe
    def populate_entry_trend(self, dataframe, metadata):
        self.config["seen"].append(list(dataframe["enter_tag"].unique()))
        return dataframe
    def populate_exit_trend(self, dataframe, metadata):
        self.config["seen"].append(list(dataframe["exit_tag"].unique()))
        return dataframe
    """
    run(body, files=files, seen=seen)

    (pair, frame), enter_tags, exit_tags = seen
    assert ("BTC/EUR", [""], [""], 20) == (pair, enter_tags, exit_tags, len(frame))
    assert ["open_count", "high_count", "low_count", "close_count", "max_count"] == list(frame.columns[6:])
    before, hole = frame.iloc[6], frame.iloc[8]
    assert [before["close"]] * 4 + [0.0] == hole[["open", "high", "low", "close", "volume"]].tolist()
    assert datetime(2021, 1, 1, 8, tzinfo=UTC) == hole["date"]
    assert 2 == frame["max_count"].max()


def test_a_timerange_has_its_warm_up_before_and_both_its_ends(run):
    """Ten candles before the 2nd of January; traded from the candle after its beginning."""
    seen = []
    body = """
    startup_candle_count = 10
    def populate_indicators(self, dataframe, metadata):
        self.config["seen"] += [dataframe["date"].iloc[0], dataframe["date"].iloc[-1]]
        return dataframe
    """
    output = run(body, seen=seen, timerange="20210102-20210104")

    assert [datetime(2021, 1, 1, 14, tzinfo=UTC), datetime(2021, 1, 4, tzinfo=UTC)] == seen
    assert (START + 24 * HOUR, START + 72 * HOUR) == (output.result.start, output.result.end)


HIGHER = """
    @informative("4h")
    def populate_higher(self, dataframe, metadata):
        dataframe["tip"] = dataframe["high"]
        return dataframe
    @informative("1h", "ETH/{stake}")
    @informative("4h", "ETH/{stake}", fmt="{BASE}_{column}_{timeframe}")
    @informative("4h", "ETH/EUR", fmt=lambda column, timeframe, **other: f"called_{column}")
    def populate_other(self, dataframe, metadata):
        dataframe["of"] = len(metadata["pair"])
        return dataframe
    def populate_indicators(self, dataframe, metadata):
        other = self.dp.get_pair_dataframe("ETH/EUR", "4h")
        by_hand = merge_informative_pair(dataframe, other, self.timeframe, "4h", ffill=False)
        suffixed = merge_informative_pair(
            dataframe, other, self.timeframe, "4h", append_timeframe=False, suffix="eth"
        )
        self.config["seen"] += [dataframe, by_hand, suffixed]
        return dataframe
"""


def test_a_higher_candle_is_seen_where_it_closes_and_until_the_next_one_does(run, tmp_path):
    """The candle of 0 to 4 o'clock is known on the one that opens at 3; what is known before the first is nothing."""
    seen = []
    files = {
        ("BTC/EUR", "1h"): write_candles(tmp_path / "base.parquet", 40),
        ("BTC/EUR", "4h"): write_candles(tmp_path / "higher.parquet", 10, step=4 * HOUR),
        ("ETH/EUR", "1h"): write_candles(tmp_path / "other.parquet", 40),
        ("ETH/EUR", "4h"): write_candles(tmp_path / "other4.parquet", 10, step=4 * HOUR, price=lambda n: 10 + n),
    }
    run(HIGHER, files=files, seen=seen)

    frame, by_hand, suffixed = seen
    assert [True] * 3 + [False] * 37 == frame["tip_4h"].isna().tolist()
    assert frame["tip_4h"].iloc[3:7].nunique() == 1
    assert frame["date_4h"].iloc[6] == datetime(2021, 1, 1, 0, tzinfo=UTC)
    assert frame["date_4h"].iloc[7] == datetime(2021, 1, 1, 4, tzinfo=UTC)
    assert {"eth_eur_of_1h", "ETH_of_4h", "called_of", "eth_eur_close_1h"} <= set(frame.columns)
    assert frame["close"].tolist() == frame["eth_eur_close_1h"].tolist()
    assert [3, 7, 11] == by_hand["close_4h"].dropna().index[:3].tolist()
    assert [10.0, 10.0, 11.0] == suffixed["close_eth"].iloc[[3, 6, 7]].tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("merge_informative_pair(dataframe, dataframe, '1h', '5m')", "5m candles to the longer 1h"),
        ("merge_informative_pair(dataframe, dataframe, '1h', '1h', suffix='a')", "not both"),
        ("timeframe_to_minutes('x')", "is not a timeframe"),
        ("informative('1h', candle_type='funding_rate')", "spot candles"),
        ("self.dp.get_pair_dataframe('SOL/EUR', '1h')", "no candles of SOL/EUR 1h"),
        ("dataframe['no_such_column']", "KeyError"),
    ],
)
def test_what_goes_wrong_in_a_method_is_one_line_with_its_name(run, call, words):
    """Of ours, or of the strategy."""
    body = f"def populate_indicators(self, dataframe, metadata):\n    {call}\n    return dataframe\n"

    with pytest.raises(ConfigError, match=words) as refused:
        run(body)

    assert 1 == len(str(refused.value).splitlines())


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("return dataframe.dropna(subset=['close']).iloc[1:]", "199 rows for 200 candles"),
        ("pass", "NoneType"),
        ("return dataframe.drop(columns='close')", "without its candles"),
        ("return dataframe.assign(close=1.0)", "other candles"),
    ],
)
def test_a_method_gives_back_the_rows_that_it_got(run, method, words):
    """Dropped rows would trade at other times than they say."""
    body = f"def populate_indicators(self, dataframe, metadata):\n    dataframe['a'] = 1\n    {method}\n"

    with pytest.raises(ConfigError, match=words):
        run(body)


def test_columns_of_two_informative_methods_must_not_have_one_name(run):
    """The second would hide the first."""
    body = """
    @informative("1h", fmt="{column}_a")
    def populate_one(self, dataframe, metadata):
        return dataframe
    @informative("1h", fmt="{column}_a")
    def populate_two(self, dataframe, metadata):
        return dataframe
    """
    with pytest.raises(ConfigError, match="date_a"):
        run(body)


@pytest.mark.parametrize(
    "callback",
    [
        "custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs)",
        "confirm_trade_entry(self, **kwargs)",
        "bot_loop_start(self, **kwargs)",
        "bot_start(self, **kwargs)",
    ],
)
def test_a_callback_that_raises_ends_the_run_with_its_name(run, callback):
    """And says where: freqtrade would go on with a default, and nobody would see why."""
    name = callback.partition("(")[0]

    with pytest.raises(ConfigError, match=f"Mine.{name}: received ZeroDivisionError"):
        run(f"def {callback}:\n    1 / 0\n")


def test_callbacks_get_what_is_documented(run):
    """Times are aware, tags are None where there are none, prices are those of the candle."""
    seen = []
    body = (
        LEAVE
        + """
    position_adjustment_enable = True
    use_custom_stoploss = True
    def _keep(self, name, kwargs):
        self.config["seen"].append((name, kwargs))
    def bot_loop_start(self, **kwargs): self._keep("loop", kwargs)
    def custom_stake_amount(self, **kwargs):
        self._keep("stake", kwargs)
        return kwargs["proposed_stake"]
    def custom_entry_price(self, **kwargs):
        self._keep("entry_price", kwargs)
        return "no price"
    def custom_exit_price(self, **kwargs):
        self._keep("exit_price", kwargs)
        return float("nan")
    def confirm_trade_entry(self, **kwargs):
        self._keep("confirm_entry", kwargs)
        return True
    def confirm_trade_exit(self, **kwargs):
        self._keep("confirm_exit", kwargs)
        return True
    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs):
        self._keep("stop", {"after_fill": after_fill})
        return None
    def custom_exit(self, pair, trade):
        self._keep("exit", {"trade": trade})
    def adjust_trade_position(self, **kwargs): self._keep("adjust", kwargs)
    def order_filled(self, **kwargs): self._keep("filled", kwargs)
    """
    )
    run(body, seen=seen, timerange="20210101-20210102")

    told = {}
    for name, kwargs in seen:
        told.setdefault(name, kwargs)
    assert {
        "loop",
        "stake",
        "entry_price",
        "exit_price",
        "confirm_entry",
        "confirm_exit",
        "stop",
        "exit",
        "adjust",
        "filled",
    } == set(told)
    moment = datetime(2021, 1, 1, 6, tzinfo=UTC)
    assert (moment, None, "long", 1.0) == tuple(
        told["stake"][name] for name in ("current_time", "entry_tag", "side", "leverage")
    )
    assert ("limit", "GTC", "BTC/EUR") == tuple(
        told["confirm_entry"][name] for name in ("order_type", "time_in_force", "pair")
    )
    assert "exit_signal" == told["exit_price"]["exit_tag"] == told["confirm_exit"]["exit_reason"]
    assert told["entry_price"]["trade"] is None
    assert told["stop"]["after_fill"]
    assert ("BTC/EUR", moment) == (told["filled"]["pair"], told["filled"]["current_time"])
    assert told["adjust"]["current_rate"] == told["adjust"]["current_entry_rate"] == told["confirm_entry"]["rate"]


def test_the_data_provider_shows_a_callback_nothing_that_has_not_closed(run, tmp_path):
    """The analyzed frame ends with the candle before; so do candles of other timeframes; at most 1000 rows."""
    seen = []
    files = {
        ("BTC/EUR", "1h"): write_candles(tmp_path / "long.parquet", 1100),
        ("BTC/EUR", "4h"): write_candles(tmp_path / "higher.parquet", 275, step=4 * HOUR),
    }
    body = """
    def custom_exit(self, pair, trade, current_time, **kwargs):
        analyzed, when = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        higher = self.dp.get_pair_dataframe(pair, "4h")
        again = self.dp.get_analyzed_dataframe(pair, self.timeframe)[0]
        assert again is analyzed
        assert "enter_long" in analyzed.columns
        latest = analyzed["date"].iloc[-1], higher["date"].iloc[-1]
        self.config["seen"].append((current_time, when, *latest, len(analyzed)))
    """
    run(body, files=files, seen=seen)

    assert 1094 == len(seen)
    hour = 3600
    for now, when, analyzed, higher, _ in seen:
        assert now == when
        assert (now - analyzed).total_seconds() == hour
        assert (now - higher).total_seconds() >= 4 * hour
        assert (now - higher).total_seconds() < 8 * hour
    assert (6, 1000) == (seen[0][4], seen[-1][4])


def test_the_data_provider_answers_what_a_backtest_can(run):
    """And nothing where there is nothing."""
    seen = []
    body = """
    def bot_start(self, **kwargs):
        dp = self.dp
        self.config["seen"] += [
            dp.runmode.value, self.config["runmode"].value, dp.current_whitelist(), dp.available_pairs,
            dp.market("BTC/EUR")["base"], dp.ticker("BTC/EUR"), dp.orderbook("BTC/EUR", 1)["bids"],
            dp.get_analyzed_dataframe("BTC/EUR", "1h")[0].empty, dp.get_analyzed_dataframe("BTC/EUR", "4h")[0].empty,
            len(dp.ohlcv("BTC/EUR", "1h")), dp.send_msg("hello"), self.version(), self.informative_pairs(),
        ]
    """
    run(body, seen=seen)

    assert [
        "backtest",
        "backtest",
        ["BTC/EUR"],
        [("BTC/EUR", "1h")],
        "BTC",
        {},
        [],
        True,
        True,
        200,
        None,
        None,
        [],
    ] == (seen)


def test_a_trade_and_its_orders_answer_by_the_documented_names(run):
    """Open, and of those that closed before; a value kept with a trade stays with it."""
    seen = []
    body = (
        LEAVE
        + """
    def custom_exit(self, pair, trade, current_time, current_rate, **kwargs):
        trade.set_custom_data("asked", trade.get_custom_data("asked", default=0) + 1)
        entry = trade.select_filled_orders(trade.entry_side)[0]
        assert trade.select_filled_orders(trade.exit_side) == []
        assert trade.select_filled_or_open_orders() == [entry]
        assert trade.select_order("buy", is_open=False) is entry
        assert trade.select_order("sell") is None
        assert trade.select_order("buy", only_filled=True) is entry
        assert trade.open_date_utc == trade.open_date == trade.date_entry_fill_utc == trade.date_last_filled_utc
        assert (entry.order_date_utc, entry.order_filled_utc) == (trade.open_date_utc, trade.open_date_utc)
        assert (entry.status, entry.ft_order_side, entry.side, entry["price"]) == ("closed", "buy", "buy", entry.price)
        assert (entry.average, entry.safe_price, entry.ft_is_entry) == (entry.price, entry.price, True)
        assert entry.filled == entry.safe_filled == entry.amount == entry.safe_amount == trade.amount
        assert entry.remaining == entry.safe_remaining == 0.0
        assert entry.cost == entry.safe_cost == entry.stake_amount == entry.stake_amount_filled == trade.stake_amount
        assert (trade.safe_base_currency, trade.safe_quote_currency, trade.stake_currency) == ("BTC", "EUR", "EUR")
        assert (trade.strategy, trade.exchange, trade.timeframe) == ("Mine", "binance", 60)
        assert (trade.nr_of_successful_entries, trade.nr_of_successful_buys) == (1, 1)
        assert (trade.nr_of_successful_exits, trade.nr_of_successful_sells) == (0, 0)
        assert (trade.is_open, trade.has_open_orders, trade.open_orders, trade.is_short) == (True, False, [], False)
        assert (trade.close_date_utc, trade.safe_close_rate, trade.entry_tag) == (None, 0.0, "")
        assert trade.stoploss_or_liquidation == trade.stop_loss
        assert abs(trade.initial_stop_loss_pct + 0.5) < 0.001
        assert trade.calc_close_trade_value(current_rate) < current_rate * trade.amount
        assert Trade.get_open_trades() == [trade]
        assert Trade.total_open_trades_stakes() == trade.stake_amount
        closed = Trade.get_trades_proxy(is_open=False)
        recent = Trade.get_trades_proxy(pair=pair, is_open=False, close_date=current_time - timedelta(hours=8))
        assert Trade.get_trades_proxy(pair="ETH/EUR") == []
        assert Trade.get_trades_proxy(open_date=current_time) == []
        assert Trade.get_total_closed_profit() == sum(each.close_profit_abs for each in closed)
        asked = trade.get_custom_data("asked")
        self.config["seen"].append((trade.id, asked, Trade.get_open_trade_count(), len(closed), len(recent)))
        assert trade.get_custom_data_keys() == ["asked"]
    def confirm_trade_exit(self, trade, **kwargs):
        assert trade.open_orders == []
        return True
    """
    )
    run(body, seen=seen, timerange="20210101-20210103")

    assert [(1, 1, 1, 0, 0), (1, 2, 1, 0, 0), (1, 3, 1, 0, 0), (2, 1, 1, 1, 1)] == seen[:4]
    assert seen[-1][3] == seen[-1][0] - 1


def test_a_waiting_order_is_open_and_has_filled_nothing(run):
    """Below the market it waits; a strategy may drop it."""
    seen = []
    body = """
    def custom_entry_price(self, proposed_rate, **kwargs):
        return proposed_rate * 0.5
    def check_entry_timeout(self, pair, trade, order, current_time, **kwargs):
        self.config["seen"].append((order.status, order.filled, order.average, order.order_filled_utc, trade.amount))
        self.config["seen"].append((trade.date_entry_fill_utc, trade.date_last_filled_utc == trade.open_date_utc))
        return True
    def check_exit_timeout(self, pair, trade, order, current_time, **kwargs):
        return False
    """
    output = run(body, seen=seen, timerange="20210101-20210102")

    assert [("open", 0.0, None, None, 0.0), (None, True)] == seen[:2]
    assert 3 == output.result.counts.timedout_entry_orders


def test_wallets_tell_the_balances_of_the_run(run):
    """What trades hold is used; the base is theirs."""
    seen = []
    body = """
    def custom_exit(self, pair, trade, **kwargs):
        wallets = self.wallets
        free, used, total = (ask("EUR") for ask in (wallets.get_free, wallets.get_used, wallets.get_total))
        assert used == trade.stake_amount
        assert total == free + used
        assert wallets.get_total("BTC") == trade.amount
        assert wallets.get_free("ETH") == 0.0
        assert wallets.get_total_stake_amount() == total * 0.99
        assert wallets.get_available_stake_amount() == total * 0.99 - used
        assert wallets.get_trade_stake_amount(pair) == 100
        self.config["seen"].append(wallets.get_starting_balance())
    """
    run(body, seen=seen, timerange="20210101-20210102")

    assert {1000.0} == set(seen)


def test_a_strategy_may_lock_pairs_itself(run):
    """To the end of the candle of that time; and open them again, if it says at what time of the market."""
    seen = []
    body = """
    def bot_loop_start(self, current_time, **kwargs):
        hour = current_time.hour
        if hour == 1:
            self.lock_pair("BTC/EUR", current_time + timedelta(hours=6), "a test")
        if hour == 14:
            PairLocks.lock_pair("*", current_time + timedelta(days=9), now=current_time)
        if hour == 16:
            self.unlock_pair("*")
        if hour == 20:
            PairLocks.unlock_pair("*", now=current_time)
            PairLocks.unlock_pair("BTC/EUR", now=current_time)
        before = current_time - timedelta(hours=1)
        state = self.is_pair_locked("BTC/EUR", candle_date=before), PairLocks.is_global_lock(current_time)
        self.config["seen"].append((hour, *state))
        assert not self.is_pair_locked("BTC/EUR")
    """
    output = run(body, seen=seen, timerange="20210101-20210102")

    locked = {hour for hour, pair, _ in seen if pair}
    assert {1, 2, 3, 4, 5, 6, 7, *range(14, 20)} == locked
    assert {*range(14, 20)} == {hour for hour, _, every in seen if every}
    assert [START + 12 * HOUR] == [trade.open_time for trade in output.result.closed]


def test_without_a_run_nothing_is_open_and_nothing_locked():
    """Classes may be asked at any time."""
    from tradewind.strategies.freqtrade.pair_locks import PairLocks  # noqa: PLC0415
    from tradewind.strategies.freqtrade.persistence import Trade  # noqa: PLC0415

    now = datetime.now(UTC)
    PairLocks.lock_pair("*", now)
    PairLocks.unlock_pair("*")

    assert ([], False, 0) == (Trade.get_trades_proxy(), PairLocks.is_pair_locked("*"), Trade.get_open_trade_count())


def test_a_stop_from_the_entry_or_at_a_price_is_asked_as_a_distance_from_the_rate(run):
    """Sold there, the trade has the profit that was meant; a stop above the rate is none."""
    from tradewind.strategies.freqtrade.stoploss import stoploss_from_absolute, stoploss_from_open  # noqa: PLC0415

    assert pytest.approx(1 - 1.01 / 1.05) == stoploss_from_open(0.01, 0.05)
    assert 0.0 == stoploss_from_open(0.06, 0.05)
    assert 1.0 == stoploss_from_open(0.01, -1.0)
    assert pytest.approx(0.99 / 0.95 - 1) == stoploss_from_open(0.01, 0.05, is_short=True)
    assert 1.0 == stoploss_from_open(0.01, 1.0, is_short=True)
    assert pytest.approx(0.1) == stoploss_from_absolute(90.0, 100.0)
    assert pytest.approx(0.1) == stoploss_from_absolute(110.0, 100.0, is_short=True)
    assert 0.0 == stoploss_from_absolute(101.0, 100.0)
    assert 1.0 == stoploss_from_absolute(90.0, 0.0)
    assert math.isnan(stoploss_from_absolute(float("nan"), 100.0))


def test_times_of_candles():
    """As many minutes as the name says, and the candle that a moment is in."""
    from tradewind.strategies.freqtrade import timeframes  # noqa: PLC0415

    moment = datetime(2021, 1, 1, 10, 7, 30, tzinfo=UTC)
    assert (5, 60, 1440, 3600) == (
        timeframes.timeframe_to_minutes("5m"),
        timeframes.timeframe_to_minutes("1h"),
        timeframes.timeframe_to_minutes("1d"),
        timeframes.timeframe_to_seconds("1h"),
    )
    assert datetime(2021, 1, 1, 10, 5, tzinfo=UTC) == timeframes.timeframe_to_prev_date("5m", moment)
    assert datetime(2021, 1, 1, 10, 10, tzinfo=UTC) == timeframes.timeframe_to_next_date("5m", moment)
    assert datetime.now(UTC) < timeframes.timeframe_to_next_date("1d")
