"""Rules 2, 5, 6 and 7: what happens in which order, candle by candle."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from tests.unit.domain.freqtrade.scenes import (
    FLAT,
    OTHER,
    PAIR,
    market,
    play,
    play_pairs,
    rows,
    settings,
    time_of,
)

from tradewind.domain.freqtrade.backtest import run_backtest
from tradewind.domain.freqtrade.market import MonthlyTicks
from tradewind.domain.freqtrade.protections import Protection
from tradewind.domain.freqtrade.signals import Callbacks, PairColumns, PairRows

UP = (100.0, 106.0, 99.0, 105.0)
DOWN = (100.0, 101.0, 90.0, 92.0)


def told(result):
    """Opening, closing, reason and closing price of each trade, candles by their numbers."""
    return [
        (
            (trade.open_time - time_of(0)) // 300_000,
            (trade.close_time - time_of(0)) // 300_000,
            str(trade.exit_reason),
            trade.close_rate,
        )
        for trade in result.closed
    ]


def pair_rows(candles, enter=(), leave=(), *, pair=PAIR, first=1, **more):
    return PairRows(market(pair), MonthlyTicks((), ()), rows(candles, enter, leave, first=first, **more))


class TestEntries:
    def test_a_signal_enters_at_the_open_and_the_amount_is_cut_to_its_step(self):
        result = play([(97.0, 98.0, 96.0, 97.0), FLAT, FLAT], enter={1}, leave={2})

        (trade,) = result.closed
        assert [(1, 2, "exit_signal", 100.0)] == told(result)
        assert (97.0, 1.03, 99.91) == (trade.open_rate, trade.amount, trade.stake_amount)
        assert pytest.approx(1003.09) == result.final_balance

    def test_a_signal_that_is_also_an_exit_is_none(self):
        """Also where exit signals are not used."""
        assert [] == play([FLAT, FLAT], enter={1}, leave={1}, use_exit_signal=False).closed

    def test_the_last_candle_is_not_entered_on(self):
        assert [] == play([FLAT, FLAT], enter={2}).closed

    def test_a_pair_is_not_entered_again_in_the_candle_in_which_it_closed(self):
        """It may be in the next one."""
        result = play([FLAT, UP, FLAT, FLAT], enter={1, 2, 3}, roi={0: 0.05})

        assert [(1, 2, "roi", 105.0), (3, 4, "force_exit", 100.0)] == told(result)

    def test_full_slots_reject_a_signal_once_a_candle(self):
        pairs = {PAIR: pair_rows([FLAT] * 3, {1}), OTHER: pair_rows([FLAT] * 3, {1, 2}, pair=OTHER)}

        result = play_pairs(pairs, end=3, max_open_trades=1)

        assert 2 == result.counts.rejected_signals
        assert [PAIR] == [trade.pair for trade in result.closed]

    def test_what_an_exit_frees_a_later_pair_uses_in_the_same_candle(self):
        """Even at that candle's open, though the exit was inside of it; open trades come before the whitelist."""
        pairs = {OTHER: pair_rows([FLAT] * 3, {2}, pair=OTHER), PAIR: pair_rows([FLAT, UP, FLAT], {1})}

        result = play_pairs(pairs, end=3, max_open_trades=1, roi={0: 0.05})

        assert [(PAIR, time_of(1)), (OTHER, time_of(2))] == [(trade.pair, trade.open_time) for trade in result.closed]
        assert 0 == result.counts.rejected_signals

    def test_a_stake_above_what_is_available_is_no_trade_and_not_rejected(self):
        result = play([FLAT, FLAT], enter={1}, dry_run_wallet=100.0)

        assert ([], 0) == (result.closed, result.counts.rejected_signals)

    def test_an_amount_of_nothing_is_no_trade(self):
        assert [] == play([FLAT, FLAT], enter={1}, on=market(step="10")).closed

    def test_a_strategy_sets_price_and_stake_and_may_veto(self):
        """The price is rounded to the tick and not above the high; then the stake; then the confirmation."""
        asked = []

        def price(pair, trade, time, rate, tag):
            asked.append(("price", trade, rate))
            return 99.504

        def stake(*arguments):
            asked.append(("stake", *arguments[2:6]))
            return 50

        def confirm(pair, amount, rate, time, tag):
            asked.append(("confirm", amount, rate))
            return time == time_of(2)

        callbacks = Callbacks(custom_entry_price=price, custom_stake_amount=stake, confirm_trade_entry=confirm)
        result = play([FLAT] * 3, enter={1, 2}, callbacks=callbacks)

        assert [("price", None, 100.0), ("stake", 99.5, 100.0, 0.0, 990.0), ("confirm", 0.502, 99.5)] == asked[:3]
        assert [(2, 3, "force_exit", 100.0)] == told(result)
        assert 99.5 == result.closed[0].open_rate

    @pytest.mark.parametrize(("answer", "rate"), [(None, 100.0), (100.0, 100.0), (150.0, 101.0)])
    def test_a_price_of_no_use_falls_back_and_one_above_the_high_is_the_high(self, answer, rate):
        result = play([FLAT] * 2, enter={1}, callbacks=Callbacks(custom_entry_price=lambda *_: answer))

        assert rate == result.closed[0].open_rate

    @pytest.mark.parametrize("answer", [None, 0])
    def test_a_stake_of_nothing_is_no_trade(self, answer):
        assert [] == play([FLAT] * 2, enter={1}, callbacks=Callbacks(custom_stake_amount=lambda *_: answer)).closed

    def test_an_entry_that_does_not_fill_holds_its_slot_until_it_is_too_old(self):
        """10 minutes on candles of 5: the second next, on which the pair may enter again; age counts from placing."""
        low = (100.0, 101.0, 97.9, 100.0)
        callbacks = Callbacks(custom_entry_price=lambda *_: 98.0)
        candles = [FLAT, FLAT, FLAT, low, FLAT, FLAT]

        result = play(candles, enter={1, 3}, callbacks=callbacks, max_open_trades=1)

        assert 1 == result.counts.timedout_entry_orders
        assert [(3, 6, "force_exit", 100.0)] == told(result)
        assert time_of(4) == result.closed[0].orders[0].filled_at
        assert [1000.0] * 4 + [pytest.approx(1002.04)] == [balance for _, balance in result.balances][:5]

    def test_a_strategy_may_drop_a_waiting_entry_itself(self):
        callbacks = Callbacks(custom_entry_price=lambda *_: 98.0, check_entry_timeout=lambda *_: True)

        assert 1 == play([FLAT] * 3, enter={1}, callbacks=callbacks, entry_timeout=None).counts.timedout_entry_orders

    def test_an_entry_that_still_waits_at_the_end_gives_its_money_back(self):
        result = play([FLAT] * 2, enter={1}, callbacks=Callbacks(custom_entry_price=lambda *_: 98.0))

        assert ([], [], 1000.0) == (result.closed, result.still_open, result.final_balance)

    def test_the_tick_is_that_of_the_month_of_the_entry(self):
        """Else the exchange's own."""
        ticks = MonthlyTicks((time_of(-10),), (Decimal("0.5"),))
        pairs = {PAIR: PairRows(market(), ticks, rows([(100.1, 101.0, 99.0, 100.0), FLAT], {1}))}

        assert 100.0 == play_pairs(pairs, end=2).closed[0].open_rate


