"""What gets and reads videos as functions, as those of `interface` are."""

from collections.abc import Sequence
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.settings.build import build
from pipelines.core.spec import ClipSpec
from pipelines.fetching.catalog import DATASETS, OTHER
from pipelines.fetching.flags import make_request
from pipelines.inputs.video_folder import VideoFolder
from pipelines.process.embedding import as_library
from pipelines.reports.text import plural, some
from pipelines.samples.videos import SampleDataConfig

if TYPE_CHECKING:
    from pipelines.video.clip import Clip


def sample_data(output: str | PathLike[str], **settings: Any) -> VideoFolder:
    """Makes videos of simple activities, as `python -m pipelines.sample_data` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: finished videos
    are kept.

    Args:
        output: a local folder for the videos.
        settings: `groups=25`, `clips_per_group=3`, `tells="motion"`, `seed=0`, `workers=2`; see
            `SampleDataConfig`.

    Returns:
        The folder with its videos.

    Raises:
        UsageError: a setting or the folder can't be used; nothing was made.
        UserError: not all videos could be made; the message says why and what to do.

    Example:
        >>> videos = pipelines.sample_data("data/sample-videos", groups=5)
        >>> videos.videos["ArmSwing"]
    """
    config = build(SampleDataConfig, {"output": files.normalise(output, "output"), **settings})
    from pipelines.sample_data import make_videos

    with as_library():
        make_videos(config)
    return VideoFolder.of(config.output, (video.path for video in config.list_videos()))


def download(
    output: str | PathLike[str],
    dataset: str = "",
    *,
    url: str = "",
    archive: str | PathLike[str] = "",
    classes: Sequence[str] = (),
    insecure: bool = False,
) -> VideoFolder:
    """Downloads a dataset of videos, extracts and checks it, as `python -m pipelines.download` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: the download
    resumes, and extracted files are kept.

    Args:
        output: a local folder for the archive and, beside it, the folder of videos.
        dataset: `ucf50` (the default), `ucf101`, `hmdb51`, or `other` for another archive.
        url: downloads the archive from this address instead.
        archive: an archive on this machine, instead of downloading one.
        classes: the classes to extract; empty for all.
        insecure: downloads without checking the site's certificate.

    Returns:
        The folder with its videos.

    Raises:
        UsageError: an argument can't be used; nothing was downloaded.
        UserError: the videos aren't complete; the message says why and what to do.

    Example:
        >>> videos = pipelines.download("data", classes=["Swing", "TaiChi"])
        >>> videos.path
    """
    if dataset not in ("", OTHER, *DATASETS):
        raise UsageError(f"dataset must be one of {', '.join((*DATASETS, OTHER))}, not {dataset!r}")
    if isinstance(classes, str):
        raise UsageError(f"classes must be a list of texts, not {classes!r}")
    places = {"output": files.path_text(output, "output"), "archive": files.path_text(archive, "archive")}
    given = {**places, "dataset": dataset, "url": url, "classes": ",".join(classes), "insecure": insecure}
    request = make_request({**{name: value for name, value in given.items() if value}})
    from pipelines.download import get

    with as_library():
        got = get(request)
    if got.missing:
        raise UserError(
            f"{got.videos.folder} has no videos of {plural(len(got.missing), 'class', 'classes')} that "
            f"{request.dataset.title} should have: {some(list(got.missing))}. Check that the archive is the right one"
        )
    return VideoFolder.of(got.videos.folder, got.names)


def read_clip(path: str | PathLike[str], spec: ClipSpec, min_frames: int = 1) -> "Clip":
    """Makes the clip that `spec` describes from a local video file.

    Args:
        path: a local file.
        spec: how many frames to take, which ones, and their size.
        min_frames: a video with fewer frames is refused with `VideoTooShort`.

    Raises:
        UsageError: an argument is of another kind, or the video is in a store.
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: the file is empty or not a video.
        NoVideoStreamError: the file has no video stream.
        VideoDecodeError: less than half of the frames that the container promises are there or could be decoded.
        VideoTooShort: the video has fewer than `min_frames` frames.

    All but the first are `UserError`s whose messages name the file.

    Example:
        >>> clip = pipelines.read_clip("jump.avi", pipelines.ClipSpec(num_frames=20, height=64, width=64))
        >>> clip.frames.shape
        (20, 64, 64, 3)
    """
    local = files.normalise(path, "the video")
    files.check_here(local, "the video")
    if not isinstance(spec, ClipSpec):
        raise UsageError(f"spec must be a ClipSpec, not {type(spec).__name__}")
    if not isinstance(min_frames, Integral):
        raise UsageError(f"min_frames must be a whole number, not {min_frames!r}")
    from pipelines.video import clip
    from pipelines.video.errors import naming_video

    with naming_video(path):
        return clip.read_clip(local, spec, int(min_frames))
