"""Breaks the template on purpose: each assertion must notice what it is there for."""

import unittest

from assertions import ASSERTIONS
from world import World, template

BROKEN = []


def breaks(assertion):
    """A way to break the template that the named assertion must notice."""

    def register(function):
        BROKEN.append((assertion, function.__name__, function))
        return function

    return register


def properties(template, name):
    return template["Resources"][name]["Properties"]


def statements(template, role, policy):
    """The statements of a role's policy, also of one that is there under a condition only."""
    for each in properties(template, role)["Policies"]:
        each = each["Fn::If"][1] if "Fn::If" in each else each
        if each["PolicyName"] == policy:
            return each["PolicyDocument"]["Statement"]
    raise KeyError(policy)


def variables(template, function):
    return properties(template, function)["Environment"]["Variables"]


@breaks("everything_resolves")
def a_name_that_does_not_exist(t):
    variables(t, "Admin")["KINLINK_QUEUE_URL"] = {"Ref": "Queue"}


@breaks("everything_resolves")
def a_resource_that_exists_only_under_another_condition(t):
    statements(t, "IntakeRole", "secrets")[0]["Resource"].append({"Ref": "StoreSecret"})


@breaks("every_parameter_is_used")
def a_parameter_for_nothing(t):
    t["Parameters"]["Colour"] = {"Type": "String", "Default": "red"}


@breaks("every_parameter_is_validated_and_explained")
def a_parameter_that_takes_anything(t):
    del t["Parameters"]["StoreProxyDatabase"]["AllowedPattern"]


@breaks("every_parameter_is_validated_and_explained")
def a_password_that_the_console_shows(t):
    del t["Parameters"]["MoodleUrl"]["NoEcho"]


@breaks("every_parameter_is_validated_and_explained")
def a_parameter_in_no_group(t):
    t["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"][0]["Parameters"].remove("School")


@breaks("good_parameters_are_taken")
def a_pattern_that_refuses_a_real_address(t):
    t["Parameters"]["MailFrom"]["AllowedPattern"] = "[a-z]*"


@breaks("good_parameters_are_taken")
def a_rule_that_refuses_a_whole_set(t):
    t["Rules"]["ProxyIsWhole"]["Assertions"][1]["Assert"]["Fn::Equals"][1] = "password"


@breaks("every_condition_is_used_and_goes_both_ways")
def a_condition_that_never_holds(t):
    t["Conditions"]["Traced"] = {"Fn::Equals": [{"Ref": "Tracing"}, "active"]}


@breaks("every_condition_is_used_and_goes_both_ways")
def a_condition_for_nothing(t):
    t["Conditions"]["HasSchool"] = {"Fn::Equals": [{"Ref": "School"}, ""]}


@breaks("no_given_secret_stands_anywhere_but_in_a_secret")
def a_password_in_the_environment(t):
    variables(t, "Provisioner")["KINLINK_MOODLE_URL"] = {"Ref": "MoodleUrl"}


@breaks("no_given_secret_stands_anywhere_but_in_a_secret")
def a_password_in_the_outputs(t):
    t["Outputs"]["StoreArn"]["Value"] = {"Ref": "StoreUrl"}


@breaks("functions_are_made_of_the_built_zips")
def the_wrong_processor(t):
    t["Globals"]["Function"]["Architectures"] = ["x86_64"]


@breaks("functions_are_made_of_the_built_zips")
def the_code_of_another_function(t):
    properties(t, "Admin")["CodeUri"] = "target/lambda/arm64/intake.zip"


@breaks("functions_answer_before_the_gateway_gives_up")
def a_page_that_may_take_a_minute(t):
    properties(t, "Admin")["Timeout"] = 60


@breaks("every_variable_is_a_setting")
def a_misspelt_variable(t):
    variables(t, "Admin")["KINLINK_QUEUE_DEADURL"] = variables(t, "Admin").pop("KINLINK_QUEUE_DEAD_URL")


@breaks("functions_get_what_they_need_and_no_more")
def a_queue_for_intake(t):
    properties(t, "Intake")["Environment"] = {"Variables": {"KINLINK_QUEUE_URL": {"Ref": "Jobs"}}}


