"""How often things are tried: the times of the reading of one cluster."""

from __future__ import annotations

import random

from msgspec import Struct


class Pace(Struct, frozen=True, kw_only=True):
    """Times in seconds.

    `refresh`: between two signs of life asked of the server. `backoff` to `backoff_most`: after failures, doubling.
    `denied`: until a forbidden or missing kind is tried again. `slow`: between two readings of what is not watched.
    `discovery`: between two looks at which kinds are installed. `watch`: how long one watch lasts.
    """

    refresh: float = 5.0
    backoff: float = 0.5
    backoff_most: float = 30.0
    denied: float = 60.0
    slow: float = 30.0
    discovery: float = 60.0
    watch: float = 240.0

    def pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row, with jitter so that fifty clusters do not march in step."""
        longest = min(self.backoff * 2.0 ** min(failures, 16), self.backoff_most)
        return longest * random.uniform(0.5, 1.0)

    def spread(self, seconds: float) -> float:
        """About so many seconds."""
        return seconds * random.uniform(0.8, 1.2)
