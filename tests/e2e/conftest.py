"""What the tests of the whole program share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import serving


@pytest.fixture(scope="session", autouse=True)
def nursery_ends() -> Iterator[None]:
    """End the process that forks commands with the last test."""
    yield
    serving.end_nursery()
