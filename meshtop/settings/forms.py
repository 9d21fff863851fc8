"""How the settings write what they name: namespaces by selectors, a Service, kinds of groups.

It stands apart from the schemas, because analyses need it where there is no settings file to be checked.
"""

from __future__ import annotations

import re

SERVICE = re.compile(r"(?:(https?):)?([^/:]+)/([^/:]+):([^/:]+)(/.*)?")
"""`NAMESPACE/NAME:PORT` of a Service, with a scheme before and a path after it where it needs them."""
GROUP_KINDS = ("traffic", "security", "gateway")


def split_selector(text: str) -> tuple[str, str]:
    """`CLUSTER/NAMESPACE` in two; a cluster's name may hold slashes (as ARNs do), a namespace's cannot."""
    cluster, _, namespace = text.rpartition("/")
    return cluster, namespace


def selector_matches(selector: str, cluster: str, namespace: str) -> bool:
    """Whether a selector matches this namespace of this cluster."""
    own_cluster, own_namespace = split_selector(selector)
    return own_cluster in ("*", cluster) and _means(own_namespace, namespace)


def meet(left: str, right: str) -> bool:
    """Whether some namespace could match both selectors."""
    (cluster1, namespace1), (cluster2, namespace2) = split_selector(left), split_selector(right)
    if "*" not in (cluster1, cluster2) and cluster1 != cluster2:
        return False
    if namespace1.endswith("*") and namespace2.endswith("*"):
        one, two = namespace1[:-1], namespace2[:-1]
        return one.startswith(two) or two.startswith(one)
    return _means(namespace1, namespace2) or _means(namespace2, namespace1)


def _means(pattern: str, namespace: str) -> bool:
    return namespace.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == namespace
