"""Which cluster something was written to: a context's name says it on one kubeconfig only, a UID everywhere."""

from __future__ import annotations

from msgspec import Struct

SYSTEM_NAMESPACE = "/api/v1/namespaces/kube-system"
"""Its UID is how projects tell clusters apart: every cluster has the namespace, and nobody makes it anew."""


class ClusterIdentity(Struct, frozen=True, rename="camel"):
    """A cluster: the UID of its namespace kube-system (empty where it may not be read), and its API server's URL."""

    uid: str = ""
    server: str = ""

    @property
    def known(self) -> bool:
        """Whether it says anything at all; a journal from before version 2 does not."""
        return bool(self.uid or self.server)

    def may_be(self, other: ClusterIdentity) -> bool:
        """Whether both are one cluster: by UID where both have one, else by the server's URL."""
        if self.uid and other.uid:
            return self.uid == other.uid
        return bool(self.server) and self.server == other.server
