"""A local order book: in step with the venue's, or known not to be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.order_book import (
    BUFFERED,
    BookChange,
    ChecksummedBook,
    Depth,
    Level,
    OrderBook,
    Outcome,
    SequencedBook,
    kraken_checksum,
)


def levels(*pairs):
    return [Level(Decimal(price), Decimal(amount)) for price, amount in pairs]


def change(first, last, bids=(), asks=()):
    return BookChange(first, last, levels(*bids), levels(*asks))


# Of Kraken's guide "Book checksum": the state it shows and the checksum it says that state has.
GUIDE_ASKS = [(f"0.0{price}", "0.00000500") for price in range(5005, 5055, 5)]
GUIDE_BIDS = [(f"0.0{price}", "0.00000500") for price in range(5000, 4945, -5) if price != 4985]
GUIDE_CHECKSUM = 974947235


class TestLevels:
    def test_best_levels_come_first_on_both_sides(self):
        book = OrderBook()
        book.replace(levels(("9", "1"), ("8", "2"), ("10", "3")), levels(("13", "1"), ("11", "2"), ("12", "3")))

        assert Depth(tuple(levels(("10", "3"), ("9", "1"))), tuple(levels(("11", "2"), ("12", "3")))) == book.best(2)

    def test_an_amount_replaces_and_zero_removes(self):
        book = OrderBook()
        book.replace(levels(("9", "1"), ("8", "2")), levels(("11", "1")))
        book.update(levels(("9", "5"), ("8", "0"), ("7", "0")), levels(("11", "0.00")))

        assert Depth(tuple(levels(("9", "5"))), ()) == book.best(10)

    def test_levels_pushed_out_of_the_subscribed_depth_are_forgotten(self):
        """The venue never removes them, so kept they would come back as the best levels one day."""
        book = OrderBook(depth=2)
        book.replace(levels(("9", "1"), ("8", "1")), levels(("11", "1"), ("12", "1")))
        book.update(levels(("9.5", "1")), levels(("10.5", "1")))
        book.update(levels(("9.5", "0"), ("9", "0")), levels(("10.5", "0"), ("11", "0")))

        assert Depth((), ()) == book.best(10)

    def test_a_snapshot_forgets_what_was_before(self):
        book = OrderBook()
        book.replace(levels(("9", "1")), levels(("11", "1")))
        book.replace(levels(("5", "1")), [])

        assert Depth(tuple(levels(("5", "1"))), ()) == book.best(10)

    @given(
        st.lists(
            st.tuples(st.booleans(), st.integers(1, 12).map(Decimal), st.integers(0, 3).map(Decimal)), max_size=60
        ),
        st.integers(1, 15),
    )
    def test_a_book_is_the_last_amount_at_each_price_in_order(self, changes, count):
        book, bids, asks = OrderBook(), {}, {}
        for is_bid, price, amount in changes:
            side, plain = (([Level(price, amount)], []), bids) if is_bid else (([], [Level(price, amount)]), asks)
            book.update(*side)
            plain[price] = amount

        expected = [
            sorted(((p, a) for p, a in plain.items() if a), reverse=turned)[:count]
            for plain, turned in ((bids, True), (asks, False))
        ]
        assert expected == [list(side) for side in book.best(count)]


class TestSequence:
    def test_changes_before_the_snapshot_are_buffered_and_those_in_it_dropped(self):
        book = SequencedBook()
        outcomes = [book.apply(change(1, 5, bids=[("1", "1")])), book.apply(change(6, 8, bids=[("2", "1")]))]

        assert [Outcome.BUFFERED] * 2 == outcomes
        assert book.best(1) is None
        assert book.snapshot(5, levels(("3", "9")), []) is Outcome.APPLIED
        assert tuple(levels(("3", "9"), ("2", "1"))) == book.best(5).bids

    def test_the_first_change_may_begin_inside_the_snapshot(self):
        book = SequencedBook()
        book.snapshot(5, [], [])

        assert book.apply(change(4, 7, asks=[("3", "1")])) is Outcome.APPLIED
        assert book.apply(change(8, 8)) is Outcome.APPLIED

    def test_a_doubled_change_is_dropped(self):
        book = SequencedBook()
        book.snapshot(5, [], [])
        book.apply(change(6, 7, asks=[("3", "1")]))
        book.apply(change(8, 8, asks=[("3", "0")]))

        assert book.apply(change(6, 7, asks=[("3", "1")])) is Outcome.DROPPED
        assert book.best(1).asks == ()

    def test_a_lost_change_takes_the_book_out_of_use_until_a_snapshot(self):
        book = SequencedBook()
        book.snapshot(5, levels(("1", "1")), [])

        assert book.apply(change(7, 8, bids=[("2", "2")])) is Outcome.RESYNC
        assert book.best(1) is None
        assert book.apply(change(9, 9, bids=[("3", "3")])) is Outcome.BUFFERED
        assert book.snapshot(7, levels(("1", "1")), []) is Outcome.APPLIED
        assert tuple(levels(("3", "3"), ("2", "2"), ("1", "1"))) == book.best(5).bids

    def test_a_snapshot_older_than_the_buffer_is_not_enough(self):
        book = SequencedBook()
        book.apply(change(10, 11))
        book.apply(change(12, 13))

        assert book.snapshot(8, [], []) is Outcome.RESYNC
        assert book.best(1) is None
        assert book.snapshot(9, [], []) is Outcome.APPLIED
        assert book.apply(change(14, 14)) is Outcome.APPLIED

    def test_a_snapshot_that_comes_late_does_not_turn_the_book_back(self):
        book = SequencedBook()
        book.snapshot(5, [], [])
        book.apply(change(6, 7, bids=[("1", "1")]))

        assert book.snapshot(6, [], []) is Outcome.DROPPED
        assert tuple(levels(("1", "1"))) == book.best(5).bids

    def test_the_buffer_has_an_end(self):
        """With the snapshot out of reach for long, memory does not grow, and the book is still right afterwards."""
        book = SequencedBook()
        for number in range(1, BUFFERED + 101):
            book.apply(change(number, number))

        assert book.snapshot(50, [], []) is Outcome.RESYNC
        assert book.snapshot(100, [], []) is Outcome.APPLIED
        assert book.apply(change(BUFFERED + 101, BUFFERED + 101)) is Outcome.APPLIED

    @given(st.data())
    def test_whatever_is_lost_doubled_or_late_a_shown_book_is_the_venues(self, data):
        """Against a venue's true book at each number: what the local book shows is that, or nothing."""
        amounts = data.draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=3, max_size=25))
        truth = [{}]
        for price, amount in amounts:
            truth.append({**truth[-1], Decimal(price): Decimal(amount)})
        sent = [
            change(number, number, bids=[(str(price), str(amount))])
            for number, (price, amount) in enumerate(amounts, start=1)
        ]
        received = [one for one in sent for _ in range(data.draw(st.integers(0, 2)))]
        book = SequencedBook()
        for number, one in enumerate(received):
            book.apply(one)
            if data.draw(st.booleans()):
                at = data.draw(st.integers(0, max(part.last for part in received[: number + 1])))
                book.snapshot(at, [Level(price, amount) for price, amount in truth[at].items()], [])
            shown = book.best(10)
            if shown is not None:
                states = [sorted(((p, a) for p, a in state.items() if a), reverse=True) for state in truth]
                assert list(shown.bids) in states[one.last :]


