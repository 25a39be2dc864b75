/* SPDX-License-Identifier: BSD-3-Clause */

#include "../comm/grids.h"

#include <fcntl.h>

#include "kcap/nn/params.h"
#include "kcap/record/checkpoint.h"
#include "kcap/record/shelf.h"
#include "sandbox.h"

/* All ranks, this one alone, and a folder that all share. */
typedef struct fixture {
    const kc_grid *world;
    alone self;
    char dir[64];
} fixture;

static void all_arrive(void *grid)
{
    kc_barrier(grid);
}

static const fixture *fixture_on(kc_grid *g)
{
    fixture *x = test_room(1, sizeof *x);
    x->world = g;
    alone_create(&x->self, g);
    if (g->rank == 0)
        strcpy(x->dir, test_folder());
    kc_bcast(g, x->dir, sizeof x->dir);
    kc_test_owns(g, all_arrive); /* before the folder is removed */
    return x;
}

enum { LANES = 3 };

/* Add a tensor of the global shape [layers, rows, cols], less dimensions where `n_dims` says so. */
static void add(kc_layout *l, const char *name, int per_layer, int64_t layers, int64_t rows,
                int64_t cols)
{
    kc_tensor *t = &l->tensor[l->n++];
    *t = (kc_tensor){.name = name,
                     .help = "a tensor",
                     .layers = layers,
                     .rows = rows,
                     .cols = cols,
                     .per_layer = per_layer};
    if (per_layer)
        t->dims[t->n_dims++] = layers;
    if (rows > 1)
        t->dims[t->n_dims++] = rows;
    t->dims[t->n_dims++] = cols;
    t->stride = (rows * cols + 15) / 16 * 16;
    t->offset = l->n_flat;
    l->n_flat += layers * t->stride;
    l->n_params += layers * rows * cols;
}

/* Odd shapes of every kind. With `words` large the file has more than one chunk to hash. */
static kc_layout make_layout(int64_t words)
{
    kc_layout l = {.n = 0};
    add(&l, "wte", 0, 1, words, 5);
    add(&l, "bias", 1, 3, 1, 11);
    add(&l, "weight", 1, 3, 7, 9);
    add(&l, "norm", 0, 1, 1, 13);
    return l;
}

static float value(int what, int64_t step, int64_t flat)
{
    return (float)(what * 0.25 + (double)step * 3.0 + (double)flat / 7.0);
}

/* A state whose values follow from (step, flat index); padding is zero. */
typedef struct holder {
    kc_state state;
    int64_t lo[9];
    kc_cursor cursors[LANES];
} holder;

static int is_padding(const kc_layout *l, int64_t flat)
{
    for (int i = 0; i < l->n; ++i) {
        const kc_tensor *t = &l->tensor[i];
        if (flat >= t->offset && flat < t->offset + t->layers * t->stride)
            return (flat - t->offset) % t->stride >= t->rows * t->cols;
    }
    return 1;
}

static void hold(holder *h, const kc_grid *g, const kc_layout *l)
{
    for (int r = 0; r <= g->size; ++r)
        h->lo[r] = l->n_flat * r / g->size;
    int64_t mine = h->lo[g->rank + 1] - h->lo[g->rank];
    h->state = (kc_state){.layout = l,
                          .lo = h->lo,
                          .n_lanes = LANES,
                          .n_parts = 1,
                          .cursors = h->cursors,
                          .params = test_room(l->n_flat, sizeof(float)),
                          .m = test_room(mine, sizeof(float)),
                          .v = test_room(mine, sizeof(float))};
    memset(h->cursors, 0, sizeof h->cursors);
}

