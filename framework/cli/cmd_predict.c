/* SPDX-License-Identifier: MIT */
/* assay predict RUN/CELL: labels and probabilities of texts by a saved model. Lines are read as
 * they come: those that are there already are predicted together, and none is waited for before
 * they are answered. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cell/saved.h"
#include "cli/commands.h"
#include "data/dataset.h"
#include "data/tokenizers/utf8_repair.h"

enum { MAX_ROWS = 32, BLOCK = 1 << 16, MAX_THREADS = 1024, FEW_CLASSES = 8, SHOWN = 3 };

static const char usage[] =
    "usage: assay predict RUN/CELL [--text TEXT | FILE] [--json [--logits]] [--backend B]\n"
    "                             [--threads N]\n"
    "\n"
    "Labels texts with a model that assay run trained and kept: the cleaning, tokenizer and "
    "length\n"
    "of its suite, its weights, on its backend. Reads one text a line, from FILE or standard "
    "input;\n"
    "each line is answered before the next one is waited for. A text of which no token is left\n"
    "after cleaning gets no label.\n"
    "\n"
    "  RUN/CELL               a run's folder and a cell in it, or an entry that has one cell; the\n"
    "                         folder alone where the run has one cell. Weights are kept where the\n"
    "                         suite says so: assay run SUITE --set checkpoint.keep=true\n"
    "  --text TEXT            this text instead of lines\n"
    "  --json                 JSON Lines: {\"index\", \"label\", \"probabilities\", \"tokens\",\n"
    "                         \"unknown\", \"truncated\"}\n"
    "  --logits               with --json: also \"logits\", whose softmax the probabilities are\n"
    "  --backend B            another backend than the cell's (assay list backends)\n"
    "  --threads N            default: all processors\n"
    "\n"
    "Examples\n"
    "  assay run quick --set checkpoint.keep=true --out runs/kept\n"
    "  assay predict runs/kept/gru --text \"a word or two\"\n"
    "  zcat reviews.txt.gz | assay predict runs/imdb-1/gru --json > labels.jsonl\n"
    "\n"
    "Exit status: 0 done, 3 the model cannot run here, 64 usage or no such cell, 65 bad data. See\n"
    "assay-predict(1).\n";

/* Lines of a descriptor, each at most AS_MAX_TEXT_BYTES long. */
typedef struct lines {
    const char *name;
    int fd;
    char *buffer;
    size_t begin, end, capacity; /* what is read and not given out */
    size_t scanned;              /* no line ends before it */
    uint64_t number;             /* of lines given out */
    bool ended;
} lines;

typedef struct job {
    as_saved_cell *cell;
    bool json, logits;
    char **quoted; /* [n_classes] labels as JSON strings */
    int width;     /* of the widest label, or of what stands for none */
    uint64_t n_done;
    as_text texts[MAX_ROWS];
    as_text_prediction predictions[MAX_ROWS];
} job;

static const char nothing_left[] = "(empty after cleaning)";

/* ---- printing -------------------------------------------------------------------------------- */

