"""The whole way through Label Studio itself, where `HAR_LABEL_STUDIO` names an environment that has it."""

import copy
import json
import os
from pathlib import Path

import pytest

from tests.conftest import run_here
from tests.support.corrected_videos import CORRECTED, COUNTED, make_labels, rows_of
from tests.support.label_studio_server import label_studio

ENVIRONMENT = os.environ.get("HAR_LABEL_STUDIO", "")


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.skipif(not ENVIRONMENT, reason="HAR_LABEL_STUDIO doesn't name an environment that has label-studio")
def test_label_studio_takes_the_tasks_and_gives_corrections_back(tmp_path: Path) -> None:
    labels = make_labels(tmp_path)
    run_here("pipelines.export", "--labels", labels, "--format", "label-studio", "--output", tmp_path / "tasks", code=0)
    (tmp_path / "data").mkdir()
    with label_studio(ENVIRONMENT, tmp_path / "data") as server:
        config = (tmp_path / "tasks/config.xml").read_text()
        project = server.call("POST", "/api/projects", {"title": "corrections", "label_config": config})["id"]
        tasks = json.loads((tmp_path / "tasks/tasks-00000.json").read_text())
        told = server.call("POST", f"/api/projects/{project}/import", tasks)
        assert (told["task_count"], told["prediction_count"]) == (2, 2)
        imported = server.call("GET", f"/api/tasks?project={project}&fields=all")["tasks"]
        task = next(task for task in imported if task["data"]["video_id"] == "gym/clip 07.mp4")
        (prediction,) = task["predictions"]
        assert (prediction["model_version"], prediction["score"]) == ("00ff", tasks[0]["predictions"][0]["score"])
        result = copy.deepcopy(prediction["result"])
        assert result == tasks[0]["predictions"][0]["result"]
        result[1]["value"]["ranges"][0]["end"] = 70
        result[2]["value"]["timelinelabels"] = ["Swim"]
        value = {"ranges": [{"start": 40, "end": 45}], "timelinelabels": ["Swim"]}
        result.append({**result[0], "id": "added", "value": value, "origin": "manual"})
        server.call("POST", f"/api/tasks/{task['id']}/annotations", {"result": result})
        exported = server.call("GET", f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true")
    (tmp_path / "export.json").write_text(json.dumps(exported))
    output = tmp_path / "corrections.csv"
    done = run_here(
        "pipelines.corrections", "--from", "label-studio", tmp_path / "export.json", "--output", output, code=0
    )
    assert done.stdout.startswith(COUNTED + "1 task without annotations: left out\n")
    assert rows_of(output) == CORRECTED
