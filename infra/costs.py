#!/usr/bin/env python3
"""What a month of Kinlink costs on AWS, line by line, for 1,000 and for 100,000 parents; prints the tables of docs/operating.md.

    infra/costs.py            the tables
    infra/costs.py --write    puts them into docs/operating.md

Everything that is assumed stands in this file as a number with its reason: change it and run it again. Prices are list prices in
US dollars for Europe (London), eu-west-2, without taxes, as they were known in the middle of 2025. THEY WERE NOT FETCHED: look at
https://aws.amazon.com/pricing/ before you rely on them.
"""

import argparse
import pathlib
from dataclasses import dataclass

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "operating.md"
BEGIN, END = "<!-- costs: begin; made by infra/costs.py --write -->", "<!-- costs: end -->"

HOURS = 730
CYCLES = 60 * HOURS
NIGHTS = 30.4

# ---- Prices -----------------------------------------------------------------------------------------------------------

LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_SECOND = 0.0000133334  # arm64
HTTP_API_REQUEST = 1.16 / 1e6  # each up to 512 KB
SQS_REQUEST = 0.40 / 1e6
SCHEDULE = 1.00 / 1e6
SECRET, SECRET_CALL = 0.40, 0.05 / 1e4
LOG_GB, LOG_GB_KEPT = 0.5985, 0.0315
METRIC, ALARM, DASHBOARD = 0.30, 0.10, 3.00
MAIL = 0.10 / 1e3
DATA_GB = 0.09
ENDPOINT_HOUR = 0.011
NAT_HOUR, NAT_GB, ADDRESS_HOUR = 0.050, 0.050, 0.005
PROXY_CPU_HOUR = 0.018
DATABASE_HOUR = {"db.t4g.micro": 0.018, "db.t4g.medium": 0.074}
DATABASE_GB = 0.133
KEY = 1.00

# What every account gets each month for nothing, not only in its first year.
FREE_LAMBDA_REQUESTS, FREE_GB_SECONDS = 1e6, 400e3
FREE_SQS, FREE_SCHEDULES = 1e6, 14e6
FREE_LOG_GB, FREE_METRICS, FREE_ALARMS, FREE_DASHBOARDS = 5, 10, 10, 3
FREE_DATA_GB = 100

# ---- What template.yaml makes (a test compares) ------------------------------------------------------------------------

MEMORY_GB = {"intake": 256 / 1024, "admin": 512 / 1024, "provisioner": 1024 / 1024}
ALARMS, DASHBOARDS = 14, 1
SECRETS = 7  # signing key, store twice, Moodle twice, mail, sign-in
METRICS = 14  # each is sent by one function


