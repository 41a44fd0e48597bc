"""Writes what the shipped functions are made of, as CycloneDX 1.6 JSON. Called by infra/build.

Only what is linked into the programs for one machine: normal dependencies with the features they are built with, as `cargo tree`
resolves them (`cargo metadata` would add those of tests, tools and other machines). Licences are those that the crates declare;
checksums are those of Cargo.lock. Nothing in the file differs between two runs over the same source.
"""

import argparse
import hashlib
import json
import pathlib
import re
import subprocess
import tomllib
import uuid

FUNCTIONS = ("kinlink-intake", "kinlink-admin", "kinlink-provisioner")
FEATURES = "mysql,postgres"
LINE = re.compile(r"(?P<depth>\d+)\|(?P<name>\S+) v(?P<version>\S+)[^|]*\|(?P<licence>[^|]*)\|(?P<site>\S*)")


def tree(triple):
    command = ["cargo", "tree", "--locked", "--no-default-features", "--features", FEATURES, "--target", triple]
    command += ["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "|{p}|{l}|{r}"]
    for function in FUNCTIONS:
        command += ["--package", function]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def packages(lines):
    """What `cargo tree` shows: packages by (name, version), and which need which."""
    found, needs, above = {}, {}, []
    for line in filter(None, lines):
        match = LINE.match(line)
        if match is None:
            raise SystemExit(f"infra/build: cargo tree printed an unexpected line: {line}")
        key, depth = (match["name"], match["version"]), int(match["depth"])
        found.setdefault(key, {"licence": match["licence"].strip(), "site": match["site"]})
        needs.setdefault(key, set())
        del above[depth:]
        if above:
            needs[above[-1]].add(key)
        above.append(key)
    return found, needs


def checksums():
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    return {(each["name"], each["version"]): each["checksum"] for each in lock["package"] if "checksum" in each}


def reference(key):
    """A package URL."""
    return f"pkg:cargo/{key[0]}@{key[1]}"


def component(key, package, checksum):
    described = {"type": "application" if key[0] in FUNCTIONS else "library", "bom-ref": reference(key)}
    described |= {"name": key[0], "version": key[1]}
    if package["licence"]:
        # Before 2020, crates wrote a slash where SPDX has OR.
        described["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["licence"])}]
    if checksum:
        # From the registry; our own crates are in none, and must not look as if.
        described["purl"] = reference(key)
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["site"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["site"]}]
    return described


def runtime(name, version, licence, site):
    """What the compilers link into every program."""
    described = {"type": "library", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    return described | {"licenses": [{"expression": licence}], "externalReferences": [{"type": "vcs", "url": site}]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--triple", required=True)
    parser.add_argument("--rust", required=True, help="the version of the Rust compiler")
    parser.add_argument("--zig", required=True, help="the version of zig, whose unwinder and compiler-rt are linked")
    parser.add_argument("to", type=pathlib.Path)
    wanted = parser.parse_args()

    found, needs = packages(tree(wanted.triple))
    sums = checksums()
    version = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["workspace"]["package"]["version"]
    runtimes = [
        runtime("rust-std", wanted.rust, "MIT OR Apache-2.0", "https://github.com/rust-lang/rust"),
        runtime("zig-runtime", wanted.zig, "MIT AND Apache-2.0 WITH LLVM-exception", "https://codeberg.org/ziglang/zig"),
    ]
    product = f"kinlink@{version}"
    dependencies = {product: sorted(reference(key) for key in found if key[0] in FUNCTIONS)}
    for key, needed in needs.items():
        below = sorted(reference(each) for each in needed)
        dependencies[reference(key)] = below + [each["bom-ref"] for each in runtimes if key[0] in FUNCTIONS]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": product, "name": "kinlink", "version": version},
            "properties": [{"name": "cargo:target", "value": wanted.triple}, {"name": "cargo:features", "value": FEATURES}],
        },
        "components": [component(key, found[key], sums.get(key)) for key in sorted(found)] + runtimes,
        "dependencies": [{"ref": ref, "dependsOn": dependencies[ref]} for ref in sorted(dependencies)],
    }
    # Derived from the content, since a number by chance would make every file another one.
    content = hashlib.sha256(json.dumps(bom, sort_keys=True).encode()).hexdigest()
    bom["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, f"kinlink-sbom:{content}").urn
    wanted.to.parent.mkdir(parents=True, exist_ok=True)
    wanted.to.write_text(json.dumps(bom, indent=2) + "\n")
    print(f"infra/build: {wanted.to} lists {len(bom['components'])} components")


if __name__ == "__main__":
    main()
