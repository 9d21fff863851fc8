"""API discovery is kept on disk, confirmed by the server at each reading, and never believed without that."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from meshtop.model.evidence import ABSENT, READ
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.kept_discovery import DiscoveryFile, KeptDiscovery
from tests.sources.api import VIRTUAL_SERVICES, Api
from tests.sources.conftest import ref_to, write_kubeconfig

SERVED = [("networking.istio.io", "virtualservices", ["v1"])]


def tags(api: Api) -> list[str | None]:
    """The tag that each question about API groups came with."""
    return [headers.get("If-None-Match") for _, path, _, headers in api.asked if path == "/apis"]


async def read(api: Api, folder: Path, user: str = "me") -> KubernetesSource:
    """A run of its own: everything read once, discovery kept in the folder."""
    path = write_kubeconfig(folder / "config", api.url)
    path.write_text(path.read_text().replace("user: me", f"user: {user}").replace("name: me", f"name: {user}"))
    source = KubernetesSource(Connection(ref_to(path)), discovery_folder=folder / "cache")
    await source.list_all()
    await source.close()
    return source


def virtual_services(source: KubernetesSource) -> object:
    inventory = source.inventory()
    assert inventory is not None
    return inventory.evidence("VirtualService")


async def test_the_next_run_has_it_confirmed(api: Api, tmp_path: Path) -> None:
    api.tag = '"one"'
    for _ in range(3):
        assert virtual_services(await read(api, tmp_path)) == READ
    assert tags(api) == [None, '"one"', '"one"']
    assert len(api.asked_for(VIRTUAL_SERVICES)) == 3


async def test_what_is_no_longer_true_is_not_used(api: Api, tmp_path: Path) -> None:
    api.tag = '"one"'
    groups, api.groups = api.groups, {}
    assert virtual_services(await read(api, tmp_path)) == ABSENT
    api.tag, api.groups = '"two"', groups
    assert virtual_services(await read(api, tmp_path)) == READ
    api.tag, api.groups = '"three"', {}
    assert virtual_services(await read(api, tmp_path)) == ABSENT
    assert tags(api) == [None, '"one"', '"two"']


async def test_a_server_without_tags_is_asked_as_before(api: Api, tmp_path: Path) -> None:
    for _ in range(2):
        assert virtual_services(await read(api, tmp_path)) == READ
    assert tags(api) == [None, None]
    assert not (tmp_path / "cache").exists()


async def test_another_user_has_a_file_of_his_own(api: Api, tmp_path: Path) -> None:
    api.tag = '"one"'
    await read(api, tmp_path)
    await read(api, tmp_path, "somebody")
    assert tags(api) == [None, None]
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_the_file_is_the_users_alone_and_nothing_else_is_left(api: Api, tmp_path: Path) -> None:
    api.tag = '"one"'
    await read(api, tmp_path)
    (file,) = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def damaged(kept: KeptDiscovery) -> bytes:
    return msgspec.json.encode(kept)[:-7]


def foreign(kept: KeptDiscovery) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(kept, asked="0" * 64))


def no_tag(kept: KeptDiscovery) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(kept, tag='"one"\r\nX-Other: 1'))


@pytest.mark.parametrize(
    "spoil", [damaged, foreign, no_tag, lambda _: b"", lambda _: b"[1, 2]", lambda _: b'{"x":' + b"[" * 9999]
)
async def test_a_file_that_cannot_be_used_is_as_good_as_none(
    api: Api, tmp_path: Path, spoil: Callable[[KeptDiscovery], bytes]
) -> None:
    api.tag = '"one"'
    await read(api, tmp_path)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(spoil(msgspec.json.decode(file.read_bytes(), type=KeptDiscovery)))
    for _ in range(2):
        assert virtual_services(await read(api, tmp_path)) == READ
    assert tags(api) == [None, None, '"one"']


async def test_a_folder_that_cannot_be_written_costs_nothing(api: Api, tmp_path: Path) -> None:
    api.tag = '"one"'
    (tmp_path / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        assert virtual_services(await read(api, tmp_path)) == READ
    assert tags(api) == [None, None]


def test_what_nobody_used_for_long_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = DiscoveryFile(tmp_path, server="https://one", user=None, groups=["apps"])
    one.keep('"1"', SERVED)
    monkeypatch.setattr("meshtop.sources.kubernetes.kept_discovery._UNUSED_SECONDS", -60.0)
    DiscoveryFile(tmp_path, server="https://other", user=None, groups=["apps"]).keep('"2"', SERVED)
    assert list(tmp_path.iterdir()) == []
    assert one.last() is not None, "a run keeps what it has"


def test_another_list_of_groups_is_another_question(tmp_path: Path) -> None:
    DiscoveryFile(tmp_path, server="https://one", user=None, groups=["apps"]).keep('"1"', SERVED)
    again = DiscoveryFile(tmp_path, server="https://one", user=None, groups=["apps"]).last()
    assert again is not None
    assert again.served == SERVED
    assert DiscoveryFile(tmp_path, server="https://one", user=None, groups=["apps", "batch"]).last() is None
