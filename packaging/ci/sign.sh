#!/bin/bash
# sign.sh PUBLISHED.JSON: signs each index that `cargo xtask publish --json` pushed, without a key: cosign takes the identity of
# the workflow that runs. COSIGN names another program than `cosign`, for a test.
set -euo pipefail

readonly PUBLISHED=$1 COSIGN=${COSIGN:-cosign}

images=$(jq --raw-output '.images[] | "\(.name)@\(.digest)"' "$PUBLISHED" | sort -u)
[[ -n $images ]] || { printf 'sign: %s names no image\n' "$PUBLISHED" >&2; exit 1; }
while read -r image; do
    # --recursive: the images of each architecture behind the index, too.
    "$COSIGN" sign --yes --recursive "$image"
done <<<"$images"
