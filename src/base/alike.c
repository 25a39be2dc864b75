/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/alike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"
#include "kcap/base/text.h"

/* Marks that join the letter before them, and by place the letters and what they are together: the
 * canonical decompositions of Unicode but for Hangul, which is a formula, and rare signs. Mark 0: another
 * letter of the same look. */
static const struct {
    uint32_t mark;
    const char *letters, *joined;
} joins[] = {
    {0x0000, "ΩKÅ", "ΩKÅ"},
    {0x0300, "AEIOUaeiouÜüNnЕИеиĒēŌōWwÂâĂăÊêÔôƠơƯưYyἀἁἈἉἐἑἘἙἠἡἨἩἰἱἸἹὀὁὈὉὐὑὙὠὡὨὩαεηιουωΑΕΗ᾿ϊΙ῾ϋΥ¨ΟΩ",
     "ÀÈÌÒÙàèìòùǛǜǸǹЀЍѐѝḔḕṐṑẀẁẦầẰằỀềỒồỜờỪừỲỳἂἃἊἋἒἓἚἛἢἣἪἫἲἳἺἻὂὃὊὋὒὓὛὢὣὪὫὰὲὴὶὸὺὼᾺῈῊ῍ῒῚ῝ῢῪ῭ῸῺ"},
    {0x0301,
     "AEIOUYaeiouyCcLlNnRrSsZzÜüGgÅåÆæØø̈¨ΑΕΗΙΟΥΩϊαεηιϋουωϒГКгкÇçĒēÏïKkMmÕõŌōPpŨũWwÂâĂăÊêÔ"
     "ôƠơƯưἀἁἈἉἐἑἘἙἠἡἨἩἰἱἸἹὀὁὈὉὐὑὙὠὡὨὩ᾿῾",
     "ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹźǗǘǴǵǺǻǼǽǾǿ̈́΅ΆΈΉΊΌΎΏΐάέήίΰόύώϓЃЌѓќḈḉḖḗḮḯḰḱḾḿṌṍṒṓṔṕṸṹẂẃẤấẮắẾếỐ"
     "ốỚớỨứἄἅἌἍἔἕἜἝἤἥἬἭἴἵἼἽὄὅὌὍὔὕὝὤὥὬὭ῎῞"},
    {0x0302, "AEIOUaeiouCcGgHhJjSsWwYyZzẠạẸẹỌọ", "ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷẐẑẬậỆệỘộ"},
    {0x0303, "ANOanoIiUuVvÂâĂăEeÊêÔôƠơƯưYy", "ÃÑÕãñõĨĩŨũṼṽẪẫẴẵẼẽỄễỖỗỠỡỮữỸỹ"},
    {0x0304, "AaEeIiOoUuÜüÄäȦȧÆæǪǫÖöÕõȮȯYyИиУуGgḶḷṚṛαΑιΙυΥ",
     "ĀāĒēĪīŌōŪūǕǖǞǟǠǡǢǣǬǭȪȫȬȭȰȱȲȳӢӣӮӯḠḡḸḹṜṝᾱᾹῑῙῡῩ"},
    {0x0306, "AaEeGgIiOoUuУИиуЖжАаЕеȨȩẠạαΑιΙυΥ", "ĂăĔĕĞğĬĭŎŏŬŭЎЙйўӁӂӐӑӖӗḜḝẶặᾰᾸῐῘῠῨ"},
    {0x0307, "CcEeGgIZzAaOoBbDdFfHhMmNnPpRrSsŚśŠšṢṣTtWwXxYyſ",
     "ĊċĖėĠġİŻżȦȧȮȯḂḃḊḋḞḟḢḣṀṁṄṅṖṗṘṙṠṡṤṥṦṧṨṩṪṫẆẇẊẋẎẏẛ"},
    {0x0308, "AEIOUaeiouyYΙΥιυϒЕІеіАаӘәЖжЗзИиОоӨөЭэУуЧчЫыHhÕõŪūWwXxt",
     "ÄËÏÖÜäëïöüÿŸΪΫϊϋϔЁЇёїӒӓӚӛӜӝӞӟӤӥӦӧӪӫӬӭӰӱӴӵӸӹḦḧṎṏṺṻẄẅẌẍẗ"},
    {0x0309, "AaÂâĂăEeÊêIiOoÔôƠơUuƯưYy", "ẢảẨẩẲẳẺẻỂểỈỉỎỏỔổỞởỦủỬửỶỷ"},
    {0x030A, "AaUuwy", "ÅåŮůẘẙ"},
    {0x030B, "OoUuУу", "ŐőŰűӲӳ"},
    {0x030C, "CcDdEeLlNnRrSsTtZzAaIiOoUuÜüGgKkƷʒjHh", "ČčĎďĚěĽľŇňŘřŠšŤťŽžǍǎǏǐǑǒǓǔǙǚǦǧǨǩǮǯǰȞȟ"},
    {0x030F, "AaEeIiOoRrUuѴѵ", "ȀȁȄȅȈȉȌȍȐȑȔȕѶѷ"},
    {0x0311, "AaEeIiOoRrUu", "ȂȃȆȇȊȋȎȏȒȓȖȗ"},
    {0x0313, "αΑεΕηΗιΙοΟυωΩρ", "ἀἈἐἘἠἨἰἸὀὈὐὠὨῤ"},
    {0x0314, "αΑεΕηΗιΙοΟυΥωΩρΡ", "ἁἉἑἙἡἩἱἹὁὉὑὙὡὩῥῬ"},
    {0x031B, "OoUu", "ƠơƯư"},
    {0x0323, "BbDdHhKkLlMmNnRrSsTtVvWwZzAaEeIiOoƠơUuƯưYy",
     "ḄḅḌḍḤḥḲḳḶḷṂṃṆṇṚṛṢṣṬṭṾṿẈẉẒẓẠạẸẹỊịỌọỢợỤụỰựỴỵ"},
    {0x0324, "Uu", "Ṳṳ"},
    {0x0325, "Aa", "Ḁḁ"},
    {0x0326, "SsTt", "ȘșȚț"},
    {0x0327, "CcGgKkLlNnRrSsTtEeDdHh", "ÇçĢģĶķĻļŅņŖŗŞşŢţȨȩḐḑḨḩ"},
    {0x0328, "AaEeIiUuOo", "ĄąĘęĮįŲųǪǫ"},
    {0x032D, "DdEeLlNnTtUu", "ḒḓḘḙḼḽṊṋṰṱṶṷ"},
    {0x032E, "Hh", "Ḫḫ"},
    {0x0330, "EeIiUu", "ḚḛḬḭṴṵ"},
    {0x0331, "BbDdKkLlNnRrTtZzh", "ḆḇḎḏḴḵḺḻṈṉṞṟṮṯẔẕẖ"},
    {0x0338, "←→↔⇐⇔⇒∃∈∋∣∥∼≃≅≈=≡≍<>≤≥≲≳≶≷≺≻⊂⊃⊆⊇⊢⊨⊩⊫≼≽⊑⊒⊲⊳⊴⊵",
     "↚↛↮⇍⇎⇏∄∉∌∤∦≁≄≇≉≠≢≭≮≯≰≱≴≵≸≹⊀⊁⊄⊅⊈⊉⊬⊭⊮⊯⋠⋡⋢⋣⋪⋫⋬⋭⫝̸"},
    {0x0342, "ἀἁἈἉἠἡἨἩἰἱἸἹὐὑὙὠὡὨὩα¨η᾿ιϊ῾υϋω", "ἆἇἎἏἦἧἮἯἶἷἾἿὖὗὟὦὧὮὯᾶ῁ῆ῏ῖῗ῟ῦῧῶ"},
    {0x0345, "ἀἁἂἃἄἅἆἇἈἉἊἋἌἍἎἏἠἡἢἣἤἥἦἧἨἩἪἫἬἭἮἯὠὡὢὣὤὥὦὧὨὩὪὫὬὭὮὯὰαάᾶΑὴηήῆΗὼωώῶΩ",
     "ᾀᾁᾂᾃᾄᾅᾆᾇᾈᾉᾊᾋᾌᾍᾎᾏᾐᾑᾒᾓᾔᾕᾖᾗᾘᾙᾚᾛᾜᾝᾞᾟᾠᾡᾢᾣᾤᾥᾦᾧᾨᾩᾪᾫᾬᾭᾮᾯᾲᾳᾴᾷᾼῂῃῄῇῌῲῳῴῷῼ"},
    {0x0653, "\u0627", "\u0622"},
    {0x0654, "\u0627\u0648\u064A\u06D5\u06C1\u06D2", "\u0623\u0624\u0626\u06C0\u06C2\u06D3"},
    {0x0655, "\u0627", "\u0625"},
    {0x093C, "\u0928\u0930\u0933\u0915\u0916\u0917\u091C\u0921\u0922\u092B\u092F",
     "\u0929\u0931\u0934\u0958\u0959\u095A\u095B\u095C\u095D\u095E\u095F"},
    {0x09BC, "\u09A1\u09A2\u09AF", "\u09DC\u09DD\u09DF"},
    {0x0A3C, "\u0A32\u0A38\u0A16\u0A17\u0A1C\u0A2B", "\u0A33\u0A36\u0A59\u0A5A\u0A5B\u0A5E"},
    {0x0B3C, "\u0B21\u0B22", "\u0B5C\u0B5D"},
    {0x3099,
     "\u304B\u304D\u304F\u3051\u3053\u3055\u3057\u3059\u305B\u305D\u305F\u3061\u3064\u3066\u3068"
     "\u306F\u3072\u3075\u3078\u307B\u3046\u309D\u30AB\u30AD\u30AF\u30B1\u30B3\u30B5\u30B7\u30B9"
     "\u30BB\u30BD\u30BF\u30C1\u30C4\u30C6\u30C8\u30CF\u30D2\u30D5\u30D8\u30DB\u30A6\u30EF\u30F0"
     "\u30F1\u30F2\u30FD",
     "\u304C\u304E\u3050\u3052\u3054\u3056\u3058\u305A\u305C\u305E\u3060\u3062\u3065\u3067\u3069"
     "\u3070\u3073\u3076\u3079\u307C\u3094\u309E\u30AC\u30AE\u30B0\u30B2\u30B4\u30B6\u30B8\u30BA"
     "\u30BC\u30BE\u30C0\u30C2\u30C5\u30C7\u30C9\u30D0\u30D3\u30D6\u30D9\u30DC\u30F4\u30F7\u30F8"
     "\u30F9\u30FA\u30FE"},
    {0x309A, "\u306F\u3072\u3075\u3078\u307B\u30CF\u30D2\u30D5\u30D8\u30DB",
     "\u3071\u3074\u3077\u307A\u307D\u30D1\u30D4\u30D7\u30DA\u30DD"},
};

