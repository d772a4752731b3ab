#!/usr/bin/env bash
# Tries the packages where nothing is: the Debian package and the archive each in a fresh minimal Debian root, the wheel in a
# fresh Python environment. Each is installed, edits the quickstart's portraits as an ordinary user, and is removed again,
# which must leave nothing.
#
# usage: Packaging/try.sh [--packages FOLDER] [--suite NAME] [--to FOLDER]
#
# It needs root and debootstrap (apt-get install debootstrap). Where Debian is fetched from, and by what proxies, is what
# this machine's own apt is configured to. The packages are looked for in .build/packages, where Packaging/build.sh puts
# them; the pictures, and how long things took, get to .build/packages/tried.
set -euo pipefail
export LC_ALL=C

fail() { echo "Packaging/try.sh: $*" >&2; exit 1; }

packages=.build/packages suite=bookworm to=
while (($# > 0)); do
  case $1 in
    --packages) packages=$(realpath -m "${2:?--packages needs a folder}"); shift 2 ;;
    --suite) suite=${2:?--suite needs a name}; shift 2 ;;
    --to) to=$(realpath -m "${2:?--to needs a folder}"); shift 2 ;;
    *) fail "unknown option $1; usage: Packaging/try.sh [--packages FOLDER] [--suite NAME] [--to FOLDER]" ;;
  esac
done
cd "$(dirname "$0")/.."
((EUID == 0)) || fail "it needs root, for debootstrap and chroot"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
one() { [[ -f $1 && -z ${2:-} ]] || fail "expected one file $packages/$3: run Packaging/build.sh into an empty folder"; realpath "$1"; }
package=$(one "$packages"/diffusionclip_*.deb "" 'diffusionclip_*.deb')
archive=$(one "$packages"/diffusionclip-*.tar.gz "" 'diffusionclip-*.tar.gz')
wheel=$(one "$packages"/diffusionclip-*.whl "" 'diffusionclip-*.whl')
to=${to:-$packages/tried}
mkdir -p "$to"
to=$(realpath "$to")
: >"$to/seconds"

# Mounts below are seen by nobody else, and go with this process.
if [[ -z ${DIFFUSIONCLIP_TRYING:-} ]]; then
  DIFFUSIONCLIP_TRYING=1 exec unshare --mount --propagation private "$PWD/Packaging/try.sh" --packages "$packages" --suite "$suite" --to "$to"
fi
work=$(mktemp -d)
leave() {
  local root
  for root in "$work"/*/; do umount -l "$root/proc" "$root/dev" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap leave EXIT

# Prints how long a command took, and keeps it.
timed() {
  local what=$1 start end
  shift
  start=$(date +%s.%N)
  "$@"
  end=$(date +%s.%N)
  awk -v a="$start" -v b="$end" -v what="$what" 'BEGIN {printf "%6.1f s  %s\n", b - a, what}' | tee -a "$to/seconds"
}

# --- A root ---

uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | awk -v suite="$suite" '$1 == suite && !found++ {print $2}')
[[ -n $uri ]] || fail "this machine's apt has no source for $suite: see /etc/apt/sources.list"
eval "$(apt-config shell proxy Acquire::http::Proxy secure Acquire::https::Proxy)"
if [[ -n ${proxy:-} && $proxy != DIRECT ]]; then export http_proxy=$proxy; fi
if [[ -n ${secure:-} && $secure != DIRECT ]]; then export https_proxy=$secure; fi
certificates=()
if [[ $uri == https:* ]]; then certificates=(/etc/ssl/certs/ca-certificates.crt); fi
make_base() {
  debootstrap --variant=minbase "$suite" "$work/base" "$uri" >"$to/debootstrap.log" 2>&1 || {
    tail -n 20 "$to/debootstrap.log" >&2
    fail "debootstrap failed: see $to/debootstrap.log"
  }
}
timed "debootstrap (not counted)" make_base
echo "deb $uri $suite main" >"$work/base/etc/apt/sources.list"
apt-config dump | grep '^Acquire::' | grep -v 'IndexTargets\|^Acquire::Languages' >"$work/base/etc/apt/apt.conf.d/90machine" || true
for file in "${certificates[@]}"; do install -D "$file" "$work/base$file"; done
cp /etc/hosts "$work/base/etc/hosts"
root_of() {
  cp -a "$work/base" "$work/$1"
  mount -t proc proc "$work/$1/proc"
  mount --rbind /dev "$work/$1/dev"
}
within() { chroot "$work/$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -ec "$2"; }
# The same as an ordinary user, who has a home and nothing else.
as_user() { chroot --userspec=1000:1000 "$work/$1" env -i PATH="$2" HOME=/home/user LC_ALL=C.UTF-8 sh -ec "cd; $3"; }
give_home() { install -d -o 1000 -g 1000 "$work/$1/home/user"; }
# All files but those that apt and dpkg keep for themselves.
listing() {
  (cd "$work/$1" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./sys -o -path ./tmp -o -path ./home/user -o \
    -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./run \) -prune -o -print | sort)
}
require_nothing_left() {
  if ! diff "$work/$1.before" "$work/$1.after" >"$to/$1.left"; then
    head -n 30 "$to/$1.left" >&2
    fail "$1: something is left after removing it"
  fi
  rm "$to/$1.left"
}
require_pictures() {
  local sheet
  sheet=$(ls "$1"/runs/quickstart/*/before_after.png) || fail "$2: no picture was made"
  cp "$sheet" "$to/$2.png"
  echo "  the portraits before and after: $to/$2.png"
}

