/* SPDX-License-Identifier: MIT */
/* What scenarios share.
 *
 * Warm-up: first every shape once (plans are compiled then), then the same few queries over and
 * over until the median times of two successive repetitions differ by at most 5 %, or a quarter of
 * the minimum time has passed. The same queries, because texts of other lengths would look like a
 * machine that isn't steady. Timed part: until minimum time and minimum count are both met, at most
 * AS_SCENARIO_MAX_STRETCH times the minimum time, and then to the end of the round. */
#include "measure/scenario_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "measure/environment.h"

#define STEADY 0.05
#define WARMUP_SHARE 0.25
#define TELL_EVERY_NS INT64_C(100000000)

enum { MAX_WINDOW = 32, FIRST_CAPACITY = 4096, MAX_QUERIES = 4 * 1024 * 1024 };

typedef struct measuring {
    const as_scenario *scenario;
    const as_trainee *trainee;
    const as_sequence *sequence;
    const as_scenario_config *config;
    double *logits;          /* [max_rows, n_classes] */
    as_timed_query *queries; /* [capacity], the timed ones */
    size_t capacity;
    as_scenario_result result;
    int64_t told_ns;
} measuring;

static int64_t clock_ns(const measuring *m) {
    return m->config->clock_ns ? m->config->clock_ns(m->config->clock_context) : as_clock_ns();
}

static double seconds_since(const measuring *m, int64_t start_ns) {
    return (double)(clock_ns(m) - start_ns) * 1e-9;
}

static void tell(measuring *m, double seconds) {
    double share = m->config->min_seconds > 0 ? seconds / m->config->min_seconds : 1;
    as_train_progress progress = {m->scenario->name, 0, 0, share < 1 ? share : 1, 0, NAN, NAN, 0};
    int64_t now_ns = as_clock_ns();
    if (!m->config->observer.progress || now_ns - m->told_ns < TELL_EVERY_NS)
        return;
    m->told_ns = now_ns;
    progress.tokens_per_second = seconds > 0 ? (double)m->result.n_tokens / seconds : 0;
    m->config->observer.progress(m->config->observer.context, &progress);
}

assay_status as_sequence_query(const as_sequence *sequence, const as_trainee *trainee,
                               const assay_batch *batch, double *logits, assay_error *error) {
    return sequence->run ? sequence->run(sequence->self, batch, logits, error)
                         : trainee->predict(trainee->self, batch, logits, error);
}

static assay_status time_query(measuring *m, const assay_batch *batch, as_timed_query *ret_query,
                               assay_error *error) {
    int64_t start_ns = clock_ns(m);
    assay_status status = as_sequence_query(m->sequence, m->trainee, batch, m->logits, error);
    int64_t end_ns = clock_ns(m);
    if (status == ASSAY_OK)
        *ret_query = (as_timed_query){batch->n_rows, m->sequence->real_tokens(m->sequence->self),
                                      end_ns - start_ns};
    return status;
}

static int compare_ns(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Median time of the first n_window queries, run once more; negative where the clock passed end_ns
 * first. */
static assay_status run_window(measuring *m, int64_t end_ns, double *ret_median_ns,
                               assay_error *error) {
    int64_t times[MAX_WINDOW];
    uint32_t n = m->sequence->n_window < MAX_WINDOW ? m->sequence->n_window : MAX_WINDOW;
    for (uint32_t i = 0; i < n; i++) {
        as_timed_query query;
        if (clock_ns(m) >= end_ns) {
            *ret_median_ns = -1;
            return ASSAY_OK;
        }
        assay_status status =
            time_query(m, m->sequence->query(m->sequence->self, i), &query, error);
        if (status != ASSAY_OK)
            return status;
        times[i] = query.ns;
        m->result.n_warmup++;
        tell(m, 0);
    }
    qsort(times, n, sizeof times[0], compare_ns);
    *ret_median_ns = (double)(times[(n - 1) / 2] + times[n / 2]) / 2;
    return ASSAY_OK;
}

static assay_status warm_up_shapes(measuring *m, assay_error *error) {
    for (uint64_t i = 0; i < m->sequence->n_shapes; i++) {
        as_timed_query query;
        assay_status status =
            time_query(m, m->sequence->shape(m->sequence->self, i), &query, error);
        if (status != ASSAY_OK)
            return status;
        m->result.n_warmup++;
        tell(m, 0);
    }
    return ASSAY_OK;
}

static assay_status warm_up(measuring *m, assay_error *error) {
    int64_t start_ns = clock_ns(m), end_ns;
    double before = 0, now = 0;
    assay_status status = warm_up_shapes(m, error);
    end_ns = clock_ns(m) + (int64_t)(WARMUP_SHARE * 1e9 * m->config->min_seconds);
    if (status == ASSAY_OK)
        status = run_window(m, end_ns, &before, error);
    while (status == ASSAY_OK && before >= 0 && !m->result.steady) {
        status = run_window(m, end_ns, &now, error);
        m->result.steady = status == ASSAY_OK && now >= 0 && fabs(now - before) <= STEADY * before;
        before = now;
    }
    m->result.warmup_seconds = seconds_since(m, start_ns);
    return status;
}

static assay_status make_room(measuring *m, assay_error *error) {
    size_t capacity = m->capacity ? 2 * m->capacity : FIRST_CAPACITY;
    as_timed_query *queries;
    if (m->result.n_queries < m->capacity)
        return ASSAY_OK;
    queries = realloc(m->queries, capacity * sizeof *queries);
    if (!queries)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, m->scenario->name, "no memory for %zu queries",
                       capacity);
    m->queries = queries;
    m->capacity = capacity;
    return ASSAY_OK;
}

