"""A labelled video that plays in a notebook, with its labels as subtitles."""

from dataclasses import dataclass, field
from os import PathLike

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.failure import Failure
from pipelines.core.spec import UNIFORM_TIME, ClipSpec
from pipelines.labelling.exports.reading import read_labels
from pipelines.labelling.pages.timelines import marked, time_range
from pipelines.labelling.rows import encodable
from pipelines.labelling.subtitles import webvtt
from pipelines.labelling.types import LabelledVideo
from pipelines.reports.parts import Measure, soft, table
from pipelines.video.clip import read_clip
from pipelines.video.errors import naming_video
from pipelines.video.images import data_uri, encode_video
from pipelines.video.source import read_source

MAX_PICTURES = 600
"""Of a video, whatever its length: what a notebook stores with a cell should stay small."""
_RATE = 15
_HEIGHT_PX, _WIDTHS_PX = 240, (8, 1280)
_TOLERANCE_S = 1.0


@dataclass(frozen=True)
class LabelPlayer:
    """A video with its labels. A notebook plays it.

    Attributes:
        labels: the video's segments, in order.
        webm: the video as it is played, 240 pixels high, with at most 15 pictures a second and 600 in all.
        failures: why parts of it have no labels.
    """

    labels: LabelledVideo
    webm: bytes = field(repr=False)
    failures: tuple[Failure, ...] = ()

    def _repr_html_(self) -> str:
        rows = [(time_range(s.start_s, s.end_s), marked(s), Measure(f"{s.score:.1%}")) for s in self.labels.segments]
        doubts = [self.labels.remark] if self.labels.remark else []
        doubts += [
            f"failed from {time_range(failure.start_s, failure.end_s)}: {failure.message}"
            for failure in self.failures
            if failure.start_s is not None and failure.end_s is not None
        ]
        track = data_uri(webvtt(self.labels).encode(), "text/vtt")
        return (
            f'<video controls loop muted autoplay playsinline height="{_HEIGHT_PX}" '
            f'src="{data_uri(self.webm, "video/webm")}"><track default kind="subtitles" label="labels" srclang="en" '
            f'src="{track}"></video>{table(self.labels.video, ("time", "label", "score"), rows)}'
            f"{''.join(map(soft, doubts))}"
        )


def play(video: str | PathLike[str], labels: str | PathLike[str]) -> LabelPlayer:
    """Shows a labelled video, with its labels as subtitles.

    Args:
        video: a local video file that was labelled.
        labels: folder of the labels. Of all names in them, the one counts that the path ends in.

    Raises:
        UsageError: there are no complete labels, they are damaged, or none of them are those of the video.
        UserError: the labels can't be read.
        VideoError: the video can't be read.

    Example:
        >>> pipelines.label(model="runs/lrcn/model", input="new/", output="labels/")
        >>> pipelines.play("new/jump.avi", labels="labels/")
    """
    path, folder = files.normalise(video, "the video"), files.normalise(labels, "the labels")
    if not files.is_local(path):
        raise UsageError(f"{video} is in a store. Download it to play it")
    try:
        ends = f"/{path}", encodable(f"/{path}")  # tables spell bytes out that are not UTF-8
        ours = [found for found in read_labels(folder) if any(end.endswith(f"/{found.video}") for end in ends)]
    except OSError as error:
        raise UserError(f"cannot read the labels in {folder}: {files.reason(error)}") from error
    if not ours:
        raise UsageError(f"{folder} has no labels of {video}. Label it, or choose another folder or video")
    found = max(ours, key=lambda found: len(found.video))
    if not found.segments:
        raise UsageError(f"{found.video} has no labels in {folder}, as it failed: {found.failures[0].message}")
    name, segments = found.video, found.segments
    with naming_video(video):
        source = read_source(path)
        duration_s = read_clip(path, ClipSpec(1, 8, 8)).duration_s
    width = 2 * round(source.width * _HEIGHT_PX / source.height / 2)  # even, as the encoder needs
    width = min(max(width, _WIDTHS_PX[0]), _WIDTHS_PX[1])
    end_s = max(segment.end_s for segment in segments)
    if end_s > duration_s + _TOLERANCE_S:
        raise UsageError(
            f"{video} is {duration_s:.1f} s long, but the labels of {name} in {folder} end at {end_s:.1f} "
            "s: they are those of another video. Label this one"
        )
    count = max(1, min(MAX_PICTURES, round(duration_s * _RATE)))
    clip = read_clip(path, ClipSpec(count, _HEIGHT_PX, width, UNIFORM_TIME))
    times_s = [index * duration_s / count for index in range(count)]
    # VP8 plays in every browser, and in the notebooks of editors, which lack codecs that need a licence.
    webm = encode_video(clip.frames, times_s, "webm", "libvpx", {"deadline": "good", "cpu-used": "5", "b": "500k"})
    return LabelPlayer(
        LabelledVideo(name, path, duration_s, clip.damaged, segments, found.remark), webm, found.failures
    )
