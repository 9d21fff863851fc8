"""Identity of a cluster: a context's name is valid in one kubeconfig only, a UID everywhere."""

from __future__ import annotations

from msgspec import Struct

SYSTEM_NAMESPACE = "/api/v1/namespaces/kube-system"
"""Namespace whose UID identifies a cluster: every cluster has it, and it is never recreated."""


class ClusterIdentity(Struct, frozen=True, rename="camel"):
    """A cluster: the UID of its namespace kube-system (empty where it may not be read), and its API server's URL."""

    uid: str = ""
    server: str = ""

    @property
    def known(self) -> bool:
        """Whether it is set at all; in a journal before version 2 it is not."""
        return bool(self.uid or self.server)

    def may_be(self, other: ClusterIdentity) -> bool:
        """Whether both are one cluster: by UID where both have one, else by the server's URL."""
        if self.uid and other.uid:
            return self.uid == other.uid
        return bool(self.server) and self.server == other.server
