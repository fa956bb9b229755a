/* SPDX-License-Identifier: MIT */
/* A comparison as JUnit XML, valid by both public schemas: Apache Ant's as written down by Windy
 * Road (github.com/windyroad/JUnit-Schema, JUnit.xsd) and the one that Jenkins' xunit plugin checks
 * with (github.com/jenkinsci/xunit-plugin, junit-10.xsd):
 *
 *     testsuites > testsuite @package @id @name @timestamp @hostname @tests @failures @errors
 * @skipped
 *     @time > properties, testcase*, system-out, system-err;
 *     testcase @name @classname @time > at most one of skipped, error @type, failure @type
 *
 * A check is a test: classname assay.SUITE.ENTRY, name METRIC, without values, so that it keeps its
 * name from run to run. Regression: failure; open: skipped; what could not be compared: error. The
 * explanation is the body. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "report/compare_render.h"
#include "report/number.h"

/* Text in XML 1.0: only its characters (section 2.2), markup escaped; others become "?". */
static void write_xml(FILE *stream, const char *text) {
    for (const char *p = text; p && *p;) {
        uint32_t code = 0;
        size_t n = as_utf8_sequence(p, &code);
        bool allowed = n > 0 && code >= 0x20 && (code < 0x7f || code > 0x9f) && code != 0xfffe &&
                       code != 0xffff;
        if (!allowed)
            fputc(*p == '\n' || *p == '\t' ? *p : '?', stream);
        else if (n == 1 && strchr("<>&\"'", (int)code))
            fprintf(stream, "&#%u;", (unsigned)code);
        else
            fwrite(p, 1, n, stream);
        p += n ? n : 1;
    }
}

static void write_attribute(FILE *stream, const char *name, const char *text) {
    fprintf(stream, " %s=\"", name);
    write_xml(stream, text);
    fputc('"', stream);
}

static const char *suite_name(const as_comparison *c) {
    const char *name = json_string_value(json_object_get(c->new_->suite, "name"));
    return name ? name : "run";
}

/* A point within a name would read as another level. */
static void without_points(char *text) {
    for (; *text; text++)
        *text = *text == '.' ? '_' : *text;
}

/* "assay.SUITE.ENTRY" */
static void write_class(FILE *stream, const as_comparison *c, const char *entry) {
    char suite[200], name[400], class[640];
    snprintf(suite, sizeof suite, "%s", suite_name(c));
    snprintf(name, sizeof name, "%s", entry);
    without_points(suite);
    without_points(name);
    snprintf(class, sizeof class, "assay.%s.%s", suite, name);
    write_attribute(stream, "classname", class);
}

static void explain(FILE *stream, const as_check *check) {
    bool points = check->kind == AS_CHECK_ACCURACY;
    const char *unit = points ? " points" : " %";
    char text[1200];
    snprintf(
        text, sizeof text,
        "base %.17g, new %.17g\nchange %s%s, 95 %% interval %s to %s; allowed loss %.3g%s%s%.600s",
        check->base, check->new_, as_number_signed(100 * check->change.value, 2).text, unit,
        as_number_signed(100 * check->change.low, 2).text,
        as_number_signed(100 * check->change.high, 2).text, 100 * check->margin, unit,
        check->advice ? "\n" : "", check->advice ? check->advice : "");
    write_xml(stream, isnan(check->change.value) && check->advice ? check->advice : text);
}

static void write_check(FILE *stream, const as_comparison *c, const as_compared_entry *entry,
                        const as_check *check) {
    fputs("    <testcase", stream);
    write_attribute(stream, "name", as_check_kind_name(check->kind));
    write_class(stream, c, entry->name);
    fputs(" time=\"0\">", stream);
    if (check->verdict == AS_VERDICT_WORSE) {
        fputs("<failure type=\"regression\">", stream);
        explain(stream, check);
        fputs("</failure>", stream);
    } else if (check->verdict == AS_VERDICT_OPEN) {
        fputs("<skipped>", stream);
        explain(stream, check);
        fputs("</skipped>", stream);
    }
    fputs("</testcase>\n", stream);
}

/* "gru/onednn/f32/s1: failed in the new run: ..." as an error of that cell. */
static void write_problem(FILE *stream, const as_comparison *c, size_t i) {
    const char *text = c->problems[i];
    char cell[300], name[40];
    snprintf(cell, sizeof cell, "%.*s",
             (int)strcspn(text, ":") < 290 ? (int)strcspn(text, ":") : 290, text);
    /* One cell can have several problems. */
    size_t n = 1, length = strcspn(text, ":");
    for (size_t k = 0; k < i; k++)
        n += strcspn(c->problems[k], ":") == length && strncmp(c->problems[k], text, length) == 0;
    snprintf(name, sizeof name, n > 1 ? "compared %zu" : "compared", n);
    fputs("    <testcase", stream);
    write_attribute(stream, "name", name);
    write_class(stream, c, cell);
    fputs(" time=\"0\"><error type=\"not compared\">", stream);
    write_xml(stream, text);
    fputs("</error></testcase>\n", stream);
}

static void write_property(FILE *stream, const char *name, const char *value) {
    fputs("      <property", stream);
    write_attribute(stream, "name", name);
    write_attribute(stream, "value", value);
    fputs("/>\n", stream);
}

/* "2026-01-02T03:04:05", without a zone, as the schema wants it. */
static void write_timestamp(FILE *stream, const as_comparison *c) {
    const char *finished = json_string_value(json_object_get(c->new_->json, "finished"));
    char text[20] = "1970-01-01T00:00:00";
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    bool good = finished && strlen(finished) >= 19;
    for (size_t i = 0; good && form[i]; i++)
        good = form[i] == 'd' ? finished[i] >= '0' && finished[i] <= '9' : finished[i] == form[i];
    if (good)
        memcpy(text, finished, 19);
    write_attribute(stream, "timestamp", text);
}

void as_compare_write_junit(const as_comparison *c, FILE *stream) {
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite", stream);
    write_attribute(stream, "package", "assay");
    write_attribute(stream, "name", suite_name(c)[0] ? suite_name(c) : "run");
    write_timestamp(stream, c);
    fprintf(stream,
            " id=\"0\" hostname=\"localhost\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
            "skipped=\"%zu\" time=\"0\">\n    <properties>\n",
            c->n_checks + c->n_problems, c->n_by_verdict[AS_VERDICT_WORSE], c->n_problems,
            c->n_by_verdict[AS_VERDICT_OPEN]);
    write_property(stream, "base", as_run_name(c->base));
    write_property(stream, c->against ? "against" : "new",
                   c->against ? c->against : as_run_name(c->new_));
    fputs("    </properties>\n", stream);
    for (size_t i = 0; i < c->n_entries; i++)
        for (size_t k = 0; k < c->entries[i].n_checks; k++)
            write_check(stream, c, &c->entries[i], &c->entries[i].checks[k]);
    for (size_t i = 0; i < c->n_problems; i++)
        write_problem(stream, c, i);
    fputs("    <system-out/>\n    <system-err/>\n  </testsuite>\n</testsuites>\n", stream);
}
