/* SPDX-License-Identifier: MIT */
/* BibTeX entries of the data sets, models, libraries and tests that a run used. Of a data set that
 * is not in this list the entry says what is known of it and that the rest is the author's. */
#include <string.h>

#include "base/error.h"
#include "report/latex.h"

typedef struct reference {
    const char *kind;  /* "data", "model", "weights", "library", "test" */
    const char *names; /* those that it is of, "|imdb|"; of weights and libraries what their text
                          holds, in whatever case */
    const char *key, *entry;
} reference;

static const reference references[] = {
    {"data", "|imdb|", "maas2011imdb",
     "@inproceedings{maas2011imdb,\n  author = {Andrew L. Maas and Raymond E. Daly and Peter T. "
     "Pham "
     "and Dan Huang and Andrew Y. Ng and Christopher Potts},\n  title = {Learning Word Vectors for "
     "Sentiment Analysis},\n  booktitle = {Proceedings of ACL-HLT},\n  year = {2011},\n  pages = "
     "{142--150}\n}\n"},
    {"data", "|20newsgroups|20newsgroups-all|20newsgroups-technical|", "lang1995newsweeder",
     "@inproceedings{lang1995newsweeder,\n  author = {Ken Lang},\n  title = {{NewsWeeder}: "
     "Learning "
     "to Filter Netnews},\n  booktitle = {Proceedings of ICML},\n  year = {1995},\n  pages = "
     "{331--339}\n}\n"},
    {"data", "|agnews|", "zhang2015character",
     "@inproceedings{zhang2015character,\n  author = {Xiang Zhang and Junbo Zhao and Yann "
     "LeCun},\n  "
     "title = {Character-level Convolutional Networks for Text Classification},\n  booktitle = "
     "{Advances in Neural Information Processing Systems},\n  year = {2015},\n  pages = "
     "{649--657}\n}\n"},
    {"data", "|sst2|sst5|sst2-glue|", "socher2013recursive",
     "@inproceedings{socher2013recursive,\n  author = {Richard Socher and Alex Perelygin and Jean "
     "Wu "
     "and Jason Chuang and Christopher D. Manning and Andrew Y. Ng and Christopher Potts},\n  "
     "title = "
     "{Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank},\n  "
     "booktitle = "
     "{Proceedings of EMNLP},\n  year = {2013},\n  pages = {1631--1642}\n}\n"},
    {"data", "|sst2-glue|", "wang2019glue",
     "@inproceedings{wang2019glue,\n  author = {Alex Wang and Amanpreet Singh and Julian Michael "
     "and "
     "Felix Hill and Omer Levy and Samuel R. Bowman},\n  title = {{GLUE}: A Multi-Task Benchmark "
     "and "
     "Analysis Platform for Natural Language Understanding},\n  booktitle = {Proceedings of "
     "ICLR},\n  "
     "year = {2019}\n}\n"},
    {"data", "|mr|", "pang2005seeing",
     "@inproceedings{pang2005seeing,\n  author = {Bo Pang and Lillian Lee},\n  title = {Seeing "
     "Stars: "
     "Exploiting Class Relationships for Sentiment Categorization with Respect to Rating "
     "Scales},\n  "
     "booktitle = {Proceedings of ACL},\n  year = {2005},\n  pages = {115--124}\n}\n"},
    {"data", "|sms-spam|", "almeida2011sms",
     "@inproceedings{almeida2011sms,\n  author = {Tiago A. Almeida and Jos{\\'e} Mar{\\'i}a "
     "G{\\'o}mez "
     "Hidalgo and Akebo Yamakami},\n  title = {Contributions to the Study of {SMS} Spam Filtering: "
     "New Collection and Results},\n  booktitle = {Proceedings of DocEng},\n  year = {2011},\n  "
     "pages "
     "= {259--262}\n}\n"},
    {"data", "|wordnet-supersenses|", "fellbaum1998wordnet",
     "@book{fellbaum1998wordnet,\n  editor = {Christiane Fellbaum},\n  title = {{WordNet}: An "
     "Electronic Lexical Database},\n  publisher = {MIT Press},\n  year = {1998}\n}\n"},
    {"model", "|distilbert|", "sanh2019distilbert",
     "@misc{sanh2019distilbert,\n  author = {Victor Sanh and Lysandre Debut and Julien Chaumond "
     "and "
     "Thomas Wolf},\n  title = {{DistilBERT}, a distilled version of {BERT}: smaller, faster, "
     "cheaper "
     "and lighter},\n  howpublished = {arXiv:1910.01108},\n  year = {2019}\n}\n"},
    {"model", "|bert|", "devlin2019bert",
     "@inproceedings{devlin2019bert,\n  author = {Jacob Devlin and Ming-Wei Chang and Kenton Lee "
     "and "
     "Kristina Toutanova},\n  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for "
     "Language Understanding},\n  booktitle = {Proceedings of NAACL-HLT},\n  year = {2019},\n  "
     "pages "
     "= {4171--4186}\n}\n"},
    {"model", "|transformer|", "vaswani2017attention",
     "@inproceedings{vaswani2017attention,\n  author = {Ashish Vaswani and Noam Shazeer and Niki "
     "Parmar and Jakob Uszkoreit and Llion Jones and Aidan N. Gomez and {\\L}ukasz Kaiser and "
     "Illia "
     "Polosukhin},\n  title = {Attention Is All You Need},\n  booktitle = {Advances in Neural "
     "Information Processing Systems},\n  year = {2017},\n  pages = {5998--6008}\n}\n"},
    {"model", "|gru|", "cho2014learning",
     "@inproceedings{cho2014learning,\n  author = {Kyunghyun Cho and Bart van Merri{\\\"e}nboer "
     "and "
     "Caglar Gulcehre and Dzmitry Bahdanau and Fethi Bougares and Holger Schwenk and Yoshua "
     "Bengio},\n  title = {Learning Phrase Representations using {RNN} Encoder--Decoder for "
     "Statistical Machine Translation},\n  booktitle = {Proceedings of EMNLP},\n  year = {2014},\n "
     " "
     "pages = {1724--1734}\n}\n"},
    {"model", "|lstm|bilstm|bilstm_attention|", "hochreiter1997long",
     "@article{hochreiter1997long,\n  author = {Sepp Hochreiter and J{\\\"u}rgen Schmidhuber},\n  "
     "title = {Long Short-Term Memory},\n  journal = {Neural Computation},\n  volume = {9},\n  "
     "number "
     "= {8},\n  year = {1997},\n  pages = {1735--1780}\n}\n"},
    {"model", "|bilstm|bilstm_attention|", "schuster1997bidirectional",
     "@article{schuster1997bidirectional,\n  author = {Mike Schuster and Kuldip K. Paliwal},\n  "
     "title "
     "= {Bidirectional Recurrent Neural Networks},\n  journal = {IEEE Transactions on Signal "
     "Processing},\n  volume = {45},\n  number = {11},\n  year = {1997},\n  pages = "
     "{2673--2681}\n}\n"},
    {"model", "|rnn|", "elman1990finding",
     "@article{elman1990finding,\n  author = {Jeffrey L. Elman},\n  title = {Finding Structure in "
     "Time},\n  journal = {Cognitive Science},\n  volume = {14},\n  number = {2},\n  year = "
     "{1990},\n  "
     "pages = {179--211}\n}\n"},
    {"model", "|naive_bayes|", "mccallum1998comparison",
     "@inproceedings{mccallum1998comparison,\n  author = {Andrew McCallum and Kamal Nigam},\n  "
     "title = "
     "{A Comparison of Event Models for Naive {Bayes} Text Classification},\n  booktitle = {AAAI "
     "Workshop on Learning for Text Categorization},\n  year = {1998},\n  pages = {41--48}\n}\n"},
    {"weights", "minilm", "wang2020minilm",
     "@inproceedings{wang2020minilm,\n  author = {Wenhui Wang and Furu Wei and Li Dong and Hangbo "
     "Bao and Nan Yang and Ming Zhou},\n  title = {{MiniLM}: Deep Self-Attention Distillation for "
     "Task-Agnostic Compression of Pre-Trained Transformers},\n  booktitle = {Advances in Neural "
     "Information Processing Systems},\n  year = {2020},\n  pages = {5776--5788}\n}\n"},
    {"weights", "minilm", "reimers2019sentence",
     "@inproceedings{reimers2019sentence,\n  author = {Nils Reimers and Iryna Gurevych},\n  title "
     "= {Sentence-{BERT}: Sentence Embeddings using {Siamese} {BERT}-Networks},\n  booktitle = "
     "{Proceedings of EMNLP-IJCNLP},\n  year = {2019},\n  pages = {3982--3992}\n}\n"},
    {"weights", "glove", "pennington2014glove",
     "@inproceedings{pennington2014glove,\n  author = {Jeffrey Pennington and Richard Socher and "
     "Christopher D. Manning},\n  title = {{GloVe}: Global Vectors for Word Representation},\n  "
     "booktitle = {Proceedings of EMNLP},\n  year = {2014},\n  pages = {1532--1543}\n}\n"},
    {"library", "oneDNN", "onednn",
     "@misc{onednn,\n  author = {{oneDNN contributors}},\n  title = {{oneAPI} Deep Neural Network "
     "Library ({oneDNN})},\n  note = {Unified Acceleration Foundation},\n  year = "
     "{2026}\n}\n"},
    {"library", "cuDNN", "chetlur2014cudnn",
     "@misc{chetlur2014cudnn,\n  author = {Sharan Chetlur and Cliff Woolley and Philippe "
     "Vandermersch and Jonathan Cohen and John Tran and Bryan Catanzaro and Evan Shelhamer},\n  "
     "title "
     "= {{cuDNN}: Efficient Primitives for Deep Learning},\n  howpublished = {arXiv:1410.0759},\n  "
     "year = {2014}\n}\n"},
    {"library", "onnxruntime", "onnxruntime",
     "@misc{onnxruntime,\n  author = {{ONNX Runtime developers}},\n  title = {{ONNX} "
     "Runtime},\n  howpublished = {https://onnxruntime.ai},\n  year = {2021}\n}\n"},
    {"library", "openvino", "openvino",
     "@misc{openvino,\n  author = {{OpenVINO contributors}},\n  title = {{OpenVINO} "
     "toolkit},\n  howpublished = {https://docs.openvino.ai},\n  year = {2018}\n}\n"},
    {"library", "torch", "paszke2019pytorch",
     "@inproceedings{paszke2019pytorch,\n  author = {Adam Paszke and Sam Gross and Francisco Massa "
     "and "
     "others},\n  title = {{PyTorch}: An Imperative Style, High-Performance Deep Learning "
     "Library},\n  "
     "booktitle = {Advances in Neural Information Processing Systems},\n  year = {2019},\n  pages "
     "= "
     "{8024--8035}\n}\n"},
    {"library", "transformers", "wolf2020transformers",
     "@inproceedings{wolf2020transformers,\n  author = {Thomas Wolf and Lysandre Debut and Victor "
     "Sanh "
     "and others},\n  title = {Transformers: State-of-the-Art Natural Language Processing},\n  "
     "booktitle = {Proceedings of EMNLP: System Demonstrations},\n  year = {2020},\n  pages = "
     "{38--45}\n}\n"},
    {"library", "scikit-learn", "pedregosa2011scikit",
     "@article{pedregosa2011scikit,\n  author = {Fabian Pedregosa and others},\n  title = "
     "{Scikit-learn: Machine Learning in {Python}},\n  journal = {Journal of Machine Learning "
     "Research},\n  volume = {12},\n  year = {2011},\n  pages = {2825--2830}\n}\n"},
    {"test", "|", "dietterich1998approximate",
     "@article{dietterich1998approximate,\n  author = {Thomas G. Dietterich},\n  title = "
     "{Approximate "
     "Statistical Tests for Comparing Supervised Classification Learning Algorithms},\n  journal = "
     "{Neural Computation},\n  volume = {10},\n  number = {7},\n  year = {1998},\n  pages = "
     "{1895--1923}\n}\n"},
    {"test", "|", "holm1979simple",
     "@article{holm1979simple,\n  author = {Sture Holm},\n  title = {A Simple Sequentially "
     "Rejective "
     "Multiple Test Procedure},\n  journal = {Scandinavian Journal of Statistics},\n  volume = "
     "{6},\n  "
     "number = {2},\n  year = {1979},\n  pages = {65--70}\n}\n"},
    {"test", "|", "tango1998equivalence",
     "@article{tango1998equivalence,\n  author = {Toshiro Tango},\n  title = {Equivalence Test and "
     "Confidence Interval for the Difference in Proportions for the Paired-Sample Design},\n  "
     "journal = {Statistics in Medicine},\n  volume = {17},\n  number = {8},\n  year = "
     "{1998},\n  pages = {891--908}\n}\n"},
    {"test", "|", "wilson1927probable",
     "@article{wilson1927probable,\n  author = {Edwin B. Wilson},\n  title = {Probable Inference, "
     "the Law of Succession, and Statistical Inference},\n  journal = {Journal of the American "
     "Statistical Association},\n  volume = {22},\n  number = {158},\n  year = {1927},\n  pages "
     "= {209--212}\n}\n"},
    {"test", "|", "owen2007pigeonhole",
     "@article{owen2007pigeonhole,\n  author = {Art B. Owen},\n  title = {The Pigeonhole "
     "Bootstrap},\n  journal = {The Annals of Applied Statistics},\n  volume = {1},\n  number = "
     "{2},\n  year = {2007},\n  pages = {386--411}\n}\n"},
};
enum { N_REFERENCES = sizeof references / sizeof references[0] };

