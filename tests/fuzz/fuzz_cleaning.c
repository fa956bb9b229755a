/* SPDX-License-Identifier: MIT */
/* Cleaning: the first byte is the number of steps, a byte each says which, a pattern may follow
 * between slashes, the rest is the text, made valid UTF-8. After a first byte 255 the input is the
 * list of steps itself, as JSON, and the text too. What comes out must be valid UTF-8, within the
 * growth that is allowed, and the same a second time. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "data/cleaning/cleaning.h"

static const char *const choices[] = {
    "lower",
    "casefold",
    "unicode_nfc",
    "unicode_nfkc",
    "strip_accents",
    "strip_html",
    "unescape_html",
    "strip_urls",
    "strip_emails",
    "strip_quotes",
    "strip_punctuation",
    "strip_digits",
    "strip_control",
    "collapse_space",
    "{\"step\": \"strip_quotes\", \"attributions\": false}",
    "{\"step\": \"strip_digits\", \"replace\": \"<number>\"}",
    "{\"step\": \"strip_punctuation\", \"replace\": \"\"}",
    "{\"step\": \"keep\", \"characters\": [\"letters\", \"spaces\"], \"extra\": \"'\\u00e9\"}",
    "{\"step\": \"keep\", \"characters\": [\"ascii_letters\", \"digits\"], \"replace\": \"\"}",
    "{\"step\": \"remove_stopwords\", \"list\": \"nltk_english\", \"words\": [\"a\", \"x\"]}",
    "{\"step\": \"remove_stopwords\", \"list\": \"sklearn_english\"}",
    "{\"step\": \"min_token_length\", \"length\": 3}",
    "{\"step\": \"max_token_length\", \"length\": 5}",
    "{\"step\": \"regex\", \"pattern\": \"[0-9]+\", \"replace\": \"0\"}",
    "{\"step\": \"regex\", \"pattern\": \"x*\", \"replace\": \"-\"}",
    "{\"step\": \"regex\", \"pattern\": \"(?<a>\\\\w)(\\\\w)?\", \"replace\": \"$2\\\\U${a}\"}",
    "{\"step\": \"regex\", \"pattern\": \"(a+)+$\", \"case_insensitive\": true}",
    "{\"step\": \"regex\", \"pattern\": \"(.)\", \"replace\": \"$1$1\"}",
};
/* Longer inputs would only make catastrophic patterns slow. */
enum { N_CHOICES = sizeof choices / sizeof choices[0], MAX_STEPS = 8, MAX_BYTES = 8192 };

/* `data` with what is not UTF-8 replaced by U+FFFD, in at most three times its bytes. */
static char *valid_utf8(const uint8_t *data, size_t n, size_t *ret_n) {
    char *text = malloc(3 * n + 1);
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t size = utf8proc_iterate(data + i, (utf8proc_ssize_t)(n - i), &point);
        i += size > 0 ? (size_t)size : 1;
        used += (size_t)utf8proc_encode_char(size > 0 ? point : 0xFFFD,
                                             (utf8proc_uint8_t *)text + used);
    }
    text[used] = '\0';
    *ret_n = used;
    return text;
}

static void must_be_valid(const char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t size =
            utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(n - i), &point);
        if (size <= 0)
            abort();
        i += (size_t)size;
    }
}

/* A pattern between slashes at the start of the input, as a step; takes it off the input. */
static json_t *own_pattern(const uint8_t **data, size_t *n) {
    const uint8_t *end = *n > 1 && **data == '/' ? memchr(*data + 1, '/', *n - 1) : NULL;
    if (!end)
        return NULL;
    json_t *pattern = json_stringn((const char *)*data + 1, (size_t)(end - *data) - 1);
    json_t *step = pattern ? json_pack("{s:s, s:o, s:s}", "step", "regex", "pattern", pattern,
                                       "replace", "<$0>")
                           : NULL;
    *n -= (size_t)(end - *data) + 1;
    *data = end + 1;
    return step;
}

static json_t *choose_steps(const uint8_t **data, size_t *n) {
    json_t *steps = json_array();
    size_t n_steps = *n ? **data % (MAX_STEPS + 1) : 0;
    for (size_t i = 0; i < n_steps && i + 1 < *n; i++) {
        const char *choice = choices[(*data)[i + 1] % N_CHOICES];
        json_array_append_new(steps,
                              *choice == '{' ? json_loads(choice, 0, NULL) : json_string(choice));
    }
    size_t used = n_steps + 1 < *n ? n_steps + 1 : *n;
    *data += used;
    *n -= used;
    json_t *own = own_pattern(data, n);
    if (own)
        json_array_append_new(steps, own);
    return steps;
}

static void clean_twice(as_cleaner *cleaner, const char *text, size_t n) {
    const char *out, *again;
    size_t n_out, n_again;
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status = as_clean(cleaner, text, n, &out, &n_out, &error);
    if (status != ASSAY_OK) {
        if (status != ASSAY_LIMIT && status != ASSAY_BAD_DATA)
            abort();
        return;
    }
    if (n_out > 16 * n + (1 << 20))
        abort();
    must_be_valid(out, n_out);
    char *first = malloc(n_out + 1);
    memcpy(first, out, n_out);
    if (as_clean_prefix(cleaner, as_cleaner_n_steps(cleaner), text, n, &again, &n_again, &error) !=
            ASSAY_OK ||
        n_again != n_out || memcmp(again, first, n_out) != 0)
        abort();
    free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > MAX_BYTES)
        return -1;
    json_t *steps = size && *data == 255
                        ? json_loadb((const char *)data + 1, size - 1, JSON_REJECT_DUPLICATES, NULL)
                        : choose_steps(&data, &size);
    as_cleaner *cleaner;
    assay_error error = ASSAY_ERROR_INIT;
    if (as_cleaner_new(steps, "fuzz", &cleaner, &error) == ASSAY_OK) {
        size_t n;
        char *text = valid_utf8(data, size, &n);
        clean_twice(cleaner, text, n);
        free(text);
        as_cleaner_free(cleaner);
    }
    json_decref(steps);
    return 0;
}