@breaks("functions_get_what_they_need_and_no_more")
def a_sender_without_a_mail_server(t):
    variables(t, "Provisioner")["KINLINK_MAIL_FROM"] = "accounts@example.org"


@breaks("functions_get_what_they_need_and_no_more")
def an_owner_of_the_tables_in_the_staff_pages(t):
    variables(t, "Admin")["KINLINK_STORE_OWNER_URL"] = variables(t, "Provisioner")["KINLINK_STORE_OWNER_URL"]


@breaks("staff_pages_know_that_their_user_of_moodle_only_reads")
def staff_pages_whose_doctor_misses_rights(t):
    variables(t, "Admin")["KINLINK_MOODLE_ACCESS"] = "write"


@breaks("the_provisioner_migrates_as_the_owner_that_was_given")
def a_migration_as_the_functions_user(t):
    variables(t, "Provisioner")["KINLINK_STORE_OWNER_URL"] = t["Globals"]["Function"]["Environment"]["Variables"]["KINLINK_STORE_URL"]


@breaks("the_provisioner_migrates_as_the_owner_that_was_given")
def an_owners_secret_with_the_functions_password(t):
    properties(t, "StoreOwnerSecret")["SecretString"] = {"Ref": "StoreUrl"}


@breaks("concurrency_is_reserved_only_on_request")
def a_reservation_that_a_new_account_refuses(t):
    properties(t, "Intake")["ReservedConcurrentExecutions"] = 30


@breaks("tracing_is_a_switch")
def tracing_that_is_always_on(t):
    t["Globals"]["Function"]["Tracing"] = "Active"


@breaks("a_gradual_deployment_is_rolled_back_by_alarms")
def a_canary_that_nobody_watches(t):
    properties(t, "Intake")["DeploymentPreference"]["Alarms"] = [{"Ref": "AdminErrorsAlarm"}]


@breaks("a_gradual_deployment_is_rolled_back_by_alarms")
def a_deployment_that_is_always_gradual(t):
    properties(t, "Admin")["DeploymentPreference"] |= {"Enabled": True, "Role": {"Fn::GetAtt": ["CycleScheduleRole", "Arn"]}}


@breaks("visitors_reach_the_code_that_was_deployed")
def an_alias_that_new_parameters_do_not_reach(t):
    properties(t, "IntakeIntegration")["IntegrationUri"] = {"Ref": "Intake.Alias"}


@breaks("visitors_reach_the_code_that_was_deployed")
def a_canary_that_visitors_walk_past(t):
    properties(t, "AdminIntegration")["IntegrationUri"] = {"Fn::GetAtt": ["Admin", "Arn"]}


@breaks("another_release_publishes_another_version")
def a_version_that_no_parameter_renews(t):
    del properties(t, "Admin")["VersionDescription"]


@breaks("another_release_publishes_another_version")
def a_function_that_another_release_does_not_change(t):
    properties(t, "Intake")["Description"] = "Kinlink"


@breaks("only_the_schedules_may_call_the_provisioner")
def a_provisioner_that_another_account_may_call(t):
    t["Resources"]["Open"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {"Action": "lambda:InvokeFunction", "Principal": "210987654321", "FunctionName": {"Ref": "Provisioner"}},
    }


@breaks("only_the_schedules_may_call_the_provisioner")
def an_admin_that_may_call_the_provisioner(t):
    statements(t, "AdminRole", "queue").append(
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Fn::GetAtt": ["Provisioner", "Arn"]}}
    )


@breaks("no_function_has_a_url")
def a_public_url(t):
    properties(t, "Provisioner")["FunctionUrlConfig"] = {"AuthType": "NONE"}


@breaks("a_failed_run_is_not_repeated")
def a_run_that_lambda_repeats(t):
    properties(t, "Provisioner")["EventInvokeConfig"]["MaximumRetryAttempts"] = 2


@breaks("a_failed_run_is_not_repeated")
def a_retry_setting_that_only_an_alias_has(t):
    properties(t, "Provisioner")["AutoPublishAlias"] = "live"


@breaks("routes_lead_to_their_functions_and_are_throttled")
def staff_pages_that_intake_answers(t):
    properties(t, "AdminPagesRoute")["Target"] = {"Fn::Sub": "integrations/${IntakeIntegration}"}


