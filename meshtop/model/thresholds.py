"""Health thresholds, used by verdicts and colours: the shares of failures at which something is degraded or failing.

By default http 5xx, gRPC errors and missing answers fail at 10 % and degrade at 1 %, http 4xx degrades at 10 % and
fails at 20 %. Kiali degrades above 0, which in a mesh of any size paints everything amber for ever. A share counts as
reached when what was counted proves it (`meshtop.analysis.traffic.bounds`), not when a ratio happens to be as high.
"""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.state import HealthStatus

_HAIR = 1e-9
"""Tolerance for rounding: shares are sums of floats, so a share just below a bound counts as reaching it."""


class Thresholds(Struct, frozen=True, kw_only=True):
    """Shares of requests from 0 to 1 at which health changes; a degraded share of 0 means anything above it.

    The fields are those of the settings' `health`.
    """

    http5xx_degraded: float = 0.01
    http5xx_failing: float = 0.10
    http4xx_degraded: float = 0.10
    http4xx_failing: float = 0.20
    grpc_degraded: float = 0.01
    grpc_failing: float = 0.10
    no_response_degraded: float = 0.01
    no_response_failing: float = 0.10
    alpha: float = 0.001
    """How often a verdict on failures may be wrong: thousands of workloads are judged at each refresh."""
    release: float = 0.5
    """What was said is taken back below this share of the bound that it was said at."""
    slower: float = 2.0
    """How many times slower than in its own past a workload must be to be degraded; nothing is where it is 0."""
    slower_ms: float = 20.0
    """And by at least so many milliseconds: from 2 to 5 ms matters to nobody."""
    group_degraded: float = 0.10
    """From which share of a group's members or requests on what is wrong with them is wrong with the group."""
    group_failing: float = 0.50

    def of_errors(self, share: float, protocol: str = "") -> HealthStatus:
        """Health by the ratio of errors alone: by the bounds of gRPC errors for gRPC, else by those of http 5xx."""
        if protocol == "grpc":
            return health_status(share, self.grpc_degraded, self.grpc_failing)
        return health_status(share, self.http5xx_degraded, self.http5xx_failing)


DEFAULT_THRESHOLDS = Thresholds()


def health_status(share: float, degraded: float, failing: float) -> HealthStatus:
    """Healthy, degraded or failing, by a share of failures and its two bounds; a bound of 0 is reached above it."""
    if _reaches(share, failing):
        return HealthStatus.FAILING
    return HealthStatus.DEGRADED if _reaches(share, degraded) else HealthStatus.HEALTHY


def _reaches(share: float, bound: float) -> bool:
    return share + _HAIR >= bound if bound > 0 else share > 0
