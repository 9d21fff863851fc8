"""krew's manifest of the plugin, from the archives that were built, and krew's own rules for it."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
API_VERSION = "krew.googlecontainertools.github.com/v1alpha2"
NAME = "meshtop"
_ARCHIVE = re.compile(r"meshtop-(?P<version>\d+\.\d+\.\d+)-linux-(?P<arch>[a-z0-9]+)\.tar\.gz")
_VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_PLATFORM = {"os", "arch"}


def manifest(archives: Iterable[Path], releases: str, homepage: str) -> dict[str, Any]:
    """The manifest of one version's archives, which are downloaded from below `releases`. Raises ValueError."""
    platforms, versions = [], set[str]()
    for path in sorted(archives):
        found = _ARCHIVE.fullmatch(path.name)
        if found is None:
            raise ValueError(f"{path.name} is not named as `make binary` names its archives")
        versions.add(found["version"])
        platforms.append(
            {
                "selector": {"matchLabels": {"os": "linux", "arch": found["arch"]}},
                "uri": f"{releases.rstrip('/')}/v{found['version']}/{path.name}",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "files": [{"from": "kubectl-meshtop", "to": "."}, {"from": "LICENSE", "to": "."}],
                "bin": "kubectl-meshtop",
            }
        )
    if len(versions) != 1:
        raise ValueError(f"a manifest is of one version; there are {', '.join(sorted(versions)) or 'no archives'}")
    return {
        "apiVersion": API_VERSION,
        "kind": "Plugin",
        "metadata": {"name": NAME},
        "spec": {
            "version": f"v{versions.pop()}",
            "homepage": homepage,
            "shortDescription": "Many clusters and Istio meshes in one terminal",
            "description": (
                "Reads many Kubernetes clusters and each cluster's Prometheus from a kubeconfig alone, puts them\n"
                "together into one picture of your Istio meshes, and shifts canary weights across clusters safely.\n"
                "Nothing is installed in any cluster. `kubectl meshtop` opens the console, `kubectl meshtop get\n"
                "services` prints; `kubectl meshtop --help` names every command.\n"
            ),
            "caveats": (
                "For completion, link the plugin under the name by which kubectl asks:\n"
                '  ln -s "$(command -v kubectl-meshtop)" "${KREW_ROOT:-$HOME/.krew}/bin/kubectl_complete-meshtop"\n'
            ),
            "platforms": platforms,
        },
    }


def faults(found: Mapping[str, Any], name: str) -> list[str]:
    """What krew would refuse in a manifest of that name (its internal/index/validation); empty where it is fine."""
    spec = found.get("spec") or {}
    short = spec.get("shortDescription") or ""
    checks = [
        (found.get("apiVersion") == API_VERSION, "apiVersion is not supported"),
        (found.get("kind") == "Plugin", "kind must be Plugin"),
        (re.fullmatch(r"[\w-]+", name) is not None, "the name is not allowed"),
        ((found.get("metadata") or {}).get("name") == name, "metadata.name is not the file's name"),
        (bool(short) and "\n" not in short and "\r" not in short, "shortDescription must be one line"),
        (_VERSION.fullmatch(str(spec.get("version") or "")) is not None, "version must be a semantic version with v"),
        (bool(spec.get("platforms")), "there must be a platform"),
    ]
    said = [sentence for fine, sentence in checks if not fine]
    for index, platform in enumerate(spec.get("platforms") or ()):
        said += [f"platform {index}: {sentence}" for sentence in _platform_faults(platform)]
    return said


def _platform_faults(platform: Mapping[str, Any]) -> list[str]:
    selector = platform.get("selector") or {}
    labels, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    keys = {*labels, *(one.get("key") for one in expressions)}
    files = platform.get("files")
    checks = [
        (bool(platform.get("uri")), "uri has to be set"),
        (re.fullmatch(r"[a-f0-9]{64}", str(platform.get("sha256") or "")) is not None, "sha256 is not valid"),
        (bool(platform.get("bin")), "bin has to be set"),
        (files is None or (bool(files) and all(f.get("from") and f.get("to") for f in files)), "files are not valid"),
        (bool(keys), "an empty selector is not supported"),
        (keys <= _PLATFORM, "a selector may name os and arch only"),
    ]
    return [sentence for fine, sentence in checks if not fine]


def main() -> int:
    """Write dist/meshtop.yaml of the archives in dist; RELEASES and HOMEPAGE say where they are published."""
    releases, homepage = os.environ.get("RELEASES", ""), os.environ.get("HOMEPAGE", "")
    if not releases or not homepage:
        print(
            "make krew needs to know where releases are: make krew RELEASES=https://... HOMEPAGE=https://...",
            file=sys.stderr,
        )
        return 2
    from meshtop import __version__

    dist = ROOT / "dist"
    try:
        made = manifest(dist.glob(f"meshtop-{__version__}-linux-*.tar.gz"), releases, homepage)
    except ValueError as error:
        print(f"make krew: {error}; `make binary` builds them.", file=sys.stderr)
        return 2
    (dist / f"{NAME}.yaml").write_text(yaml.safe_dump(made, sort_keys=False, width=110), encoding="utf-8")
    print(dist / f"{NAME}.yaml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
