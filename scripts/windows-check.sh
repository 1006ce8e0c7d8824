#!/usr/bin/env bash
# Type-check, lint and link everything for Windows, from Linux; where there is Wine, run what Wine answers as Windows
# does. What Wine can't show, ETW above all, docs/windows.md lists, and `etwatch doctor` shows on a real Windows.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/windows-target.sh

"$cargo" clippy --target "$target" --workspace --all-targets -- -D warnings
"$cargo" build --target "$target" --bin etwatch
exe=$(realpath "${CARGO_TARGET_DIR:-target}/$target/debug/etwatch.exe")
echo "windows check: etwatch.exe links"

# What asks Windows can only be run there. Wine answers much of it as Windows does; its prefix needs a DLL that
# Wine 8 lacks, which the installer of the packed target puts there (`install.sh --wine`).
wine=$(command -v wine64 || true)
[ -n "$wine" ] || wine=/usr/lib/wine/wine64
export WINEPREFIX=${WINEPREFIX:-$HOME/.wine} WINEDEBUG=-all DISPLAY=
if ! [ -x "$wine" ] || ! [ -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]; then
    echo "windows check: SKIPPED: all that runs under Wine, no Wine with a prefix at $WINEPREFIX"
    exit 0
fi
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$wine
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
fail() {
    echo "windows check: $*" >&2
    exit 1
}

# Tests that ask Windows: processes and their command lines, paths, files that others hold, the registry, the
# service manager; watched folders; the acts of the doctor. A call that Wine lacks starts its debugger, which may
# hang, so each has its time.
tests() {
    local what=$1
    shift
    # Built first, since only running has a limit.
    "$cargo" test --quiet --target "$target" --no-run "$@"
    timeout 120 "$cargo" test --quiet --target "$target" "$@" || fail "$what: failed under Wine"
    echo "windows check: $what: as on Windows, under Wine"
}
tests "what asks the host" --package etwatch-host
if [ "${1:-}" != --all ]; then
    echo "windows check: more of it runs under Wine by hand: scripts/windows-check.sh --all"
    exit 0
fi
tests "sessions, which are refused" --package etwatch-capture --lib etw::
tests "watched folders" --package etwatch-cli --test live_run -- reload
tests "acts of the doctor" --package etwatch-cli --bin etwatch -- doctor::

# The same alerts, byte for byte, as here.
"$cargo" build --quiet --bin etwatch
here=$(realpath "${CARGO_TARGET_DIR:-target}/debug/etwatch")
replay="replay fixtures --format json --quiet"
# shellcheck disable=SC2086  # words of a command line
"$here" $replay >"$place/here"
# shellcheck disable=SC2086
timeout 120 "$wine" "$exe" $replay >"$place/there" || fail "replay: exit status $?"
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

# Ctrl-C ends a run in order: within seconds, with its summary. There is a run once the command is there.
if timeout 20 "$wine" "$exe" run --help >/dev/null 2>&1; then
    recording=$(find fixtures -name '*.etl' | sort | head -n 1)
    # With job control, so that the interrupt is not ignored as it is for what a script starts behind it.
    set -m
    timeout 60 "$wine" "$exe" run --source "sim:$recording" --speed 1 >"$place/run" 2>"$place/told" &
    set +m
    sleep 5
    # Sent to Wine's process itself: `timeout` would turn it into an end of its own.
    pid=$(pgrep -P $! || true)
    [ -n "$pid" ] || { cat "$place/told" >&2; fail "run: it ended by itself"; }
    kill -INT "$pid"
    status=0
    wait $! || status=$?
    [ "$status" -eq 0 ] || { cat "$place/told" >&2; fail "run: exit status $status after Ctrl-C"; }
    grep -q 'Events' "$place/told" || fail "run: no summary after Ctrl-C"
    echo "windows check: Ctrl-C ends a run in order"
    status=0
    timeout 60 "$wine" "$exe" run >/dev/null 2>"$place/told" || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ] && grep -q '^error' "$place/told" ||
        { cat "$place/told" >&2; fail "run: without ETW, exit status $status"; }
    echo "windows check: run tells that there is no ETW: $(head -n 1 "$place/told" | tr -d '\r')"
fi
