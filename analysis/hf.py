#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Models of kcap to Hugging Face's transformers and back."""

import argparse
import json
import sys

from needed import ended, libraries

with libraries("hf"):
    from kcap_files import FileError, path_text
    from hf_export import export
    from hf_import import import_folder


def say_export(arguments):
    done, lacks = export(arguments.run, arguments.dir, arguments.kcap)
    if arguments.json:
        print(json.dumps(done, indent=1))
        return
    print(f"{done['checkpoint']}: {done['class']}, step {done['step']} -> {done['out']}: "
          f"{done['n_tensors']} tensors, {done['n_params']} parameters")
    print("".join(f"{line}\n" for line in lacks), end="")


def say_import(arguments):
    done = import_folder(arguments.dir, arguments.input, arguments.out, arguments.kcap)
    model = done.pop("model")
    if arguments.json:
        print(json.dumps(done, indent=1))
        return
    print(f"{model}: {done['class']}, step {done['step']}, {done['n_params']} parameters -> "
          f"{done['out']}; without moments")


def parse(words):
    parser = argparse.ArgumentParser(prog="hf.py", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="export|import")
    one = verbs.add_parser("export", help="a checkpoint's model as transformers read it",
                           description="""Write a checkpoint's model into the new folder DIR:
        model.safetensors, config.json, vocab.json, tokenizer.json, tokenizer_config.json. The class
        is the nearest that computes exactly this architecture, or kcap's own plain layout.""")
    one.add_argument("run", type=path_text, metavar="RUN|CHECKPOINT.h5",
                     help="a run's folder stands for its newest checkpoint")
    one.add_argument("dir", type=path_text, metavar="DIR", help="must be empty or not there")
    one.set_defaults(say=say_export)
    two = verbs.add_parser("import", help="and back", description="""Read such a folder back into
        RUN/checkpoints, bit for bit, for kcap measure. Moments are not in it: no training goes on
        from there.""")
    two.add_argument("dir", type=path_text, metavar="DIR",
                     help="model.safetensors, or shards and their index; config.json; vocab.json "
                     "where there is one")
    two.add_argument("input", type=path_text, metavar="INPUT.yaml", nargs="?",
                     help="of a folder that kcap did not write: the model and the corpus")
    two.add_argument("--out", type=path_text, metavar="RUN", required=True,
                     help="the run's folder; must be empty or not there")
    two.set_defaults(say=say_import)
    for verb in (one, two):
        verb.add_argument("--kcap", type=path_text, metavar="PATH",
                          help="the program kcap (default: $KCAP, the one of this script's tree, "
                          "or that of PATH)")
        verb.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args(words)


def main(words=None):
    arguments = parse(words)
    return ended("hf", lambda: arguments.say(arguments), FileError)


if __name__ == "__main__":
    sys.exit(main())
