# shellcheck shell=bash
# Virtual environments for the checks of template.yaml, and an environment in which no tool finds a real AWS account.
# Sourced by expand and run, from the root of the repository.

# shellcheck source=tests/venv.sh
. tests/venv.sh

# template_venv NAME REQUIREMENTS: makes the virtual environment of that name; sets $venv.
template_venv() {
    python_venv "${CARGO_TARGET_DIR:-target}/test-tools/aws/$1" "$2"
}

# without_aws_account: dummy credentials, a region, and neither settings nor habits of whoever runs this.
without_aws_account() {
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-west-2 AWS_DEFAULT_REGION=eu-west-2
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
    export SAM_CLI_TELEMETRY=0 PYTHONDONTWRITEBYTECODE=1
    unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
}
