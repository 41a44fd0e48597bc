"""Writes what cfn-lint and checkov read: the stacks of every set of parameters in tests/aws/template/parameters.

- SET.stack.json: every function resolved, so that the linter sees real values in every place that these parameters open;
- SET.expanded.json: as CloudFormation gets it, with the reasons for what checkov is told to leave out.
"""

import pathlib
import sys

from expand import write
from world import world

folder = pathlib.Path(sys.argv[1])
if world().broken:
    sys.exit("\n".join(world().broken))
for name, expanded, stack in world().stacks():
    write(folder / f"{name}.expanded.json", expanded)
    write(folder / f"{name}.stack.json", {"Resources": stack.resources})
