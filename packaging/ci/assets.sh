#!/bin/bash
# assets.sh DIST TO: makes the files of a release on a forge: an archive for each target, whose files a forge takes up to
# 2 GiB, and what describes them all. The images and the apt repository are not among them: `cargo xtask publish` brings
# them to a registry and to a server.
#
# The same release gives the same bytes. A release from inputs for development is refused, and so is a changed file.
set -euo pipefail

readonly DIST=$1 TO=$2
# A forge takes files below this.
readonly LIMIT=${LIMIT:-2147483648}

die() {
    printf 'assets: %s\n' "$*" >&2
    exit 1
}

[[ -e $DIST/manifest.json ]] || die "$DIST has no manifest.json: it is no release"
[[ $(jq .releasable "$DIST/manifest.json") == true ]] ||
    die "the release was built from inputs for development: $(jq --compact-output \
        '[.targets | to_entries[] | select(.value.development != []) | .key]' "$DIST/manifest.json")"
(cd "$DIST" && sha256sum --check --quiet --strict SHA256SUMS) || die "a file of $DIST is not the one that was built"

epoch=$(jq .epoch "$DIST/manifest.json")
mkdir --parents "$TO"
while read -r target; do
    # What one machine installs: the packages of the target, and the Python runtime of its distribution.
    distribution=${target%%-pg*}
    [[ $target != *-arm64 ]] || distribution+=-arm64
    parts=("$target")
    [[ ! -d $DIST/$distribution ]] || parts+=("$distribution")
    tar --create --sort=name --format=gnu --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
        --directory="$DIST" --file="$TO/pgml-$target.tar" -- "${parts[@]}"
done < <(jq --raw-output '.targets | keys[]' "$DIST/manifest.json" | while read -r name; do
    [[ ! -d $DIST/$name ]] || printf '%s\n' "$name"
done)
cp --preserve=timestamps "$DIST/manifest.json" "$DIST/SHA256SUMS" "$TO"
cp --preserve=timestamps "$DIST"/provenance/* "$TO"

for file in "$TO"/*; do
    size=$(stat --format=%s "$file")
    ((size < LIMIT)) || die "${file##*/} has $size bytes, and a forge takes fewer than $LIMIT"
done
printf '%s\n' "$TO"/*
