"""The loop of `domain.freqtrade.backtest`, for trades of one entry and one exit.

The same order: the balance, then pairs that hold something in the order of opening, then the others in the order of
the whitelist. It goes from one candle on which a pair enters or leaves to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tradewind.domain.freqtrade.market import cut_amount, minimum_stake, rounded_price
from tradewind.domain.freqtrade.stop import begin_stop
from tradewind.domain.freqtrade.trade import average_of, close_value, open_value, rounded, stake_of
from tradewind.domain.freqtrade.wallet import NEW_TRADE_STOP, allowed_stake, available_stake, proposed_stake
from tradewind.domain.series import Floats, Integers
from tradewind.research.freqtrade.compiled import arithmetic  # noqa: F401 - what the rules reckon with here
from tradewind.research.freqtrade.compiled.compiling import compiled, kept
from tradewind.research.freqtrade.compiled.following import follow, place_exit
from tradewind.research.freqtrade.compiled.records import FORCED, NOTHING, Booleans, Candles, Desk, Markets, Roi, Rules
from tradewind.research.freqtrade.compiled.rules import compile_rules

compile_rules()


@kept
def play(candles: Candles, wanted: Booleans, markets: Markets, rules: Rules, roi: Roi, desk: Desk) -> None:
    """Trade all candles; the outcome is in `desk`. `wanted` is to enter and not to leave."""
    state, coming, end = desk.state[0], desk.coming, len(desk.balances)
    opens, first, last = candles.open, candles.first, candles.last
    for pair in range(len(coming)):
        coming[pair] = _next(wanted, pair, first[pair], last[pair], end)
    _settle(desk, rules.stakes.dry_run_wallet)
    done = 0
    while done < end:
        place = min(coming.min(), end - 1)
        desk.balances[done : place + 1] = state.free
        if state.holds:
            _add_held(desk, opens, first, last, done, place + 1)
            _leave(desk, wanted, last, rules, place)
        for pair in range(len(coming)):
            if coming[pair] != place:
                continue
            coming[pair] = _next(wanted, pair, place + 1, last[pair], end)
            if place == end - 1:
                continue
            if state.holds >= rules.stakes.max_open_trades:
                state.rejected_signals += 1
                continue
            amount = _affordable(markets.filters[pair], opens[pair, place], rules, state.tied, state.free)
            if amount <= 0:
                continue
            if not candles.low[pair, place] <= opens[pair, place] <= candles.high[pair, place]:
                state.unfit_pair, state.unfit_at = pair, place
                return
            trade, time = desk.trades[pair], candles.times[place]
            trade.pair, trade.entered_at, trade.opened = pair, place, time
            _open(trade, amount, opens[pair, place], _tick(markets, pair, time), rules)
            _hold(desk, rules, pair, place, follow(trade, candles, roi, rules))
        done = place + 1
    _close_all(desk, candles, rules)


@compiled
def _next(wanted: Booleans, pair: int, start: int, last: int, end: int) -> int:
    """The next place at which a pair wants to enter; `end` where it never does again."""
    row = np.uint64(pair)
    # Without a sign: else each look asks first whether it is meant from the end.
    for place in range(np.uint64(start), np.uint64(last)):
        if wanted[row, place]:
            return int(np.int64(place))
    return end


@compiled
def _settle(desk: Desk, wallet: float) -> None:
    """What is tied and free from here on."""
    tied, state = 0.0, desk.state[0]
    for number in range(state.holds):
        tied += desk.trades[desk.held[number]].stake_amount
    state.tied, state.free = tied, wallet + state.profit - tied


@compiled
def _add_held(desk: Desk, opens: Floats, first: Integers, last: Integers, start: int, stop: int) -> None:
    """What is held, at the open of each candle, is part of the balance."""
    state, balances = desk.state[0], desk.balances
    for number in range(state.holds):
        pair = desk.held[number]
        amount, row = desk.trades[pair].amount, np.uint64(pair)
        for place in range(np.uint64(max(start, first[pair])), np.uint64(max(0, min(stop, last[pair])))):
            balances[place] += amount * opens[row, place]


@compiled
def _leave(desk: Desk, wanted: Booleans, last: Integers, rules: Rules, place: int) -> None:
    """Book the exits that fill here, in the order of opening."""
    state, number = desk.state[0], 0
    for _ in range(state.holds):
        pair = desk.held[number]
        if desk.coming[pair] != place:
            number += 1
            continue
        _book(desk, rules, number, place)
        desk.coming[pair] = _next(wanted, pair, place + 1, last[pair], len(desk.balances))


@compiled
def _hold(desk: Desk, rules: Rules, pair: int, place: int, left_at: int) -> None:
    """From here on a pair holds something, unless its trade left in the candle of its entry."""
    state = desk.state[0]
    desk.held[state.holds] = pair
    state.holds += 1
    state.timedout_exit_orders += desk.trades[pair].timedout
    if left_at == place:
        _book(desk, rules, state.holds - 1, place)
    else:
        desk.coming[pair] = left_at
        _settle(desk, rules.stakes.dry_run_wallet)


@compiled
def _affordable(market: Any, price: float, rules: Rules, tied: float, free: float) -> float:
    """The amount of an entry at `price`; 0 where there is not enough for one."""
    available = available_stake(rules.stakes, tied, free)
    proposed = proposed_stake(rules.stakes, tied, available)
    if proposed == 0:
        return 0.0
    allowed = allowed_stake(market, proposed, minimum_stake(market, price, NEW_TRADE_STOP), price, available)
    amount: float = cut_amount(allowed / price, market.amount_step) if allowed else 0.0
    return amount


@compiled
def _tick(markets: Markets, pair: int, time: int) -> Any:
    """The tick of the last month at or before `time`, else the market's."""
    tick, ticks = markets.filters[pair].price_tick, markets.ticks
    for number in range(markets.tick_starts[pair], markets.tick_starts[pair + 1]):
        if ticks[number].time > time:
            break
        tick = ticks[number].tick
    return tick


