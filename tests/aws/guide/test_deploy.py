"""infra/deploy, run as it is: the aws command is the real one and speaks to moto (started here); `sam` is a stand-in.

What this proves: the order of steps, the arguments, what is said and with which code it ends when a step fails, and that AWS's
command line takes our calls. What it does not: what `sam deploy` does with them. The stand-in records how it was called and makes a
stack with the outputs that the script reads.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import follow  # noqa: E402

FUNCTIONS = ("intake", "admin", "provisioner")
GOOD = {"level": "good", "findings": [{"check": "store.schema", "level": "good", "seen": "up to date", "remedy": ""}]}
WARNING = {"check": "work.heartbeat", "level": "warning", "seen": "no cycle ended well yet", "remedy": "Wait for the schedule."}
OLD_TABLES = {"check": "store.schema", "level": "error", "seen": "tables are missing or of an older version", "remedy": "Run `kinlink migrate`."}
NO_CRON = {"check": "moodle.cron", "level": "error", "seen": "no task ever ran", "remedy": "Set up Moodle's cron."}
MIGRATED = {"migrated": True}
REFUSED = {"errorType": "&str", "errorMessage": "the database user lacks a right: permission denied for schema public"}
UNKNOWN_MIGRATION = {"errorType": "&str", "errorMessage": "migration 9 was previously applied but is missing in the resolved migrations"}

SAM = """#!/bin/sh
printf '%s\\n' "sam $*" >>"$RECORD"
[ -z "$SAM_FAILS" ] || exit 1
[ -z "$SAM_DECLINED" ] || exit 0
aws cloudformation create-stack --stack-name "$STACK" --template-body "file://$STACK_TEMPLATE" >/dev/null 2>&1 || true
"""

# Records calls of the function with what they carry, and passes everything on. A failed invocation is told by a header, which moto's
# function cannot give: where asked for, AWS's answer to one is played back.
AWS = """#!/bin/bash
if [ "$1 $2" = 'lambda invoke' ]; then
    for argument in "$@"; do case $argument in fileb://*) printf 'invoke %s\\n' "$(cat "${argument#fileb://}")" >>"$RECORD" ;; esac; done
    if [ -n "$FUNCTION_FAILS" ]; then
        printf '{"errorMessage":"RequestId: 1 Error: Runtime exited","errorType":"Runtime.ExitError"}' >"${!#}"
        printf '{"StatusCode":200,"FunctionError":"Unhandled","ExecutedVersion":"$LATEST"}'
        exit 0
    fi
