/* SPDX-License-Identifier: MIT */
/* data/cleaning/stopwords.h: named lists of stop words. */
#ifndef AS_DATA_CLEANING_STOPWORDS_H
#define AS_DATA_CLEANING_STOPWORDS_H

#include <stddef.h>

typedef struct as_stopword_list {
    const char *name;
    const char *const *words; /* [n_words], lower case */
    size_t n_words;
} as_stopword_list;

/* [any] All lists: nltk_english (179 words), sklearn_english (318). */
const as_stopword_list *as_stopword_lists(size_t *ret_n);

#endif