# --- The Debian package ---

echo "The Debian package:"
root_of deb
give_home deb
within deb 'apt-get -qq update'
listing deb >"$work/deb.before"
cp "$package" "$work/deb/tmp/"
start=$(date +%s.%N)
timed "deb: apt install" within deb 'apt-get install -y -q /tmp/*.deb >/tmp/install.log 2>&1 || { tail -n 20 /tmp/install.log >&2; exit 1; }'
timed "deb: diffusionclip recipes --to portraits" as_user deb /usr/bin:/bin 'diffusionclip recipes --to portraits'
timed "deb: diffusionclip run Recipes/quickstart.yaml" \
  as_user deb /usr/bin:/bin 'cd portraits && diffusionclip run Recipes/quickstart.yaml 2>/tmp/run.log || { cat /tmp/run.log >&2; exit 1; }'
awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%6.1f s  deb: from nothing to the picture\n", b - a}' | tee -a "$to/seconds"
require_pictures "$work/deb/home/user/portraits/Recipes" deb
# Nothing is computed again where the recipe lies elsewhere, and what is made lies where the user is.
as_user deb /usr/bin:/bin 'mkdir here && cd here
  diffusionclip run /usr/share/diffusionclip/Recipes/quickstart.yaml --store ../portraits/Recipes/.diffusionclip --json |
    tail -n 1 | grep -q "\"cached\":44,.*\"ran\":0," && ls -d runs/quickstart'
as_user deb /usr/bin:/bin 'diffusionclip check --no-files /usr/share/diffusionclip/Recipes | tail -n 1'
as_user deb /usr/bin:/bin 'printf "%s\n" "recipe: own" "inputs: {faces: images, model: diffusion, clip: clip}" "stages:" \
  "  x: {use: {recipe: library/manipulation.yaml, images: faces, train_images: faces, model: model, clip: clip, target: tan}}" >own.yaml
  diffusionclip check own.yaml'
within deb 'ls /usr/share/man/man1/diffusionclip-run.1.gz /usr/share/bash-completion/completions/diffusionclip >/dev/null'
within deb 'apt-get purge -y -q diffusionclip >/dev/null 2>&1'
if within deb 'find /usr /etc /var -xdev -name "*diffusionclip*" -not -path "/var/cache/*" -not -path "/var/log/*"' | grep .; then
  fail "deb: these are left after removing it"
