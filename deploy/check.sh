#!/usr/bin/env bash
# check.sh [BINARY]: lints what lives in deploy/ and bench/ without a Docker engine, a cluster or a network.
# With BINARY also: every pillion.yaml against it, and, as root, the image's root file system around it.
# Exits 1 when something is wrong; tools that are missing are named and skipped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${1:+$(realpath "$1")}
cd "$root"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# check NAME COMMAND...: prints the command's output only when it fails.
check() {
  local name=$1
  shift
  if "$@" >"$folder/output" 2>&1; then
    echo "ok    $name"
  else
    echo "FAIL  $name"
    sed 's/^/      /' "$folder/output"
    failures=$((failures + 1))
  fi
}

have() {
  command -v "$1" >/dev/null && return
  echo "skip  $2: no $1 here"
  return 1
}

# contains FILE TEXT...: every text is there, word for word.
contains() {
  local file=$1 text missing=0
  shift
  for text in "$@"; do
    grep -qF -- "$text" "$file" || { echo "$file lacks: $text"; missing=1; }
  done
  return "$missing"
}

## Shell

mapfile -t scripts < <(find deploy bench tests .ci -name '*.sh' -o -path '.ci/run' | sort)
for script in "${scripts[@]}"; do check "bash -n $script" bash -n "$script"; done
if have shellcheck "shell lint"; then
  check "shellcheck" shellcheck -x -S warning deploy/*.sh deploy/image/*.sh bench/run.sh
fi

## systemd

if have systemd-analyze "systemd unit"; then
  # A system of its own: this unit, a stand-in for the binary, and the targets units depend on.
  system=$folder/system
  mkdir -p "$system"/{usr/bin,usr/lib/systemd/system,etc/systemd/system}
  cp /lib/systemd/system/*.target "$system/usr/lib/systemd/system/"
  cp deploy/systemd/pillion.service "$system/etc/systemd/system/"
  install -m 755 /bin/true "$system/usr/bin/pillion"
  # The exit code says nothing of unknown keys; the output does.
  verify() {
    local said
    said=$(systemd-analyze verify --root="$system" pillion.service 2>&1) || { echo "$said"; return 1; }
    [[ -z "$said" ]] || { echo "$said"; return 1; }
  }
  check "systemd-analyze verify pillion.service" verify
  check "systemd-analyze security pillion.service, at most 1.5" \
    systemd-analyze security --offline=true --no-pager --threshold=15 deploy/systemd/pillion.service
fi

## Container

dockerfile() {
  contains deploy/Dockerfile 'FROM scratch' 'USER 65532:65532' 'ENTRYPOINT ["/pillion"]' 'STOPSIGNAL SIGTERM' \
    'CMD ["/pillion", "healthcheck"]' 'org.opencontainers.image.licenses' || return 1
  grep -qE '^ARG DEBIAN=debian:12\.[0-9]+-slim$' deploy/Dockerfile || { echo "the Debian tag is not pinned"; return 1; }
  # What is copied has to exist and to get past .dockerignore.
  local path
  for path in $(sed -nE 's/^COPY ([^-].*) [^ ]+$/\1/p' deploy/Dockerfile); do
    [[ -e "$path" ]] || { echo "COPY of $path, which does not exist"; return 1; }
    grep -qxF "!$path" .dockerignore || { echo ".dockerignore keeps $path out"; return 1; }
  done
}
check "Dockerfile" dockerfile

image() {
  local rootfs=$folder/rootfs
  bash deploy/image/collect_runtime.sh "$binary" "$rootfs" || return 1
  [[ -z "$(find "$rootfs" -name '*sh' -type f -perm /111 | grep -E '/(ba|da|)sh$')" ]] || { echo "a shell"; return 1; }
  ((EUID == 0)) || return 0
  chroot --userspec=65532:65532 "$rootfs" /pillion --version
}
if [[ -n "$binary" ]]; then
  if have strip "image"; then check "image runs without anything else in its root" image; fi
fi

## Kubernetes

rendered() {
  kubectl kustomize "deploy/k8s/$1" >"$folder/$1.yaml"
}
sidecar() {
  contains "$folder/$1.yaml" 'restartPolicy: Always' 'path: /livez' 'path: /readyz' 'runAsNonRoot: true' \
    'allowPrivilegeEscalation: false' 'readOnlyRootFilesystem: true' 'type: RuntimeDefault' 'image: pillion:' \
    'prometheus.io/scrape: "true"' 'kind: ConfigMap' || return 1
  # The generated ConfigMap, under its hashed name, is the one the pod mounts; nothing else has a sidecar.
  [[ $(grep -cE '^ *name: pillion-[a-z0-9]{10}$' "$folder/$1.yaml") == 2 ]] || { echo "ConfigMap not mounted"; return 1; }
  [[ $(grep -c 'restartPolicy: Always' "$folder/$1.yaml") == 1 ]] || { echo "not exactly one sidecar"; return 1; }
}
if have kubectl "Kustomize"; then
  for name in base example; do
    check "kustomize $name" rendered "$name"
    check "kustomize $name: what a sidecar needs" sidecar "$name"
  done
fi

# The same sidecar and the same settings, written out once for reading and once for merging.
same() {
  diff <(sed -n '/- name: pillion$/,/readOnly: true/p' deploy/k8s/base/deployment.yaml) \
    <(sed -n '/- name: pillion$/,/readOnly: true/p' deploy/k8s/component/sidecar.yaml) &&
    diff deploy/k8s/base/pillion.yaml deploy/k8s/component/pillion.yaml
}
check "base and component agree" same

yaml() {
  /usr/bin/python3 - deploy/k8s/*/*.yaml deploy/k8s/*/*/*.yaml <<'PYTHON'
import sys, yaml
for path in sys.argv[1:]:
    with open(path) as file:
        list(yaml.safe_load_all(file))
PYTHON
}
if [[ -x /usr/bin/python3 ]] && /usr/bin/python3 -c 'import yaml' 2>/dev/null; then
  check "YAML parses" yaml
else
  echo "skip  YAML: no python3-yaml here"
fi

if [[ -n "$binary" ]]; then
  for settings in $(find deploy/k8s -name pillion.yaml | sort); do
    check "pillion --check-config $settings" "$binary" --check-config --config "$settings"
  done
fi

((failures == 0)) || { echo "$failures failed"; exit 1; }
