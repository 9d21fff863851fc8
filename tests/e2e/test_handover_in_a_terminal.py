"""`!` gives the terminal to another program and takes it back; `--open` begins on the row."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.serving import served
from tests.e2e.test_console_in_a_terminal import terminal

# ctrl-c reaches whoever has the terminal only where that is the controlling one.
ON_ITS_TERMINAL = (
    sys.executable,
    "-c",
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'meshtop', *sys.argv[1:]])",
)
pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-terminal")]


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("handover")) as world:
        yield str(world.kubeconfig)


@pytest.mark.parametrize("other", ["k9s", "kubectl"])
def test_the_other_program_has_the_terminal_until_it_ends(other: str, kubeconfig: str, tmp_path: Path) -> None:
    program = tmp_path / other
    program.write_text('#!/bin/sh\necho "ARGS $*"\nread line\necho "READ $line"\n', encoding="utf-8")
    program.chmod(0o755)
    options = ("--kubeconfig", kubeconfig, "--context", "us-east", "--open", "service/shop/catalog")
    with terminal(*options, program=ON_ITS_TERMINAL, PATH=str(tmp_path)) as console:
        console.wait_for(lambda text: "ABOUT" in text and "catalog" in text, "the detail")
        console.press("!")
        console.wait_for(lambda text: "ARGS" in text, "the other program")
        words = console.written[console.written.index("ARGS") :].splitlines()[0]
        assert "--context us-east --namespace shop" in words
        assert ("--command service" if other == "k9s" else "describe service catalog") in words
        assert f"--kubeconfig {kubeconfig}" in words
        console.press("hello\r")
        if other == "kubectl":
            console.wait_for(lambda text: "READ hello" in text and "enter: back to meshtop" in text, "its end")
            console.press("\r")
        console.wait_for(lambda text: "ABOUT" in text and "ARGS" not in text, "the console again")
        console.press("!")
        console.wait_for(lambda _: console.written.count("ARGS") == 2, "the other program again")
        console.press("\x03")
        if other == "kubectl":
            console.wait_for(lambda _: console.written.count("enter: back") == 2, "its end by ctrl-c")
            console.press("\r")
        console.wait_for(lambda text: "ABOUT" in text and "ARGS" not in text, "the console, which ctrl-c did not end")
        console.press("q")
        console.wait_for(lambda text: "VMs" in text, "the services")
        console.press("\x03")
        assert console.end() == 130
        console.assert_restored()
