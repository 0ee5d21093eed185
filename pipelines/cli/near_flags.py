"""Suggests the flag that was probably meant by an unknown one."""

from collections.abc import Sequence
from difflib import get_close_matches

_MEANT = {
    "batch-size": ("batch", "bs", "minibatch", "minibatch-size"),
    "bigquery-table": ("bigquery", "table", "bq-table"),
    "checkpoint-every-s": ("checkpoint-every", "save-every", "checkpoint-interval"),
    "classes": ("class", "labels", "categories"),
    "class-weights": ("balance", "balanced", "weights", "weighting"),
    "clip-norm": ("gradient-clip", "grad-clip", "clipnorm", "max-grad-norm"),
    "compile": ("xla", "jit"),
    "config": ("conf", "cfg", "settings", "yaml", "config-file"),
    "data": ("input", "dataset", "data-dir", "input-dir", "in", "i"),
    "disk-limit-mb": ("disk", "disk-limit", "cache", "cache-size", "cache-mb", "max-disk"),
    "dry-run": ("dry", "simulate", "plan"),
    "epochs": ("num-epochs", "n-epochs", "iterations", "steps"),
    "folds": ("fold", "k", "num-folds", "n-folds", "kfold", "k-fold", "logo"),
    "format": ("output-format", "fmt", "file-format"),
    "fold": ("folds", "k-fold"),
    "input": ("data", "dataset", "videos", "video", "in", "i", "source", "src", "input-dir", "manifest", "folder"),
    "keras": ("h5", "keras-model", "model", "weights"),
    "learning-rate": ("lr", "rate", "step-size"),
    "limit": ("max-videos", "num-videos", "max", "head", "n", "first"),
    "max-failure-rate": ("max-failures", "failure-rate", "allowed-failures"),
    "memory-limit-mb": ("memory", "ram", "memory-limit", "max-memory"),
    "min-score": ("threshold", "confidence", "min-confidence", "score-threshold", "min-probability"),
    "model": ("network", "net", "arch", "architecture", "model-dir", "saved-model", "checkpoint", "weights"),
    "num-frames": ("frames", "clip-length", "clip-len", "sequence-length", "seq-len", "nframes", "n-frames", "t"),
    "output": ("out", "o", "outdir", "out-dir", "output-dir", "dest", "destination", "target", "to", "run-dir"),
    "overwrite": ("force", "replace", "clobber", "f", "anew", "restart"),
    "patience": ("early-stopping", "early-stop"),
    "precision": ("mixed-precision", "amp", "fp16", "bf16", "dtype"),
    "saved-model": ("model", "model-dir"),
    "seeds": ("seed",),
    "shards": ("num-shards", "n-shards", "files", "num-files"),
    "size": ("image-size", "img-size", "frame-size", "resolution", "width", "height", "dim", "pixels"),
    "split-seed": ("seed",),
    "splits": ("split", "val-split", "test-split", "test-size", "validation-split", "fractions"),
    "strategy": ("gpu", "gpus", "device", "devices", "distribute"),
    "stride-s": ("stride", "step", "hop", "hop-s"),
    "time-limit-s": ("timeout", "time-limit", "timeout-s", "max-time"),
    "top-k": ("top", "topk", "k", "num-classes"),
    "weight-decay": ("wd", "decay", "l2"),
    "webvtt": ("subtitles", "vtt", "captions"),
    "window-s": ("window", "window-size", "window-length", "clip-seconds"),
    "workers": ("jobs", "j", "threads", "processes", "procs", "num-workers", "cores", "cpus"),
}
"""By flag, other words for what it sets. A word may appear at several flags: a tool suggests the one that it has."""


def near_flag(flag: str, known: Sequence[str], cutoff: float = 0.6) -> str:
    """`; did you mean --x?`, with the flag that was probably meant by an unknown one; empty if none is near.

    Args:
        flag: the unknown flag, as it was given.
        known: all flags of the tool.
        cutoff: how similar two flags must be, from 0 to 1.
    """
    plain = {_plain(name): name for name in reversed(known)}
    word = _plain(flag)
    found = [word] if word in plain else [name for name, words in _MEANT.items() if word in words and name in plain]
    found = found or get_close_matches(word, plain, n=1, cutoff=cutoff)
    return f"; did you mean {plain[found[0]]}?" if found else ""


def _plain(flag: str) -> str:
    return flag.lstrip("-").replace("_", "-").lower()
