"""Writes TriDet's settings for THUMOS14, with the five fields that depend on the features.

The values come from `configs/thumos_i3d.yaml` in dingfengshi/TriDet (MIT licence), as of commit
70e774f. Only json_file, feat_folder, input_dim, feat_stride and num_frames differ.
"""

FILE = "thumos_albar.yaml"
# Rows that the network sees in training, and the factor by which a test video may be longer.
_MAX_SEQ_LEN = 2304
_BUFFER_FACTOR = 6
MOST_ROWS = _MAX_SEQ_LEN * _BUFFER_FACTOR

_TEMPLATE = """\
# The settings of TriDet (MIT licence), configs/thumos_i3d.yaml, for other features.
# Changed: json_file, feat_folder, input_dim, feat_stride, num_frames.
dataset_name: thumos
train_split: [validation]
val_split: [test]
dataset:
  json_file: {json_file}
  feat_folder: .
  file_prefix: null
  file_ext: .npy
  num_classes: 20
  input_dim: {width}
  feat_stride: {hop}
  num_frames: {frames}
  trunc_thresh: 0.5
  crop_ratio: [0.9, 1.0]
  max_seq_len: {max_seq_len}
model:
  fpn_type: identity
  max_buffer_len_factor: {buffer_factor:.1f}
  backbone_arch: [2, 2, 5]
  n_sgp_win_size: 1
  regression_range: [[0, 4], [4, 8], [8, 16], [16, 32], [32, 64], [64, 10000]]
  num_bins: 16
  k: 5
  iou_weight_power: 0.2
  use_trident_head: true
  sgp_mlp_dim: 768
  input_noise: 0.0005
opt:
  learning_rate: 0.0001
  warmup_epochs: 20
  epochs: 20
  weight_decay: 0.025
loader:
  batch_size: 2
train_cfg:
  init_loss_norm: 100
  clip_grad_l2norm: 1.0
  cls_prior_prob: 0.01
  center_sample: radius
  center_sample_radius: 1.5
test_cfg:
  voting_thresh: 0.7
  pre_nms_topk: 2000
  max_seg_num: 2000
  min_score: 0.001
  multiclass_nms: true
output_folder: ./ckpt/
"""


def text_of(*, json_file: str, width: int, hop: int, frames: int) -> str:
    """Returns the YAML.

    Args:
      json_file: path of the annotations, relative to the folder of the features.
      width: number of features of a row, C.
      hop: frames between two rows.
      frames: frames of a window; see `tridet.frames_of`.
    """
    return _TEMPLATE.format(
        json_file=json_file,
        width=width,
        hop=hop,
        frames=frames,
        max_seq_len=_MAX_SEQ_LEN,
        buffer_factor=_BUFFER_FACTOR,
    )