/* First and last of what is not seen: joiners, marks of direction, soft hyphens, variants. */
static const uint32_t unseen[][2] = {
    {0xAD, 0xAD},     {0x34F, 0x34F},     {0x61C, 0x61C},     {0x115F, 0x1160},
    {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E},
    {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0}, {0xE0000, 0xE0FFF}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}};

enum { JOINS = sizeof joins / sizeof *joins, RUN_MOST = 16 };
/* Unicode 3.12: a syllable is its parts, which stand in rows of 21 and 28. */
enum { SYLLABLE = 0xAC00, SYLLABLES = 11172, LEAD = 0x1100, VOWEL = 0x1161, TAIL = 0x11A7 };

static int is_unseen(uint32_t code)
{
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; ++i)
        if (code >= unseen[i][0] && code <= unseen[i][1])
            return 1;
    return 0;
}

static int is_mark(uint32_t code)
{
    for (int i = 1; i < JOINS && code >= joins[1].mark; ++i)
        if (code == joins[i].mark)
            return 1;
    return code >= LEAD && code < LEAD + 0x100;
}

static int is_blank(uint32_t code)
{
    return code == ' ' || code == 0xA0 || (code >= 0x2000 && code <= 0x200A) || code == 0x202F ||
           code == 0x205F || code == 0x3000;
}

