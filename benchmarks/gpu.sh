#!/usr/bin/env bash
# The engine's fast tests and three benchmarks on an NVIDIA GPU, in less than ten minutes, set-up included:
#
#   benchmarks/gpu.sh [FOLDER]
#
# Needs Linux, a GPU with its driver, and Python 3.11 or newer (PYTHON names the interpreter). The environment is
# .venv-gpu; a second call finds it. Results are written to FOLDER, by default benchmarks/results/gpu/NAME-OF-THE-CARD.
# A part that fails or takes too long is named at the end and in FOLDER/parts.txt, and the others go on.
# Exit code: 0, 1 if a part failed, 2 without a GPU that JAX supports.
set -uo pipefail

limit=590 # seconds in all
venv=.venv-gpu
python=$venv/bin/python

if ! card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null) || [[ -z $card ]]; then
  echo "This needs a machine with an NVIDIA GPU and its driver, and nvidia-smi found none." >&2
  exit 2
fi
card=${card%%$'\n'*} # the first one, as JAX takes it
driver=${card##*, }
card=${card%, *}
if ((${driver%%.*} >= 580)); then
  cuda=cuda13
elif ((${driver%%.*} >= 525)); then
  cuda=cuda12
else
  echo "JAX needs an NVIDIA driver of version 525 or newer, and this is $driver: install a newer one." >&2
  exit 2
fi

folder=${1:-}
[[ -z $folder ]] || folder=$(realpath -m "$folder")
cd "$(dirname "$0")/.." || exit 1
slug=$(tr -cs '[:alnum:]' - <<<"${card,,}")
folder=${folder:-$PWD/benchmarks/results/gpu/${slug%-}}
mkdir -p "$folder" || exit 1
summary=$folder/parts.txt
log=$(mktemp)
running=
trap 'rm -f "$log"' EXIT
trap '[[ -z $running ]] || kill "$running"; exit 130' INT TERM
echo "$card, driver $driver, jax[$cuda], $(date +%F), $(git rev-parse HEAD 2>/dev/null)" | tee "$summary"

failed=0
# Runs a command in the time that is left, without the seconds that the parts after it need.
part() { # NAME SECONDS COMMAND…
  local name=$1 left=$((limit - SECONDS - $2)) start=$SECONDS status=124
  echo "== $name, $left seconds at most"
  if ((left > 0)); then
    timeout --kill-after=3 "$left" "${@:3}" &
    running=$!
    wait "$running"
    status=$?
    running=
  fi
  case $status in
    0) echo "$name: passed, $((SECONDS - start)) s" ;;
    124 | 137) echo "$name: not finished after $((SECONDS - start)) s" ;;
    *) echo "$name: failed, exit code $status" ;;
  esac | tee -a "$summary"
  ((status == 0)) || failed=1
  return "$status"
}

finish() {
  echo
  cat "$summary"
  exit "$failed"
}

# So that JAX fails where it would otherwise take the processor.
export JAX_PLATFORMS=cuda,cpu

part "environment" 470 env VENV=$venv .ci/setup core || finish
version=$($python -c 'from importlib.metadata import version; print(version("jax"))')
mapfile -t pytest < <(grep -oE '^pytest(-xdist)?==[^ ;]+' requirements-dev.lock)
part "CUDA" 360 $python -m pip install -qq --disable-pip-version-check "jax[$cuda]==$version" "${pytest[@]}" || finish
part "JAX on the GPU" 350 $python -c 'import jax; print(jax.devices()); assert jax.default_backend() == "gpu"' || finish
# Several processes use the GPU at once here, so that none may take most of its memory when it starts.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
tests=("$python" -m pytest tests/engine -m "not slow" -n 4 --tb=short -rfE)
# shellcheck disable=SC2016 # the inner shell expands them
part "tests" 240 bash -c 'set -o pipefail; "${@:2}" | tee "$1"' - "$log" "${tests[@]}"
grep -E '^(FAILED|ERROR) |(passed|failed|error).* in [0-9]' "$log" | sed 's/ - .*//' >>"$summary"
unset XLA_PYTHON_CLIENT_PREALLOCATE
part "step_cost" 140 $python benchmarks/step_cost.py --rounds 3 --results "$folder"
part "seed_job" 60 $python benchmarks/seed_job.py --only mlplab mlplab-fit --rounds 2 --results "$folder"
part "population" 0 $python benchmarks/population.py --no-peers --rounds 1 --results "$folder"
finish
