"""Starts built functions one after the other, each with a Runtime API of its own, and checks that it answers and ends well.

start.py [--briefly] FOLDER [-- COMMAND…]: FOLDER has FUNCTION/bootstrap; COMMAND runs it, with {function} and {bootstrap} replaced,
such as `qemu-aarch64-static -L ROOT {bootstrap}`; without COMMAND the program is run as it is. --briefly: one event each.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from runtime_api import FUNCTION, RuntimeApi

EVENTS = pathlib.Path(__file__).resolve().parent.parent / "events"
# An emulated processor is slow, and the machine may be busy.
PATIENCE = 60

# Nothing listens on these ports: what touches a database must answer with an error, and not end.
SETTINGS = {
    "KINLINK_STORE_URL": "postgres://kinlink:never-to-be-shown@127.0.0.1:1/kinlink",
    "KINLINK_MOODLE_URL": "mysql://kinlink:never-to-be-shown@127.0.0.1:1/moodle",
    "KINLINK_SIGNING_KEY": "for-tests-only-for-tests-only-for-tests-only",
    "KINLINK_PUBLIC_URL": "https://parents.school.example",
}


def gateway(path):
    """The recorded event of API Gateway, for another path."""
    event = json.loads((EVENTS / "api-gateway-get.json").read_text())
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    return event


def status(*expected):
    def check(kind, body):
        found = json.loads(body).get("statusCode")
        assert kind == "response" and found in expected, f"{kind} with status {found} instead of {expected}"

    return check


def fails(kind, body):
    assert kind == "error", f"a {kind} instead of an error"
    assert json.loads(body)["errorType"], "an error without its type"
    assert b"never-to-be-shown" not in body, "an error with a password"


# Per function: events in order, each with what is expected of the answer. Every function gets one more event after a failure.
STORIES = {
    "intake": [
        ("the page that says it runs", gateway("/healthz"), status(200)),
        ("a page that is not there", gateway("/nowhere"), status(404)),
    ],
    "admin": [
        ("the API without a token", gateway("/api/v1/admin/requests"), status(401)),
        ("the pages without a session", gateway("/admin"), status(302, 303, 307)),
    ],
    "provisioner": [
        ("an unknown action", {"action": "destroy"}, fails),
        ("a cycle without a database", {"action": "cycle"}, fails),
        ("no event at all", {}, fails),
    ],
}


def patiently(api, process):
    """The next answer; none if the program has ended or takes too long."""
    until = time.monotonic() + PATIENCE
    while (answer := api.answer(0.2)) is None and time.monotonic() < until and process.poll() is None:
        pass
    # It may have answered just before it ended.
    return answer or api.answer(0.1)


def ended(process, seconds):
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def run(function, story, command, log):
    api = RuntimeApi()
    environment = SETTINGS | {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "artefact",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # Should it look for anything of Amazon's, it finds nobody and does not wait.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for number, (name, event, check) in enumerate(story):
            identifier = api.send(event)
            answer = patiently(api, process)
            assert answer is not None, f"{name}: no answer (the program's exit code: {process.poll()})"
            answered, kind, body = answer
            assert answered == identifier, f"{name}: {kind} {body[:300]!r}"
            check(kind, body)
            if number == 0:
                first = time.monotonic() - began
        assert process.poll() is None, f"ended by itself with {process.returncode}"
        process.send_signal(signal.SIGTERM)
        code = ended(process, 10)
        assert code is not None, "still runs 10 s after SIGTERM"
        # Whoever registered an extension did so to end in order; without one the signal itself ends the process.
        wanted = 0 if api.extensions else -signal.SIGTERM
        assert code in (wanted, 128 - wanted), f"ended with {code} at SIGTERM instead of {wanted}"
        assert not api.unexpected, f"asked the Runtime API for {api.unexpected}"
        return f"{len(story)} event{'s' * (len(story) > 1)} answered, the first after {first * 1000:.0f} ms; ended with {code} at SIGTERM"
    finally:
        process.kill()
        process.wait()
        api.close()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--briefly", action="store_true")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("command", nargs="*", default=["{bootstrap}"])
    wanted = parser.parse_args()
    failed = False
    for function, story in STORIES.items():
        bootstrap = wanted.folder.resolve() / function / "bootstrap"
        command = [part.format(function=function, bootstrap=bootstrap) for part in wanted.command]
        with tempfile.TemporaryFile() as log:
            try:
                print(f"  {function}: {run(function, story[:1] if wanted.briefly else story, command, log)}", flush=True)
            except (AssertionError, OSError, ValueError, KeyError) as fault:
                failed = True
                log.seek(0)
                shown = log.read().decode(errors="replace")[-3000:]
                print(f"  {function}: FAILED: {fault}\n{shown}", file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
