from __future__ import annotations

from typing import Any

import pytest

from meshtop.sources.auth.remedies import provider_remedy, renewal_command


@pytest.mark.parametrize(
    ("plugin", "command"),
    [
        ({"command": "aws", "args": ["eks", "get-token", "--cluster-name", "x"]}, "aws sso login"),
        ({"command": "aws", "args": ["--profile", "prod", "eks", "get-token"]}, "aws sso login --profile prod"),
        ({"command": "/opt/bin/aws", "args": ["--profile=a b"]}, "aws sso login --profile 'a b'"),
        ({"command": "aws", "env": [{"name": "AWS_PROFILE", "value": "dev"}]}, "aws sso login --profile dev"),
        ({"command": "aws-iam-authenticator", "args": ["token", "-i", "c"]}, "aws sso login"),
        ({"command": "gke-gcloud-auth-plugin"}, "gcloud auth login"),
        ({"command": "/usr/lib/gke-gcloud-auth-plugin.exe"}, "gcloud auth login"),
        ({"command": "kubelogin", "args": ["get-token", "--login", "azurecli", "--server-id", "s"]}, "az login"),
        ({"command": "kubelogin", "args": ["get-token", "-l", "azd"]}, "azd auth login"),
        (
            {"command": "kubelogin", "args": ["get-token", "--login", "devicecode"]},
            "kubelogin get-token --login devicecode",
        ),
        (
            {"command": "kubectl", "args": ["oidc-login", "get-token", "--oidc-issuer-url=https://i"]},
            "kubectl oidc-login get-token --oidc-issuer-url=https://i",
        ),
        (
            {"command": "tsh", "args": ["kube", "credentials", "--kube-cluster=prod", "--proxy=t.example:443"]},
            "tsh --proxy=t.example:443 kube login prod",
        ),
        ({"command": "doctl", "args": ["kubernetes", "cluster", "x"]}, "doctl auth init"),
        ({"command": "oci", "args": ["ce"]}, "oci session authenticate"),
        ({"command": "./corp login", "args": ["--cluster", "a b"]}, "'./corp login' --cluster 'a b'"),
        ({"command": "corp", "args": None, "env": None}, "corp"),
    ],
)
def test_the_command_that_renews_a_login(plugin: dict[str, Any], command: str) -> None:
    assert renewal_command(plugin) == command


def test_old_providers() -> None:
    assert "gcloud" in provider_remedy({"name": "gcp"})
    said = provider_remedy({"name": "oidc", "config": {"idp-issuer-url": "https://issuer.example"}})
    assert "https://issuer.example" in said
    assert "identity provider" in provider_remedy({"name": "oidc", "config": None})