class TestExits:
    def test_a_trade_may_open_and_close_in_one_candle(self):
        """Its range is the whole candle's, and its duration 0."""
        result = play([UP, FLAT], enter={1}, roi={0: 0.02})

        (trade,) = result.closed
        assert [(1, 1, "roi", 102.0)] == told(result)
        assert (99.0, 106.0, 0) == (trade.min_rate, trade.max_rate, trade.age(trade.close_time))

    def test_a_signal_comes_before_a_stop_and_a_stop_before_the_roi(self):
        wide = (100.0, 106.0, 90.0, 100.0)

        assert [(1, 2, "exit_signal", 100.0)] == told(play([FLAT, wide], {1}, {2}, stoploss=-0.05, roi={0: 0.05}))
        assert [(1, 2, "stop_loss", 95.0)] == told(play([FLAT, wide], {1}, stoploss=-0.05, roi={0: 0.05}))

    def test_the_roi_comes_before_a_trailing_stop(self):
        wide = (100.0, 106.0, 90.0, 100.0)
        trailing = {"stoploss": -0.05, "trailing_stop": True}

        assert [(1, 2, "roi", 105.0)] == told(play([FLAT, wide], {1}, roi={0: 0.05}, **trailing))
        assert [(1, 2, "trailing_stop_loss", 95.95)] == told(play([FLAT, wide], {1}, **trailing))

    def test_a_signal_with_a_tag_has_it_as_the_reason(self):
        pairs = {PAIR: pair_rows([FLAT] * 2, {1}, {2}, enter_tags={1: "in"}, exit_tags={2: "out"})}
        result = play_pairs(pairs, end=2)

        assert ("in", "out") == (result.closed[0].enter_tag, result.closed[0].exit_reason)

    def test_a_signal_below_the_profit_floor_is_ignored_and_custom_exit_is_not_asked(self):
        """Profit must be above the offset, at the open."""
        asked = []
        callbacks = Callbacks(custom_exit=lambda trade, time, rate, profit: asked.append(time))
        floor = {"exit_profit_only": True, "exit_profit_offset": 0.02}
        candles = [FLAT, FLAT, (102.0, 103.0, 101.0, 102.0), (102.01, 103.0, 101.0, 102.0)]

        result = play(candles, {1}, {2, 3, 4}, callbacks=callbacks, **floor)

        assert [(1, 4, "exit_signal", 102.01)] == told(result)
        assert [time_of(1)] == asked

    @pytest.mark.parametrize(("answer", "reason"), [(True, "custom_exit"), ("enough", "enough")])
    def test_custom_exit_leaves_at_the_open_under_its_own_name(self, answer, reason):
        """It is asked on the candle of the entry too, and where a signal to enter stands against one to leave."""
        leave = Callbacks(custom_exit=lambda trade, time, rate, profit: answer if time == time_of(2) else None)

        assert [(1, 2, reason, 100.0)] == told(play([FLAT] * 2, {1, 2}, {2}, callbacks=leave))

    def test_without_exit_signals_nobody_is_asked(self):
        leave = Callbacks(custom_exit=lambda *_: True)

        assert [(1, 3, "force_exit", 100.0)] == told(play([FLAT] * 3, {1}, {2}, callbacks=leave, use_exit_signal=False))

    def test_a_signal_to_enter_keeps_a_trade_from_its_roi_if_so_asked(self):
        result = play([FLAT, UP, UP], {1, 2}, roi={0: 0.05}, ignore_roi_if_entry_signal=True)

        assert [(1, 3, "roi", 105.0)] == told(result)

    def test_what_a_strategy_refuses_makes_way_for_the_next(self):
        """And is asked again at the next candle."""
        asked = []

        def confirm(trade, amount, rate, reason, time):
            asked.append(str(reason))
            return reason == "roi"

        result = play([FLAT, UP], {1}, {2}, roi={0: 0.05}, callbacks=Callbacks(confirm_trade_exit=confirm))

        assert [(1, 2, "roi", 105.0)] == told(result)
        assert ["exit_signal", "roi"] == asked

    def test_an_exit_outside_its_candle_waits_and_is_dropped_when_it_is_too_old(self):
        """A price of a strategy's own: rounded, not below the low; it fills when the market comes to it."""
        high = (100.0, 104.0, 99.0, 103.0)
        callbacks = Callbacks(custom_exit_price=lambda trade, time, rate, profit, reason: 103.0)

        waited = play([FLAT, FLAT, high, FLAT], {1}, {2}, callbacks=callbacks)
        dropped = play([FLAT, FLAT, FLAT, high, FLAT], {1}, {2}, callbacks=callbacks)

        assert [(1, 3, "exit_signal", 103.0)] == told(waited)
        assert [(1, 5, "force_exit", 100.0)] == told(dropped)
        assert (0, 1) == (waited.counts.timedout_exit_orders, dropped.counts.timedout_exit_orders)

    @pytest.mark.parametrize(("answer", "price"), [(None, 100.0), (50.0, 99.0)])
    def test_an_exit_price_of_no_use_falls_back_and_one_below_the_low_is_the_low(self, answer, price):
        callbacks = Callbacks(custom_exit_price=lambda *_: answer)

        assert [(1, 2, "exit_signal", price)] == told(play([FLAT] * 2, {1}, {2}, callbacks=callbacks))

    def test_a_waiting_exit_is_replaced_by_one_of_another_price_and_kept_by_an_equal_one(self):
        asked = iter([103.0, 103.0, 102.0])
        callbacks = Callbacks(custom_exit_price=lambda *_: next(asked), check_exit_timeout=lambda *_: False)
        high = (100.0, 102.5, 99.0, 102.0)

        result = play([FLAT, FLAT, FLAT, high], {1}, {2, 3, 4}, callbacks=callbacks, exit_timeout=None)

        assert [(1, 4, "exit_signal", 102.0)] == told(result)
        assert [False, True, False] == [order.canceled for order in result.closed[0].orders]

    def test_a_custom_stop_is_asked_at_the_high_and_only_while_the_stop_is_below_the_low(self):
        asked = []

        def stop(trade, time, rate, profit, *, after_fill):
            asked.append((rate, profit, after_fill))
            return -0.04

        candles = [FLAT, (104.0, 105.0, 101.0, 104.0), (100.0, 102.0, 99.0, 100.0)]
        result = play(candles, {1}, callbacks=Callbacks(custom_stoploss=stop), use_custom_stoploss=True)

        assert [(101.0, 0.01, False), (105.0, 0.05, False)] == asked
        assert [(1, 3, "trailing_stop_loss", 100.8)] == told(result)

    def test_a_custom_stop_that_asks_nothing_changes_nothing(self):
        callbacks = Callbacks(custom_stoploss=lambda *_, **__: None, stoploss_after_fill=True)
        result = play([FLAT, DOWN], {1}, callbacks=callbacks, use_custom_stoploss=True, stoploss=-0.05)

        assert [(1, 2, "stop_loss", 95.0)] == told(result)

    def test_a_stop_given_right_after_the_fill_is_in_force_in_that_candle(self):
        """And is no trailing one."""

        def stop(trade, time, rate, profit, *, after_fill):
            return -0.005 if after_fill else None

        callbacks = Callbacks(custom_stoploss=stop, stoploss_after_fill=True)
        result = play([FLAT, FLAT], {1}, callbacks=callbacks, use_custom_stoploss=True)

        assert [(1, 1, "stop_loss", 99.5)] == told(result)


