/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/base/open.h"
#include "kcap/comm/mpi.h"
#include "io/crash.h"
#include "io/h5_internal.h"

/* Before main, and so before MPI_Init: else HDF5 would hook itself into MPI_Finalize, close
 * there what it could not write and crash. It may not do so at exit either, nor print errors
 * that we report, nor load code that a file asks for. */
__attribute__((constructor)) static void start_hdf5(void)
{
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

void kc_h5_version(char *text, size_t size)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, size, "%u.%u.%u", major, minor, release);
}

/* Of a reader of a file whose writer goes on: how often it reads what does not fit its checksum. HDF5
 * waits 1 ns before the second time and twice as long before each one after: 1 s in all, and a
 * hundred years with its own default of 100. */
enum { ATTEMPTS = 30 };

/* Access properties. Checkpoints take the 1.8 format, whose superblock has no mark for an open
 * file that the shared open would have to write; SWMR needs the 1.10 one. */
static hid_t access_list(kc_h5_mode mode)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(list, mode == KC_H5_SWMR ? H5F_LIBVER_V110 : H5F_LIBVER_V18,
                         H5F_LIBVER_LATEST);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    return list;
}

static void begin(kc_h5 *f, const char *path, int writes)
{
    *f = (kc_h5){.writes = writes};
    snprintf(f->path, sizeof f->path, "%s", path);
}

int kc_h5_create(kc_h5 *f, const char *path, kc_h5_mode mode, kc_error *e)
{
    begin(f, path, 1);
    hid_t list = access_list(mode), how = kc_h5_timeless(H5P_FILE_CREATE);
    /* Locks where the file system has them: some parallel ones have none and that is no reason
     * to stop. */
    H5Pset_file_locking(list, 1, 1);
    hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, how, list);
    if (id < 0)
        kc_h5_fail(f, e, "cannot create it");
    else
        f->id = id;
    H5Pclose(how);
    H5Pclose(list);
    return e->code;
}

/* Does the superblock say that a writer has not closed the file? Its version 3 has flags for that. */
static int is_left_open(FILE *file)
{
    enum { VERSION = 8, FLAGS = 11, WRITER = 1 };
    unsigned char head[FLAGS + 1];
    return fread(head, sizeof head, 1, file) == 1 && head[VERSION] == 3 && (head[FLAGS] & WRITER);
}

int kc_h5_open(kc_h5 *f, const char *path, kc_error *e)
{
    begin(f, path, 0);
    FILE *file = kc_open_regular(path, e); /* HDF5 would wait for the writer of a pipe */
    if (file == NULL)
        return e->code;
    f->left_open = is_left_open(file);
    fclose(file);
    hid_t list = access_list(f->left_open ? KC_H5_SWMR : KC_H5_PLAIN);
    kc_crash_names(path);
    H5Pset_file_locking(list, 1, 1);
    H5Pset_metadata_read_attempts(list, f->left_open ? ATTEMPTS : 1);
    hid_t id = H5Fopen(path, H5F_ACC_RDONLY | (f->left_open ? H5F_ACC_SWMR_READ : 0), list);
    if (id < 0)
        kc_h5_fail(f, e, "cannot open it as HDF5");
    else
        f->id = id;
    H5Pclose(list);
    return e->code;
}

/* MPI-IO takes what stands before a colon for the name of a file system, or not, as the library has
 * it: so a path with a colon goes by the number that this process has the file open under. */
static hid_t open_over_mpi(const char *path, hid_t list)
{
    char number[64];
    const int fd = strchr(path, ':') ? open(path, O_RDWR | O_CLOEXEC) : -1;
    snprintf(number, sizeof number, "/proc/self/fd/%d", fd);
    hid_t id = H5Fopen(fd < 0 ? path : number, H5F_ACC_RDWR, list);
    if (fd >= 0)
        close(fd);
    return id;
}

