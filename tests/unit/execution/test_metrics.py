"""What execution tells of itself: what rests, what nobody knows, what has no stop, and how long it took."""

from __future__ import annotations

from prometheus_client.openmetrics.exposition import generate_latest

from tradewind.execution.ports import VenueEnd
from tradewind.kernel.telemetry.traceparent import exemplar_of

TRACE = "a" * 32


def shown(world, name, **labels):
    """A sample, as Prometheus would read it now."""
    context = world.runner.context
    return context.metrics.registry.get_sample_value(f"tradewind_{name}", {"bot": context.key, **labels})


def test_what_rests_at_the_venue_is_counted(world):
    """The legs of a position are open orders, and an end ends them; what never happened is told as 0."""
    assert [shown(world, name) for name in ("open_orders", "unknown_orders", "unprotected_trades")] == [0, 0, 0]
    assert shown(world, "orders_total", state="Rejected") == 0
    world.enter()
    world.let(1)
    world.candle()
    assert shown(world, "open_orders") == 2
    world.exit(next(iter(world.entries)))
    world.let(1)
    world.candle()
    assert shown(world, "open_orders") == 0


def test_a_position_without_its_stop_is_told_of_until_it_is_sold(remote):
    """Also while nobody asks anything else."""
    entry = remote.enter()
    remote.let(1)
    remote.candle()

    async def lose_the_stop():
        async with remote.runner.unit() as unit:
            legs = [leg.order.client_order_id for leg in remote.ledger.protective(entry)]
            remote.ledger.apply([VenueEnd(one, remote.order(one).state.CANCELED, "ByHand") for one in legs], unit)

    remote.run(lose_the_stop())
    assert shown(remote, "unprotected_trades") == 1
    remote.exit(entry)
    assert shown(remote, "unprotected_trades") == 0, "it is being sold"


def test_positions_that_are_over_are_not_looked_at_again(world):
    """A bot of years has thousands of them, and metrics are read every few seconds."""
    for _ in range(3):
        entry = world.enter()
        world.let(1)
        world.candle()
        world.exit(entry)
        world.let(1)
        world.candle()
    world.enter()
    world.let(1)
    world.candle()
    assert world.ledger.bare() == []
    assert len(world.ledger._unfinished) == 1


def test_metrics_are_read_while_the_tables_are(world, monkeypatch):
    """The store has a thread of its own: half of a ledger is no count, and no reason to answer with an error."""
    world.enter()
    world.let(1)
    world.candle()
    ledger, seen = world.ledger, []
    keep = ledger._keep

    def watched(record):
        seen.append([shown(world, name) for name in ("open_orders", "unprotected_trades")])
        keep(record)

    monkeypatch.setattr(ledger, "_keep", watched)
    before = [shown(world, name) for name in ("open_orders", "unprotected_trades")]
    with world.engine.connect() as connection:
        ledger.load(connection)
    assert before == [2, 0]
    assert seen == [before] * 3
    assert [shown(world, name) for name in ("open_orders", "unprotected_trades")] == before


def test_an_order_that_nobody_knows_of_is_told_of_while_it_is_so(remote):
    """The venue was silent: it may have the order, or not."""
    remote.venue.plan["create"] = ["silent"]
    remote.venue.plan["find"] = ["lost"] * 3
    remote.enter()
    remote.let(3)
    assert shown(remote, "unknown_orders") == 1
    remote.let(60)
    assert shown(remote, "unknown_orders") == 0


def test_what_the_venue_refuses_is_counted_by_its_reason(remote):
    """The reason is a word of a short list, never text."""
    remote.enter(amount="0.0001")
    remote.let(1)
    (reason,) = [row.reason for row in _states(remote) if row.state == "Rejected"]
    assert shown(remote, "order_rejections_total", reason=reason) == 1


def test_latencies_lead_to_the_trace_of_the_order(remote):
    """From a point of the dashboard to what happened there; a trace that is not recorded is not named."""
    seen = []
    metrics = remote.runner.context.metrics
    for histogram in (metrics.order_seconds, metrics.fill_seconds):
        histogram.labels(remote.runner.context.key).observe(0.1, exemplar_of(f"00-{TRACE}-{'b' * 16}-01"))
        seen.append(exemplar_of(f"00-{TRACE}-{'b' * 16}-00"))
    text = generate_latest(metrics.registry).decode()
    assert text.count(f'# {{trace_id="{TRACE}"}} 0.1') == 2
    assert [*seen, exemplar_of(None)] == [None, None, None]


def test_an_entry_is_timed_from_its_sending_to_its_fill(world):
    """And once for each fill; protective legs wait for the market and not for anybody."""
    world.enter()
    world.let(1)
    world.candle()
    assert shown(world, "order_acknowledge_seconds_count") == 2, "the entry, then both legs at once"
    assert shown(world, "order_fill_seconds_count") == 1


def _states(world):
    from tradewind.execution.tables import order_states  # noqa: PLC0415

    return world.rows(order_states, order_states.c.version)
