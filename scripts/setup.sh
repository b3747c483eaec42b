#!/usr/bin/env bash
# Installs what the tests need in addition to Go: PostgreSQL, PgBouncer, nginx, haproxy, Redis, libfaketime,
# Chromium, and Node.js with the packages of internal/e2e/interop/node. It does not touch what is already installed.
# For everything that cannot be installed it prints a line that begins with "setup: skipped:"; the tests that need it
# are skipped. That is not an error.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

note() { echo "setup: $*" >&2; }

postgres_there() {
  [ -n "${BACKPLANE_TEST_POSTGRES:-}" ] && return 0
  [ -n "${BACKPLANE_TEST_PGBIN:-}" ] && return 0
  command -v initdb >/dev/null 2>&1 && return 0
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

program_there() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1; }

chromium_there() {
  [ -n "${BACKPLANE_TEST_CHROMIUM:-}" ] && return 0
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && return 0
  done
  return 1
}

node_there() { command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo -n DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

may_install() {
  command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

updated=
apt_install() { # package…
  if [ -z "$updated" ]; then
    as_root apt-get update -qq >&2 || return
    updated=1
  fi
  as_root apt-get install -y -qq --no-install-recommends "$@" >&2
}

if ! postgres_there; then
  if ! may_install; then
    note "skipped: PostgreSQL is not installed, and only root (or sudo without a password) may use apt-get"
  else
    note "installing PostgreSQL"
    # The package would create a database cluster and start it on port 5432. The tests start their own servers.
    as_root mkdir -p /etc/postgresql-common
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
      echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
      made_conf=1
    fi
    # dpkg would ask whether to replace the existing file.
    apt_install -o Dpkg::Options::=--force-confold postgresql || note "skipped: PostgreSQL could not be installed"
    [ -z "${made_conf:-}" ] ||
      note "created and kept: /etc/postgresql-common/createcluster.conf (create_main_cluster = false)"
  fi
fi

# These packages would start a service now and at every boot. The tests start their own processes.
install_without_service() { # program name package
  local program=$1 name=$2 package=$3 policy=/usr/sbin/policy-rc.d made_policy=
  if program_there "$program"; then
    return
  fi
  if ! may_install; then
    note "skipped: $name is not installed, and only root (or sudo without a password) may use apt-get"
    return
  fi
  note "installing $name"
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made_policy=1
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  if apt_install "$package"; then
    as_root update-rc.d "$program" disable >/dev/null 2>&1 ||
      note "the service of $name could not be disabled and may start with the machine"
  else
    note "skipped: $name could not be installed"
  fi
  if [ -n "$made_policy" ]; then
    as_root rm -f "$policy"
    trap - EXIT
  fi
}

install_without_service pgbouncer PgBouncer pgbouncer
install_without_service nginx nginx nginx-light
install_without_service haproxy haproxy haproxy
install_without_service redis-server Redis redis-server

# make chaos LOG=1 makes the clock of its server jump with it.
if ! compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null; then
  if ! may_install; then
    note "skipped: libfaketime is not installed, and only root (or sudo without a password) may use apt-get"
  else
    note "installing libfaketime"
    apt_install libfaketime || note "skipped: libfaketime could not be installed"
  fi
fi

if ! chromium_there; then
  if ! may_install; then
    note "skipped: Chromium is not installed, and only root (or sudo without a password) may use apt-get"
  else
    note "installing Chromium"
    # Without a font it would draw boxes instead of characters.
    apt_install chromium fonts-dejavu-core || note "skipped: Chromium could not be installed"
  fi
fi

if ! node_there; then
  if ! may_install; then
    note "skipped: Node.js is not installed, and only root (or sudo without a password) may use apt-get"
  else
    note "installing Node.js"
    apt_install nodejs npm || note "skipped: Node.js could not be installed"
  fi
fi

if node_there; then
  cd internal/e2e/interop/node || exit
  # npm ci takes seconds, so keep what was installed from the same lock file.
  if ! cmp -s package-lock.json node_modules/.installed; then
    note "installing the Node.js packages to test against"
    if npm ci --no-audit --no-fund --loglevel=error >&2; then
      cp package-lock.json node_modules/.installed
    else
      rm -rf node_modules
      note "skipped: the Node.js packages could not be installed"
    fi
  fi
fi
exit 0
