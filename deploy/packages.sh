# Debian 12 packages this repository needs, and how to install the missing ones. Sourced, not run:
#   . deploy/packages.sh; install_build_packages
# Nothing is touched when all are there. Services that come with a package (redis-server, haproxy ...) are neither
# started nor enabled at boot: they are tools here, not servers of this machine.
# shellcheck shell=bash

build_packages=(
  g++ cmake ninja-build ccache pkg-config libboost1.81-dev libhiredis-dev libyaml-cpp-dev libcli11-dev
  prometheus-cpp-dev libspdlog-dev libfmt-dev libssl-dev libxxhash-dev libjemalloc-dev
)
server_packages=(redis-server redis-tools)
bench_packages=("${server_packages[@]}" haproxy nutcracker libgtest-dev libgmock-dev libbenchmark-dev python3)
test_packages=(
  "${bench_packages[@]}" prometheus clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev
  procps curl ca-certificates git dpkg-dev tcl
)
# Client libraries of other languages, tried against Pillion by tests/clients. A test whose library is not there is skipped.
client_packages=(
  python3-redis python3-hiredis python3-celery python3-rq python3-django python3-django-redis
  php-cli php-redis php-predis ruby ruby-redis ruby-sidekiq
  golang-go golang-github-gomodule-redigo-dev libredis-perl libhiredis-dev
)

install_build_packages() { install_missing "${build_packages[@]}"; }
install_server_packages() { install_missing "${server_packages[@]}"; }
install_bench_packages() { install_missing "${build_packages[@]}" "${bench_packages[@]}"; }
install_test_packages() { install_missing "${build_packages[@]}" "${test_packages[@]}"; }

# Never fails: what cannot be had is reported and left out. Where a node of another origin is installed, its own npm
# serves; Debian's would conflict with it.
install_client_packages() {
  local name packages=("${client_packages[@]}")
  command -v node >/dev/null || packages+=(nodejs npm)
  install_missing "${packages[@]}" && return 0
  for name in "${packages[@]}"; do
    install_missing "$name" || echo "not installed: $name" >&2
  done
  return 0
}

# install_missing NAME...: installs those that are not. Needs root or sudo only when something is missing.
install_missing() {
  local name missing=()
  for name in "$@"; do
    [[ "$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null)" == "install ok installed" ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "missing packages: ${missing[*]}; run this as root, install sudo, or install them yourself" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing: ${missing[*]}" >&2
  # In one root shell, so that the policy file goes away however the installation ends.
  "${as_root[@]}" bash -s -- "${missing[@]}" <<'ROOT'
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [[ ! -e "$policy" ]]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
if command -v systemctl >/dev/null; then
  for name in "$@"; do
    case "$name" in
      redis-server | haproxy | nutcracker | prometheus) systemctl disable --quiet "$name" 2>/dev/null || true ;;
    esac
  done
fi
ROOT
}
