"""Measures how biased any model is: asks it about every clip of a benchmark, and writes a page.

--model names a model, as [NAME=]KIND:LOCATION[?option=value[&option=value]]:

{models}

Quote a model with options for the shell: --model 'hf:my_model?frames=16&stride=4'

--config names the test sets; --videos takes a folder of class folders instead. The answers are CSV
files in OUT/predictions/NAME, one for each test set. Answers are cached: to resume an interrupted
command, repeat it.

--predictions audits CSV files of any program: a folder for each model with one CSV file for each
test set, named after it: `hmdb51.csv`, `hmdb51_scuba_places365.csv`, `hmdb51_scufo_places365.csv`.
The columns are `id,label,pred` or `id,label,prob_0,prob_1,...`. An empty field is no answer. A file
`classes.txt` names the classes, one per line.
"""

import argparse
import functools
import os
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.terminal import flags

EXAMPLE = """  albar audit --model torchvision:r3d_18 --config custom --out runs/audit
  albar audit --model python:my_model:predict --videos my_videos --out runs/audit
  albar audit --model run:runs/albar --model b=onnx:b.onnx --config hmdb51 --out runs/audit
  albar audit --predictions predictions/my_model --out runs/audit"""

# Options that concern only models that are asked.
_OF_MODELS = (
    "--videos",
    "--views",
    "--batch",
    "--threads",
    "--label-map",
    "--classes",
    "--cache",
    "--no-cache",
)


def add_arguments(parser: flags.Parser) -> None:
    """Adds the options of `albar audit`."""
    from albar_jax.audit import models

    lines = (models.__doc__ or "").split("\n\n")
    listed = lines[1] if len(lines) > 1 else ""
    parser.description = (parser.description or "").replace("{models}", listed)

    parser.add_argument(
        "--model",
        dest="models",
        metavar="[NAME=]KIND:LOCATION",
        action="append",
        default=[],
        help="a model to ask; can be repeated",
    )
    parser.add_paths("--predictions", "folder of CSV files, or a folder of such folders")
    parser.add_path("--out", "folder for the results")
    parser.add_config("the test sets; the page shows frames of them")
    parser.add_path("--videos", "folder of class folders to test on, without masks")
    _add_asking(parser)
    _add_options(parser)


def _add_asking(parser: flags.Parser) -> None:
    group = parser.add_argument_group("asking")
    group.add_argument(
        "--views", type=flags.count, default=1, metavar="N", help="clips of a video to average"
    )
    group.add_argument(
        "--batch", type=flags.count, metavar="N", help="clips in a batch; 8 for most models"
    )
    threads = min(8, os.cpu_count() or 1)
    group.add_argument(
        "--threads", type=flags.count, default=threads, metavar="N", help="threads that read"
    )
    group.add_argument(
        "--label-map",
        type=flags.path,
        metavar="CSV",
        help="table of class names that differ, with the columns model,test",
    )
    group.add_argument(
        "--classes",
        choices=["same", "subset"],
        default="same",
        help="same: all classes must match; subset: the argmax is taken over the classes in common",
    )
    group.add_argument(
        "--cache",
        type=flags.path,
        metavar="DIR",
        help="folder of cached answers, which commands can share; by default OUT/answers",
    )
    group.add_argument(
        "--no-cache", action="store_true", help="ask about every clip again, and cache no answers"
    )


def _add_options(parser: flags.Parser) -> None:
    from albar_jax.audit.models import FLAG_OF
    from albar_jax.audit.models.option_texts import OPTIONS

    group = parser.add_argument_group(
        "options of models",
        "a flag applies to all models whose kind takes it; ?option=value after a location applies "
        "to this model only",
    )
    for name, option in OPTIONS.items():
        flag = FLAG_OF.get(name, f"--{name}")
        group.add_argument(flag, dest=f"option_{name}", metavar=option.metavar, help=option.help)


def bind(options: argparse.Namespace) -> Callable[[], int | None]:
    """Returns the function that audits; imports JAX only with a model or a config."""
    if not options.models and not options.predictions:
        raise UserError(
            "--model and --predictions are missing; name a model, as in "
            "--model torchvision:r3d_18, or a folder of CSV files, as in --predictions results/mine"
        )
    if options.out is None:
        raise UserError("--out is missing; name a folder for the results, as in --out runs/audit")
    if options.models:
        return _bind_models(options)

    flags.refuse_unused(options, [*_OF_MODELS, *_model_flags()], "without --model")
    if options.config is None:
        from albar_jax.report.audit import write_audit

        return functools.partial(write_audit, options.predictions, options.out)

    from albar_jax.wiring import program, run_audit

    config = run_audit.load_config(options.config, options.changes)
    audit = functools.partial(run_audit.run, options.predictions, str(options.out), config)
    return lambda: program.run(audit)


def _bind_models(options: argparse.Namespace) -> Callable[[], int | None]:
    if options.no_cache:
        flags.refuse_unused(options, ["--cache"], "with --no-cache")

    from albar_jax.audit import models, run
    from albar_jax.audit.settings import Settings
    from albar_jax.config import used_fields
    from albar_jax.wiring import program, run_audit

    name = options.config
    fields = used_fields.AUDIT_MODELS
    if options.videos is not None:
        name = name or "custom"
        fields = used_fields.AUDIT_VIDEOS
    values = {}
    for field in models.option_texts.OPTIONS:
        text = getattr(options, f"option_{field}")
        if text is not None:
            values[field] = models.option_texts.parse(field, text)

    settings = Settings(
        models=options.models,
        predictions=options.predictions,
        config=run_audit.load_config(name, options.changes, fields, "--model"),
        videos=options.videos,
        out=options.out,
        options=models.Options(**values),
        views=options.views,
        batch_size=options.batch,
        threads=options.threads,
        label_map=options.label_map,
        classes=options.classes,
        cache=options.cache,
        keeps_answers=not options.no_cache,
    )
    return lambda: program.run(functools.partial(run.run, settings))


def _model_flags() -> list[str]:
    from albar_jax.audit.models import FLAG_OF
    from albar_jax.audit.models.option_texts import OPTIONS

    return [FLAG_OF.get(name, f"--{name}") for name in OPTIONS]
