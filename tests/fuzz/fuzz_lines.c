/* SPDX-License-Identifier: MIT */
/* The readers of "LABEL text" lines and of the SMS form, and what is stripped from news. The first
 * byte chooses: bit 0 sms, 1 and 2 the encoding, 3 invalid bytes are replaced, 4 a bound of 40
 * bytes, 5 to 7 the parts of an article. */
#include <string.h>

#include "data/readers/news.h"
#include "fuzz_table.h"

static void strip(const uint8_t *bytes, size_t n_bytes, unsigned parts) {
    char *text = malloc(n_bytes ? n_bytes : 1);
    if (!text)
        return;
    memcpy(text, bytes, n_bytes);
    if (as_news_strip(text, n_bytes, parts) > n_bytes)
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const char *const encodings[] = {"utf-8", "latin-1", "windows-1252", "utf-8"};
    if (!n_bytes)
        return 0;
    unsigned o = bytes[0];
    json_t *reader = json_pack("{s:s, s:s}", "encoding", encodings[o >> 1 & 3], "invalid",
                               o & 8 ? "replace" : "refuse");
    fuzz_table(o & 1 ? "sms" : "lines", o & 1 ? &as_sms_format : &as_lines_format, reader,
               o & 16 ? 40 : 1 << 16, bytes + 1, n_bytes - 1);
    strip(bytes + 1, n_bytes - 1, o >> 5);
    return 0;
}
