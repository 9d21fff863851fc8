"""Broken objects applied to the demo give their findings; the calm demo has no error among them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from meshtop.model.asked import EVERYTHING_WITH_FINDINGS
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.sources.kubernetes.manifests import manifests
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.analyze import ReadFiles, analyze_changes, laid_over
from tests.e2e.security.running import LIMIT_SECONDS, demo, rows

BROKEN = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: to-nowhere, namespace: shop}
spec: {hosts: [catalog], http: [{route: [{destination: {host: gone}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: subset, namespace: checkout}
spec: {hosts: [payments.test], http: [{route: [{destination: {host: checkout, subset: v99}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: nobody, namespace: shop}
spec: {host: catalog, subsets: [{name: v99, labels: {version: v99}}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: no-pods, namespace: shop}
spec: {selector: {istio: nothing}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-all, namespace: shop}
spec: {}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: odd, namespace: shop}
spec: {hosts: catalog}
"""


def test_the_calm_demo_has_no_error_and_six_broken_objects_give_theirs() -> None:
    async def once(kubeconfig: str) -> Picture:
        observatory = open_observatory(
            Settings(), kubeconfig=kubeconfig, timeout_seconds=LIMIT_SECONDS, asked=EVERYTHING_WITH_FINDINGS
        )
        try:
            return Picture(await observatory.once(plaintext=True))
        finally:
            await observatory.close()

    with demo("calm", "--clusters", "2") as kubeconfig:
        before = asyncio.run(once(kubeconfig))
    judged = [row for row in rows(before, "findings") if row["istCode"] or row["code"].startswith("CONFIG-")]
    assert [row for row in judged if row["severity"] == "error"] == []
    read = manifests([BROKEN])
    files = [ReadFiles(cluster="", inventory=read.inventory, misread=read.misread)]
    after = Picture(laid_over(before.snapshot, files))
    found = analyze_changes(before, after, files, Query()).items
    told = {(item.kind, item.name, item.code) for item in found if item.severity != "info"}
    assert told >= {
        ("VirtualService", "to-nowhere", "IST0101"),
        ("VirtualService", "subset", "IST0101"),
        ("DestinationRule", "nobody", "IST0173"),
        ("Gateway", "no-pods", "IST0101"),
        ("AuthorizationPolicy", "deny-all", "CONFIG-DENY-ALL"),
        ("VirtualService", "odd", "IST0106"),
    }
    touched = {item.name: item.requests_per_second for item in found if item.code in ("CONFIG-DENY-ALL", "IST0173")}
    assert all(rate for rate in touched.values()), "calls are really touched, and the finding says how many"
    order = [item.severity for item in found]
    assert order == sorted(order, key=["error", "warning", "info"].index)


def test_the_program_itself_says_so(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    command = [sys.executable, "-m", "meshtop", "--config", "none", "analyze", str(path), "-o", "json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert run.returncode == 1
    items: list[dict[str, Any]] = json.loads(run.stdout)["items"]
    assert ("IST0106", "odd") in {(item["code"], item["name"]) for item in items}
