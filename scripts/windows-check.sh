#!/usr/bin/env bash
# Type-check, lint and link everything for Windows, from Linux.
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
