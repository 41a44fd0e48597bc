"""What must hold of template.yaml: one function each, which gives a sentence for everything that does not.

`test_template` asks them of the template as it is; `test_broken_templates` breaks it on purpose and wants each to notice.
"""

import json
import re

from stack import ACCOUNT, REGION, arn, security_group
from world import FUNCTIONS, actions, documents, environment, granted, listed, names_in, sections, settings

ASSERTIONS = {}


def assertion(function):
    ASSERTIONS[function.__name__] = function
    return function


def each_stack(function):
    """An assertion about every stack; its complaints say which."""

    def everywhere(world):
        for name, _, stack in world.stacks():
            for complaint in function(stack):
                yield f"{name}: {complaint}"

    everywhere.__name__ = function.__name__
    return assertion(everywhere)


def differences(what, is_, should):
    if is_ != should:
        yield f"{what} is {is_!r} and should be {should!r}"


# ---- The template itself ---------------------------------------------------------------------------------------------


@assertion
def everything_resolves(world):
    yield from world.broken


@assertion
def every_parameter_is_used(world):
    rest = {key: value for key, value in world.template.items() if key not in ("Parameters", "Metadata", "Rules")}
    used = set(names_in(rest))
    for name in world.template["Parameters"]:
        if name not in used:
            yield f"the parameter {name} is not used"


@assertion
def every_parameter_is_validated_and_explained(world):
    groups = world.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    yield from differences("the list of parameters that people see", sorted(shown), sorted(world.template["Parameters"]))
    for name, parameter in world.template["Parameters"].items():
        if not parameter.get("Description"):
            yield f"{name} is not described"
        if not {"AllowedPattern", "AllowedValues", "MaxLength"} & set(parameter):
            yield f"{name} takes anything"
        if {"AllowedPattern", "AllowedValues"} & set(parameter) and not parameter.get("ConstraintDescription"):
            yield f"{name} does not say what it expects"
        if re.search(r"Url$|Secret$", name) and not parameter.get("NoEcho"):
            yield f"{name} would be shown"


@assertion
def good_parameters_are_taken(world):
    for name, _, stack in world.stacks():
        for bad in stack.bad_parameters() + stack.broken_rules():
            yield f"{name}: {bad} refuses"


@assertion
def every_condition_is_used_and_goes_both_ways(world):
    rest = {key: value for key, value in world.template.items() if key not in ("Metadata", "Rules", "Parameters")}
    used = set(names_in(rest))
    for name in world.template["Conditions"]:
        if name not in used:
            yield f"the condition {name} is not used"
        seen = {stack.conditions[name] for _, _, stack in world.stacks()}
        if seen != {True, False}:
            yield f"the condition {name} is always {seen}"


@each_stack
def no_given_secret_stands_anywhere_but_in_a_secret(stack):
    hidden = {
        stack.parameters[name]
        for name, definition in stack.template["Parameters"].items()
        if definition.get("NoEcho") and stack.parameters[name]
    }
    for name, resource in stack.resources.items():
        if resource["Type"] == "AWS::SecretsManager::Secret":
            continue
        if any(secret in json.dumps(resource) for secret in hidden):
            yield f"{name} shows a secret"
    if any(secret in json.dumps(stack.outputs) for secret in hidden):
        yield "the outputs show a secret"


# ---- Functions -------------------------------------------------------------------------------------------------------


@each_stack
def functions_are_made_of_the_built_zips(stack):
    yield from differences("the list of functions", sorted(stack.of_type("AWS::Lambda::Function")), sorted(FUNCTIONS))
    for name, properties in stack.of_type("AWS::Lambda::Function").items():
        yield from differences(f"{name}'s code", properties["Code"].get("S3Key"), f"target/lambda/arm64/{name.lower()}.zip")
        yield from differences(f"{name}'s runtime", properties.get("Runtime"), "provided.al2023")
        yield from differences(f"{name}'s processor", properties.get("Architectures"), ["arm64"])
        yield from differences(f"{name}'s handler", properties.get("Handler"), "bootstrap")


@each_stack
def functions_answer_before_the_gateway_gives_up(stack):
    for name in ("Intake", "Admin"):
        if stack.properties(name)["Timeout"] > 29:
            yield f"{name} may take longer than API Gateway waits"


@each_stack
def every_variable_is_a_setting(stack):
    for name in FUNCTIONS:
        for variable in environment(stack, name):
            if variable not in settings():
                yield f"{name} gets {variable}, which is no setting"


