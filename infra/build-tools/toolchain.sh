# shellcheck shell=bash
# What infra/build sets before it sources this: tools and fail().
# shellcheck disable=SC2154
# What has to be on the machine: programs, cargo-lambda with zig, and Rust's standard library for the machine we build for.

check_machine() {
    command -v cargo >/dev/null || fail "cargo is missing: install the Rust toolchain (https://rustup.rs)"
    command -v readelf >/dev/null || fail "readelf is missing; on Debian: sudo apt-get install binutils"
    python3 -c 'import venv, ensurepip' 2>/dev/null || fail "Python 3 with venv is missing; on Debian: sudo apt-get install python3-venv"
}

# install_cargo_lambda: puts cargo-lambda and zig on PATH, from a venv that is made unless today's is complete.
install_cargo_lambda() {
    local venv=$tools/lambda wanted
    wanted=$(sha256sum infra/build-tools/requirements.txt | cut -d ' ' -f 1)
    mkdir -p "$tools"
    (
        # Two builds may start at once in a fresh clone.
        flock 9
        if [ "$(cat "$venv/requirements.sha256" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
            exit 0
        fi
        echo "infra/build: installing cargo-lambda and zig into $venv (once)"
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
            --requirement infra/build-tools/requirements.txt
        echo "$wanted" >"$venv/requirements.sha256"
    ) 9>"$tools/lambda.lock" || fail "cargo-lambda and zig could not be installed from PyPI into $venv"
    export PATH=$venv/bin:$PATH
}

# has_target RUSTC TRIPLE: whether that compiler has the standard library for TRIPLE.
has_target() {
    [ -d "$("$1" --print sysroot)/lib/rustlib/$2/lib" ]
}

# provide_target TRIPLE: makes the standard library for TRIPLE available; sets RUSTC if another compiler has to be taken.
provide_target() {
    local triple=$1
    unset RUSTC
    # An override only: the workspace names no target in rust-toolchain.toml, where a failing download would break all of cargo.
    if has_target rustc "$triple"; then
        return 0
    fi
    echo "infra/build: Rust's standard library for $triple is missing; asking rustup for it"
    if command -v rustup >/dev/null && timeout 300 rustup target add "$triple" && has_target rustc "$triple"; then
        return 0
    fi
    if [ "$triple" = aarch64-unknown-linux-gnu ] && [ "$(uname -m)" = x86_64 ] && command -v apt-get >/dev/null &&
        command -v dpkg-deb >/dev/null; then
        echo "infra/build: rustup cannot give it; taking Debian's compiler instead (slower, and other bytes than rustup's compiler makes)"
        if debian_rust && has_target "$debian_rustc" "$triple"; then
            export RUSTC=$debian_rustc
            return 0
        fi
    fi
    fail "no standard library of Rust for $triple. Either let rustup reach static.rust-lang.org and run: rustup target add $triple
or build on Debian 12 or newer, where apt has libstd-rust-web-dev for arm64."
}

# debian_rust: unpacks Debian's own rustc with the libraries of both machines; sets debian_rustc.
# The packages are downloaded with package lists of our own, so that neither root nor a change of the system is needed.
debian_rust() {
    local folder=$tools/debian-rust state=$tools/debian-rust/apt version
    debian_rustc=$folder/rustc
    [ ! -x "$debian_rustc" ] || return 0
    rm -rf "$folder"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$folder/root"
    : >"$state/status"
    local apt=(-qq -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=$state/status"
        -o "Dir::Cache=$state/cache" -o "APT::Sandbox::User=$(id -un)"
        -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
    apt-get "${apt[@]}" update || return 1
    version=$(apt-cache "${apt[@]}" show --no-all-versions libstd-rust-web-dev:arm64 |
        sed -n 's/^Depends:.*libstd-rust-web-\([0-9.]*\).*/\1/p')
    [ -n "$version" ] || return 1
    local llvm
    llvm=$(apt-cache "${apt[@]}" show --no-all-versions "libstd-rust-web-$version:amd64" |
        sed -n 's/^Depends:.*\(libllvm[0-9]*\).*/\1/p')
    [ -n "$llvm" ] || return 1
    (cd "$state/cache" && apt-get "${apt[@]}" download libstd-rust-web-dev:arm64 libstd-rust-web-dev:amd64 \
        "libstd-rust-web-$version:amd64" rustc-web:amd64 "$llvm:amd64") || return 1
    local package
    for package in "$state"/cache/*.deb; do
        dpkg-deb -x "$package" "$folder/root" || return 1
    done
    rm -rf "$state"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec %q "$@"\n' \
        "$folder/root/usr/lib/x86_64-linux-gnu" "$folder/root/usr/bin/rustc" >"$debian_rustc"
    chmod +x "$debian_rustc"
    "$debian_rustc" --version
}