static void fill(holder *h, const kc_grid *g, int64_t step)
{
    kc_state *s = &h->state;
    s->step = step;
    s->tokens = step * 1000;
    for (int64_t i = 0; i < s->layout->n_flat; ++i)
        s->params[i] = is_padding(s->layout, i) ? 0 : value(0, step, i);
    for (int64_t i = h->lo[g->rank]; i < h->lo[g->rank + 1]; ++i) {
        int64_t at = i - h->lo[g->rank];
        s->m[at] = is_padding(s->layout, i) ? 0 : value(1, step, i);
        s->v[at] = is_padding(s->layout, i) ? 0 : value(2, step, i);
    }
    for (int64_t i = 0; i < LANES; ++i)
        h->cursors[i] =
            (kc_cursor){step + i, step * 2 + i, step * 3 + i, step * 4 + i, step * 5 + i};
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static kc_files make_files(void)
{
    static char text[] = "Ada\nBob\n\0\0x\0y\n";
    kc_files f = {.n = 3, .bytes = sizeof text, .text = text};
    static const char *const name[] = {"templates/city.txt", "pools/first_name.txt", "pools/z.txt"};
    static const int64_t begin[] = {0, 9, 10}, bytes[] = {8, 0, 4};
    for (int i = 0; i < f.n; ++i) {
        snprintf(f.file[i].name, sizeof f.file[i].name, "%s", name[i]);
        f.file[i].begin = begin[i];
        f.file[i].bytes = bytes[i];
    }
    f.bytes = 15;
    return f;
}

static int write_step(const fixture *x, const kc_layout *l, int64_t step, int64_t keep, kc_error *e)
{
    holder h;
    kc_stamp stamp = sandbox_stamp();
    kc_files files = make_files();
    hold(&h, x->world, l);
    fill(&h, x->world, step);
    return kc_checkpoint_write(x->world, x->dir, &h.state, &stamp, &files, keep, e);
}

static void must_write(const fixture *x, const kc_layout *l, int64_t step, int64_t keep)
{
    kc_error e = {0};
    if (write_step(x, l, step, keep, &e) != KC_OK)
        fail_msg("%s", e.text);
}

static void info_end(void *info)
{
    kc_checkpoint_info_free(info);
    free(info);
}

/* What kc_checkpoint_find finds, which must be something. */
static const kc_checkpoint_info *found_in(const kc_grid *g, const char *where)
{
    kc_checkpoint_info *info = kc_test_owns(kc_alloc(1, sizeof *info, "checkpoints"), info_end);
    kc_error e = {0};
    if (kc_checkpoint_find(g, where, NULL, info, &e) != KC_OK)
        fail_msg("%s", e.text);
    return info;
}

static void check_info(const kc_checkpoint_info *info, int64_t step)
{
    kc_files files = make_files();
    assert_int_equal(info->step, step);
    assert_int_equal(info->tokens, step * 1000);
    assert_string_equal(info->stamp.config, sandbox_stamp().config);
    assert_string_equal(info->stamp.run_id, "run-7");
    assert_string_equal(info->stamp.kernel, "zen3");
    assert_string_equal(info->stamp.config_hash, "0123456789abcdef");
    assert_int_equal(info->files.n, files.n);
    assert_int_equal(info->files.bytes, files.bytes);
    assert_memory_equal(info->files.text, files.text, (size_t)files.bytes);
    for (int i = 0; i < files.n; ++i) {
        char path[2048];
        snprintf(path, sizeof path, "%s:%s", info->path, files.file[i].name);
        assert_string_equal(info->files.file[i].path, path);
        assert_string_equal(info->files.file[i].name, files.file[i].name);
        assert_int_equal(info->files.file[i].begin, files.file[i].begin);
        assert_int_equal(info->files.file[i].bytes, files.file[i].bytes);
    }
}

/* Find from `where` on this grid and compare every value with what step's were, bit for bit. */
static void check_found(const kc_grid *g, const char *where, const kc_layout *l, int64_t step)
{
    const kc_checkpoint_info *info = found_in(g, where);
    holder h, expected;
    kc_error e = {0};
    check_info(info, step);
    hold(&h, g, l);
    hold(&expected, g, l);
    fill(&expected, g, step);
    if (kc_checkpoint_read(g, info, &h.state, &e) != KC_OK)
        fail_msg("%s", e.text);
    size_t mine = (size_t)(h.lo[g->rank + 1] - h.lo[g->rank]) * sizeof(float);
    assert_memory_equal(h.state.params, expected.state.params, (size_t)l->n_flat * sizeof(float));
    assert_memory_equal(h.state.m, expected.state.m, mine);
    assert_memory_equal(h.state.v, expected.state.v, mine);
    assert_memory_equal(h.cursors, expected.cursors, sizeof h.cursors);
    assert_int_equal(h.state.step, step);
    assert_int_equal(h.state.tokens, step * 1000);
}

KC_TEST(any_rank_count_reads_it)
{
    const fixture *x = fixture_on(*state);
    static const int64_t words[] = {17, 400000};
    for (int i = 0; i < 2; ++i) {
        kc_layout l = make_layout(words[i]);
        must_write(x, &l, 7 + i, 1);
        check_found(x->world, x->dir, &l, 7 + i);
        check_found(&x->self.grid, x->dir, &l, 7 + i);
        kc_barrier(x->world);
    }
}

/* Weights are read whether there are moments or not; a run goes on from neither kind without them. */
static void check_weights(const kc_grid *g, const char *where, const kc_layout *l, const char *by,
                          float (*stored)(float))
{
    const kc_checkpoint_info *info = found_in(g, where);
    holder h;
    kc_error e = {0};
    float *params = test_room(l->n_flat, sizeof *params);
    kc_state s = {.layout = l, .params = params};
    if (kc_checkpoint_read(g, info, &s, &e) != KC_OK)
        fail_msg("%s", e.text);
    check_info(info, 7);
    assert_string_equal(info->stamp.transformed_by, by);
    assert_int_equal(info->has_moments, !by[0]);
    for (int64_t i = 0; i < l->n_flat; ++i)
        assert_true(params[i] == (is_padding(l, i) ? 0 : stored(value(0, 7, i))));
    hold(&h, g, l);
    assert_int_equal(kc_checkpoint_read(g, info, &h.state, &e), by[0] ? KC_EINPUT : KC_OK);
    if (by[0])
        assert_says(e.text, "without the optimiser's moments: go on with the checkpoint");
}

static float as_it_is(float x)
{
    return x;
}

static float halved(float x)
{
    float back;
    uint16_t half;
    const kc_codec *c = kc_codec_of(KC_CODEC_bfloat16);
    c->encode(&x, &half, 1);
    c->decode(&half, &back, 1);
    return back;
}

static void derive(const kc_grid *g, const char *from, const char *to, const char *by,
                   const kc_codec *codec)
{
    const kc_checkpoint_info *info = found_in(g, from);
    kc_error e = {0};
    const kc_derivation how = {.by = by, .codec = codec};
    if (kc_checkpoint_derive(g, info, to, &how, &e) != KC_OK)
        fail_msg("%s", e.text);
    e = (kc_error){0};
    assert_int_equal(kc_checkpoint_derive(g, info, to, &how, &e), KC_EINPUT);
    assert_says(e.text, "is there already; remove it or choose another --out");
}

/* Moments left out, then halves: of tensors in one piece and in several, by all ranks and by one. */
KC_TEST(weights_are_kept_alone_and_halved)
{
    const fixture *x = fixture_on(*state);
    static const int64_t words[] = {17, 400000};
    for (int i = 0; i < 2; ++i) {
        kc_layout l = make_layout(words[i]);
        must_write(x, &l, 7, 1);
        check_weights(x->world, x->dir, &l, "", as_it_is);
        const char *alone = test_text("%s/new/alone%d.h5", x->dir, i);
        const char *half = test_text("%s/half%d.h5", x->dir, i);
        const char *mine = test_text("%s/rank%d_%d.h5", x->dir, i, x->world->rank);
        derive(x->world, x->dir, alone, "strip", NULL);
        check_weights(x->world, alone, &l, "strip", as_it_is);
        derive(x->world, alone, half, "bf16", kc_codec_of(KC_CODEC_bfloat16));
        check_weights(x->world, half, &l, "strip, bf16", halved);
        sleep(1); /* no clock is to be seen in the file */
        derive(&x->self.grid, alone, mine, "bf16", kc_codec_of(KC_CODEC_bfloat16));
        assert_int_equal(system(test_text("cmp %s %s", half, mine)), 0);
        kc_barrier(x->world);
    }
}

KC_TEST(python_sees_global_shapes)
{
    const fixture *x = fixture_on(*state);
    kc_layout l = make_layout(17);
    must_write(x, &l, 7, 1);
    static const char script[] =
        "import h5py, sys, numpy as np\n"
        "f = h5py.File(sys.argv[1] + '/checkpoints/step_0000000007.h5', 'r')\n"
        "assert f['params/wte'].shape == (17, 5) and f['params/weight'].shape == (3, 7, 9)\n"
        "assert f['m/bias'].shape == (3, 11) and f['v/norm'].shape == (13,)\n"
        "i = 96 + 48 + np.arange(3)[:, None] * 64 + np.arange(63)[None, :]\n"
        "w = (1 * 0.25 + 21.0 + i / 7.0).astype('f4').reshape(3, 7, 9)\n"
        "assert (f['m/weight'][:] == w).all(), f['m/weight'][:] - w\n"
        "assert f['files/pools/z.txt'][()] == b'x\\0y\\n'\n"
        "assert f['lanes/cursor'][:].tolist()[1] == [8, 15, 22, 29, 36]\n"
        "assert f.attrs['step'] == 7 and f.attrs['n_params'] == 9\n"
        "def look(name, d):\n"
        "  if isinstance(d, h5py.Dataset): assert d.attrs['unit'] and d.attrs['description'], d\n"
        "f.visititems(look)\n";
    if (x->world->rank == 0)
        assert_int_equal(system(test_text("/usr/bin/python3 -c \"%s\" %s", script, x->dir)), 0);
    kc_barrier(x->world);
}

static const char *path_of(const fixture *x, int64_t step, const char *ending)
{
    char *path = test_room(256, 1);
    kc_shelf_path(x->dir, step, ending, path, 256);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void flip_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}

enum { FLIP, CUT, EMPTY, NO_MANIFEST, FOREIGN, GARBAGE, DAMAGES };

static void damage(const fixture *x, int kind)
{
    const char *h5 = path_of(x, 30, ".h5"), *manifest = path_of(x, 30, ".manifest");
    if (kind == FLIP)
        flip_byte(h5, 5000);
    else if (kind == CUT || kind == EMPTY)
        assert_int_equal(truncate(h5, kind == CUT ? 5000 : 0), 0);
    else if (kind == NO_MANIFEST)
        assert_int_equal(unlink(manifest), 0);
    else if (kind == FOREIGN)
        assert_int_equal(system(test_text("cp %s %s", path_of(x, 20, ".manifest"), manifest)), 0);
    else
        write_text(manifest, "kcap_checkpoint: 1\nfile: x\n");
}

/* Run find with rank 0's stderr in a file; what it said goes to text. */
static int find_listening(const fixture *x, kc_checkpoint_info *info, char *text, size_t size,
                          kc_error *e)
{
    fflush(stderr);
    int old = dup(2), log = -1;
    if (x->world->rank == 0) {
        log = open(test_text("%s/stderr", x->dir), O_RDWR | O_CREAT | O_TRUNC, 0600);
        dup2(log, 2);
    }
    int code = kc_checkpoint_find(x->world, x->dir, NULL, info, e);
    fflush(stderr);
    dup2(old, 2);
    close(old);
    memset(text, 0, size);
    if (log >= 0) {
        assert_true(pread(log, text, size - 1, 0) >= 0);
        close(log);
    }
    kc_bcast(x->world, text, size);
    return code;
}

KC_TEST(damaged_newest_is_passed_over)
{
    const fixture *x = fixture_on(*state);
    static const char *const says[DAMAGES] = {"damaged: its manifest says XXH3 ",
                                              " it has 5000",
                                              " it has 0",
                                              "step_0000000030.manifest: missing, so the file",
                                              ("belongs to step_0000000020.h5, not to "
                                               "step_0000000030.h5"),
                                              "not a manifest that kcap writes"};
    kc_layout l = make_layout(17);
    for (int64_t step = 10; step <= 30; step += 10)
        must_write(x, &l, step, 3);
    for (int kind = 0; kind < DAMAGES; ++kind) {
        const char *newest = path_of(x, 30, ".h5");
        char text[2000];
        kc_checkpoint_info info;
        kc_error e = {0};
        if (x->world->rank == 0)
            damage(x, kind);
        kc_barrier(x->world);
        assert_int_equal(find_listening(x, &info, text, sizeof text, &e), KC_OK);
        check_info(&info, 20);
        kc_checkpoint_info_free(&info);
        assert_says(text, "checkpoint passed over: ");
        assert_says(text, says[kind]);

        assert_int_equal(kc_checkpoint_find(x->world, newest, NULL, &info, &e), KC_EINPUT);
        assert_says(e.text, says[kind]);
        assert_says(e.text, "step_0000000030");
        must_write(x, &l, 30, 3);
        check_found(x->world, newest, &l, 30);
    }
}

KC_TEST(nothing_to_find)
{
    const fixture *x = fixture_on(*state);
    kc_layout l = make_layout(17);
    kc_checkpoint_info info;
    kc_error e = {0};
    char text[2000];
    assert_int_equal(kc_checkpoint_find(x->world, x->dir, NULL, &info, &e), KC_OK);
    assert_int_equal(info.path[0], 0);
    must_write(x, &l, 10, 2);
    must_write(x, &l, 20, 2);

    if (x->world->rank == 0) {
        flip_byte(path_of(x, 20, ".h5"), 4000);
        assert_int_equal(unlink(path_of(x, 10, ".manifest")), 0);
    }
    kc_barrier(x->world);
    assert_int_equal(find_listening(x, &info, text, sizeof text, &e), KC_EINPUT);
    assert_says(e.text, "no undamaged checkpoint; the newest: ");
    assert_says(e.text, "step_0000000020.h5: damaged");

    /* What a kill before the first manifest leaves is no checkpoint, and no damage either. */
    if (x->world->rank == 0)
        assert_int_equal(unlink(path_of(x, 20, ".manifest")), 0);
    e = (kc_error){0};
    kc_barrier(x->world);
    assert_int_equal(find_listening(x, &info, text, sizeof text, &e), KC_OK);
    assert_int_equal(info.path[0], 0);

    assert_int_equal(kc_checkpoint_find(x->world, test_text("%s/nowhere", x->dir), NULL, &info, &e),
                     KC_EINPUT);
    assert_says(e.text, "nowhere: no such checkpoint or folder");
    e = (kc_error){0};
    if (x->world->rank == 0)
        assert_int_equal(symlink("loop", test_text("%s/loop", x->dir)), 0);
    kc_checkpoint_find(x->world, test_text("%s/loop", x->dir), NULL, &info, &e);
    assert_says(e.text, "loop: no such checkpoint or folder can be reached: Too many levels");
}

KC_TEST(retention_keeps_the_newest)
{
    const fixture *x = fixture_on(*state);
    kc_layout l = make_layout(17);
    char folder[256];
    kc_shelf_folder(x->dir, folder, sizeof folder);
    for (int64_t step = 1; step <= 5; ++step) {
        must_write(x, &l, step, 2);
        if (x->world->rank == 0) {
            assert_int_equal(sandbox_count(folder, ".h5"), step < 2 ? step : 2);
            assert_int_equal(sandbox_count(folder, ".manifest"), step < 2 ? step : 2);
        }
        check_found(x->world, path_of(x, step, ".h5"), &l, step);
    }
    check_found(x->world, path_of(x, 4, ".h5"), &l, 4);

    /* A later file, whole or not, never costs the one just written. */
    must_write(x, &l, 3, 1);
    check_found(x->world, x->dir, &l, 5);
    check_found(x->world, path_of(x, 3, ".h5"), &l, 3);
}

KC_TEST(full_disk_leaves_the_older_intact)
{
    const fixture *x = fixture_on(*state);
    kc_layout l = make_layout(20000);
    char folder[256];
    kc_shelf_folder(x->dir, folder, sizeof folder);
    must_write(x, &l, 10, 1);
    int last = x->world->size - 1;
    for (int only_last = 0; only_last <= (last > 0); ++only_last) {
        kc_error e = {0};
        if (!only_last || x->world->rank == last)
            sandbox_limit(50000);
        int code = write_step(x, &l, 20, 1, &e);
        sandbox_limit(0);
        assert_int_equal(code, KC_EIO);
        assert_says(e.text, "step_0000000020.h5.partial");
        assert_says(e.text, only_last ? "MPI_File_write_at failed" : "File too large");
        if (x->world->rank == 0) {
            assert_int_equal(sandbox_count(folder, "partial"), 0);
            assert_int_equal(sandbox_count(folder, "step_"), 2);
        }
        kc_barrier(x->world);
        check_found(x->world, x->dir, &l, 10);
    }
    must_write(x, &l, 20, 1);
    check_found(x->world, x->dir, &l, 20);
}

KC_TEST(leftovers_of_a_kill_are_cleaned)
{
    const fixture *x = fixture_on(*state);
    kc_layout l = make_layout(17);
    char folder[256];
    kc_shelf_folder(x->dir, folder, sizeof folder);
    must_write(x, &l, 10, 2);
    if (x->world->rank == 0) {
        write_text(path_of(x, 15, ".h5.partial"), "half");
        write_text(path_of(x, 15, ".manifest.partial"), "half");
    }
    kc_barrier(x->world);
    check_found(x->world, x->dir, &l, 10);
    must_write(x, &l, 20, 2);
    if (x->world->rank == 0)
        assert_int_equal(sandbox_count(folder, "partial"), 0);
    kc_barrier(x->world);
}

static void expect_refusal(const fixture *x, const kc_layout *l, int64_t lanes, const char *part)
{
    const kc_checkpoint_info *info = found_in(x->world, x->dir);
    holder h;
    kc_error e = {0};
    hold(&h, x->world, l);
    h.state.n_lanes = lanes;
    assert_int_equal(kc_checkpoint_read(x->world, info, &h.state, &e), KC_EINPUT);
    assert_says(e.text, part);
    assert_says(e.text, "step_0000000007.h5");
}

KC_TEST(another_layout_is_refused)
{
    const fixture *x = fixture_on(*state);
    kc_layout l = make_layout(17), other = make_layout(18), more = l, less = l;
    must_write(x, &l, 7, 1);
    expect_refusal(x, &other, LANES,
                   "tensor wte is [17, 5] in the checkpoint, [18, 5] in this model");
    add(&more, "gate", 1, 3, 7, 9);
    expect_refusal(x, &more, LANES, "/params/gate is missing");
    less.n -= 1;
    expect_refusal(x, &less, LANES, "/params holds 4 tensors, this model has 3");
    expect_refusal(x, &l, LANES - 1, "holds 3 cursors, this run has 2 lanes");
}

/* Two blocks with a router and so many experts. */
static kc_layout mixture(int64_t experts)
{
    kc_config cfg;
    kc_layout l;
    kc_config_defaults(&cfg);
    cfg.model.heads = 1;
    cfg.model.head_dim = 8;
    cfg.model.mlp_ratio = 1;
    cfg.model.experts = experts;
    const kc_shape s = kc_shape_of(&cfg, 17);
    kc_layout_of(&s, &l);
    return l;
}

/* Every tensor in its place, but the last expert is in none of them. */
KC_TEST(a_lost_expert_is_refused)
{
    const fixture *x = fixture_on(*state);
    const kc_layout whole = mixture(4);
    kc_layout lost = whole;
    lost.experts = lost.here = 3;
    lost.n_flat -= lost.each;
    for (int i = 0; i < lost.n; ++i)
        if (lost.tensor[i].of_expert)
            lost.tensor[i].dims[1] = 3;
    must_write(x, &lost, 7, 1);
    expect_refusal(x, &whole, LANES,
                   "tensor exp_up is [2, 3, 8, 8] in the checkpoint, [2, 4, 8, 8] in this model");
    const kc_layout fewer = mixture(3);
    expect_refusal(x, &fewer, LANES,
                   "tensor router is [2, 8, 4] in the checkpoint, [2, 8, 3] in this model");
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
