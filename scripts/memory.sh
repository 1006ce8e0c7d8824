#!/usr/bin/env bash
# How much memory does the whole program take for a host on which many processes live, with the shipped rules?
#
#   scripts/memory.sh [PROCESSES] [ETWATCH]
#
# Each process (100,000 unless told) starts and loads one image, as Sysmon tells it: 300 different programs, command
# lines that are all different, ten users, parents among the processes themselves, none ends. Three recordings: of
# the images every fiftieth is unsigned and lies in a folder of the user, all are, and the same as the first with
# rules without memory alone. The most that was ever resident is what counts (VmHWM, which the system keeps for a
# child that has ended); figures are in MB of a million bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
processes=${1:-100000}
target=${CARGO_TARGET_DIR:-target}
etwatch=${2:-$target/release/etwatch}
[ $# -ge 2 ] || ${CARGO:-cargo} build --release --quiet --package etwatch-cli
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

# Recordings: one start and one image load a process; one image in $1 is unsigned.
record() {
    awk -v processes="$processes" -v every="$1" '
    function guid(number) { return sprintf("{B43228E3-E51F-6A7A-%04X-%012X}", int(number / 65536), number) }
    function head(id, number) {
        printf "{\"EventID\":%d,\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",", id
        printf "\"Computer\":\"WS-EMMA\",\"EventRecordID\":%d,\"TimeCreated\":\"%s\",\"UtcTime\":\"%s\",", 2 * number + (id == 7), time, time
        printf "\"ProcessGuid\":\"%s\",\"ProcessId\":%d,\"Image\":\"%s\",", guid(number), 1000 + 4 * number, image
    }
    BEGIN {
        for (number = 1; number <= processes; number++) {
            second = int(number / 20)
            time = sprintf("2026-08-11T%02d:%02d:%02d.%03dZ", 8 + int(second / 3600), int(second / 60) % 60, second % 60, number % 20 * 50)
            image = sprintf("C:\\\\Program Files\\\\Vendor %03d\\\\bin\\\\application-64.exe", number % 300)
            parent = int(number / 8)
            user = "CORP\\\\user-" number % 10
            head(1, number)
            printf "\"CommandLine\":\"\\\"%s\\\" --task %060d\",\"User\":\"%s\",\"IntegrityLevel\":\"Medium\",", image, number, user
            printf "\"ParentProcessGuid\":\"%s\",\"ParentProcessId\":%d}\n", guid(parent), 1000 + 4 * parent
            head(7, number)
            if (number % every == 0)
                printf "\"ImageLoaded\":\"C:\\\\Users\\\\emma\\\\AppData\\\\plug-in-%02d.dll\",\"Signed\":\"false\",\"SignatureStatus\":\"Unavailable\"}\n", number % 50
            else
                printf "\"ImageLoaded\":\"C:\\\\Windows\\\\System32\\\\gdi32.dll\",\"Signed\":\"true\",\"SignatureStatus\":\"Valid\"}\n"
        }
    }' /dev/null
}
record 50 > "$folder/few.jsonl"
record 1 > "$folder/all.jsonl"
mkdir "$folder/rules"
grep -rL '^correlation:' rules | grep '\.yml$' | xargs cp -t "$folder/rules"

# Replays a recording; tells how much memory that took, and what had to be forgotten.
measure() {
    local name=$1; shift
    python3 - "$name" "$etwatch" replay --quiet --format none --workers 2 "$@" <<'PYTHON'
import resource, subprocess, sys
name, *command = sys.argv[1:]
ended = subprocess.run(command, stdout=subprocess.DEVNULL)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(f"{name:44} {most / 1e6:7.1f} MB" + (f"  exit status {ended.returncode}" if ended.returncode else ""))
PYTHON
}
echo "$processes living processes, shipped rules:"
measure "one image in fifty unsigned" --rules rules --summary "$folder/few.json" "$folder/few.jsonl"
measure "all images unsigned" --rules rules --summary "$folder/all.json" "$folder/all.jsonl"
measure "rules without correlations" --rules "$folder/rules" "$folder/few.jsonl"
measure "one rule without memory, no process table" --rules "$folder/rules" --no-enrich "$folder/few.jsonl"
for each in few all; do
    python3 - "$folder/$each.json" "$each" <<'PYTHON'
import json, sys
path, name = sys.argv[1:]
memory = json.load(open(path))["memory"]
tables = ", ".join(f"{table} {of['bytes'] / 1e6:.1f} MB" + (f" ({of['evicted']} went)" if of["evicted"] else "")
                   for table, of in memory["tables"].items() if of["bytes"] or of["evicted"])
print(f"{name}, limit {memory['limit'] / 1e6:.0f} MB: {tables}")
PYTHON
done
