/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_ERR_H
#define KCAP_BASE_ERR_H

/* Exit codes of every verb, on every rank. */
enum {
    KC_OK = 0,
    KC_NOTHING = 1,  /* what was looked for is not there; no error          */
    KC_EINPUT = 2,   /* bad input: key, value, file, foreign checkpoint     */
    KC_ENUMERIC = 3, /* a loss or a gradient that is not finite             */
    KC_EIO = 4,      /* a file could not be written or read                 */
    KC_EPEER = 5,    /* a peer is lost or the job is hung                   */
    KC_STOPPED = 75  /* stopped early with a checkpoint written; resume it  */
};

/* One error: what was found, what is allowed, where, what to do. Plain data; code is KC_OK while
 * there is none. */
typedef struct kc_error {
    int code;
    char text[1200];
} kc_error;

/* Set an error unless one is set already (the first cause is the one worth reading).
 *   collective  no
 *   errors      returns e->code */
int kc_fail(kc_error *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Add what to do to an error that says what was found: "; advice". Nothing where there is none. */
void kc_advise(kc_error *e, const char *advice);

/* Stop at a broken invariant: prints rank, place and values on stderr and aborts; mpirun then ends
 * the other ranks.
 *   collective  no; never returns */
void kc_die(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));

/* Always checked, release builds too: for files, users, cheap sums. */
#define KC_CHECK(condition, ...)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            kc_die(__FILE__, __LINE__, #condition, __VA_ARGS__);                                   \
    } while (0)

/* Memory that the system did not give, which an invariant cannot promise: prints rank and text on stderr
 * and ends the process with KC_EIO; mpirun then ends the other ranks.
 *   collective  no; never returns */
void kc_no_room(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define KC_ROOM(pointer, ...)                                                                      \
    do {                                                                                           \
        if (!(pointer))                                                                            \
            kc_no_room(__VA_ARGS__);                                                               \
    } while (0)

/* Run one fallible call that returns a code and leave by the label `out:` when it failed. */
#define KC_TRY(call)                                                                               \
    do {                                                                                           \
        if ((call) != KC_OK)                                                                       \
            goto out;                                                                              \
    } while (0)

#endif
