"""Names of files that several parts know."""

DATASET_INFO = "dataset_info.json"


FAILURES = "failures.jsonl"
