"""Whether the guides say what is so: links lead somewhere, every alarm has its section, parameters and names are those of template.yaml,
the table of costs is what the script prints. Run by tests/aws/guide/run, which says where sam is (KINLINK_TEST_SAM).
"""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import blocks  # noqa: E402

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "infra").glob("**/*.md"))]
LINK = re.compile(r"(?<!!)\[[^\]\[]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.*)$")
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")


def prose(path):
    """The lines of a document outside of fenced blocks."""
    fenced = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if blocks.FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield line


def anchors(path):
    """The anchors that GitHub gives to headings."""
    found = {}
    for line in prose(path):
        if heading := HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").strip().lower()
            name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            seen = found.get(name, 0)
            found[name] = seen + 1
            if seen:
                found[f"{name}-{seen}"] = 1
    return set(found)


def section(path, anchor):
    """The text of a section, up to the next heading of its level or above."""
    inside, level, lines = False, 0, []
    for line in path.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"^(#{1,6}) (.*)$", line)
        if heading and inside and len(heading[1]) <= level:
            break
        if heading and re.sub(r"[^\w\- ]", "", heading[2].lower()).replace(" ", "-") == anchor:
            inside, level = True, len(heading[1])
        elif inside:
            lines.append(line)
    return "\n".join(lines)


def top_level(name):
    """The keys right below a top-level key of template.yaml."""
    body = re.search(rf"^{name}:\n(.*?)(?=^[A-Za-z]|\Z)", TEMPLATE, re.DOTALL | re.MULTILINE)[1]
    return re.findall(r"^  ([A-Za-z0-9]+):", body, re.MULTILINE)


class Links(unittest.TestCase):
    def test_every_link_inside_the_repository_leads_to_a_file_and_every_anchor_to_a_heading(self):
        for path in DOCUMENTS:
            for link in LINK.findall("\n".join(prose(path))):
                if re.match(r"[a-z]+:", link):
                    continue
                with self.subTest(document=str(path.relative_to(ROOT)), link=link):
                    to, _, anchor = link.partition("#")
                    target = (path.parent / to).resolve() if to else path
                    self.assertTrue(target.exists(), f"there is no {to}")
                    if anchor:
                        self.assertIn(anchor, anchors(target))

    def test_what_scripts_and_the_template_call_sections_exists(self):
        for path in [ROOT / "infra/deploy", ROOT / "template.yaml"]:
            for document, anchor in re.findall(r"(docs/[a-z-]+\.md)#([a-z0-9-]+)", path.read_text(encoding="utf-8")):
                with self.subTest(path=path.name, anchor=anchor):
                    self.assertIn(anchor, anchors(ROOT / document))


class Alarms(unittest.TestCase):
    def test_every_alarm_of_the_template_names_a_section_of_the_runbook_that_says_what_to_notice_look_at_and_do(self):
        alarms = re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm\n(?:    .*\n)*?      AlarmDescription: (.*)$", TEMPLATE, re.MULTILINE)
        self.assertEqual(len(alarms), TEMPLATE.count("Type: AWS::CloudWatch::Alarm"))
        named = set()
        for alarm, description in alarms:
            with self.subTest(alarm=alarm):
                anchor = re.search(r"docs/operating\.md#([a-z0-9-]+)", description)[1]
                named.add(anchor)
                text = section(ROOT / "docs/operating.md", anchor)
                self.assertRegex(text, r"^\n\*", "what the alarm means")
                for part in ["**Parents and staff notice**", "**Look at**", "**Do**"]:
                    self.assertIn(part, text)
        of_the_runbook = set(re.findall(r"^### (.*)$", section(ROOT / "docs/operating.md", "alarms"), re.MULTILINE))
        self.assertEqual({name.lower().replace(" ", "-") for name in of_the_runbook}, named, "sections without an alarm")


