"""Runs the Dockerfile without Docker: `python -m tests.support.run_dockerfile --videos DIR --output DIR`, as root.

Its instructions are executed in order in a Debian tree made by debootstrap, with Debian's own Python in the image's
version. Then commands are run in the result as `docker run` would: as the image's user, with its environment,
through its entrypoint, and without a network. All mounts are in a namespace of this process and vanish with it. The
image's files are left in the output folder.

Exit codes: 0 if all is well, 77 if this machine can't do it (with the reason), others if something is wrong.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import ROOT
from tests.support import image_bases, image_checks
from tests.support.dockerfile import EXPANDED, Instruction, Stage, context_files, expand, pairs, parse

SKIPPED = 77
_NETWORK = (  # passed on to a build's commands, as by `docker build --build-arg HTTP_PROXY`
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "UV_INDEX_URL",
    "UV_DEFAULT_INDEX", "PIP_DEFAULT_TIMEOUT",
)  # fmt: skip
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass
class Image:
    """A tree of files, and the image's settings for running it."""

    tree: Path
    environment: dict[str, str]
    user: str = "0:0"
    folder: str = "/"
    labels: dict[str, str] = field(default_factory=dict)
    healthcheck: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)

    def command(self, arguments: Sequence[str], more: Mapping[str, str] | None = None) -> list[str]:
        """The command prefix that runs a command in the image as its user, without this process's environment."""
        home = {"HOME": "/root" if self.user == "0:0" else "/home/har"}
        environment = [f"{name}={value}" for name, value in {**home, **self.environment, **(more or {})}.items()]
        inside = ["/usr/bin/env", "-i", "-C", self.folder, *environment, *arguments]
        return ["chroot", f"--userspec={self.user}", "--groups=", str(self.tree), *inside]


class Build:
    """Executes the instructions of one stage.

    Args:
        image: the base, which becomes the image.
        root: the build context, which is sent to Docker.
        stages: trees of earlier stages; None for one that isn't available here, so that nothing is copied from it.
    """

    def __init__(self, image: Image, root: Path, stages: Mapping[str, Path | None]) -> None:
        self.image, self._root, self._stages = image, root, stages
        self._context = context_files(root, (root / ".dockerignore").read_text())
        self._arguments: dict[str, str] = {}

    def run(self, stage: Stage) -> None:
        for instruction in stage.instructions:
            print(f"line {instruction.line}: {instruction.name} {instruction.text[:90]}", flush=True)
            text = instruction.text
            if instruction.name in EXPANDED:
                text = expand(text, {**self._arguments, **self.image.environment})
            self._execute(instruction, text)

    def _execute(self, instruction: Instruction, text: str) -> None:
        image, command = self.image, instruction.arguments() or ["/bin/sh", "-c", instruction.text]
        match instruction.name:
            case "ARG":
                self._arguments.update(pairs(text))
            case "ENV":
                image.environment.update(pairs(text))
            case "LABEL":
                image.labels.update(pairs(text))
            case "USER":
                image.user = text
            case "WORKDIR":
                image.folder = os.path.join(image.folder, text)
                self._inside(image.folder).mkdir(parents=True, exist_ok=True)
            case "HEALTHCHECK":
                image.healthcheck = command
            case "ENTRYPOINT":
                image.entrypoint = command
            case "RUN":
                self._run(instruction)
            case "COPY":
                self._copy(instruction, text)

    def _run(self, instruction: Instruction) -> None:
        network = {name: os.environ[name] for name in _NETWORK if name in os.environ}
        for name in ("PIP_CERT", "SSL_CERT_FILE"):
            network[name] = _CERTIFICATES
        with contextlib.ExitStack() as mounts:
            for flag in instruction.flags:
                options = dict(item.partition("=")[::2] for item in flag.removeprefix("mount=").split(","))
                if options.get("type") != "cache":
                    raise ValueError(f"line {instruction.line}: --{flag} is not known here")
                cache = Path.home() / Path(options["target"]).relative_to("/root")
                cache.mkdir(parents=True, exist_ok=True)
                mounts.enter_context(_bound(cache, self._inside(options["target"])))
            for path in (_CERTIFICATES, "/etc/resolv.conf"):
                if Path(path).exists():
                    mounts.enter_context(_bound(Path(path).resolve(), self._inside(path)))
            subprocess.run(self.image.command(["/bin/sh", "-c", instruction.text], network), check=True)

    def _copy(self, instruction: Instruction, text: str) -> None:
        *sources, target = text.split()
        path = self._inside(os.path.join(self.image.folder, target))
        into_folder = target.endswith("/") or len(sources) > 1
        if stage := instruction.flag("from"):
            if (tree := self._stages[stage]) is None:
                print("  left out: there is no stand-in for that image here")
                return
            for source in sources:
                shutil.copytree(tree / source.lstrip("/"), path, symlinks=True, dirs_exist_ok=True)
            return
        for source in sources:
            found = [name for name in self._context if name == source or name.startswith(f"{source}/")]
            if not found:
                raise FileNotFoundError(f"line {instruction.line}: {source} is not sent to Docker, see .dockerignore")
            for name in found:
                inner = os.path.relpath(name, source) if name != source else os.path.basename(name) * into_folder
                copied = path / inner if inner else path
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._root / name, copied)
                os.chown(copied, 0, 0)

    def _inside(self, path: str) -> Path:
        return self.image.tree / path.lstrip("/")


@contextlib.contextmanager
def _bound(source: Path, target: Path) -> Iterator[None]:
    """Mounts a file or folder of this machine in the tree while the block runs."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.touch()
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


def build(tree: Path) -> Image:
    """Executes the Dockerfile in a new folder."""
    *before, last = parse((ROOT / "Dockerfile").read_text())
    stages: dict[str, Path | None] = {}
    for stage in before:
        if stage.instructions:
            raise ValueError(f"{stage.name}: only the last stage may have instructions here")
        stages[stage.name] = image_bases.launcher_tree(stage.base)
    subprocess.run(["cp", "-a", "--reflink=auto", str(image_bases.python_tree(last.base)), str(tree)], check=True)
    _mount_devices(tree)
    path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    building = Build(Image(tree, {"PATH": path, "LANG": "C.UTF-8"}), ROOT, stages)
    building.run(last)
    return building.image


def _mount_devices(tree: Path) -> None:
    for kind, place in (("proc", "proc"), ("tmpfs", "dev")):
        subprocess.run(["mount", "-t", kind, kind, str(tree / place)], check=True)
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        subprocess.run(["mknod", "-m", "666", str(tree / "dev" / name), "c", "1", str(minor)], check=True)
    (tree / "dev/shm").mkdir(mode=0o1777)
    (tree / "dev/fd").symlink_to("/proc/self/fd")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--videos", required=True, type=Path, help="tree of videos for the preprocess runs in the image"
    )
    parser.add_argument("--output", required=True, type=Path, help="new folder: the image's files and these datasets")
    parser.add_argument("--arguments", default="", help="more arguments of pipelines.preprocess")
    options = parser.parse_args()
    if reason := image_bases.missing():
        print(f"skipped: {reason}")
        return SKIPPED
    if os.getpid() != 1:
        # Restarts this as the first process of a namespace, so that whatever it mounts or starts ends with it.
        sys.stdout.flush()
        command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        os.execvp("unshare", [*command, sys.executable, "-m", "tests.support.run_dockerfile", *sys.argv[1:]])
    options.output.mkdir(parents=True, exist_ok=True)
    image = build(options.output / "image")
    image_checks.check(image, options.videos, options.output, options.arguments.split())
    return 0


if __name__ == "__main__":
    sys.exit(main())
