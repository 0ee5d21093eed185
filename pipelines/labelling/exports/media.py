"""What exports need to know about the videos themselves: where they are, and how their frames are counted."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.files.nearest import nearest
from pipelines.files.output_folder import STATE
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.folder import read_listing
from pipelines.labelling.rows import unspelled
from pipelines.video.errors import VideoError

_UNEVEN = 0.01
"""By how much the mean frame rate may differ from the usual one before the frame rate counts as variable."""
_MOST_OFF = 1.0
"""By how many frames the number of a frame, at a constant rate, may differ from its time."""


@dataclass(frozen=True, slots=True)
class Media:
    """What a file says about a video.

    Attributes:
        fps: frames per second, the mean.
        num_frames: number of frames that are shown.
        width: width of the stored pictures, in pixels.
        height: their height.
        is_uneven: whether its frame rate is variable or frames are missing, so that a frame's number doesn't tell its
            time.
    """

    fps: float
    num_frames: int
    width: int
    height: int
    is_uneven: bool = False


@dataclass
class Videos:
    """The videos of some labels.

    Attributes:
        addresses: id to address, as the run that labelled them listed them.
        folder: where local videos are, if they were moved since; empty if they weren't.
        url: beginning of the addresses at which a browser finds the videos; empty if a server shall read local files.
        uneven: ids of the videos that were asked for and have a variable frame rate.
    """

    addresses: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    url: str = ""
    uneven: list[str] = field(default_factory=list)

    def address(self, video: VideoLabels) -> str:
        """Where a video is: an absolute path or an address in a store; a relative path if nothing else is known."""
        return self.address_of(video.video, video.uri)

    def address_of(self, name: str, uri: str) -> str:
        """The same for the video of this id, which was read from there."""
        if not files.is_local(uri):
            return uri
        if not self.folder:
            return posixpath.normpath(self.addresses.get(name) or self.addresses.get(unspelled(name), uri))
        path = files.join(self.folder, uri)
        if unspelled(uri) != uri and not files.exists(path):
            path = files.join(self.folder, unspelled(uri))
        return files.normalise(path) if not files.is_local(path) else posixpath.normpath(path)

    def media(self, video: VideoLabels) -> Media:
        """What the file of a video says about its frames. One in a store is fetched for that.

        Raises:
            UsageError: the file is missing or can't be read.
        """
        uri = self.address(video)
        try:
            with files.local_copy(uri) as path:
                found = read_media(path)
        except (VideoError, OSError) as error:
            raise UsageError(
                f"cannot count the frames of {uri}: {files.reason(error)}. "
                + (
                    f"--videos must be the folder that was labelled, in which {video.uri} is"
                    if self.folder
                    else "If the videos were moved, give their folder with --videos"
                )
            ) from error
        if found.is_uneven:
            self.uneven.append(video.video)
        return found


def find_videos(labels: str, folder: str = "", url: str = "") -> Videos:
    """The videos of the labels in a folder.

    Args:
        labels: the output of `pipelines.label`.
        folder: where the local videos are now; empty if where they were.
        url: see `Videos`.

    Raises:
        UsageError: there is no such folder of videos.
        OutputError: what the run kept about its videos is damaged.
    """
    if folder and not files.is_folder(folder):
        raise UsageError(f"--videos: there is no folder {folder}{nearest(folder)}")
    addresses: dict[str, str] = {}
    for name in [] if folder else files.list_folder(files.join(labels, STATE, "listing")):
        for video in read_listing(labels, int(name.partition(".")[0])):
            addresses[video.video_id] = video.uri
    return Videos(addresses, folder, url)


def read_media(path: str) -> Media:
    """What a local video says about its frames, by its container and its packets.

    Raises:
        VideoError: the file can't be read as a video.
    """
    from pipelines.video.frames import open_video
    from pipelines.video.survey import survey

    with open_video(path) as (_, stream):
        mean, usual = stream.average_rate, stream.base_rate
        rate = float(mean or usual or stream.guessed_rate or 0)
        if not rate > 0:
            raise VideoError("the file gives no frame rate")
        uneven = bool(mean and usual and abs(float(usual) / float(mean) - 1) > _UNEVEN)
        size = stream.codec_context.width, stream.codec_context.height
    # The container says nothing of AVI's empty slots, of gaps, and of frames that an edit list hides.
    times_s = survey(path).times_s
    uneven = uneven or bool((np.abs(times_s * rate - np.arange(len(times_s))) > _MOST_OFF).any())
    return Media(round(rate, 6), len(times_s), *size, uneven)