class TestChecksum:
    def test_the_example_of_the_guide(self):
        depth = Depth(tuple(levels(*GUIDE_BIDS)), tuple(levels(*GUIDE_ASKS)))

        assert kraken_checksum(depth) == GUIDE_CHECKSUM

    def test_trailing_zeros_count_and_leading_ones_do_not(self):
        one = [Depth((), tuple(levels((price, "1")))) for price in ("0.050", "50", "0.05")]

        assert kraken_checksum(one[0]) == kraken_checksum(one[1])
        assert kraken_checksum(one[1]) != kraken_checksum(one[2])

    def test_a_tiny_amount_is_digits_and_not_an_exponent(self):
        assert str(Decimal("0.00000010")) == "1.0E-7"
        assert kraken_checksum(Depth((), tuple(levels(("1", "0.00000010"))))) == kraken_checksum(
            Depth((), tuple(levels(("1", "10"))))
        )

    def test_in_step_while_the_checksums_agree(self):
        book = ChecksummedBook(depth=10)

        assert book.snapshot(levels(*GUIDE_BIDS), levels(*GUIDE_ASKS)) is Outcome.APPLIED
        assert book.apply(levels(("0.05000", "0.00000500")), [], GUIDE_CHECKSUM) is Outcome.APPLIED
        assert len(book.best(10).bids) == 10

    def test_a_wrong_checksum_takes_the_book_out_of_use_until_a_snapshot(self):
        book = ChecksummedBook(depth=10)
        book.snapshot(levels(*GUIDE_BIDS), levels(*GUIDE_ASKS), GUIDE_CHECKSUM)

        assert book.apply(levels(("0.05000", "0.00000700")), [], GUIDE_CHECKSUM) is Outcome.RESYNC
        assert book.best(1) is None
        assert book.apply(levels(("0.05000", "0.00000500")), [], GUIDE_CHECKSUM) is Outcome.DROPPED
        assert book.snapshot(levels(*GUIDE_BIDS), levels(*GUIDE_ASKS), GUIDE_CHECKSUM) is Outcome.APPLIED
        assert book.best(1) is not None

    @pytest.mark.parametrize("checksum", [0, GUIDE_CHECKSUM + 1])
    def test_a_snapshot_is_checked_as_well(self, checksum):
        book = ChecksummedBook(depth=10)

        assert book.snapshot(levels(*GUIDE_BIDS), levels(*GUIDE_ASKS), checksum) is Outcome.RESYNC
        assert book.best(1) is None
