#!/usr/bin/env bash
# Sees that the packages come out with the same bytes twice, and that from an unpacked archive, with no variable and no
# library of this machine's but libc, every recipe is in order and one is run. A minute; Packaging/try.sh tries more.
#
# usage: Packaging/check.sh PROGRAM
#
# Ends with status 77, and says so, where a tool is missing.
set -euo pipefail
export LC_ALL=C
program=$(realpath -m "${1:?usage: Packaging/check.sh PROGRAM}")
cd "$(dirname "$0")/.."
# Without git any time does: nothing of it is given away.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1)}
for tool in dpkg-deb:dpkg dpkg-shlibdeps:dpkg-dev patchelf:patchelf python3:python3; do
  command -v "${tool%:*}" >/dev/null || { echo "NOT CHECKED: the packages, because ${tool#*:} is not installed" >&2; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
Packaging/build.sh --program "$program" --to "$work/second" --fast >/dev/null &
Packaging/build.sh --program "$program" --to "$work/first" --fast
wait "$!"
diff -r "$work/first" "$work/second" || { echo "the packages are not the same when built twice" >&2; exit 1; }

tar xzf "$work"/first/*.tar.gz -C "$work"
root=$(echo "$work"/diffusionclip-*)
# The dynamic linker tells where it finds what is loaded.
if strangers=$(env -i /usr/bin/ldd "$root/bin/diffusionclip" | awk '/=>/ {print $1, $3}' | grep -v " $root/" |
  grep -Ev '^(libc|libm|libgcc_s|ld-linux[^ ]*)\.so'); then
  echo "the archive's program takes libraries of the machine: $strangers" >&2
  exit 1
fi
mkdir "$work/home"
user=(env -i "HOME=$work/home" PATH=/usr/bin:/bin)
cd "$work/home"
"${user[@]}" "$root/bin/diffusionclip" recipes --to copy
# What is about published weights, or pictures of others, lacks these and nothing else.
status=0
"${user[@]}" "$root/bin/diffusionclip" check copy/Recipes >/dev/null 2>errors || status=$?
if ((status != 2)) || grep ': error: ' errors | grep -Ev "no such file '(\.\./)+(Weights|Pictures|Outputs)/"; then
  echo "recipes of the archive are not in order" >&2
  exit 1
fi
cat >own.yaml <<'END'
recipe: own
stages:
  faces: { synthesize: { count: 2, size: 64 } }
  base: { load: { diffusion: copy/Fixtures/models/portraits-diffusion.safetensors } }
  back: { use: { recipe: library/sdedit.yaml, images: faces, model: base, return_step: 100, steps: 2 } }
END
"${user[@]}" "$root/bin/diffusionclip" run own.yaml --json | tail -n 1 | grep -q '"failed":0' ||
  { echo "the archive's program does not run a recipe" >&2; exit 1; }
echo "the packages are the same twice, and the recipes of the archive in order"
