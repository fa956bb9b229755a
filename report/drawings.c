/* SPDX-License-Identifier: MIT */
/* From plots to pictures, all of a page by one gnuplot. */
#include "report/drawings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "report/gnuplot.h"
#include "report/pdf_date.h"
#include "report/plot_parts.h"
#include "report/svg.h"

static assay_status out_of_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory to draw them");
}

/* The page's plots, whole or in parts. */
static assay_status list_plots(as_arena *arena, const as_page *page, bool in_parts,
                               const as_plot ***ret_plots, size_t *ret_n, assay_error *error) {
    size_t most = 0, n = 0;
    for (const as_block *b = page->first; b; b = b->next)
        most += b->kind != AS_BLOCK_PLOT ? 0 : in_parts ? b->plot->n_panels : 1;
    const as_plot **plots = as_arena_alloc_array(arena, most, sizeof *plots);
    if (!plots)
        return out_of_memory(error);
    for (const as_block *b = page->first; b; b = b->next) {
        size_t n_parts = 1;
        if (b->kind != AS_BLOCK_PLOT)
            continue;
        const as_plot *parts = in_parts ? as_plot_parts(arena, b->plot, &n_parts) : b->plot;
        if (!parts)
            return out_of_memory(error);
        for (size_t i = 0; i < n_parts; i++)
            plots[n++] = &parts[i];
    }
    *ret_plots = plots;
    *ret_n = n;
    return ASSAY_OK;
}

/* The page's plots and their scenes. */
static assay_status lay_out(as_arena *arena, const as_page *page, bool in_parts,
                            const as_plot ***ret_plots, as_scene **ret_scenes, size_t *ret_n,
                            assay_error *error) {
    const as_plot **plots = NULL;
    size_t n = 0;
    assay_status status = list_plots(arena, page, in_parts, &plots, &n, error);
    if (status != ASSAY_OK)
        return status;
    as_scene *scenes = as_arena_alloc_array(arena, n, sizeof *scenes);
    if (!scenes)
        return out_of_memory(error);
    for (size_t i = 0; i < n; i++) {
        scenes[i] = as_plot_layout(arena, plots[i]);
        if (scenes[i].failed)
            return out_of_memory(error);
    }
    *ret_plots = plots;
    *ret_scenes = scenes;
    *ret_n = n;
    return ASSAY_OK;
}

static assay_status make_svg(as_arena *arena, const as_plot *plot, const as_scene *scene,
                             const as_picture *picture, int standalone, const char **ret_svg,
                             assay_error *error) {
    const as_svg_frame frame = {plot->id,     plot->title,   plot->about,
                                scene->width, scene->height, standalone};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return out_of_memory(error);
    assay_status status = as_svg_write(&frame, picture->data, stream, error);
    if (fclose(stream) != 0 && status == ASSAY_OK)
        status = out_of_memory(error);
    if (status == ASSAY_OK && !(*ret_svg = as_arena_strndup(arena, text, size)))
        status = out_of_memory(error);
    free(text);
    return status;
}

static assay_status draw(as_arena *arena, const as_scene *scenes, as_drawings *d,
                         assay_error *error) {
    as_picture *pictures = calloc(d->n ? d->n : 1, sizeof *pictures);
    if (!pictures)
        return out_of_memory(error);
    assay_status status = as_gnuplot_draw(scenes, d->n, AS_PICTURE_SVG, pictures, error);
    for (size_t i = 0; i < d->n && status == ASSAY_OK; i++) {
        status = make_svg(arena, d->plots[i], &scenes[i], &pictures[i], 0, &d->svgs[i], error);
        as_pictures_done(&pictures[i], 1);
        pictures[i].data = NULL;
    }
    as_pictures_done(pictures, d->n);
    free(pictures);
    return status;
}

