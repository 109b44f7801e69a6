#!/bin/bash
# ssh.sh: a key and the known hosts for ssh and rsync, from SSH_KEY and KNOWN_HOSTS, readable by this user alone.
set -euo pipefail

: "${SSH_KEY:?the secret PGML_APT_SSH_KEY}" "${KNOWN_HOSTS:?the variable PGML_APT_KNOWN_HOSTS: what ssh-keyscan prints}"
umask 077
mkdir --parents "$HOME/.ssh"
printf '%s\n' "$SSH_KEY" >"$HOME/.ssh/id_ed25519"
printf '%s\n' "$KNOWN_HOSTS" >"$HOME/.ssh/known_hosts"
