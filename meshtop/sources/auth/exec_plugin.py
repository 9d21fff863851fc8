"""Credential plugins, run without a terminal and without input, and with a time limit.

The official `kubernetes` package hands a plugin the terminal's input and error output whenever its own output
is a terminal, waits for it without limit, and logs its failures. In a console none of that may happen, so the
plugin's command, arguments and environment come from the package (`meshtop.sources.auth.official`) and only the
running is ours.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshtop.model.state import State
from meshtop.model.text import clean
from meshtop.sources.auth.remedies import plugin_remedy
from meshtop.sources.problem import SourceProblem

_PARALLEL = threading.BoundedSemaphore(8)
"""Maximum number of plugins running at the same time, as fifty clusters may need fifty of them."""
_LONGEST_LINE = 300


class ProcessGuard:
    """Kills a plugin from another thread, when its answer is no longer needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Guard a process; it is killed immediately if `kill` was called before."""
        with self._lock:
            self._process = process
            killed = self._killed
        if killed:
            self.kill()

    def detach(self) -> None:
        """Release a process that ended by itself, since its number may be reused."""
        with self._lock:
            self._process = None

    def kill(self) -> None:
        """Kill the process and everything that it started."""
        with self._lock:
            self._killed = True
            process = self._process
            if process is not None and process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    process.kill()


def run_plugin(
    plugin: Mapping[str, Any],
    *,
    arguments: list[str],
    environment: Mapping[str, str],
    cluster: str,
    limit_seconds: float,
    guard: ProcessGuard,
) -> dict[str, Any]:
    """Run a plugin and return the `status` of the ExecCredential that it prints.

    Its input is empty, it has no controlling terminal, what it writes to its error output is kept for the message.
    Raises SourceProblem (denied, with the command that renews the login) when it fails, takes longer than
    `limit_seconds`, wants to ask something, or prints something else.
    """
    if plugin.get("interactiveMode") == "Always":
        raise _denied(plugin, cluster, "asks for input, which is not possible here")
    with _PARALLEL:
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            raise _cannot_run(plugin, cluster, error) from None
        guard.attach(process)
        try:
            output, errors = process.communicate(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            guard.kill()
            process.communicate()
            raise _denied(plugin, cluster, f"gave no answer within {limit_seconds:g} s") from None
        finally:
            guard.detach()
    if process.returncode != 0:
        raise _denied(plugin, cluster, f"failed (exit code {process.returncode})", errors)
    return _status(plugin, cluster, output, errors)


def exec_info(plugin: Mapping[str, Any], cluster: Mapping[str, Any] | None) -> str:
    """KUBERNETES_EXEC_INFO for a plugin; `cluster` is the kubeconfig's cluster if the plugin requests it."""
    spec: dict[str, Any] = {"interactive": False}
    if cluster is not None and plugin.get("provideClusterInfo"):
        told = {key: value for key, value in cluster.items() if key not in ("extensions", "certificate-authority")}
        authority = cluster.get("certificate-authority")
        if authority and "certificate-authority-data" not in told:
            told["certificate-authority-data"] = base64.b64encode(Path(authority).read_bytes()).decode()
        for extension in cluster.get("extensions") or ():
            if isinstance(extension, Mapping) and extension.get("name") == "client.authentication.k8s.io/exec":
                told["config"] = extension.get("extension")
        spec["cluster"] = told
    return json.dumps({"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec})


def _status(plugin: Mapping[str, Any], cluster: str, output: bytes, errors: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        # Its output is not shown: it may be a bare token.
        raise _denied(plugin, cluster, "printed no credential", errors) from None
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, dict):
        raise _denied(plugin, cluster, "printed no credential", errors)
    if answer.get("apiVersion") != plugin.get("apiVersion"):
        raise _denied(
            plugin,
            cluster,
            f"answered with {answer.get('apiVersion')} instead of {plugin.get('apiVersion')} as in the kubeconfig",
        )
    return status


def _denied(plugin: Mapping[str, Any], cluster: str, what: str, errors: bytes = b"") -> SourceProblem:
    said = _last_line(errors)
    message = f"The credential plugin of {cluster} ({plugin.get('command')}) {what}"
    return SourceProblem(State.DENIED, f"{message}: {said}" if said else f"{message}.", plugin_remedy(plugin), code=401)


def _cannot_run(plugin: Mapping[str, Any], cluster: str, error: OSError) -> SourceProblem:
    hint = plugin.get("installHint")
    remedy = " ".join(str(hint).split()) if hint else f"Install {plugin.get('command')}, or put it on PATH."
    reason = "is not installed" if isinstance(error, FileNotFoundError) else f"cannot run: {error.strerror}"
    return SourceProblem(
        State.DENIED, f"The credential plugin of {cluster} ({plugin.get('command')}) {reason}.", remedy, code=401
    )


def _last_line(errors: bytes) -> str:
    """The end of a plugin's error output, as one line without control characters."""
    said = " ".join(clean(errors.decode("utf-8", "replace")).split())
    return said if len(said) <= _LONGEST_LINE else "… " + said[-_LONGEST_LINE:]
