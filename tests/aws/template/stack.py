"""What a CloudFormation template comes to for given parameters: conditions decided, functions resolved, rules asked.

Only what template.yaml uses is here; anything else is refused, so that nothing is believed unread. Values that only AWS knows
(ids, addresses) are made up in the form that AWS gives them.
"""

import re
import zlib

ACCOUNT = "123456789012"
REGION = "eu-west-2"
STACK = "kinlink"
NO_VALUE = object()

PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}


class Unresolved(Exception):
    """A function that comes to nothing: a name that does not exist, or exists only under another condition."""


def arn(service, rest):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def security_group(name):
    """The id of a security group."""
    return f"sg-{zlib.crc32(name.encode()):017x}"


class Stack:
    """The stack that one set of parameters makes."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = self._parameters(parameters)
        self.conditions = {}
        for name in template.get("Conditions", {}):
            self._condition(name)
        # Names first: what a Ref comes to may depend on the resource it names.
        self._raw = {
            name: resource
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.conditions[resource["Condition"]]
        }
        self.resources = {name: self._resource(resource) for name, resource in self._raw.items()}
        self.outputs = {
            name: self.resolve(output["Value"])
            for name, output in template.get("Outputs", {}).items()
            if "Condition" not in output or self.conditions[output["Condition"]]
        }

    # ---- Questions ----

    def of_type(self, kind):
        """Name and properties of every resource of a type."""
        return {name: r.get("Properties", {}) for name, r in self.resources.items() if r["Type"] == kind}

    def properties(self, name):
        return self.resources[name].get("Properties", {})

    def broken_rules(self):
        """Names of the rules that these parameters break."""
        broken = []
        for name, rule in self.template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self._test(rule["RuleCondition"]):
                continue
            if not all(self._test(assertion["Assert"]) for assertion in rule["Assertions"]):
                broken.append(name)
        return broken

    def bad_parameters(self):
        """Names of the parameters whose value their own definition forbids."""
        return [name for name, value in self.parameters.items() if not self._allowed(self.template["Parameters"][name], value)]

    # ---- Parameters and conditions ----

    def _parameters(self, given):
        values = {}
        for name, definition in self.template["Parameters"].items():
            if name in given:
                values[name] = str(given[name])
            elif "Default" in definition:
                values[name] = str(definition["Default"])
            else:
                raise Unresolved(f"the parameter {name} has no value")
        if unknown := set(given) - set(values):
            raise Unresolved(f"no such parameter: {', '.join(sorted(unknown))}")
        return values

    @staticmethod
    def _allowed(definition, value):
        return (
            value in map(str, definition.get("AllowedValues", [value]))
            and re.fullmatch(definition.get("AllowedPattern", ".*"), value) is not None
            and int(definition.get("MinLength", 0)) <= len(value) <= int(definition.get("MaxLength", 4096))
        )

    def _condition(self, name):
        if name not in self.conditions:
            conditions = self.template.get("Conditions", {})
            if name not in conditions:
                raise Unresolved(f"no such condition: {name}")
            self.conditions[name] = self._test(conditions[name])
        return self.conditions[name]

    def _test(self, test):
        ((function, arguments),) = test.items()
        match function:
            case "Condition":
                return self._condition(arguments)
            case "Fn::Equals":
                left, right = map(self.resolve, arguments)
                return left == right
            case "Fn::Not":
                return not self._test(arguments[0])
            case "Fn::And":
                return all([self._test(each) for each in arguments])
            case "Fn::Or":
                return any([self._test(each) for each in arguments])
        raise Unresolved(f"{function} is no test")

    # ---- Functions ----

    def _resource(self, resource):
        resolved = {key: value for key, value in resource.items() if key not in ("Condition", "Metadata")}
        return self.resolve(resolved)

    def resolve(self, value):
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, arguments),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, arguments)
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not NO_VALUE}

    def _call(self, function, arguments):
        match function:
            case "Ref":
                return self._ref(arguments)
            case "Fn::GetAtt":
                name, attribute = arguments if isinstance(arguments, list) else arguments.split(".", 1)
                return self._attribute(name, attribute)
            case "Fn::If":
                condition, yes, no = arguments
                return self.resolve(yes if self._condition(condition) else no)
            case "Fn::Sub":
                return self._substitute(arguments)
            case "Fn::FindInMap":
                mapping, first, second = map(self.resolve, arguments)
                return self.template["Mappings"][mapping][first][second]
            case "Fn::Split":
                separator, text = map(self.resolve, arguments)
                return text.split(separator)
            case "Fn::Select":
                index, values = map(self.resolve, arguments)
                return values[int(index)]
            case "Fn::Join":
                separator, values = map(self.resolve, arguments)
                return separator.join(values)
        raise Unresolved(f"{function} is not known here")

    def _substitute(self, arguments):
        text, own = arguments if isinstance(arguments, list) else (arguments, {})

        def replacement(found):
            name = found[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return str(self.resolve(own[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replacement, text)

    def _ref(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        match self._existing(name)["Type"]:
            case "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._own_name(name, 'QueueName')}"
            case "AWS::SecretsManager::Secret":
                return arn("secretsmanager", f"secret:{name}-AbCdEf")
            case "AWS::SNS::Topic":
                return arn("sns", f"{STACK}-{name}")
            case "AWS::Lambda::Function":
                return self._own_name(name, "FunctionName")
            case "AWS::Lambda::Alias":
                properties = self._raw[name]["Properties"]
                return arn("lambda", f"function:{self.resolve(properties['FunctionName'])}:{properties['Name']}")
            case "AWS::Logs::LogGroup":
                return self._own_name(name, "LogGroupName")
            case "AWS::Scheduler::ScheduleGroup":
                return self._own_name(name, "Name")
            case "AWS::CloudWatch::Dashboard":
                return self._own_name(name, "DashboardName")
            case "AWS::RDS::DBProxy":
                return self._own_name(name, "DBProxyName")
            case "AWS::ApiGatewayV2::DomainName":
                return self._own_name(name, "DomainName")
            case "AWS::ApiGatewayV2::Stage":
                return self._own_name(name, "StageName")
            case "AWS::EC2::SecurityGroup":
                return security_group(name)
        return f"{name}Id"

    def _attribute(self, name, attribute):
        kind = self._existing(name)["Type"]
        match kind, attribute:
            case "AWS::SQS::Queue", "Arn":
                return arn("sqs", self._own_name(name, "QueueName"))
            case "AWS::SQS::Queue", "QueueName":
                return self._own_name(name, "QueueName")
            case "AWS::Lambda::Function", "Arn":
                return arn("lambda", f"function:{self._own_name(name, 'FunctionName')}")
            case "AWS::Lambda::Version", "Version":
                return "7"
            case "AWS::Logs::LogGroup", "Arn":
                return arn("logs", f"log-group:{self._own_name(name, 'LogGroupName')}:*")
            case "AWS::IAM::Role", "Arn":
                return f"arn:aws:iam::{ACCOUNT}:role/{name}"
            case "AWS::RDS::DBProxy", "DBProxyArn":
                return arn("rds", "db-proxy:prx-0123456789abcdef0")
            case "AWS::RDS::DBProxy", "Endpoint":
                return f"proxy.proxy-abcdefghijkl.{REGION}.rds.amazonaws.com"
            case "AWS::ApiGatewayV2::DomainName", "RegionalDomainName":
                return f"d-abcdefghij.execute-api.{REGION}.amazonaws.com"
            case "AWS::ApiGatewayV2::DomainName", "RegionalHostedZoneId":
                return "Z0123456789ABCDEFGHIJ"
        raise Unresolved(f"{kind} has no attribute {attribute} here")

    def _own_name(self, name, key):
        return self.resolve(self._raw[name]["Properties"][key])

    def _existing(self, name):
        if name not in self._raw:
            raise Unresolved(f"{name} does not exist")
        return self._raw[name]