int kc_h5_open_shared(const kc_grid *g, kc_h5 *f, const char *path, kc_error *e)
{
    begin(f, path, 1);
    hid_t list = access_list(KC_H5_PLAIN);
    hid_t id = -1;
    if (H5Pset_fapl_mpio(list, g->mpi->world, MPI_INFO_NULL) >= 0)
        id = open_over_mpi(path, list);
    if (id < 0)
        kc_h5_fail(f, e, "rank %d cannot open it over MPI-IO", g->rank);
    else
        f->id = id;
    H5Pclose(list);
    if (kc_agree(g, e) != KC_OK)
        f->broken = 1;
    return e->code;
}

int kc_h5_close_shared(const kc_grid *g, kc_h5 *f, kc_error *e)
{
    if (kc_agree(g, e) != KC_OK)
        f->broken = 1;
    kc_h5_close(f, e);
    return kc_agree(g, e);
}

int kc_h5_close(kc_h5 *f, kc_error *e)
{
    hid_t id = f->id;
    const int fails = id > 0 && !f->broken && H5Fclose(id) < 0;
    f->id = 0;
    if (!f->writes)
        kc_crash_over();
    return fails ? kc_h5_fail(f, e, "cannot close it") : KC_OK;
}

int kc_h5_start_swmr(kc_h5 *f, kc_error *e)
{
    KC_TRY(kc_h5_usable(f, e));
    if (H5Fstart_swmr_write(f->id) < 0)
        kc_h5_fail(f, e, "cannot be opened to readers");
out:
    return e->code;
}

/* Is the file of this descriptor still the one that its path leads to? */
static int is_in_place(int fd, const char *path)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

int kc_h5_flush(kc_h5 *f, int sync, kc_error *e)
{
    void *handle = NULL;
    KC_TRY(kc_h5_usable(f, e));
    if (H5Fflush(f->id, H5F_SCOPE_GLOBAL) < 0 ||
        H5Fget_vfd_handle(f->id, H5P_DEFAULT, &handle) < 0) {
        kc_h5_fail(f, e, "cannot write what is held");
    } else if (sync && fsync(*(int *)handle) != 0) {
        f->broken = 1;
        kc_fail(e, KC_EIO, "%s: fsync: %s", f->path, strerror(errno));
    } else if (!is_in_place(*(int *)handle, f->path)) {
        f->broken = 1;
        kc_fail(e, KC_EIO, "%s: removed or replaced by another file while it is written", f->path);
    }
out:
    return e->code;
}

int kc_h5_group(kc_h5 *f, const char *path, kc_error *e)
{
    if (kc_h5_usable(f, e) != KC_OK)
        return e->code;
    hid_t how = kc_h5_timeless(H5P_GROUP_CREATE);
    hid_t id = H5Gcreate2(f->id, path, H5P_DEFAULT, how, H5P_DEFAULT);
    if (id < 0 || H5Gclose(id) < 0)
        kc_h5_fail(f, e, "group %s: cannot create it", path);
    H5Pclose(how);
    return e->code;
}

int kc_h5_members(kc_h5 *f, const char *path, int64_t *n, kc_error *e)
{
    H5G_info_t info = {0};
    KC_TRY(kc_h5_reaches(f, path, e));
    if (H5Gget_info_by_name(f->id, path, &info, H5P_DEFAULT) < 0)
        kc_h5_fail(f, e, "%s is not a group", path);
    *n = (int64_t)info.nlinks;
out:
    return e->code;
}

int kc_h5_member(kc_h5 *f, const char *path, int64_t i, char *name, size_t size, kc_error *e)
{
    ssize_t n = -1;
    KC_TRY(kc_h5_reaches(f, path, e));
    n = H5Lget_name_by_idx(f->id, path, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name, size,
                           H5P_DEFAULT);
    if (n < 0 || (size_t)n >= size)
        kc_h5_fail(f, e, "%s: the name of member %lld cannot be read", path, (long long)i);
out:
    return e->code;
}

int kc_h5_has(kc_h5 *f, const char *path)
{
    char part[512];
    for (size_t n = 1; path[n - 1] && path[n]; ++n) {
        n += strcspn(path + n, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        if (H5Lexists(f->id, part, H5P_DEFAULT) <= 0)
            return 0;
    }
    return 1;
}
