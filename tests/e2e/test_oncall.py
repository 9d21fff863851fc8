"""docs/oncall.md as it is written: sshd's forced command, and nginx before `serve`."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.docs.test_pages import page
from tests.e2e.serving import LIMIT, environment, served, until
from tests.e2e.test_console_in_a_terminal import terminal

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-oncall")]
WHERE = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SSHD, NGINX = shutil.which("sshd", path=WHERE), shutil.which("nginx", path=WHERE)
TOKEN = "a-long-secret"


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("oncall")) as world:
        yield str(world.kubeconfig)


def block(language: str, containing: str) -> str:
    """A block of the page."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page("docs/oncall.md"), re.DOTALL | re.MULTILINE)
    found = [text for name, text in blocks if name == language and containing in text]
    assert len(found) == 1
    return str(found[0])


def program(folder: Path, kubeconfig: str) -> Path:
    """`meshtop-oncall` as the page has it, with this checkout's program and the demo's kubeconfig."""
    made = folder / "meshtop-oncall"
    text = block("sh", "exec")
    for before, after in (
        ("/usr/local/bin/meshtop ", f"env PYTHONPATH={Path(__file__).parents[2]} {sys.executable} -m meshtop "),
        ("/etc/meshtop/oncall.yaml", "none"),
        ("/etc/meshtop/oncall.kubeconfig", kubeconfig),
    ):
        assert before in text
        text = text.replace(before, after)
    made.write_text(text, encoding="utf-8")
    made.chmod(0o755)
    return made


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(
    SSHD is None or os.geteuid() != 0 or not has_user("sshd"), reason="needs sshd with its user, and root to start it"
)
def test_every_login_is_the_console_and_nothing_else(kubeconfig: str, tmp_path: Path) -> None:
    assert SSHD is not None
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    forced = block("", "ForceCommand").replace("Match User oncall", "Match User root")
    forced = forced.replace("/usr/local/bin/meshtop-oncall", str(program(tmp_path, kubeconfig)))
    port = free_port()
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"PermitRootLogin prohibit-password\nPasswordAuthentication no\nAuthorizedKeysFile {tmp_path / 'user.pub'}\n"
        f"{forced}",
        encoding="utf-8",
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: is_listening(port) or server.poll() is not None, "sshd")
        assert server.poll() is None, server.communicate()[1]
        ssh = [
            "ssh", "-F", "none", "-p", str(port), "-i", str(tmp_path / "user"), "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes",
        ]  # fmt: skip
        # What comes after the host is the user's; the options of this test's terminal are such words too.
        with terminal("sh", "-c", "echo broken", program=(*ssh, "-tt", "root@127.0.0.1", "--")) as console:
            shown = console.wait_for(lambda text: "us-east" in text and "quit" in text, "the console")
            assert "broken" not in shown
            console.press("!")
            console.wait_for(lambda text: "This console is read-only" in text, "that nothing is handed over")
            console.press("q")
            assert console.end() == 0
        done = subprocess.run(
            [*ssh, "root@127.0.0.1", "id"], capture_output=True, text=True, check=False, timeout=LIMIT
        )
        assert done.returncode == 2
        assert "uid=" not in done.stdout
        assert "The console needs a terminal" in done.stderr
    finally:
        server.terminate()
        server.communicate(timeout=LIMIT)


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
async def test_a_browser_reaches_it_through_the_proxy_with_the_token_alone(kubeconfig: str, tmp_path: Path) -> None:
    assert NGINX is not None
    behind, front = free_port(), free_port()
    location = block("nginx", "proxy_pass").replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    config = tmp_path / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {tmp_path / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {tmp_path / 'pid'}; error_log stderr; {'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{}} http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{front}; {location} }} }}",
        encoding="utf-8",
    )
    serving = subprocess.Popen(
        [sys.executable, "-m", "meshtop", "--config", "none", "--kubeconfig", kubeconfig, "--read-only", "serve",
         "--port", str(behind)],
        env=environment(MESHTOP_SERVE_TOKEN=TOKEN), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    proxy = subprocess.Popen([NGINX, "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: (is_listening(behind) and is_listening(front)) or proxy.poll() is not None, "both servers")
        assert proxy.poll() is None
        origin = f"http://127.0.0.1:{front}"
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.get(origin) as refused:
                assert refused.status == 401
            async with session.get(f"{origin}/?token={TOKEN}") as opened:
                assert opened.status == 200
                assert str(opened.url) == f"{origin}/"
                assert f'data-session-websocket-url="ws://127.0.0.1:{front}/ws"' in await opened.text()
            socket_ = await session.ws_connect(f"{origin}/ws?width=110&height=30", headers={"Origin": origin})
            shown = b""
            while b"us-east" not in shown:
                message = await socket_.receive(LIMIT)
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)
                shown += message.data if isinstance(message.data, bytes) else message.data.encode()
            await socket_.close()
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{origin}/ws", headers={"Origin": "http://evil.example"})
    finally:
        for process in (proxy, serving):
            process.terminate()
            process.wait(LIMIT)
