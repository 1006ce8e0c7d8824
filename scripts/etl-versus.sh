#!/usr/bin/env bash
# Reading logs of ETW beside dissect.etl, in turns in one run: how many records a second does each read?
#
#   scripts/etl-versus.sh [ROUNDS]
#
# dissect.etl is written in Python. It is timed within the process, without the start of Python: once for the
# headers, times and payloads of all records, once with the values of those that its own manifests explain.
# `etwatch events --count` beside it decodes all records, and its whole run is timed. The best of the rounds
# (5 unless told) counts.
#
# The logs lie beside the checkout, or where ETWATCH_CORPUS says; those of fewer than 1,000 records are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
target=${CARGO_TARGET_DIR:-target}
rounds=${1:-5}
logs=(${ETWATCH_CORPUS:-../shared/corpus}/etl/*.etl)
[ -e "${logs[0]}" ] || { echo "etl versus: no recordings; set ETWATCH_CORPUS" >&2 && exit 1; }

python=$(scripts/etl-python.sh)
${CARGO:-cargo} build --release --quiet --package etwatch-cli
etwatch=$target/release/etwatch

ours="etwatch, all decoded"
declare -A best
# Keeps the least seconds of each way.
keep() { best[$1]=$(awk -v new="$2" -v old="${best[$1]:-$2}" 'BEGIN { print new < old ? new : old }'); }
# Prints a way, and how many times as long as ours it takes.
tell() {
    awk -v way="$1" -v seconds="${best[$1]}" -v records="$records" -v ours="${best[$ours]}" 'BEGIN {
        printf "  %-22s %8.3f s %10.0f records/s %6.1f times the time\n", way, seconds, records / seconds, seconds / ours
    }'
}

for log in "${logs[@]}"; do
    records=$("$etwatch" events "$log" --count 2>&1 >/dev/null | awk '$1 == "Events" { print $2 }')
    [ "$records" -ge 1000 ] || continue
    echo "$(basename "$log"): $records records, $(stat -c %s "$log") bytes, $rounds rounds"
    best=()
    for ((round = 0; round < rounds; round++)); do
        begin=$EPOCHREALTIME
        "$etwatch" events "$log" --count >/dev/null 2>&1
        keep "$ours" "$(awk -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN { print end - begin }')"
        for mode in frame decode; do
            read -r framed explained seconds < <("$python" scripts/etl-reading.py $mode "$log")
            keep "dissect.etl, $mode" "$seconds"
        done
    done
    tell "$ours"
    tell "dissect.etl, frame"
    tell "dissect.etl, decode"
    echo "  dissect.etl finds $framed records and explains $explained of them"
    [ "$framed" = "$records" ] || { echo "etl versus: not the same records" >&2 && exit 1; }
done