@each_stack
def functions_get_what_they_need_and_no_more(stack):
    everybody = {
        "KINLINK_PUBLIC_URL", "KINLINK_SCHOOL", "KINLINK_CONTACT", "KINLINK_MOODLE_SITE", "KINLINK_STORE_URL",
        "KINLINK_STORE_AUTH", "KINLINK_SIGNING_KEY",
    }
    owner = {"KINLINK_STORE_OWNER_URL"} if stack.parameters["StoreOwnerUrl"] or stack.parameters["StoreOwnerSecretArn"] else set()
    moodle = {"KINLINK_MOODLE_URL", "KINLINK_MOODLE_AUTH", "KINLINK_MOODLE_PREFIX"}
    reads = {"KINLINK_MOODLE_ACCESS"}
    queue = {"KINLINK_QUEUE_URL", "KINLINK_QUEUE_DEAD_URL"}
    mail = {"KINLINK_MAIL_URL", "KINLINK_MAIL_FROM"} if stack.parameters["MailFrom"] else set()
    oidc = {f"KINLINK_OIDC_{part}" for part in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "ROLES", "ROLE_CLAIM", "SCOPES")}
    oidc = oidc if stack.parameters["OidcIssuer"] else set()
    wanted = {
        "Intake": everybody,
        "Admin": everybody | moodle | reads | queue | oidc,
        "Provisioner": everybody | owner | moodle | queue | mail,
    }
    for name, variables in wanted.items():
        yield from differences(f"the environment of {name}", sorted(environment(stack, name)), sorted(variables))


@each_stack
def staff_pages_know_that_their_user_of_moodle_only_reads(stack):
    yield from differences("what Admin's user of Moodle may do", environment(stack, "Admin").get("KINLINK_MOODLE_ACCESS"), "read")


@each_stack
def the_provisioner_migrates_as_the_owner_that_was_given(stack):
    p = stack.parameters
    made = arn("secretsmanager", "secret:StoreOwnerSecret-AbCdEf") if p["StoreOwnerUrl"] else p["StoreOwnerSecretArn"]
    given = environment(stack, "Provisioner").get("KINLINK_STORE_OWNER_URL")
    yield from differences("as whom the provisioner migrates", given, f"aws-sm:{made}" if made else None)
    yield from differences("the output StoreOwnerArn", stack.outputs.get("StoreOwnerArn"), made or None)
    if p["StoreOwnerUrl"]:
        yield from differences("the owner's secret", stack.properties("StoreOwnerSecret")["SecretString"], p["StoreOwnerUrl"])


@each_stack
def concurrency_is_reserved_only_on_request(stack):
    wanted = {"Intake": 30, "Admin": 10, "Provisioner": 3} if stack.parameters["ReserveConcurrency"] == "yes" else {}
    reserved = {
        name: properties["ReservedConcurrentExecutions"]
        for name, properties in stack.of_type("AWS::Lambda::Function").items()
        if "ReservedConcurrentExecutions" in properties
    }
    yield from differences("the reserved concurrency", reserved, wanted)


@each_stack
def tracing_is_a_switch(stack):
    for name in FUNCTIONS:
        yield from differences(
            f"{name}'s tracing", stack.properties(name).get("TracingConfig"), {"Mode": stack.parameters["Tracing"]}
        )


@each_stack
def a_gradual_deployment_is_rolled_back_by_alarms(stack):
    gradual = stack.parameters["Deployment"] != "AllAtOnce"
    groups = stack.of_type("AWS::CodeDeploy::DeploymentGroup")
    yield from differences("who is deployed gradually", sorted(groups), ["AdminDeploymentGroup", "IntakeDeploymentGroup"] * gradual)
    for name, group in groups.items():
        alarms = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        own = name.removesuffix("DeploymentGroup") + "ErrorsAlarmId"
        yield from differences(f"{name}'s alarms", alarms, {own, "ServerErrorsAlarmId"})
        yield from differences(f"{name}'s way", group["DeploymentConfigName"], "CodeDeployDefault.LambdaCanary10Percent5Minutes")
    for name, version in stack.of_type("AWS::Lambda::Version").items():
        yield from differences(f"{name}'s description", version.get("Description"), stack.parameters["Release"])


@each_stack
def visitors_reach_the_code_that_was_deployed(stack):
    """All at once: the function itself, since a parameter's new value publishes no version. Gradually: the alias."""
    suffix = "" if stack.parameters["Deployment"] == "AllAtOnce" else ":live"
    for name in ("Intake", "Admin"):
        target = arn("lambda", f"function:kinlink-{name.lower()}{suffix}")
        yield from differences(f"{name}'s integration", stack.properties(f"{name}Integration")["IntegrationUri"], target)


@assertion
def another_release_publishes_another_version(world):
    """A version is made anew when its description changes, but only of a function that has changed itself."""
    for name in FUNCTIONS:
        properties = world.template["Resources"][name]["Properties"]
        if "AutoPublishAlias" in properties:
            yield from differences(f"{name}'s VersionDescription", properties.get("VersionDescription"), {"Ref": "Release"})
        if "Release" not in set(names_in(properties["Description"])):
            yield f"{name} is the same function with another Release"


