/* SPDX-License-Identifier: MIT */
/* Which tables of the page a paper gets, and how their columns are headed in 8 points. */
#include "report/latex_page.h"

#define NAME(index, mm, heading)                                                                   \
    { AS_TEX_NAME, index, mm, heading }
#define NUMBER(index, heading)                                                                     \
    { AS_TEX_NUMBER, index, 0, heading }
#define MIXED(index, heading)                                                                      \
    { AS_TEX_MIXED, index, 0, heading }
#define INTERVAL(index, heading)                                                                   \
    { AS_TEX_INTERVAL, index, 0, heading }
#define NOTE(index)                                                                                \
    { AS_TEX_NOTE, index, 0, "" }

static const as_tex_page_spec specs[] = {
    {.name = "runs",
     .id = "runs",
     .of_all = true,
     .lettered = true,
     .caption = "Accuracy (\\%) of every entry in every run, $\\pm$ half of its 95\\,\\% interval. "
                "Bold: the best of its run and all not separable from it.",
     .columns = {NAME(0, 22, "Entry")}},
    {.name = "ranks",
     .id = "ranks",
     .of_all = true,
     .lettered = true,
     .caption = "Ranks by accuracy of the entries that all data sets have; 1 is the best. The last "
                "column is their mean.",
     .columns = {NAME(0, 22, "Entry")}},
    {.name = "pairs",
     .id = "pairwise",
     .wide = true,
     .grouped = true,
     .caption = "Entry against entry on %: the entry in italics less the one below, in points, "
                "with 95\\,\\% intervals (accuracy: Tango's; macro F1: paired bootstrap) and $p$ "
                "(accuracy: exact McNemar test, of several seeds a sign test over texts; macro F1: "
                "paired bootstrap), adjusted after Holm over all pairs.",
     .columns = {NAME(1, 23, "less"), NUMBER(2, "Accuracy"), INTERVAL(3, "95\\,\\% interval"),
                 MIXED(5, "$p$"), NUMBER(6, "Macro F1"), INTERVAL(7, "95\\,\\% interval"),
                 MIXED(9, "$p$")}},
    {.name = "ratios",
     .id = "cost-ratios",
     .wide = true,
     .caption = "Cost in multiples of the first entry's on %: 2 is twice as much. Of means over "
                "seeds; accuracy: difference in points.",
     .columns = {NAME(0, 30, "Entry"), NUMBER(1, "\\assayhead{Accuracy\\\\(points)}"),
                 NUMBER(2, "\\assayhead{Params\\\\($\\times$)}"),
                 NUMBER(3, "\\assayhead{Trained\\\\($\\times$)}"),
                 NUMBER(4, "\\assayhead{Training\\\\time ($\\times$)}"),
                 NUMBER(5, "\\assayhead{Latency\\\\($\\times$)}"),
                 NUMBER(6, "\\assayhead{Texts/s\\\\($\\times$)}"),
                 NUMBER(7, "\\assayhead{Memory\\\\($\\times$)}")}},
    {.name = "efficiency",
     .id = "efficiency",
     .wide = true,
     .caption = "Work per second on %: operations counted from the graph, and their share of what "
                "large matrix products reached on the same machine (``matrix peak'').",
     .columns = {NAME(0, 24, "Entry"), NUMBER(1, "\\assayhead{Training\\\\(GFLOP/s)}"),
                 NUMBER(2, "\\assayhead{of peak\\\\(\\%)}"),
                 NUMBER(3, "\\assayhead{Offline\\\\(GFLOP/s)}"),
                 NUMBER(4, "\\assayhead{of peak\\\\(\\%)}"),
                 NUMBER(5, "\\assayhead{One text\\\\(GFLOP/s)}"),
                 NUMBER(6, "\\assayhead{of peak\\\\(\\%)}"),
                 NUMBER(7, "\\assayhead{Matrix\\\\peak}")}},
    {.name = "classes",
     .id = "f1-by-class",
     .lettered = true,
     .caption = "F1 (\\%) by class of %, all seeds' test predictions together.",
     .columns = {NAME(0, 24, "Class"), NUMBER(1, "Texts")}},
    {.name = "convergence",
     .id = "convergence",
     .caption = "Convergence on %: epochs trained and the epoch kept, loss and accuracy "
                "(\\%) on the validation texts at that epoch, accuracy on the training texts less "
                "that (points), and seconds of training until then. Means over seeds.",
     .columns = {NAME(0, 20, "Entry"), NUMBER(1, "\\assayhead{Epochs\\\\run}"),
                 NUMBER(2, "\\assayhead{Epoch\\\\kept}"), NUMBER(3, "Loss"),
                 NUMBER(4, "\\assayhead{Acc.\\\\(\\%)}"), NUMBER(5, "Gap"),
                 NUMBER(6, "\\assayhead{Time\\\\(s)}")}},
    {.name = "data",
     .id = "data-facts",
     .caption = "Data of %, and what was found in them.",
     .columns = {NAME(0, 33, ""), NAME(1, 40, "")}},
    {.name = "cleaning",
     .id = "cleaning",
     .caption = "What the cleaning steps did to the texts of %.",
     .columns = {NAME(0, 24, "Step"), NUMBER(1, "\\assayhead{Texts\\\\changed}"),
                 NUMBER(2, "\\assayhead{Texts\\\\emptied}"),
                 NUMBER(3, "\\assayhead{Characters\\\\removed}")}},
    {.name = "overlaps",
     .id = "overlaps",
     .caption = "Equal texts in the splits of %, before and after cleaning and filtering.",
     .columns = {NAME(0, 16, "Texts"), NUMBER(1, "\\assayhead{Test in\\\\train}"),
                 NUMBER(2, "\\assayhead{Valid.\\\\in train}"),
                 NUMBER(3, "\\assayhead{Valid.\\\\in test}"),
                 NUMBER(4, "\\assayhead{Within\\\\train}")}},
    {.name = "tokens",
     .id = "tokens",
     .caption = "Tokens of % as each entry sees them: size of the vocabulary, test tokens in it, "
                "test texts cut at the longest length, texts without a token, mean tokens a text.",
     .columns = {NAME(0, 20, "Entry"), NUMBER(1, "\\assayhead{Vocab-\\\\ulary}"),
                 NUMBER(2, "\\assayhead{Known\\\\(\\%)}"), NUMBER(3, "\\assayhead{Cut\\\\(\\%)}"),
                 NUMBER(4, "Empty"), NUMBER(5, "\\assayhead{Mean\\\\tokens}")}},
    {.name = "published",
     .id = "published-figures",
     .wide = true,
     .grouped = true,
     .caption =
         "Figures as published beside ours on %. Difference: ours less the published one. "
         "Inside: does our 95\\,\\% interval hold the published figure? "
         "\\emph{Reproduced}: same data, same recipe, figure met; \\emph{adapted}: something "
         "differs; \\emph{not run}: no such figure here.",
     .columns = {NAME(1, 28, "Figure"), MIXED(2, "Published"), NOTE(7), MIXED(3, "Ours"),
                 NUMBER(4, "Difference"), NAME(5, 15, "Inside"), NAME(6, 14, "Word")}},
    {.name = "environment",
     .id = "environment-facts",
     .caption = "Machine and software of %.",
     .columns = {NAME(0, 30, ""), NAME(1, 43, "")}},
};

const as_tex_page_spec *as_tex_page_specs(size_t *ret_n) {
    *ret_n = sizeof specs / sizeof specs[0];
    return specs;
}
