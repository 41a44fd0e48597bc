# shellcheck shell=bash
# Virtual environments for the checks of template.yaml, and an environment in which no tool finds a real AWS account.
# Sourced by expand and run, from the root of the repository.

# template_venv NAME REQUIREMENTS: makes the virtual environment unless one with today's requirements is complete; sets $venv.
template_venv() {
    local folder=${CARGO_TARGET_DIR:-target}/test-tools/aws/$1 requirements=$2 wanted
    venv=$folder/venv
    wanted=$(sha256sum "$requirements" | cut -d ' ' -f 1)
    mkdir -p "$folder"
    (
        # Two runs may start at once in a fresh clone.
        flock 9
        if [ "$(cat "$venv/requirements.sha256" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
            exit 0
        fi
        echo "tests/aws/template: installing $requirements into $venv (once)" >&2
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
        echo "$wanted" >"$venv/requirements.sha256"
    ) 9>"$folder/lock"
}

# without_aws_account: dummy credentials, a region, and neither settings nor habits of whoever runs this.
without_aws_account() {
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-west-2 AWS_DEFAULT_REGION=eu-west-2
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
    export SAM_CLI_TELEMETRY=0 PYTHONDONTWRITEBYTECODE=1
    unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
}
