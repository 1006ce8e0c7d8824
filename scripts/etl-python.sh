#!/usr/bin/env bash
# Prints the Python of an environment that has dissect.etl; makes it below target/ when there is none yet.
#
# Needs Python 3.10 and, once, the package index of Python.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${CARGO_TARGET_DIR:-target}/etl-check
python=$environment/bin/python
if ! "$python" -c 'import dissect.etl' 2>/dev/null; then
    python3 -m venv "$environment"
    "$python" -m pip install --quiet --disable-pip-version-check \
        dissect.etl==3.14 dissect.cstruct==4.7 dissect.util==3.24 defusedxml==0.7.1 >&2
fi
echo "$python"
