"""Describe: what the clusters say of a thing right now, by a few GETs that are sent when the page is opened."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from meshtop.console.host import host_of
from meshtop.console.replay import NOBODY_ASKED
from meshtop.console.screens.object import ClusterPage, ClusterPagesScreen
from meshtop.views.frame.detail import find_item

if TYPE_CHECKING:
    from textual.screen import Screen

    from meshtop.console.screens.base import MeshScreen
    from meshtop.model.shown_object import DescribedObject
    from meshtop.views.reports.object_report import WantedObject


class DescribeScreen(ClusterPagesScreen):
    """Conditions, pods with their restarts and why, images and recent Events, cluster by cluster."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("D", "dismiss", "back", id="describe.back", show=False),
        Binding("r", "again", "read again", id="describe.again"),
    ]

    KEYS: ClassVar[str] = "tab next cluster · / search · r read again · c copy · esc back"
    WRAPS: ClassVar[bool] = True

    def __init__(self, wanted: WantedObject, cluster: str) -> None:
        super().__init__(f"Cluster {wanted.name}" if not wanted.kind else wanted.title)
        self._wanted = wanted
        self._cluster = cluster

    def ask(self) -> Future[Any] | None:
        """The object with its pods and Events, of every cluster; a cluster of itself."""
        wanted = self._wanted
        only = () if wanted.kind else (wanted.name,)
        return host_of(self).session.ask(
            lambda observatory: observatory.described(wanted.kind, wanted.namespace, wanted.name, clusters=only)
        )

    def pages_of(self, read: Sequence[DescribedObject]) -> tuple[list[ClusterPage], str]:
        """What each cluster says; those without the thing are left out."""
        from meshtop.views.reports.describe import described_pages

        host = host_of(self)
        access = host.picture.access if host.picture is not None else None
        wanted = self._wanted
        pages = described_pages(read, access, wanted.namespace, host.now(), self._cluster)
        nothing = "The access policy hides it." if access is not None and read else "No cluster has it any more."
        thing = f" {wanted.title.replace(wanted.kind, wanted.kind.partition('.')[0], 1)}" if wanted.kind else ""
        return [ClusterPage(f"{name}{thing}", lines) for name, lines in pages], nothing

    def action_again(self) -> None:
        """Ask the clusters once more."""
        self.on_mount()


def describe_screen(screen: MeshScreen, subjects: Sequence[tuple[str, str]]) -> Screen[Any] | str:
    """The screen that describes the first of some things (kind and key); a sentence where it cannot be described."""
    from meshtop.views.reports.describe import wanted_description

    if screen.host.replay is not None:
        return NOBODY_ASKED
    picture = screen.host.picture
    item = find_item(picture, *subjects[0]) if picture is not None and subjects else None
    wanted = wanted_description(picture, subjects[0][0], item) if picture is not None and item is not None else None
    if wanted is None:
        return "D describes a workload, service, route, virtual machine or cluster: select a row of one."
    return DescribeScreen(wanted, getattr(item, "cluster", ""))