# ---- Who may call what -----------------------------------------------------------------------------------------------


@each_stack
def only_the_schedules_may_call_the_provisioner(stack):
    for name, permission in stack.of_type("AWS::Lambda::Permission").items():
        if "provisioner" in permission["FunctionName"]:
            yield f"{name} lets somebody call the provisioner"
    if stack.of_type("AWS::Lambda::EventSourceMapping"):
        yield "an event source calls a function"
    callers = {role for role, _, s in documents(stack) if any(a.lower().startswith("lambda:") for a in listed(s["Action"]))}
    yield from differences(
        "who may call functions", callers, {"CycleScheduleRole", "ReconcileScheduleRole", "TidyScheduleRole"}
    )
    for name, properties in stack.of_type("AWS::ApiGatewayV2::Integration").items():
        if "provisioner" in properties["IntegrationUri"]:
            yield f"{name} leads to the provisioner"


@each_stack
def no_function_has_a_url(stack):
    for name in stack.of_type("AWS::Lambda::Url"):
        yield f"{name} is a public address beside the API"


@each_stack
def a_failed_run_is_not_repeated(stack):
    keys = ("FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds")
    configs = [tuple(config.get(key) for key in keys) for config in stack.of_type("AWS::Lambda::EventInvokeConfig").values()]
    # Scheduler calls the function without a version, which is $LATEST.
    yield from differences("what becomes of a failed run", configs, [("kinlink-provisioner", "$LATEST", 0, 300)])


@each_stack
def routes_lead_to_their_functions_and_are_throttled(stack):
    wanted = {
        "$default": "IntakeIntegration",
        "ANY /admin": "AdminIntegration",
        "ANY /admin/{proxy+}": "AdminIntegration",
        "ANY /api/v1/admin/{proxy+}": "AdminIntegration",
    }
    routes = stack.of_type("AWS::ApiGatewayV2::Route").values()
    found = {route["RouteKey"]: route["Target"].removeprefix("integrations/").removesuffix("Id") for route in routes}
    yield from differences("the table of routes", found, wanted)
    for name, properties in stack.of_type("AWS::ApiGatewayV2::Integration").items():
        yield from differences(f"{name}'s payload", properties["PayloadFormatVersion"], "2.0")
    stage = stack.properties("Stage")
    yield from differences("the routes with a throttle", set(stage["RouteSettings"]), set(wanted) - {"$default"})
    for key, limits in {"$default": stage["DefaultRouteSettings"], **stage["RouteSettings"]}.items():
        if not 0 < limits.get("ThrottlingRateLimit", 0) <= 100 or not 0 < limits.get("ThrottlingBurstLimit", 0) <= 200:
            yield f"{key} is not throttled"
    yield from differences("what the stage waits for", len(stack.resources["Stage"].get("DependsOn", [])), len(wanted))


@each_stack
def each_route_may_call_its_function_and_nothing_else_may(stack):
    suffix = "" if stack.parameters["Deployment"] == "AllAtOnce" else ":live"
    wanted = {
        (name, arn("execute-api", f"ApiId/*/{path}"))
        for name, path in [
            ("intake", "$default"),
            ("admin", "*/admin"),
            ("admin", "*/admin/*"),
            ("admin", "*/api/v1/admin/*"),
        ]
    }
    found = set()
    for name, permission in stack.of_type("AWS::Lambda::Permission").items():
        yield from differences(f"{name}'s principal", permission["Principal"], "apigateway.amazonaws.com")
        yield from differences(f"{name}'s action", permission["Action"], "lambda:InvokeFunction")
        function = permission["FunctionName"].removeprefix(arn("lambda", "function:kinlink-"))
        found.add((function.removesuffix(suffix) if suffix else function, permission.get("SourceArn")))
    yield from differences("the list of permissions", found, wanted)
    waits = [p for name in ("Intake", "Admin") for p in stack.resources[f"{name}Integration"].get("DependsOn", [])]
    yield from differences("the permissions that integrations wait for", sorted(waits), sorted(stack.of_type("AWS::Lambda::Permission")))


@each_stack
def there_is_one_public_address(stack):
    domain = stack.parameters["DomainName"]
    address = f"https://{domain}" if domain else f"https://ApiId.execute-api.{REGION}.amazonaws.com"
    for name in FUNCTIONS:
        yield from differences(f"the address that {name} knows", environment(stack, name)["KINLINK_PUBLIC_URL"], address)
    yield from differences("whether AWS's own address is shut", stack.properties("Api")["DisableExecuteApiEndpoint"], bool(domain))
    for output, path in {"FormUrl": "/request", "StaffUrl": "/admin", "HealthUrl": "/healthz"}.items():
        yield from differences(f"the output {output}", stack.outputs.get(output), address + path)


