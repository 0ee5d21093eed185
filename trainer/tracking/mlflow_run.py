"""Runs in MLflow, https://mlflow.org. MLFLOW_TRACKING_URI and its other variables say where."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Variables of MLflow where the user hasn't set them: by default it tries for minutes, while training waits."""
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_AT_ONCE = 1000
"""Most points in one request."""


class MlflowRun:
    """See `Tracker`. A run that is open in this process already, as in a notebook, becomes the parent."""

    def __init__(self, run_id: str, title: str, settings: Mapping[str, object], tags: Mapping[str, str]) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        import mlflow
        from mlflow.entities import Param, RunTag

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self._client = mlflow.MlflowClient()
        if run_id:
            self._client.get_run(run_id)  # otherwise an unknown id is an error only after other requests
        run = mlflow.start_run(run_id=run_id or None, run_name=title, nested=True, log_system_metrics=False)
        self.run_id: str = run.info.run_id
        uri = mlflow.get_tracking_uri()
        is_server = uri.startswith("http")
        self.place = f"{uri}/#/experiments/{run.info.experiment_id}/runs/{self.run_id}" if is_server else uri
        if not run_id:
            params = [Param(name, str(value)) for name, value in settings.items()]
            self._client.log_batch(self.run_id, params=params, tags=[RunTag(*tag) for tag in tags.items()])

    def epochs(self, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """See `Tracker`."""
        self._log([(name, value, epoch) for epoch, curves in rows for name, value in curves.items()])

    def _log(self, points: Sequence[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        metrics = [Metric(name, value, now, step) for name, value, step in points]
        for start in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(self.run_id, metrics=metrics[start : start + _AT_ONCE])

    def result(self, figures: Mapping[str, float], tags: Mapping[str, str], folder: Path) -> None:
        """See `Tracker`."""
        from mlflow.entities import RunTag

        self._log([(name, value, 0) for name, value in figures.items()])
        self._client.log_artifacts(self.run_id, str(folder))
        self._client.log_batch(self.run_id, tags=[RunTag(*tag) for tag in tags.items()])

    def end(self, status: str) -> None:
        """See `Tracker`."""
        import mlflow

        mlflow.end_run(_STATUS[status])
