"""What is packed and listed, and that the checks of infra/build do refuse what they are there to refuse.

Reads the folder that infra/build made: the environment's KINLINK_ARTEFACTS (such as target/lambda) and KINLINK_ARCH.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "infra/build-tools"))

import pack
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ARTEFACTS = pathlib.Path(os.environ["KINLINK_ARTEFACTS"])
ARCH = os.environ["KINLINK_ARCH"]
BUILT = ARTEFACTS / ARCH
FUNCTIONS = ("intake", "admin", "provisioner")
# The glibc of Amazon Linux 2023.
CEILING = "2.34"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Artefacts(unittest.TestCase):
    def setUp(self):
        self.manifest = json.loads((BUILT / "manifest.json").read_text())

    def test_the_manifest_describes_the_files_beside_it(self):
        self.assertEqual(set(self.manifest["functions"]), set(FUNCTIONS))
        for function, row in self.manifest["functions"].items():
            self.assertEqual(row["bootstrap_sha256"], sha256(BUILT / function / "bootstrap"))
            self.assertEqual(row["zip_sha256"], sha256(BUILT / f"{function}.zip"))

    def test_a_zip_holds_the_program_and_the_certificates_and_nothing_else(self):
        certificates = [f"certificates/{name}" for name in self.manifest["certificates"]]
        for function in FUNCTIONS:
            with zipfile.ZipFile(BUILT / f"{function}.zip") as file:
                self.assertEqual(file.namelist(), ["bootstrap", *certificates])
                self.assertEqual(file.getinfo("bootstrap").external_attr >> 16, 0o100755)
                self.assertEqual(file.read("bootstrap"), (BUILT / function / "bootstrap").read_bytes())

    def test_a_program_panics_without_ending(self):
        # Only a program that unwinds can answer a panic with an error; one that aborts has no such tables.
        for function in FUNCTIONS:
            sections = subprocess.run(["readelf", "-SW", BUILT / function / "bootstrap"], capture_output=True, text=True, check=True).stdout
            self.assertIn(".gcc_except_table", sections)
            self.assertNotIn(".debug_info", sections)


class Packing(unittest.TestCase):
    """infra/build-tools/pack.py, over a copy of what was built."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        # Another order, other times, other modes than at the first packing.
        for number, function in enumerate(reversed(FUNCTIONS)):
            (self.folder / function).mkdir()
            bootstrap = self.folder / function / "bootstrap"
            shutil.copyfile(BUILT / function / "bootstrap", bootstrap)
            bootstrap.chmod(0o500)
            os.utime(bootstrap, (1_000_000_000 + number, 1_000_000_000 + number))

    def pack(self, glibc):
        command = [sys.executable, ROOT / "infra/build-tools/pack.py", ARCH, self.folder, "--glibc", glibc]
        command += ["--certificates", ROOT / "infra/certificates"]
        return subprocess.run(command, capture_output=True, text=True)

    def test_the_same_programs_give_the_same_zips(self):
        run = self.pack(CEILING)
        self.assertEqual(run.returncode, 0, run.stderr)
        for function in FUNCTIONS:
            self.assertEqual(sha256(self.folder / f"{function}.zip"), sha256(BUILT / f"{function}.zip"))

    def test_an_unfit_program_ends_the_build(self):
        run = self.pack("2.17")
        self.assertEqual(run.returncode, 1, run.stderr)
        for function in FUNCTIONS:
            self.assertIn(f"{function} asks for glibc", run.stderr)

    def test_certificates_are_packed_in_the_order_given(self):
        certificates = []
        for name in ("second.pem", "first.pem"):
            certificates.append(self.folder / name)
            certificates[-1].write_text(name)
        pack.pack(certificates[0], certificates, self.folder / "small.zip")
        with zipfile.ZipFile(self.folder / "small.zip") as file:
            self.assertEqual(file.namelist(), ["bootstrap", "certificates/second.pem", "certificates/first.pem"])
            self.assertEqual({entry.date_time for entry in file.infolist()}, {(1980, 1, 1, 0, 0, 0)})


class Checks(unittest.TestCase):
    """What makes a program unfit to ship, each tried on a good one."""

    def faults(self, **changed):
        good = {"arch": ARCH, "bootstrap": BUILT / "intake" / "bootstrap", "packed": 5_000_000}
        good |= {"glibc": "2.34", "ceiling": CEILING, "forbidden": {b"/not/in/any/program/"}}
        return list(pack.faults(**good | changed))

    def test_a_good_program_has_no_faults(self):
        self.assertEqual(self.faults(), [])

    def test_a_program_for_another_machine_is_refused(self):
        self.assertRegex(self.faults(arch={"arm64": "x86-64", "x86-64": "arm64"}[ARCH])[0], "is for .*, not for")

    def test_versions_of_glibc_are_compared_as_numbers(self):
        self.assertIn("asks for glibc 2.35; Amazon Linux 2023 has 2.34", self.faults(glibc="2.35"))
        self.assertEqual(self.faults(glibc="2.9"), [])
        self.assertIn("asks for no glibc, so its age cannot be judged", self.faults(glibc=None))

    def test_a_library_that_lambda_lacks_is_refused(self):
        # readelf is only an example of a program that needs more than ours may.
        faults = self.faults(bootstrap=pathlib.Path(shutil.which("readelf")))
        self.assertTrue([fault for fault in faults if fault.startswith("needs lib")], faults)

    def test_a_path_of_the_builder_is_refused(self):
        self.assertRegex(self.faults(forbidden={b"/crates/"})[0], "holds a path of this machine: /crates/")

    def test_a_program_that_is_too_large_is_refused(self):
        self.assertEqual(self.faults(packed=10 * 1024 * 1024), [])
        self.assertRegex(self.faults(packed=10 * 1024 * 1024 + 1)[0], "bytes packed, more than")


class Contents(unittest.TestCase):
    """The list of what the functions are made of."""

    def setUp(self):
        self.text = (ARTEFACTS / "sbom.cdx.json").read_text()
        self.bom = json.loads(self.text)
        self.names = {component["name"] for component in self.bom["components"]}

    def test_the_list_is_valid_cyclonedx(self):
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(self.text))

    def test_the_list_holds_what_is_linked_and_nothing_else(self):
        linked = {"kinlink-intake", "kinlink-admin", "kinlink-provisioner", "aws-lc-sys", "sqlx-mysql", "sqlx-postgres"}
        self.assertLessEqual(linked, self.names)
        # What belongs to the local host, to tests and to build scripts, and what no function may carry.
        others = {"kinlink", "kinlink-testkit", "libsqlite3-sys", "sqlx-sqlite", "cc", "syn"}
        self.assertFalse(self.names & (others | {"ring", "openssl-sys", "native-tls"}))

    def test_every_crate_has_a_licence_and_every_foreign_one_the_checksum_of_the_lockfile(self):
        lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
        sums = {(each["name"], each["version"]): each.get("checksum") for each in lock}
        for component in self.bom["components"]:
            self.assertTrue(component["licenses"][0]["expression"], component["name"])
            if checksum := sums.get((component["name"], component["version"])):
                self.assertEqual(component["hashes"], [{"alg": "SHA-256", "content": checksum}], component["name"])

    def test_every_name_in_the_graph_is_a_component(self):
        known = {component["bom-ref"] for component in self.bom["components"]} | {self.bom["metadata"]["component"]["bom-ref"]}
        for dependency in self.bom["dependencies"]:
            self.assertLessEqual({dependency["ref"], *dependency["dependsOn"]}, known)


if __name__ == "__main__":
    unittest.main(verbosity=2)
