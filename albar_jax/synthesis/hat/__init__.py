"""Makes HAT's sets: the person without the scene, the scene without the person, and swaps of both.

    OUT_human        the person of each video, on the mean color of the data set
    OUT_background   each video without its person
    OUT_swap         the person of each video, in the emptied scene of a video of another class
    OUT_swap_close   the same, with a scene that resembles the person's own
    OUT_swap_far     the same, with a scene that differs from it
    OUT_scenes       the emptied scene of each video, from which the others are made
    OUT_leakage.csv  how much background and person the masks let through

Each set has its manifest, its contact sheet (.png) and a table of the videos that have no clips
(.failed.tsv). A removed person is replaced, pixel by pixel, by the median of the frames in which
the pixel was free; pixels that were never free are inpainted. A scene is scaled until its short
side is as long as the short side of the person's frames. The person is moved to where the person of
the scene was, but not beyond the edge. With several shards, run the command of each twice: the
clips need the scenes of all shards.

(Chung, Wu and Russakovsky, Enabling Detailed Action Recognition Evaluation Through Video Dataset
Augmentation, NeurIPS 2022)
"""
