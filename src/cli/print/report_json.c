/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "kcap/io/json.h"
#include "cli/print/report.h"
#include "kcap/config/place.h"
#include "kcap/measure/capacity.h"

#define ADD_TEXT(object, name, value) kc_json_text(object, name, value)
#define ADD_INT(object, name, value)  kc_json_number(object, name, (double)(value))
#define ADD_REAL(object, name, value) kc_json_number(object, name, value)

static void add_stamp(cJSON *object, const kc_stamp *stamp)
{
#define ADD(type, name, help) ADD_##type(object, #name, stamp->name);
    KC_STAMPS(ADD)
#undef ADD
}

static void add_names(cJSON *object, const kc_corpus_info *info)
{
    cJSON *names = cJSON_AddArrayToObject(object, "attribute_names");
    for (int a = 0; a < info->n_attributes; ++a)
        cJSON_AddItemToArray(names, cJSON_CreateString(info->attribute[a].name));
}

static cJSON *list(const kc_schema *s, const void *row, int column)
{
    cJSON *array = cJSON_CreateArray();
    for (int64_t k = 0; k < s->column[column].width; ++k)
        cJSON_AddItemToArray(array, kc_json_exact(kc_row_value(s, row, column, k)));
    return array;
}

static void add_row(cJSON *object, const kc_schema *s, const void *row)
{
    for (int i = 0; i < s->n; ++i) {
        const kc_column *c = &s->column[i];
        if (c->width == 0)
            kc_json_number(object, c->name, kc_row_value(s, row, i, 0));
        else
            cJSON_AddItemToObject(object, c->name, list(s, row, i));
    }
}

/* Before a measurement what has been trained on stands in for the first measure's. */
static void add_measured(cJSON *object, const kc_measurements *measured, const kc_outcome *outcome)
{
    for (int i = 0; i < measured->n; ++i) {
        const kc_measured *m = &measured->of[i];
        if (((const kc_event *)m->row)->step != KC_NO_INT)
            add_row(i == 0 ? object : cJSON_AddObjectToObject(object, m->schema.group + 1),
                    &m->schema, m->row);
    }
    kc_json_number(object, "step", (double)outcome->steps);
    kc_json_number(object, "tokens", (double)outcome->tokens);
}

void kc_report_run_json(FILE *out, const kc_about *s, const kc_measurements *measured,
                        const kc_outcome *outcome)
{
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", outcome->status);
    if (outcome->out)
        kc_json_text(object, "out", outcome->out);
    if (outcome->checkpoint)
        kc_json_text(object, "checkpoint", outcome->checkpoint);
    if (outcome->stopped_by) {
        kc_json_text(object, "stopped_by", outcome->stopped_by);
        kc_json_number(object, "planned_steps", (double)outcome->planned_steps);
        kc_json_number(object, "share_done", outcome->share);
    }
    if (outcome->again)
        kc_json_text(object, "go_on", outcome->again);
    add_measured(object, measured, outcome);
    if (outcome->stored_bits > 0 && kc_capacity_last(measured)) {
        const double kept = kc_capacity_last(measured)->bits_per_param;
        kc_json_number(object, "stored_bits_per_param", outcome->stored_bits);
        kc_json_number(object, "bits_per_stored_bit", kept / outcome->stored_bits);
    }
    add_names(object, kc_corpus_about(s->corpus));
    kc_json_number(object, "loss", outcome->loss);
    kc_json_number(object, "train_seconds", outcome->seconds);
    add_stamp(object, s->stamp);
    kc_json_put(out, object);
}

/* A document as {person, words, token_ids, text, spans: [{attribute, begin, end}]}. */
static cJSON *document(const kc_corpus *corpus, const kc_doc *doc)
{
    cJSON *object = cJSON_CreateObject();
    kc_json_number(object, "person", (double)doc->person);
    cJSON *words = cJSON_AddArrayToObject(object, "words");
    for (int t = 0; t < doc->n_tokens; ++t)
        cJSON_AddItemToArray(words, cJSON_CreateString(kc_corpus_word(corpus, doc->tokens[t])));
    cJSON_AddItemToObject(object, "token_ids", cJSON_CreateIntArray(doc->tokens, doc->n_tokens));
    char *text = kc_corpus_text(corpus, doc->tokens + 1, doc->n_tokens - 1);
    kc_json_text(object, "text", text);
    free(text);
    cJSON *spans = cJSON_AddArrayToObject(object, "spans");
    for (int i = 0; i < doc->n_spans; ++i) {
        const kc_span *x = &doc->spans[i];
        cJSON *span = cJSON_CreateObject();
        kc_json_text(span, "attribute", kc_corpus_about(corpus)->attribute[x->attribute].name);
        kc_json_number(span, "begin", x->begin);
        kc_json_number(span, "end", x->end);
        cJSON_AddItemToArray(spans, span);
    }
    return object;
}

