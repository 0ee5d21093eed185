"""A run's settings on its dataset: which clips are on which side, how long and how fast to train; and the training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import keras

from pipelines.cli import tool
from pipelines.core.errors import UsageError
from pipelines.dataset.info import DatasetInfo, Note
from pipelines.reports.text import plural, some
from trainer.config import TrainConfig
from trainer.data.augment import choose
from trainer.data.check import OpenDataset
from trainer.data.clips import Clips, Reading
from trainer.data.features import Features
from trainer.data.index import index_of, read_index
from trainer.data.parts import Index, Part, Parts, cut_parts, missing_classes
from trainer.data.weights import class_weights, head_weights
from trainer.data.windows import choose_windows, share_videos
from trainer.evaluation import results
from trainer.export.start import Start
from trainer.files import storage
from trainer.files.copies import Copies
from trainer.files.initial import read_initial
from trainer.networks.build import build_model
from trainer.networks.streams import EYE, Appearance, eye_of
from trainer.training.choices import choose_compile, choose_rate, said_of_frames
from trainer.training.devices import Devices, why_no_compiler
from trainer.training.identity import batch_of, identity_of
from trainer.training.learner import Learner, Learning
from trainer.training.loop import Loop
from trainer.training.predict import Trained, predict, predict_alone
from trainer.training.rates import multipliers
from trainer.training.schedule import Plan, choose_length
from trainer.training.seeds import seeded

PRETRAINED_RATE = 0.1
"""Of the learning rate, for pretrained layers: they mustn't lose what they know while the others are still random."""
_AHEAD = 4
"""Steps that may be under way on a GPU: enough that it never waits for Python, few enough to find NaN soon."""


