"""Calls about the account, and the few of Binance's other APIs without which a client does not start.

Clients ask the wallet and margin APIs while they load markets and currencies, and the derivatives APIs for markets
that do not exist here. What is answered is true for this venue: nothing can be withdrawn, borrowed or leveraged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.sim_exchange.models import AccountView
from tradewind.sim_exchange.wire import answers, refusals
from tradewind.sim_exchange.wire.call import Desk, Handler, Route, Security
from tradewind.sim_exchange.wire.fields import (
    END_TIME,
    FROM_ID,
    LIMIT,
    ORDER_ID,
    START_TIME,
    SYMBOL,
    Field,
    Schema,
    flag,
    integer,
)
from tradewind.sim_exchange.wire.market_shapes import rate_limits_json
from tradewind.sim_exchange.wire.numbers import written
from tradewind.sim_exchange.wire.order_shapes import account_json, commission_json, trade_json
from tradewind.sim_exchange.wire.parameters import Parameters

_WITHOUT_ZERO = flag("omitZeroBalances")


async def account(desk: Desk, parameters: Parameters) -> Any:
    """Fees and balances."""
    without_zero = parameters.get(_WITHOUT_ZERO) or False
    return account_json(desk.exchange.account(), without_zero=without_zero)


async def commission(desk: Desk, parameters: Parameters) -> Any:
    """What trading a symbol costs."""
    symbol = parameters.need(SYMBOL)
    if symbol not in desk.exchange.symbols:
        raise refusals.unknown_symbol()
    return commission_json(symbol, desk.exchange.account())


async def my_trades(desk: Desk, parameters: Parameters) -> Any:
    """Trades of the account."""
    found = desk.exchange.my_trades(
        parameters.need(SYMBOL),
        order_id=parameters.get(ORDER_ID),
        from_id=parameters.get(FROM_ID),
        start_time=parameters.get(START_TIME),
        end_time=parameters.get(END_TIME),
        limit=parameters.rows(LIMIT),
    )
    return [trade_json(trade) for trade in found]


async def order_counts(desk: Desk, _parameters: Parameters) -> Any:
    """How many orders were made in the present windows."""
    _, ten_seconds, day = desk.limiter.counts("")
    counts = (ten_seconds, day)
    limits = [limit for limit in rate_limits_json(desk.settings.allowance) if limit["rateLimitType"] == "ORDERS"]
    return [{**limit, "count": count} for limit, count in zip(limits, counts, strict=True)]


async def nothing(_desk: Desk, _parameters: Parameters) -> Any:
    """An empty list: there is none of it here."""
    return []


async def no_markets(desk: Desk, _parameters: Parameters) -> Any:
    """The derivatives that are traded here: none."""
    return {
        "timezone": "UTC",
        "serverTime": desk.settings.wall(),
        "rateLimits": [],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [],
        "optionContracts": [],
        "optionAssets": [],
        "optionSymbols": [],
    }


async def currencies(desk: Desk, _parameters: Parameters) -> Any:
    """The currencies of the account and of the symbols; none goes in or out."""
    held = {balance.currency: balance for balance in desk.exchange.account().balances}
    names = dict.fromkeys(held)
    for filters in desk.exchange.symbols.values():
        names.update(dict.fromkeys((filters.base, filters.quote)))
    zero = written(desk.exchange.account().maker_fee * 0)
    return [
        {
            "coin": name,
            "name": name,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": written(held[name].free) if name in held else zero,
            "locked": written(held[name].locked) if name in held else zero,
            "freeze": zero,
            "withdrawing": zero,
            "ipoing": zero,
            "ipoable": zero,
            "storage": zero,
            "isLegalMoney": False,
            "trading": True,
            "networkList": [],
        }
        for name in names
    ]


async def trade_fees(desk: Desk, parameters: Parameters) -> Any:
    """Fees by symbol."""
    view, symbol = desk.exchange.account(), parameters.get(SYMBOL)
    if symbol is not None and symbol not in desk.exchange.symbols:
        raise refusals.unknown_symbol()
    return [_fee(view, one) for one in ((symbol,) if symbol else desk.exchange.symbols)]


def _fee(view: AccountView, symbol: str) -> dict[str, str]:
    return {
        "symbol": symbol,
        "makerCommission": written(view.maker_fee),
        "takerCommission": written(view.taker_fee),
    }


async def system_status(_desk: Desk, _parameters: Parameters) -> Any:
    """That the venue works."""
    return {"status": 0, "msg": "normal"}


async def restrictions(_desk: Desk, _parameters: Parameters) -> Any:
    """What the API key may do."""
    return {
        "ipRestrict": False,
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "permitsUniversalTransfer": False,
        "enablePortfolioMarginTrading": False,
        "enableSpotAndMarginTrading": True,
    }


def _trades_weight(values: Mapping[str, str]) -> int:
    return 5 if "orderId" in values else 20


async def give_listen_key(desk: Desk, _parameters: Parameters) -> Any:
    """The key of the account's stream; made when there is none."""
    return {"listenKey": desk.listen_keys.give()}


