"""Health thresholds, used by verdicts and colours: the shares of failures at which something is degraded or failing.

By default http 5xx, gRPC errors and missing answers fail at 10 % and degrade at 1 %, http 4xx degrades at 10 % and
fails at 20 %. Kiali degrades above 0, which in a mesh of any size turns everything amber permanently.
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
