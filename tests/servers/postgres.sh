# shellcheck shell=bash
# A throw-away PostgreSQL on loopback. Sets KINLINK_TEST_POSTGRES_URL. Sourced by tests/run; see common.sh.

# The folder with initdb and postgres: Debian keeps them off the PATH. The newest version if there are several.
postgres_bin() {
    local initdb
    initdb=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    [ -n "$initdb" ] || initdb=$(command -v initdb) || return 1
    dirname "$initdb"
}

# start_postgres PORT PASSWORD
start_postgres() {
    local port=$1 password=$2 folder=$servers_folder/postgres bin
    bin=$(postgres_bin)
    data_folder postgres
    printf '%s\n' "$password" >"$servers_folder/postgres-password"
    chmod a+r "$servers_folder/postgres-password"
    if ! "${unprivileged[@]}" "$bin/initdb" --pgdata="$folder/data" --username=postgres --pwfile="$servers_folder/postgres-password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$folder.log" 2>&1; then
        server_failed postgres
    fi
    # fsync off: the machine does not lose power between two tests.
    start_server postgres "${unprivileged[@]}" "$bin/postgres" -D "$folder/data" -p "$port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories="$folder" -c max_connections=300 -c fsync=off
    export KINLINK_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port"
    wait_until_ready postgres "$bin/psql" --no-psqlrc --command='SELECT 1' "$KINLINK_TEST_POSTGRES_URL/postgres"
}
