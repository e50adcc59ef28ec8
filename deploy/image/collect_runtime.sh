#!/usr/bin/env bash
# collect_runtime.sh BINARY FOLDER: fills FOLDER with a root file system that runs BINARY as /pillion and nothing else:
# the libraries it is linked to, name resolution, CA certificates, one unprivileged account. No shell, no package
# manager. Which Debian packages the libraries came from is recorded where image scanners look for it.
set -euo pipefail

binary=${1:?usage: collect_runtime.sh BINARY FOLDER}
folder=${2:?usage: collect_runtime.sh BINARY FOLDER}
readonly uid=65532

mkdir -p "$folder"/{etc/ssl/certs,run/pillion,var/lib/dpkg/status.d}
# Symbols stay for readable crash reports; debug information is for whoever has the build.
strip --strip-debug -o "$folder/pillion" "$binary"
chmod 755 "$folder/pillion"

# Libraries with a path, the loader among them; linux-vdso has none.
mapfile -t libraries < <(ldd "$binary" | grep -o '/[^ ]*' | sort -u)
((${#libraries[@]})) || { echo "ldd names no libraries of $binary" >&2; exit 1; }
for library in "${libraries[@]}"; do
  install -D -m 755 "$(realpath "$library")" "$folder$library"
  # dpkg knows a file by the path it was packed with, which may be from before /lib became a link.
  real=$(realpath "$library")
  owner=$(dpkg-query -S "$real" "${real#/usr}" 2>/dev/null | head -n 1 | cut -d: -f1 || true)
  if [[ -z "$owner" ]]; then
    echo "note: no package owns $library" >&2
    continue
  fi
  dpkg-query -s "$owner" >"$folder/var/lib/dpkg/status.d/$owner"
  install -D -m 644 "/usr/share/doc/$owner/copyright" "$folder/usr/share/doc/$owner/copyright"
done

# glibc 2.36 resolves "files" and "dns" by itself; this file keeps it from looking for other services.
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$folder/etc/nsswitch.conf"
printf 'root:x:0:0::/:/nonexistent\npillion:x:%d:%d::/:/nonexistent\n' "$uid" "$uid" >"$folder/etc/passwd"
printf 'root:x:0:\npillion:x:%d:\n' "$uid" >"$folder/etc/group"
install -m 644 /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
# For listen.unix; only its owner may write anywhere.
chown "$uid:$uid" "$folder/run/pillion" 2>/dev/null || echo "note: not root, /run/pillion keeps its owner" >&2
