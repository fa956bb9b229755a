/* SPDX-License-Identifier: MIT */
/* The CSV and TSV reader. The first byte chooses the options: bit 0 tsv, 1 no header, 2 the other
 * setting of `quote`, 3 Latin-1, 4 invalid bytes are replaced, 5 a bound of 40 bytes, 6 two text
 * columns. */
#include "fuzz_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (!n_bytes)
        return 0;
    unsigned o = bytes[0];
    json_t *reader = json_pack("{s:b, s:o, s:[o]}", "header", !(o & 2), "label",
                               o & 2 ? json_integer(1) : json_string("label"), "text",
                               o & 2 ? json_integer(2) : json_string("text"));
    if (o & 4)
        json_object_set_new(reader, "quote", json_boolean(o & 1));
    if (o & 8)
        json_object_set_new(reader, "encoding", json_string("latin-1"));
    if (o & 16)
        json_object_set_new(reader, "invalid", json_string("replace"));
    if (o & 64)
        json_array_append_new(json_object_get(reader, "text"), json_integer(1));
    fuzz_table(o & 1 ? "tsv" : "csv", &as_delimited_format, reader, o & 32 ? 40 : 1 << 16,
               bytes + 1, n_bytes - 1);
    return 0;
}
