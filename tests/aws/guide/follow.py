"""Follows the guides: runs what docs/deploying.md and docs/operating.md say to type, word by word and in that order.

    follow.py [--whole]

Three times: the store on PostgreSQL and Moodle on MariaDB, the other way round, and both on one MariaDB server. Databases are the throw-away
servers of tests/run, whose administrators' addresses are in the environment. Commands of `aws` go to moto, an imitation on
loopback that is started here: that proves that they are spelt right and fit together, not what AWS does. What needs an account is
not run, nor what moto lacks (StartMessageMoveTask); which blocks those are is printed. Of infra/deploy, only what it does to the store
happens: `kinlink migrate` with the two secrets that the provisioner has. On PostgreSQL the administrator is no superuser, as on RDS.

Without --whole the two blocks that compile are left out: `kinlink` is the one that tests use, and infra/build has its own tests.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from urllib.parse import urlsplit

import blocks

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
ACCOUNT = "123456789012"
REGION = "eu-west-2"
PASSES = [("postgres", "mariadb"), ("mariadb", "postgres"), ("mariadb", "mariadb")]
USERS = ["kinlink", "kinlink_migrate", "moodle_auth_db", "kinlink_writer", "kinlink_read"]
ADMIN, ADMIN_PASSWORD = "guide_admin", "only-of-this-test"


# ---- Databases -----------------------------------------------------------------------------------------------------------


def server(engine):
    return urlsplit(os.environ["KINLINK_TEST_POSTGRES_URL" if engine == "postgres" else "KINLINK_TEST_MARIADB_URL"])


def client(engine, user=None):
    """The command that runs SQL as an administrator; its password is in the environment."""
    where = server(engine)
    if engine == "postgres":
        return f"psql --no-psqlrc --quiet --host={where.hostname} --port={where.port} --username={user or where.username} --set=ON_ERROR_STOP=1"
    return f"mariadb --no-defaults --protocol=tcp --host={where.hostname} --port={where.port} --user={where.username}"


def sql(engine, text, database=None):
    command = shlex.split(client(engine)) + ([f"--dbname={database or 'postgres'}"] if engine == "postgres" else [database] if database else [])
    password = {"PGOPTIONS": "--client-min-messages=warning", "PGPASSWORD": server(engine).password, "MYSQL_PWD": server(engine).password}
    subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL, env=os.environ | password)


def clean(engine):
    databases = ["kinlink", "guide_moodle"]
    if engine == "postgres":
        for name in databases:
            sql(engine, f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")
        for user in [*USERS, ADMIN]:
            sql(engine, f"DROP ROLE IF EXISTS {user};")
    else:
        sql(engine, "".join(f"DROP DATABASE IF EXISTS {name};" for name in databases))
        sql(engine, "".join(f"DROP USER IF EXISTS '{user}'@'%';" for user in USERS))


def prepare(store, moodle):
    for engine in {store, moodle}:
        clean(engine)
    if store == "postgres":
        sql("postgres", f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD '{ADMIN_PASSWORD}';")
    sql(moodle, "CREATE DATABASE guide_moodle;")
    schema = ROOT / "shared/moodle/schema" / ("postgres.sql" if moodle == "postgres" else "mysql.sql")
    sql(moodle, schema.read_text(encoding="utf-8").replace("{prefix}", "mdl_"), "guide_moodle")


# ---- moto ------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def moto():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [TARGET / "test-tools/venv/bin/moto_server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                post(f"{url}/moto-api/config", {"lambda": {"use_docker": False}})
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, "moto does not start"
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def post(url, body=None):
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST")
    urllib.request.urlopen(request, timeout=10).read()


def aws(folder, endpoint):
    """The real aws command, with moto's address: version 1 sends SQS to AWS whatever AWS_ENDPOINT_URL says."""
    path = folder / "aws"
    path.write_text(f"#!/bin/sh\nexec {shlex.quote(str(TARGET / 'test-tools/guide/venv/bin/aws'))} --endpoint-url {endpoint} \"$@\"\n")
    path.chmod(0o755)