static void add_documents(cJSON *object, const kc_corpus *corpus, int64_t show, int64_t exposure)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    cJSON *documents = cJSON_AddArrayToObject(object, "documents");
    kc_span spans[KC_ATTRIBUTES_MAX];
    kc_doc doc = {.tokens = malloc((size_t)info->max_doc_tokens * sizeof(int32_t)), .spans = spans};
    KC_ROOM(doc.tokens, "out of memory");
    for (int64_t i = 0; i < show && i < info->n_people; ++i) {
        kc_corpus_document(corpus, i, exposure, &doc);
        cJSON_AddItemToArray(documents, document(corpus, &doc));
    }
    free(doc.tokens);
}

/* A part that so many tokens are of. */
static cJSON *corpus_of(const kc_corpus *corpus, double tokens, int64_t show, int64_t exposure)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const double each = info->mean_doc_tokens * (double)info->n_people;
    const kc_term *names = &info->term[KC_READ_NAME], *values = &info->term[KC_READ_VALUES];
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "kind", info->kind);
    kc_json_number(object, "n_people", (double)info->n_people);
    kc_json_number(object, "share", info->share);
    kc_json_number(object, "exposures", tokens / each);
    kc_json_number(object, "n_vocab", (double)info->n_vocab);
    kc_json_number(object, "mean_doc_tokens", info->mean_doc_tokens);
    kc_json_number(object, "max_doc_tokens", info->max_doc_tokens);
    kc_json_number(object, "tokens", tokens);
    cJSON_AddBoolToObject(object, "tokens_are_exact", info->lengths_are_equal);
    kc_json_number(object, "corpus_bits", info->max_bits);
    kc_json_number(object, "ordered_bits", info->ordered_bits);
    kc_json_number(object, "max_name_bits", names->max_bits);
    kc_json_number(object, "max_value_bits", values->max_bits);
    kc_json_number(object, "max_diversity_bits", info->term[KC_READ_CHUNKS].max_bits);
    if (info->table.n_facts) {
        kc_json_number(object, "n_facts", (double)info->table.n_facts);
        kc_json_number(object, "n_duplicates", (double)info->table.n_duplicates);
        kc_json_number(object, "n_contradictions", (double)info->table.n_contradictions);
        kc_json_number(object, "value_uniform_bits", info->table.uniform_bits);
    }
    kc_json_number(object, "log2_names", names->log2_size);
    kc_json_number(object, "log2_values", values->log2_size);
    add_names(object, info);
    cJSON *bits = cJSON_AddArrayToObject(object, "attribute_bits");
    for (int a = 0; a < info->n_attributes; ++a)
        cJSON_AddItemToArray(
            bits, cJSON_CreateNumber(info->attribute[a].log2_pool - (a ? 0 : names->log2_left)));
    add_documents(object, corpus, show, exposure);
    return object;
}

void kc_report_corpus_json(FILE *out, const kc_corpus *corpus, int64_t show, int64_t exposure)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const double tokens =
        info->mean_doc_tokens * (double)info->n_people * (double)info->exposures / info->share;
    const kc_corpus *first = kc_corpus_part(corpus, 0);
    cJSON *object = corpus_of(first, tokens * kc_corpus_about(first)->share, show, exposure);
    cJSON *later = cJSON_AddArrayToObject(object, "later_parts");
    for (int i = 1; i < info->n_parts; ++i) {
        const kc_corpus *part = kc_corpus_part(corpus, i);
        const double share = kc_corpus_about(part)->share;
        cJSON_AddItemToArray(later, corpus_of(part, tokens * share, show, exposure));
    }
    kc_json_put(out, object);
}

/* By type: a key of the configuration, or its word. */
#define KEY_INT(part, name)    ADD_INT(section, #name, cfg->part.name)
#define KEY_REAL(part, name)   ADD_REAL(section, #name, cfg->part.name)
#define KEY_TEXT(part, name)   ADD_TEXT(section, #name, cfg->part.name)
#define KEY_PATH(part, name)   ADD_TEXT(section, #name, cfg->part.name)
#define KEY_CHOICE(part, name) ADD_TEXT(section, #name, kc_config_word(cfg, #part, #name))

#define ADD_KEY(part, name, type, def, least, most, unit, effect, help) KEY_##type(part, name);

static cJSON *later_part(const kc_config *all, int i)
{
    const kc_config one = kc_config_of_part(all, i), *cfg = &one;
    cJSON *section = cJSON_CreateObject();
    KC_KEYS_corpus(ADD_KEY);
    if (i != kc_config_pace(all)) /* as in YAML: it follows from the share */
        cJSON_DeleteItemFromObject(section, "exposures");
    return section;
}

