"""Runs in Weights & Biases, https://wandb.ai. WANDB_PROJECT, WANDB_MODE and its other variables say where and how."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.tracking.names import CONFUSION


class WandbRun:
    """See `Tracker`. The package itself keeps what its server doesn't take yet, and sends it later."""

    def __init__(self, run_id: str, title: str, settings: Mapping[str, object], tags: Mapping[str, str]) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")  # read at the import; settings of a run don't reach all messages
        import wandb

        self._run = wandb.init(
            id=run_id or None,
            resume="allow" if run_id else None,
            name=title,
            config={} if run_id else {**settings, **tags},
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        self.run_id = str(self._run.id)
        self.place = str(Path(self._run.dir).parent if self._run.offline else self._run.url)
        self._run.define_metric("epoch")
        self._run.define_metric("*", step_metric="epoch")

    def epochs(self, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """See `Tracker`."""
        for epoch, curves in rows:
            self._run.log({"epoch": epoch, **curves})

    def result(self, figures: Mapping[str, float], tags: Mapping[str, str], folder: Path) -> None:
        """See `Tracker`."""
        import wandb

        self._run.summary.update(dict(figures))
        self._run.config.update(dict(tags), allow_val_change=True)
        shown: dict[str, object] = {}
        if (picture := folder / "confusion.png").exists():
            shown[CONFUSION] = wandb.Image(str(picture))
        if (report := folder / "report.html").exists():
            shown["report"] = wandb.Html(report.read_text(), inject=False)
        if shown:
            self._run.log(shown)
        kept = wandb.Artifact(f"run-{self.run_id}", type="run")
        kept.add_dir(str(folder))
        self._run.log_artifact(kept)

    def end(self, status: str) -> None:
        """See `Tracker`."""
        self._run.finish(exit_code=0 if status == "finished" else 1)
