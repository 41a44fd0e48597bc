# shellcheck shell=bash
# The two servers written in Python: moto (SQS) and the SMTP sink, and the virtual environment they live in.
# Sets KINLINK_TEST_SQS_ENDPOINT, KINLINK_TEST_SMTP, KINLINK_TEST_SMTP_SINK and dummy AWS credentials.
# Sourced by tests/run and tests/api/run, from the root of the repository; see common.sh.

# shellcheck source=tests/venv.sh
. tests/venv.sh

# install_python_servers FOLDER: makes FOLDER/venv.
install_python_servers() {
    python_venv "$1" tests/servers/requirements.txt
}

# free_ports COUNT: that many ports of 127.0.0.1 which nobody listens on at this moment.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
}

# start_sqs PORT
start_sqs() {
    local port=$1
    # moto never calls AWS; the credentials only keep every SDK from searching for real ones.
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1
    unset AWS_PROFILE AWS_SESSION_TOKEN
    start_server sqs "${tied_to_us[@]}" "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
    wait_until_ready sqs port_answers "$port"
    export KINLINK_TEST_SQS_ENDPOINT="http://127.0.0.1:$port"
}

# start_smtp PORT
start_smtp() {
    local port=$1
    export KINLINK_TEST_SMTP_SINK=$servers_folder/messages.jsonl
    : >"$KINLINK_TEST_SMTP_SINK"
    start_server smtp "${tied_to_us[@]}" "$venv/bin/python" tests/servers/smtp_sink.py 127.0.0.1 "$port" "$KINLINK_TEST_SMTP_SINK"
    wait_until_ready smtp port_answers "$port"
    export KINLINK_TEST_SMTP="127.0.0.1:$port"
}
