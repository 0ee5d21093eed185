"""Made-up entries of a ledger."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from pipelines.core.failure import Failure
from pipelines.labelling.ledger import Entry
from pipelines.labelling.plan import ListedVideo
from pipelines.video.windows import Window

KEY = "key"


LABELS = ("Jump", "Run", "Wave")


NO_UTF8 = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)  # how Python represents such bytes in file names


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | NO_UTF8, max_size=6)


PARTS = ("0:2", "2:4")


def failed(video: str, start_s: float | None = None, transient: bool = False) -> Failure:
    end_s = None if start_s is None else start_s + 1
    return Failure("decode", "Broken", "no", transient, video, f"/{video}", start_s=start_s, end_s=end_s)


def strip(video: str, index: int) -> str:
    return f"strip of {video} {index}"


def entry(video: str = "a", part: str = "", parts: tuple[str, ...] = (), seed: int = 0, **other: Any) -> Entry:
    """The windows of a part, or of a video of four windows."""
    first, _, end = (part or "0:4").partition(":")
    windows = tuple(Window(i, float(i), i + 1.0) for i in range(int(first), int(end)))
    drawn = np.random.default_rng([seed, *map(ord, video + part)]).random((len(windows), 3)).astype(np.float32)
    values: dict[str, Any] = {
        "video": video, "version": "1", "key": KEY, "part": part, "parts": parts, "num_windows": len(windows),
        "duration_s": 4.0, "damaged": False, "windows": windows,
        "probabilities": drawn / drawn.sum(axis=1, keepdims=True), "failures": (),
        "strips": {w.index: strip(video, w.index) for w in windows},
    }  # fmt: skip
    return Entry(**{**values, **other})


def whole_failure(video: str = "a", transient: bool = False) -> Entry:
    nothing = np.zeros((0, 0), np.float32)
    return entry(video, windows=(), probabilities=nothing, strips={}, num_windows=1, duration_s=0.0,
                 failures=(failed(video, transient=transient),))  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    times = st.floats(0, 1e6)
    indices = draw(st.lists(st.integers(0, 99), unique=True, max_size=4))
    windows = tuple(Window(i, draw(times), draw(times)) for i in sorted(indices))
    count = draw(st.integers(1, 3)) if windows else 0
    values = draw(st.lists(st.floats(0, 1, width=32), min_size=len(windows) * count, max_size=len(windows) * count))
    failures = st.builds(
        Failure, TEXT, TEXT, TEXT, st.booleans(), TEXT, TEXT, st.none(), st.none() | times, st.none() | times
    )
    return Entry(
        draw(TEXT), draw(TEXT), draw(TEXT), draw(TEXT), tuple(draw(st.lists(TEXT, max_size=3))),
        draw(st.integers(0, 99)), draw(times), draw(st.booleans()), windows,
        np.array(values, np.float32).reshape(len(windows), count), tuple(draw(st.lists(failures, max_size=2))),
        draw(st.dictionaries(st.integers(0, 99), TEXT, max_size=2)),
        unfamiliar=np.array(values[: len(windows)], np.float32) if windows and draw(st.booleans()) else None,
        embeddings=np.array(values, np.float16).reshape(len(windows), -1) if windows and draw(st.booleans()) else None,
    )  # fmt: skip


def shard(num_videos: int = 30) -> tuple[list[ListedVideo], list[Entry]]:
    """Videos, some of which are cut or failed, and their entries."""
    listed, found = [], []
    for i in range(num_videos):
        name = f"v{i:02}\udcff" if i % 7 == 0 else f"v{i:02}"
        listed.append(ListedVideo(name, f"/{name}", "1"))
        if i % 5 == 1:
            found.append(whole_failure(name))
        elif i % 5 == 2:
            found += [entry(name, part, PARTS) for part in PARTS]
        else:
            found.append(entry(name, failures=(failed(name, 2.0),) if i % 5 == 3 else (), damaged=i % 5 == 4))
    return listed, found
