"""The files of Beam's engines, fetched into .engines/ by Maven and Go."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".engines"
JARS = {
    "flink": ("org.apache.beam:beam-runners-flink-1.19:{beam}", "org.slf4j:slf4j-simple:1.7.30"),
    "spark": (
        "org.slf4j:slf4j-api:2.0.7",
        "org.apache.spark:spark-streaming_2.12:3.5.9",
        "org.apache.beam:beam-runners-spark-3:{beam}",
    ),
}
PRISM = ("github.com/apache/beam/sdks/v2", "go/cmd/prism")
INSTEAD = {"flink": "2.62.0", "spark": "2.62.0", "prism": "2.73.0"}
"""Versions of Beam to use if the registry doesn't serve the locked one, as partial mirrors don't."""
TOOLS = {"flink": ("java", "mvn"), "spark": ("java", "mvn"), "prism": ("go",), "workers": ()}
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
NOT_SERVED = re.compile(r"Could not find artifact|was not found in|not available|unknown revision|40[34] |410 Gone")


class EngineError(Exception):
    """An error message for the user and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def locked_beam() -> str:
    """The version of Beam in the lock file."""
    found = re.search(r"^apache-beam(?:\[[\w,]*\])?==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    if not found:
        raise EngineError("requirements.lock names no version of apache-beam", 2)
    return found[1]


def workers_python() -> Path:
    """The interpreter of Beam's workers: that of the jobs, as only the same Beam understands what a job sends."""
    active = sys.prefix != sys.base_prefix and importlib.util.find_spec("apache_beam")
    return Path(sys.executable) if active else ROOT / ".venv" / "bin" / "python"


def fetch(engine: str) -> Path:
    """The folder of an engine's files, which are fetched if they are missing."""
    if missing := [tool for tool in TOOLS[engine] if not shutil.which(tool)]:
        raise EngineError(f"{engine} needs {' and '.join(missing)}, which this machine lacks. Install it", 2)
    if engine == "workers":
        if not workers_python().exists():
            raise EngineError("workers run in .venv, which doesn't exist: run scripts/setup first", 2)
        return ROOT
    wanted = locked_beam()
    for version in dict.fromkeys((wanted, INSTEAD[engine])):
        folder = CACHE / f"{engine}-{version}"
        refused = CACHE / f"{engine}-{version}.not-served"
        if (folder / "complete").exists():
            break
        if refused.exists():
            continue
        say(f"fetching {engine} of Beam {version} ...")
        output = (_fetch_prism if engine == "prism" else _fetch_jars)(engine, version, folder)
        if not output:
            (folder / "complete").touch()
            break
        shutil.rmtree(folder)
        if version != wanted or not NOT_SERVED.search(output):
            raise EngineError(f"{engine} of Beam {version} can't be fetched:\n{output[-2000:].strip()}", 3)
        refused.touch()
    if version != wanted:
        say(f"note: the registry doesn't serve {engine} of Beam {wanted}, which the lock names; this is {version}")
    return folder


def _fetch_jars(engine: str, version: str, folder: Path) -> str:
    """What Maven says if it fails; empty otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [name.format(beam=version).split(":") for name in JARS[engine]]
    tags = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{number}</version></dependency>"
        for group, name, number in parts
    )
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>local</groupId>'
        f"<artifactId>{engine}</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{tags}</dependencies></project>"
    )
    environment = {"MAVEN_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", **os.environ}  # halves the time it takes
    command = ["mvn", "-B", "-q", "-ntp", COPY_JARS, "-DincludeScope=runtime", "-DoutputDirectory=lib"]
    return _run(command, folder, environment)


def _fetch_prism(engine: str, version: str, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    module, package = PRISM
    (folder / "go.mod").write_text("module local\n")
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    output = _run(["go", "get", f"{module}@v{version}"], folder, environment)
    return output or _run(["go", "build", "-o", str(folder / "prism"), f"{module}/{package}"], folder, environment)


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if not done.returncode:
        return ""
    return (done.stdout + done.stderr).strip() or f"{command[0]} ended with {done.returncode}"


def say(text: str) -> None:
    """Shows progress on stderr, apart from the address on stdout."""
    print(text, file=sys.stderr, flush=True)