def environment(folder):
    """Nobody's account, settings or history."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KINLINK_", "PG"))}
    kept |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "/dev/null", "AWS_DEFAULT_REGION": REGION}
    kept |= {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "KINLINK_DATA_DIR": str(folder / "data")}
    return kept | {"PATH": f"{folder}:{os.environ['PATH']}"}


# What the stack would have made, as far as the runbook's commands touch it.
STACK = r"""
aws sqs create-queue --queue-name kinlink-dead-letters
aws sqs create-queue --queue-name kinlink-missed-schedules
aws sqs create-queue --queue-name kinlink-jobs --attributes '{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:REGION:ACCOUNT:kinlink-dead-letters\",\"maxReceiveCount\":\"50\"}"}'
aws sqs send-message --queue-url "$(aws sqs get-queue-url --queue-name kinlink-dead-letters --query QueueUrl --output text)" --message-body 'not a hint'
aws cloudwatch put-metric-alarm --alarm-name kinlink-MissedSchedulesAlarm-ABC --alarm-description 'See docs/operating.md#missed-schedules.' --namespace AWS/SQS \
    --metric-name ApproximateNumberOfMessagesVisible --comparison-operator GreaterThanThreshold --threshold 0 --period 300 --evaluation-periods 1
aws iam create-role --role-name kinlink --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
python3 -c "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr('bootstrap', '')" "$KINLINK_DATA_DIR.zip"
aws lambda create-function --function-name kinlink-provisioner --runtime provided.al2023 --handler bootstrap --role arn:aws:iam::ACCOUNT:role/kinlink --zip-file "fileb://$KINLINK_DATA_DIR.zip"
""".replace("REGION", REGION).replace("ACCOUNT", ACCOUNT)

# What the first deployment does to the store: the provisioner's action migrate, with what template.yaml gives to it.
DEPLOYMENT = r"""
secret_of() { aws secretsmanager get-secret-value --secret-id "kinlink/$1" --query SecretString --output text; }
if KINLINK_STORE_URL=$(secret_of store) kinlink migrate; then echo 'the user of the functions can migrate, so nobody needs the owner'; exit 1; fi
KINLINK_STORE_URL=$(secret_of store) KINLINK_STORE_OWNER_URL=$(secret_of store-owner) kinlink migrate
# Before part 2 of the grants: the functions do not need it.
KINLINK_STORE_URL=$(secret_of store) kinlink doctor || true
# Migrated again, as with every later version.
KINLINK_STORE_URL=$(secret_of store) KINLINK_STORE_OWNER_URL=$(secret_of store-owner) kinlink migrate
"""

# What has to be true after the runbook's commands.
AFTERWARDS = r"""
answer=$(ask '{"action":"doctor"}' | cat)
case $answer in *'"level": "good"'*|*'"level":"good"'*) ;; *) echo "ask answered: $answer"; exit 1 ;; esac
test "$(aws cloudwatch describe-alarms --query 'MetricAlarms[0].StateValue' --output text)" = ALARM
case $(aws secretsmanager get-secret-value --secret-id kinlink/store --query SecretString --output text) in *another-long-random-password*) ;; *) exit 1 ;; esac
PGPASSWORD=another-long-random-password psql --no-psqlrc --quiet "${KINLINK_STORE_URL/kinlink:$store_password@/kinlink@}" --command 'SELECT 1' >/dev/null
"""


# ---- Following ---------------------------------------------------------------------------------------------------------------


def settings(block, store, moodle):
    """What a reader would write instead of the sample; it has to set the same names."""
    tls = {"postgres": "sslmode=disable", "mariadb": "ssl-mode=DISABLED"}
    address = {engine: f"{server(engine).hostname}:{server(engine).port}" for engine in {store, moodle}}
    values = {
        "AWS_REGION": REGION,
        "store_engine": store,
        "store_admin": client(store, ADMIN if store == "postgres" else None),
        "store_host": address[store],
        "store_tls": tls[store],
        "moodle_engine": moodle,
        "moodle_admin": client(moodle),
        "moodle_host": address[moodle],
        "moodle_tls": tls[moodle],
        "moodle_database": "guide_moodle",
        "moodle_prefix": "mdl_",
    }
    named = [line.removeprefix("export ").partition("=")[0] for line in block.text.splitlines() if line.strip()]
    assert named == list(values), f"{block.place} sets {named}, and this test {list(values)}"
    passwords = {"PGPASSWORD": ADMIN_PASSWORD if store == "postgres" else server("postgres").password, "MYSQL_PWD": server("mariadb").password}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in passwords.items()]
    lines += [f"{'export ' if name.isupper() else ''}{name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def statement(block, store, moodle):
    """How a reader would run a block of SQL."""
    into = {
        "moodle": '$moodle_admin "$moodle_database"' if moodle == "mariadb" else '$moodle_admin --dbname="$moodle_database"',
        "store-admin": "$store_admin --dbname=kinlink",
        "store-owner": 'psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$STORE_OWNER_URL"',
    }[block.words[1]]
    return f"{into} <<'SQL'\n{block.text}SQL\n"


def steps(store, moodle, whole):
    """What is run, as (where it stands, script, what it has to show); and where an account is needed."""
    found, account = [], []
    documents = ["deploying.md", "operating.md"] if store == "postgres" else ["deploying.md"]
    for document in documents:
        if document == "operating.md":
            found.append(("what a stack has", STACK, []))
        for block in blocks.read(ROOT / "docs" / document):
            if block.words == ["settings"]:
                found.append((block.place, settings(block, store, moodle), []))
            elif block.words[:1] == ["account"]:
                account.append(block.place)
                if block.words[1:] == ["deploy"]:
                    found.append((f"{block.place}, as far as the store", DEPLOYMENT, ["is up to date.", "✓ store.schema: up to date"]))
            elif block.words[:1] == ["run"]:
                condition = block.words[1:]
                if block.language == "sql":
                    found.append((block.place, statement(block, store, moodle), block.shows))
                    continue
                assert block.language == "sh" and set(condition) <= {"aws", "install", "build", "store-postgres", "store-mariadb", "moodle-postgres", "moodle-mariadb"}, block.place
                engines = [word for word in condition if "-" in word]
                if any(word not in (f"store-{store}", f"moodle-{moodle}") for word in engines):
                    continue
                if not whole and {"install", "build"} & set(condition):
                    continue
                found.append((block.place, block.text, block.shows))
    if store == "postgres":
        found.append(("what the runbook's commands come to", AFTERWARDS, []))
    return found, account


def follow(store, moodle, whole, endpoint):
    began = time.monotonic()
    prepare(store, moodle)
    post(f"{endpoint}/moto-api/reset")
    # Each call of the function takes one; the last stays.
    answer = '{"level": "good", "findings": []}'
    post(f"{endpoint}/moto-api/static/lambda-simple/response", {"region": REGION, "results": [answer]})
    todo, account = steps(store, moodle, whole)
    with tempfile.TemporaryDirectory(prefix="kinlink-guide-") as name:
        folder = pathlib.Path(name)
        aws(folder, endpoint)
        if not whole:
            (folder / "kinlink").symlink_to(TARGET / "debug/kinlink")
        # One shell for all blocks, since what one sets the next one uses.
        script = "set -euo pipefail\n"
        for number, (_, text, _) in enumerate(todo):
            script += f"exec >{folder}/{number}.log 2>&1\n{text}\n"
        (folder / "script.sh").write_text(script)
        run = subprocess.run(["bash", folder / "script.sh"], cwd=ROOT, env=environment(folder), timeout=3600, stdin=subprocess.DEVNULL)
        reached = max((number for number in range(len(todo)) if (folder / f"{number}.log").exists()), default=0)
        if run.returncode != 0:
            place, text, _ = todo[reached]
            sys.exit(f"{place} failed ({run.returncode}):\n{text}\n---- it said:\n{(folder / f'{reached}.log').read_text()}")
        for number, (place, _, shows) in enumerate(todo):
            output = (folder / f"{number}.log").read_text()
            for text in shows:
                if text not in output:
                    sys.exit(f"{place} does not show {text!r}, but:\n{output}")
    for engine in {store, moodle}:
        clean(engine)
    print(f"followed: store on {store}, Moodle on {moodle}: {len(todo)} steps in {time.monotonic() - began:.0f} s")
    return account


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", action="store_true", help="also run what compiles")
    whole = parser.parse_args().whole
    with moto() as endpoint:
        needing_account = [follow(store, moodle, whole, endpoint) for store, moodle in PASSES]
    # The first pass is the one that goes through both documents.
    print("not followed, because it needs an account:", ", ".join(needing_account[0]))
    if not whole:
        print("not followed without --whole: cargo install and infra/build")


if __name__ == "__main__":
    main()