/* Is it a reference of this data set or model; of a library whose text names it? */
static bool is_of(const reference *r, const char *kind, const char *name) {
    char word[128];
    if (strcmp(r->kind, kind) != 0 || !name)
        return false;
    if (strcmp(kind, "library") == 0 || strcmp(kind, "weights") == 0)
        return strcasestr(name, r->names) != NULL;
    if (strcmp(kind, "test") == 0)
        return true;
    snprintf(word, sizeof word, "|%.120s|", name);
    return strstr(r->names, word) != NULL;
}

static const char *name_in(const as_record *r, const char *kind) {
    return strcmp(kind, "data") == 0    ? r->dataset.name
           : strcmp(kind, "model") == 0 ? r->model.id
           : strcmp(kind, "test") == 0  ? ""
           : strcmp(kind, "weights") == 0
               ? json_string_value(json_object_get(r->model.weights, "name"))
               : r->backend.libraries;
}

/* Embeddings that an entry of the suite, or its defaults, take from a resource. */
static bool is_embedding(const as_run *run, const reference *r) {
    const json_t *entries = json_object_get(run->suite, "entries");
    for (size_t i = 0; i <= json_array_size(entries); i++) {
        const json_t *entry = i < json_array_size(entries)
                                  ? json_array_get(entries, i)
                                  : json_object_get(run->suite, "defaults");
        const json_t *embeddings = json_object_get(entry, "embeddings");
        if (is_of(r, r->kind, json_string_value(json_object_get(embeddings, "resource"))))
            return true;
    }
    return false;
}

