#!/usr/bin/env bash
# Type-check, lint and link everything for Windows, from Linux, and run under Wine what Wine answers as Windows does:
# what asks the host, lives of services, watched folders, replay with the same bytes, Ctrl-C, that ETW is refused with
# a reason. `--all` runs more of what passes there: the command in files and streams, sessions, the webhook over TLS.
# What Wine can't show, ETW above all, docs/windows.md lists, and `etwatch doctor` shows on a real Windows.
#
# Wine is installed where the packed target beside the checkout can do it; else what needs it is skipped, and fails
# with CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/windows-target.sh

fail() {
    echo "windows check: $*" >&2
    exit 1
}

"$cargo" clippy --target "$target" --workspace --all-targets -- -D warnings
"$cargo" build --target "$target" --bin etwatch
exe=$(realpath "${CARGO_TARGET_DIR:-target}/$target/debug/etwatch.exe")
echo "windows check: etwatch.exe links"

# Wine's prefix needs a DLL that Wine 8 lacks and every program in Rust asks for; the installer puts it there.
export WINEPREFIX=${WINEPREFIX:-$HOME/.wine} WINEDEBUG=-all DISPLAY=
find_wine() {
    wine=$(command -v wine64 || true)
    [ -n "$wine" ] || wine=/usr/lib/wine/wine64
    [ -x "$wine" ] && [ -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]
}
if ! find_wine && [ -x "$packed/install.sh" ]; then
    "$packed/install.sh" --wine || true
fi
if ! find_wine; then
    [ "${CI:-}" != true ] || fail "no Wine with a prefix at $WINEPREFIX; see CONTRIBUTING.md"
    echo "windows check: SKIPPED: all that runs under Wine, no Wine with a prefix at $WINEPREFIX"
    exit 0
fi
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$wine
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# Tests of a package under Wine. A call that Wine lacks starts its debugger, which may hang, so each has its time.
tests() {
    local what=$1
    shift
    # Built first, since only running has a limit.
    "$cargo" test --quiet --target "$target" --no-run "$@"
    timeout 240 "$cargo" test --quiet --target "$target" "$@" >"$place/tests" 2>&1 ||
        { cat "$place/tests" >&2; fail "$what: failed under Wine"; }
    # A name that no test has any more would pass too.
    local passed
    passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$place/tests" | awk '{ sum += $1 } END { print sum + 0 }')
    [ "$passed" -gt 0 ] || fail "$what: there is no such test"
    echo "windows check: $what: $passed tests pass under Wine"
}
tests "what asks the host, and the life of a service" --package etwatch-host
tests "etwatch as a service" --package etwatch-cli --test commands -- service::
tests "watched folders" --package etwatch-cli --test live_run -- reload

# The same alerts, byte for byte, as here.
"$cargo" build --quiet --bin etwatch
here=$(realpath "${CARGO_TARGET_DIR:-target}/debug/etwatch")
"$here" replay fixtures --format json --quiet >"$place/here"
timeout 120 "$wine" "$exe" replay fixtures --format json --quiet >"$place/there" ||
    fail "replay: exit status $?"
[ -s "$place/here" ] || fail "replay: no alerts"
cmp "$place/here" "$place/there" || fail "replay: other alerts than here"
echo "windows check: replay gives the same $(wc -l <"$place/here") alerts under Wine"

# Without ETW the doctor says so in one line with a remedy, and its exit status says that something failed.
status=0
timeout 60 "$wine" "$exe" doctor --quiet >"$place/doctor" || status=$?
tr -d '\r' <"$place/doctor" | grep -E '^fail +sessions .*; remedy: ' >/dev/null ||
    { cat "$place/doctor" >&2; fail "doctor: does not tell that sessions are refused"; }
tr -d '\r' <"$place/doctor" | grep -E '^pass +(elevation|disk)' >/dev/null ||
    { cat "$place/doctor" >&2; fail "doctor: does not know elevation and disks"; }
[ "$status" -eq 1 ] || fail "doctor: exit status $status, not 1"
echo "windows check: doctor tells that there is no ETW"

# So does a run; it says what is wrong, and ends.
status=0
timeout 60 "$wine" "$exe" run >/dev/null 2>"$place/told" || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] && grep -q '^error: .' "$place/told" ||
    { cat "$place/told" >&2; fail "run: without ETW, exit status $status"; }
echo "windows check: run tells that there is no ETW: $(head -n 1 "$place/told" | tr -d '\r')"

# Ctrl-C ends a run that would go on for ever: in order, with its summary.
recording=fixtures/defense-evasion/creator-is-not-the-parent.etl
# With job control, so that the interrupt is not ignored as it is for what a script starts behind it.
set -m
timeout 60 "$wine" "$exe" run --source "sim:$recording" --rate 500 --times 1000000 --format json \
    >"$place/run" 2>"$place/told" &
set +m
for _ in $(seq 100); do
    [ ! -s "$place/run" ] || break
    sleep 0.1
done
# Sent to Wine's process itself: `timeout` would turn it into an end of its own.
pid=$(pgrep -P $! || true)
[ -n "$pid" ] || { cat "$place/told" >&2; fail "run: it ended by itself"; }
kill -INT "$pid"
status=0
wait $! || status=$?
[ "$status" -eq 0 ] || { cat "$place/told" >&2; fail "run: exit status $status after Ctrl-C"; }
grep -q '^stopping' "$place/told" && grep -q '^Events .* read = ' "$place/told" ||
    { cat "$place/told" >&2; fail "run: no summary after Ctrl-C"; }
echo "windows check: Ctrl-C ends a run in order"

if [ "${1:-}" != --all ]; then
    echo "windows check: more of it runs under Wine by hand: scripts/windows-check.sh --all"
    exit 0
fi
tests "the command, its files and streams" --package etwatch-cli --test commands -- --skip service::
tests "runs, in any order of arrival" --package etwatch-cli --test live_run -- --skip reload
tests "acts of the doctor" --package etwatch-cli --bin etwatch -- doctor::
tests "recordings, sessions and the event log, which are refused" --package etwatch-capture
tests "the webhook over TLS" --package etwatch-alert
tests "state that outlives a run" --package etwatch-state --test saved
