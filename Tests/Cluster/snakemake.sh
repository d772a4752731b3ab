#!/usr/bin/env bash
# Runs recipes through Snakemake (8 or later), and compares with runs of this machine: the multi-attribute and a swept
# recipe; a stage that fails, running again; names that would do harm.
#
#   snakemake.sh [PROGRAM [--full]]     --full takes the recipes as they are, else with little to do
set -euo pipefail
source "$(dirname "$0")/check.sh"

snakemake=$(command -v snakemake || true)
[[ -n $snakemake ]] || missing "Snakemake: pip install 'snakemake>=8'"
[[ $("$snakemake" --version) =~ ^([89]|[1-9][0-9])\. ]] || missing "Snakemake 8 or later, this is $("$snakemake" --version)"

# Snakemake with the recipe's Snakefile.
flow() { "$snakemake" -s .diffusionclip/submissions/*/Snakefile "$@" >snakemake.log 2>&1; }

for recipe in multi-attribute continuous-transition; do
  say "$recipe by a run of this machine"
  checkout local
  "$program" run Recipes/$recipe.yaml "${profile[@]}" >local.log 2>&1 || { cat local.log; fail "the run"; }
  say "$recipe by Snakemake"
  checkout snakemake-$recipe
  "$program" submit Recipes/$recipe.yaml "${profile[@]}" --engine snakemake --task 0.02 --threads 1
  flow -c2 || { tail -n 50 snakemake.log; fail "Snakemake: $?"; }
  same "$work/local/runs/$recipe" runs/$recipe
  [[ $(left Recipes/$recipe.yaml "${profile[@]}") == 0 ]] || fail "a run would do something again"
  flow -c2 || fail "Snakemake again: $?"
  grep "Nothing to be done" snakemake.log >/dev/null || { cat snakemake.log; fail "something is done again"; }
  rm -rf "$work/local"
done

say "a stage fails: what does not need it is done"
branches branches
"$program" submit recipe.yaml --engine snakemake --task 0.002 --threads 1
status=0
flow -c2 --keep-going || status=$?
[[ $status == 1 ]] || { tail -n 50 snakemake.log; fail "the status is $status"; }
grep "aaa.png" snakemake.log >/dev/null || fail "nobody says what went wrong"
[[ ! -e runs/branches ]] || fail "a plan that is not done has results"

say "the picture is mended, and the rest done"
mv kept.png faces/aaa.png
"$program" submit recipe.yaml --engine snakemake --task 0.002 --threads 1
flow -c2 || { tail -n 50 snakemake.log; fail "Snakemake again: $?"; }
if grep -E "stage_(people|good|back)" snakemake.log; then fail "something is done again"; fi
mkdir "$work/mended" && cp -r .git faces recipe.yaml Fixtures "$work/mended/"
(cd "$work/mended" && "$program" run recipe.yaml >/dev/null 2>&1) || fail "the run"
same "$work/mended/runs/branches" runs/branches

say "names that are code in YAML, Python, Snakemake or a shell"
checkout "o'; touch TRAPPED; '"
mkdir "faces {0}"
cp "$(ls "$repository"/Fixtures/portraits/*.png | head -n 1)" "faces {0}/'; touch TRAPPED; '.png"
cp "$(ls "$repository"/Fixtures/portraits/*.png | tail -n 1)" "faces {0}/{open('TRAPPED','w')}.png"
cat >recipe.yaml <<'YAML'
recipe: names
params:
  text:
    sweep:
      - "'; touch TRAPPED; '"
      - "\u0600'\u0301; touch TRAPPED; \u0600'\u0301"
      - "$(touch TRAPPED)"
      - "`touch TRAPPED`"
      - "\ntouch TRAPPED\n"
      - "\n\nopen('TRAPPED','w')\n"
      - "{open('TRAPPED','w')}"
      - "{{x}} {wildcards.part} {output} {EXEC}"
      - "' + open('TRAPPED','w').name + '"
      - "\" + open('TRAPPED','w').name + \""
      - "\"\"\" + open('TRAPPED','w').name + \"\"\""
      - "\"\u0301 + open('TRAPPED','w').name + \u0600\""
      - "\\"
      - "\\\u0301"
      - "a\u2028b\u0085c\r\nd %s"
stages:
  faces: { load: { images: "faces ?0?/*.png", size: 16 } }
  sheet: { figure: { rows: { "${text}": faces }, title: "${text}" } }
outputs: [sheet, faces]
YAML
"$program" submit recipe.yaml --engine snakemake --task 0.002 --threads 1 --runs "r'; touch TRAPPED; '{0}"
flow -c2 || { tail -n 50 snakemake.log; fail "Snakemake: $?"; }
results="r'; touch TRAPPED; '{0}/names"
run=$(latest "$results")
[[ $(ls "$run"/sheet*.svg | wc -l) == 15 ]] || fail "there are not 15 figures: $(ls "$run")"
[[ -z $(find . -name TRAPPED) ]] || fail "a name was executed: $(find . -name TRAPPED)"
"$program" run recipe.yaml --store other >run.log 2>&1 || { cat run.log; fail "the run"; }
same runs/names "$results"
for figure in "$(latest runs/names)"/sheet*.svg; do cmp "$figure" "$run/${figure##*/}" || fail "$figure differs"; done

say "Snakemake: all is well"
