# shellcheck shell=bash
# What the server starters share: running as an ordinary user, waiting until ready, stopping. Sourced by tests/run,
# which sets $servers_folder (temporary, one folder and one log a server) before calling any starter.

servers_folder=

# PID of every server started, in order.
server_pids=()

# What precedes the command of a server: the kernel ends it when tests/run itself is killed, so that not even `kill -9`
# leaves a server behind.
tied_to_us=(setpriv --pdeathsig TERM)

# The same for a server that refuses to run as root. (One setpriv: a change of user would undo the tie made before it.)
unprivileged=("${tied_to_us[@]}")
if [ "$(id -u)" -eq 0 ]; then
    unprivileged+=(--reuid=nobody --regid=nogroup --clear-groups)
fi

# start_server NAME COMMAND…: runs COMMAND in the background with its output in the server's log.
start_server() {
    local name=$1
    shift
    "$@" </dev/null >"$servers_folder/$name.log" 2>&1 &
    server_pids+=("$!")
}

# data_folder NAME: makes a folder that the unprivileged user owns.
data_folder() {
    mkdir -p "$servers_folder/$1"
    if [ "$(id -u)" -eq 0 ]; then
        chown nobody:nogroup "$servers_folder/$1"
    fi
}

# wait_until_ready NAME COMMAND…: waits until COMMAND succeeds; shows the server's log if it never does.
wait_until_ready() {
    local name=$1 pid=${server_pids[-1]} end=$((SECONDS + 60))
    shift
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
            server_failed "$name"
        fi
        sleep 0.1
    done
    # Something else may have answered on our port while our own server died of "address in use".
    if ! kill -0 "$pid" 2>/dev/null; then
        server_failed "$name"
    fi
}

server_failed() {
    echo "tests/run: the test server '$1' did not start; the first lines of its log:" >&2
    head -n 60 "$servers_folder/$1.log" | sed 's/^/    /' >&2
    exit 1
}

# port_answers PORT: whether something accepts connections there.
port_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Their data is thrown away, so they are not asked to finish anything.
stop_servers() {
    local pid
    for pid in "${server_pids[@]}"; do
        # QUIT ends PostgreSQL at once, where TERM alone waits for its clients; the Python servers, as background jobs,
        # ignore QUIT and end at TERM.
        kill -QUIT "$pid" 2>/dev/null || true
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${server_pids[@]}"; do
        for _ in {1..50}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    server_pids=()
}