/* Characters of UTF-8. */
static int width_of(const char *text) {
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* Padded with blanks on the right; a control character would drive the terminal. */
static void print_padded(const char *text, int width) {
    as_utf8_show(stdout, text);
    for (int n = width_of(text); n < width; n++)
        putchar(' ');
}

/* Figures by label; nothing was predicted where there are none. */
static void print_figures(const job *j, const char *name, const double *figures) {
    printf(", \"%s\": %s", name, figures ? "{" : "null");
    for (int32_t k = 0; figures && k < j->cell->n_classes; k++)
        printf("%s%s: %.9g", k ? ", " : "", j->quoted[k], (double)(float)figures[k]);
    if (figures)
        putchar('}');
}

static void print_json(const job *j, const as_text_prediction *p) {
    bool some = p->label >= 0;
    printf("{\"index\": %llu, \"label\": %s", (unsigned long long)j->n_done,
           some ? j->quoted[p->label] : "null");
    print_figures(j, "probabilities", some ? p->probabilities : NULL);
    if (j->logits)
        print_figures(j, "logits", some ? p->logits : NULL);
    printf(", \"tokens\": %d, \"unknown\": %d, \"truncated\": %s}\n", p->n_tokens, p->n_unknown,
           p->truncated ? "true" : "false");
}

/* With a few classes a column for each; with more the likeliest three, by name. */
static void print_header(const job *j) {
    const as_saved_cell *cell = j->cell;
    print_padded("label", j->width);
    for (int32_t k = 0; cell->n_classes <= FEW_CLASSES && k < cell->n_classes; k++) {
        fputs("  ", stdout);
        print_padded(cell->labels[k], k + 1 < cell->n_classes ? 6 : 0);
    }
    puts(cell->n_classes <= FEW_CLASSES ? "" : "          next");
}

static void print_likeliest(const job *j, const double *probabilities) {
    const as_saved_cell *cell = j->cell;
    int32_t last = -1;
    for (int n = 0; n < SHOWN; n++) {
        int32_t best = -1;
        for (int32_t k = 0; k < cell->n_classes; k++) {
            /* the next one in descending order, ties by number */
            bool later = last < 0 || probabilities[k] < probabilities[last] ||
                         (probabilities[k] == probabilities[last] && k > last);
            if (later && (best < 0 || probabilities[k] > probabilities[best]))
                best = k;
        }
        if (n > 0) {
            fputs("  ", stdout);
            print_padded(cell->labels[best], j->width);
        }
        printf("  %.4f", probabilities[best]);
        last = best;
    }
}

static void print_row(const job *j, const as_text_prediction *p) {
    const as_saved_cell *cell = j->cell;
    if (p->label < 0) {
        puts(nothing_left);
        return;
    }
    print_padded(cell->labels[p->label], j->width);
    if (cell->n_classes > FEW_CLASSES)
        print_likeliest(j, p->probabilities);
    for (int32_t k = 0; cell->n_classes <= FEW_CLASSES && k < cell->n_classes; k++) {
        int width = k + 1 < cell->n_classes ? width_of(cell->labels[k]) : 0;
        printf("  %.4f%*s", p->probabilities[k], width > 6 ? width - 6 : 0, "");
    }
    putchar('\n');
}

static assay_status answer(job *j, size_t n, assay_error *error) {
    assay_status status = as_saved_cell_predict(j->cell, j->texts, n, j->predictions, error);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < n; i++, j->n_done++) {
        if (j->n_done == 0 && !j->json)
            print_header(j);
        if (j->json)
            print_json(j, &j->predictions[i]);
        else
            print_row(j, &j->predictions[i]);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        return as_fail(error, ASSAY_IO, "standard output", "%s", strerror(errno));
    return ASSAY_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static assay_status make_room(lines *l, assay_error *error) {
    if (l->begin > 0) {
        memmove(l->buffer, l->buffer + l->begin, l->end - l->begin);
        l->end -= l->begin;
        l->scanned -= l->begin;
        l->begin = 0;
    }
    if (l->capacity - l->end >= BLOCK)
        return ASSAY_OK;
    size_t capacity = l->capacity * 2 + BLOCK;
    char *more = realloc(l->buffer, capacity);
    if (!more)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, l->name, "no memory for a line");
    l->buffer = more;
    l->capacity = capacity;
    return ASSAY_OK;
}

static as_where line_where(const lines *l) {
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)l->number + 1);
    return as_where_join(l->name, ":", number);
}

