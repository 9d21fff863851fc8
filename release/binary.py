"""Builds `dist/meshtop-VERSION-linux-ARCH`: the program in one file, for machines without Python.

PyInstaller freezes it into a folder; the folder is appended, compressed, to a small launcher (launcher.c) that unpacks
it once into the user's cache. PyInstaller's own one-file mode unpacks at every start, which takes a second.
Beside it stands an archive for krew, with the same file under the plugin's name.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = b"MESHTOP1"
"""What the launcher looks for; it must be the same there."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Names of processors as Go, kubectl and krew spell them."""


class BuildError(Exception):
    """Something that the build needs is missing; one sentence."""


def architecture() -> str:
    """This machine's processor, as release files name it."""
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def name_of(version: str) -> str:
    """The name of the one file of a version, for this machine."""
    return f"meshtop-{version}-linux-{architecture()}"


def frozen(folder: Path) -> Path:
    """The frozen program's folder, made below this one. Raises BuildError."""
    if shutil.which("strip") is None:
        raise BuildError("Building needs binutils (strip).")
    words = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    places = ["--distpath", str(folder / "dist"), "--workpath", str(folder / "work")]
    done = subprocess.run([*words, *places, str(ROOT / "release" / "meshtop.spec")], check=False, cwd=folder)
    if done.returncode:
        raise BuildError("PyInstaller could not freeze the program; what it said stands above.")
    return folder / "dist" / "meshtop"


def launcher(folder: Path) -> Path:
    """The compiled launcher, made in this folder, with zlib inside it. Raises BuildError."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise BuildError("Building needs a C compiler (gcc) and zlib's library (zlib1g-dev).")
    made = folder / "launcher"
    words = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-s", "-o", str(made)]
    done = subprocess.run([*words, str(ROOT / "release" / "launcher.c"), "-l:libz.a"], check=False)
    if done.returncode:
        raise BuildError("The launcher could not be compiled; it needs gcc and zlib's library (zlib1g-dev).")
    return made


def packed(program: Path) -> bytes:
    """A program's folder as a gzipped tar archive; the same folder gives the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(program.rglob("*")):
            entry = archive.gettarinfo(str(path), str(path.relative_to(program)))
            if entry.islnk():  # each file for itself: the launcher knows no links between them
                entry.type, entry.size = tarfile.REGTYPE, path.stat().st_size
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            if entry.isreg():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)
    return _gzipped(out.getvalue())


def _gzipped(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, compresslevel=6, mtime=0)


def joined(head: bytes, archive: bytes) -> bytes:
    """The launcher with an archive behind it, and the trailer by which it finds that."""
    identity = hashlib.sha256(archive).hexdigest()[:16]
    return head + archive + MARK + f"{len(head):016x}{identity}".encode()


def krew_archive(binary: Path) -> Path:
    """The archive that krew installs: the file as `kubectl-meshtop`, and the licence."""
    made = binary.with_name(f"{binary.name}.tar.gz")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, name, mode in ((binary, "kubectl-meshtop", 0o755), (ROOT / "LICENSE", "LICENSE", 0o644)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, mode
            with path.open("rb") as content:
                archive.addfile(entry, content)
    import gzip

    made.write_bytes(gzip.compress(out.getvalue(), compresslevel=1, mtime=0))
    return made


def build(out: Path) -> Path:
    """The one file, made in a folder, with krew's archive and their checksums beside it. Raises BuildError."""
    from meshtop import __version__

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="meshtop-build-") as scratch:
        folder = Path(scratch)
        head = launcher(folder).read_bytes()
        whole = joined(head, packed(frozen(folder)))
    binary = out / name_of(__version__)
    binary.write_bytes(whole)
    binary.chmod(0o755)
    files = (binary, krew_archive(binary))
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    binary.with_name(f"{binary.name}.sha256").write_text("".join(sums), encoding="utf-8")
    return binary


def main() -> int:
    """Build into the folder that is named, else `dist`; with `--where` only say where that file is."""
    from meshtop import __version__

    if sys.argv[1:] == ["--where"]:
        print(ROOT / "dist" / name_of(__version__))
        return 0
    try:
        binary = build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist")
    except BuildError as error:
        print(f"make binary: {error}", file=sys.stderr)
        return 2
    print(f"{binary} ({binary.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
