#!/usr/bin/env bash
# Pushes a run to a double of the Hub, loads it back with pairwright.load and compares it, byte for byte, and trains two
# steps of TRL's DPO on what was loaded. Usage: check_published.sh [FOLDER of a run]; without one it builds a small run.
# CHECK names the script that trains, as in check_trl.sh, which also makes .venv-trl.
set -euo pipefail
cd "$(dirname "$0")/../.."
check=${CHECK:-../shared/checks/trl_dpo_vlm_check.py}
work=$(mktemp -d)
run=${1:-$work/run}
if [ $# -eq 0 ]; then
  .venv/bin/python examples/photographs/make_photographs.py "$work/source"
  .venv/bin/pairwright build examples/photographs/recipe.yaml --source "$work/source/pairs.jsonl" --out "$run"
fi

mkfifo "$work/open"  # the double runs until its standard input is closed
.venv/bin/python tests/doubles/hub_server.py <"$work/open" >"$work/url" &
double=$!
exec 9>"$work/open"
trap 'exec 9>&-; wait "$double" || true; rm -rf "$work"' EXIT
until [ -s "$work/url" ]; do kill -0 "$double"; sleep 0.1; done

HF_ENDPOINT=$(cat "$work/url")
export HF_ENDPOINT HF_HOME="$work/home" HF_TOKEN=hf_write HF_HUB_DISABLE_XET=1 HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE
.venv/bin/pairwright push "$run" me/published --license cc-by-sa-4.0
.venv/bin/pairwright push "$run" me/published --license cc-by-sa-4.0 | grep "nothing has changed"
.venv/bin/python tests/compat/load_published.py "$run" me/published
if [ ! -f "$check" ] || [ ! -e .venv-trl/ready ]; then
  echo "not trained: $check or .venv-trl is not here; run check_trl.sh first"
  exit 0
fi
PYTHONPATH=src .venv-trl/bin/python - "$work/loaded.parquet" <<'PYTHON'
import sys

import pairwright

pairwright.load("me/published").to_parquet(sys.argv[1])
PYTHON
.venv-trl/bin/python "$check" --parquet "$work/loaded.parquet" --work "$work"
