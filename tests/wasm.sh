#!/usr/bin/env bash
# The kernels' tests as WebAssembly, with its vectors and without: run by Node, which needs Rust and `node` (18 or
# later). It also builds the kernels as a browser would load them, with relaxed vectors, too.
set -euo pipefail
cd "$(dirname "$0")/.."

manifest=src/engine/kernels/Cargo.toml
rustup target add wasm32-wasip1 wasm32-unknown-unknown
export CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $PWD/tests/wasi.mjs"
for features in "" +simd128; do
    RUSTFLAGS="-C target-feature=$features" cargo test --release --locked --manifest-path $manifest --target wasm32-wasip1 --lib
done
for features in +simd128 +simd128,+relaxed-simd; do
    RUSTFLAGS="-C target-feature=$features" cargo build --release --locked --manifest-path $manifest --target wasm32-unknown-unknown
done
