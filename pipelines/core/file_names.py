"""Names of files that several modules use."""

DATASET_INFO = "dataset_info.json"


FAILURES = "failures.jsonl"
