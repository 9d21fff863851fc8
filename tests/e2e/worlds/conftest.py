"""Each world is served once for all that walk it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from meshtop.demo.world.plan import Options
from tests.e2e.serving import served
from tests.e2e.worlds.walking import Walk

TOGETHER = {
    "ambient": "ambient",
    "owners": "rights",
    "one-namespace": "rights",
    "own-root": "names",
    "no-mesh-id": "names",
}
"""Which worlds are walked by one worker, and by what else in this folder; a world that is read once is read for all."""
FILES = {"test_ambient": "ambient", "test_names": "names", "test_owners_and_rights": "rights"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give what walks the same worlds to the same worker."""
    walked = getattr(item, "callspec", None)
    world = walked.params.get("world") if walked is not None else None
    group = TOGETHER.get(world or "") or FILES.get(item.path.stem, "planes")
    item.add_marker(pytest.mark.xdist_group(f"worlds-{group}"))


@pytest.fixture(scope="session")
def worlds_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of whoever walks: what one reading keeps (API discovery, the journal) is there for the next."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def served_worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Walk]]:
    """Worlds by name, each served when it is first asked for, and read once."""
    known: dict[str, Walk] = {}
    with ExitStack() as stack:

        def of(world: str) -> Walk:
            if world not in known:
                folder = tmp_path_factory.mktemp(world)
                here = stack.enter_context(served(folder, options=Options(world=world), with_viewer=False))
                known[world] = Walk(here.kubeconfig)
            return known[world]

        yield of


@pytest.fixture
def walk(
    served_worlds: Callable[[str], Walk], worlds_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Walk]:
    """Whoever stands before a world of that name, in which nothing is worth worrying about.

    The environment is this test's only: other tests run in the same process afterwards.
    """
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(worlds_home))
    for name in ("KUBECONFIG", "MESHTOP_CONFIG", "MESHTOP_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return served_worlds
