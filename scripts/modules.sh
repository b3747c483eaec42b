#!/usr/bin/env bash
# Checks that each module builds alone, without the workspace (go.work), so that only the modules in its go.mod
# are used. vet compiles what is imported and checks the types of the rest, tests too. Fails if a go.mod or go.sum is
# not tidy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export GOWORK=off
for mod in $(find . -name go.mod -not -path '*/node_modules/*' | sort); do
  dir=$(dirname "$mod")
  echo "== $dir"
  (cd "$dir" && go vet ./... && go mod tidy -diff)
done
