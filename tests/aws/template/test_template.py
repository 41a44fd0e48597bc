"""Asks every assertion of the template as it is, and its rules of wrong parameters."""

import unittest

from assertions import ASSERTIONS, METRICS
from stack import Stack
from world import PARAMETERS, metrics, world


class Template(unittest.TestCase):
    maxDiff = None

    def test_every_assertion_holds(self):
        for name, assertion in ASSERTIONS.items():
            with self.subTest(name):
                self.assertEqual(list(assertion(world())), [])


    def test_the_metrics_that_alarms_and_dashboard_know_are_those_that_the_code_writes(self):
        self.assertEqual(set(METRICS), metrics())


# What is changed in which good set of parameters, and the rules that must refuse it.
WRONG = [
    ("minimal", {"StoreUrl": ""}, ["StoreIsGivenOnce"]),
    ("minimal", {"StoreSecretArn": PARAMETERS["private"]["StoreSecretArn"]}, ["StoreIsGivenOnce"]),
    ("public", {"StoreOwnerSecretArn": PARAMETERS["private"]["StoreOwnerSecretArn"]}, ["StoreOwnerIsGivenOnce"]),
    ("minimal", {"MoodleUrl": ""}, ["MoodleIsGivenOnce"]),
    ("minimal", {"MoodleSecretArn": PARAMETERS["private"]["MoodleSecretArn"]}, ["MoodleIsGivenOnce"]),
    ("minimal", {"MoodleReadUrl": ""}, ["MoodleReadIsGivenOnce"]),
    ("minimal", {"MoodleReadSecretArn": PARAMETERS["private"]["MoodleReadSecretArn"]}, ["MoodleReadIsGivenOnce"]),
    ("minimal", {"MailUrl": "smtp://mail.example.org"}, ["MailIsWhole"]),
    ("minimal", {"MailFrom": "accounts@example.org"}, ["MailIsWhole"]),
    ("public", {"MailSecretArn": PARAMETERS["private"]["MailSecretArn"]}, ["MailIsWhole"]),
    ("minimal", {"OidcIssuer": "https://login.example.org"}, ["OidcIsWhole"]),
    ("minimal", {"OidcRoles": "administrator=it"}, ["OidcIsWhole"]),
    ("public", {"OidcClientSecret": ""}, ["OidcIsWhole"]),
    ("public", {"OidcClientSecretArn": PARAMETERS["private"]["OidcClientSecretArn"]}, ["OidcIsWhole"]),
    ("minimal", {"StoreAuth": "aws-iam"}, ["StoreIamIsWhole"]),
    ("minimal", {"MoodleAuth": "aws-iam"}, ["MoodleIamIsWhole"]),
    ("minimal", {"StoreRotationFunctionArn": PARAMETERS["private"]["StoreRotationFunctionArn"]}, ["RotationHasASecret"]),
    ("minimal", {"DomainName": "accounts.example.org"}, ["AddressIsWhole"]),
    ("minimal", {"CertificateArn": PARAMETERS["public"]["CertificateArn"]}, ["AddressIsWhole"]),
    ("minimal", {"HostedZoneId": "Z0123456789"}, ["AddressIsWhole"]),
    ("minimal", {"VpcId": "vpc-0123456789abcdef0"}, ["NetworkIsWhole"]),
    ("minimal", {"SubnetIds": "subnet-0123456789abcdef0"}, ["NetworkIsWhole"]),
    ("minimal", {"InterfaceEndpoints": "yes"}, ["NetworkIsWhole"]),
    ("private", {"StoreAuth": "password"}, ["ProxyIsWhole"]),
    ("private", {"StoreSecurityGroupId": ""}, ["ProxyIsWhole"]),
    ("iam", {"StoreProxyInstance": "kinlink-store"}, ["ProxyIsWhole"]),
]

# Values that a parameter's own definition must refuse.
FORBIDDEN = {
    "School": ["", "two\nlines", "x" * 101],
    "MoodleSite": ["http://moodle.school.example", "https://moodle.school.example?x=1", ""],
    "TimeZone": ["", "London; rm"],
    "StoreUrl": ["sqlite:kinlink.db", "postgres://host", "kinlink"],
    "StoreSecretArn": ["kinlink/store", "arn:aws:secretsmanager:eu-west-2:123456789012:secret:kinlink/store"],
    "StoreOwnerUrl": ["sqlite:kinlink.db", "postgres://host", "kinlink_migrate"],
    "StoreOwnerSecretArn": ["kinlink/store-owner"],
    "MoodlePrefix": ["MDL_", "1_", "mdl-", "x" * 21],
    "MailUrl": ["mail.example.org"],
    "MailFrom": ["school"],
    "OidcIssuer": ["http://login.school.example"],
    "OidcRoles": ["teacher=staff"],
    "OidcScopes": ["profile email"],
    "DomainName": ["https://accounts.school.example", "accounts", "Accounts.school.example"],
    "LogRetentionDays": [0, 31],
    "Tracing": ["PassThroughs"],
    "Deployment": ["Linear10PercentEvery1Minute"],
    "Release": ["", "a b"],
    "SubnetIds": ["subnet-1, subnet-2", "subnet-1,"],
    "KmsKeyArn": ["alias/kinlink"],
}


class Parameters(unittest.TestCase):
    def test_rules_refuse_parameters_that_do_not_fit_together(self):
        refused = set()
        for name, change, rules in WRONG:
            with self.subTest(name, **change):
                parameters = {**PARAMETERS[name], **change}
                self.assertEqual(Stack(rules_only(), parameters).broken_rules(), rules)
                refused.update(rules)
        self.assertEqual(refused, set(world().template["Rules"]), "every rule refuses something")

    def test_definitions_refuse_values_that_cannot_be(self):
        for name, values in FORBIDDEN.items():
            for value in values:
                with self.subTest(name, value=value):
                    parameters = {**PARAMETERS["minimal"], name: value}
                    self.assertIn(name, Stack(rules_only(), parameters).bad_parameters())


def rules_only():
    """The template without anything that is made: rules are asked before that."""
    return {key: world().template[key] for key in ("Parameters", "Rules")} | {"Resources": {}}


if __name__ == "__main__":
    unittest.main()
