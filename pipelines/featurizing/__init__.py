"""What a pretrained network says of each frame of a dataset, computed once and kept beside the dataset."""