assay_status as_drawings_make(as_arena *arena, const as_page *page, as_drawings *ret_drawings,
                              assay_error *error) {
    as_drawings d = {NULL, NULL, 0, NULL};
    as_scene *scenes = NULL;
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = lay_out(arena, page, false, &d.plots, &scenes, &d.n, error);
    if (status != ASSAY_OK)
        return status;
    d.svgs = as_arena_alloc_array(arena, d.n, sizeof *d.svgs);
    if (!d.svgs)
        return out_of_memory(error);
    status = d.n ? draw(arena, scenes, &d, &why) : ASSAY_OK;
    if (status == ASSAY_UNAVAILABLE)
        d.missing = "This figure was not drawn: gnuplot was not installed when the report was "
                    "made. Its data stand in the tables.";
    else if (status != ASSAY_OK)
        return as_fail(error, status, why.where, "%s", why.text);
    *ret_drawings = d;
    return ASSAY_OK;
}

const char *as_drawings_svg(const as_drawings *drawings, const as_plot *plot) {
    for (size_t i = 0; i < drawings->n; i++)
        if (drawings->plots[i] == plot)
            return drawings->svgs[i];
    return NULL;
}

/* ---- as files ----------------------------------------------------------------------------------
 */

static assay_status hand_over(as_arena *arena, const as_drawings *d, const as_scene *scenes,
                              const char *format, as_picture_taker take, void *context,
                              assay_error *error) {
    as_picture_kind kind = strcmp(format, "svg") == 0   ? AS_PICTURE_SVG
                           : strcmp(format, "pdf") == 0 ? AS_PICTURE_PDF
                                                        : AS_PICTURE_PNG;
    as_picture *pictures = calloc(d->n ? d->n : 1, sizeof *pictures);
    if (!pictures)
        return out_of_memory(error);
    assay_status status = as_gnuplot_draw(scenes, d->n, kind, pictures, error);
    for (size_t i = 0; i < d->n && status == ASSAY_OK; i++) {
        const char *svg = NULL;
        char name[200];
        snprintf(name, sizeof name, "%.150s.%s", d->plots[i]->id, format);
        if (kind == AS_PICTURE_PDF)
            as_pdf_blank_date(pictures[i].data, pictures[i].size);
        if (kind == AS_PICTURE_SVG)
            status = make_svg(arena, d->plots[i], &scenes[i], &pictures[i], 1, &svg, error);
        if (status == ASSAY_OK)
            status = take(context, name, svg ? svg : pictures[i].data,
                          svg ? strlen(svg) : pictures[i].size, error);
    }
    as_pictures_done(pictures, d->n);
    free(pictures);
    return status;
}

assay_status as_drawings_each(const as_page *page, bool in_parts, const char *format,
                              as_picture_taker take, void *context, assay_error *error) {
    as_drawings d = {NULL, NULL, 0, NULL};
    as_scene *scenes = NULL;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? lay_out(arena, page, in_parts, &d.plots, &scenes, &d.n, error)
                                : out_of_memory(error);
    if (status == ASSAY_OK && d.n)
        status = hand_over(arena, &d, scenes, format, take, context, error);
    as_arena_free(arena);
    return status;
}

/* Where pictures go, and how many went there. */
typedef struct picture_folder {
    const char *path;
    size_t n;
} picture_folder;

static assay_status write_file(void *context, const char *name, const void *data, size_t size,
                               assay_error *error) {
    picture_folder *folder = context;
    char *path = as_path_join(folder->path, name);
    assay_status status = path ? ASSAY_OK : out_of_memory(error);
    if (status == ASSAY_OK && folder->n++ == 0)
        status = as_make_folders(folder->path, error);
    if (status == ASSAY_OK)
        status = as_file_write(path, data, size, error);
    free(path);
    return status;
}

assay_status as_drawings_write(const as_page *page, bool in_parts, const char *folder,
                               const char *const *formats, size_t n_formats, size_t *ret_n,
                               assay_error *error) {
    picture_folder files = {folder, 0};
    assay_status status = ASSAY_OK;
    for (size_t f = 0; f < n_formats && status == ASSAY_OK; f++)
        status = as_drawings_each(page, in_parts, formats[f], write_file, &files, error);
    if (status == ASSAY_OK)
        *ret_n = files.n;
    return status;
}
