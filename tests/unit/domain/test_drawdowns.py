"""Drawdowns of many balances at once are those of each alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.drawdown import maximum_drawdown
from tradewind.domain.drawdowns import maximum_drawdowns

balances = st.integers(1, 12).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(-50, 200).map(float), min_size=length, max_size=length), min_size=1, max_size=6
    )
)


@given(rows=balances)
def test_each_row_has_the_drawdown_that_it_has_alone(rows):
    """Ties, balances below nothing and rows that only rise included."""
    found = maximum_drawdowns(np.array(rows))

    for place, row in enumerate(rows):
        alone = maximum_drawdown(row)
        assert alone.absolute == found.absolute[place]
        assert pytest.approx(alone.ratio, abs=1e-15) == found.ratio[place]
        assert pytest.approx(alone.largest_ratio, abs=1e-15) == found.largest_ratio[place]