@breaks("routes_lead_to_their_functions_and_are_throttled")
def a_route_without_a_throttle(t):
    del properties(t, "Stage")["RouteSettings"]["ANY /api/v1/admin/{proxy+}"]


@breaks("routes_lead_to_their_functions_and_are_throttled")
def a_stage_that_does_not_wait_for_its_routes(t):
    del t["Resources"]["Stage"]["DependsOn"]


@breaks("each_route_may_call_its_function_and_nothing_else_may")
def any_api_of_the_account(t):
    del properties(t, "IntakePermission")["SourceArn"]


@breaks("each_route_may_call_its_function_and_nothing_else_may")
def a_route_without_permission(t):
    del t["Resources"]["AdminApiPermission"]


@breaks("there_is_one_public_address")
def a_second_address_beside_the_schools_own(t):
    properties(t, "Api")["DisableExecuteApiEndpoint"] = False


@breaks("there_is_one_public_address")
def an_address_that_mails_get_wrong(t):
    t["Globals"]["Function"]["Environment"]["Variables"]["KINLINK_PUBLIC_URL"] = {"Fn::Sub": "https://${Api}.example.org"}


@breaks("each_function_has_exactly_the_rights_that_its_code_uses")
def an_admin_that_takes_jobs_off_the_queue(t):
    statements(t, "AdminRole", "queue")[0]["Action"].append("sqs:ReceiveMessage")


@breaks("each_function_has_exactly_the_rights_that_its_code_uses")
def a_provisioner_that_cannot_delete_what_is_done(t):
    statements(t, "ProvisionerRole", "queue")[0]["Action"].remove("sqs:DeleteMessage")


@breaks("each_function_has_exactly_the_rights_that_its_code_uses")
def an_intake_that_reads_the_mail_servers_password(t):
    statements(t, "IntakeRole", "secrets")[0]["Resource"].append({"Fn::If": ["MakeMailSecret", {"Ref": "MailSecret"}, {"Ref": "AWS::NoValue"}]})


@breaks("each_function_has_exactly_the_rights_that_its_code_uses")
def staff_pages_that_read_the_owners_password(t):
    rights = statements(t, "ProvisionerRole", "secrets")[0]["Resource"]
    statements(t, "AdminRole", "secrets")[0]["Resource"] += [each for each in rights if "StoreOwner" in str(each)]


@breaks("each_function_has_exactly_the_rights_that_its_code_uses")
def a_database_user_that_writes_for_pages_that_read(t):
    resource = statements(t, "AdminRole", "moodle-by-iam")[0]["Resource"]
    resource["Fn::Sub"] = resource["Fn::Sub"].replace("MoodleReadUser", "MoodleUser")


@breaks("intake_reaches_neither_queue_nor_moodle")
def an_intake_that_sends_jobs(t):
    properties(t, "IntakeRole")["Policies"].append(
        {
            "PolicyName": "queue",
            "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Jobs", "Arn"]}}]},
        }
    )


@breaks("no_role_may_do_everything_or_with_everything")
def every_action_on_the_queue(t):
    statements(t, "ProvisionerRole", "queue")[0]["Action"] = "sqs:*"


@breaks("no_role_may_do_everything_or_with_everything")
def every_secret(t):
    statements(t, "AdminRole", "secrets")[0]["Resource"] = "*"


@breaks("no_role_may_do_everything_or_with_everything")
def a_managed_policy(t):
    properties(t, "IntakeRole")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AmazonSQSFullAccess"]


@breaks("no_role_may_do_everything_or_with_everything")
def a_deployment_that_may_call_functions(t):
    properties(t, "DeployRole")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"]


@breaks("the_code_may_not_use_what_lambda_needs_for_the_network")
def code_that_may_make_network_interfaces(t):
    statements(t, "IntakeRole", "network").pop()


