"""The engine's view of the account: asked from its owners, followed after, and never set back by what is older."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest

from tradewind.contracts.messages import (
    BalanceChanged,
    OrderStateChanged,
    PositionChanged,
    PositionClosed,
    PositionOpened,
)
from tradewind.domain.order import EXTERNAL, Leg, Order, OrderState, OrderType, Side
from tradewind.domain.position import Position
from tradewind.engine.view import AccountView

HELD = Position("entry1", "BTC/EUR", 0, amount=Decimal(2), bought=Decimal(2), spent=Decimal(200))
STOP = Order("stop1", "d", Leg.STOP, "BTC/EUR", Side.SELL, OrderType.STOP, Decimal(2), 0, stop_price=Decimal(95))
ENTRY = Order("entry2", "d", Leg.ENTRY, "ETH/EUR", Side.BUY, OrderType.LIMIT, Decimal(3), 0, price=Decimal(10))


@pytest.fixture
async def view():
    """A view loaded from owners that stand at sequence 10, with one protected position and one entry on its way."""

    async def ask(service, question):
        return {
            ("portfolio", "snapshot"): {
                "sequence": 10,
                "balances": {"EUR": Decimal(800)},
                "positions": [HELD],
                "traceparents": {"entry1": "00-a-b-01"},
                "equity": Decimal(1000),
                "equity_peak": Decimal(1100),
                "day_start_equity": Decimal(990),
                "drift": Decimal(0),
            },
            ("portfolio", "trades"): [SimpleNamespace(pair="XRP/EUR", close_time=7)],
            ("execution", "open_orders"): {"sequence": 10, "orders": [STOP, ENTRY], "bare": ["SOL/EUR"]},
        }[service, question]

    view = AccountView(SimpleNamespace(ask=ask))
    view.reserve = lambda pair, amount, price: amount * price
    await view.load()
    return view


def stop_event(state, price, sequence, client_id="stop1"):
    return OrderStateChanged(
        id=f"order:{client_id}:{sequence}", time=0, sequence=sequence, client_order_id=client_id, decision_id="d",
        pair="BTC/EUR", leg=Leg.STOP, side=Side.SELL, state=state, amount=Decimal(2), filled=Decimal(0),
        stop_price=Decimal(price),
    )  # fmt: skip


def ended(client_id, leg, pair, state, sequence=11):
    return OrderStateChanged(
        id=f"order:{client_id}:{sequence}", time=0, sequence=sequence, client_order_id=client_id, decision_id="d",
        pair=pair, leg=leg, side=Side.BUY, state=state, amount=Decimal(3), filled=Decimal(0),
    )  # fmt: skip


async def test_load_takes_everything_from_the_owners(view):
    """Position with its resting stop, cash reserved by the entry on its way, when a pair closed."""
    assert Decimal(95) == view.positions["BTC/EUR"].stop_price
    assert "stop1" == view.stop_order("BTC/EUR")
    assert Decimal(30) == view.pending["ETH/EUR"].reserved
    assert {"XRP/EUR": 7} == view.closed_at
    assert {"SOL/EUR"} == view.unprotected


async def test_what_is_older_than_the_view_changes_nothing(view):
    """A redelivered event from before the load cannot bring back a balance, a position or an order."""
    view.on_balance(BalanceChanged(id="b", time=0, sequence=10, currency="EUR", total=Decimal(1)))
    view.on_position(
        PositionOpened(id="p", time=0, sequence=9, position_id="old", pair="SOL/EUR", amount=Decimal(1),
                       average_price=Decimal(1), fees=Decimal(0))
    )  # fmt: skip
    view.on_order(stop_event(OrderState.CANCELED, 95, 10))

    assert {"EUR": Decimal(800)} == view.balances
    assert ["BTC/EUR"] == list(view.positions)
    assert "stop1" == view.stop_order("BTC/EUR")


async def test_a_position_opened_when_its_first_fill_was(view):
    """Also one that its stop closed between two fills of its entry: it goes on as one position."""

    def told(kind, sequence, time):
        return kind(id=f"p{sequence}", time=time, sequence=sequence, position_id="entry2", pair="ETH/EUR",
                    amount=Decimal(sequence), average_price=Decimal(10), fees=Decimal(0))  # fmt: skip

    for message in (told(PositionOpened, 11, 70), told(PositionChanged, 12, 80)):
        view.on_position(message)
    assert (70, Decimal(12)) == (view.positions["ETH/EUR"].open_time, view.positions["ETH/EUR"].amount)
    view.on_position_closed(
        PositionClosed(id="c", time=90, sequence=13, position_id="entry2", pair="ETH/EUR", open_time=70,
                       open_rate=Decimal(10), close_rate=Decimal(9), amount=Decimal(2), fees=Decimal(0),
                       profit=Decimal(-2), profit_ratio=Decimal(0), exit_reason="stop_loss")
    )  # fmt: skip
    view.on_position(told(PositionOpened, 14, 100))
    assert [70, 0] == [view.positions[pair].open_time for pair in ("ETH/EUR", "BTC/EUR")]


async def test_newer_events_are_followed(view):
    """Balances and positions take the absolute values of the events."""
    view.on_balance(BalanceChanged(id="b", time=0, sequence=11, currency="EUR", total=Decimal(700)))
    view.on_position(
        PositionChanged(id="p", time=0, sequence=12, position_id="entry1", pair="BTC/EUR", amount=Decimal(1),
                        average_price=Decimal(100), fees=Decimal(0))
    )  # fmt: skip

    assert Decimal(700) == view.balances["EUR"]
    assert (Decimal(1), Decimal(95)) == (view.positions["BTC/EUR"].amount, view.positions["BTC/EUR"].stop_price)
    view.on_position_closed(
        PositionClosed(id="c", time=50, sequence=13, position_id="entry1", pair="BTC/EUR", open_time=0,
                       open_rate=Decimal(100), close_rate=Decimal(101), amount=Decimal(2), fees=Decimal(0),
                       profit=Decimal(2), profit_ratio=Decimal(0), exit_reason="roi")
    )  # fmt: skip
    assert {} == view.positions
    assert view.stop_order("BTC/EUR") is None
    assert 50 == view.closed_at["BTC/EUR"]


async def test_a_stop_is_never_lowered_by_hearsay(view):
    """An amendment decided a moment ago stands until it is confirmed; one from before a restart is heard of."""
    view.raise_stop("BTC/EUR", Decimal(98))
    view.on_order(stop_event(OrderState.ACCEPTED, 96, 11))
    assert Decimal(98) == view.positions["BTC/EUR"].stop_price
    view.on_order(stop_event(OrderState.ACCEPTED, 99, 12))
    assert Decimal(99) == view.positions["BTC/EUR"].stop_price


async def test_a_new_stop_takes_the_place_of_the_old_one(view):
    """After a further fill the legs are placed anew: the old one's end does not take the new one away."""
    view.on_order(stop_event(OrderState.ACCEPTED, 90, 11, client_id="stop2"))
    view.on_order(stop_event(OrderState.CANCELED, 95, 12))

    assert "stop2" == view.stop_order("BTC/EUR")
    assert Decimal(90) == view.positions["BTC/EUR"].stop_price


