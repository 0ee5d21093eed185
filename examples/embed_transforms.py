"""Clips and labels in a Beam pipeline of your own: `python examples/embed_transforms.py MODEL VIDEO...`"""

import sys
from collections.abc import Iterator

import apache_beam as beam

import pipelines


def brightness(clip: pipelines.VideoClip) -> Iterator[str]:
    yield f"{clip.uri}: {clip.frames.shape[0]} frames of mean brightness {clip.frames.mean():.1f}"


def segment(row: dict) -> str:
    return f"{row['uri']}: {row['start_s']:.1f} to {row['end_s']:.1f} s {row['label']} ({row['score']:.2f})"


def main(model: str, uris: list[str]) -> None:
    spec = pipelines.ClipSpec(num_frames=20, height=64, width=64)
    with beam.Pipeline() as pipeline:
        videos = pipeline | beam.Create(uris)
        clips, unread = videos | "Read" >> pipelines.ReadClips(spec).with_failures()
        rows, unlabelled = videos | "Label" >> pipelines.LabelVideos(model).with_failures()
        clips | "Brightness" >> beam.FlatMap(brightness) | "PrintClips" >> beam.Map(print)
        rows | "Segment" >> beam.Map(segment) | "PrintSegments" >> beam.Map(print)
        failures = (unread, unlabelled) | beam.Flatten()
        failures | beam.Map(lambda failure: f"{failure.uri}: {failure.message}") | "PrintFailures" >> beam.Map(print)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
