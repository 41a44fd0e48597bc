# shellcheck shell=bash
# A throw-away MariaDB on loopback. Sets KINLINK_TEST_MARIADB_URL. Sourced by tests/run; see common.sh.

# start_mariadb PORT PASSWORD
start_mariadb() {
    local port=$1 password=$2 folder=$servers_folder/mariadb
    data_folder mariadb
    if ! "${unprivileged[@]}" mariadb-install-db --no-defaults --datadir="$folder/data" --skip-test-db \
        --auth-root-authentication-method=normal >"$folder.log" 2>&1; then
        server_failed mariadb
    fi
    cat >"$servers_folder/mariadb-init.sql" <<SQL
CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
ALTER USER root@localhost IDENTIFIED BY '$password';
SQL
    chmod a+r "$servers_folder/mariadb-init.sql"
    # latin1 on purpose: a client that forgets to say utf8mb4 gets caught.
    # No syncing: the machine does not lose power between two tests, and 500 tables of Moodle load in a fraction of the time.
    start_server mariadb "${unprivileged[@]}" "$(mariadbd_path)" --no-defaults \
        --datadir="$folder/data" --socket="$folder/socket" --pid-file="$folder/pid" --init-file="$servers_folder/mariadb-init.sql" \
        --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --skip-log-bin \
        --character-set-server=latin1 --collation-server=latin1_swedish_ci \
        --innodb-flush-log-at-trx-commit=1 --debug-no-sync --innodb-buffer-pool-size=256M \
        --max-connections=300 --max-allowed-packet=64M
    export KINLINK_TEST_MARIADB_URL="mysql://root:$password@127.0.0.1:$port"
    MYSQL_PWD=$password wait_until_ready mariadb \
        mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$port" --user=root --execute='SELECT 1'
}

# Debian has it in /usr/sbin, which is not on every user's PATH.
mariadbd_path() {
    PATH=$PATH:/usr/sbin:/usr/local/sbin command -v mariadbd
}
