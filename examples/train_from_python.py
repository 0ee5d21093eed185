"""From videos to a prediction: `python examples/train_from_python.py VIDEOS FOLDER`"""

import sys
from pathlib import Path

import pipelines
import trainer


def main(videos: str, folder: str) -> None:
    info = pipelines.preprocess(input=videos, output=f"{folder}/data", num_frames=8, size=32)
    print({name: split.num_examples for name, split in info.splits.items()}, "clips of", ", ".join(info.labels))

    metrics = trainer.train(model="lrcn", data=f"{folder}/data", output=f"{folder}/lrcn", epochs=2, baseline=False)
    top1 = metrics["test"]["top1"]
    print(f"accuracy on unseen groups: {top1['value']:.0%} ({top1['low']:.0%} to {top1['high']:.0%})")

    model = pipelines.load_model(f"{folder}/lrcn/model")
    video = next(path for path in sorted(Path(videos).rglob("*")) if path.suffix in (".avi", ".mp4"))
    clip = pipelines.read_clip(str(video), model.info.clip_spec)
    (probabilities,) = model.predict(clip.frames[None])
    print(f"{video.name}: {model.info.labels[probabilities.argmax()]} ({probabilities.max():.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
