/* SPDX-License-Identifier: MIT */
/* From plots to pictures, all of a page by one gnuplot. */
#include "report/drawings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "report/gnuplot.h"
#include "report/svg.h"

static assay_status out_of_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory to draw them");
}

/* The page's plots and their scenes. */
static assay_status lay_out(const as_page *page, const as_plot ***ret_plots, as_scene **ret_scenes,
                            size_t *ret_n, assay_error *error) {
    size_t n = 0, i = 0;
    for (const as_block *b = page->first; b; b = b->next)
        n += b->kind == AS_BLOCK_PLOT;
    const as_plot **plots = as_arena_alloc_array(page->arena, n, sizeof *plots);
    as_scene *scenes = as_arena_alloc_array(page->arena, n, sizeof *scenes);
    if (!plots || !scenes)
        return out_of_memory(error);
    for (const as_block *b = page->first; b; b = b->next) {
        if (b->kind != AS_BLOCK_PLOT)
            continue;
        plots[i] = b->plot;
        scenes[i] = as_plot_layout(page->arena, b->plot);
        if (scenes[i++].failed)
            return out_of_memory(error);
    }
    *ret_plots = plots;
    *ret_scenes = scenes;
    *ret_n = n;
    return ASSAY_OK;
}

static assay_status make_svg(const as_page *page, const as_plot *plot, const as_scene *scene,
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
    if (status == ASSAY_OK && !(*ret_svg = as_arena_strndup(page->arena, text, size)))
        status = out_of_memory(error);
    free(text);
    return status;
}

static assay_status draw(const as_page *page, const as_scene *scenes, as_drawings *d,
                         assay_error *error) {
    as_picture *pictures = calloc(d->n ? d->n : 1, sizeof *pictures);
    if (!pictures)
        return out_of_memory(error);
    assay_status status = as_gnuplot_draw(scenes, d->n, AS_PICTURE_SVG, pictures, error);
    for (size_t i = 0; i < d->n && status == ASSAY_OK; i++)
        status = make_svg(page, d->plots[i], &scenes[i], &pictures[i], 0, &d->svgs[i], error);
    as_pictures_done(pictures, d->n);
    free(pictures);
    return status;
}

assay_status as_drawings_make(const as_page *page, as_drawings *ret_drawings, assay_error *error) {
    as_drawings d = {NULL, NULL, 0, NULL};
    as_scene *scenes = NULL;
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = lay_out(page, &d.plots, &scenes, &d.n, error);
    if (status != ASSAY_OK)
        return status;
    d.svgs = as_arena_alloc_array(page->arena, d.n, sizeof *d.svgs);
    if (!d.svgs)
        return out_of_memory(error);
    status = d.n ? draw(page, scenes, &d, &why) : ASSAY_OK;
    if (status == ASSAY_UNAVAILABLE)
        d.missing = "This figure was not drawn: gnuplot was not installed when the report was "
                    "made. Its data stand below.";
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

static assay_status write_file(const char *folder, const as_plot *plot, const char *format,
                               const void *data, size_t size, assay_error *error) {
    char name[200];
    snprintf(name, sizeof name, "%.150s.%s", plot->id, format);
    char *path = as_path_join(folder, name);
    assay_status status = path ? as_file_write(path, data, size, error) : out_of_memory(error);
    free(path);
    return status;
}

/* cairo writes the time of day into a PDF; the same figure shall be the same file. Digits of the
 * same number, so that nothing else in the file moves. */
static void set_creation_date(as_picture *picture) {
    static const char key[] = "/CreationDate (D:", date[] = "20000101000000";
    char *at = picture->size > sizeof key + sizeof date
                   ? memmem(picture->data, picture->size, key, sizeof key - 1)
                   : NULL;
    if (at && at + sizeof key + sizeof date < picture->data + picture->size)
        memcpy(at + sizeof key - 1, date, sizeof date - 1);
}

static assay_status write_format(const as_page *page, const as_drawings *d, const as_scene *scenes,
                                 const char *folder, const char *format, assay_error *error) {
    as_picture_kind kind = strcmp(format, "svg") == 0   ? AS_PICTURE_SVG
                           : strcmp(format, "pdf") == 0 ? AS_PICTURE_PDF
                                                        : AS_PICTURE_PNG;
    as_picture *pictures = calloc(d->n ? d->n : 1, sizeof *pictures);
    if (!pictures)
        return out_of_memory(error);
    assay_status status = as_gnuplot_draw(scenes, d->n, kind, pictures, error);
    for (size_t i = 0; i < d->n && status == ASSAY_OK; i++) {
        const char *svg = NULL;
        if (kind == AS_PICTURE_PDF)
            set_creation_date(&pictures[i]);
        if (kind == AS_PICTURE_SVG)
            status = make_svg(page, d->plots[i], &scenes[i], &pictures[i], 1, &svg, error);
        if (status == ASSAY_OK)
            status = write_file(folder, d->plots[i], format, svg ? svg : pictures[i].data,
                                svg ? strlen(svg) : pictures[i].size, error);
    }
    as_pictures_done(pictures, d->n);
    free(pictures);
    return status;
}

assay_status as_drawings_write(const as_page *page, const char *folder, const char *const *formats,
                               size_t n_formats, size_t *ret_n, assay_error *error) {
    as_drawings d = {NULL, NULL, 0, NULL};
    as_scene *scenes = NULL;
    assay_status status = lay_out(page, &d.plots, &scenes, &d.n, error);
    if (status == ASSAY_OK && d.n)
        status = as_make_folders(folder, error);
    for (size_t f = 0; f < n_formats && d.n && status == ASSAY_OK; f++)
        status = write_format(page, &d, scenes, folder, formats[f], error);
    if (status == ASSAY_OK)
        *ret_n = d.n * n_formats;
    return status;
}
