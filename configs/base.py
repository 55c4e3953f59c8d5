"""Every default: ALBAR with the recipe of the paper. (ALBAR App. B)

The other files of this folder change a few fields each. Any field can be changed on the command
line, too: `--config.optim.base_lr=3e-4`. Paths are local; `~` is expanded.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from albar_jax.config import VIEW_KINDS, method_options


def get_config() -> ConfigDict:
    """ALBAR on videos that `config.data.manifest` lists."""
    config = ConfigDict()
    config.name = "albar"  # Runs of one name are averaged over their seeds.
    # Seed of initial weights, validation split, order, augmentation and stochastic depth; below 2^32.
    config.seed = 0
    config.init = "torchvision:swin3d_t"  # Pretrained weights, see models.weights.load; "" starts from random ones.
    config.batch_size = 8  # Clips a step, over all devices.
    # The batch is split over the devices; "fsdp" splits parameters and the optimiser's state as well: less memory.
    config.parallel = "data"
    config.methods = method_options("albar")

    config.model = ConfigDict()
    # Video Swin "tiny", "small", "base", or "micro" for tiny videos. For pictures, that is, clips of one frame:
    # "swin2d_tiny", "resnet18", "resnet50", or "micro2d", "resnet_micro" for tiny ones.
    config.model.preset = "tiny"
    config.model.num_classes = placeholder(
        int
    )  # Taken from the manifest; set it to have it checked.
    config.model.drop_path_rate = 0.1  # Of a Swin; a ResNet has none, and no remat.
    config.model.head_dropout = 0.0  # Of the pooled features; the official Video Swin has 0.5.
    # Initialisation of a new head. "torch" is torch's Linear: uniform within 1 / sqrt(features).
    # "i3d" is mmaction2's I3DHead: normal weights of sd 0.01, bias 0. "default" is Flax's of sd 1 /
    # sqrt(features), and "torch" for a ResNet.
    config.model.head_init = "default"
    config.model.dtype = (
        "float32"  # Of activations; "bfloat16" on accelerators. Parameters are always float32.
    )
    # "matrices" stores what matrix products with parameters gave and recomputes the rest of a Swin in the
    # backward pass, attention by some windows at a time: few more FLOPs. "blocks" recomputes all: the least memory.
    # "none" recomputes nothing.
    config.model.remat = "matrices"

    config.data = ConfigDict()
    config.data.manifest = ""  # CSV: path,label[,split,id,group].
    config.data.train_split = "train"
    config.data.validation_split = placeholder(str)  # None holds out a part of the train split.
    # 0 trains on all videos without validation; the last checkpoint is the result.
    config.data.validation_fraction = 0.2
    # "group" keeps clips with the same `group` in the manifest on one side; "video" only clips of
    # one file.
    config.data.hold_out = "group"
    config.data.test_split = "test"
    config.data.num_frames = 32
    config.data.stride = 2
    # Rule for videos shorter than num_frames * stride frames, such as all SCUBA clips of HMDB51.
    # "stretch" reads at stride 1, then repeats the last frame (ALBAR). "loop" keeps the stride and
    # starts again (StillMix).
    config.data.short = "stretch"
    # Whether a clip may start at the last position where it fits: "exclusive" (ALBAR) or
    # "inclusive" (StillMix). With "inclusive" the centre clip of videos of odd length begins one
    # frame later.
    config.data.starts = "exclusive"
    config.data.size = 224  # Height and width of a clip.
    config.data.short_side = 256  # What the short side of the video is scaled to before the crop.
    config.data.shape = (
        "keep"  # "square" squashes the video to short_side x short_side before the crop.
    )
    # "squash_flip" makes the video square and crops a window of it, as for StillMix's reference network; "roll" shifts
    # around the frame's edges, for the quickstart.
    config.data.augment = "crop_flip"
    # False refuses to train if a class of the manifest has no training video.
    config.data.allow_empty_classes = False
    # What some methods need; {folder} is the manifest's.
    config.data.masks = (
        ""  # Person masks of the training videos, such as "png:DIR": see albar_jax.masks.
    )
    config.data.stills = ""  # CSV path,frame[,id]: a bank of stills, or one for each video.
    config.data.scenes = ""  # CSV or .npz of scene probabilities of the training videos.

    config.loader = ConfigDict()
    # Decoding processes; 0 decodes in threads of the main process.
    config.loader.workers = 2
    config.loader.threads = 4  # Per process.
    # Training stops when a larger share of the videos of an epoch, or of the validation videos, cannot be read.
    config.loader.max_unreadable = 0.05
    # How films are decoded. "auto" is PyAV ("pyav"), the fastest that reads every film exactly; films with damaged
    # frames are unreadable. "lenient" is PyAV, too, and uses damaged frames as the decoder conceals them. "decord"
    # gives the same pixels of VP9 in WebM and Matroska, and counts every other film as unreadable.
    config.loader.decoder = "auto"
    # Limits of one clip; a video that exceeds them is unreadable, see docs/data.md.
    # Decoded pixels of all its frames: 32 frames of 8K. JPEG pictures are decoded at reduced size to stay within it.
    config.loader.clip_pixels = 2**30
    config.loader.clip_bytes = (
        2**31
    )  # Of its file, an archive's member, or a film's packets; the maximum.
    # Seconds to read it, without waiting for disks. A film that hangs its decoder is abandoned. 0 for no limit.
    config.loader.clip_seconds = 120.0

    config.optim = ConfigDict()
    config.optim.name = "adamw"  # "sgd": with momentum b1, and the decay in the gradient.
    config.optim.base_lr = 1e-4  # At a batch of 64; scaled linearly to config.batch_size.
    # Factor of the head's learning rate; StillMix and Video Swin use 10.
    config.optim.head_rate = 1.0
    # "epoch_cosine" lowers the rate once an epoch, as in StillMix. "released" does so as in ALBAR's
    # released code. "steps" divides it by 10 at 40 % and at 80 % of all steps.
    config.optim.schedule = "warmup_cosine"
    config.optim.warmup_fraction = 0.1  # Of all steps: 5 of 50 epochs.
    # Start of the warm-up as a share of the peak rate; StillMix uses 0.1.
    config.optim.warmup_start = 0.0
    config.optim.final_fraction = 0.0  # Of the peak rate, at the last step.
    config.optim.weight_decay = 0.01
    # "kernels" exempts norms, biases and position bias tables; "no_norms" decays biases of linear
    # layers, too. "mmcv" is what mmcv does with StillMix's config: it exempts only the tables and
    # gives them the head's rate.
    config.optim.decay = "all"
    config.optim.b1 = 0.9
    config.optim.b2 = 0.999
    config.optim.clip_norm = placeholder(
        float
    )  # Largest global norm of the gradient; None does not clip.

    config.train = ConfigDict()
    config.train.epochs = 50.0
    config.train.steps = placeholder(int)  # Instead of epochs, when set.
    config.train.parts = (
        1  # In which the gradient of a batch is computed, one after the other: less memory.
    )
    config.train.save_every_epochs = 1.0  # Validates, then saves.
    config.train.log_every_steps = 20

    config.eval = ConfigDict()
    config.eval.suite = "hmdb51"  # A name in albar_jax.evaluation.suites.
    config.eval.directory = (
        ""  # Where the manifests <task>.csv of the suite lie; "" is beside data.manifest.
    )
    config.eval.batch_size = 16
    config.eval.clip = "centre"  # "start": the first frames of the video, as in the released code.
    config.eval.temporal_views = (
        1  # Clips a video, evenly spread, whose probabilities are averaged.
    )
    config.eval.temporal_tests = (
        False  # True also tests the test split with its frames reversed, and shuffled.
    )
    config.eval.static_validation = (
        False  # True also validates on stills: how the bias goes while training.
    )
    config.eval.spatial_views = (
        1  # 3: left, middle, right crops (top to bottom of upright videos) as well.
    )
    # Views for the data set's own test split ("iid"), Confl-FG ("conflfg") and all other test sets
    # ("bias"). None inherits the value above, or the one of config.data. Validation uses the views
    # above.
    for kind in VIEW_KINDS:
        config.eval[kind] = ConfigDict(
            {
                "temporal_views": placeholder(int),
                "spatial_views": placeholder(int),
                "short_side": placeholder(int),
                "shape": placeholder(str),
            }
        )
    return config
