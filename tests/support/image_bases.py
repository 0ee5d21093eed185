"""Stand-ins for the base images, built once and kept in ~/.cache/har-images."""

import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "har-images"
_BEAM_GO = "github.com/apache/beam/sdks/v2"


def missing() -> str:
    """Why images can't be built on this machine; empty if they can."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "a Debian tree can only be made as root"
    for tool in ("debootstrap", "chroot", "unshare"):
        if not shutil.which(tool):
            return f"{tool} is not installed (Debian, Ubuntu: apt install debootstrap)"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "this process may not make namespaces"
    return ""


def python_tree(base: str) -> Path:
    """A Debian tree with Python in /usr/local, like the image `python:X.Y-slim-RELEASE`.

    Debian's Python and a virtual environment at /usr/local stand for a Python that was compiled there. Debian's Python
    looks for packages in dist-packages, which is linked to the environment's own folder, so that environments created
    by a worker see the image's packages, as they do in the real image.

    Raises:
        ValueError: there is no stand-in for this image.
    """
    match = re.fullmatch(r"python:(\d\.\d+)-slim-(\w+)", base)
    if not match:
        raise ValueError(f"there is no stand-in for {base}")
    python, release = match[1], match[2]
    tree = CACHE / f"{release}-python{python}"
    if tree.exists():
        return tree
    made = _temporary()
    print(f"making a tree of Debian {release} with Python {python} in {tree} (once)", flush=True)
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates,python3-venv", release, str(made)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"debootstrap ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    subprocess.run(["chroot", str(made), f"/usr/bin/python{python}", "-m", "venv", "/usr/local"], check=True)
    library = made / f"usr/local/lib/python{python}"
    shutil.rmtree(library / "dist-packages", ignore_errors=True)
    (library / "dist-packages").symlink_to("site-packages")
    shutil.rmtree(made / "var/cache/apt/archives")
    return _keep(made, tree)


def launcher_tree(base: str) -> Path | None:
    """A tree with Beam's worker launcher where `apache/beam_pythonX.Y_sdk:VERSION` has it; None where Go is missing.

    It is compiled from the sources of that version, or of the next one that is available as a Go module.

    Raises:
        ValueError: there is no stand-in for this image.
    """
    match = re.fullmatch(r"apache/beam_python\d\.\d+_sdk:(\d+\.\d+\.\d+)", base)
    if not match:
        raise ValueError(f"there is no stand-in for {base}")
    tree = CACHE / f"launcher-{match[1]}"
    if tree.exists():
        return tree
    if not shutil.which("go"):
        print("Go is not installed: no worker launcher of Beam here", flush=True)
        return None
    made = _temporary()
    version = _go_version(match[1])
    print(f"compiling Beam's worker launcher of {version} into {tree} (once)", flush=True)
    folder = made / "opt/apache/beam"
    folder.mkdir(parents=True)
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
    subprocess.run(["go", "install", f"{_BEAM_GO}/python/container@{version}"], env=environment, check=True)
    (folder / "container").rename(folder / "boot")
    return _keep(made, tree)


def _go_version(wanted: str) -> str:
    """The version to use: for example `v2.73.0` where `2.72.0` is missing."""
    text = subprocess.run(
        ["go", "list", "-m", "-versions", _BEAM_GO], capture_output=True, text=True, check=True
    ).stdout
    releases = [version for version in text.split() if re.fullmatch(r"v[\d.]+", version)]
    return next(version for version in releases if _numbers(version) >= _numbers(wanted))


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _temporary() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / f"tmp-{uuid.uuid4().hex}"
    made.mkdir(mode=0o755)
    return made


def _keep(made: Path, tree: Path) -> Path:
    """Renames a finished tree to its final name, unless another process was faster."""
    try:
        made.rename(tree)
    except OSError:
        if not tree.exists():
            raise
        shutil.rmtree(made)
    return tree
