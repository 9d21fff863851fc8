"""The settings file's schema (INTERFACE.md, "Clusters and settings"), checked by pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from meshtop.model.constants import USUAL_WINDOW_SECONDS
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.settings.defaults import DEFAULTS
from meshtop.settings.durations import positive_duration
from meshtop.settings.forms import SERVICE
from meshtop.settings.objectives import LATENCY_BOUNDS, parse_objective, split_service


def _default_or_duration(value: object) -> float:
    return value if isinstance(value, float) else positive_duration(value)


Seconds = Annotated[float, BeforeValidator(_default_or_duration, json_schema_input_type=str)]


THEMES = ("dark", "light", "colour-blind", "high-contrast", "ansi")
"""The console's themes; the prefix `meshtop-` is optional."""


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(char.isspace() for char in text):
        raise ValueError("this is not a URL; write http://HOST:PORT or https://HOST/PATH")
    return text


def _service(text: str) -> str:
    if not SERVICE.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a Service; write NAMESPACE/NAME:PORT, such as istio-system/prometheus:9090 "
            "(https: may come first, a path last: mimir/nginx:80/prometheus)"
        )
    return text


def _theme(text: str) -> str:
    if text.removeprefix("meshtop-") not in THEMES:
        raise ValueError(f"there is no theme {text!r}; the themes are {', '.join(THEMES)}")
    return text


Url = Annotated[str, AfterValidator(_url)]
Service = Annotated[str, AfterValidator(_service)]
Theme = Annotated[str, AfterValidator(_theme)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        # Sections are built with the settings that hold them, and not each for itself as well; and as long as nothing
        # is set, none is built at all (`model_construct` gives the defaults without a check).
        defer_build=True,
    )


class BasicAuth(_Section):
    """User name and password for a Prometheus behind basic authentication; the password may come from a file."""

    username: str
    password: SecretStr | None = None
    password_file: str | None = None


class HttpEndpoint(_Section):
    """How to reach a Prometheus-compatible engine by URL."""

    url: Url | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    bearer_token_file: str | None = None
    basic_auth: BasicAuth | None = None
    ca_file: str | None = None
    client_cert_file: str | None = None
    client_key_file: str | None = None
    insecure_skip_verify: bool = False
    matchers: dict[str, str] = Field(default_factory=dict)


class PrometheusSettings(HttpEndpoint):
    """One cluster's Prometheus: a URL, or a Service `NAMESPACE/NAME:PORT`; discovered automatically if left out."""

    service: Service | None = None

    @model_validator(mode="after")
    def _one_way(self) -> PrometheusSettings:
        if self.url and self.service:
            raise ValueError("give url or service, not both")
        return self


class ViaSettings(_Section):
    """The cluster whose API server proxies to this one, and the path prefix (KubeSphere's `/clusters/NAME`)."""

    host: str
    prefix: str | None = Field(default=None, pattern=r"^/")


class ClusterSettings(_Section):
    """A cluster to show, under a name of the user's choice."""

    name: str = Field(min_length=1)
    context: str | None = None
    kubeconfig: str | None = None
    read_only: bool | None = None
    via: ViaSettings | None = None
    prometheus: PrometheusSettings | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ClusterSettings:
        if self.via and self.context:
            raise ValueError("give context or via, not both")
        return self


class TelemetrySettings(HttpEndpoint):
    """One engine above all clusters (Thanos, Mimir, Cortex, VictoriaMetrics) and the label that names the cluster."""

    cluster_label: str = "cluster"
    cluster_names: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _somewhere(self) -> TelemetrySettings:
        if not self.url:
            raise ValueError("url is missing; write the engine's address, such as https://thanos.example/")
        return self


class DiscoverySettings(_Section):
    """Whether to look for registries of member clusters, and to use credentials stored in them; and whether to keep on
    disk which kinds clusters serve."""

    registries: bool = DEFAULTS.discovery.registries
    adopt_credentials: bool = DEFAULTS.discovery.adopt_credentials
    cache: bool = DEFAULTS.discovery.cache


class AccessSettings(_Section):
    """The access policy and the user it applies to; `auto` takes the user that Kubernetes reports."""

    policy: str | None = None
    user: str = DEFAULTS.access.user


class GuardSettings(_Section):
    """What a weight shift watches: errors, a latency bound in ms, and the false-alarm rate it accepts."""

    errors: bool = DEFAULTS.canary.guard.errors
    latency_ms: float | None = Field(default=None, gt=0)
    alpha: float = Field(default=DEFAULTS.canary.guard.alpha, gt=0, lt=1)


class MarginSettings(_Section):
    """What does not matter, as shares from 0 to 1: a split that is off, or a canary that is worse, by less than this.

    `relative` is a part of the baseline's own share: errors and slow answers matter when they are above it by more than
    their margin and by more than this part.
    """

    split: float = Field(default=DEFAULTS.canary.margin.split, ge=0, lt=1)
    errors: float = Field(default=DEFAULTS.canary.margin.errors, ge=0, lt=1)
    slow: float = Field(default=DEFAULTS.canary.margin.slow, ge=0, lt=1)
    relative: float = Field(default=DEFAULTS.canary.margin.relative, ge=0, allow_inf_nan=False)


class CanarySettings(_Section):
    """Parameters of canary verdicts."""

    guard: GuardSettings = GuardSettings.model_construct()
    margin: MarginSettings = MarginSettings.model_construct()
    minimum_requests: int = Field(default=DEFAULTS.canary.minimum_requests, ge=1)


