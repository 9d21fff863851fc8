"""`python -m meshtop.demo`: the simulated clusters as a process of their own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m meshtop.demo",
        description="Serve simulated Kubernetes clusters with their Prometheus on the loopback interface.",
    )
    parser.add_argument("--clusters", type=int, default=3, metavar="N", help="how many clusters (default 3)")
    parser.add_argument(
        "--services", type=int, metavar="N", help="services in each cluster (default: the company's own)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the same seed gives the same world (default 1)"
    )
    parser.add_argument(
        "--registry",
        default="none",
        metavar="NAME",
        help="who registers the clusters: kubefed, karmada, ocm, kubesphere, clusterprofile or none",
    )
    parser.add_argument("--world", metavar="NAME", help="how Istio is installed; see --list")
    parser.add_argument("--scenario", metavar="NAME", help="the story to tell; see --list")
    parser.add_argument(
        "--begins",
        type=float,
        metavar="SECONDS",
        help="when the story sets in, from the start (negative: it is under way)",
    )
    parser.add_argument("--list", action="store_true", help="list the worlds and the scenarios, and leave")
    parser.add_argument("--write-kubeconfig", type=Path, metavar="FILE", help="where to write the kubeconfig")
    parser.add_argument("--viewer", action="store_true", help="add a read-only context NAME-viewer for each cluster")
    parser.add_argument(
        "--host", default="127.0.0.1", choices=("127.0.0.1", "localhost"), help="the address to listen on"
    )
    parser.add_argument(
        "--port-base", type=int, metavar="PORT", help="use PORT and the ports after it, two for each cluster"
    )
    parser.add_argument("--parent-pid", type=int, metavar="PID", help="leave when that process is gone")
    return parser


def main() -> int:
    """Run the simulated clusters until stopped by a signal; returns the exit code."""
    arguments = _arguments().parse_args()
    from meshtop.demo.world.scenarios import DEFAULT, SCENARIOS
    from meshtop.demo.world.worlds.registry import USUAL, WORLDS

    if arguments.list:
        width = max(map(len, (*SCENARIOS, *WORLDS)))
        worlds = (f"  {world.name:<{width}}  {world.line}" for world in WORLDS.values())
        scenarios = (f"  {scenario.name:<{width}}  {scenario.line}" for scenario in SCENARIOS.values())
        return _print("\n".join(("Worlds:", *worlds, "", "Scenarios:", *scenarios)))
    from meshtop.demo import serve
    from meshtop.demo.world.plan import Options

    return serve.main(
        serve.Settings(
            options=Options(
                arguments.clusters, arguments.services, arguments.seed, arguments.registry, arguments.world or USUAL
            ),
            scenario=arguments.scenario or DEFAULT,
            begins=arguments.begins,
            host=arguments.host,
            port_base=arguments.port_base,
            kubeconfig=arguments.write_kubeconfig,
            viewer=arguments.viewer,
            parent=arguments.parent_pid,
        )
    )


def _print(text: str) -> int:
    """Print a text; a reader that has left is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"meshtop demo: The list cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
