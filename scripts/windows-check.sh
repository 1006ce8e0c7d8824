#!/usr/bin/env bash
# Type-check, lint and link everything for Windows, from Linux; run the tests of `host` and `capture::etw` where there is Wine.
#
# The target is x86_64-pc-windows-gnu. Where it is missing, a packed one beside the checkout is used
# if there is one; on a machine of your own, `rustup target add x86_64-pc-windows-gnu` and a MinGW-w64
# linker are all that is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
target=x86_64-pc-windows-gnu
packed=${ETWATCH_WINDOWS:-../shared/windows}
library=$(rustc --print sysroot)/lib/rustlib/$target/lib

if ! ls "$library"/libstd-*.rlib >/dev/null 2>&1 || ! command -v x86_64-w64-mingw32-gcc >/dev/null; then
    if [ -x "$packed/install.sh" ]; then
        "$packed/install.sh"
    else
        echo "windows check: the target is missing; run: rustup target add $target" >&2
        echo "windows check: and install a linker, on Debian: apt-get install gcc-mingw-w64-x86-64" >&2
        exit 1
    fi
fi
cargo clippy --target "$target" --workspace --all-targets -- -D warnings
cargo build --target "$target" --bin etwatch
echo "windows check: etwatch.exe links"

# What asks Windows can only be run there. Wine answers much of it as Windows does; its prefix needs a DLL that
# Wine 8 lacks, which the installer of the packed target puts there (`install.sh --wine`).
wine=$(command -v wine64 || true)
[ -n "$wine" ] || wine=/usr/lib/wine/wine64
export WINEPREFIX=${WINEPREFIX:-$HOME/.wine} WINEDEBUG=-all DISPLAY=
if [ -x "$wine" ] && [ -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]; then
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$wine
    # A call that Wine lacks starts its debugger, which may hang.
    timeout 900 cargo test --target "$target" --package etwatch-host
    timeout 900 cargo test --target "$target" --package etwatch-capture --lib etw::
    echo "windows check: the tests of etwatch-host and of capture::etw pass under Wine"
else
    echo "windows check: SKIPPED: the tests under it, no Wine with a prefix at $WINEPREFIX"
fi
