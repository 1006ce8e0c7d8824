#!/usr/bin/env bash
# The conformance tests, on real recordings and rules that are not part of the project.
#
# They lie beside the checkout (or where ETWATCH_CORPUS says). Without them the tests skip, loudly, on
# a user's machine; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --package etwatch-cli --test conformance -- --nocapture
