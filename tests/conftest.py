"""What all tests share: where facts from outside the project are, and which real tools are there."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from tests import cheaper

# Nothing that is collected is garbage; `pytest_collection_finish` lets the collector begin.
gc.disable()
# A shared machine is slow now and then, which is no fault of a test; CI tries the same examples each time.
settings.register_profile("meshtop", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("meshtop")

_OWN = tempfile.TemporaryDirectory(prefix="meshtop-tests-")
"""What is remembered by programs that the tests run; whoever runs the tests has been somewhere else."""
os.environ |= {f"XDG_{kind}_HOME": os.path.join(_OWN.name, kind.lower()) for kind in ("STATE", "CACHE", "CONFIG")}

_STORIES = {"intruded", "turned_bad"}
"""Fixtures that read a simulated story."""
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "istio"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of facts from elsewhere (real CRDs, vectors, scrapes)."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the facts of ../shared/data/istio are not beside this checkout")
    return SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, and say so, what needs something that this machine does not have."""
    lacking = {
        "conformance": None if SHARED_DATA.is_dir() else "../shared/data/istio is not beside this checkout",
        "prometheus": None
        if shutil.which("prometheus") and shutil.which("promtool")
        else "prometheus is not installed",
        "browser": None if shutil.which("chromium") else "chromium is not installed",
        "kubectl": None if shutil.which("kubectl") else "kubectl is not installed",
    }
    for item in items:
        for marker, reason in lacking.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """Do once what no test needs to have done for itself."""
    cheaper.hide_what_was_imported()
    cheaper.parse_styles_once()


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Free what closed consoles and ended tests left behind in cycles, as a console does by itself in a pause."""
    if nextitem is not None:
        cheaper.collect_now_and_then()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give the tests on one story, which is simulated once for them, to one worker."""
    for fixture in _STORIES.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group(f"story-{fixture}"))
