"""What the assertions look at: the template as written, and the stacks that every set of parameters makes of it."""

import copy
import functools
import json
import pathlib
import re

from expand import ROOT, expand, read_template
from stack import Stack, Unresolved

PARAMETERS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(pathlib.Path(__file__).with_name("parameters").glob("*.json"))
}
FUNCTIONS = ("Intake", "Admin", "Provisioner")


class World:
    """The template, and its stacks by the name of their parameters, each made when it is first asked for."""

    def __init__(self, template):
        self.template = template
        self._made = {}

    def stacks(self):
        """Name, expansion and stack for every set of parameters of which a stack can be made."""
        for name in PARAMETERS:
            made = self._make(name)
            if not isinstance(made, Exception):
                yield name, *made

    @property
    def broken(self):
        """What cannot be resolved."""
        made = {name: self._make(name) for name in PARAMETERS}
        return [f"{name}: {error}" for name, error in made.items() if isinstance(error, Exception)]

    def _make(self, name):
        if name not in self._made:
            try:
                expanded = expand(self.template, PARAMETERS[name])
                self._made[name] = expanded, Stack(expanded, PARAMETERS[name])
            except (Unresolved, KeyError, IndexError) as error:
                self._made[name] = error
        return self._made[name]


@functools.cache
def _template():
    return read_template()


def template():
    """A copy to be broken."""
    return copy.deepcopy(_template())


@functools.cache
def world():
    """The world as it is."""
    return World(template())


@functools.cache
def settings():
    """Every setting's variable."""
    text = (ROOT / "shared/config/src/settings.rs").read_text(encoding="utf-8")
    return set(re.findall(r'"(KINLINK_[A-Z_]+)"', text))


@functools.cache
def actions():
    """What the provisioner can be asked to do."""
    text = (ROOT / "functions/provisioner/src/lib.rs").read_text(encoding="utf-8")
    events = text.split("pub enum Event {")[1].split("\n}\n")[0]
    return {name.lower() for name in re.findall(r"^    ([A-Z][a-z]+) \{", events, re.M)}


@functools.cache
def metrics():
    """The metrics that the code writes."""
    text = (ROOT / "shared/service/src/metric.rs").read_text(encoding="utf-8")
    return set(re.findall(r'\b(?:count|measure)\(\s*"([A-Za-z]+)"', text))


@functools.cache
def sections():
    """The anchors of the runbook."""
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)}


def documents(stack):
    """Every policy document of every role: role, name of the policy, statement."""
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield role, policy["PolicyName"], statement


def listed(value):
    return value if isinstance(value, list) else [value]


def granted(stack, role):
    """What a role may do: for each action, on what."""
    rights = {}
    for owner, _, statement in documents(stack):
        if owner == role and statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                rights.setdefault(action, set()).update(listed(statement["Resource"]))
    return rights


def environment(stack, function):
    return stack.properties(function)["Environment"]["Variables"]


def names_in(value):
    """Every parameter or condition that a part of the template names."""
    if isinstance(value, list):
        for each in value:
            yield from names_in(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("Ref", "Condition") and isinstance(each, str):
                yield each
            elif key == "Fn::If":
                yield each[0]
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([A-Za-z0-9]+)", each[0] if isinstance(each, list) else each)
            yield from names_in(each)
