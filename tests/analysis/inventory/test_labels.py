"""What labels and image names say, and the index of selectors."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.inventory.labels import SelectorIndex, canonical_name, canonical_version, image_version


@pytest.mark.parametrize(
    ("labels", "app", "version"),
    [
        ({}, "w", ""),
        ({"app": "a", "version": "v1"}, "a", "v1"),
        ({"app": "a", "app.kubernetes.io/name": "k", "version": "1", "app.kubernetes.io/version": "2"}, "k", "2"),
        ({"service.istio.io/canonical-name": "c", "app": "a"}, "c", ""),
        ({"service.istio.io/canonical-revision": "r", "version": "v"}, "w", "r"),
        ({"service.istio.io/canonical-revision": "latest", "version": "v"}, "w", ""),
        ({"version": "latest"}, "w", ""),
    ],
)
def test_canonical_names(labels: dict[str, str], app: str, version: str) -> None:
    assert (canonical_name(labels, "w"), canonical_version(labels)) == (app, version)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("proxyv2:1.30.1", "1.30.1"),
        ("docker.io/istio/proxyv2:1.30.1-distroless", "1.30.1"),
        ("reg:5000/istio/proxyv2:1.30.1-debug@sha256:00", "1.30.1"),
        ("reg:5000/istio/proxyv2", None),
        ("proxyv2@sha256:00", None),
        ("", None),
    ],
)
def test_versions_of_images(image: str, version: str | None) -> None:
    assert image_version(image) == version


pairs = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)


@given(st.lists(st.tuples(st.sampled_from("mn"), pairs), max_size=8), pairs)
@settings(max_examples=80, deadline=None)
def test_the_index_finds_what_comparing_everything_finds(
    selectors: list[tuple[str, dict[str, str]]], labels: dict[str, str]
) -> None:
    named = [(namespace, str(number), selector) for number, (namespace, selector) in enumerate(selectors)]
    expected = sorted(n for ns, n, s in named if ns == "m" and s and s.items() <= labels.items())
    assert list(SelectorIndex(named).selecting("m", labels)) == expected
