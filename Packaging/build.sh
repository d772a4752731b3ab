#!/usr/bin/env bash
# Packs the built program as a Debian package, an archive with all libraries but libc, and a Python wheel.
#
# usage: Packaging/build.sh [--program FILE] [--to FOLDER] [--fast]
#
# The program is .build/release/diffusionclip, best built with DIFFUSIONCLIP_PORTABLE=1, the folder .build/packages; --fast
# compresses little. The same program and sources give the same bytes, whenever and wherever this runs with the same
# versions of Debian's libraries and tools. SOURCE_DATE_EPOCH, else the commit's time, is the time of all files.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

fail() { echo "Packaging/build.sh: $*" >&2; exit 1; }

program=.build/release/diffusionclip to=.build/packages xz=6 level=9
while (($# > 0)); do
  case $1 in
    --program) program=$(realpath -m "${2:?--program needs a file}"); shift 2 ;;
    --to) to=$(realpath -m "${2:?--to needs a folder}"); shift 2 ;;
    --fast) xz=0 level=1; shift ;;
    *) fail "unknown option $1; usage: Packaging/build.sh [--program FILE] [--to FOLDER] [--fast]" ;;
  esac
done
cd "$(dirname "$0")/.."
for tool in dpkg-deb:dpkg dpkg-shlibdeps:dpkg-dev patchelf:patchelf strip:binutils objdump:binutils python3:python3 gzip:gzip; do
  command -v "${tool%:*}" >/dev/null || fail "${tool%:*} is missing: apt-get install ${tool#*:}"
