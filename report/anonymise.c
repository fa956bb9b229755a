/* SPDX-License-Identifier: MIT */
/* What gives an author away: paths below home folders, names of host and user. Names of fewer
 * than three letters would take out words by chance, and root is everybody's: they stay. */
#include "report/anonymise.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_NAMES = 32, LEAST_LETTERS = 3 };

typedef struct secrets {
    as_page *page;
    const char *names[MOST_NAMES];
    size_t n_names, n_removed, n_paths;
} secrets;

static void add_name(secrets *s, const char *name) {
    if (!name || strlen(name) < LEAST_LETTERS || s->n_names == MOST_NAMES ||
        strcmp(name, "root") == 0 || strcmp(name, "localhost") == 0)
        return;
    for (size_t i = 0; i < s->n_names; i++)
        if (strcmp(s->names[i], name) == 0)
            return;
    s->names[s->n_names++] = name;
}

static void add_environment(secrets *s, const json_t *environment) {
    static const char *const keys[] = {"host", "hostname", "user", "home"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        add_name(s, json_string_value(json_object_get(environment, keys[i])));
}

static void add_machine(secrets *s) {
    static char host[256];
    const struct passwd *user = getpwuid(getuid());
    if (gethostname(host, sizeof host - 1) == 0)
        add_name(s, host);
    if (user)
        add_name(s, user->pw_name);
}

/* ---- in one text -------------------------------------------------------------------------------
 */

/* Length of an absolute path at `p`, of at least two parts; 0: there is none. */
static size_t path_length(const char *text, const char *p) {
    bool begins = p == text || strchr(" \t\"'=(,:[<", p[-1]);
    size_t n = strcspn(p, " \t\"',;)]>|");
    bool deep = false;
    for (size_t i = 1; i < n; i++)
        deep = deep || (p[i] == '/' && i + 1 < n);
    return begins && *p == '/' && deep ? n : 0;
}

static size_t last_part(const char *path, size_t n) {
    size_t at = n;
    while (at > 0 && path[at - 1] == '/')
        at--;
    while (at > 0 && path[at - 1] != '/')
        at--;
    return at;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Index of the name that stands at `p` as a word of its own; n_names: none. */
static size_t name_at(const secrets *s, const char *text, const char *p) {
    for (size_t i = 0; i < s->n_names; i++) {
        size_t n = strlen(s->names[i]);
        if (strncmp(p, s->names[i], n) == 0 && (p == text || !is_letter(p[-1])) && !is_letter(p[n]))
            return i;
    }
    return s->n_names;
}

static const char *clean(secrets *s, const char *text) {
    static const char gone[] = "(removed)";
    size_t n = text ? strlen(text) : 0;
    char *out = n ? as_arena_alloc_array(s->page->arena, n + 1, sizeof gone) : NULL, *at = out;
    bool changed = false;
    if (!n)
        return text;
    if (!out) {
        s->page->failed = true;
        return "";
    }
    for (const char *p = text; *p;) {
        size_t path = path_length(text, p), name = name_at(s, text, p);
        if (path) {
            size_t keep = last_part(p, path);
            memcpy(at, p + keep, path - keep);
            at += path - keep;
            p += path;
            s->n_paths++;
        } else if (name < s->n_names) {
            memcpy(at, gone, sizeof gone - 1);
            at += sizeof gone - 1;
            p += strlen(s->names[name]);
            s->n_removed++;
        } else {
            *at++ = *p++;
            continue;
        }
        changed = true;
    }
    return changed ? out : text;
}

static void clean_spans(secrets *s, as_spans *spans) {
    for (size_t i = 0; i < spans->n; i++)
        if (spans->items[i].kind != AS_SPAN_NUMBER)
            spans->items[i].text = clean(s, spans->items[i].text);
}

static void clean_block(secrets *s, as_block *block) {
    clean_spans(s, &block->spans);
    for (size_t i = 0; i < block->n_items; i++)
        clean_spans(s, &block->items[i]);
    for (size_t c = 0; c < block->table.n_columns; c++)
        block->table.columns[c].heading.text = clean(s, block->table.columns[c].heading.text);
    for (size_t r = 0; r < block->table.n_rows; r++)
        for (size_t c = 0; c < block->table.rows[r].n_cells; c++)
            clean_spans(s, &block->table.rows[r].cells[c]);
    block->table.caption = clean(s, block->table.caption);
}

/* ---- the list ----------------------------------------------------------------------------------
 */

void as_page_anonymise(as_page *page, as_run *const *runs, size_t n_runs) {
    secrets s = {.page = page};
    for (size_t i = 0; i < n_runs; i++)
        add_environment(&s, json_object_get(runs[i]->json, "environment"));
    add_machine(&s);
    for (as_block *b = page->first; b; b = b->next)
        clean_block(&s, b);
    as_page_section(page, "removed", "Removed for blind review");
    as_page_list(page);
    as_page_item(page);
    as_page_format(page, "absolute paths, of which the last part stays: %zu", s.n_paths);
    as_page_item(page);
    as_page_format(page, "names of hosts and users: %zu", s.n_removed);
}
