#!/usr/bin/env bash
# Runs each fuzz target for so many seconds, one after the other: scripts/fuzz-all.sh 600 [TARGET…]
#
# One line a target: how often it ran, and what came of it. The input of a finding lies in fuzz/artifacts/,
# all that libFuzzer said in fuzz/artifacts/TARGET.log. Fails if any target found something.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?"usage: scripts/fuzz-all.sh SECONDS [TARGET…]"}
shift
dictionary() {
    case $1 in
        load_rule | parse_condition) echo sigma ;;
        compile_pattern) echo pattern ;;
        parse_record | read_json | read_recording) echo json ;;
        read_event_xml) echo event_xml ;;
        read_evtx) echo evtx ;;
        read_etl) echo etl ;;
        parse_schema) echo schema ;;
    esac
}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
cargo +nightly fuzz build || exit 1
failed=0
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts"
    # The first folder takes what is found on the way, the others are only read.
    folders=("fuzz/corpus/$target" "fuzz/seeds/$target")
    [ -d "fuzz/regressions/$target" ] && folders+=("fuzz/regressions/$target")
    options=(-max_total_time="$seconds" -rss_limit_mb=2048 -timeout=30 -print_final_stats=1)
    words=$(dictionary "$target")
    [ -n "$words" ] && options+=(-dict="fuzz/dictionaries/$words.dict")
    log=fuzz/artifacts/$target.log
    result=ok
    if ! cargo +nightly fuzz run "$target" "${folders[@]}" -- "${options[@]}" >"$log" 2>&1; then
        result="FAILED, see $log"
        failed=1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-16s %12s executions  %s\n' "$target" "${executions:-?}" "$result"
done
exit $failed