class HealthSettings(_Section):
    """Thresholds of health, as shares from 0 to 1; the fields of `meshtop.model.thresholds.Thresholds`."""

    http5xx_degraded: float = Field(default=DEFAULT_THRESHOLDS.http5xx_degraded, ge=0, le=1, alias="http5xxDegraded")
    http5xx_failing: float = Field(default=DEFAULT_THRESHOLDS.http5xx_failing, ge=0, le=1, alias="http5xxFailing")
    http4xx_degraded: float = Field(default=DEFAULT_THRESHOLDS.http4xx_degraded, ge=0, le=1, alias="http4xxDegraded")
    http4xx_failing: float = Field(default=DEFAULT_THRESHOLDS.http4xx_failing, ge=0, le=1, alias="http4xxFailing")
    grpc_degraded: float = Field(default=DEFAULT_THRESHOLDS.grpc_degraded, ge=0, le=1)
    grpc_failing: float = Field(default=DEFAULT_THRESHOLDS.grpc_failing, ge=0, le=1)
    no_response_degraded: float = Field(default=DEFAULT_THRESHOLDS.no_response_degraded, ge=0, le=1)
    no_response_failing: float = Field(default=DEFAULT_THRESHOLDS.no_response_failing, ge=0, le=1)
    alpha: float = Field(default=DEFAULT_THRESHOLDS.alpha, gt=0, lt=0.5)
    release: float = Field(default=DEFAULT_THRESHOLDS.release, ge=0, le=1)
    slower: float = Field(default=DEFAULT_THRESHOLDS.slower, ge=0, allow_inf_nan=False)
    slower_ms: float = Field(default=DEFAULT_THRESHOLDS.slower_ms, ge=0, allow_inf_nan=False)
    group_degraded: float = Field(default=DEFAULT_THRESHOLDS.group_degraded, gt=0, le=1)
    group_failing: float = Field(default=DEFAULT_THRESHOLDS.group_failing, gt=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> HealthSettings:
        for kind in ("http5xx", "http4xx", "grpc", "no_response", "group"):
            degraded, failing = getattr(self, f"{kind}_degraded"), getattr(self, f"{kind}_failing")
            if degraded > failing:
                name = to_camel(kind)
                raise ValueError(f"{name}Degraded ({degraded:g}) must not be above {name}Failing ({failing:g})")
        return self


def _ignored(text: str) -> str:
    code, equals, target = text.strip().partition("=")
    if not code or (equals and not target.strip()):
        raise ValueError(f"{text!r} names no finding; write CODE, or CODE=KIND NAMESPACE/NAME (* stands for anything)")
    return text


class FindingsSettings(_Section):
    """Findings on the configuration that are not to be shown: a code, or a code and the objects that it is about."""

    ignore: tuple[Annotated[str, AfterValidator(_ignored)], ...] = ()


def _slo_service(text: str) -> str:
    split_service(text)
    return text


class SloSettings(_Section):
    """An objective: which share of the requests to services must be good over a window.

    Good is what does not fail, or with `latencyMs` what is answered within so many milliseconds.
    """

    name: str = Field(min_length=1)
    service: Annotated[str, AfterValidator(_slo_service)]
    objective: Annotated[float, BeforeValidator(parse_objective, json_schema_input_type=float | str)] = Field(
        gt=0, lt=1
    )
    window: Annotated[float, BeforeValidator(_default_or_duration, json_schema_input_type=str)] = Field(
        default=USUAL_WINDOW_SECONDS, ge=3600.0
    )
    latency_ms: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _is_a_bound(self) -> SloSettings:
        if self.latency_ms is not None and self.latency_ms not in LATENCY_BOUNDS:
            below = [bound for bound in LATENCY_BOUNDS if bound < self.latency_ms][-1:]
            near = [*below, *[bound for bound in LATENCY_BOUNDS if bound > self.latency_ms][:1]]
            raise ValueError(
                f"latencyMs {self.latency_ms:g} is no bound of Istio's histogram, which does not tell between them; "
                f"write {' or '.join(f'{bound:g}' for bound in near)}"
            )
        return self


class Settings(_Section):
    """The whole of meshtop.yaml; every field has a default, so an empty file is a valid one."""

    refresh: Seconds = DEFAULTS.refresh
    window: Seconds = DEFAULTS.window
    timeout: Seconds = DEFAULTS.timeout
    read_only: bool = DEFAULTS.read_only
    clusters: tuple[ClusterSettings, ...] = ()
    telemetry: TelemetrySettings | None = None
    discovery: DiscoverySettings = DiscoverySettings.model_construct()
    tenancy: str | dict[str, Any] | None = None
    access: AccessSettings = AccessSettings.model_construct()
    canary: CanarySettings = CanarySettings.model_construct()
    health: HealthSettings = HealthSettings.model_construct()
    findings: FindingsSettings = FindingsSettings.model_construct()
    slos: tuple[SloSettings, ...] = ()
    tenant_label: str | None = None
    apdex_ms: float = Field(default=DEFAULTS.apdex_ms, gt=0, allow_inf_nan=False)
    theme: Theme | None = None
    keymap: dict[str, str] = Field(default_factory=dict)
    mouse: bool = DEFAULTS.mouse
    plots: Literal["auto", "braille", "blocks"] = DEFAULTS.plots
    remember: bool = DEFAULTS.remember
    color: Literal["auto", "always", "never"] = DEFAULTS.color
    ascii: bool = DEFAULTS.ascii

    @model_validator(mode="after")
    def _cluster_names_differ(self) -> Settings:
        names = [c.name for c in self.clusters]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"two clusters are named {', '.join(twice)}; give each its own name")
        return self

    @model_validator(mode="after")
    def _slo_names_differ(self) -> Settings:
        names = [one.name for one in self.slos]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two slos are named {', '.join(twice)}; give each its own name")
        return self


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of meshtop.yaml, for editors."""
    schema = Settings.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "meshtop.yaml"
    return schema
