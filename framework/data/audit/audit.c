/* SPDX-License-Identifier: MIT */
/* Token counts per class, and what they tell. */
#include "data/audit/audit.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_COUNTS = 100000000 };

typedef struct tally {
    uint32_t n_labels;
    int32_t vocab_size, first_id;
    uint32_t *tokens; /* [n_labels, vocab_size] how often a token stands in a class' train texts */
    uint32_t *texts;  /* [n_labels, vocab_size] how many of them hold it */
    double *weights;  /* [n_labels, vocab_size] ln P(token | class) */
    double *priors;   /* [n_labels] ln P(class); -inf: no train text */
    uint32_t *seen;   /* [vocab_size] number of the last text that held it, from 1 */
} tally;

static void count_train(tally *t, const as_split_rows *train) {
    for (uint32_t i = 0; i < train->n_rows; i++) {
        const as_row *row = &train->rows[i];
        size_t base = (size_t)row->label * (size_t)t->vocab_size;
        for (int32_t k = 0; k < row->n_ids; k++) {
            int32_t id = row->ids[k];
            if (id < t->first_id)
                continue;
            t->tokens[base + (size_t)id]++;
            t->texts[base + (size_t)id] += t->seen[id] != i + 1;
            t->seen[id] = i + 1;
        }
    }
}

/* Add-one smoothing over the ids that are words. */
static void fit(tally *t, const as_split_rows *train) {
    int32_t n_words = t->vocab_size - t->first_id;
    for (uint32_t label = 0; label < t->n_labels; label++) {
        size_t base = (size_t)label * (size_t)t->vocab_size;
        uint64_t total = 0;
        for (int32_t id = t->first_id; id < t->vocab_size; id++)
            total += t->tokens[base + (size_t)id];
        for (int32_t id = t->first_id; id < t->vocab_size; id++)
            t->weights[base + (size_t)id] = log((double)(t->tokens[base + (size_t)id] + 1) /
                                                (double)(total + (uint64_t)n_words));
        t->priors[label] = train->counts[label]
                               ? log((double)train->counts[label] / (double)train->n_rows)
                               : -INFINITY;
    }
}

static uint32_t predict(const tally *t, const as_row *row) {
    uint32_t best = 0;
    double most = -INFINITY;
    for (uint32_t label = 0; label < t->n_labels; label++) {
        const double *weights = t->weights + (size_t)label * (size_t)t->vocab_size;
        double sum = t->priors[label];
        for (int32_t k = 0; k < row->n_ids; k++)
            if (row->ids[k] >= t->first_id)
                sum += weights[row->ids[k]];
        if (sum > most) {
            most = sum;
            best = label;
        }
    }
    return best;
}

static void score(const tally *t, const as_split_rows *splits, as_baseline *baseline) {
    const as_split_rows *train = &splits[AS_SPLIT_TRAIN];
    uint32_t commonest = 0, n_classes = 0;
    for (uint32_t label = 0; label < t->n_labels; label++) {
        n_classes += train->counts[label] > 0;
        if (train->counts[label] > train->counts[commonest])
            commonest = label;
    }
    baseline->made = n_classes > 1;
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        const as_split_rows *split = &splits[s];
        uint32_t right = 0;
        for (uint32_t i = 0; i < split->n_rows; i++)
            right += predict(t, &split->rows[i]) == (uint32_t)split->rows[i].label;
        baseline->accuracy[s] = split->n_rows ? (double)right / split->n_rows : NAN;
        baseline->majority[s] =
            split->n_rows ? (double)split->counts[commonest] / split->n_rows : NAN;
    }
}

/* ---- leaks ------------------------------------------------------------------------------------*/

static bool comes_before(const as_leak *a, const as_leak *b) {
    return a->informedness != b->informedness ? a->informedness > b->informedness : a->id < b->id;
}

/* Keeps the list sorted; the last one falls out of a full list. */
static void add_leak(as_content_audit *audit, const as_leak *leak) {
    uint32_t at = audit->n_leaks;
    while (at > 0 && comes_before(leak, &audit->leaks[at - 1]))
        at--;
    if (at == AS_MAX_LEAKS)
        return;
    uint32_t last = audit->n_leaks < AS_MAX_LEAKS ? audit->n_leaks++ : AS_MAX_LEAKS - 1;
    for (uint32_t i = last; i > at; i--)
        audit->leaks[i] = audit->leaks[i - 1];
    audit->leaks[at] = *leak;
}

static void find_leaks(const tally *t, const as_split_rows *train, as_content_audit *audit) {
    for (int32_t id = t->first_id; id < t->vocab_size; id++) {
        uint32_t all = 0;
        for (uint32_t label = 0; label < t->n_labels; label++)
            all += t->texts[(size_t)label * (size_t)t->vocab_size + (size_t)id];
        for (uint32_t label = 0; label < t->n_labels; label++) {
            uint32_t with = t->texts[(size_t)label * (size_t)t->vocab_size + (size_t)id];
            uint32_t n = train->counts[label], others = train->n_rows - n;
            if (!with || !others)
                continue;
            double recall = (double)with / n;
            as_leak leak = {id, (int32_t)label, (double)with / all, recall,
                            recall - (double)(all - with) / others};
            if (leak.informedness >= AS_LEAK_INFORMEDNESS)
                add_leak(audit, &leak);
        }
    }
}

assay_status as_audit_content(const as_split_rows *splits, uint32_t n_labels, int32_t vocab_size,
                              int32_t first_id, as_content_audit *ret_audit, assay_error *error) {
    as_content_audit audit = {0};
    assay_status status = ASSAY_OK;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < splits[s].n_rows; i++)
            audit.n_short[s] += splits[s].rows[i].n_tokens < AS_SHORT_TOKENS;
    size_t n = (size_t)n_labels * (size_t)vocab_size;
    if (n > MAX_COUNTS || !splits[AS_SPLIT_TRAIN].n_rows) {
        *ret_audit = audit;
        return ASSAY_OK;
    }
    tally t = {.n_labels = n_labels,
               .vocab_size = vocab_size,
               .first_id = first_id,
               .tokens = calloc(n, sizeof *t.tokens),
               .texts = calloc(n, sizeof *t.texts),
               .weights = calloc(n, sizeof *t.weights),
               .priors = calloc(n_labels, sizeof *t.priors),
               .seen = calloc((size_t)vocab_size, sizeof *t.seen)};
    if (!t.tokens || !t.texts || !t.weights || !t.priors || !t.seen) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, "audit", "no memory to count tokens");
        goto done;
    }
    count_train(&t, &splits[AS_SPLIT_TRAIN]);
    fit(&t, &splits[AS_SPLIT_TRAIN]);
    score(&t, splits, &audit.baseline);
    find_leaks(&t, &splits[AS_SPLIT_TRAIN], &audit);
    *ret_audit = audit;
done:
    free(t.tokens);
    free(t.texts);
    free(t.weights);
    free(t.priors);
    free(t.seen);
    return status;
}
