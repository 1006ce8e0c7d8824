#!/usr/bin/env bash
# The exe that users get: optimised, stripped, with everything in one file. Prints its size, and fails if it is
# larger than what fits the promise of "one small binary".
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/windows-target.sh
most=$((12 * 1000 * 1000))

"$cargo" build --profile dist --target "$target" --bin etwatch
exe=${CARGO_TARGET_DIR:-target}/$target/dist/etwatch.exe
size=$(stat -c %s "$exe")
printf 'windows release: %s, %d.%02d MB\n' "$exe" $((size / 1000000)) $((size % 1000000 / 10000))
# Names of functions are for debuggers, and a seventh of the file.
if [ -n "$(x86_64-w64-mingw32-nm "$exe" 2>/dev/null)" ]; then
    echo "windows release: it is not stripped" >&2
    exit 1
fi
# Nothing but Windows' own libraries may be asked for, else a copied exe does not start.
if x86_64-w64-mingw32-objdump -p "$exe" | grep -iE 'DLL Name: (libgcc|libwinpthread|libstdc)' >&2; then
    echo "windows release: it needs a library that Windows does not have" >&2
    exit 1
fi
if [ "$size" -gt "$most" ]; then
    echo "windows release: larger than $((most / 1000000)) MB" >&2
    exit 1
fi