/* Is it of what one run has? */
static bool is_of_run(const as_report_input *input, size_t run, const reference *r) {
    if (strcmp(r->kind, "weights") == 0 && is_embedding(input->runs[run], r))
        return true;
    for (size_t k = 0; k < input->summaries[run].n_rows; k++) {
        const as_row_summary *row = &input->summaries[run].rows[k];
        for (size_t j = 0; j < row->n_records; j++)
            if (is_of(r, r->kind, name_in(row->records[j], r->kind)))
                return true;
    }
    return false;
}

static bool is_used(const as_report_input *input, const reference *r) {
    for (size_t i = 0; i < input->n_runs; i++)
        if (is_of_run(input, i, r))
            return true;
    return false;
}

/* Key of the bibliography's entry, NULL: none is known. kind: "data", "model", "weights",
 * "library".
 */
static const char *key_of(const char *kind, const char *name) {
    for (size_t i = 0; i < N_REFERENCES; i++)
        if (is_of(&references[i], kind, name))
            return references[i].key;
    return NULL;
}

void as_tex_cite(FILE *stream, const as_report_input *input, size_t run, const char *kind) {
    size_t n = 0;
    for (size_t i = 0; i < N_REFERENCES; i++)
        if (strcmp(references[i].kind, kind) == 0 && is_of_run(input, run, &references[i]))
            fprintf(stream, n++ ? ",%s" : "~\\cite{%s", references[i].key);
    fputs(n ? "}" : "", stream);
}