/* Characters before `end`. */
static int count(const char *text, const char *end)
{
    int n = 0;
    for (; text < end; ++text)
        n += (*text & 0xC0) != 0x80;
    return n;
}

static uint32_t at(const char *text, int place)
{
    uint32_t code = 0;
    for (int i = 0; i <= place; ++i)
        text += kc_utf8(text, &code);
    return code;
}

/* The letter and the mark that a character of n bytes is made of; 0: it is one of its own. */
static int parts_of(const char *c, int n, uint32_t *letter, uint32_t *mark)
{
    char one[5] = "";
    memcpy(one, c, (size_t)n);
    for (int i = 0; i < JOINS; ++i) {
        const char *found = strstr(joins[i].joined, one);
        if (!found)
            continue;
        *letter = at(joins[i].letters, count(joins[i].joined, found));
        *mark = joins[i].mark;
        return 1;
    }
    return 0;
}

int kc_alike_odd(const char *text)
{
    uint32_t code = 0, letter, mark = 1;
    for (int n = 1; *text; text += n) {
        n = 1;
        if ((unsigned char)*text < 0x80)
            continue;
        n = kc_utf8(text, &code);
        KC_CHECK(n > 0, "a text is not UTF-8");
        if (is_unseen(code) || is_mark(code) || is_blank(code))
            return 1;
        if (code >= 0x2126 && code <= 0x212B && parts_of(text, n, &letter, &mark) && !mark)
            return 1;
    }
    return 0;
}

