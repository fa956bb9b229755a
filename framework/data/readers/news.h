/* SPDX-License-Identifier: MIT */
/* data/readers/news.h: headers, signatures and quotes of mail and news articles, taken out by the
 * rules of scikit-learn's fetch_20newsgroups (its `remove`). */
#ifndef AS_DATA_READERS_NEWS_H
#define AS_DATA_READERS_NEWS_H

#include <stddef.h>

typedef enum as_news_part {
    AS_NEWS_HEADERS = 1, /* everything up to the first empty line; all of it without one */
    AS_NEWS_FOOTERS = 2, /* from the last line that is blank or all hyphens (white space around them
                            apart), unless that is the first; the text's own ends are stripped of
                            white space where it is cut */
    AS_NEWS_QUOTES = 4   /* lines that begin with > or |, "In article" or "Quoted from", or hold
                            "writes in", "writes:", "wrote:", "says:" or "said:" */
} as_news_part;

/* [any] Takes the parts (ORed) out of UTF-8 `text` [n_bytes] in place: headers, then footers, then
 * quotes. Returns the bytes that are left. Lines end at LF alone; white space is Unicode's, as
 * Python's str.strip has it. */
size_t as_news_strip(char *text, size_t n_bytes, unsigned parts);

#endif
