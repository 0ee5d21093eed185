"""What a dataset's folder has for programs other than this one: TFDS, WebDataset, Croissant, and a datasheet."""