class TestPositions:
    """Rule 7.5 and 4.6."""

    @staticmethod
    def adjusting(*answers, **changes):
        """Play flat candles; the strategy gives these answers, candle by candle, the first on that of the entry."""
        given = iter(answers)
        asked = []

        def adjust(*arguments):
            asked.append(arguments)
            return next(given, None)

        callbacks = Callbacks(adjust_trade_position=adjust, **changes.pop("callbacks", {}))
        candles = changes.pop("candles", [FLAT] * 4)
        return play(candles, {1}, callbacks=callbacks, position_adjustment_enable=True, **changes), asked

    def test_it_is_asked_at_every_open_with_what_it_may_add(self):
        result, asked = self.adjusting(on=market(cost_min=10.0))

        assert [time_of(1), time_of(2), time_of(3), time_of(4)] == [time for _, time, *_ in asked]
        assert (100.0, 0.0, pytest.approx(10 * 1.05 / 0.9), 890.0) == asked[0][2:]
        assert 1 == len(result.closed)

    def test_more_is_bought_at_the_open_as_often_as_allowed(self):
        result, _ = self.adjusting(50, (60, "again"), 70, max_entry_position_adjustment=2)

        (trade,) = result.closed
        assert [1.0, 0.5, 0.6] == [order.amount for order in trade.orders if order.is_entry]
        assert [None, None, "again"] == [order.ft_order_tag for order in trade.orders if order.is_entry]
        assert 210.0 == trade.max_stake_amount

    def test_without_a_limit_it_may_go_on(self):
        assert 5 == len(self.adjusting(50, 50, 50)[0].closed[0].orders)

    def test_too_little_to_add_is_not_added(self):
        """The least has no reserve for a stop here."""
        result, _ = self.adjusting(5, on=market(cost_min=10.0))

        assert 2 == len(result.closed[0].orders)

    def test_without_the_callback_the_setting_does_nothing(self):
        assert 1 == len(play([FLAT] * 2, {1}, position_adjustment_enable=True).closed)

    def test_a_part_is_sold_and_the_rest_goes_on(self):
        """The profit of both counts, over all that was paid; the closing rate is the last exit's."""
        dear = (110.0, 111.0, 109.0, 110.0)
        result, _ = self.adjusting(None, (-55.0, "half"), candles=[FLAT, dear, FLAT])

        (trade,) = result.closed
        assert [(1, 3, "force_exit", 100.0)] == told(result)
        assert [1.0, 0.55, 0.45] == [order.amount for order in trade.orders]
        assert ["half", "force_exit"] == [order.ft_order_tag for order in trade.orders if not order.is_entry]
        assert pytest.approx(5.5) == trade.close_profit_abs
        assert pytest.approx(0.055) == trade.close_profit
        assert (0.45, 45.0, 100.0) == (trade.amount, trade.stake_amount, trade.max_stake_amount)

    def test_a_part_that_leaves_too_little_is_not_sold(self):
        result, _ = self.adjusting(-95, -0.001, on=market(cost_min=10.0))

        assert 2 == len(result.closed[0].orders)

    def test_more_than_there_is_is_not_sold_and_all_of_it_may_be(self):
        result, _ = self.adjusting(-500, -100)

        assert [(1, 2, "partial_exit", 100.0)] == told(result)

    def test_a_part_is_not_confirmed_and_may_wait(self):
        """An exit of the whole takes its place."""
        never = {"confirm_trade_exit": lambda *_: False, "custom_exit_price": lambda *_: 103.0}
        result, _ = self.adjusting(None, -50, callbacks=never)

        assert [(1, 4, "force_exit", 100.0)] == told(result)
        assert [1.0, 0.5, 1.0] == [order.amount for order in result.closed[0].orders]
        assert result.closed[0].orders[1].canceled

    def test_an_added_order_that_does_not_fill_is_dropped_alone(self):
        low = {"custom_entry_price": lambda pair, trade, *_: 98.0 if trade else None}
        result, _ = self.adjusting(50, callbacks=low)

        assert [(1, 4, "force_exit", 100.0)] == told(result)
        assert (1, 1.0) == (result.counts.timedout_entry_orders, result.closed[0].amount)

    def test_closing_cancels_what_still_waits(self):
        low = {"custom_entry_price": lambda pair, trade, *_: 98.0 if trade else None}
        result, _ = self.adjusting(None, None, 50, callbacks=low)

        assert all(order.filled_at is not None or order.canceled for order in result.closed[0].orders)

    def test_a_higher_average_raises_the_stop_and_a_lower_one_leaves_it(self):
        dear = (120.0, 121.0, 119.0, 120.0)
        raised, _ = self.adjusting(None, 120, candles=[FLAT, dear, dear], stoploss=-0.10)
        kept, _ = self.adjusting(None, 90, candles=[FLAT, (92.0, 93.0, 91.0, 92.0), FLAT], stoploss=-0.10)

        assert (99.0, 90.0) == (raised.closed[0].stop_loss, raised.closed[0].initial_stop_loss)
        assert 90.0 == kept.closed[0].stop_loss

    def test_a_stop_asked_for_after_a_fill_is_measured_from_the_average_where_that_is_higher(self):
        """From the price of the order first: 88.2; from the average of 95 it is 93.1, and trails."""

        def stop(trade, time, rate, profit, *, after_fill):
            return -0.02 if after_fill and trade.nr_of_successful_entries == 2 else None

        callbacks = {"custom_stoploss": stop, "stoploss_after_fill": True}
        cheap = (90.0, 91.0, 89.5, 90.0)
        result, _ = self.adjusting(
            None, 90, callbacks=callbacks, candles=[FLAT, cheap, FLAT], use_custom_stoploss=True, stoploss=-0.5
        )

        assert (95.0, 93.1) == (result.closed[0].open_rate, result.closed[0].stop_loss)
        assert [(1, 2, "trailing_stop_loss", 90.0)] == told(result)

    def test_a_strategy_is_told_of_every_fill(self):
        filled = []
        callbacks = {"order_filled": lambda trade, order, time: filled.append((order.is_entry, time))}
        self.adjusting(None, -50, callbacks=callbacks)

        assert [(True, time_of(1)), (False, time_of(2)), (False, time_of(4))] == filled