@dataclass
class School:
    """A busy month: September, when a sixth of all parents asks for something."""

    parents: int
    # Not measured on AWS. A full comparison of 10,000 parents took 0.8 s beside its databases (docs/benchmarks.md); ten times as many, over
    # a network, are reckoned with half a minute.
    reconcile_seconds: float
    database: str
    database_gb: int

    @property
    def requests(self):
        return self.parents / 6

    @property
    def intake_calls(self):
        # Form, check, send, thanks, proof twice, status twice, and 8 files of style and script.
        return self.requests * 16

    @property
    def admin_calls(self):
        # List, request, decision and what comes with them; and 2 people who have a list open all day, which looks for news each minute.
        return self.requests * 10 + 2 * 21 * 8 * 60

    @property
    def mails(self):
        return self.requests * 3

    @property
    def gb_seconds(self):
        intake = self.intake_calls * 0.03 * MEMORY_GB["intake"]
        admin = self.admin_calls * 0.10 * MEMORY_GB["admin"]
        # Lambda rounds up to a millisecond. A cycle with nothing to do: 0.1 s. A mail: 0.3 s. A job: 0.005 s.
        cycles = CYCLES * 0.10 + NIGHTS * (self.reconcile_seconds + 2) + self.mails * 0.3 + self.requests * 2 * 0.005
        return intake + admin + cycles * MEMORY_GB["provisioner"]

    @property
    def lambda_requests(self):
        return self.intake_calls + self.admin_calls + CYCLES + 2 * NIGHTS

    @property
    def queue_requests(self):
        # Each cycle asks twice, and once more in the end; each job is sent, received, put back now and then, deleted.
        return CYCLES * 3 + self.requests * 2 * 5

    @property
    def secret_calls(self):
        # A sandbox that starts reads up to 5; the provisioner's is renewed a dozen times a day, others every tenth visit.
        return 5 * (NIGHTS * 12 + (self.intake_calls + self.admin_calls) / 10)

    @property
    def log_gb(self):
        kilobytes = CYCLES * 3 + (self.intake_calls + self.admin_calls) * 1.6 + self.requests * 6
        return kilobytes / 1e6

    @property
    def data_gb(self):
        # 300 KB for a parent's whole visit, 20 KB for a staff page.
        return (self.requests * 300 + self.admin_calls * 20) / 1e6

    def lines(self):
        """What it is, how much of it, its price, and its price beyond what is free."""

        def line(what, amount, unit, price, free=0.0):
            return what, f"{amount:,.{0 if amount >= 10 or amount == int(amount) else 1}f} {unit}", amount * price, max(amount - free, 0) * price

        yield line("Lambda: calls", self.lambda_requests, "calls", LAMBDA_REQUEST, FREE_LAMBDA_REQUESTS)
        yield line("Lambda: time × memory", self.gb_seconds, "GB-s", LAMBDA_GB_SECOND, FREE_GB_SECONDS)
        yield line("API Gateway (HTTP API)", self.intake_calls + self.admin_calls, "calls", HTTP_API_REQUEST)
        yield line("SQS", self.queue_requests, "calls", SQS_REQUEST, FREE_SQS)
        yield line("EventBridge Scheduler", CYCLES + 2 * NIGHTS, "starts", SCHEDULE, FREE_SCHEDULES)
        yield line("Secrets Manager: secrets", SECRETS, "secrets", SECRET)
        yield line("Secrets Manager: calls", self.secret_calls, "calls", SECRET_CALL)
        yield line("CloudWatch: logs taken in", self.log_gb, "GB", LOG_GB, FREE_LOG_GB)
        yield line("CloudWatch: logs kept 30 days", self.log_gb, "GB", LOG_GB_KEPT, FREE_LOG_GB)
        yield line("CloudWatch: metrics", METRICS, "metrics", METRIC, FREE_METRICS)
        yield line("CloudWatch: alarms", ALARMS, "alarms", ALARM, FREE_ALARMS)
        yield line("CloudWatch: dashboard", DASHBOARDS, "dashboard", DASHBOARD, FREE_DASHBOARDS)
        yield line("SES: mails", self.mails, "mails", MAIL)
        yield line("Data to the internet", self.data_gb, "GB", DATA_GB, FREE_DATA_GB)

    def extras(self):
        """What is only there if you choose it."""
        yield f"Store on RDS: {self.database}, one zone, {self.database_gb} GB", DATABASE_HOUR[self.database] * HOURS + self.database_gb * DATABASE_GB
        yield "the same in two zones (Multi-AZ)", 2 * (DATABASE_HOUR[self.database] * HOURS + self.database_gb * DATABASE_GB)
        yield "NAT gateway, one zone, 1 GB", NAT_HOUR * HOURS + ADDRESS_HOUR * HOURS + NAT_GB
        yield "`InterfaceEndpoints`: 2 endpoints in 2 zones", 4 * ENDPOINT_HOUR * HOURS
        yield "RDS Proxy (2 processors at least)", 2 * PROXY_CPU_HOUR * HOURS
        yield "`KmsKeyArn`: a key of your own", KEY


SCHOOLS = (School(1_000, 1, "db.t4g.micro", 20), School(100_000, 30, "db.t4g.medium", 50))


def money(dollars):
    return f"{dollars:,.2f}"


def tables():
    small, large = SCHOOLS
    rows = ["| | 1,000 parents | list price | less what is free | 100,000 parents | list price | less what is free |", "|---|--:|--:|--:|--:|--:|--:|"]
    for one, other in zip(small.lines(), large.lines(), strict=True):
        rows.append(f"| {one[0]} | {one[1]} | {money(one[2])} | {money(one[3])} | {other[1]} | {money(other[2])} | {money(other[3])} |")
    sums = [sum(line[column] for line in school.lines()) for school in SCHOOLS for column in (2, 3)]
    rows.append(f"| **USD a month** | | **{money(sums[0])}** | **{money(sums[1])}** | | **{money(sums[2])}** | **{money(sums[3])}** |")
    rows += ["", "| only if you choose it | 1,000 parents | 100,000 parents |", "|---|--:|--:|"]
    for (one, price), (other, larger) in zip(small.extras(), large.extras(), strict=True):
        # Only the store differs in what it is.
        name = one if one == other else f"{one} / {other.removeprefix('Store on RDS: ')}"
        rows.append(f"| {name} | {money(price)} | {money(larger)} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/operating.md")
    if parser.parse_args().write:
        head, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{head}{BEGIN}\n{tables()}\n{END}{rest.split(END)[1]}")
    else:
        print(tables())


if __name__ == "__main__":
    main()