done
[[ -x $program ]] || fail "no program $program: build it, or name it with --program"
if [[ -z ${SOURCE_DATE_EPOCH:-} ]]; then
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || fail "no git repository: set SOURCE_DATE_EPOCH, seconds since 1970"
fi
export SOURCE_DATE_EPOCH
version=$("$program" --version)
architecture=$(dpkg --print-architecture)
machine=$(uname -m)
mkdir -p "$to"
to=$(realpath "$to")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The tree that is installed: of the checked-in files what recipes load. The pictures are those of the first page.
tree=$work/tree share=$work/tree/share
mkdir -p "$tree/bin" "$share/diffusionclip" "$share/doc/diffusionclip"
sources() {
  if git rev-parse --git-dir >/dev/null 2>&1; then git ls-files -z "$@"; else find "$@" -type f -print0; fi
}
sources Recipes Fixtures | grep -zv '^Fixtures/pictures/' | xargs -0 cp --parents -t "$share/diffusionclip"
# The pages that recipes and messages name, and the reader of results in Python that one of them is about.
sources Documentation Python | xargs -0 cp --parents -t "$share/doc/diffusionclip"
cp Packaging/copyright "$share/doc/diffusionclip/copyright"
"$program" --experimental-dump-help | python3 Packaging/manual.py --version "$version" --time "$SOURCE_DATE_EPOCH" --to "$share/man/man1"
gzip -9n "$share"/man/man1/*
completion() { mkdir -p "$share/$2" && "$program" --generate-completion-script "$1" >"$share/$2/$3"; }
completion bash bash-completion/completions diffusionclip
completion fish fish/vendor_completions.d diffusionclip.fish

strip -o "$tree/bin/diffusionclip" "$program"
chmod 755 "$tree/bin/diffusionclip"

# The same modes and times everywhere, whatever the clone's are.
settle() {
  chmod -R u=rwX,go=rX "$1"
  find "$1" -print0 | xargs -0 touch -hd "@$SOURCE_DATE_EPOCH"
}

# --- The Debian package: the system's libraries, which the build's own packages name. ---
deb=$work/deb
mkdir -p "$deb/DEBIAN" "$work/shlibs/debian"
cp -R "$tree" "$deb/usr"
patchelf --remove-rpath "$deb/usr/bin/diffusionclip"
mkdir -p "$deb/usr/share/zsh/vendor-completions"
"$program" --generate-completion-script zsh >"$deb/usr/share/zsh/vendor-completions/_diffusionclip"
ln -s ../../diffusionclip/Recipes "$deb/usr/share/doc/diffusionclip/examples"
gzip -9nc CHANGELOG.md >"$deb/usr/share/doc/diffusionclip/changelog.gz"
printf 'Source: diffusionclip\n\nPackage: diffusionclip\nArchitecture: any\n' >"$work/shlibs/debian/control"
depends=$(cd "$work/shlibs" && dpkg-shlibdeps -O -e "$deb/usr/bin/diffusionclip" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[[ $depends == *libc6* ]] || fail "dpkg-shlibdeps does not tell the packages of the program's libraries"
size=$(du -sk --apparent-size "$deb/usr" | cut -f1)
cat >"$deb/DEBIAN/control" <<END
Package: diffusionclip
Version: $version
Architecture: $architecture
Maintainer: The diffusionclip authors <diffusionclip@localhost>
Installed-Size: $size
Depends: $depends, libopenblas0
Recommends: libcurl4 | libcurl3-gnutls
Section: graphics
Priority: optional
Description: text-guided image editing with diffusion models
 Edits images by text, with diffusion models that are fine-tuned under a CLIP loss
 (DiffusionCLIP), on any CPU. An experiment is a recipe in YAML; results are cached
 by content, so that after a change only what depends on the change runs again.
 .
 Recipes, small networks and rendered portraits to try all of it are included.
 libcurl is needed for downloads and shared caches only.
END
(cd "$deb" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$deb/DEBIAN/md5sums"
settle "$deb"
package=$to/diffusionclip_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z"$xz" --build "$deb" "$package" >/dev/null

# --- The archive and the wheel: all libraries but libc and what libc itself needs of GCC. ---
libraries=$tree/lib/diffusionclip
mkdir -p "$libraries" "$share/doc/diffusionclip/libraries"
# Of OpenSSL the program uses its own, and libcurl the system's: under another name both are in the process.
crypto=libdiffusionclip-crypto.so.3
needed() { objdump -p "$1" | awk '$1 == "NEEDED" {print $2}'; }
# Without `exit`: what writes into a pipe that is closed fails.
located() { ldconfig -p | awk -v name="$1" '$1 == name && !found++ {print $NF}'; }
bundle() {
  local name=$1 file source owner
  case $name in libc.so.*|libm.so.*|libdl.so.*|libpthread.so.*|librt.so.*|ld-linux*|libgcc_s.so.*) return ;; esac
  local target=$name
  if [[ $name == libcrypto.so.3 ]]; then target=$crypto; fi
  if [[ -e $libraries/$target ]]; then return; fi
  file=$(located "$name")
  [[ -n $file ]] || fail "the library $name is not installed here"
  source=$(realpath "$file")
  cp "$source" "$libraries/$target"
  # By its real name, or that through which dpkg knows it where /lib is a link to /usr/lib.
  owner=$(dpkg-query -S "$source" 2>/dev/null || dpkg-query -S "${source#/usr}") || fail "no package has $source"
  owner=${owner%%:*}
  cp "/usr/share/doc/$owner/copyright" "$share/doc/diffusionclip/libraries/$owner.copyright" ||
    fail "the package $owner has no copyright file here"
  dpkg-query -Wf '${binary:Package} ${Version}, from the Debian source package ${source:Package} ${source:Version}\n' "$owner" |
    sed "s|^|$target: |" >>"$work/libraries"
  while read -r other; do bundle "$other"; done < <(needed "$source")
}
while read -r name; do bundle "$name"; done < <(needed "$tree/bin/diffusionclip")
bundle libopenblas.so.0
# One after the other: in one call, patchelf mixes up the two texts. RPATH, unlike RUNPATH, is also for what the libraries
# need.
if [[ -e $libraries/$crypto ]]; then
  patchelf --set-soname "$crypto" "$libraries/$crypto"
  patchelf --replace-needed libcrypto.so.3 "$crypto" "$tree/bin/diffusionclip"
fi
patchelf --force-rpath --set-rpath '$ORIGIN/../lib/diffusionclip' "$tree/bin/diffusionclip"
[[ $(env -i "$tree/bin/diffusionclip" --version) == "$version" ]] || fail "the archive's program does not start"
{
  echo "Shared libraries of Debian in lib/diffusionclip. Their copyright files lie beside this one, their sources are Debian's:"
  echo "the source package is named with its version, as Debian keeps it. OpenSSL's has another name, and is otherwise the same."
  echo
  sort -u "$work/libraries"
} >"$share/doc/diffusionclip/libraries/README"
cp CHANGELOG.md "$share/doc/diffusionclip/CHANGELOG.md"

# The oldest glibc that has all that the program and these libraries ask for.
glibc=$(objdump -T "$tree/bin/diffusionclip" "$libraries"/* | grep -o 'GLIBC_2\.[0-9.]*' | sort -uV | tail -n 1)
glibc=${glibc#GLIBC_}
[[ -n $glibc ]] || fail "the program asks for no version of glibc: is it one for Linux?"
settle "$tree"
wheel=$(python3 Packaging/wheel.py --tree "$tree" --version "$version" --platform "manylinux_${glibc//./_}_$machine" \
  --readme Packaging/README.md --license LICENSE Packaging/copyright --time "$SOURCE_DATE_EPOCH" --level "$level" --to "$to")

name=diffusionclip-$version-linux-$machine
archive=$to/$name.tar.gz
mkdir -p "$share/zsh/site-functions"
cp "$deb/usr/share/zsh/vendor-completions/_diffusionclip" "$share/zsh/site-functions/"
cp Packaging/README.md "$tree/README.md"
mv "$tree" "$work/$name"
settle "$work/$name"
tar --create --directory "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner "$name" |
  gzip -n"$level" >"$archive.part"
mv "$archive.part" "$archive"

cd "$to"
sha256sum "$(basename "$package")" "$(basename "$archive")" "$(basename "$wheel")" >SHA256SUMS
for file in "$package" "$archive" "$wheel"; do echo "$(stat -c %s "$file") bytes  $file"; done
echo "the Debian package needs: $depends, libopenblas0"
echo "archive and wheel need glibc $glibc or later: $(objdump -T "$work/$name/bin/diffusionclip" "$work/$name/lib/diffusionclip"/* |
  awk -v version="GLIBC_$glibc" '/file format/ {file = $1} index($0, version ")") || index($0, version " ") {print file}' | sort -u |
  sed 's|.*/||; s|:$||' | tr '\n' ' ')ask for it"
