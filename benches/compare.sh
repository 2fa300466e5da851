#!/usr/bin/env bash
# Times our workloads and PyTorch's in turn, and prints their ratios as a Markdown table.
#
#   benches/compare.sh [--only TEXT]
#
# ROUNDS=n        how often each side runs (3)
# PEER_PYTHON=…   a Python, 3.11 or newer, that has torch, torchvision and torchattacks; without it a virtual
#                 environment is made in ${TMPDIR:-/tmp}/doppelganger-peer (pip's own settings, such as PIP_INDEX_URL,
#                 choose the build of torch)
# OUT=folder      keeps the JSON of every round there
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
only=()
case "$#:${1:-}" in
  0:) ;;
  2:--only) only=(--only "$2") ;;
  *) echo "usage: benches/compare.sh [--only TEXT]" >&2; exit 2 ;;
esac

python=${PEER_PYTHON:-}
if [ -z "$python" ]; then
  venv=${TMPDIR:-/tmp}/doppelganger-peer
  python=$venv/bin/python
  if ! "$python" -c "import torch, torchvision, torchattacks, numpy" 2>/dev/null; then
    python3 -m venv "$venv"
    "$python" -m pip install --quiet torch torchvision numpy scipy
    # torchattacks asks for an old requests that it never imports.
    "$python" -m pip install --quiet --no-deps torchattacks
  fi
fi

cargo build --release
out=${OUT:-}
if [ -z "$out" ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
rm -f "$out"/ours-*.json "$out"/peer-*.json

# In turn, so that a slow spell of the machine meets both sides.
for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  target/release/doppelganger bench --json "${only[@]+"${only[@]}"}" >"$out/ours-$round.json"
  "$python" benches/peer_pytorch.py --json "${only[@]+"${only[@]}"}" >"$out/peer-$round.json"
done

"$python" benches/ratios.py "$out" --ours "$(target/release/doppelganger --version)"
