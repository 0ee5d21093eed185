"""A converted model goes into the model's folder. Doesn't load TensorFlow."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.core.model_info import MODEL_INFO
from pipelines.core.stored.sealed import load_json
from pipelines.files.lock import exclusive
from trainer.evaluation import results
from trainer.evaluation.card.keeping import CARD, is_edited, sealed
from trainer.evaluation.card.model_card import render_card
from trainer.export.conversion.forms import Form
from trainer.export.conversion.source import Source, reread
from trainer.files import storage


def put(source: Source, form: Form, data: bytes, about: Mapping[str, Any]) -> None:
    """Writes a converted model and records it in model_info.json, which is replaced as a whole.

    At any moment, the description names a converted model only if its file is there, and it is that file. The record of
    the files of a finished run (`results.prove`) is renewed; without a kill in between it is never missing. So is the
    model card, if the run is there and nobody has edited the card.

    Args:
        source: the model.
        form: what it was converted to.
        data: its content.
        about: what model_info.json is to say of it, besides its file.

    Raises:
        UserError: the model was replaced meanwhile.
        UsageError: another process is writing there.
        OutputError: a file can't be written.
    """
    with exclusive(source.run or source.folder):
        renewed = bool(source.run) and results.is_proven(source.run)
        if renewed:
            results.begin_files(source.run)
        _describe(source, form, None)
        storage.write_bytes(storage.join(source.folder, form.file), data)
        file = {"file": form.file, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
        _describe(source, form, {**file, **about})
        _renew_card(source)
        if renewed:
            results.prove(source.run)


def _describe(source: Source, form: Form, entry: Mapping[str, Any] | None) -> None:
    """Says what `exports` has of a form; None: nothing."""
    info = reread(source)
    exports = {key: value for key, value in info.exports.items() if key != form.key}
    exports |= {form.key: dict(entry)} if entry else {}
    if exports != info.exports:
        text = replace(info, exports=dict(sorted(exports.items()))).to_json()
        storage.write_text(storage.join(source.folder, MODEL_INFO), text)


def _renew_card(source: Source) -> None:
    uri = storage.join(source.folder, CARD)
    if not source.run or not storage.exists(uri) or is_edited(storage.read_bytes(uri)):
        return
    info = reread(source)
    metrics = load_json(storage.read_bytes(storage.join(source.run, results.METRICS)))
    size_bytes = storage.size_of_tree(storage.join(source.folder, info.saved_model))
    storage.write_text(uri, sealed(render_card(info, metrics, size_bytes)))
