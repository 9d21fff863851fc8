"""Fixes name the cluster that they are for."""

from __future__ import annotations

import pytest

from meshtop.views.frame.findings import in_context


@pytest.mark.parametrize(
    ("fix", "context", "shown"),
    [
        ("kubectl delete peerauthentication -n a b", "prod", "kubectl --context prod delete peerauthentication -n a b"),
        ("See its pods: kubectl -n a get pods", "arn:x/y z",
         "See its pods: kubectl --context 'arn:x/y z' -n a get pods"),
        ("istioctl uninstall --revision old", "prod", "istioctl --context prod uninstall --revision old"),
        ("istioctl create-remote-secret --context w --name w | kubectl --context e apply -f -", "prod",
         "istioctl create-remote-secret --context w --name w | kubectl --context e apply -f -"),
        ("Give the policy a selector.", "prod", "Give the policy a selector."),
        ("kubectl get pods", "", "kubectl get pods"),
        (None, "prod", None),
    ],
)  # fmt: skip
def test_commands_of_a_fix_name_the_context_of_its_cluster(fix: str | None, context: str, shown: str | None) -> None:
    assert in_context(fix, context) == shown
