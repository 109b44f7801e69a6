#!/bin/sh
# Writes requirements.lock: the versions and hashes of the runtime's wheels for Python 3.8 to 3.14, in one file.
# `lock.sh --check` changes nothing and fails when the file differs from what pyproject.toml asks for.
# Needs uv. Versions that are in the lock already stay; `lock.sh --upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")"

header='# Made by python/lock.sh from python/pyproject.toml; do not edit.
# Names, versions and hashes for Python 3.8 to 3.14. No URLs: the installer'"'"'s own settings say where wheels come from.
# nvidia-nccl-cu12 is left out on purpose: xgboost asks for it, a server without GPUs never loads it.
'

target=requirements.lock
check=
case "${1-}" in
  --check) check=1; shift ;;
esac

new=$(mktemp)
trap 'rm -f "$new" "$new.lock"' EXIT
if [ -e "$target" ]; then cp "$target" "$new"; else : >"$new"; fi

uv pip compile pyproject.toml --quiet --universal --python-version 3.8 --no-build --generate-hashes \
  --no-emit-package nvidia-nccl-cu12 --no-annotate --no-emit-index-url --no-emit-find-links --no-header \
  --output-file "$new" "$@" >/dev/null
{
  printf '%s\n' "$header"
  sed '/^$/,$d' "$new" # what follows the empty line only lists the packages left out
} >"$new.lock"

if [ -n "$check" ]; then
  if ! cmp -s "$new.lock" "$target"; then
    echo "error: requirements.lock is stale" >&2
    echo "hint: run python/lock.sh and commit the result" >&2
    exit 1
  fi
else
  cat "$new.lock" >"$target"
fi
