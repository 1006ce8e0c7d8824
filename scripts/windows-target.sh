# The target for Windows, for scripts that source this: `target` is set, its std and linker are there, or the script
# ends with what to install.
#
# Where the target is missing, a packed one beside the checkout is used if there is one; on a machine of your own,
# `rustup target add x86_64-pc-windows-gnu` and a MinGW-w64 linker are all that is needed.
target=x86_64-pc-windows-gnu
packed=${ETWATCH_WINDOWS:-../shared/windows}
library=$(rustc --print sysroot)/lib/rustlib/$target/lib
# Another cargo may be named, as one that waits for others.
cargo=${CARGO:-cargo}

if ! ls "$library"/libstd-*.rlib >/dev/null 2>&1 || ! command -v x86_64-w64-mingw32-gcc >/dev/null; then
    if [ -x "$packed/install.sh" ]; then
        "$packed/install.sh"
    else
        echo "windows: the target is missing; run: rustup target add $target" >&2
        echo "windows: and install a linker, on Debian: apt-get install gcc-mingw-w64-x86-64" >&2
        exit 1
    fi
fi
