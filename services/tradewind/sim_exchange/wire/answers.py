"""What the venue answers, as JSON schemas for the OpenAPI document.

The answers themselves are made in `market_shapes`, `order_shapes` and beside the calls; a test holds every answer of a
running venue to its schema here. Every property is always there unless it is named in `optional`, and there is none
beside them.
"""

from __future__ import annotations

from tradewind.domain.order import TimeInForce
from tradewind.sim_exchange.models import Kind, Status
from tradewind.sim_exchange.wire.fields import Schema

INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
TEXTS: Schema = {"type": "array", "items": TEXT}


def record(
    *, integers: str = "", numbers: str = "", texts: str = "", flags: str = "", optional: str = "", **others: Schema
) -> Schema:
    """An object: names of properties by what they are, and `others` by their schemas."""
    properties = {
        name: schema
        for names, schema in ((integers, INTEGER), (numbers, NUMBER), (texts, TEXT), (flags, FLAG))
        for name in names.split()
    }
    properties.update(others)
    required = sorted(properties.keys() - set(optional.split()))
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def merged(*records: Schema) -> Schema:
    """One object with the properties of several."""
    properties = {name: schema for one in records for name, schema in one["properties"].items()}
    required = sorted({name for one in records for name in one["required"]})
    return {**records[0], "properties": properties, "required": required}


def loosened(one: Schema) -> Schema:
    """The same object with no property that must be there."""
    return {**one, "required": []}