async def test_a_position_without_protection_is_known(view):
    """A refused stop leaves the position to be sold at once, until another stop rests."""
    view.unprotected.clear()
    view.on_order(stop_event(OrderState.REJECTED, 95, 11))
    assert {"BTC/EUR"} == view.unprotected
    assert view.positions["BTC/EUR"].stop_price is None
    view.on_order(stop_event(OrderState.ACCEPTED, 94, 12, client_id="stop2"))
    assert set() == view.unprotected


async def test_a_refused_stop_beside_one_that_rests_leaves_nothing_bare(view):
    """A further leg that the venue will not have takes nothing away from the one there is."""
    view.unprotected.clear()
    view.on_order(stop_event(OrderState.REJECTED, 96, 11, client_id="stop2"))
    assert set() == view.unprotected
    assert Decimal(95) == view.positions["BTC/EUR"].stop_price


async def test_an_order_of_somebody_else_takes_no_slot_and_no_money(view):
    """It is shown, and the bot trades as if it were not there."""
    stranger = msgspec.structs.replace(ended("mine", Leg.ENTRY, "SOL/EUR", OrderState.ACCEPTED), price=Decimal(9))
    view.on_order(msgspec.structs.replace(stranger, decision_id=EXTERNAL))
    assert "SOL/EUR" not in view.pending
    view.on_order(stranger)
    assert "SOL/EUR" in view.pending


async def test_an_entry_waits_until_its_own_end(view):
    """Another order's end does not free the pair; its own does."""
    view.on_order(ended("other", Leg.ENTRY, "ETH/EUR", OrderState.CANCELED, 11))
    assert "ETH/EUR" in view.pending
    view.on_order(ended("entry2", Leg.ENTRY, "ETH/EUR", OrderState.REJECTED, 12))
    assert {} == view.pending


async def test_a_filled_entry_keeps_its_pair_until_its_position_is_heard_of(view):
    """Between the fill and the position a cycle on demand must not enter a second time, nor spend the cash again."""
    filled = msgspec.structs.replace(ended("entry2", Leg.ENTRY, "ETH/EUR", OrderState.FILLED, 11), filled=Decimal(3))
    view.on_order(filled)
    assert Decimal(30) == view.pending["ETH/EUR"].reserved
    view.on_position(
        PositionOpened(id="p", time=0, sequence=11, position_id="entry2", pair="ETH/EUR", amount=Decimal(3),
                       average_price=Decimal(10), fees=Decimal(0))
    )  # fmt: skip

    assert {} == view.pending


async def test_an_order_decided_just_before_a_reload_is_heard_of(view):
    """Its acceptance puts it back among what is on its way."""
    view.pending.clear()
    view.on_order(ended("exit1", Leg.EXIT, "BTC/EUR", OrderState.ACCEPTED, 11))

    assert "exit1" == view.pending["BTC/EUR"].client_order_id


