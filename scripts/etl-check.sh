#!/usr/bin/env bash
# Files that etwatch writes, read by others: does dissect.etl find in them what was written?
#
# First a file with records of every form, compared with what was handed to the writer: header, time,
# extended items and payload of each record. Then copies of the real recordings beside the checkout (or where
# ETWATCH_CORPUS says), each compared with its original, both read by dissect.etl.
#
# Needs Python 3.10 and, once, the package index of Python; the environment is kept under target/.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
target=${CARGO_TARGET_DIR:-target}
python=$(scripts/etl-python.sh)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Prints the records of a file, sorted: a processor's keep their order, those of several are interleaved by
# buffers, which the copy may do in another way.
found() { "$python" scripts/etl-independent.py "$1" | sort; }

# Compares two lists of records, and says how many they are.
compare() {
    if ! cmp -s "$2" "$3"; then
        diff "$2" "$3" | head -20 >&2 || true
        echo "etl check: $1: the independent reader does not find what was written" >&2
        exit 1
    fi
    echo "etl check: $1: $(wc -l <"$3") records, all as written"
}

${CARGO:-cargo} build --quiet --package etwatch-capture --examples
"$target/debug/examples/write_etl" "$folder/made.etl" "$folder/expected"
sort -o "$folder/expected" "$folder/expected"
found "$folder/made.etl" >"$folder/found"
compare made.etl "$folder/expected" "$folder/found"

corpus=${ETWATCH_CORPUS:-../shared/corpus}/etl
if ! ls "$corpus"/*.etl >/dev/null 2>&1; then
    echo "SKIPPED: no recordings at $corpus; set ETWATCH_CORPUS" >&2
    [ "${CI:-}" != true ] || exit 1
    exit 0
fi
for log in "$corpus"/*.etl; do
    "$target/debug/examples/copy_etl" "$log" "$folder/copy.etl"
    found "$log" >"$folder/expected"
    found "$folder/copy.etl" >"$folder/found"
    compare "$(basename "$log")" "$folder/expected" "$folder/found"
done