fi
exec REAL --endpoint-url ENDPOINT "$@"
"""


class Deploy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = follow.moto()
        cls.endpoint = cls.moto.__enter__()
        cls.addClassCleanup(cls.moto.__exit__, None, None, None)
        cls.make_function()

    @classmethod
    def make_function(cls):
        """The provisioner, as far as a caller sees it."""
        trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            follow.aws(folder, cls.endpoint)
            with zipfile.ZipFile(folder / "f.zip", "w") as file:
                file.writestr("bootstrap", "")
            for command in [
                ["iam", "create-role", "--role-name", "kinlink", "--assume-role-policy-document", trust],
                ["lambda", "create-function", "--function-name", "kinlink-provisioner", "--runtime", "provided.al2023", "--handler", "bootstrap"]
                + ["--role", f"arn:aws:iam::{follow.ACCOUNT}:role/kinlink", "--zip-file", f"fileb://{folder / 'f.zip'}"],
            ]:
                subprocess.run([folder / "aws", *command], check=True, stdout=subprocess.DEVNULL, env=follow.environment(folder))

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="kinlink-deploy-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        # A checkout that is as small as the script can be content with.
        self.checkout = self.folder / "checkout"
        (self.checkout / "infra").mkdir(parents=True)
        (self.checkout / "shared").mkdir()
        (self.checkout / "functions").mkdir()
        shutil.copy(follow.ROOT / "infra/deploy", self.checkout / "infra/deploy")
        shutil.copy(follow.ROOT / "template.yaml", self.checkout / "template.yaml")
        (self.checkout / "Cargo.toml").touch()
        (self.checkout / "Cargo.lock").touch()
        zips = self.checkout / "target/lambda/arm64"
        zips.mkdir(parents=True)
        later = time.time() + 10
        for name in FUNCTIONS:
            (zips / f"{name}.zip").touch()
            os.utime(zips / f"{name}.zip", (later, later))

        self.programs = self.folder / "programs"
        self.programs.mkdir()
        real = follow.TARGET / "test-tools/guide/venv/bin/aws"
        self.program("aws", AWS.replace("REAL", shlex.quote(str(real))).replace("ENDPOINT", self.endpoint))
        self.program("sam", SAM)
        self.record = self.folder / "record"
        stack = {"Resources": {"Jobs": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"FormUrl": {"Value": "https://x.example/request"}}}
        stack["Outputs"] |= {"StaffUrl": {"Value": "https://x.example/admin"}, "ProvisionerFunction": {"Value": "kinlink-provisioner"}}
        (self.folder / "stack.json").write_text(json.dumps(stack))

    def program(self, name, text):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def environment(self, **more):
        kept = follow.environment(self.programs) | {"RECORD": str(self.record), "STACK": "kinlink", "STACK_TEMPLATE": str(self.folder / "stack.json")}
        return kept | {"SAM_FAILS": "", "SAM_DECLINED": "", "FUNCTION_FAILS": ""} | more

    def deploy(self, *arguments, answers=(MIGRATED, GOOD), **more):
        """Runs it; the function gives these answers, of which none may be left over for the next test."""
        if answers:
            body = {"region": follow.REGION, "results": [json.dumps(answer) for answer in answers]}
            follow.post(f"{self.endpoint}/moto-api/static/lambda-simple/response", body)
        command = [self.checkout / "infra/deploy", *arguments]
        return subprocess.run(command, env=self.environment(**more), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)

    def recorded(self):
        return self.record.read_text().splitlines() if self.record.exists() else []

    def test_deploys_then_migrates_then_asks_the_doctor(self):
        run = self.deploy("kinlink", "--parameter-overrides", "School=Example School", answers=(MIGRATED, GOOD | {"findings": [*GOOD["findings"], WARNING]}))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(
            self.recorded(),
            [
                "sam deploy --template-file template.yaml --stack-name kinlink --region eu-west-2 --capabilities CAPABILITY_IAM --resolve-s3"
                " --no-fail-on-empty-changeset --confirm-changeset --parameter-overrides School=Example School",
                'invoke {"action":"migrate"}',
                'invoke {"action":"doctor"}',
            ],
        )
        for text in [f"account {follow.ACCOUNT}, region eu-west-2", "ok    store.schema: up to date", "WARN  work.heartbeat", "What to do: Wait for", "https://x.example/request"]:
            self.assertIn(text, run.stdout)
        self.assertEqual(run.stderr, "")

    def test_a_second_time_is_like_the_first(self):
        for _ in range(2):
            self.assertEqual(self.deploy("kinlink", "--no-confirm-changeset").returncode, 0)
        self.assertEqual(len(self.recorded()), 6)
        self.assertNotIn(" --confirm-changeset", self.recorded()[0])

    def test_guided_asks_by_itself(self):
        self.assertEqual(self.deploy("kinlink", "--guided").returncode, 0)
        self.assertNotIn("confirm", self.recorded()[0])

    def test_a_region_that_is_given_holds_for_both_programs(self):
        run = self.deploy("kinlink", "--region", "eu-west-1", answers=())
        self.assertIn("--region eu-west-1", self.recorded()[0])
        # There is no function in that region: it was really asked there.
        self.assertEqual(run.returncode, 1)
        self.assertIn("region eu-west-1", run.stdout)

    def test_without_a_region_nothing_is_done(self):
        run = self.deploy("kinlink", AWS_DEFAULT_REGION="", answers=())
        self.assertEqual((run.returncode, self.recorded()), (1, []))
        self.assertIn("no region is chosen", run.stderr)

    def test_a_failed_deployment_stops_before_the_function_is_called(self):
        run = self.deploy("kinlink", SAM_FAILS="yes", answers=())
        self.assertEqual((run.returncode, len(self.recorded())), (1, 1))
        self.assertIn("describe-stack-events", run.stderr)

    def test_a_declined_changeset_stops_there(self):
        run = self.deploy("declined", SAM_DECLINED="yes", answers=())
        self.assertEqual((run.returncode, len(self.recorded())), (1, 1))
        self.assertIn("If you answered no", run.stderr)

    def test_a_refused_migration_fails_and_says_how_to_go_on_and_back(self):
        run = self.deploy("kinlink", answers=(REFUSED,))
        self.assertEqual(run.returncode, 1, run.stdout)
        # No doctor's word that the tables are good enough makes up for it.
        self.assertEqual(self.recorded()[1:], ['invoke {"action":"migrate"}'])
        for text in ["permission denied for schema public", "StoreOwnerSecretArn", "To go back", "infra/deploy kinlink --without-migrate"]:
            self.assertIn(text, run.stderr)

    def test_an_earlier_version_that_does_not_know_a_migration_fails_and_is_told_the_way(self):
        run = self.deploy("kinlink", answers=(UNKNOWN_MIGRATION,))
        self.assertEqual(run.returncode, 1)
        self.assertIn("--without-migrate", run.stderr)

    def test_without_migrate_the_doctor_alone_is_asked(self):
        for arguments in [("kinlink", "--without-migrate", "--no-confirm-changeset"), ("kinlink", "--no-confirm-changeset", "--without-migrate")]:
            with self.subTest(arguments=arguments):
                run = self.deploy(*arguments, answers=(GOOD,))
                self.assertEqual(run.returncode, 0, run.stderr)
                deployed, *asked = self.recorded()
                # Ours, which sam would not know.
                self.assertNotIn("--without-migrate", deployed)
                self.assertEqual(asked, ['invoke {"action":"doctor"}'])
                self.assertNotIn("Bringing the store's tables up to date", run.stdout)
                self.record.unlink()

    def test_without_migrate_old_tables_are_the_doctors_error(self):
        run = self.deploy("kinlink", "--without-migrate", answers=({"level": "error", "findings": [OLD_TABLES]},))
        self.assertEqual(run.returncode, 3)
        self.assertIn("ERROR store.schema", run.stdout)

    def test_a_function_that_crashes_fails_the_deployment(self):
        run = self.deploy("kinlink", FUNCTION_FAILS="yes", answers=())
        self.assertEqual(run.returncode, 1)
        self.assertIn("Runtime exited", run.stderr)

    def test_errors_of_the_doctor_have_a_code_of_their_own(self):
        run = self.deploy("kinlink", answers=(MIGRATED, {"level": "error", "findings": [*GOOD["findings"], NO_CRON]}))
        self.assertEqual(run.returncode, 3)
        self.assertIn("ERROR moodle.cron: no task ever ran\n      What to do: Set up Moodle's cron.", run.stdout)

    def test_an_answer_that_nobody_understands_is_a_failure(self):
        run = self.deploy("kinlink", answers=(MIGRATED, {"hello": "world"}))
        self.assertEqual(run.returncode, 1)
        self.assertIn("not understood", run.stderr)

    def test_artefacts_must_be_there_and_old_ones_are_worth_a_warning(self):
        later = time.time() + 100
        (self.checkout / "shared/new.rs").touch()
        os.utime(self.checkout / "shared/new.rs", (later, later))
        run = self.deploy("kinlink")
        self.assertEqual(run.returncode, 0)
        self.assertIn("intake.zip is older than shared/new.rs", run.stderr)
        self.record.unlink()
        (self.checkout / "target/lambda/arm64/admin.zip").unlink()
        run = self.deploy("kinlink", answers=())
        self.assertEqual((run.returncode, self.recorded()), (1, []))
        self.assertIn("there is no target/lambda/arm64/admin.zip", run.stderr)

    def test_the_real_sam_takes_our_arguments_and_sends_artefacts_and_template(self):
        """As far as moto goes, which refuses the change set: so this is a failed deployment, too."""
        bucket = "kinlink-artefacts-of-a-test"
        managed = self.folder / "managed.json"
        managed.write_text(json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}}, "Outputs": {"SourceBucket": {"Value": bucket}}}))
        aws, environment = self.programs / "aws", self.environment(AWS_ENDPOINT_URL=self.endpoint)
        name = "aws-sam-cli-managed-default"
        command = ["cloudformation", "create-stack", "--stack-name", name, "--template-body", f"file://{managed}", "--tags", "Key=ManagedStackSource,Value=AwsSamCli"]
        subprocess.run([aws, *command], check=True, stdout=subprocess.DEVNULL, env=environment)
        for function in FUNCTIONS:
            with zipfile.ZipFile(self.checkout / f"target/lambda/arm64/{function}.zip", "w") as file:
                file.writestr("bootstrap", function)
        (self.programs / "sam").unlink()
        (self.programs / "sam").symlink_to(pathlib.Path(os.environ["KINLINK_TEST_SAM"]) / "sam")
        overrides = ["School='Example School'", "MoodleSite=https://m.example", "StoreUrl=postgres://a:b@h/d", "MoodleUrl=mysql://a:b@h/d", "MoodleReadUrl=mysql://a:b@h/d"]
        run = self.deploy("real", "--no-confirm-changeset", "--parameter-overrides", *overrides, answers=(), AWS_ENDPOINT_URL=self.endpoint)
        self.assertIn('"School": "Example School"', run.stdout, run.stderr)
        self.assertIn("Failed to create changeset", run.stdout + run.stderr)
        self.assertEqual(run.returncode, 1)
        self.assertIn("describe-stack-events", run.stderr)
        listed = subprocess.run([aws, "s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Size", "--output", "json"], check=True, capture_output=True, env=environment)
        # Three zips and the template, which is by far the largest.
        sizes = sorted(json.loads(listed.stdout))
        self.assertEqual(len(sizes), 4)
        self.assertGreater(sizes[-1], 50_000)

    def test_wrong_arguments_are_told_apart_from_failures(self):
        for arguments in [(), ("--guided",), ("Kinlink",), ("kin_link",), ("kinlink", "--stack-name", "other"), ("kinlink", "--region")]:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.deploy(*arguments, answers=()).returncode, 2)
        self.assertEqual(self.recorded(), [])
        self.assertIn("Exit codes", self.deploy("--help", answers=()).stdout)


if __name__ == "__main__":
    unittest.main()
