#!/usr/bin/env bash
# Builds sdist and wheel, installs the wheel in an environment of its own outside the checkout, and uses it there.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
bash .ci/install "$work/venv" "$work"/dist/*.whl
cd "$work"
"$work/venv/bin/pairwright" --help >/dev/null
"$work/venv/bin/pairwright" list recipes
"$work/venv/bin/python" - <<'P'
import sys

import pairwright

assert "cv2" not in sys.modules and "pyarrow" not in sys.modules, "import pairwright must stay light"
assert "site-packages" in pairwright.__file__, pairwright.__file__
import numpy as np

changed, drawn = pairwright.perturb(np.zeros((32, 32, 3), np.uint8) + 9, "gaussian_noise")
assert changed.shape == (32, 32, 3) and drawn
print("the wheel works outside the checkout:", pairwright.__version__)
P
