#!/usr/bin/env bash
# The kernels' tests on 64-bit ARM, on any machine with Linux: built for that processor, run by an emulator. Needs Rust,
# and root or the Debian packages below installed. It says whether results are right, not how fast they come.
set -euo pipefail
cd "$(dirname "$0")/.."

packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
missing=$(for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || echo "$p"; done)
if [ -n "$missing" ]; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

target=aarch64-unknown-linux-gnu
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
rustup target add "$target"
cargo test --release --locked --manifest-path src/engine/kernels/Cargo.toml --target "$target" --lib