fi
# What came with it goes as well, also where a package that was there before could make use of it.
within deb 'apt-get autoremove --purge -y -q -o APT::AutoRemove::RecommendsImportant=0 -o APT::AutoRemove::SuggestsImportant=0 \
  >/dev/null 2>&1'
listing deb >"$work/deb.after"
require_nothing_left deb
echo "  removed; nothing is left"

# --- The archive ---

echo "The archive:"
root_of archive
give_home archive
for library in libopenblas libgfortran libpng16 libyaml libjpeg libcrypto; do
  if within archive "ldconfig -p" | grep "$library"; then fail "the root has $library already: it shows nothing"; fi
done
cp "$archive" "$work/archive/tmp/"
bin='/home/user/'$(basename "$archive" .tar.gz)/bin:/usr/bin:/bin
start=$(date +%s.%N)
timed "archive: tar xzf" as_user archive "$bin" 'tar xzf /tmp/*.tar.gz'
timed "archive: diffusionclip recipes --to portraits" as_user archive "$bin" 'diffusionclip recipes --to portraits'
timed "archive: diffusionclip run Recipes/quickstart.yaml" \
  as_user archive "$bin" 'cd portraits && diffusionclip run Recipes/quickstart.yaml 2>/tmp/run.log || { cat /tmp/run.log >&2; exit 1; }'
awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%6.1f s  archive: from nothing to the picture\n", b - a}' | tee -a "$to/seconds"
require_pictures "$work/archive/home/user/portraits/Recipes" archive
as_user archive "$bin" 'diffusionclip check --no-files "$(dirname "$(command -v diffusionclip)")/../share/diffusionclip/Recipes" | tail -n 1'

# --- The wheel ---

echo "The wheel:"
if ! python3 -m venv "$work/wheel/python" 2>/dev/null; then
  echo "NOT TRIED: the wheel, because python3 -m venv does not work here (apt-get install python3-venv)" >&2
else
  # pip leaves folders behind that became empty, and Python compiles what it runs.
  files_of_python() { (cd "$work/wheel/python" && find . ! -type d -not -path '*/__pycache__/*' | sort); }
  files_of_python >"$work/wheel.before"
  mkdir "$work/wheel/home"
  offline=(env -u PIP_FIND_LINKS PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1)
  user=(env -i "PATH=$work/wheel/python/bin:/usr/bin:/bin" "HOME=$work/wheel/home")
  start=$(date +%s.%N)
  timed "wheel: pip install" "${offline[@]}" "$work/wheel/python/bin/pip" install -q --find-links "$(dirname "$wheel")" diffusionclip
  timed "wheel: diffusionclip recipes --to portraits" "${user[@]}" diffusionclip recipes --to "$work/wheel/home/portraits"
  timed "wheel: diffusionclip run Recipes/quickstart.yaml" \
    "${user[@]}" sh -ec 'cd ~/portraits && diffusionclip run Recipes/quickstart.yaml 2>run.log || { cat run.log >&2; exit 1; }'
  awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%6.1f s  wheel: from nothing to the picture\n", b - a}' | tee -a "$to/seconds"
  require_pictures "$work/wheel/home/portraits/Recipes" wheel
  "${offline[@]}" "$work/wheel/python/bin/pip" uninstall -q -y diffusionclip
  files_of_python >"$work/wheel.after"
  require_nothing_left wheel
  echo "  removed; nothing is left"
  if command -v pipx >/dev/null; then
    # pipx itself may want to fetch a newer pip.
    timed "wheel: pipx run" env PIPX_HOME="$work/wheel/pipx" PIPX_BIN_DIR="$work/wheel/bin" \
      pipx run --spec "$wheel" diffusionclip recipes --json >"$work/wheel/listed"
    grep -q '"recipe":"quickstart"' "$work/wheel/listed" || fail "pipx run lists no recipes"
  else
    echo "NOT TRIED: pipx run, because there is no pipx (apt-get install pipx)" >&2
  fi
fi
echo "What it took, also in $to/seconds:"
cat "$to/seconds"
