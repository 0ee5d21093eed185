"""How to load a model, as its card says it. The blocks run as they stand, beside the folder `model`."""

from pipelines.core.model_info import ModelInfo
from trainer.evaluation.card.writing import fenced

_KERAS = """
import keras
import trainer.networks.build  # the layers that Keras doesn't have

network = keras.models.load_model("model/model.keras", compile=False)
logits = network(clips, training=False)  # before the temperature
"""


def loading(info: ModelInfo, has_keras: bool) -> str:
    """The command and the programs; the last two need none of this project's code, or Keras as well.

    Args:
        info: what model_info.json holds.
        has_keras: whether there is a Keras file that this project can load.
    """
    spec = info.clip_spec
    ours = """
import pipelines

model = pipelines.load_model("model")
clip = pipelines.read_clip("video.mp4", model.info.clip_spec)
probabilities = model.predict(clip.frames[None])  # in the order of model.info.labels
"""
    plain = f"""
import tensorflow as tf

serve = tf.saved_model.load("model/{info.saved_model}").signatures["serving_default"]
clips = tf.zeros((1, {spec.num_frames}, {spec.height}, {spec.width}, 3), tf.uint8)  # RGB
probabilities = serve({info.input_name}=clips)["{info.output_name}"]
"""
    label = "python -m pipelines.label --model model --input videos --output labels"
    blocks = [
        "These run beside this folder, if it is called `model`. With the package `har-pipelines`:\n\n"
        f"{fenced('bash', label)}\n{fenced('python', ours)}",
        "With TensorFlow alone, where `model_info.json` says how frames are chosen and scaled to this size; scaling of "
        f"pixels and calibration are inside:\n\n{fenced('python', plain)}",
    ]
    if has_keras:
        blocks.append(f"As a Keras model, to train on:\n\n{fenced('python', _KERAS)}")
    return "\n".join(blocks)
