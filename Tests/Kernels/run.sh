#!/usr/bin/env bash
# Compares the C kernels with plain loops: every kind that this processor has, all of them under sanitizers, and those
# for aarch64, compiled by Clang and by GCC, under qemu's emulation of a processor. Takes about a minute on two cores.
#
# Ends with status 77, and says so, where something could not be checked and nothing was wrong. On Debian and Ubuntu
# `apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user` installs what aarch64 needs.
set -uo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Swift's own, which compiles the program.
swift=$(command -v swift || true)
clang=$(dirname "$(readlink -f "${swift:-/nowhere}")")/clang
[[ -x $clang ]] || clang=clang
sources=(-Wall -Wextra -ISources/CKernels/include Tests/Kernels/*.c Sources/CKernels/*.c -lm)
# As the package is compiled; without optimization, which takes minutes with these, under sanitizers.
optimized=(-O2 -fPIC)
watched=(-O0 -g -fsanitize=address,undefined -fno-sanitize-recover=all)
# A search for leaks needs a process that watches another, which the emulator has not.
export ASAN_OPTIONS=detect_leaks=0
status=0

not_checked() {
  echo "NOT CHECKED: $*" >&2
  ((status == 0)) && status=77
}

failed() {
  echo "$*" >&2
  status=1
}

# checks NAME COMMAND...: runs one of the programs.
checks() {
  local code=0 text
  text=$("${@:2}" 2>&1) || code=$?
  echo "$1: $text"
  case $code in
    0) ;;
    77) ((status == 0)) && status=77 ;;
    *) failed "$1: status $code" ;;
  esac
}

# Every kernel that the headers declare is checked by name.
for kernel in $(grep -ohE '\bck_[a-z_0-9]+ ?\(' Sources/CKernels/include/*.h | tr -d ' (' | sort -u); do
  grep -qE "\b$kernel\(" Tests/Kernels/*.c || failed "$kernel is not checked by Tests/Kernels"
done

build() {
  "${@:2}" -o "$folder/$1" "${sources[@]}" || rm -f "$folder/$1"
}
machine=$(uname -m)
build kernels "$clang" "${optimized[@]}" &
build watched "$clang" "${watched[@]}" -fuse-ld=lld &
wait

case $machine in
  x86_64) kinds=(v4 v3 any) ;;
  aarch64) kinds=(neon any) ;;
  *) kinds=(any) ;;
esac
for program in kernels watched; do
  name=$([[ $program == kernels ]] && echo "$machine" || echo "$machine, sanitizers")
  if [[ ! -x $folder/$program ]]; then
    failed "$name: the kernels do not compile"
    continue
  fi
  for kind in "${kinds[@]}"; do
    DIFFUSIONCLIP_KERNELS=$kind checks "$name" "$folder/$program" "$kind"
  done
done

# aarch64, on any other machine.
if [[ $machine != aarch64 ]]; then
  if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64 >/dev/null ||
    [[ ! -e /usr/aarch64-linux-gnu/include/stdio.h ]]; then
    not_checked "the kernels for aarch64, because gcc-aarch64-linux-gnu, libc6-dev-arm64-cross or qemu-user could not be" \
      "installed"
  else
    build clang "$clang" --target=aarch64-linux-gnu -fuse-ld=lld "${optimized[@]}" &
    build gcc aarch64-linux-gnu-gcc "${optimized[@]}" &
    wait
    build gcc-watched aarch64-linux-gnu-gcc "${watched[@]}" &
    for compiler in clang gcc gcc-watched; do
      [[ $compiler == gcc-watched ]] && wait
      if [[ ! -x $folder/$compiler ]]; then
        failed "aarch64, $compiler: the kernels do not compile"
        continue
      fi
      checks "aarch64, $compiler" qemu-aarch64 -L /usr/aarch64-linux-gnu "$folder/$compiler" neon
    done
  fi
fi
exit "$status"
