"""The settings where nothing is set: the values that the schema takes as its defaults, without a schema to check them.

A program without a settings file needs no check, and so nothing of pydantic, which takes as long to import as three
clusters take to read. A test holds the fields and values of the two against each other.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from meshtop.model.constants import (
    DEFAULT_ALPHA,
    DEFAULT_MARGIN,
    DEFAULT_MINIMUM_REQUESTS,
    DEFAULT_RELATIVE_MARGIN,
    DEFAULT_SPLIT_MARGIN,
    DEFAULT_WINDOW_SECONDS,
)
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds


class DiscoveryDefaults(Struct, frozen=True):
    """Section `discovery`."""

    registries: bool = True
    adopt_credentials: bool = False
    cache: bool = True


class AccessDefaults(Struct, frozen=True):
    """Section `access`."""

    policy: None = None
    user: str = "auto"


class GuardDefaults(Struct, frozen=True):
    """Section `canary.guard`."""

    errors: bool = True
    latency_ms: None = None
    alpha: float = DEFAULT_ALPHA


class MarginDefaults(Struct, frozen=True):
    """Section `canary.margin`."""

    split: float = DEFAULT_SPLIT_MARGIN
    errors: float = DEFAULT_MARGIN
    slow: float = DEFAULT_MARGIN
    relative: float = DEFAULT_RELATIVE_MARGIN


class CanaryDefaults(Struct, frozen=True):
    """Section `canary`."""

    guard: GuardDefaults = GuardDefaults()
    margin: MarginDefaults = MarginDefaults()
    minimum_requests: int = DEFAULT_MINIMUM_REQUESTS


class FindingsDefaults(Struct, frozen=True):
    """Section `findings`."""

    ignore: tuple[str, ...] = ()


class PrometheusDefaults(Struct, frozen=True):
    """A cluster's section `prometheus`."""

    url: None = None
    headers: dict[str, str] = field(default_factory=dict)
    bearer_token_file: None = None
    basic_auth: None = None
    ca_file: None = None
    client_cert_file: None = None
    client_key_file: None = None
    insecure_skip_verify: bool = False
    matchers: dict[str, str] = field(default_factory=dict)
    service: None = None


class DefaultSettings(Struct, frozen=True):
    """All settings; durations in seconds. Flags replace the first of them."""

    window: float = DEFAULT_WINDOW_SECONDS
    timeout: float = 5.0
    read_only: bool = False
    color: Literal["auto", "always", "never"] = "auto"
    ascii: bool = False
    refresh: float = 5.0
    clusters: tuple[Any, ...] = ()
    telemetry: None = None
    discovery: DiscoveryDefaults = DiscoveryDefaults()
    tenancy: None = None
    access: AccessDefaults = AccessDefaults()
    canary: CanaryDefaults = CanaryDefaults()
    health: Thresholds = DEFAULT_THRESHOLDS
    findings: FindingsDefaults = FindingsDefaults()
    slos: tuple[Any, ...] = ()
    tenant_label: None = None
    apdex_ms: float = 500.0
    theme: None = None
    keymap: dict[str, str] = field(default_factory=dict)
    mouse: bool = True
    plots: Literal["auto", "braille", "blocks"] = "auto"
    remember: bool = True


DEFAULTS = DefaultSettings()
