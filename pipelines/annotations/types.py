"""An annotated stretch of a video, whatever file it was read from."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Annotation:
    """A stretch of a video and what happens in it.

    Attributes:
        video: path or id of the video as the file gives it.
        start_s: its start, in seconds from the video's first frame; None for the whole video.
        end_s: its end, exclusive; None for the whole video.
        labels: names of the classes; none where a person says that nothing of interest happens.
        group: group of videos that share a source; empty if it isn't given.
        split: name of the split; empty if it isn't given.
        score: how certain it is, from 0 to 1; None from people.
        place: where it stands, such as `line 12` or `database.v_7.annotations[3]`, for messages.
        is_unfamiliar: whether it is a model's, which found it unlike what it was trained on: the label isn't to be
            trusted, however high its score.
        frame_s: how long a frame of the video is, where the file counts times in frames; 0 where it doesn't.
    """

    video: str
    start_s: float | None
    end_s: float | None
    labels: tuple[str, ...]
    group: str = ""
    split: str = ""
    score: float | None = None
    place: str = ""
    is_unfamiliar: bool = False
    frame_s: float = field(default=0.0, compare=False)