class Names(unittest.TestCase):
    def setUp(self):
        self.deploying = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
        self.operating = (ROOT / "docs/operating.md").read_text(encoding="utf-8")

    def test_the_table_of_parameters_has_exactly_those_of_the_template(self):
        rows = re.findall(r"^\| (`.*?) \|", section(ROOT / "docs/deploying.md", "parameters"), re.MULTILINE)
        named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
        self.assertEqual(sorted(named), sorted(top_level("Parameters")))

    def test_the_sample_of_parameters_passes_the_patterns_of_the_template(self):
        (sample,) = [each for each in blocks.read(ROOT / "docs/deploying.md") if each.words == ["samconfig"]]
        # Read by sam's own reader.
        texts = tomllib.loads(sample.text)["default"]["deploy"]["parameters"]["parameter_overrides"]
        reader = "import json, sys; from samcli.cli.types import CfnParameterOverridesType as T; print(json.dumps(T().convert(tuple(sys.argv[1:]), None, None)))"
        sam = pathlib.Path(os.environ["KINLINK_TEST_SAM"]) / "python"
        given = json.loads(subprocess.run([sam, "-c", reader, *texts], check=True, capture_output=True, text=True).stdout)
        self.assertEqual(len(given), len(texts))
        self.assertEqual(given["School"], "Example School")
        given = {name: re.sub(r"ARN\(([a-z-]+)\)", r"arn:aws:secretsmanager:eu-west-2:123456789012:secret:kinlink/\1-AbCdEf", value) for name, value in given.items()}
        for name, value in given.items():
            with self.subTest(parameter=name):
                self.assertIn(name, top_level("Parameters"))
                body = re.search(rf"^  {name}:\n((?:    .*\n|\n)*)", TEMPLATE, re.MULTILINE)[1]
                pattern = re.search(r"AllowedPattern: (.*)", body)
                if pattern:
                    self.assertRegex(value, "^(?:" + pattern[1].strip("'").replace("''", "'") + ")$")

    def test_outputs_that_the_guides_and_the_script_name_exist(self):
        outputs = top_level("Outputs")
        named = set(re.findall(r"outputs? `(\w+)`", self.deploying + self.operating))
        named |= set(re.findall(r"\(of_stack (\w+(?:Url|Function))\)", (ROOT / "infra/deploy").read_text(encoding="utf-8")))
        self.assertGreaterEqual(len(named), 4)
        self.assertLessEqual(named, set(outputs))

    def test_names_of_functions_queues_and_logs_are_those_that_the_template_gives(self):
        given = {name.replace("${AWS::StackName}", "kinlink") for name in re.findall(r"(?:FunctionName|QueueName|LogGroupName): !Sub (\S+)", TEMPLATE)}
        text = self.deploying + self.operating
        for name in given:
            short = name.replace("/aws/lambda/", "")
            with self.subTest(name=name):
                self.assertIn(short, text)
        for name in re.findall(r"`(kinlink-[a-z-]+)`", text):
            with self.subTest(name=name):
                self.assertIn(name, given)

    def test_events_that_the_runbook_sends_are_read_by_the_provisioner(self):
        source = (ROOT / "functions/provisioner/src/lib.rs").read_text(encoding="utf-8")
        variants = {name.lower() for name in re.findall(r"^    ([A-Z]\w+) \{", re.search(r"pub enum Event \{(.*?)^\}", source, re.DOTALL | re.MULTILINE)[1], re.MULTILINE)}
        sent = set(re.findall(r'"action":"(\w+)"', self.deploying + self.operating))
        self.assertEqual(sent, variants, "all of them are in the table, and no other")

    def test_settings_and_outcomes_that_the_runbook_names_exist(self):
        policy = (ROOT / "shared/domain/src/policy.rs").read_text(encoding="utf-8")
        for name in ["brake_floor", "brake_percent", "max_attempts", "form_per_address_per_hour", "form_open", "link_role", "pupil_filter"]:
            self.assertIn(f'name: "{name}"', policy)
            self.assertIn(f"`{name}`", self.deploying + self.operating)
        doctor = (ROOT / "shared/service/src/doctor.rs").read_text(encoding="utf-8")
        for check in set(re.findall(r"`((?:store|moodle|work)\.[a-z_]+)`", self.deploying + self.operating)):
            with self.subTest(check=check):
                self.assertIn(f'"{check}"', doctor)


class Costs(unittest.TestCase):
    def setUp(self):
        spec = importlib.util.spec_from_file_location("costs", ROOT / "infra/costs.py")
        self.costs = importlib.util.module_from_spec(spec)
        sys.modules["costs"] = self.costs
        spec.loader.exec_module(self.costs)

    def test_the_table_in_the_runbook_is_what_the_script_prints(self):
        text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
        table = text.split(self.costs.BEGIN)[1].split(self.costs.END)[0].strip()
        self.assertEqual(table, self.costs.tables(), "run infra/costs.py --write")

    def test_what_is_counted_is_what_the_template_and_the_code_make(self):
        self.assertEqual(self.costs.ALARMS, TEMPLATE.count("Type: AWS::CloudWatch::Alarm"))
        self.assertEqual(self.costs.DASHBOARDS, TEMPLATE.count("Type: AWS::CloudWatch::Dashboard"))
        self.assertEqual(self.costs.SECRETS, TEMPLATE.count("Type: AWS::SecretsManager::Secret\n"))
        metrics = (ROOT / "shared/service/src/metric.rs").read_text(encoding="utf-8")
        self.assertEqual(self.costs.METRICS, int(re.search(r"ALL: \[Metric; (\d+)\]", metrics)[1]))
        memory = {name.lower(): int(size) / 1024 for name, size in re.findall(r"^  (Intake|Admin|Provisioner):\n(?:    .*\n|\n)*?      MemorySize: (\d+)", TEMPLATE, re.MULTILINE)}
        self.assertEqual(self.costs.MEMORY_GB, memory)


if __name__ == "__main__":
    unittest.main()
