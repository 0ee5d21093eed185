"""Made-up accounts of labelled videos."""

from hypothesis import strategies as st

from pipelines.core.failure import Failure
from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.account import summarise
from pipelines.labelling.types import LabelledVideo, LabelReport, Segment
from tests.support.pages import strip

STRIP = strip(120)


def video(
    name: str, *segments: tuple[float, float, str, float], duration_s: float = 0.0, second: str = "Second"
) -> LabelledVideo:
    """A video with segments (start, end, label and score) and a runner-up."""
    made = tuple(Segment(a, b, label, score, ((label, score), (second, 0.05))) for a, b, label, score in segments)
    return LabelledVideo(name, f"/{name}", duration_s or made[-1].end_s, False, made)


def failure(name: str, start_s: float | None = None, kind: str = "VideoDecodeError") -> Failure:
    end_s = None if start_s is None else start_s + 4
    return Failure("decode", kind, "no frame", video_id=name, uri=f"/{name}", start_s=start_s, end_s=end_s)


def account(videos: list[LabelledVideo], failures: list[Failure] | None = None, listed: int = -1) -> LabelReport:
    strips = {(v.video, s.start_s, s.label): STRIP for v in videos for s in v.segments if s.score < 0.9}
    count = len(videos) + len({f.video_id for f in failures or []}) if listed < 0 else listed
    return summarise(videos, failures or [], count, sum(len(v.segments) for v in videos), strips)


# Few values, so that ties occur.
times = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 2.0005, 7.7777])


labels = st.sampled_from(["Run", "Sit", UNKNOWN, "\udcff"])


segments = st.lists(st.tuples(times, labels, st.sampled_from([0.0, 0.3, 0.55, 1.0])), max_size=4)
