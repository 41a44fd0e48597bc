# shellcheck shell=bash
# What infra/build sets before it sources this: root, target, tools, out, arches and fail().
# shellcheck disable=SC2154
# Compiles, packs, checks and compares.

functions=(intake admin provisioner)

# The newest glibc of Amazon Linux 2023, which provided.al2023 runs. zig links against exactly that one.
glibc=2.34

# shape_of ARCH: sets triple and processor. The processors are those that cargo-lambda takes: Graviton2, and AVX2 for x86-64, which
# all of Lambda's machines have.
shape_of() {
    case $1 in
        arm64) triple=aarch64-unknown-linux-gnu processor=neoverse-n1 ;;
        x86-64) triple=x86_64-unknown-linux-gnu processor=haswell ;;
    esac
}

# reproducible_environment: takes everything out that would make the same source give other bytes.
reproducible_environment() {
    unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS CFLAGS CXXFLAGS TARGET_CFLAGS "${!CARGO_PROFILE_RELEASE_@}"
    local cargo_home sysroot commit registry flags
    cargo_home=$(realpath -m "${CARGO_HOME:-$HOME/.cargo}")
    sysroot=$("${RUSTC:-rustc}" --print sysroot)
    commit=$("${RUSTC:-rustc}" --verbose --version | sed -n 's/^commit-hash: //p')
    # Paths of this machine stand in the texts of panics: each folder gets a fixed name. The last that fits is taken.
    flags=("-Ctarget-cpu=$processor"
        "--remap-path-prefix=$cargo_home=/cargo"
        "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
        "--remap-path-prefix=$root=/kinlink"
        "--remap-path-prefix=$target=/target")
    for registry in "$cargo_home"/registry/src/*; do
        flags+=("--remap-path-prefix=$registry=/crates")
    done
    # Separated by the character that Cargo wants; so a path may hold spaces.
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
    export CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL=0
    # The time that whatever is embedded is given: that of a checkout differs from clone to clone.
    export SOURCE_DATE_EPOCH=315532800 TZ=UTC LC_ALL=C
}

# build ARCH
build() {
    local arch=$1 began=$SECONDS triple processor function packages=()
    shape_of "$arch"
    provide_target "$triple"
    # The folders of crates must exist before they can be named.
    cargo fetch --locked --quiet --target "$triple" || fail "the crates cannot be fetched"
    for function in "${functions[@]}"; do
        packages+=(--package "kinlink-$function")
    done
    local compiled=$target/lambda-compiled/$arch
    (
        reproducible_environment
        # provide_target has looked; cargo-lambda would ask rustup, which may not be there.
        cargo lambda build --release --locked --skip-target-check --target "$triple.$glibc" --lambda-dir "$compiled" \
            --no-default-features --features mysql,postgres "${packages[@]}"
    ) || fail "the functions do not compile for $arch"
    # Beside its place and then moved, so that nothing unchecked ever lies where it is deployed from.
    rm -rf "$out/$arch.new"
    mkdir -p "$out/$arch.new"
    for function in "${functions[@]}"; do
        mkdir "$out/$arch.new/$function"
        install -m 755 "$compiled/kinlink-$function/bootstrap" "$out/$arch.new/$function/bootstrap"
    done
    python3 infra/build-tools/pack.py "$arch" "$out/$arch.new" --glibc "$glibc" --certificates infra/certificates \
        --forbidden "$HOME" --forbidden "$root" --forbidden "$target" --forbidden "${CARGO_HOME:-$HOME/.cargo}" \
        --forbidden "$("${RUSTC:-rustc}" --print sysroot)" \
        --made-by "$("${RUSTC:-rustc}" --version)" --made-by "$(cargo lambda --version)" --made-by "zig $(python-zig version)" ||
        fail "the artefacts for $arch are not fit to ship; they are in $out/$arch.new"
    rm -rf "${out:?}/$arch"
    mv "$out/$arch.new" "$out/$arch"
    echo "infra/build: $out/$arch is complete after $((SECONDS - began)) s"
}

# write_sbom: for the first machine that was asked for; what is linked hardly differs between them.
write_sbom() {
    local triple processor
    shape_of "${arches[0]}"
    python3 infra/build-tools/sbom.py --triple "$triple" --rust "$("${RUSTC:-rustc}" --version | cut -d ' ' -f 2)" \
        --zig "$(sed -n 's/^ziglang==\([0-9.]*\).*/\1/p' infra/build-tools/requirements.txt)" "$out/sbom.cdx.json"
}

# verify ARCH: builds from a copy of what is committed, in a folder with another name and with other caches, and compares.
verify() {
    local arch=$1 began=$SECONDS
    command -v git >/dev/null || fail "git is missing"
    [ -z "$(git status --porcelain)" ] || fail "--verify compares what is committed, and there are changes that are not"
    build "$arch"
    write_sbom
    local elsewhere
    elsewhere=$(mktemp -d "${TMPDIR:-/tmp}/kinlink-verify-XXXXXXXX")
    trap 'rm -rf "${elsewhere:-}"' EXIT
    mkdir -p "$elsewhere/a checkout with another name" "$elsewhere/cargo/registry"
    git archive HEAD | tar -x -C "$elsewhere/a checkout with another name"
    if compgen -G 'infra/certificates/*.pem' >/dev/null; then
        mkdir -p "$elsewhere/a checkout with another name/infra/certificates"
        cp infra/certificates/*.pem "$elsewhere/a checkout with another name/infra/certificates/"
    fi
    # The downloaded archives are shared; they are unpacked anew.
    local cargo_home=${CARGO_HOME:-$HOME/.cargo} shared
    for shared in registry/cache registry/index config.toml; do
        [ ! -e "$cargo_home/$shared" ] || ln -s "$(realpath "$cargo_home/$shared")" "$elsewhere/cargo/$shared"
    done
    # The tools are shared, as a pinned version; zig's own cache is not.
    mkdir -p "$elsewhere/target/test-tools"
    for shared in lambda debian-rust; do
        [ ! -e "$tools/$shared" ] || ln -s "$tools/$shared" "$elsewhere/target/test-tools/$shared"
    done
    CARGO_HOME=$elsewhere/cargo CARGO_TARGET_DIR=$elsewhere/target XDG_CACHE_HOME=$elsewhere/cache \
        "$elsewhere/a checkout with another name/infra/build" --arch "$arch" || fail "the second build failed"
    local file files=("$arch/manifest.json" sbom.cdx.json) differ=()
    for file in "${functions[@]/#/$arch/}"; do
        files+=("$file/bootstrap" "$file.zip")
    done
    for file in "${files[@]}"; do
        cmp "$out/$file" "$elsewhere/target/lambda/$file" || differ+=("$file")
    done
    [ ${#differ[@]} -eq 0 ] || fail "$arch is not reproducible, these differ: ${differ[*]}"
    echo "infra/build: $arch is reproducible: two builds gave the same bytes ($((SECONDS - began)) s)"
}