bool as_tex_cites(const as_report_input *input, size_t run, const char *kind) {
    for (size_t i = 0; i < N_REFERENCES; i++)
        if (strcmp(references[i].kind, kind) == 0 && is_of_run(input, run, &references[i]))
            return true;
    return false;
}

/* A data set that the list doesn't know. */
static void write_unknown(const as_run *run, const as_record *r, size_t i, FILE *stream) {
    const char *year = json_string_value(json_object_get(run->json, "started"));
    fprintf(stream, "@misc{assay-data-%zu,\n  key = {data},\n  title = {", i + 1);
    as_bib_text(stream, r->dataset.name);
    fputs("},\n  note = {Data set; SHA-256 of its content ", stream);
    as_bib_text(stream, r->dataset.sha256);
    fprintf(stream, ". Author and licence: to be filled in},\n  year = {%.4s}\n}\n\n",
            year && strlen(year) >= 4 && strspn(year, "0123456789") == 4 ? year : "2026");
}

static bool same_data(const as_record *a, const as_record *b) {
    return a && b && a->dataset.name && b->dataset.name &&
           strcmp(a->dataset.name, b->dataset.name) == 0;
}

void as_tex_cite_data(FILE *stream, const as_report_input *input, size_t run) {
    const as_record *r = input->summaries[run].some;
    const char *key = key_of("data", r->dataset.name);
    size_t first = 0;
    while (first < run && !same_data(input->summaries[first].some, r))
        first++;
    if (key)
        fprintf(stream, "~\\cite{%s}", key);
    else if (r->dataset.name)
        fprintf(stream, "~\\cite{assay-data-%zu}", first + 1);
}

assay_status as_tex_bibliography(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)error;
    for (size_t i = 0; i < N_REFERENCES; i++)
        if (is_used(input, &references[i]))
            fprintf(stream, "%s\n", references[i].entry);
    for (size_t i = 0; i < input->n_runs; i++) {
        const as_record *r = input->summaries[i].some;
        bool before = false;
        for (size_t k = 0; k < i; k++)
            before = before || same_data(input->summaries[k].some, r);
        as_source_run(stream, i);
        if (r && r->dataset.name && !before && !key_of("data", r->dataset.name))
            write_unknown(input->runs[i], r, i, stream);
    }
    fprintf(stream,
            "@misc{assay,\n  author = {{assay contributors}},\n  title = {assay: a benchmark host "
            "for text-classification models},\n  note = {Version %s},\n  year = {2026}\n}\n",
            input->options.program ? input->options.program : "unknown");
    return ASSAY_OK;
}