/* As in YAML, a list of parts where there are several. */
static void list_parts(cJSON *object, const kc_config *cfg)
{
    cJSON *parts = cJSON_CreateArray();
    cJSON_AddItemToArray(parts, cJSON_DetachItemFromObject(object, "corpus"));
    for (int i = 1; i < cfg->parts; ++i)
        cJSON_AddItemToArray(parts, later_part(cfg, i));
    cJSON_AddItemToObject(object, "corpus", parts);
}

void kc_report_config_json(FILE *out, const kc_config *cfg)
{
    cJSON *object = cJSON_CreateObject();
#define ADD_SECTION(part)                                                                          \
    {                                                                                              \
        cJSON *section = cJSON_AddObjectToObject(object, #part);                                   \
        KC_KEYS_##part(ADD_KEY)                                                                    \
    }
    KC_SECTIONS(ADD_SECTION)
#undef ADD_SECTION
#undef ADD_KEY
    if (cfg->parts > 1)
        list_parts(object, cfg);
    kc_json_put(out, object);
}

void kc_report_bench_json(FILE *out, const char *input, const kc_stamp *stamp, const kc_bench *b)
{
    (void)input;
    cJSON *object = cJSON_CreateObject();
    const double rate = b->tokens_per_second * b->flop_per_token;
    kc_json_text(object, "status", "timed");
    kc_json_number(object, "steps", (double)b->steps);
    kc_json_number(object, "step", (double)b->last_step);
    kc_json_number(object, "loss", b->loss);
    kc_json_number(object, "tokens_per_second", b->tokens_per_second);
    kc_json_number(object, "flop_per_token", b->flop_per_token);
    kc_json_number(object, "flop_per_second", rate);
    kc_json_number(object, "peak_flop_per_second", b->peak > 0 ? b->peak : NAN);
    kc_json_number(object, "peak_share", b->peak > 0 ? rate / b->peak : NAN);
    kc_json_number(object, "seconds", b->seconds);
#define ADD(type, name, unit, help) ADD_##type(object, #name, b->phase[KC_##name]);
    KC_COLUMNS_PHASE(ADD)
#undef ADD
    add_stamp(object, stamp);
    kc_json_put(out, object);
}

void kc_report_plan_json(FILE *out, const kc_plan_about *s, const kc_plan *p)
{
    cJSON *object = cJSON_CreateObject();
    const struct {
        const char *name;
        double value;
    } values[] = {{"ranks", p->machine.ranks},
                  {"threads", p->machine.threads},
                  {"ranks_per_node", p->machine.ranks_per_node},
                  {"node_bytes", (double)p->machine.node_bytes},
                  {"n_params", (double)p->n_params},
                  {"n_params_used", (double)p->n_params_used},
                  {"ep", p->ep},
                  {"experts_of_a_rank", (double)p->layout.here},
                  {"n_vocab", (double)p->n_vocab},
                  {"arena_bytes", (double)p->arena_bytes},
                  {"base_bytes", (double)p->base_bytes},
                  {"peak_bytes", (double)p->peak_bytes},
                  {"node_needs_bytes", (double)p->node_needs},
                  {"tokens_per_exposure", p->tokens_per_exposure},
                  {"tokens", p->tokens},
                  {"tokens_per_step", (double)p->tokens_per_step},
                  {"steps", (double)p->steps},
                  {"flop_per_token", p->flop_per_token.all},
                  {"flops", p->flops},
                  {"sent_bytes", p->sent_bytes},
                  {"checkpoint_bytes", p->checkpoint_bytes}};
    kc_json_text(object, "status",
                 p->node_needs > p->machine.node_bytes && p->machine.node_bytes > 0 ? "does not fit"
                                                                                    : "fits");
    kc_json_text(object, "input", s->input);
    for (size_t i = 0; i < sizeof values / sizeof *values; ++i)
        kc_json_number(object, values[i].name, values[i].value);
#define ADD(name, help) kc_json_number(object, #name, (double)p->needs.bytes[KC_##name]);
    KC_NEEDS(ADD)
#undef ADD
    cJSON *tensors = cJSON_AddObjectToObject(object, "params");
    for (int k = 0; k < p->layout.n; ++k) {
        const kc_tensor *t = &p->layout.tensor[k];
        double n = t->layers > 0;
        for (int i = 0; i < t->n_dims; ++i)
            n *= (double)t->dims[i];
        if (n > 0)
            kc_json_number(tensors, t->name, n);
    }
    if (s->rate > 0)
        kc_json_number(object, "seconds", p->tokens / s->rate);
    kc_json_put(out, object);
}
