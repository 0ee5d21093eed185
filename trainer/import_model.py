"""Makes a model directory from a classifier that was trained elsewhere, so that videos can be labelled with it.

  python -m trainer.import_model --saved-model their_model --labels labels.txt \\
    --num-frames 20 --size 64 --scale 0-1 --output models/theirs
  python -m trainer.import_model --keras convlstm.h5 --labels labels.txt --num-frames 20 --size 64 --scale 0-1 \\
    --channels bgr --sampling notebook --interpolation bilinear --output models/convlstm

--channels, --scale, --sampling, --resize and --interpolation describe the clips that the model was trained on; its
file doesn't contain them, and a wrong one costs accuracy without an error. The public notebooks on UCF50 read and
resize pictures with OpenCV and divide them by 255: their models need the settings of the second example, or
--channels rgb where the notebook swaps colours (cv2.COLOR_BGR2RGB). The result is a model directory like those that
`trainer.task` writes.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.core.versions import OF_MODEL, versions
from pipelines.process.tensorflow_start import start_tensorflow
from trainer import import_flags
from trainer.evaluation.card.keeping import CARD, sealed
from trainer.evaluation.card.model_card import render_card
from trainer.evaluation.places import refuse_other_folder
from trainer.files import storage
from trainer.import_flags import Request

if TYPE_CHECKING:
    from trainer.export.adapter import Adapter


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    return import_flags.make_parser(__doc__)


def run(arguments: Sequence[str]) -> int:
    """Runs the tool.

    Raises:
        UserError: something is wrong that the user can change.
    """
    request = import_flags.parse(arguments, __doc__)
    storage.check_stores(request.output)
    refuse_other_folder(request.output)
    start_tensorflow()
    # TensorFlow, whose import takes seconds, is needed only from here on.
    from pipelines.process.tensorflow_start import exact_float32
    from trainer.export.adapter import Adapter, sample_clips
    from trainer.export.foreign import open_keras, open_saved_model
    from trainer.export.keras_model import weights_fingerprint
    from trainer.export.model_folder import KERAS_MODEL, check_saved_model, staged, write_saved_model

    source = str(request.source)
    if request.is_keras:
        foreign = open_keras(source)
    else:
        foreign = open_saved_model(source, request.signature, len(request.labels), request.trust)
    clips = sample_clips(request.clip_spec)
    with exact_float32():
        adapter = Adapter.make(
            foreign, source, request.clip_spec, request.labels, request.scale, request.channels, request.outputs, clips
        )
        info = ModelInfo(
            request.name, "imported", request.clip_spec, tuple(sorted(request.labels)),
            parameters=sum(array.size for array in foreign.weights), versions=versions(OF_MODEL),
            imported=adapter.to_json(),
        )  # fmt: skip
        info = replace(
            info, fingerprint=weights_fingerprint(f"{foreign.architecture} {info.imported}", foreign.weights, info)
        )
        with staged(request.output) as built:
            folder = f"{built}/{info.saved_model}"
            write_saved_model(folder, adapter.logits, foreign.resources, info)
            check_saved_model(folder, info, clips, adapter.logits(clips).numpy())
            if foreign.keeps_file:
                shutil.copyfile(source, f"{built}/{KERAS_MODEL}")
            card = render_card(info, None, storage.size_of_tree(folder), foreign.keeps_file)
            Path(built, CARD).write_text(sealed(card), encoding="utf-8")
            Path(built, MODEL_INFO).write_text(info.to_json())
    print(_summary(request, adapter, info))
    return EXIT_OK


def _summary(request: Request, adapter: "Adapter", info: ModelInfo) -> str:
    foreign = adapter.foreign
    found = " (found out from sample clips)" if request.outputs == "auto" else ""
    order = ", without the numbers before them" if request.numbered else ""
    order += "" if request.labels == info.labels else ", sorted, together with the outputs"
    spec = info.clip_spec
    pixels = f"{spec.num_frames} frames of {spec.height}x{spec.width}, {adapter.channels}, scaled to {adapter.scale}"
    twice = ""
    if foreign.rescales and adapter.scale != "0-255":
        twice = (
            f"note: the model scales values in {foreign.rescales}. If these are pixels, it was trained on 0-255: give "
            f"--scale 0-255, unless its makers scaled them to {adapter.scale} before\n"
        )
    return (
        f"found: {foreign.description}; {info.parameters:,} parameters\n"
        f"input: {pixels}; sampling {spec.sampling}, resize {spec.resize}, interpolation {spec.interpolation}\n"
        f"{twice}"
        f"outputs: {adapter.outputs}{found}, {len(info.labels)} labels{order}\n"
        f"{request.output}: model {info.name}, fingerprint {info.fingerprint}"
    )


def main() -> None:
    """Entry point of the command line."""
    sys.exit(tool.run_tool(run, sys.argv[1:]))


if __name__ == "__main__":
    main()
