#!/usr/bin/env bash
# Trains two steps of TRL's DPO on pairs from the writer, with a tiny random vision-language model on the CPU.
# Usage: check_trl.sh [FILE.parquet of text pairs]; without one it makes a small file. The environment .venv-trl is made
# on first use (torch is big). CHECK names the script that trains; the check is skipped where it is not there.
set -euo pipefail
cd "$(dirname "$0")/../.."
check=${CHECK:-../shared/checks/trl_dpo_vlm_check.py}
if [ ! -f "$check" ]; then
  echo "skipped: $check is not here; set CHECK to a script that takes --parquet FILE and trains on it"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
file=${1:-$work/run/data/train-00000-00.parquet}
[ $# -gt 0 ] || .venv/bin/python tests/compat/make_run.py "$work/run"
if [ ! -e .venv-trl/ready ]; then
  bash .ci/install .venv-trl torch==2.13.0 transformers trl datasets accelerate pillow
  touch .venv-trl/ready
fi
.venv-trl/bin/python "$check" --parquet "$file" --work "$work"
