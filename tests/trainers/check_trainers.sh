#!/usr/bin/env bash
# Has trainers read and train on exports of a small run, each trainer in an environment of its own under .venv-trainers,
# which is made on first use (2 GB each). TRL's is the one of `make trl`. What came of it last stands in docs/trainers.md.
# Usage: check_trainers.sh [NAME ...] of trl, llamafactory, ms-swift; without names, all.
set -euo pipefail
cd "$(dirname "$0")/../.."
check=${CHECK:-../shared/checks/trl_dpo_vlm_check.py}
if [ ! -f "$check" ]; then
  echo "skipped: $check is not here; set CHECK to a script that takes --parquet FILE --work DIR and leaves DIR/tiny-llava"
  exit 0
fi
wanted=${*:-trl llamafactory ms-swift}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python tests/compat/make_run.py "$work/run"
run() { .venv/bin/pairwright export "$work/run" --out "$work/$1" --to "${@:2}" >/dev/null; }
text=(--leave-out rejected_images)
run trl trl "${text[@]}"
run kto kto "${text[@]}"
run llamafactory llamafactory "${text[@]}"
run llamafactory-kto llamafactory "${text[@]}" --set stage=kto
run ms-swift ms-swift
run ms-swift-kto ms-swift "${text[@]}" --set stage=kto
rm -r "$work/run/visual_negative"
run ms-swift-text ms-swift

environment() { # name, packages
  local venv=.venv-trainers/$1
  if [ ! -e "$venv/ready" ]; then
    bash .ci/install "$venv" torch==2.13.0 "${@:2}"
    # Builds for a GPU, which cannot be imported beside a torch for the CPU.
    .venv-uv/bin/python -m pip --quiet --disable-pip-version-check --python "$venv/bin/python" uninstall --yes \
      torchvision torchaudio
    touch "$venv/ready"
  fi
}

export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 HF_HOME="$work/home" MODELSCOPE_CACHE="$work/cache" CUDA_VISIBLE_DEVICES=""
log() { "${@:2}" >"$work/$1.log" 2>&1 && tail -1 "$work/$1.log" || { cat "$work/$1.log"; echo "FAILED: $1" >&2; exit 1; }; }
log model .venv-trl/bin/python "$check" --parquet "$work/trl/train/00000.parquet" --work "$work/check"
for name in $wanted; do
  case $name in
    trl)
      for export in trl kto; do
        log "$export" .venv-trl/bin/python tests/trainers/trl_steps.py "$work/$export" "$work/check/tiny-llava" "$work/$export-out"
      done ;;
    llamafactory)
      environment llamafactory llamafactory==0.9.5 datasets==4.0.0
      for export in llamafactory llamafactory-kto; do
        log "$export" .venv-trainers/llamafactory/bin/python tests/trainers/llamafactory_steps.py \
          "$work/$export" "$work/check/tiny-llava" "$work/$export-out"
      done ;;
    ms-swift)
      environment ms-swift ms-swift==4.6.0 datasets==4.8.4
      for export in ms-swift ms-swift-text ms-swift-kto; do
        log "$export" .venv-trainers/ms-swift/bin/python tests/trainers/ms_swift_rows.py "$work/$export"
      done ;;
    *) echo "no trainer $name here" >&2; exit 1 ;;
  esac
done