# ---- Roles -----------------------------------------------------------------------------------------------------------


def rds_user(stack, resource, user):
    return arn("rds-db", f"dbuser:{resource}/{user}")


def expected_rights(stack):
    """Every action of each function's role and on what: what the code calls, and what the platform needs."""
    p = stack.parameters
    secret = {
        "store_owner": p["StoreOwnerSecretArn"] or arn("secretsmanager", "secret:StoreOwnerSecret-AbCdEf"),
        "store": p["StoreSecretArn"] or arn("secretsmanager", "secret:StoreSecret-AbCdEf"),
        "moodle": p["MoodleSecretArn"] or arn("secretsmanager", "secret:MoodleSecret-AbCdEf"),
        "moodle_read": p["MoodleReadSecretArn"] or arn("secretsmanager", "secret:MoodleReadSecret-AbCdEf"),
        "mail": p["MailSecretArn"] or arn("secretsmanager", "secret:MailSecret-AbCdEf"),
        "oidc": p["OidcClientSecretArn"] or arn("secretsmanager", "secret:OidcSecret-AbCdEf"),
        "key": p["SigningKeySecretArn"] or arn("secretsmanager", "secret:SigningKey-AbCdEf"),
    }
    store = set() if p["StoreProxyInstance"] else {secret["store"]}
    jobs, dead = arn("sqs", "kinlink-jobs"), arn("sqs", "kinlink-dead-letters")
    store_id = "prx-0123456789abcdef0" if p["StoreProxyInstance"] else p["StoreResourceId"]
    connect = {rds_user(stack, store_id, p["StoreUser"])} if p["StoreAuth"] == "aws-iam" else set()
    by_iam = p["MoodleAuth"] == "aws-iam"
    read_moodle = {rds_user(stack, p["MoodleResourceId"], p["MoodleReadUser"])} if by_iam else set()
    write_moodle = {rds_user(stack, p["MoodleResourceId"], p["MoodleUser"])} if by_iam else set()
    key = {p["KmsKeyArn"]} if p["KmsKeyArn"] else set()
    rights = {
        "Intake": {
            "secretsmanager:GetSecretValue": store | {secret["key"]},
            "rds-db:connect": connect,
        },
        "Admin": {
            "secretsmanager:GetSecretValue": store
            | {secret["key"], secret["moodle_read"]}
            | ({secret["oidc"]} if p["OidcIssuer"] else set()),
            "rds-db:connect": connect | read_moodle,
            "sqs:SendMessage": {jobs},
            "sqs:GetQueueAttributes": {jobs, dead},
            "kms:GenerateDataKey": key,
        },
        "Provisioner": {
            "secretsmanager:GetSecretValue": store
            | {secret["key"], secret["moodle"]}
            | ({secret["store_owner"]} if p["StoreOwnerUrl"] or p["StoreOwnerSecretArn"] else set())
            | ({secret["mail"]} if p["MailFrom"] else set()),
            "rds-db:connect": connect | write_moodle,
            "sqs:ReceiveMessage": {jobs},
            "sqs:DeleteMessage": {jobs},
            "sqs:ChangeMessageVisibility": {jobs},
            "sqs:GetQueueAttributes": {jobs, dead},
        },
    }
    for name, own in rights.items():
        group = {arn("logs", f"log-group:/aws/lambda/kinlink-{name.lower()}:*")}
        own |= {"logs:CreateLogStream": group, "logs:PutLogEvents": group, "kms:Decrypt": key}
        if p["Tracing"] == "Active":
            own |= {"xray:PutTraceSegments": {"*"}, "xray:PutTelemetryRecords": {"*"}}
        if p["VpcId"]:
            own |= {f"ec2:{action}": {"*"} for action in NETWORK}
    return {name: {action: on for action, on in own.items() if on} for name, own in rights.items()}


# What Lambda needs to connect a function to a VPC.
NETWORK = (
    "AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces",
    "DescribeSubnets", "UnassignPrivateIpAddresses",
)


@each_stack
def each_function_has_exactly_the_rights_that_its_code_uses(stack):
    for name, rights in expected_rights(stack).items():
        yield from differences(f"{name}'s role", stack.properties(name)["Role"], f"arn:aws:iam::{ACCOUNT}:role/{name}Role")
        found = granted(stack, f"{name}Role")
        for action in sorted(set(found) | set(rights)):
            yield from differences(f"where {name} may {action}", found.get(action), rights.get(action))


@each_stack
def intake_reaches_neither_queue_nor_moodle(stack):
    for action, on in granted(stack, "IntakeRole").items():
        if action.startswith("sqs:") or any("moodle" in each.lower() or ":sqs:" in each for each in on):
            yield f"intake may {action} on {sorted(on)}"


