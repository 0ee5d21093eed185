"""The software that reads videos and writes records: the runner with its decoders, checksums, FFmpeg and OpenCV."""

from collections.abc import Iterator

from pipelines.diagnosis.finding import INSTALL_AGAIN, Finding, load
from pipelines.reports.text import plural

SECTION = "decoding"
_CODECS = (
    *("h264", "hevc", "av1", "vp8", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "prores", "dnxhd", "dvvideo"),
    *("msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "h263", "flv1", "theora", "gif", "ffv1"),
)
"""Codecs of videos. H.264 is also called AVC, HEVC H.265."""
_DECODERS = {
    **{codec: (codec,) for codec in _CODECS},
    "av1": ("libdav1d", "libaom-av1"),  # FFmpeg's own `av1` needs a GPU
    "msmpeg4v3": ("msmpeg4",),
    "flv1": ("flv",),
}
"""FFmpeg's decoders of each codec that run on any processor."""


def check_runner() -> Finding:
    """Which engine `--runner=DirectRunner` starts here, and with how many decoder processes. Imports Beam."""
    name = "runner"
    runners = load("pipelines.engines.runners", SECTION, name)
    if isinstance(runners, Finding):
        return runners
    from pipelines.cli.beam_flags import LOCAL_RUNNER
    from pipelines.engines.engine import num_decoders

    try:
        engine = runners.make_engine(LOCAL_RUNNER, (), (), "doctor", {})
    except OSError as error:  # Beam creates a folder for temporary files
        remedy = "Make room in the folder for temporary files, or set TMPDIR to another one"
        return Finding(SECTION, name, "not usable", f"Beam can't start: {error.strerror or error}", remedy)
    count = plural(num_decoders(0, engine), "decoder process", "decoder processes")
    return Finding(SECTION, name, f"{engine.description} with {count}")


def check_checksums() -> Finding:
    """Which implementation calculates the checksums of records; the one in Python is hundreds of times slower."""
    name = "CRC-32C"
    crc = load("google_crc32c", SECTION, name)
    if isinstance(crc, Finding):
        return crc
    value = f"google-crc32c, implementation {crc.implementation}"
    if crc.implementation == "c":
        return Finding(SECTION, name, value)
    problem = "checksums are calculated in Python, which is very slow"
    return Finding(SECTION, name, value, problem, "pip install --force-reinstall --only-binary :all: google-crc32c")


def check_decoders() -> Iterator[Finding]:
    """FFmpeg as bundled with PyAV, its codecs, and OpenCV."""
    av = load("av", SECTION, "PyAV")
    if isinstance(av, Finding):
        yield av
    else:
        parts = ", ".join(f"{name} {'.'.join(map(str, numbers))}" for name, numbers in av.library_versions.items())
        yield Finding(SECTION, "PyAV", f"{av.__version__}, FFmpeg {av.ffmpeg_version_info} ({parts})")
        yield check_codecs({name for names in _DECODERS.values() for name in names if _can_decode(av, name)})
    yield _check_opencv()


def _can_decode(av: "object", name: str) -> bool:
    try:
        av.Codec(name, "r")  # type: ignore[attr-defined]
    except ValueError:  # the class of PyAV's UnknownCodecError
        return False
    return True


def check_codecs(decoders: set[str]) -> Finding:
    """Which of the usual codecs can be read.

    Args:
        decoders: names of FFmpeg's decoders that are available.
    """
    readable = [codec for codec, names in _DECODERS.items() if decoders.intersection(names)]
    missing = [codec for codec in _CODECS if codec not in readable]
    value = ", ".join(readable)
    if not missing:
        return Finding(SECTION, "codecs", value)
    problem = f"videos of these codecs can't be read: {', '.join(missing)}"
    remedy = "pip install --force-reinstall --only-binary :all: av: its wheels have all of them"
    return Finding(SECTION, "codecs", value or "none", problem, remedy)


def _check_opencv() -> Finding:
    """OpenCV resizes pictures and writes them as JPEG and PNG."""
    name = "OpenCV"
    cv2 = load("cv2", SECTION, name)
    if isinstance(cv2, Finding):
        return cv2
    import numpy as np

    picture = np.zeros((8, 8, 3), np.uint8)
    lacks = [kind for kind in ("jpg", "png") if not (cv2.haveImageWriter(f"x.{kind}") and _encodes(cv2, kind, picture))]
    if not lacks:
        return Finding(SECTION, name, f"{cv2.__version__}, writes JPEG and PNG")
    return Finding(SECTION, name, cv2.__version__, f"it can't write {' and '.join(lacks)}", INSTALL_AGAIN)


def _encodes(cv2: "object", kind: str, picture: "object") -> bool:
    done, _ = cv2.imencode(f".{kind}", picture)  # type: ignore[attr-defined]
    return bool(done)
