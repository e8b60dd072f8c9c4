#!/usr/bin/env bash
# Loads pairs with the oldest and newest releases of `datasets` that trainers pin, each in an environment of its own
# under .venv-compat. Usage: check_datasets_versions.sh [FOLDER of a run]; without one it makes a small folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=${1:-$work/run}
[ $# -gt 0 ] || .venv/bin/python tests/compat/make_run.py "$folder"

export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 HF_HOME="$work/home"
# A run of one's own may hold image negatives only, so exports are of the small one.
.venv/bin/python tests/compat/make_run.py "$work/small"
for name in trl kto llamafactory ms_swift rlaif_v; do
  options=(--leave-out rejected_images)
  case $name in
    ms_swift) options=() ;;
    rlaif_v) for reason in several_images no_image system history; do options+=(--leave-out "$reason"); done ;;
    trl) options+=(--splits test=1) ;;
  esac
  .venv/bin/pairwright export "$work/small" --to "$name" --out "$work/exports/$name" "${options[@]}" >/dev/null
done
failed=()
for version in 2.21.0 3.6.0 4.0.0 4.8.4 5.2.0; do
  venv=.venv-compat/$version
  # Releases before 4 do not know huggingface_hub 1, but set no upper limit.
  case $version in [23].*) pins=("huggingface_hub<1") ;; *) pins=() ;; esac
  if [ ! -e "$venv/ready" ]; then
    bash .ci/install "$venv" "datasets==$version" pillow "${pins[@]}"
    touch "$venv/ready"
  fi
  "$venv/bin/python" tests/compat/load_with_datasets.py "$folder" \
    && "$venv/bin/python" tests/compat/load_exports.py "$work/exports" || failed+=("$version")
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed with datasets ${failed[*]}" >&2
  exit 1
fi
echo "every release loads the same pictures and bytes"
