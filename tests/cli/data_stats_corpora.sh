# SPDX-License-Identifier: MIT
# `assay data stats` on real data: Study B's exploratory figures of the whole 20 Newsgroups, and
# IMDB's known duplicates; near duplicates as a search over all pairs finds them.
. "$HARNESS"

if [ -z "${ASSAY_TEST_DATA:-}" ]; then
    [ "${CI:-}" != true ] || complain "ASSAY_TEST_DATA is not set, though CI is"
    echo "skipped: ASSAY_TEST_DATA is not set, so the real data is not at hand"
    exit 77
fi

must 0 "$ASSAY" data stats 20newsgroups-all --path "$ASSAY_TEST_DATA/20news/20news-bydate.tar.xz" \
    --near --json
is "$(json .out 'd["words"]["total"], d["characters"]["total"], d["rows"], d["blank"]')" \
    '(3423145, 22043554, 18846, 515)'
is "$(json .out 'd["words"]["median"], d["words"]["q1"], d["words"]["q3"]')" '(83.0, 40.0, 166.0)'
is "$(json .out 'd["words"]["min"], d["words"]["max"]')" '(0, 11765)'
is "$(json .out '"%.1f %.1f" % (d["words"]["mean"], d["words"]["std"])')" '181.6 501.3'
is "$(json .out '"%.1f %.1f" % (d["classes"]["mean"], d["classes"]["std"])')" '942.3 97.0'
is "$(json .out 'min((l["rows"], k) for k, l in d["labels"].items())')" "(628, 'talk.religion.misc')"
is "$(json .out 'max((l["rows"], k) for k, l in d["labels"].items())')" "(999, 'rec.sport.hockey')"
is "$(json .out 'd["near_duplicates"]["pairs"], d["duplicates"]["texts"]')" '(96, 60)'
must 0 "$ASSAY" data stats 20newsgroups-all --path "$ASSAY_TEST_DATA/20news/20news-bydate.tar.xz"
prints 'per class: mean 942.3, std 97.0, min 628 (talk.religion.misc), max 999 (rec.sport.hockey)'
prints 'words (between white space) per text; 3,423,145 in all'
prints 'characters (code points) per text; 22,043,554 in all'

must 0 "$ASSAY" data stats imdb --path "$ASSAY_TEST_DATA/imdb/aclImdb-labelled.tar.xz" --near --json
is "$(json .out 'd["duplicates"]["texts"], d["splits"]["test"]["in_train"]')" '(418, 123)'
is "$(json .out 'd["near_duplicates"]["pairs"]')" 30