class TestTheEnd:
    """Rule 6."""

    def test_a_pair_that_ends_early_keeps_its_slot_and_is_closed_with_its_own_date(self):
        """It drops out of the balances meanwhile, and may be entered on its own last candle."""
        pairs = {OTHER: pair_rows([FLAT] * 5, {4}, pair=OTHER), PAIR: pair_rows([FLAT] * 2, {2})}

        result = play_pairs(pairs, end=5, max_open_trades=1)

        assert [(2, 2, "force_exit", 100.0)] == told(result)
        assert 1 == result.counts.rejected_signals
        assert [1000.0, 1000.0, 900.0, 900.0, 900.0] == [balance for _, balance in result.balances]

    def test_forced_exits_are_in_whitelist_order(self):
        pairs = {OTHER: pair_rows([FLAT] * 3, {2}, pair=OTHER), PAIR: pair_rows([FLAT] * 3, {1})}

        assert [OTHER, PAIR] == [trade.pair for trade in play_pairs(pairs, end=3).closed]

    def test_a_forced_exit_whose_rounded_price_is_outside_its_candle_is_missing(self):
        """And its stake is missing from the final balance."""
        noisy = (100.004, 101.0, 100.004, 100.5)
        result = play([FLAT, noisy], {1})

        assert ([], 1, 900.0) == (result.closed, len(result.still_open), result.final_balance)

    def test_a_pair_that_begins_late_waits_for_its_own_first_candle(self):
        pairs = {PAIR: pair_rows([FLAT] * 2, {3}, first=3)}

        assert [(3, 4, "force_exit", 100.0)] == told(play_pairs(pairs, end=4))

    def test_every_candle_is_told(self):
        seen, shown, turns = [], [], []
        pairs = {PAIR: pair_rows([FLAT] * 2)}
        callbacks = Callbacks(candle=seen.append, pair=lambda pair, time: turns.append((pair, time)))
        run_backtest(pairs, settings(), callbacks, (time_of(0), time_of(2)), progress=shown.append)

        assert [time_of(1), time_of(2)] == seen == shown
        assert [(PAIR, time_of(1)), (PAIR, time_of(2))] == turns