@each_stack
def no_role_may_do_everything_or_with_everything(stack):
    for role, policy, statement in documents(stack):
        if statement["Effect"] != "Allow":
            continue
        if "NotAction" in statement or "NotResource" in statement or any("*" in action for action in listed(statement["Action"])):
            yield f"{role}, {policy}: an action with a *"
        # X-Ray knows no resources, and Lambda tries its own rights without one.
        if policy not in ("tracing", "network") and "*" in listed(statement["Resource"]):
            yield f"{role}, {policy}: any resource"
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        limited = ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"]
        yield from differences(f"{role}'s policies of others", properties.get("ManagedPolicyArns"), limited if role == "DeployRole" else None)


@each_stack
def the_code_may_not_use_what_lambda_needs_for_the_network(stack):
    for name in FUNCTIONS:
        denied = [
            statement
            for role, policy, statement in documents(stack)
            if role == f"{name}Role" and policy == "network" and statement["Effect"] == "Deny"
        ]
        if not stack.parameters["VpcId"]:
            continue
        if not denied:
            yield f"{name} may make network interfaces itself"
        for statement in denied:
            yield from differences(f"what is kept from {name}", sorted(statement["Action"]), sorted(f"ec2:{a}" for a in NETWORK))
            source = statement["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]
            yield from differences("from whom", source, arn("lambda", f"function:kinlink-{name.lower()}"))


@each_stack
def functions_read_the_secrets_that_their_role_may_read(stack):
    for name in FUNCTIONS:
        named = {value.removeprefix("aws-sm:") for value in environment(stack, name).values() if value.startswith("aws-sm:")}
        may = granted(stack, f"{name}Role").get("secretsmanager:GetSecretValue", set())
        yield from differences(f"what {name} reads", named, may)


# ---- Queues and schedules --------------------------------------------------------------------------------------------


@each_stack
def a_message_stays_hidden_while_it_is_worked_on(stack):
    if stack.properties("Jobs")["VisibilityTimeout"] <= stack.properties("Provisioner")["Timeout"]:
        yield "a message comes back while the provisioner still runs"


@each_stack
def what_cannot_be_read_becomes_a_dead_letter_and_is_kept(stack):
    jobs, dead = stack.properties("Jobs"), stack.properties("DeadLetters")
    wanted = {"deadLetterTargetArn": arn("sqs", "kinlink-dead-letters"), "maxReceiveCount": 50}
    yield from differences("the redrive policy", jobs.get("RedrivePolicy"), wanted)
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [arn("sqs", "kinlink-jobs")]}
    yield from differences("whose dead letters are taken", dead.get("RedriveAllowPolicy"), allow)
    yield from differences("how long dead letters are kept", dead.get("MessageRetentionPeriod"), 14 * 86400)
    # The age of a message counts from when it was sent, not from when it became a dead letter.
    if jobs.get("MessageRetentionPeriod", 14 * 86400) >= 14 * 86400:
        yield "a dead letter may be gone as soon as it is one"


