#!/usr/bin/env bash
# Runs the benchmarks in an environment of their own. PEERS=1 also installs albumentations and Data-Juicer (gigabytes).
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d .venv-bench ] || "${PYTHON:-python3}" -m venv .venv-bench
install=(.venv-bench/bin/python -m pip --quiet --disable-pip-version-check install)
"${install[@]}" --editable ".[hub,demo,openai]" "aiohttp>=3.10"
if [ "${PEERS:-}" = 1 ]; then
    "${install[@]}" albumentations py-data-juicer aiohttp ray torch
fi
.venv-bench/bin/python benchmarks/perturb.py "$@"
.venv-bench/bin/python benchmarks/parquet_layout.py
.venv-bench/bin/python benchmarks/generate.py
