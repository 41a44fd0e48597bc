"""From template.yaml to plain CloudFormation, offline.

What lives here: reading the template, calling SAM's own translator, writing the two files. What a function of CloudFormation
comes to is in `stack`; what must hold of the result is in `assertions`.
"""

import copy
import json
import logging
import os
import pathlib
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from stack import Stack

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The translator warns of toggles and metrics that only the service has.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class NoManagedPolicies:
    """The translator would ask IAM for the names of managed policies. The template uses none by name."""

    def load(self):
        return {}


def read_template():
    return yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))


def expand(template, parameters):
    """The template as CloudFormation gets it for these parameters."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        code = resource.get("Properties", {}).get("CodeUri")
        if isinstance(code, str):
            # What `sam package` does: the file becomes an object in a bucket.
            resource["Properties"]["CodeUri"] = {"Bucket": "artefacts", "Key": code}
    given = {name: parameter["Default"] for name, parameter in template["Parameters"].items() if "Default" in parameter}
    return transform(template, {**given, **parameters}, NoManagedPolicies())


def write(path, value):
    """Whole or not at all: several tests may expand at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def main(parameters, folder):
    parameters = json.loads(pathlib.Path(parameters).read_text(encoding="utf-8"))
    expanded = expand(read_template(), parameters)
    stack = Stack(expanded, parameters)
    folder = pathlib.Path(folder)
    write(folder / "template.expanded.json", expanded)
    write(folder / "template.resolved.json", {"Resources": stack.resources, "Outputs": stack.outputs})


if __name__ == "__main__":
    main(*sys.argv[1:])