@each_stack
def queues_are_encrypted_and_refuse_plain_http(stack):
    key = stack.parameters["KmsKeyArn"]
    policies = {}
    for policy in stack.of_type("AWS::SQS::QueuePolicy").values():
        for url in policy["Queues"]:
            policies[url] = policy["PolicyDocument"]["Statement"]
    for name, queue in stack.of_type("AWS::SQS::Queue").items():
        if queue.get("KmsMasterKeyId") != (key if key and name != "MissedSchedules" else None):
            yield f"{name} does not use the key that was given"
        if not queue.get("KmsMasterKeyId") and queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"
        url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue['QueueName']}"
        wanted = [
            {
                "Sid": "OnlyEncrypted",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": arn("sqs", queue["QueueName"]),
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
        yield from differences(f"{name}'s policy", policies.get(url), wanted)


@each_stack
def schedules_start_the_provisioner_with_events_it_knows(stack):
    wanted = {"cycle": "rate(1 minute)", "reconcile": "cron(30 3 * * ? *)", "tidy": "cron(30 4 * * ? *)"}
    found = {}
    for name, schedule in stack.of_type("AWS::Scheduler::Schedule").items():
        target = schedule["Target"]
        event = json.loads(target["Input"])
        action = event.get("action")
        found[action] = schedule["ScheduleExpression"]
        if action not in actions() or set(event) != {"action"}:
            yield f"{name} sends {event}, which the provisioner does not know"
        yield from differences(f"{name}'s target", target["Arn"], arn("lambda", "function:kinlink-provisioner"))
        yield from differences(f"{name}'s role", target["RoleArn"], f"arn:aws:iam::{ACCOUNT}:role/{name}Role")
        yield from differences(f"{name}'s state", schedule.get("State"), stack.parameters["Schedules"])
        yield from differences(f"{name}'s group", schedule.get("GroupName"), "kinlink")
        if action != "cycle":
            yield from differences(f"{name}'s time zone", schedule.get("ScheduleExpressionTimezone"), stack.parameters["TimeZone"])
            yield from differences(
                f"where {name} leaves what it could not start",
                target.get("DeadLetterConfig"),
                {"Arn": arn("sqs", "kinlink-missed-schedules")},
            )
        if target.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", 86400) > 3600:
            yield f"{name} starts runs that are long out of date"
    yield from differences("the table of schedules", found, wanted)


@each_stack
def each_schedule_has_a_role_that_can_do_nothing_else(stack):
    for name in stack.of_type("AWS::Scheduler::Schedule"):
        role = f"{name}Role"
        wanted = {"lambda:InvokeFunction": {arn("lambda", "function:kinlink-provisioner")}}
        if name != "CycleSchedule":
            wanted["sqs:SendMessage"] = {arn("sqs", "kinlink-missed-schedules")}
        yield from differences(f"what {role} may", granted(stack, role), wanted)
        (trust,) = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        yield from differences(f"who may be {role}", trust["Principal"], {"Service": "scheduler.amazonaws.com"})
        condition = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": arn("scheduler", "schedule-group/kinlink")}
        yield from differences(f"for which schedules {role} is", trust.get("Condition"), {"StringEquals": condition})


# ---- Secrets, network, logs ------------------------------------------------------------------------------------------


@assertion
def the_signing_key_stays_when_the_stack_goes(world):
    key = world.template["Resources"]["SigningKey"]
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        yield from differences(f"the signing key's {policy}", key.get(policy), "Retain")
    generated = key["Properties"].get("GenerateSecretString", {})
    if generated.get("PasswordLength", 32) < 32 or not generated.get("ExcludePunctuation"):
        yield "the signing key is not at least 32 letters and digits"


@each_stack
def secrets_are_made_only_of_what_was_given_as_text(stack):
    wanted = {
        secret
        for secret, parameter in {
            "StoreSecret": "StoreUrl",
            "StoreOwnerSecret": "StoreOwnerUrl",
            "MoodleSecret": "MoodleUrl",
            "MoodleReadSecret": "MoodleReadUrl",
            "MailSecret": "MailUrl",
            "OidcSecret": "OidcClientSecret",
        }.items()
        if stack.parameters[parameter]
    } | ({"SigningKey"} if not stack.parameters["SigningKeySecretArn"] else set())
    yield from differences("the list of secrets", set(stack.of_type("AWS::SecretsManager::Secret")), wanted)
    for name, secret in stack.of_type("AWS::SecretsManager::Secret").items():
        yield from differences(f"{name}'s key", secret.get("KmsKeyId", ""), stack.parameters["KmsKeyArn"])


@each_stack
def the_store_is_rotated_where_a_function_for_it_is_given(stack):
    rotation = list(stack.of_type("AWS::SecretsManager::RotationSchedule").values())
    function = stack.parameters["StoreRotationFunctionArn"]
    wanted = {
        "SecretId": stack.parameters["StoreSecretArn"],
        "RotationLambdaARN": function,
        "RotationRules": {"AutomaticallyAfterDays": 30},
    }
    yield from differences("the rotation", rotation, [wanted] if function else [])


@each_stack
def functions_are_in_the_vpc_only_if_there_is_one(stack):
    for name in FUNCTIONS:
        config = stack.properties(name).get("VpcConfig")
        if not stack.parameters["VpcId"]:
            yield from differences(f"{name}'s network", config, None)
        elif config is None:
            yield f"{name} is outside the VPC"
        else:
            yield from differences(f"{name}'s subnets", config["SubnetIds"], stack.parameters["SubnetIds"].split(","))
    for name, group in stack.of_type("AWS::EC2::SecurityGroup").items():
        if name == "FunctionSecurityGroup" and group.get("SecurityGroupIngress"):
            yield "functions can be called from the network"
        for rule in group.get("SecurityGroupIngress", []):
            if "SourceSecurityGroupId" not in rule:
                yield f"{name} is open to addresses"
        for rule in group.get("SecurityGroupEgress", [{"IpProtocol": "-1"}]):
            if str(rule["IpProtocol"]) == "-1" or rule["FromPort"] != rule["ToPort"]:
                yield f"{name} lets out more than single ports"
    services = {endpoint["ServiceName"] for endpoint in stack.of_type("AWS::EC2::VPCEndpoint").values()}
    wanted = {f"com.amazonaws.{REGION}.{each}" for each in ("secretsmanager", "sqs")}
    yield from differences("the endpoints", services, wanted if stack.parameters["InterfaceEndpoints"] == "yes" else set())


@each_stack
def the_proxy_takes_only_tls_and_iam(stack):
    proxies = stack.of_type("AWS::RDS::DBProxy")
    if not stack.parameters["StoreProxyInstance"]:
        yield from differences("the proxies", proxies, {})
        return
    proxy = proxies["StoreProxy"]
    yield from differences("whether the proxy wants TLS", proxy.get("RequireTLS"), True)
    auth = {"AuthScheme": "SECRETS", "IAMAuth": "REQUIRED", "SecretArn": stack.parameters["StoreSecretArn"]}
    yield from differences("how one proves oneself to the proxy", proxy["Auth"], [auth])
    url = f"postgres://kinlink@proxy.proxy-abcdefghijkl.{REGION}.rds.amazonaws.com:5432/kinlink?sslmode=verify-full"
    for name in FUNCTIONS:
        yield from differences(f"where {name} finds the store", environment(stack, name)["KINLINK_STORE_URL"], url)
    rules = stack.of_type("AWS::EC2::SecurityGroupIngress")
    wanted = {"StoreLetsProxyIn": "StoreProxySecurityGroup"}
    if stack.parameters["StoreOwnerUrl"] or stack.parameters["StoreOwnerSecretArn"]:
        wanted["StoreLetsOwnerIn"] = "FunctionSecurityGroup"
    groups = {name: rule["SourceSecurityGroupId"] for name, rule in rules.items()}
    yield from differences("whom the store lets in", groups, {name: security_group(group) for name, group in wanted.items()})
    for name, rule in rules.items():
        yield from differences(f"the port of {name}", (str(rule["FromPort"]), str(rule["ToPort"])), ("5432", "5432"))


@each_stack
def every_log_is_kept_for_the_days_that_were_chosen(stack):
    groups = stack.of_type("AWS::Logs::LogGroup")
    names = {group["LogGroupName"] for group in groups.values()}
    for name, group in groups.items():
        yield from differences(f"{name}'s retention", str(group.get("RetentionInDays")), stack.parameters["LogRetentionDays"])
    for name in FUNCTIONS:
        group = stack.properties(name).get("LoggingConfig", {}).get("LogGroup")
        if group not in names:
            yield f"{name} logs to {group}, which nobody keeps"
    destination = stack.properties("Stage").get("AccessLogSettings", {}).get("DestinationArn")
    if destination not in {arn("logs", f"log-group:{name}:*") for name in names}:
        yield "the API's log is not kept"


@each_stack
def the_access_log_names_no_person_and_no_token(stack):
    text = stack.properties("Stage")["AccessLogSettings"]["Format"]
    fields = set(re.findall(r"\$context\.([A-Za-z.]+)", text))
    wanted = {
        "requestTime", "requestId", "routeKey", "status", "responseLength", "responseLatency", "integrationLatency",
        "integrationErrorMessage", "error.responseType",
    }
    yield from differences("the fields of the access log", fields, wanted)
    json.loads(text)


# ---- Alarms and dashboard --------------------------------------------------------------------------------------------

METRICS = {
    "RequestsReceived": "Intake",
    "Decisions": "Admin",
    **dict.fromkeys(
        (
            "CyclesDone", "CyclesFailed", "LinksMade", "LinksRemoved", "RequestsProvisioned", "JobsWaiting", "JobsDead",
            "CycleMilliseconds", "MoodleStatements", "BrakeEngaged", "MailsSent", "MailsFailed",
        ),
        "Provisioner",
    ),
}


def known_metric(stack, namespace, metric, dimensions):
    """Whether somebody writes that metric for a resource of this stack."""
    functions = {f"kinlink-{name.lower()}" for name in FUNCTIONS}
    queues = {queue["QueueName"] for queue in stack.of_type("AWS::SQS::Queue").values()}
    match namespace:
        case "Kinlink":
            return metric in METRICS and dimensions == {"Function": f"kinlink-{METRICS[metric].lower()}"}
        case "AWS/Lambda":
            return metric in ("Errors", "Throttles") and set(dimensions) == {"FunctionName"} and set(dimensions.values()) <= functions
        case "AWS/SQS":
            return (
                metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
                and set(dimensions) == {"QueueName"}
                and set(dimensions.values()) <= queues
            )
        case "AWS/ApiGateway":
            return metric in ("Count", "4xx", "5xx", "Latency") and dimensions == {"ApiId": "ApiId"}
    return False


@each_stack
def alarms_watch_what_is_written(stack):
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        if not known_metric(stack, alarm["Namespace"], alarm["MetricName"], dimensions):
            yield f"{name} watches {alarm['MetricName']} of {dimensions}, which nobody writes"


@each_stack
def every_failure_has_its_alarm(stack):
    greater, at_least = "GreaterThanThreshold", "GreaterThanOrEqualToThreshold"
    wanted = {
        "NoHeartbeat": ("CyclesDone", "Sum", 900, 1, "LessThanThreshold", 1, "breaching"),
        "CycleFailed": ("CyclesFailed", "Sum", 300, 1, at_least, 1, "notBreaching"),
        "BrakeEngaged": ("BrakeEngaged", "Maximum", 300, 1, at_least, 1, "notBreaching"),
        "JobsDead": ("JobsDead", "Maximum", 300, 1, greater, 0, "notBreaching"),
        "DeadLetters": ("ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, greater, 0, "notBreaching"),
        "OldMessages": ("ApproximateAgeOfOldestMessage", "Maximum", 300, 3, greater, 3600, "notBreaching"),
        "MissedSchedules": ("ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, greater, 0, "notBreaching"),
        "ServerErrors": ("5xx", "Sum", 300, 1, at_least, 3, "notBreaching"),
        **{f"{name}Errors": ("Errors", "Sum", 300, 1, at_least, 1, "notBreaching") for name in FUNCTIONS},
        **{f"{name}Throttles": ("Throttles", "Sum", 300, 1, at_least, 1, "notBreaching") for name in FUNCTIONS},
    }
    keys = ("MetricName", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator", "Threshold", "TreatMissingData")
    alarms = stack.of_type("AWS::CloudWatch::Alarm")
    found = {name.removesuffix("Alarm"): tuple(alarm[key] for key in keys) for name, alarm in alarms.items()}
    for name in sorted(set(found) | set(wanted)):
        yield from differences(f"the alarm {name}", found.get(name), wanted.get(name))
    queues = {name: alarms[f"{name}Alarm"]["Dimensions"][0]["Value"] for name in ("DeadLetters", "MissedSchedules") if f"{name}Alarm" in alarms}
    yield from differences("what is watched", queues, {"DeadLetters": "kinlink-dead-letters", "MissedSchedules": "kinlink-missed-schedules"})
    for name in FUNCTIONS:
        for kind in ("Errors", "Throttles"):
            if f"{name}{kind}Alarm" in alarms:
                watched = alarms[f"{name}{kind}Alarm"]["Dimensions"][0]["Value"]
                yield from differences(f"whom {name}{kind} watches", watched, f"kinlink-{name.lower()}")


@each_stack
def alarms_reach_somebody_and_say_where_to_read_on(stack):
    topic = arn("sns", "kinlink-AlarmTopic")
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        yield from differences(f"whom {name} tells", (alarm.get("AlarmActions"), alarm.get("OKActions")), ([topic], [topic]))
        section = re.search(r"^Kinlink: .+\. See docs/operating\.md#([a-z-]+)\.$", alarm.get("AlarmDescription", ""))
        if not section or section[1] not in sections():
            yield f"{name} does not say where to read on"
        quiet = name == "NoHeartbeatAlarm" and stack.parameters["Schedules"] == "DISABLED"
        yield from differences(f"whether {name} is on", alarm.get("ActionsEnabled", True), not quiet)
    mails = [each["Endpoint"] for each in stack.of_type("AWS::SNS::Subscription").values()]
    yield from differences("who gets mail", mails, [stack.parameters["AlarmEmail"]] if stack.parameters["AlarmEmail"] else [])
    (policy,) = stack.of_type("AWS::SNS::TopicPolicy").values()
    for statement in policy["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow":
            yield from differences("who may raise alarms", statement["Principal"], {"Service": "cloudwatch.amazonaws.com"})
            condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
            yield from differences("in whose account", statement.get("Condition"), condition)


@each_stack
def the_dashboard_shows_what_is_written(stack):
    shown = set()
    for widget in json.loads(stack.properties("Dashboard")["DashboardBody"])["widgets"]:
        for namespace, metric, dimension, value, _ in widget["properties"]["metrics"]:
            shown.add(metric)
            if not known_metric(stack, namespace, metric, {dimension: value}):
                yield f"the dashboard shows {metric} of {value}, which nobody writes"
    for metric in sorted(set(METRICS) - shown):
        yield f"the dashboard does not show {metric}"


@each_stack
def the_outputs_say_what_people_need(stack):
    wanted = {
        "AdminFunction": "kinlink-admin",
        "IntakeFunction": "kinlink-intake",
        "ProvisionerFunction": "kinlink-provisioner",
        "QueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/kinlink-jobs",
        "QueueDeadUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/kinlink-dead-letters",
    }
    for name, value in wanted.items():
        yield from differences(f"the output {name}", stack.outputs.get(name), value)
    for name in ("Migrate", "Doctor"):
        command = stack.outputs.get(f"{name}Command", "")
        payload = re.search(r"--payload '([^']+)'", command)
        if "--function-name kinlink-provisioner " not in command or json.loads(payload[1])["action"] not in actions():
            yield f"the command {name} does not work"
