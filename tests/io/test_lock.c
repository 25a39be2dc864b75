/* SPDX-License-Identifier: BSD-3-Clause */

#include "../folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/owner.h"
#include "kcap/io/file.h"
#include "kcap/io/lock.h"

static void says(const kc_error *e, const char *part)
{
    assert_int_equal(e->code, KC_EINPUT);
    if (strstr(e->text, part) == NULL)
        fail_msg("'%s' does not say '%s'", e->text, part);
}

/* A folder that this owner, and no kernel, says to hold. */
static const char *held_by(const kc_owner *o)
{
    const char *folder = test_folder();
    char path[128], text[KC_OWNER_TEXT];
    kc_error e = {0};
    snprintf(path, sizeof path, "%s/" KC_LOCK_RUN, folder);
    kc_owner_write(o, text);
    assert_int_equal(kc_file_write(path, text, &e), KC_OK);
    return folder;
}

static int take(const char *folder, kc_error *e)
{
    kc_lock *lock;
    *e = (kc_error){0};
    const int code = kc_lock_take(folder, KC_LOCK_RUN, 1, &lock, e);
    assert_int_equal(lock != NULL, code == KC_OK);
    kc_lock_release(lock);
    return code;
}

/* By the text alone, as where the kernel has no locks: this process lives, one of its number that began
 * at another time does not, nor does one from before the last boot. */
KC_TEST(the_living_and_the_dead_of_this_host)
{
    kc_owner self, other;
    kc_error e;
    kc_owner_self(&self);
    assert_int_equal(kc_owner_lives(&self), 1);
    take(held_by(&self), &e);
    char who[128];
    snprintf(who, sizeof who, "in use by process %ld on %s", (long)getpid(), self.host);
    says(&e, who);
    other = self;
    other.began += 1;
    assert_int_equal(take(held_by(&other), &e), KC_OK);
    other = self;
    snprintf(other.boot, sizeof other.boot, "another");
    assert_int_equal(take(held_by(&other), &e), KC_OK);
}

static void *renew(void *path)
{
    for (int i = 0; i < 20; ++i) {
        usleep(100000);
        utimensat(AT_FDCWD, path, NULL, 0);
    }
    return NULL;
}

/* Another host's is taken over once it has not been renewed for the time given, and not before. */
KC_TEST(another_host)
{
    kc_owner o;
    kc_error e;
    char path[128];
    pthread_t thread;
    kc_owner_self(&o);
    snprintf(o.host, sizeof o.host, "elsewhere");
    snprintf(o.job, sizeof o.job, "4711");
    assert_int_equal(kc_owner_lives(&o), -1);
    assert_int_equal(take(held_by(&o), &e), KC_OK);
    const char *folder = held_by(&o);
    snprintf(path, sizeof path, "%s/" KC_LOCK_RUN, folder);
    assert_int_equal(pthread_create(&thread, NULL, renew, path), 0);
    take(folder, &e);
    pthread_join(thread, NULL);
    says(&e, "on elsewhere, job 4711, since");
    says(&e, "if it surely has, remove /tmp/");
}

/* A killed process leaves its file, and the next one has the folder. */
KC_TEST(a_killed_process)
{
    const char *folder = test_folder();
    char path[128];
    int ready[2];
    kc_error e;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        kc_lock *lock;
        kc_error mine = {0};
        kc_lock_take(folder, KC_LOCK_RUN, 1, &lock, &mine);
        (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    take(folder, &e);
    says(&e, "wait until it has ended, or choose another folder");
    kill(child, SIGKILL);
    siginfo_t info; /* a zombie that nobody waits for is dead too */
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    snprintf(path, sizeof path, "%s/" KC_LOCK_RUN, folder);
    assert_true(kc_file_size(path) > 0);
    assert_int_equal(take(folder, &e), KC_OK);
    waitpid(child, NULL, 0);
    assert_int_equal(kc_file_size(path), -1);
    assert_int_equal(close(ready[0]) | close(ready[1]), 0);
}

/* Folders that were made go again when nothing came into them; what was there stays. */
KC_TEST(folders_made)
{
    char path[128];
    kc_error e;
    const char *folder = test_folder();
    snprintf(path, sizeof path, "%s/a//b/c/", folder);
    assert_int_equal(take(path, &e), KC_OK);
    assert_int_equal(kc_folder_full(folder), 0);
    snprintf(path, sizeof path, "%s/run.h5", folder);
    assert_int_equal(kc_file_write(path, "x", &e), KC_OK);
    assert_int_equal(take(folder, &e), KC_OK);
    assert_int_equal(kc_file_size(path), 1);
}

/* What bears the lock's name is moved away by whoever put it there. */
KC_TEST(what_is_no_file_is_named_and_stays)
{
    char path[128];
    kc_error e;
    for (int kind = 0; kind < 3; ++kind) {
        const char *folder = test_folder();
        struct stat s;
        snprintf(path, sizeof path, "%s/" KC_LOCK_RUN, folder);
        assert_int_equal(kind == 0   ? mkdir(path, 0777)
                         : kind == 1 ? mkfifo(path, 0666)
                                     : symlink(KC_LOCK_RUN, path),
                         0);
        take(folder, &e);
        says(&e, KC_LOCK_RUN ": no regular file, which a lock must be; move it away");
        assert_int_equal(lstat(path, &s), 0);
        kind == 0 ? rmdir(path) : unlink(path);
    }
}

KC_TEST_MAIN(NULL, NULL)
