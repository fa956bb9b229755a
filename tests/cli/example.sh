# SPDX-License-Identifier: MIT
# The committed comparison results/examples/newsgroups-technical: raw files as their digests say, every
# number of record and report derived again, the report made again byte for byte, and the README's
# table and figure what the commands beside them make. The records of results/performance likewise, as
# far as raw files go.
. "$HARNESS"
readme=$GOLDEN/../../README.md
example=$GOLDEN/../../results/examples/newsgroups-technical

must 0 "$ASSAY" verify "$example"
run=newsgroups-technical # the report names it
cp -r "$example" $run
rm -r $run/report
must 0 "$ASSAY" report $run
cmp "$example/report/report.md" $run/report/report.md || complain "the committed report is another one"

# The options of the README's own commands.
columns=$(sed -n 's/.*assay report results\/examples\/newsgroups-technical --columns \([a-z0-9_,]*\) .*/\1/p' "$readme")
must 0 "$ASSAY" report $run --columns "$columns" --out table
sed -n '/^## Comparison/,/^## /{/^|/p}' table/report.md >rows
is "$(wc -l <rows)" 9
while IFS= read -r row; do
    grep -qxF -e "$row" "$readme" || complain "the README lacks this row of its table: $row"
done <rows

grep -qF 'results/examples/newsgroups-technical/report/figures/figure-costs.svg' "$readme" || complain "the README lacks its figure"
case $(gnuplot --version 2>/dev/null) in
"gnuplot 5.4 patchlevel 4")
    must 0 "$ASSAY" report $run --figures svg --out figures
    cmp "$example/report/figures/figure-costs.svg" figures/figures/figure-costs.svg ||
        complain "the committed figure is another one"
    ;;
*) echo "another gnuplot than 5.4.4, which the committed figure was drawn by: not compared" ;;
esac

folders=0
for record in "$GOLDEN"/../../results/performance/*/run.json; do
    must 0 "$ASSAY" verify "$(dirname "$record")"
    folders=$((folders + 1))
done
[ $folders -ge 8 ] || complain "$folders records of performance; expected 8 or more"
