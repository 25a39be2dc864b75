/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "cli/print/lines.h"
#include "cli/print/report.h"

/* Running text of tokens begin ... end-1, and `open` before it, behind the blank that it begins with. */
static void put_text(FILE *out, const kc_corpus *corpus, const kc_doc *doc, int begin, int end,
                     const char *open)
{
    char *text = kc_corpus_text(corpus, doc->tokens + begin, end - begin);
    const int blank = text[0] == ' ';
    fprintf(out, "%s%s%s", blank ? " " : "", open, text + blank);
    free(text);
}

static void show_document(FILE *out, const kc_corpus *corpus, const kc_doc *doc)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    int at = 0;
    fprintf(out, "%s %lld, %d tokens:\n ", info->one, (long long)doc->person, doc->n_tokens);
    for (int i = 0; i < doc->n_spans; ++i) {
        const kc_span *span = &doc->spans[i];
        put_text(out, corpus, doc, at, span->begin, "");
        put_text(out, corpus, doc, span->begin, span->end, "[");
        fprintf(out, "](%s)", info->attribute[span->attribute].name);
        at = span->end;
    }
    put_text(out, corpus, doc, at, doc->n_tokens, "");
    fputs("\n\n", out);
}

static void show_documents(FILE *out, const kc_corpus *corpus, int64_t show, int64_t exposure)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    kc_span spans[KC_ATTRIBUTES_MAX];
    kc_doc doc = {.tokens = malloc((size_t)info->max_doc_tokens * sizeof(int32_t)), .spans = spans};
    KC_ROOM(doc.tokens, "out of memory");
    for (int64_t i = 0; i < show && i < info->n_people; ++i) {
        kc_corpus_document(corpus, i, exposure, &doc);
        show_document(out, corpus, &doc);
    }
    free(doc.tokens);
}

/* Bits of one and of all; of a name those that a memory holds which cannot know whose document comes
 * next, and those drawn. */
static void bits_of_corpus(FILE *out, const kc_corpus_info *info)
{
    fprintf(out, "bits of one %s\n", info->one);
    for (int i = 0; i < info->n_attributes; ++i) {
        const double bits = info->attribute[i].log2_pool;
        fprintf(out, "  %-17s %12.4f", info->attribute[i].name,
                i ? bits : bits - info->term[KC_READ_NAME].log2_left);
        fprintf(out, i ? "\n" : "  as one of the set; %.4f in its place\n", bits);
    }
    fprintf(out, "bits of the corpus\n");
    for (int r = 0; r < KC_N_READS; ++r) {
        const kc_term *t = &info->term[r];
        if (t->name)
            kc_report_item(out, t->name, t->max_bits, 0);
    }
    if (info->table.n_facts)
        fprintf(out, "  %-17s %15.0f bits, were each drawn uniformly; %lld facts\n", "  the values",
                info->table.uniform_bits, (long long)info->table.n_facts);
    kc_report_item(out, "maximum, a set", info->max_bits, 0);
    kc_report_item(out, "in order, H", info->ordered_bits, 0);
}

/* `tokens`: of all parts; how often others than the measured one are shown follows from them. */
static void lengths_of_part(FILE *out, const kc_corpus_info *info, int measured, double tokens)
{
    char a[32], b[32];
    const double each = info->mean_doc_tokens, all = each * (double)info->n_people;
    const char *sure = info->lengths_are_equal ? "" : " (estimated)";
    fprintf(out, "  %.2f tokens a document%s, %d at most\n", each, sure, info->max_doc_tokens);
    fprintf(out, "  %s tokens an exposure%s, %s in ", kc_grouped_real(a, all), sure,
            kc_grouped_real(b, tokens * info->share));
    if (measured)
        fprintf(out, "%s exposures\n", kc_grouped(a, info->exposures));
    else
        fprintf(out, "%.6g exposures\n", tokens * info->share / all);
}

void kc_report_corpus(FILE *out, const kc_corpus *corpus, int64_t show, int64_t exposure)
{
    const kc_corpus_info *whole = kc_corpus_about(corpus);
    const double tokens =
        whole->mean_doc_tokens * (double)whole->n_people * (double)whole->exposures / whole->share;
    char a[32];
    for (int i = 0; i < whole->n_parts; ++i) {
        const kc_corpus *part = kc_corpus_part(corpus, i);
        const kc_corpus_info *info = kc_corpus_about(part);
        show_documents(out, part, show, exposure);
        kc_report_head(out, info);
        fprintf(out, ", V = %s %s\n", kc_grouped(a, info->n_vocab), info->token_word);
        if (info->n_parts > 1)
            fprintf(out, "  part %d of %d, %.4g %% of all tokens%s\n", i + 1, info->n_parts,
                    100 * info->share, part == corpus ? "" : ", not measured");
        lengths_of_part(out, info, part == corpus, tokens);
        bits_of_corpus(out, info);
    }
}