def test_a_lock_keeps_a_pair_from_being_entered():
    """Two candles of rest become three: a lock ends one candle late."""
    rest = Protection("CooldownPeriod", 60, "60 minutes", 10, "for 2 candles")
    shared = settings(roi={0: 0.05})
    pairs = {PAIR: pair_rows([FLAT, UP, *[FLAT] * 5], {1, 3, 4, 5, 6})}

    result = run_backtest(pairs, replace(shared, protections=(rest,)), Callbacks(), (time_of(0), time_of(7)))

    assert [(1, 2, "roi", 105.0), (5, 7, "force_exit", 100.0)] == told(result)
    assert [(PAIR, time_of(2), time_of(5)), (PAIR, time_of(7), time_of(10))] == [
        (lock.pair, lock.start, lock.end) for lock in result.locks
    ]


def test_columns_are_the_same_rows():
    """As plain Python numbers; a strategy may give no tags."""
    wanted = rows([FLAT, UP, DOWN], {1, 3}, {2}, enter_tags={1: "dip"}, exit_tags={2: "busy"})
    candles = [np.array(column) for column in zip(*(row.candle for row in wanted), strict=True)]
    signals = np.array([True, False, True]), np.array([False, True, False])
    tags = ["dip", "", ""], ["", "busy", ""]

    tagged = PairColumns(market(), MonthlyTicks((), ()), *candles, *signals, *tags)
    bare = PairColumns(market(), MonthlyTicks((), ()), *candles, *signals)

    assert 3 == len(tagged)
    assert wanted == tagged.rows().rows
    assert [row._replace(enter_tag="", exit_tag="") for row in wanted] == bare.rows().rows
    assert all(type(value) is float for value in tagged.rows().rows[0].candle[1:])