async def test_a_position_that_came_and_went_before_its_entry_was_heard_to_fill_frees_the_pair(view):
    """Topics have no order between them: the last word about the entry may come after the position is closed."""
    view.on_position_closed(
        PositionClosed(id="c", time=50, sequence=11, position_id="entry2", pair="ETH/EUR", open_time=0,
                       open_rate=Decimal(10), close_rate=Decimal(9), amount=Decimal(3), fees=Decimal(0),
                       profit=Decimal(-3), profit_ratio=Decimal(0), exit_reason="stop_loss")
    )  # fmt: skip
    view.on_order(msgspec.structs.replace(ended("entry2", Leg.ENTRY, "ETH/EUR", OrderState.FILLED), filled=Decimal(3)))

    assert {} == view.pending


# ------------------------------------------------------------------------------------------------------------- targets


def target_event(state, sequence, *, price=120, client_id="target1"):
    event = ended(client_id, Leg.TARGET, "BTC/EUR", state, sequence)
    return msgspec.structs.replace(event, price=None if price is None else Decimal(price))


def target_of(view):
    return view.positions["BTC/EUR"].target_price


async def test_the_price_of_a_resting_target_is_known(view):
    """While it trades the stop is left where it is; where none rests there is no such price."""
    assert target_of(view) is None
    view.on_order(target_event(OrderState.ACCEPTED, 11))
    assert (target_of(view), view.positions["BTC/EUR"].stop_price) == (120, 95)


async def test_a_target_that_has_ended_is_no_target(view):
    """Whether it was canceled, refused or has sold."""
    for sequence, state in enumerate((OrderState.CANCELED, OrderState.REJECTED, OrderState.FILLED), start=6):
        view.on_order(target_event(OrderState.ACCEPTED, 2 * sequence))
        assert target_of(view) == 120
        view.on_order(target_event(state, 2 * sequence + 1))
        assert target_of(view) is None
        assert view.positions["BTC/EUR"].stop_price == 95


async def test_a_target_that_sells_in_parts_is_one_until_its_end(view):
    """It is trading: just then its price matters."""
    view.on_order(target_event(OrderState.PARTIALLY_FILLED, 11))
    assert target_of(view) == 120


async def test_a_new_target_takes_the_place_of_the_old_one_whose_end_is_heard_later(view):
    """After a further fill, or a raised stop, the legs are placed anew."""
    view.on_order(target_event(OrderState.ACCEPTED, 11))
    view.on_order(target_event(OrderState.ACCEPTED, 12, price=125, client_id="target2"))
    view.on_order(target_event(OrderState.CANCELED, 13))
    assert target_of(view) == 125


async def test_a_target_outlives_a_change_of_its_position_and_not_its_end(view):
    """The next position of the pair begins without one."""
    view.on_order(target_event(OrderState.ACCEPTED, 11))
    changed = PositionChanged(id="p", time=0, sequence=12, position_id="entry1", pair="BTC/EUR", amount=Decimal(1),
                              average_price=Decimal(100), fees=Decimal(0))  # fmt: skip
    view.on_position(changed)
    assert target_of(view) == 120
    view.on_position_closed(
        PositionClosed(id="c", time=50, sequence=13, position_id="entry1", pair="BTC/EUR", open_time=0,
                       open_rate=Decimal(100), close_rate=Decimal(101), amount=Decimal(2), fees=Decimal(0),
                       profit=Decimal(2), profit_ratio=Decimal(0), exit_reason="roi")
    )  # fmt: skip
    opened = PositionOpened(id="q", time=60, sequence=14, position_id="entry3", pair="BTC/EUR", amount=Decimal(1),
                            average_price=Decimal(100), fees=Decimal(0))  # fmt: skip
    view.on_position(opened)
    assert target_of(view) is None


async def test_a_target_without_a_position_waits_for_it(view):
    """Topics have no order between them: the leg may be heard of first."""
    event = msgspec.structs.replace(target_event(OrderState.ACCEPTED, 11), pair="ETH/EUR")
    view.on_order(event)
    view.on_position(
        PositionOpened(id="p", time=0, sequence=12, position_id="entry2", pair="ETH/EUR", amount=Decimal(3),
                       average_price=Decimal(10), fees=Decimal(0))
    )  # fmt: skip
    assert view.positions["ETH/EUR"].target_price == 120


async def test_a_restart_finds_the_target_that_rests_and_forgets_the_one_that_does_not():
    """From the owner's open orders, at every load."""
    target = Order("target1", "d", Leg.TARGET, "BTC/EUR", Side.SELL, OrderType.LIMIT, Decimal(2), 0, price=Decimal(120))
    open_orders = [STOP, target]

    async def ask(service, question):
        return {
            "snapshot": {
                "sequence": 10, "balances": {}, "positions": [HELD], "traceparents": {}, "equity": Decimal(1000),
                "equity_peak": Decimal(1000), "day_start_equity": Decimal(1000), "drift": Decimal(0),
            },
            "trades": [],
            "open_orders": {"sequence": 10, "orders": open_orders, "bare": []},
        }[question]  # fmt: skip

    view = AccountView(SimpleNamespace(ask=ask))
    await view.load()
    assert target_of(view) == 120
    open_orders.remove(target)
    await view.load()
    assert target_of(view) is None
