#!/usr/bin/env bash
# Reading logs of ETW beside another reader, in turns in one run: how many records a second does each read?
#
#   scripts/etl-versus.sh [--reader dissect|s4] [--rounds N]
#
# dissect (the default) is dissect.etl, in Python. It is timed within the process, without the start of Python:
# once for the headers, times and payloads of all records, once with the values of those that its own
# manifests explain. `etwatch events --count` beside it decodes all records, and its whole run is timed.
#
# s4 is the program super_speedy_syslog_searcher 0.10.83, in Rust, at $S4 or below target/ (building it takes ten
# minutes). Both print all records as text, and the whole run of both is timed.
#
# The logs lie beside the checkout, or where ETWATCH_CORPUS says; those of fewer than 1,000 records are left
# out. The best round counts.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
target=${CARGO_TARGET_DIR:-target}
cargo=${CARGO:-cargo}
reader=dissect
rounds=5
while [ $# -gt 0 ]; do
    case $1 in
    --reader) reader=$2 ;;
    --rounds) rounds=$2 ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
    esac
    shift 2
done
logs=(${ETWATCH_CORPUS:-../shared/corpus}/etl/*.etl)
[ -e "${logs[0]}" ] || { echo "etl versus: no recordings; set ETWATCH_CORPUS" >&2 && exit 1; }

case $reader in
dissect) python=$(scripts/etl-python.sh) ;;
s4)
    s4=${S4:-$target/s4/bin/s4}
    [ -x "$s4" ] || $cargo install --quiet super_speedy_syslog_searcher --version 0.10.83 --root "$target/s4"
    ;;
*) echo "etl versus: no such reader: $reader" >&2 && exit 2 ;;
esac
$cargo build --release --quiet --package etwatch-cli
etwatch=$target/release/etwatch

declare -A best
# Keeps the least seconds of each way.
keep() { best[$1]=$(awk -v new="$2" -v old="${best[$1]:-$2}" 'BEGIN { print new < old ? new : old }'); }
# Runs a command and keeps the seconds of its whole run.
run() {
    local way=$1 begin=$EPOCHREALTIME
    shift
    "$@" >/dev/null 2>&1
    keep "$way" "$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
}
# Prints a way, and its ratio to another one.
tell() {
    awk -v way="$1" -v seconds="${best[$1]}" -v records="$records" -v other="${best[${2:-$1}]}" 'BEGIN {
        printf "  %-34s %8.3f s %10.0f records/s", way, seconds, records / seconds
        if (seconds != other) printf " %6.1f times the time", seconds / other
        print ""
    }'
}

for log in "${logs[@]}"; do
    records=$("$etwatch" events "$log" --count 2>&1 >/dev/null | awk '$1 == "Events" { print $2 }')
    [ "$records" -ge 1000 ] || continue
    echo "$(basename "$log"): $records records, $(stat -c %s "$log") bytes, $rounds rounds"
    best=()
    for ((round = 0; round < rounds; round++)); do
        if [ "$reader" = dissect ]; then
            run "etwatch, all decoded" "$etwatch" events "$log" --count
            for mode in frame decode; do
                read -r framed explained seconds < <("$python" scripts/etl-reading.py $mode "$log")
                keep "dissect.etl, $mode" "$seconds"
            done
        else
            run "etwatch, all as text" "$etwatch" events "$log"
            run "s4, all as text" "$s4" "$log"
        fi
    done
    if [ "$reader" = dissect ]; then
        tell "etwatch, all decoded"
        tell "dissect.etl, frame" "etwatch, all decoded"
        tell "dissect.etl, decode" "etwatch, all decoded"
        echo "  dissect.etl finds $framed records and explains $explained of them"
    else
        tell "etwatch, all as text"
        tell "s4, all as text" "etwatch, all as text"
        echo "  lines that s4 prints: $("$s4" "$log" 2>/dev/null | wc -l)"
    fi
done
