"""MGFN, which finds anomalies in untrimmed videos of UCF-Crime. (arXiv 2211.15098)

The network, its losses and its training follow the public code. Where the code differs from the
paper, or has a bug, the docstring beside the place says so, and an option of `config.MgfnConfig`
changes what defines no published figure:

- `losses`: sparse normal scores, or the losses before April 2023.
- `pairs`: the contrast compares crops of one video if there are 10 crops.
- `shuffle`: the public code reads the same batches in each epoch and never sees the last videos.

The public code fails for features of one crop and for test videos of fewer than 3 rows, and trains
on the wrong features with a batch of one video. This one takes the first two and refuses the last.
"""
