#!/usr/bin/env bash
# Files that etwatch writes, read by others: does dissect.etl find in them what was written?
#
# Writes a file with records of every form, reads it with scripts/etl-independent.py, and compares every
# record: header, time, extended items, payload. Needs Python 3.10 and the package index of Python, once;
# the environment is kept under target/.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
environment=$target/etl-check
if [ ! -x "$environment/bin/python" ] || ! "$environment/bin/python" -c 'import dissect.etl' 2>/dev/null; then
    python3 -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        dissect.etl==3.14 dissect.cstruct==4.7 dissect.util==3.24
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${CARGO:-cargo} run --quiet --package etwatch-capture --example write_etl -- "$folder/made.etl" "$folder/expected.jsonl"
"$environment/bin/python" scripts/etl-independent.py "$folder/made.etl" >"$folder/found.jsonl"
# One processor's records keep their order in the file; those of several are interleaved by buffers.
sort "$folder/expected.jsonl" >"$folder/expected.sorted"
sort "$folder/found.jsonl" >"$folder/found.sorted"
if ! cmp -s "$folder/expected.sorted" "$folder/found.sorted"; then
    diff "$folder/expected.sorted" "$folder/found.sorted" | head -20 >&2
    echo "etl check: the independent reader does not find what was written" >&2
    exit 1
fi
echo "etl check: $(wc -l <"$folder/found.jsonl") records of $(wc -c <"$folder/made.etl") bytes, all as written"