async def keep_listen_key(_desk: Desk, _parameters: Parameters) -> Any:
    """Nothing: a listen key never ends here by itself."""
    return {}


async def drop_listen_key(desk: Desk, _parameters: Parameters) -> Any:
    """Have no listen key any more."""
    desk.listen_keys.drop()
    return {}


_FROM_ALLOCATION, _PREVENTED = integer("fromAllocationId"), integer("preventedMatchId")


def _signed(
    handler: Handler, answer: Schema, weight: Any, *takes: Field[Any], needs: tuple[Field[Any], ...] = ()
) -> Route:
    return Route(handler, answer, needs=needs, takes=takes, weight=weight, security=Security.SIGNED)


def _other(
    handler: Handler, answer: Schema, security: Security = Security.NONE, *takes: Field[Any], weight: int = 0
) -> Route:
    # These APIs have limits of their own, and parameters that mean nothing here.
    return Route(handler, answer, takes=takes, weight=weight, security=security, strict=False)


ACCOUNT_ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v3/account"): _signed(account, answers.ACCOUNT, 20, _WITHOUT_ZERO),
    ("GET", "/api/v3/account/commission"): _signed(commission, answers.COMMISSION, 20, needs=(SYMBOL,)),
    ("GET", "/api/v3/myTrades"): _signed(
        my_trades,
        answers.OWN_TRADES,
        _trades_weight,
        *(ORDER_ID, START_TIME, END_TIME, FROM_ID, LIMIT),
        needs=(SYMBOL,),
    ),
    ("GET", "/api/v3/rateLimit/order"): _signed(order_counts, answers.ORDER_COUNTS, 40),
    ("GET", "/api/v3/myPreventedMatches"): _signed(
        nothing, answers.EMPTY_LIST, 20, SYMBOL, _PREVENTED, ORDER_ID, LIMIT
    ),
    ("GET", "/api/v3/myAllocations"): _signed(
        nothing, answers.EMPTY_LIST, 20, SYMBOL, START_TIME, END_TIME, _FROM_ALLOCATION, LIMIT, ORDER_ID
    ),
    ("POST", "/api/v3/userDataStream"): _other(give_listen_key, answers.LISTEN_KEY, Security.KEY, weight=2),
    ("PUT", "/api/v3/userDataStream"): _other(keep_listen_key, answers.NOTHING, Security.KEY, weight=2),
    ("DELETE", "/api/v3/userDataStream"): _other(drop_listen_key, answers.NOTHING, Security.KEY, weight=2),
    ("GET", "/sapi/v1/capital/config/getall"): _other(currencies, answers.CURRENCIES, Security.SIGNED),
    ("GET", "/sapi/v1/asset/tradeFee"): _other(trade_fees, answers.TRADE_FEES, Security.SIGNED, SYMBOL),
    ("GET", "/sapi/v1/account/apiRestrictions"): _other(restrictions, answers.RESTRICTIONS, Security.SIGNED),
    ("GET", "/sapi/v1/margin/allPairs"): _other(nothing, answers.EMPTY_LIST, Security.KEY),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): _other(nothing, answers.EMPTY_LIST, Security.KEY),
    ("GET", "/sapi/v1/margin/allAssets"): _other(nothing, answers.EMPTY_LIST, Security.KEY),
    ("GET", "/sapi/v1/capital/deposit/hisrec"): _other(nothing, answers.EMPTY_LIST, Security.SIGNED),
    ("GET", "/sapi/v1/capital/withdraw/history"): _other(nothing, answers.EMPTY_LIST, Security.SIGNED),
    ("GET", "/sapi/v1/system/status"): _other(system_status, answers.SYSTEM_STATUS),
    ("GET", "/fapi/v1/exchangeInfo"): _other(no_markets, answers.NO_MARKETS),
    ("GET", "/dapi/v1/exchangeInfo"): _other(no_markets, answers.NO_MARKETS),
    ("GET", "/eapi/v1/exchangeInfo"): _other(no_markets, answers.NO_MARKETS),
}
