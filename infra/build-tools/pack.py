"""Packs the functions of one machine into zips for Lambda, checks them and describes them. Called by infra/build.

Zips and manifest hold nothing that differs between two builds of the same source: no times, no owners, one order.
Ends with 1 and a line for each fault if an artefact is not fit to ship.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

FUNCTIONS = ("intake", "admin", "provisioner")
MACHINES = {"arm64": "AArch64", "x86-64": "Advanced Micro Devices X86-64"}
# Lambda loads the zip at a cold start; more than this means that something heavy came in by mistake.
LARGEST_ZIP = 10 * 1024 * 1024
# The first time that a zip can tell.
TIME = (1980, 1, 1, 0, 0, 0)
# What provided.al2023 has; another library would be missing at the first start.
LIBRARIES = {"libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2"}


def entry(name, mode):
    info = zipfile.ZipInfo(name, TIME)
    # Made on Unix, whatever this is; Lambda reads the mode.
    info.create_system = 3
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def pack(bootstrap, certificates, to):
    with zipfile.ZipFile(to, "w") as file:
        file.writestr(entry("bootstrap", 0o755), bootstrap.read_bytes(), compresslevel=9)
        for certificate in certificates:
            file.writestr(entry(f"certificates/{certificate.name}", 0o644), certificate.read_bytes(), compresslevel=9)


def readelf(option, path):
    # Its words differ between languages.
    environment = os.environ | {"LC_ALL": "C"}
    return subprocess.run(["readelf", "--wide", option, path], capture_output=True, text=True, check=True, env=environment).stdout


def version(text):
    return tuple(int(part) for part in text.split("."))


def newest_glibc(path):
    asked = re.findall(r"\bGLIBC_(2(?:\.\d+)+)\b", readelf("--version-info", path))
    return max(asked, key=version, default=None)


def faults(arch, bootstrap, packed, glibc, ceiling, forbidden):
    machine = re.search(r"Machine:\s+(.*)", readelf("--file-header", bootstrap)).group(1).strip()
    if machine != MACHINES[arch]:
        yield f"is for {machine}, not for {MACHINES[arch]}"
    if glibc is None:
        yield "asks for no glibc, so its age cannot be judged"
    elif version(glibc) > version(ceiling):
        yield f"asks for glibc {glibc}; Amazon Linux 2023 has {ceiling}"
    for library in re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic", bootstrap)):
        if library not in LIBRARIES:
            yield f"needs {library}, which provided.al2023 may not have"
    if packed > LARGEST_ZIP:
        yield f"is {packed} bytes packed, more than {LARGEST_ZIP}"
    content = bootstrap.read_bytes()
    for path in forbidden:
        found = content.find(path)
        if found >= 0:
            shown = re.match(rb"[\x20-\x7e]*", content[found : found + 120]).group().decode()
            yield f"holds a path of this machine: {shown}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arch", choices=MACHINES)
    parser.add_argument("folder", type=pathlib.Path, help="with FUNCTION/bootstrap; the zips and manifest.json come beside them")
    parser.add_argument("--glibc", required=True, help="the newest version that may be asked for")
    parser.add_argument("--certificates", type=pathlib.Path, required=True, help="a folder that may have *.pem")
    parser.add_argument("--forbidden", action="append", default=[], help="a folder that no program may name")
    parser.add_argument("--made-by", action="append", default=[], help="name and version of a compiler")
    return parser.parse_args()


def main():
    wanted = arguments()
    certificates = sorted(wanted.certificates.glob("*.pem"), key=lambda path: path.name)
    # A folder of one letter or the root would be found in any program.
    forbidden = {path.rstrip("/").encode() + b"/" for path in wanted.forbidden if path.count("/") > 1 or len(path) > 4}
    manifest = {
        "arch": wanted.arch,
        "made_by": wanted.made_by,
        "certificates": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in certificates},
        "functions": {},
    }
    found = []
    print(f"{'function':12} {'program':>10} {'zip':>10} {'glibc':>6}  SHA-256 of the zip")
    for function in FUNCTIONS:
        bootstrap = wanted.folder / function / "bootstrap"
        packed = wanted.folder / f"{function}.zip"
        pack(bootstrap, certificates, packed)
        glibc = newest_glibc(bootstrap)
        row = {
            "bootstrap_bytes": bootstrap.stat().st_size,
            "bootstrap_sha256": hashlib.sha256(bootstrap.read_bytes()).hexdigest(),
            "zip_bytes": packed.stat().st_size,
            "zip_sha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
            "glibc": glibc,
        }
        manifest["functions"][function] = row
        print(f"{function:12} {row['bootstrap_bytes']:10,} {row['zip_bytes']:10,} {glibc or '-':>6}  {row['zip_sha256']}")
        unfit = faults(wanted.arch, bootstrap, row["zip_bytes"], glibc, wanted.glibc, forbidden)
        found += [f"{function} {fault}" for fault in unfit]
    (wanted.folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    for fault in found:
        print(f"infra/build: {wanted.arch}/{fault}", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