@compiled
def _open(trade: Any, amount: float, price: float, tick: Any, rules: Rules) -> None:
    """What a trade is when its entry has filled."""
    trade.waiting, trade.timedout = NOTHING, 0
    trade.amount, trade.price, trade.tick = amount, price, tick
    trade.min_rate = trade.max_rate = price
    trade.fee_open = trade.fee_close = rules.fee
    trade.open_rate = rounded_price(price, trade.tick)
    trade.stake_amount = stake_of(amount, price)
    trade.open_trade_value = open_value(amount, trade.open_rate, rules.fee)
    trade.paid = open_value(amount, average_of(amount, price), rules.fee)
    trade.earned_per_price = amount * (1 - rules.fee) / trade.open_trade_value
    trade.is_stop_loss_trailing = False
    begin_stop(trade, rules.stop.stoploss)


@compiled
def _book(desk: Desk, rules: Rules, number: int, place: int) -> None:
    """The exit order of what is held as `number` filled: keep the trade and what it brought."""
    state, trade, held = desk.state[0], desk.trades[desk.held[number]], desk.held
    trade.close_rate, trade.left_at = trade.waiting, place
    state.profit += rounded(close_value(trade.amount, trade.close_rate, trade.fee_close) - trade.paid)
    desk.closed[state.closed] = trade
    state.closed += 1
    for later in range(number + 1, state.holds):
        held[later - 1] = held[later]
    state.holds -= 1
    _settle(desk, rules.stakes.dry_run_wallet)


@compiled
def _close_all(desk: Desk, candles: Candles, rules: Rules) -> None:
    """Sell whatever is held at the open of its pair's last candle, in the order of the whitelist."""
    state = desk.state[0]
    for pair in range(len(desk.coming)):
        for number in range(state.holds):
            if desk.held[number] == pair:
                trade, place = desk.trades[pair], candles.last[pair] - 1
                place_exit(trade, FORCED, candles.open[pair, place], place)
                if candles.low[pair, place] <= trade.waiting <= candles.high[pair, place]:
                    _book(desk, rules, number, place)
                break
