#!/bin/sh
# Set mlplab up from the folder of this file, on Linux or macOS, without a network. Type: sh install.sh
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
for python in python3.15 python3.14 python3.13 python3.12 python3.11 python3 python; do
    if command -v "$python" >/dev/null 2>&1 && "$python" -B "$here/install.py" --suits >/dev/null 2>&1; then
        exec "$python" -B "$here/install.py" "$@"
    fi
done
for python in python3 python; do  # none suits: let one of them say why
    if "$python" -c "f''" >/dev/null 2>&1; then
        exec "$python" -B "$here/install.py" "$@"
    fi
done
echo "There is no Python on this machine. Install one of those that README.txt names, and type this again." >&2
exit 1
