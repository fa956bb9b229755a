/* SPDX-License-Identifier: MIT */
/* Names of fewer than three letters would take out words by chance, and root is everybody's: they
 * stay. A name is one where neither a letter, a digit nor "_" stands beside it, whatever its case.
 */
#include "report/anonymise.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

enum { MOST_NAMES = 64, LEAST_LETTERS = 3 };

struct as_anonymiser {
    as_arena *arena;
    const char *names[MOST_NAMES];
    size_t n_names, n_removed, n_paths;
};

static const char gone[] = "(removed)";

/* ---- names ----------------------------------------------------------------------------------- */

static void add_name(as_anonymiser *a, const char *name, size_t n) {
    static const char *const everybodys[] = {"root", "localhost"};
    if (n < LEAST_LETTERS || a->n_names == MOST_NAMES)
        return;
    for (size_t i = 0; i < sizeof everybodys / sizeof everybodys[0]; i++)
        if (strncasecmp(everybodys[i], name, n) == 0 && !everybodys[i][n])
            return;
    for (size_t i = 0; i < a->n_names; i++)
        if (strncasecmp(a->names[i], name, n) == 0 && !a->names[i][n])
            return;
    const char *copy = as_arena_strndup(a->arena, name, n);
    if (copy)
        a->names[a->n_names++] = copy;
}

/* A host with its domain, and without. */
static void add_host(as_anonymiser *a, const char *host) {
    add_name(a, host, strlen(host));
    add_name(a, host, strcspn(host, "."));
}

/* Bytes of the home folders' folder that `p` begins with: "/home/", "/Users/". */
static size_t homes_length(const char *p) {
    static const char *const homes[] = {"/home/", "/Users/"};
    for (size_t i = 0; i < sizeof homes / sizeof homes[0]; i++)
        if (strncmp(p, homes[i], strlen(homes[i])) == 0)
            return strlen(homes[i]);
    return 0;
}

/* Whose home folders a text names. */
static void learn_text(as_anonymiser *a, const char *text) {
    for (const char *p = text; *p; p++) {
        size_t n = homes_length(p);
        if (n)
            add_name(a, p + n, strcspn(p + n, "/\\ \t\"',;:)]>|"));
    }
}

static void learn_tree(as_anonymiser *a, const json_t *json) {
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_string(json))
        learn_text(a, json_string_value(json));
    json_array_foreach(json, i, value) learn_tree(a, value);
    json_object_foreach((json_t *)(uintptr_t)json, key, value) learn_tree(a, value);
}

void as_anonymiser_learn(as_anonymiser *a, const char *folder) {
    static const char *const keys[] = {"host", "hostname", "user"};
    char *path = as_path_join(folder, "run.json"), *real = realpath(folder, NULL);
    json_t *json = NULL;
    if (real)
        learn_text(a, real);
    if (path && as_json_load(path, &json, NULL) == ASSAY_OK) {
        const json_t *environment = json_object_get(json, "environment");
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            const char *name = json_string_value(json_object_get(environment, keys[i]));
            if (name)
                add_host(a, name);
        }
        learn_tree(a, json);
    }
    json_decref(json);
    free(real);
    free(path);
}

as_anonymiser *as_anonymiser_new(as_arena *arena) {
    as_anonymiser *a = as_arena_alloc(arena, sizeof *a);
    char host[256] = "";
    const struct passwd *user = getpwuid(getuid());
    if (!a)
        return NULL;
    a->arena = arena;
    if (gethostname(host, sizeof host - 1) == 0)
        add_host(a, host);
    if (user)
        add_name(a, user->pw_name, strlen(user->pw_name));
    return a;
}

/* ---- in one text ----------------------------------------------------------------------------- */

/* "https:" stands before `p`: what follows is no path of this machine. */
static bool is_address(const char *text, const char *p) {
    return p - text >= 2 && p[-1] == ':' && p[1] == '/' &&
           !(p - text >= 5 && strncmp(p - 5, "file:", 5) == 0);
}

/* Length of an absolute path at `p`, of at least two parts; 0: there is none. A text that begins
 * with one is one as a whole, whatever blanks it has. */
static size_t path_length(const char *text, const char *p) {
    bool begins = *p == '/' && (p == text || strchr(" \t\r\n\"'`=(,;:[{<>|@", p[-1]));
    size_t n = p == text && !strpbrk(p, "\n:") ? strlen(p) : strcspn(p, " \t\r\n\"'`,;:)]}<>|");
    bool deep = false;
    for (size_t i = 1; begins && i < n; i++)
        deep = deep || (p[i] == '/' && p[i + 1] && i + 1 < n);
    return begins && deep && !is_address(text, p) ? n : 0;
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

/* Length of the longest name that stands at `p` as a word of its own; 0: none. */
static size_t name_length(const as_anonymiser *a, const char *text, const char *p) {
    size_t longest = 0;
    for (size_t i = 0; i < a->n_names; i++) {
        size_t n = strlen(a->names[i]);
        if (n > longest && strncasecmp(p, a->names[i], n) == 0 &&
            (p == text || !is_letter(p[-1])) && !is_letter(p[n]))
            longest = n;
    }
    return longest;
}

/* Writes the text without what is to go, counting that; out NULL: counts the bytes alone. */
static size_t write_clean(as_anonymiser *a, const char *text, char *out, bool *ret_changed) {
    size_t n = 0;
    for (const char *p = text; *p;) {
        size_t path = path_length(text, p), name = path ? 0 : name_length(a, text, p);
        size_t home = path ? homes_length(p) : 0;
        if (path) {
            /* The last part is looked at like any other text: it may be a name. */
            size_t keep = last_part(p, path);
            p += keep;
            a->n_paths += out != NULL;
            if (home && keep == home) /* a home folder itself */
                name = path - keep;
        }
        if (name) {
            if (out)
                memcpy(out + n, gone, sizeof gone - 1);
            n += sizeof gone - 1;
            p += name;
            a->n_removed += out != NULL;
        } else if (!path) {
            if (out)
                out[n] = *p;
            n++;
            p++;
        }
        *ret_changed = *ret_changed || path || name;
    }
    return n;
}

static const char *replace(void *context, const char *text) {
    as_anonymiser *a = context;
    bool changed = false;
    size_t n = write_clean(a, text, NULL, &changed);
    if (!changed)
        return text;
    char *out = n + 1 ? as_arena_alloc(a->arena, n + 1) : NULL;
    if (!out)
        return NULL;
    write_clean(a, text, out, &changed);
    out[n] = '\0';
    return out;
}

as_run_filter as_anonymiser_filter(as_anonymiser *anonymiser) {
    return (as_run_filter){anonymiser, replace};
}

/* ---- the list -------------------------------------------------------------------------------- */

void as_section_removed(as_page *page, const as_anonymiser *a) {
    if (!a)
        return;
    as_page_section(page, "removed", "Removed for blind review");
    as_page_list(page);
    as_page_item(page);
    as_page_format(page, "absolute paths, of which the last part stays: %zu", a->n_paths);
    as_page_item(page);
    as_page_format(page, "names of hosts and users: %zu", a->n_removed);
}