/* One read: what there is, or waiting for more. */
static assay_status read_more(lines *l, assay_error *error) {
    if (l->end - l->begin > AS_MAX_TEXT_BYTES)
        return as_fail(error, ASSAY_LIMIT, line_where(l).text,
                       "the line has over %d bytes; a text has at most so many", AS_MAX_TEXT_BYTES);
    assay_status status = make_room(l, error);
    if (status != ASSAY_OK)
        return status;
    ssize_t n;
    do
        n = read(l->fd, l->buffer + l->end, BLOCK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return as_fail(error, ASSAY_IO, l->name, "cannot be read: %s", strerror(errno));
    l->ended = n == 0;
    l->end += (size_t)n;
    return ASSAY_OK;
}

/* End of the line that begins next, where all of it has been read; NULL: not yet. */
static char *line_end(lines *l) {
    char *found =
        l->end > l->scanned ? memchr(l->buffer + l->scanned, '\n', l->end - l->scanned) : NULL;
    l->scanned = found ? (size_t)(found - l->buffer) : l->end;
    return found || !l->ended || l->begin == l->end ? found : l->buffer + l->end;
}

/* As the readers of data sets do: no NUL, UTF-8, no byte order mark, LF or CR LF. */
static assay_status check_text(const char *bytes, size_t n_bytes, const char *where,
                               assay_error *error) {
    size_t n_valid = as_utf8_valid_prefix(bytes, n_bytes);
    const char *nul = n_bytes ? memchr(bytes, 0, n_bytes) : NULL;
    if (n_valid < n_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "byte %zu of the text, %02X, is not UTF-8; texts are UTF-8", n_valid + 1,
                       (unsigned)(unsigned char)bytes[n_valid]);
    if (nul)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "byte %zu of the text is NUL; is this a text file?",
                       (size_t)(nul - bytes) + 1);
    return ASSAY_OK;
}

static assay_status take_line(lines *l, char *end, as_text *text, assay_error *error) {
    text->bytes = l->buffer + l->begin;
    text->n_bytes = (size_t)(end - text->bytes);
    l->begin = l->scanned = (size_t)(end - l->buffer) + (end < l->buffer + l->end);
    if (text->n_bytes && end[-1] == '\r')
        text->n_bytes--;
    if (l->number == 0 && text->n_bytes >= 3 && memcmp(text->bytes, "\xEF\xBB\xBF", 3) == 0) {
        text->bytes += 3;
        text->n_bytes -= 3;
    }
    assay_status status = check_text(text->bytes, text->n_bytes, line_where(l).text, error);
    l->number++;
    return status;
}

/* Answers what can be answered without waiting, then waits. */
static assay_status predict_lines(job *j, lines *l, assay_error *error) {
    assay_error found = ASSAY_ERROR_INIT;
    for (;;) {
        assay_status status = ASSAY_OK;
        size_t n = 0;
        char *end;
        while (status == ASSAY_OK && n < MAX_ROWS && (end = line_end(l)))
            if ((status = take_line(l, end, &j->texts[n], &found)) == ASSAY_OK)
                n++;
        if (n > 0) {
            assay_status answered = answer(j, n, error);
            if (answered != ASSAY_OK)
                return answered;
        }
        if (status != ASSAY_OK)
            return assay_fail(error, status, found.where, found.text);
        if (n > 0)
            continue;
        if (l->ended)
            return ASSAY_OK;
        if ((status = read_more(l, error)) != ASSAY_OK)
            return status;
    }
}

