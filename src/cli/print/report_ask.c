/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "cli/print/report.h"
#include "kcap/io/json.h"

static void print_truth(FILE *out, const kc_answer *a)
{
    if (a->right)
        fprintf(out, "  right");
    else
        fprintf(out, "  WRONG: it is `%s`, probability %.3g", a->truth, a->truth_probability);
    if (isfinite(a->rank))
        fprintf(out, ", rank %.0f of %lld", a->rank, (long long)a->candidates);
}

void kc_report_answer(FILE *out, const kc_answer *a)
{
    fprintf(out, "%s  (probability %.3g)\n", a->answer[0] ? a->answer : "<eos>", a->probability);
    if (a->truth) {
        print_truth(out, a);
        fprintf(out, "  (%s of person %lld)\n", a->attribute, (long long)a->place.person);
    } else if (a->place.person >= 0) {
        fprintf(out,
                "  of person %lld; no text of the corpus begins so, and the truth is not known\n",
                (long long)a->place.person);
    } else {
        fprintf(out, "  nobody of the corpus has a name that is in this text: there is no truth\n");
    }
}

void kc_report_fact(FILE *out, const kc_answer *a)
{
    fprintf(out, "%-13s %s%s  (probability %.3g)", a->attribute, a->place.part ? "asked: " : "",
            a->answer[0] ? a->answer : "<eos>", a->probability);
    print_truth(out, a);
    fputs(a->place.exposure == KC_HELD_OUT ? "  (a question never trained)\n" : "\n", out);
}

static void put_line(FILE *out, cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    fprintf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(object);
}

void kc_report_answer_json(FILE *out, const kc_answer *a)
{
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "question", a->question);
    kc_json_text(object, "answer", a->answer);
    kc_json_text(object, "text", a->text);
    kc_json_number(object, "probability", a->probability);
    cJSON_AddItemToObject(object, "person",
                          a->place.person >= 0 ? cJSON_CreateNumber((double)a->place.person)
                                               : cJSON_CreateNull());
    if (a->truth) {
        kc_json_text(object, "attribute", a->attribute);
        kc_json_text(object, "truth", a->truth);
        kc_json_number(object, "truth_probability", a->truth_probability);
        kc_json_number(object, "rank", a->rank);
        kc_json_number(object, "candidates", (double)a->candidates);
        cJSON_AddBoolToObject(object, "right", a->right);
        cJSON_AddBoolToObject(object, "held_out", a->place.exposure <= KC_HELD_OUT);
    }
    put_line(out, object);
}

void kc_report_unanswered(FILE *out, const char *why, int json)
{
    if (!json) {
        fprintf(out, "no answer: %s\n", why);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "error", why);
    put_line(out, object);
}