class Run:
    """A configuration on a dataset: everything that follows from it before training, and the training.

    Args:
        config: the settings; also an attribute, as are dataset and devices.
        dataset: what to train on.
        devices: where to train.
        copies: copies of the dataset's shards; None for a local dataset. Also an attribute.
        features: what the pretrained network sees in the dataset, if that is known. Also an attribute.

    Attributes:
        info: the dataset's description.
        checkpoints: the folder of the checkpoints that the configuration asks for.
        parts: the sides.
        windows: which clips of `train` an epoch takes.
        appearance: the pretrained network, if there is to be one.
        start: the model to start from; None without one.
        seen: groups of test that this model has learnt from.
        augmentations: those of training clips; `note` says why one is left out.
        loss_weights: of the classes.
        global_batch: clips in a step, over all devices.
        learning_rate: its peak.
        sides: the clips of `val` and `test`.
        indices: ids, groups and labels of those.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: OpenDataset,
        devices: Devices,
        copies: Copies | None = None,
        features: Features | None = None,
    ) -> None:
        self.config, self.dataset, self.devices, self.copies = config, dataset, devices, copies
        self.features = features
        self.info: DatasetInfo = dataset.info
        self.checkpoints = storage.join(config.output, results.CHECKPOINTS)
        stored = cache(partial(read_index, dataset.uri, self.info))

        def index(part: Part) -> Index:
            found = index_of(part, stored)
            return Clips(self.info, part, Reading(1), copies=copies).index() if found is None else found

        self.augmentations, self.note = choose(config.augment, self.info.labels)
        if features:
            self.augmentations, self.note = features.augmented(self.augmentations, self.note)
        parts = cut_parts(self.info, partial(storage.join, dataset.uri), config, index)
        in_train = index_of(parts.sides["train"], stored)
        self.windows = choose_windows(config.windows, parts.sides["train"], in_train)
        self.indices = {name: index(parts.sides[name]) for name in ("val", "test")}
        leaky = parts.leaky or share_videos([*([in_train] if in_train else []), *self.indices.values()])
        self.parts: Parts = replace(parts, sides={**parts.sides, "train": self.windows.part}, leaky=leaky)
        self.appearance = Appearance(config.appearance, config.train_appearance, config.appearance_weights)
        self.start: Start | None = None
        if config.init:
            initial = read_initial(config.init, config.model, config.variant, config.appearance)
            self.start = Start(initial, self.info.labels, self.info.clip_spec, config.layer_decay)
        self.seen = self.start.initial.seen(self.parts.sides["test"].groups) if self.start else []
        weigh = head_weights if self.info.multi_label else class_weights
        self.loss_weights = weigh(self.windows.class_counts, config.class_weights)
        batch = batch_of(config, self.info, devices)
        self._identity = identity_of(config, dataset, devices)
        self.global_batch: int = self._identity["global_batch_size"]
        self.learning_rate = choose_rate(config.learning_rate, config.batch_size, batch)
        self.sides = {name: self._clips(name, single_frame=False) for name in ("val", "test")}

    def announce(self) -> None:
        """Tells the user what is trained on what, and about problems of the data; only one of several workers does."""
        if not self.devices.is_chief:
            return
        config, parts = self.config, self.parts
        counts = ", ".join(f"{part.num_clips} {name}" for name, part in parts.sides.items())
        tool.say(
            f"{config.model} ({config.variant}){self._with_appearance} on {config.data}: "
            f"{len(self.info.labels)} classes, {counts} clips; "
            f"{self.devices.description}; global batch {self.global_batch}, learning rate {self.learning_rate:g}"
        )
        _, height, width, _ = self.info.clip_spec.shape
        for note in said_of_frames(height, width) if self.appearance else ():
            tool.say(note)
        if parts.leaky:
            how = "random split" if parts.protocol == "random" else "split of the dataset"
            tool.say(f"WARNING: {how}: clips of one group are on both sides. The scores will be too good to be true")
        if self.seen:
            tool.say(
                f"WARNING: --init: that model has learnt from {plural(len(self.seen), 'group')} of test: "
                f"{some(self.seen)}. The scores will be too good to be true"
            )
        elif self.start and self.start.initial.groups is None:
            tool.say("note: which groups the model of --init has learnt from is not known: none should be in test")
        for side, names in missing_classes(parts, self.info.labels).items():
            tool.say(f"WARNING: {side} has no clip of {plural(len(names), 'class', 'classes')}: {some(names)}")
        for warning in self.warnings:
            tool.say(f"WARNING: {warning}")
        for note in filter(None, (parts.note, self.note, self.windows.note)):
            tool.say(f"note: {note}")

    @property
    def warnings(self) -> list[str]:
        """What preprocessing has said of the dataset that may make the scores misleading."""
        return [note.text for note in map(Note.parse, self.dataset.info.notes) if note.is_warning]

    @property
    def _with_appearance(self) -> str:
        trained = {"none": "as it is", "last": "its last stage trained", "all": "all of it trained"}
        chosen = self.appearance
        return f" with {chosen.name}, {trained[chosen.train]}," if chosen else ""

    def fit(
        self,
        folder: str,
        single_frame: bool = False,
        on_epochs: Callable[[Sequence[Mapping[str, float]], int], None] | None = None,
    ) -> Trained:
        """Trains the network, or resumes its training, and predicts `val` and `test`. Every worker has to take part.

        Args:
            folder: of the checkpoints.
            single_frame: train and test on single frames, the baseline.
            on_epochs: see `Loop`.

        Raises:
            UserError: see `Loop.run`.
        """
        config, devices = self.config, self.devices
        frames, height, width, channels = self.info.clip_spec.shape
        shape = (1 if single_frame else frames, height, width, channels)
        build: Callable[[], keras.Model]
        build = partial(build_model, config.model, config.variant, shape, len(self.info.labels), self.appearance)
        start = None if single_frame else self.start
        if start:
            with seeded(config.seed):
                start.load()
            build = start.started(build)
        settings = config.weight_decay, config.label_smoothing, config.clip_norm, config.ema
        shares = self.windows.class_shares if self.info.multi_label else ()
        slow = {EYE: PRETRAINED_RATE} if self.appearance.train != "none" else {}

        def rates(network: keras.Model) -> list[float]:
            return multipliers(network, slow, start.rates if start else {})

        learning = Learning(*settings, self.loss_weights, shares, rates)
        train = self._clips("train", single_frame)
        steps = train.training_steps(0)
        epochs, patience = choose_length(config.epochs, config.patience, steps)
        compiled = self._compiled(epochs * steps)

        def make_learner(devices: Devices) -> Learner:
            return Learner(devices, build, learning, config.seed, compiled, self.features is not None)

        plan = Plan(
            title="single-frame baseline" if single_frame else config.model,
            folder=folder,
            epochs=epochs,
            learning_rate=self.learning_rate,
            warmup_epochs=config.warmup_epochs,
            patience=patience,
            checkpoint_every_s=config.checkpoint_every_s,
            identity={**self._identity, "single_frame": single_frame},
            ahead=_AHEAD if devices.on_gpu else 0,
        )
        sides = {name: self._clips(name, single_frame) for name in self.sides} if single_frame else self.sides
        in_float32 = partial(make_learner, replace(devices, precision="float32"))
        learner = make_learner(devices)
        if self.features:
            self.features.check_eye(eye_of(learner.model))
        if start and devices.is_chief:
            tool.say(start.sentence)
        loop = Loop(
            devices, learner, train, sides["val"], self.indices["val"], plan, on_epochs,
            None if devices.precision == "float32" else in_float32,
        )  # fmt: skip
        state = loop.run()
        said = {name: predict(devices, loop.learner, clips, self.indices[name]) for name, clips in sides.items()}
        alone = {} if single_frame else predict_alone(devices, loop.learner, sides["test"], self.indices["test"])
        return Trained(loop.learner, state, said["val"], said["test"], alone)

    def _compiled(self, steps: int) -> bool:
        """Whether XLA compiles the steps of a run.

        Raises:
            UsageError: `compile` is `on`, but XLA can't compile here.
        """
        config, devices = self.config, self.devices
        network = (config.model, config.appearance if self.appearance else config.variant)
        batch, replicas = self.global_batch, devices.num_replicas
        wanted = choose_compile(config.compile, devices.on_gpu, replicas, config.deterministic, network, steps, batch)
        if wanted and (reason := why_no_compiler()):
            if config.compile == "on":
                raise UsageError(f"--compile on: XLA can't compile here ({reason}). Train with --compile off")
            tool.say(f"note: training steps aren't compiled, because XLA can't compile here ({reason})")
            return False
        return wanted

    def _clips(self, side: str, single_frame: bool) -> Clips:
        config, devices = self.config, self.devices
        reading = Reading(
            batch_size=self.global_batch // devices.num_replicas,
            replicas=devices.local_replicas,
            worker=devices.worker,
            num_workers=devices.num_workers,
            augmentations=self.augmentations if side == "train" else (),
            single_frame=single_frame,
            shuffle_buffer=config.shuffle_buffer,
            seed=config.seed,
        )
        return Clips(self.info, self.parts.sides[side], reading, config.cache, self.copies, self.features)

    def pictures(self, side: str) -> Clips:
        """The clips of `val` or `test` with their frames, whatever the network is given."""
        if not self.features:
            return self.sides[side]
        return Clips(self.info, self.parts.sides[side], Reading(self.global_batch), copies=self.copies)
