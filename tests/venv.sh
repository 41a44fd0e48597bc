# shellcheck shell=bash
# Virtual environments of Python for tests and their servers. Sourced.

# python_venv FOLDER REQUIREMENTS: makes FOLDER/venv unless one with today's requirements is complete; sets $venv.
python_venv() {
    local folder=$1 requirements=$2 wanted
    venv=$folder/venv
    wanted=$(sha256sum "$requirements" | cut -d ' ' -f 1)
    mkdir -p "$folder"
    (
        # Two runs may start at once in a fresh clone.
        flock 9
        if [ "$(cat "$venv/requirements.sha256" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
            exit 0
        fi
        echo "installing $requirements into $venv (once)" >&2
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
        echo "$wanted" >"$venv/requirements.sha256"
    ) 9>"$folder/lock"
}
