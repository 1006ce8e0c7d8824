#!/usr/bin/env bash
# What `etwatch run` costs while events come at a steady rate: share of one core and memory of the process.
#
#   scripts/run-cost.sh RECORDING.etl RULES [SECONDS [RATE...]]
#
# A simulated session delivers the recording again and again, so many records a second, through the same hand-off
# as a session of Windows. The process is measured by what Linux counts for it, start-up left out of the CPU share.
set -euo pipefail
cd "$(dirname "$0")/.."
recording=$1 rules=$2 seconds=${3:-60}
shift $(($# < 3 ? $# : 3))
rates=("${@:-60}")
[ $# -gt 0 ] || rates=(60 1000)
program=${ETWATCH:-target/release/etwatch}
[ -x "$program" ] || cargo build --release --bin etwatch
ticks=$(getconf CLK_TCK)
used() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
memory() { awk -v name="$2:" '$1 == name { printf "%.1f MiB", $2 / 1024 }' "/proc/$1/status"; }
printf '%-12s %-14s %-14s %-14s\n' "records/s" "of one core" "memory" "at most"
for rate in "${rates[@]}"; do
    summary=$(mktemp)
    "$program" run --source "sim:$recording" --rules "$rules" --rate "$rate" --times 4000000 \
        --format none --quiet --allow-empty --summary "$summary" --heartbeat 0 &
    run=$!
    sleep 5
    before=$(used "$run")
    sleep "$seconds"
    after=$(used "$run")
    share=$(awk -v used=$((after - before)) -v ticks="$ticks" -v seconds="$seconds" \
        'BEGIN { printf "%.2f %%", 100 * used / ticks / seconds }')
    printf '%-12s %-14s %-14s %-14s' "$rate" "$share" "$(memory "$run" VmRSS)" "$(memory "$run" VmHWM)"
    kill -INT "$run"
    wait "$run" || true
    python3 - "$summary" <<'PYTHON'
import json, sys
ledger = json.load(open(sys.argv[1]))["ledger"]
print(f'{ledger["read"]} read, {ledger["evaluated"]} evaluated, dropped {ledger["dropped"] or 0}, late {ledger["late"]}')
PYTHON
    rm -f "$summary"
done
