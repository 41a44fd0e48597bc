# shellcheck shell=bash
# The sign-in provider (OpenID Connect), from npm. Sets KINLINK_TEST_OIDC_ISSUER.
# Sourced by tests/run; see common.sh.

# install_oidc FOLDER: installs it into FOLDER/oidc unless today's package-lock.json is there already.
install_oidc() {
    local folder=$1 wanted
    oidc=$folder/oidc
    wanted=$(cat tests/servers/oidc/package.json tests/servers/oidc/package-lock.json | sha256sum | cut -d ' ' -f 1)
    mkdir -p "$folder"
    (
        # Two runs may start at once in a fresh clone.
        flock 9
        if [ "$(cat "$oidc/lock.sha256" 2>/dev/null)" = "$wanted" ]; then
            exit 0
        fi
        echo "tests/run: installing the sign-in provider of the tests into $oidc (once)"
        rm -rf "$oidc"
        mkdir "$oidc"
        cp tests/servers/oidc/package.json tests/servers/oidc/package-lock.json "$oidc"
        npm ci --prefix "$oidc" --no-audit --no-fund --ignore-scripts --loglevel=error
        echo "$wanted" >"$oidc/lock.sha256"
    ) 9>"$folder/oidc.lock"
}

# start_oidc PORT
start_oidc() {
    local port=$1
    # Beside its packages, where it finds them.
    cp tests/servers/oidc/provider.mjs "$oidc/provider.mjs"
    start_server oidc "${tied_to_us[@]}" node "$oidc/provider.mjs" "$port"
    wait_until_ready oidc port_answers "$port"
    export KINLINK_TEST_OIDC_ISSUER="http://127.0.0.1:$port"
}
