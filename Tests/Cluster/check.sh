# What the checks in this folder share. Sourced with: PROGRAM [--full]; they run in a folder of their own, and end with
# status 0, 1 for a failed check, or 77 where what they need is not installed.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=$(realpath "${1:-$repository/.build/release/diffusionclip}")
# The recipes as they are, or with little to do.
profile=(--profile small)
if [[ ${2:-} == --full ]]; then profile=(); fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

missing() {
  echo "##########################################################################" >&2
  echo "NOT CHECKED: $*" >&2
  echo "##########################################################################" >&2
  exit 77
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

say() { echo "== $* ($((SECONDS)) s)"; }

# A repository of its own at $work/$1, with the recipes, and with a store and a folder runs that nobody else has.
checkout() {
  mkdir -p "$work/$1/.git"
  cp -r "$repository/Recipes" "$work/$1/"
  ln -s "$repository/Fixtures" "$work/$1/Fixtures"
  cd "$work/$1"
}

# The folder of the run that ended last, of those in a recipe's folder.
latest() { echo "$1/$(cat "$1/latest")"; }

# The digests of all that a recipe's latest run made, one a line.
digests() {
  tr -d ' \n' <"$(latest "$1")/run.json" | sed 's/.*"artifacts"://' |
    grep -o '"stage":"[^"]*","port":"[^"]*","type":"[^"]*","digest":"[^"]*"' | sort
}

same() {
  [[ -n $(digests "$1") ]] || fail "$1 has no artifacts"
  diff <(digests "$1") <(digests "$2") >/dev/null || fail "$1 and $2 differ"
  echo "$(digests "$1" | wc -l) artifacts, all the same"
}

# How many actions a run of the recipe would still execute.
left() { "$program" plan "$@" --json | grep -o '"run":[0-9]*}' | tr -dc 0-9; }

# A recipe whose branch 'bad' fails for a picture that is none, and whose branch 'good' does not.
branches() {
  checkout "$1"
  mkdir faces
  cp "$repository"/Fixtures/portraits/*.png faces/
  mv faces/"$(ls faces | head -n 1)" kept.png
  echo "no picture" >faces/aaa.png
  cat >recipe.yaml <<'YAML'
recipe: branches
params: { step: { sweep: [200, 400] } }
stages:
  base:   { load: { diffusion: Fixtures/models/portraits-diffusion.safetensors } }
  broken: { load: { images: "faces/*.png", size: 64 } }
  bad:    { invert: { images: broken, model: base, steps: 4 } }
  people: { synthesize: { count: 4 } }
  good:   { invert: { images: people, model: base, return_step: "${step}", steps: 4 } }
  back:   { sample: { latents: good, model: base, steps: 4 } }
  sheet:  { figure: { rows: { back: back } } }
  other:  { figure: { rows: [broken] } }
  last:   { sample: { latents: bad, model: base, steps: 4 } }
outputs: [sheet, other, last]
YAML
}
