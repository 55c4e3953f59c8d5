"""Lists the suffixes of video files.

Lists of files are filtered by suffix; the readers look at the first bytes of a file instead.
"""

import os

# Suffixes of films that ffmpeg reads from one file. `readers/streams.py` lists its demuxers.
_FILMS = """
  .3g2 .3gp .3gp2 .3gpp .f4v .ism .isma .ismv .m4v .mj2 .mov .mp4 .mp4v .mqv .psp .qt
  .mk3d .mkv .webm
  .amv .avi .divx .xvid
  .asf .dvr-ms .wm .wmv .wtv
  .m1v .m2p .m2v .mod .mp2v .mpe .mpeg .mpg .mpv .mpv2 .pva .vob .vro
  .m2t .m2ts .mts .tod .tp .trp .ts .ty
  .flv .kux .swf
  .ogg .ogm .ogv .ogx
  .ivr .rm .rmvb
  .dif .dv
  .gxf .mxf
  .nsv .nut .nuv
  .apng .gif .jxl .mjpeg .mjpg .mpjpeg
  .264 .265 .266 .apv .avc .avs2 .avs3 .cavs .dnxhd .drc .evc .h261 .h263 .h264 .h265 .h266 .h26l
  .hevc .ivf .obu .rcv .vc1 .vvc .y4m
  .4xm .bik .cgi .cine .cpk .dav .flc .fli .ipm .mxg .roq .ser .smk .thp .viv .xmv
"""
VIDEO_SUFFIXES = frozenset(_FILMS.split())
IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png"}
# Of archives of frames.
ARCHIVE_SUFFIX = ".zip"
# Of all files that may be a video of a data set.
ALL_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {ARCHIVE_SUFFIX}


def suffix(path: str | os.PathLike[str]) -> str:
    """Returns the suffix of a path in small letters, with its dot; "" if there is none."""
    return os.path.splitext(path)[1].lower()
