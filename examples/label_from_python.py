"""Labels videos without the command line: `python examples/label_from_python.py MODEL VIDEOS OUTPUT`"""

import json
import sys
from pathlib import Path

import pipelines


def main(model: str, videos: str, output: str) -> None:
    try:
        report = pipelines.label(model=model, input=videos, output=output, min_score=0.5)
    except pipelines.UserError as error:
        sys.exit(f"not all videos are labelled: {error}")
    print(f"{report.labelled} of {report.videos} videos have labels")
    for path in sorted(Path(output).glob("labels-*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            print(f"{row['video']}  {row['start_s']:.1f} to {row['end_s']:.1f} s  {row['label']}  {row['score']:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