/* path NULL or "-": standard input. */
static assay_status predict_file(job *j, const char *path, assay_error *error) {
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    lines l = {.name = path ? path : "standard input", .fd = STDIN_FILENO};
    if (path && (l.fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return as_fail(error, errno == ENOENT ? ASSAY_NOT_FOUND : ASSAY_IO, path, "%s",
                       strerror(errno));
    assay_status status = predict_lines(j, &l, error);
    if (path)
        close(l.fd);
    free(l.buffer);
    return status;
}

static assay_status predict_text(job *j, const char *text, assay_error *error) {
    j->texts[0] = (as_text){text, strlen(text)};
    assay_status status = check_text(text, j->texts[0].n_bytes, "--text", error);
    return status == ASSAY_OK ? answer(j, 1, error) : status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static assay_status parse_threads(const char *text, int32_t *ret_threads, assay_error *error) {
    cpu_set_t set;
    char *end = NULL;
    long n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    if (text)
        n = strtol(text, &end, 10);
    if (text && (end == text || *end || n < 1 || n > MAX_THREADS))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--threads",
                       "found \"%.40s\"; expected a number from 1 to %d", text, MAX_THREADS);
    *ret_threads = (int32_t)n;
    return ASSAY_OK;
}

/* OpenMP as in a cell's process (cell/environment.c), which reads this when the backend is loaded.
 * What the user has set stays. */
static void set_openmp(int32_t threads) {
    char count[16];
    snprintf(count, sizeof count, "%d", (int)threads);
    setenv("OMP_NUM_THREADS", count, 0);
    setenv("OMP_DYNAMIC", "false", 0);
    setenv("OMP_MAX_ACTIVE_LEVELS", "1", 0);
    setenv("OMP_PROC_BIND", "false", 0);
    setenv("GOMP_SPINCOUNT", "2000", 0); /* a thread that waits must not take another's core */
}

static assay_status make_job(as_arena *arena, as_saved_cell *cell, job *j, assay_error *error) {
    size_t k = (size_t)cell->n_classes;
    double *figures = as_arena_alloc_array(arena, 2 * MAX_ROWS * k, sizeof *figures);
    j->cell = cell;
    j->quoted = as_arena_alloc_array(arena, k, sizeof(char *));
    if (!figures || !j->quoted)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "predict", "no memory");
    for (size_t i = 0; i < MAX_ROWS; i++)
        j->predictions[i] =
            (as_text_prediction){.probabilities = figures + i * k,
                                 .logits = j->logits ? figures + (MAX_ROWS + i) * k : NULL};
    j->width = (int)strlen("label");
    for (size_t i = 0; i < k; i++) {
        json_t *label = json_string(cell->labels[i]);
        char *quoted = label ? json_dumps(label, JSON_ENCODE_ANY) : NULL;
        j->quoted[i] = quoted ? as_arena_strdup(arena, quoted) : NULL;
        free(quoted);
        json_decref(label);
        if (!j->quoted[i])
            return as_fail(error, ASSAY_OUT_OF_MEMORY, "predict", "no memory");
        int width = width_of(cell->labels[i]);
        j->width = width > j->width ? width : j->width;
    }
    return ASSAY_OK;
}

static assay_status predict(as_arena *arena, int argc, char **argv, assay_error *error) {
    static job j;
    as_saved_cell *cell = NULL;
    as_words operands;
    const char *text = NULL, *backend = NULL, *threads = NULL;
    int32_t n_threads = 1;
    const as_arg args[] = {{"--text", AS_ARG_TEXT, &text},
                           {"--json", AS_ARG_FLAG, &j.json},
                           {"--logits", AS_ARG_FLAG, &j.logits},
                           {"--backend", AS_ARG_TEXT, &backend},
                           {"--threads", AS_ARG_TEXT, &threads}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 2,
                                        &operands, error);
    if (status == ASSAY_OK)
        status = parse_threads(threads, &n_threads, error);
    if (status == ASSAY_OK && j.logits && !j.json)
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--logits", "needs --json");
    if (status == ASSAY_OK && text && operands.n == 2)
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--text",
                         "and a FILE are given; texts come from one of them");
    if (status == ASSAY_OK)
        status = as_saved_cell_open(arena, operands.items[0], &cell, error);
    if (status == ASSAY_OK)
        as_warn_diverged(cell->diverged_after);
    set_openmp(n_threads);
    if (status == ASSAY_OK)
        status = as_saved_cell_start(arena, cell, backend, n_threads, text ? 1 : MAX_ROWS, error);
    if (status == ASSAY_OK)
        status = make_job(arena, cell, &j, error);
    if (status == ASSAY_OK)
        status = text ? predict_text(&j, text, error)
                      : predict_file(&j, operands.n == 2 ? operands.items[1] : NULL, error);
    as_saved_cell_free(cell);
    return status;
}

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? predict(arena, argc, argv, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "predict", "no memory");
    int code = status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
    as_arena_free(arena);
    fflush(NULL);
    _exit(code); /* not exit(): unloading OpenMP and plugins can only crash */
}

const as_command as_command_predict = {"predict", "labels texts with a model that a run kept",
                                       usage, run};