/* FNV-1a, and the marks of the last letter, which are in it in the order of their codes. */
typedef struct folding {
    uint64_t key;
    uint32_t run[RUN_MOST];
    int n;
} folding;

static void put(folding *f, uint32_t code)
{
    for (int i = 0; i < 4; ++i, code >>= 8)
        f->key = (f->key ^ (code & 0xFF)) * 0x100000001B3;
}

static void end_run(folding *f)
{
    for (int i = 0; i < f->n; ++i)
        put(f, f->run[i]);
    f->n = 0;
}

static void add_mark(folding *f, uint32_t mark)
{
    int i = f->n;
    if (mark == 0)
        return;
    if (f->n == RUN_MOST)
        end_run(f);
    for (i = f->n++; i > 0 && f->run[i - 1] > mark; --i)
        f->run[i] = f->run[i - 1];
    f->run[i] = mark;
}

static void add_letter(folding *f, uint32_t code)
{
    end_run(f);
    put(f, code);
}

static void add_syllable(folding *f, uint32_t number)
{
    add_letter(f, LEAD + number / (21 * 28));
    add_letter(f, VOWEL + number / 28 % 21);
    if (number % 28)
        add_letter(f, TAIL + number % 28);
}

/* A character, taken apart as far as it goes. */
static void add(folding *f, const char *c, int n, uint32_t code)
{
    uint32_t mark[4], letter;
    char text[5];
    int marks = 0;
    memcpy(text, c, (size_t)n);
    while (marks < 4 && code >= 0x80 && parts_of(text, n, &letter, &mark[marks])) {
        ++marks;
        n = kc_utf8_put(code = letter, text);
    }
    add_letter(f, code);
    while (marks > 0)
        add_mark(f, mark[--marks]);
}

uint64_t kc_alike_key(const char *text)
{
    folding f = {.key = 0xCBF29CE484222325};
    uint32_t code = 0;
    for (int n; *text; text += n) {
        n = kc_utf8(text, &code);
        KC_CHECK(n > 0, "a text is not UTF-8");
        if (is_blank(code) || is_unseen(code))
            continue;
        if (code >= SYLLABLE && code < SYLLABLE + SYLLABLES)
            add_syllable(&f, code - SYLLABLE);
        else if (is_mark(code) && code < LEAD)
            add_mark(&f, code);
        else
            add(&f, text, n, code);
    }
    end_run(&f);
    return f.key;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int64_t kc_alike_twins(uint64_t *all, int64_t n, const uint64_t *odd, int64_t n_odd, int64_t *first)
{
    int64_t twins = 0;
    if (n_odd == 0)
        return 0;
    qsort(all, (size_t)n, sizeof *all, by_key);
    for (int64_t i = 0; i < n_odd; ++i) {
        const uint64_t *at_key = bsearch(&odd[i], all, (size_t)n, sizeof *all, by_key);
        const int64_t k = at_key ? at_key - all : n;
        const int has_twin =
            (k + 1 < n && all[k + 1] == odd[i]) || (k > 0 && k < n && all[k - 1] == odd[i]);
        if (has_twin && twins++ == 0)
            *first = i;
    }
    return twins;
}

const char *kc_alike_show(const char *text, char *shown, size_t size)
{
    uint32_t code = 0;
    size_t used = 0;
    for (int n; *text && used + sizeof "<U+10FFFF>..." < size; text += n) {
        n = kc_utf8(text, &code);
        KC_CHECK(n > 0, "a text is not UTF-8");
        const int is_odd = code >= 0x80 && (is_unseen(code) || is_mark(code) || is_blank(code));
        if (is_odd)
            used += (size_t)snprintf(shown + used, size - used, "<U+%04X>", (unsigned)code);
        else
            used += (size_t)snprintf(shown + used, size - used, "%.*s", n, text);
    }
    strcpy(shown + used, *text ? "..." : "");
    return shown;
}
