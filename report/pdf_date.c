/* SPDX-License-Identifier: MIT */
/* cairo writes /CreationDate (D:...) into a PDF's information: up to 1.16 as it is, from 1.17.6 on
 * within an object stream (ISO 32000-1, 7.5.7), which zlib packs. There the date becomes blanks,
 * which pack into less than its digits do, and what is saved stands behind the packed data's end,
 * where no reader looks: offsets and lengths stay. */
#include "report/pdf_date.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST_UNPACKED = 1 << 20 };

/* Of "/CreationDate (...)", in place; 0: there is none. */
static int blank(char *data, size_t size) {
    static const char key[] = "/CreationDate (";
    char *at = memmem(data, size, key, sizeof key - 1);
    char *end = at ? memchr(at, ')', size - (size_t)(at - data)) : NULL;
    if (!end)
        return 0;
    memset(at, ' ', (size_t)(end - at) + 1);
    return 1;
}

static void repack(char *packed, size_t size, char *plain) {
    uLongf n = MOST_UNPACKED, n_packed = compressBound(MOST_UNPACKED);
    char *again = malloc(n_packed);
    if (again && uncompress((Bytef *)plain, &n, (const Bytef *)packed, size) == Z_OK &&
        blank(plain, n) &&
        compress2((Bytef *)again, &n_packed, (const Bytef *)plain, n, Z_BEST_COMPRESSION) == Z_OK &&
        n_packed <= size) {
        memcpy(packed, again, n_packed);
        memset(packed + n_packed, 0, size - n_packed);
    }
    free(again);
}

/* Of every object stream. */
static void blank_packed(char *data, size_t size) {
    static const char key[] = "/ObjStm", open[] = "stream\n", close[] = "\nendstream";
    char *plain = malloc(MOST_UNPACKED), *end = data + size;
    for (char *at = data; plain && (at = memmem(at, (size_t)(end - at), key, sizeof key - 1));) {
        char *from = memmem(at, (size_t)(end - at), open, sizeof open - 1);
        from = from ? from + sizeof open - 1 : end;
        char *to = memmem(from, (size_t)(end - from), close, sizeof close - 1);
        if (!to)
            break;
        repack(from, (size_t)(to - from), plain);
        at = to;
    }
    free(plain);
}

void as_pdf_blank_date(char *data, size_t size) {
    if (!blank(data, size))
        blank_packed(data, size);
}

size_t as_pdf_shown_size(const char *data, size_t size) {
    static const char key[] = "/ObjStm";
    size_t shown = size;
    for (const char *at = data; (at = memmem(at, size - (size_t)(at - data), key, sizeof key - 1));
         at++)
        shown = (size_t)(at - data);
    return shown;
}