@breaks("the_code_may_not_use_what_lambda_needs_for_the_network")
def a_refusal_for_another_function(t):
    statement = statements(t, "AdminRole", "network")[1]
    statement["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]["Fn::Sub"] += "s"


@breaks("functions_read_the_secrets_that_their_role_may_read")
def a_secret_that_cannot_be_read(t):
    statements(t, "ProvisionerRole", "secrets")[0]["Resource"].pop(1)


@breaks("a_message_stays_hidden_while_it_is_worked_on")
def a_message_that_comes_back_too_soon(t):
    properties(t, "Jobs")["VisibilityTimeout"] = 300


@breaks("what_cannot_be_read_becomes_a_dead_letter_and_is_kept")
def messages_that_come_back_for_ever(t):
    del properties(t, "Jobs")["RedrivePolicy"]


@breaks("what_cannot_be_read_becomes_a_dead_letter_and_is_kept")
def dead_letters_that_are_old_when_they_come(t):
    properties(t, "Jobs")["MessageRetentionPeriod"] = 1209600


@breaks("queues_are_encrypted_and_refuse_plain_http")
def a_queue_that_answers_plain_http(t):
    del t["Resources"]["DeadLettersPolicy"]


@breaks("queues_are_encrypted_and_refuse_plain_http")
def a_queue_without_encryption(t):
    properties(t, "Jobs")["SqsManagedSseEnabled"] = False


@breaks("schedules_start_the_provisioner_with_events_it_knows")
def an_event_that_the_provisioner_does_not_know(t):
    properties(t, "TidySchedule")["Target"]["Input"] = '{"action":"retention"}'


@breaks("schedules_start_the_provisioner_with_events_it_knows")
def a_cycle_every_hour(t):
    properties(t, "CycleSchedule")["ScheduleExpression"] = "rate(1 hour)"


@breaks("schedules_start_the_provisioner_with_events_it_knows")
def a_schedule_that_cannot_be_stopped(t):
    del properties(t, "ReconcileSchedule")["State"]


@breaks("schedules_start_the_provisioner_with_events_it_knows")
def a_night_that_fails_unseen(t):
    del properties(t, "TidySchedule")["Target"]["DeadLetterConfig"]


@breaks("each_schedule_has_a_role_that_can_do_nothing_else")
def a_schedule_that_may_call_every_function(t):
    statements(t, "CycleScheduleRole", "start")[0]["Resource"] = "arn:aws:lambda:eu-west-2:123456789012:function:*"


@breaks("each_schedule_has_a_role_that_can_do_nothing_else")
def a_role_for_schedules_of_other_accounts(t):
    del properties(t, "TidyScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


@breaks("the_signing_key_stays_when_the_stack_goes")
def a_signing_key_that_goes_with_the_stack(t):
    t["Resources"]["SigningKey"]["DeletionPolicy"] = "Delete"


@breaks("the_signing_key_stays_when_the_stack_goes")
def a_short_signing_key(t):
    properties(t, "SigningKey")["GenerateSecretString"]["PasswordLength"] = 16


@breaks("secrets_are_made_only_of_what_was_given_as_text")
def an_empty_secret(t):
    del t["Resources"]["MailSecret"]["Condition"]


@breaks("secrets_are_made_only_of_what_was_given_as_text")
def a_secret_that_does_not_use_the_given_key(t):
    del properties(t, "StoreSecret")["KmsKeyId"]


@breaks("the_store_is_rotated_where_a_function_for_it_is_given")
def a_rotation_of_another_secret(t):
    properties(t, "StoreRotation")["SecretId"] = {"Ref": "MoodleSecretArn"}


@breaks("functions_are_in_the_vpc_only_if_there_is_one")
def a_function_outside_the_vpc(t):
    properties(t, "Admin")["VpcConfig"] = {"Ref": "AWS::NoValue"}
    t["Globals"]["Function"].pop("VpcConfig")


@breaks("functions_are_in_the_vpc_only_if_there_is_one")
def a_security_group_that_lets_everything_out(t):
    del properties(t, "FunctionSecurityGroup")["SecurityGroupEgress"]


@breaks("functions_are_in_the_vpc_only_if_there_is_one")
def a_database_that_the_internet_reaches(t):
    rule = properties(t, "StoreProxySecurityGroup")["SecurityGroupIngress"][0]
    del rule["SourceSecurityGroupId"]
    rule["CidrIp"] = "0.0.0.0/0"


@breaks("the_proxy_takes_only_tls_and_iam")
def a_proxy_without_tls(t):
    properties(t, "StoreProxy")["RequireTLS"] = False


@breaks("the_proxy_takes_only_tls_and_iam")
def an_owner_that_the_store_keeps_out(t):
    del t["Resources"]["StoreLetsOwnerIn"]


@breaks("the_proxy_takes_only_tls_and_iam")
def a_proxy_that_functions_walk_past(t):
    t["Globals"]["Function"]["Environment"]["Variables"]["KINLINK_STORE_URL"]["Fn::If"][0] = "MakeStoreSecret"


@breaks("every_log_is_kept_for_the_days_that_were_chosen")
def a_log_that_is_kept_for_ever(t):
    del properties(t, "AccessLogGroup")["RetentionInDays"]


@breaks("every_log_is_kept_for_the_days_that_were_chosen")
def a_function_with_a_log_that_nobody_keeps(t):
    del properties(t, "Admin")["LoggingConfig"]


@breaks("the_access_log_names_no_person_and_no_token")
def tokens_in_the_log(t):
    settings = properties(t, "Stage")["AccessLogSettings"]
    settings["Format"] = settings["Format"].replace("$context.routeKey", "$context.path")


@breaks("alarms_watch_what_is_written")
def a_metric_that_nobody_writes(t):
    properties(t, "BrakeEngagedAlarm")["MetricName"] = "Brake"


@breaks("alarms_watch_what_is_written")
def a_metric_of_another_function(t):
    properties(t, "NoHeartbeatAlarm")["Dimensions"][0]["Value"] = {"Ref": "Intake"}


@breaks("alarms_watch_what_is_written")
def an_alarm_over_a_url_instead_of_a_name(t):
    properties(t, "OldMessagesAlarm")["Dimensions"][0]["Value"] = {"Ref": "Jobs"}


@breaks("every_failure_has_its_alarm")
def a_heart_that_may_stop(t):
    properties(t, "NoHeartbeatAlarm")["TreatMissingData"] = "notBreaching"


@breaks("every_failure_has_its_alarm")
def nobody_hears_of_throttles(t):
    del t["Resources"]["AdminThrottlesAlarm"]


@breaks("every_failure_has_its_alarm")
def two_alarms_over_the_same_function(t):
    properties(t, "AdminErrorsAlarm")["Dimensions"][0]["Value"] = {"Ref": "Intake"}


@breaks("alarms_reach_somebody_and_say_where_to_read_on")
def an_alarm_that_tells_nobody(t):
    del properties(t, "JobsDeadAlarm")["AlarmActions"]


@breaks("alarms_reach_somebody_and_say_where_to_read_on")
def an_alarm_that_says_nothing(t):
    properties(t, "ServerErrorsAlarm")["AlarmDescription"] = "5xx"


@breaks("alarms_reach_somebody_and_say_where_to_read_on")
def an_alarm_that_leads_nowhere(t):
    alarm = properties(t, "ServerErrorsAlarm")
    alarm["AlarmDescription"] = alarm["AlarmDescription"].replace("#server-errors", "#errors")


@breaks("alarms_reach_somebody_and_say_where_to_read_on")
def a_topic_that_everybody_may_write_to(t):
    properties(t, "AlarmTopicPolicy")["PolicyDocument"]["Statement"][0]["Principal"] = "*"


@breaks("the_dashboard_shows_what_is_written")
def a_dashboard_of_another_metric(t):
    body = properties(t, "Dashboard")["DashboardBody"]["Fn::Sub"]
    body[0] = body[0].replace('"LinksMade"', '"Links"')


@breaks("the_outputs_say_what_people_need")
def a_command_that_does_not_migrate(t):
    value = t["Outputs"]["MigrateCommand"]["Value"]
    value["Fn::Sub"] = value["Fn::Sub"].replace("migrate", "upgrade")


class BrokenTemplates(unittest.TestCase):
    def test_each_broken_template_is_noticed_by_its_assertion(self):
        for assertion, name, change in BROKEN:
            with self.subTest(name, assertion=assertion):
                broken = template()
                change(broken)
                self.assertIsNotNone(next(iter(ASSERTIONS[assertion](World(broken))), None))

    def test_every_assertion_is_tried(self):
        self.assertEqual({assertion for assertion, _, _ in BROKEN}, set(ASSERTIONS))


if __name__ == "__main__":
    unittest.main()