def list_of(item: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": item}


def either(*schemas: Schema) -> Schema:
    """One of several."""
    return {"anyOf": list(schemas)}


def _words(values: type[Kind | Status | TimeInForce]) -> Schema:
    return {"type": "string", "enum": [one.value for one in values]}


NOTHING = record()
EMPTY_LIST: Schema = {"type": "array", "maxItems": 0}

# ------------------------------------------------------------------------------------------------------------- market

TIME = record(integers="serverTime")
RATE_LIMIT = record(texts="rateLimitType interval", integers="intervalNum limit")
_INSTRUMENT = record(
    texts="symbol status baseAsset quoteAsset defaultSelfTradePreventionMode",
    integers="baseAssetPrecision quotePrecision quoteAssetPrecision baseCommissionPrecision quoteCommissionPrecision",
    flags="icebergAllowed ocoAllowed otoAllowed opoAllowed quoteOrderQtyMarketAllowed allowTrailingStop "
    "cancelReplaceAllowed amendAllowed pegInstructionsAllowed isSpotTradingAllowed isMarginTradingAllowed",
    orderTypes=list_of(_words(Kind)),
    filters=list_of({"type": "object", "properties": {"filterType": TEXT}, "required": ["filterType"]}),
    permissions=TEXTS,
    permissionSets=list_of(TEXTS),
    allowedSelfTradePreventionModes=TEXTS,
)
EXCHANGE = record(
    texts="timezone",
    integers="serverTime",
    rateLimits=list_of(RATE_LIMIT),
    exchangeFilters=EMPTY_LIST,
    symbols=list_of(_INSTRUMENT),
)
NO_MARKETS = record(
    texts="timezone",
    integers="serverTime",
    rateLimits=EMPTY_LIST,
    exchangeFilters=EMPTY_LIST,
    assets=EMPTY_LIST,
    symbols=EMPTY_LIST,
    optionContracts=EMPTY_LIST,
    optionAssets=EMPTY_LIST,
    optionSymbols=EMPTY_LIST,
)
KLINE: Schema = {
    "type": "array",
    "description": "Open time, open, high, low, close, volume, close time, volume in quote, number of trades, "
    "volume and volume in quote that buyers took, and a zero.",
    "items": {"anyOf": [INTEGER, NUMBER]},
    "minItems": 12,
    "maxItems": 12,
}
KLINES = list_of(KLINE)
_LEVELS = list_of(
    {"type": "array", "description": "Price and quantity.", "items": NUMBER, "minItems": 2, "maxItems": 2}
)
DEPTH = record(integers="lastUpdateId", bids=_LEVELS, asks=_LEVELS)
TRADES = list_of(record(integers="id time", numbers="price qty quoteQty", flags="isBuyerMaker isBestMatch"))
AGGREGATE_TRADES = list_of(record(integers="a f l T", numbers="p q", flags="m M"))
TICKER = record(
    texts="symbol",
    numbers="openPrice highPrice lowPrice lastPrice volume quoteVolume priceChange priceChangePercent "
    "weightedAvgPrice prevClosePrice lastQty bidPrice bidQty askPrice askQty",
    integers="openTime closeTime firstId lastId count",
    optional="priceChange priceChangePercent weightedAvgPrice prevClosePrice lastQty bidPrice bidQty askPrice askQty",
)
PRICE = record(texts="symbol", numbers="price")
AVERAGE_PRICE = record(integers="mins closeTime", numbers="price")
BOOK_TICKER = record(texts="symbol", numbers="bidPrice bidQty askPrice askQty")

# ------------------------------------------------------------------------------------------------------------- orders

_STANDING = record(
    texts="symbol clientOrderId selfTradePreventionMode",
    integers="orderId orderListId workingTime",
    numbers="price origQty executedQty cummulativeQuoteQty origQuoteOrderQty stopPrice",
    optional="stopPrice",
    status=_words(Status),
    type=_words(Kind),
    timeInForce=_words(TimeInForce),
    side={"type": "string", "enum": ["BUY", "SELL"]},
)
ORDER = merged(_STANDING, record(integers="time updateTime", numbers="icebergQty stopPrice", flags="isWorking"))
_ACKNOWLEDGED = record(texts="symbol clientOrderId", integers="orderId orderListId transactTime")
_FILL = record(integers="tradeId", numbers="price qty commission", texts="commissionAsset")
PLACED = either(_ACKNOWLEDGED, merged(_ACKNOWLEDGED, _STANDING, record(fills=list_of(_FILL), optional="fills")))
_CANCELED = merged(_ACKNOWLEDGED, _STANDING, record(texts="origClientOrderId"))
ORDER_LIST = record(
    texts="contingencyType listStatusType listOrderStatus listClientOrderId symbol",
    integers="orderListId transactionTime",
    orders=list_of(record(texts="symbol clientOrderId", integers="orderId")),
)
PLACED_LIST = merged(ORDER_LIST, record(orderReports=list_of(PLACED)))
CANCELED_LIST = merged(ORDER_LIST, record(orderReports=list_of(_CANCELED)))
CANCELED = either(_CANCELED, CANCELED_LIST)
REFUSAL = record(integers="code", texts="msg", data={"type": "object"}, optional="data")
REPLACED = record(
    texts="cancelResult newOrderResult",
    cancelResponse=either(CANCELED, REFUSAL),
    newOrderResponse=either(PLACED, REFUSAL, {"type": "null"}),
)

# ------------------------------------------------------------------------------------------------------------ account

_RATES = record(numbers="maker taker buyer seller")
_DISCOUNT = record(flags="enabledForAccount enabledForSymbol", texts="discountAsset", numbers="discount")
COMMISSION = record(
    texts="symbol",
    standardCommission=_RATES,
    specialCommission=_RATES,
    taxCommission=_RATES,
    discount=_DISCOUNT,
)
_PAID = record(numbers="maker taker")
TESTED = loosened(
    record(standardCommissionForOrder=_PAID, taxCommissionForOrder=_PAID, discount=_DISCOUNT),
)
ACCOUNT = record(
    integers="makerCommission takerCommission buyerCommission sellerCommission updateTime uid",
    flags="canTrade canWithdraw canDeposit brokered requireSelfTradePrevention preventSor",
    texts="accountType",
    commissionRates=_RATES,
    balances=list_of(record(texts="asset", numbers="free locked")),
    permissions=TEXTS,
)
OWN_TRADES = list_of(
    record(
        texts="symbol commissionAsset",
        integers="id orderId orderListId time",
        numbers="price qty quoteQty commission",
        flags="isBuyer isMaker isBestMatch",
    )
)
ORDER_COUNTS = list_of(merged(RATE_LIMIT, record(integers="count")))
LISTEN_KEY = record(texts="listenKey")
CURRENCIES = list_of(
    record(
        texts="coin name",
        flags="depositAllEnable withdrawAllEnable isLegalMoney trading",
        numbers="free locked freeze withdrawing ipoing ipoable storage",
        networkList=EMPTY_LIST,
    )
)
TRADE_FEES = list_of(record(texts="symbol", numbers="makerCommission takerCommission"))
SYSTEM_STATUS = record(integers="status", texts="msg")
RESTRICTIONS = record(
    flags="ipRestrict enableReading enableWithdrawals enableInternalTransfer enableMargin enableFutures "
    "enableVanillaOptions permitsUniversalTransfer enablePortfolioMarginTrading enableSpotAndMarginTrading"
)

# --------------------------------------------------------------------------------------------------------- simulation

CLOCK = record(integers="time events", flags="paused ended")
CLOCK_MOVED = merged(
    CLOCK,
    record(
        optional="klines",
        klines={
            **list_of(either(KLINE, {"type": "null"})),
            "description": "In the order of the question; null for one that is not closed, or that there is none of.",
        },
    ),
)
FAULT = record(
    texts="kind method symbol clientOrderId",
    integers="number count milliseconds",
    flags="afterAccept",
    numbers="fraction",
    seconds={"type": "number"},
    optional="method symbol clientOrderId seconds milliseconds fraction",
)
STATUS = record(
    integers="time endTime events openOrders faults",
    texts="timeframe",
    speed=either({"type": "number"}, {"const": "max"}),
    symbols=TEXTS,
    balances={"type": "object", "additionalProperties": record(numbers="free locked")},
)
