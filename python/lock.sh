#!/bin/sh
# Writes the versions and hashes of wheels for Python 3.8 to 3.14: requirements.lock for the runtime, and
# requirements-catboost.lock for what pgml-python-catboost adds to it.
# `lock.sh --check` changes nothing and fails when a file differs from what pyproject.toml asks for.
# Needs uv. Versions that are in the locks already stay; `lock.sh --upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")"

check=
case "${1-}" in
  --check) check=1; shift ;;
esac

new=$(mktemp)
trap 'rm -f "$new" "$new.lock"' EXIT

# lock TARGET HEADER OPTIONS…: resolves, and writes or compares one file.
lock() {
  target=$1 header=$2
  shift 2
  if [ -e "$target" ]; then cp "$target" "$new"; else : >"$new"; fi
  uv pip compile pyproject.toml --quiet --universal --python-version 3.8 --no-build --generate-hashes \
    --no-annotate --no-emit-index-url --no-emit-find-links --no-header \
    --output-file "$new" "$@" >/dev/null
  {
    printf '%s\n' "$header"
    # What no platform has is left out, and so is what follows the empty line, which only lists packages left out.
    awk '/^$/ { exit } /^[^ ]/ { never = /sys_platform == .never./ } !never' "$new"
  } >"$new.lock"
  if [ -z "$check" ]; then
    cat "$new.lock" >"$target"
  elif ! cmp -s "$new.lock" "$target"; then
    echo "error: $target is stale" >&2
    echo "hint: run python/lock.sh and commit the result" >&2
    exit 1
  fi
}

lock requirements.lock '# Made by python/lock.sh from python/pyproject.toml; do not edit.
# Names, versions and hashes for Python 3.8 to 3.14. No URLs: the installer'"'"'s own settings say where wheels come from.
# nvidia-nccl-cu12 is left out on purpose: xgboost asks for it, a server without GPUs never loads it.
' "$@"

# shellcheck disable=SC2046 # one option for each package that the runtime has
lock requirements-catboost.lock '# Made by python/lock.sh from python/pyproject.toml; do not edit.
# What pgml-python-catboost has beside requirements.lock: CatBoost, and what it imports.
# graphviz, matplotlib and plotly are left out on purpose: CatBoost asks for them, and imports them only to draw.
' --extra catboost --constraint requirements.lock \
  $(sed -n 's/^\([a-z0-9_.-]*\)==.*/--no-emit-package \1/p' requirements.lock | sort -u) "$@"
