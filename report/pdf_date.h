/* SPDX-License-Identifier: MIT */
/* report/pdf_date.h: the time of day in PDFs that cairo made. */
#ifndef AS_REPORT_PDF_DATE_H
#define AS_REPORT_PDF_DATE_H

#include <stddef.h>

/* [any] Blanks the date of creation, so that the same figure is the same file; nothing else in the
 * file moves. A file without one stays as it is. */
void as_pdf_blank_date(char *data, size_t size);

/* [any] Bytes of a PDF of gnuplot's that hold what it shows: all, or those before its last object
 * stream, which holds the date and is longer or shorter with it. */
size_t as_pdf_shown_size(const char *data, size_t size);

#endif