/* Whether the timed part is over after n queries and so many seconds; asked at the end of a round.
 */
static bool is_over(measuring *m, size_t n, double seconds) {
    size_t min_queries = m->config->min_queries ? m->config->min_queries : m->scenario->min_queries;
    double min_seconds = m->config->min_seconds;
    m->result.complete = seconds >= min_seconds && n >= min_queries;
    return m->result.complete || n >= MAX_QUERIES ||
           (min_seconds > 0 && seconds >= AS_SCENARIO_MAX_STRETCH * min_seconds);
}

/* Nanoseconds that a pause took. */
static int64_t pause_work(const measuring *m, as_energy *energy) {
    int64_t start_ns = clock_ns(m);
    if (!m->config->pause)
        return 0;
    (void)as_energy_joules(energy);
    m->config->pause(m->config->pause_context);
    as_energy_skip(energy);
    return clock_ns(m) - start_ns;
}

static assay_status run_timed(measuring *m, assay_error *error) {
    as_scenario_result *result = &m->result;
    const as_sequence *sequence = m->sequence;
    as_energy energy;
    int64_t start_ns;
    as_energy_start(&energy);
    (void)pause_work(m, &energy);
    start_ns = clock_ns(m);
    do {
        as_timed_query query;
        assay_status status = make_room(m, error);
        if (status == ASSAY_OK)
            status =
                time_query(m, sequence->query(sequence->self, result->n_queries), &query, error);
        if (status != ASSAY_OK)
            return status;
        m->queries[result->n_queries++] = query;
        result->n_rows += (uint64_t)query.n_rows;
        result->n_tokens += (uint64_t)query.n_tokens;
        result->seconds = seconds_since(m, start_ns);
        tell(m, result->seconds);
        start_ns += pause_work(m, &energy);
    } while (result->n_queries % sequence->n_round != 0 ||
             !is_over(m, result->n_queries, result->seconds));
    result->joules = as_energy_joules(&energy);
    return ASSAY_OK;
}

assay_status as_sequence_flops(const as_sequence *sequence, const as_scenario *scenario,
                               const assay_graph_view *view, uint64_t n, double *ret_flops,
                               assay_error *error) {
    size_t most_rows = (size_t)(sequence->max_rows > 0 ? sequence->max_rows : 1);
    double sum = view ? 0 : NAN;
    int32_t *lengths = calloc(most_rows, sizeof *lengths);
    if (!lengths)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, scenario->name, "no memory for lengths");
    for (uint64_t i = 0; view && i < n; i++) {
        const assay_batch *batch = sequence->query(sequence->self, i);
        for (int32_t b = 0; b < batch->n_rows; b++)
            lengths[b] = batch->offsets[b + 1] - batch->offsets[b];
        sum += as_graph_flops(view, scenario->split == AS_SPLIT_TRAIN, batch->n_rows, lengths);
    }
    free(lengths);
    *ret_flops = sum;
    return ASSAY_OK;
}

assay_status as_sequence_run(as_arena *arena, const as_scenario *scenario,
                             const as_trainee *trainee, const as_sequence *sequence,
                             const as_scenario_config *config, as_scenario_result *ret_result,
                             assay_error *error) {
    measuring m = {
        .scenario = scenario, .trainee = trainee, .sequence = sequence, .config = config};
    as_timed_query *queries;
    assay_status status;
    m.logits = as_arena_alloc_array(arena, (size_t)sequence->max_rows,
                                    (size_t)trainee->n_classes * sizeof *m.logits);
    if (!m.logits)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, scenario->name, "no memory for logits");
    status = warm_up(&m, error);
    if (status == ASSAY_OK)
        status = run_timed(&m, error);
    if (status == ASSAY_OK)
        status = as_sequence_flops(sequence, scenario, config->view, m.result.n_queries,
                                   &m.result.flops, error);
    if (status != ASSAY_OK)
        goto done;
    queries = as_arena_alloc_array(arena, m.result.n_queries, sizeof *queries);
    if (!queries) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, scenario->name, "no memory for %zu queries",
                         m.result.n_queries);
        goto done;
    }
    memcpy(queries, m.queries, m.result.n_queries * sizeof *queries);
    m.result.queries = queries;
    m.result.samples_per_second = (double)m.result.n_rows / m.result.seconds;
    m.result.tokens_per_second = (double)m.result.n_tokens / m.result.seconds;
    *ret_result = m.result;

done:
    free(m.queries);
    return status;
}
