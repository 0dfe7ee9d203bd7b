"""A study made by hand for tests of reports."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.report.hand_made import HandMade, made


@pytest.fixture
def by_hand() -> Callable[..., HandMade]:
    """Maker of studies."""
    return made
