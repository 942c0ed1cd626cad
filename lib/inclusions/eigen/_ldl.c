/* Supernodal L D L^T of a sparse symmetric indefinite matrix, left-looking, and its solves.

   The matrix is given block by block: supernode s owns the columns [first[s], first[s+1]) and its
   panel is a column-major array of (p + m) x p numbers, the p x p diagonal block on top of the m
   rows below it. Each panel is first filled with the matrix (by the caller), then takes the
   updates of all its descendants, one dgemm each, and is factorized in place.

   Pivoting is Bunch and Kaufman's, within chunks of a diagonal block (Schenk and Gaertner 2006):
   the structure then never depends on the values. The caller watches the growth it reports.

   BLAS is handed over at run time, so this file needs no library to link against. It is compiled
   for two precisions of the stored factor by including itself. */

#ifndef REAL

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define CLONES __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    int64_t supernodes;      /* number of them */
    const int64_t *first;    /* (supernodes + 1): first column */
    const int64_t *offset;   /* (supernodes + 1): start of the panel in the factor */
    const int64_t *row_start; /* (supernodes + 1): start of its rows in `rows` */
    const int32_t *rows;     /* rows below the diagonal blocks, ascending within a supernode */
    const int32_t *owner;    /* (columns): supernode of a column */
} structure;

typedef struct {
    double smallest_pivot; /* smallest |eigenvalue| of a pivot block */
    double largest_entry;  /* largest |L_ij|: the growth */
    int64_t negative;      /* eigenvalues of D below zero: the inertia */
    int64_t pairs;         /* 2 x 2 pivots */
} outcome;

#define WIDTH 64  /* columns of a chunk: pivots are sought within it */
#ifndef TILE
#define TILE 192  /* columns of an update computed at once ... */
#define STRIP 512 /* ... and rows: what is then added to the panel is still in cache */
#endif
#define SHARED 16384 /* numbers in a panel from which on all threads work on it */
#define LANES 8   /* right-hand sides solved at once: one vector register, or a few */
#define TALL 256  /* rows of a tall block worked on at once: they stay in the first cache */

typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8)));

typedef struct {
    atomic_int waiting, phase;
} gate;

/* Wait until all `team` threads are here. Spins, then lets others run: the machine may be full. */
static void meet(gate *g, int team) {
    if (team == 1) return;
    int phase = atomic_load(&g->phase);
    if (atomic_fetch_add(&g->waiting, 1) + 1 == team) {
        atomic_store(&g->waiting, 0);
        atomic_fetch_add(&g->phase, 1);
        return;
    }
    for (int spins = 0; atomic_load(&g->phase) == phase; spins++)
        if (spins > 2000) sched_yield();
}

/* First of the ascending places [from, count) that is at least `bound`. */
static int64_t reach(const int32_t *place, int64_t from, int64_t count, int64_t bound) {
    while (from < count) {
        int64_t middle = (from + count) / 2;
        if (place[middle] < bound)
            from = middle + 1;
        else
            count = middle;
    }
    return from;
}

/* Rows of descendant u that are among the columns of supernode t end here. */
static int64_t used(const structure *s, const int64_t *done, int64_t u, int64_t end) {
    const int32_t *rows = s->rows + s->row_start[u];
    int64_t count = s->row_start[u + 1] - s->row_start[u], to = done[u];
    while (to < count && rows[to] < end) to++;
    return to;
}

/* Elimination tree of a symmetric graph (Liu 1990). parent[j] = -1 at a root. */
int ldl_tree(int64_t n, const int64_t *start, const int32_t *neighbour, int32_t *parent) {
    int32_t *ancestor = malloc(n * sizeof *ancestor);
    if (!ancestor) return -1;
    for (int64_t j = 0; j < n; j++) {
        parent[j] = ancestor[j] = -1;
        for (int64_t a = start[j]; a < start[j + 1]; a++) {
            int32_t i = neighbour[a];
            while (i != -1 && i < j) {
                int32_t next = ancestor[i];
                ancestor[i] = (int32_t)j;
                if (next == -1) parent[i] = (int32_t)j;
                i = next;
            }
        }
    }
    free(ancestor);
    return 0;
}

/* Entries of every column of L, the diagonal included: row i marks its subtree of the tree. */
int ldl_counts(int64_t n, const int64_t *start, const int32_t *neighbour, const int32_t *parent,
               int64_t *count) {
    int32_t *mark = malloc(n * sizeof *mark);
    if (!mark) return -1;
    for (int64_t j = 0; j < n; j++) mark[j] = -1;
    for (int64_t j = 0; j < n; j++) count[j] = 1;
    for (int64_t i = 0; i < n; i++) {
        mark[i] = (int32_t)i;
        for (int64_t a = start[i]; a < start[i + 1]; a++)
            for (int32_t j = neighbour[a]; j < i && mark[j] != i; j = parent[j]) {
                mark[j] = (int32_t)i;
                count[j]++;
            }
    }
    free(mark);
    return 0;
}

#define NAME(x) x##_double
#define REAL double
#include "_ldl.c"
#undef NAME
#undef REAL
#define NAME(x) x##_single
#define REAL float
#include "_ldl.c"

#else /* REAL */

typedef void NAME(gemm)(const char *, const char *, const int *, const int *, const int *,
                        const REAL *, const REAL *, const int *, const REAL *, const int *,
                        const REAL *, REAL *, const int *);
typedef void NAME(trsm)(const char *, const char *, const char *, const char *, const int *,
                        const int *, const REAL *, const REAL *, const int *, REAL *, const int *);

/* What all threads see. */
typedef struct {
    const structure *s;
    REAL *factor;
    REAL *d, *e; /* diagonal and subdiagonal of D; e[j] != 0 couples j and j + 1 */
    int32_t *order;
    NAME(gemm) *gemm;
    NAME(trsm) *trsm;
    int64_t *head, *next; /* lists of descendants waiting for a supernode */
    int64_t *done;        /* rows of a descendant already used */
    int32_t *position;    /* of a column of the matrix among the rows of the panel in work */
    int64_t *bound;       /* (threads + 1): rows of that panel, shared out evenly by work */
    double *weight;
    gate gate;
    atomic_int threads; /* 0 until all are there */
} NAME(shared);

/* What each thread has for itself. */
typedef struct {
    NAME(shared) *all;
    int id, team; /* team: threads at work on the present panel */
    int32_t *place, *run_end;
    REAL *update, *scaled;
    outcome result;
} NAME(worker);

/* c -= a b^T with column-major a (m x k), b (n x k), c (m x n). */
static void NAME(subtract)(NAME(worker) *w, int m, int n, int k, const REAL *a, int lda,
                           const REAL *b, int ldb, REAL beta, REAL *c, int ldc) {
    const REAL minus = -1;
    if (m > 0 && n > 0 && k > 0)
        w->all->gemm("N", "T", &m, &n, &k, &minus, a, &lda, b, &ldb, &beta, c, &ldc);
}

/* out (n x k, leading dimension n) = rows of l (n x k) times D. */
INLINE void NAME(times_d)(const REAL *l, int64_t ld, int n, int k, const REAL *d, const REAL *e,
                          REAL *out) {
    for (int j = 0; j < k; j++) {
        const REAL *column = l + j * ld;
        REAL *to = out + (int64_t)j * n;
        if (e[j] != 0) {
            const REAL *next = column + ld;
            REAL *beside = to + n;
            for (int i = 0; i < n; i++) {
                to[i] = column[i] * d[j] + next[i] * e[j];
                beside[i] = column[i] * e[j] + next[i] * d[j + 1];
            }
            j++;
        } else
            for (int i = 0; i < n; i++) to[i] = column[i] * d[j];
    }
}

INLINE void NAME(swap)(REAL *a, int64_t step_a, REAL *b, int64_t step_b, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        REAL t = a[i * step_a];
        a[i * step_a] = b[i * step_b];
        b[i * step_b] = t;
    }
}

/* Factorize the diagonal block of the columns [begin, begin + width) of a panel, with their
   interchanges in all rows. d, e, order: of the panel. */
INLINE void NAME(pivots)(NAME(worker) *w, REAL *panel, int64_t ld, int begin, int width, REAL *d,
                         REAL *e, int32_t *order) {
    REAL *a = panel + begin + begin * ld;
    d += begin, e += begin;
    const REAL alpha = (REAL)0.6403882032022076; /* (1 + sqrt 17) / 8 */
    int k = 0;
    while (k < width) {
        int size = 1, swap_with = k;
        REAL diagonal = a[k + k * ld] < 0 ? -a[k + k * ld] : a[k + k * ld], largest = 0;
        int row = k;
        for (int i = k + 1; i < width; i++) {
            REAL v = a[i + k * ld] < 0 ? -a[i + k * ld] : a[i + k * ld];
            if (v > largest) largest = v, row = i;
        }
        if (diagonal < alpha * largest) {
            REAL beside = 0; /* largest off-diagonal entry of row `row` */
            for (int j = k; j < width; j++) {
                if (j == row) continue;
                REAL v = j < row ? a[row + j * ld] : a[j + row * ld];
                if (v < 0) v = -v;
                if (v > beside) beside = v;
            }
            REAL other = a[row + row * ld] < 0 ? -a[row + row * ld] : a[row + row * ld];
            if (diagonal * beside >= alpha * largest * largest) {
            } else if (other >= alpha * beside)
                swap_with = row;
            else
                size = 2, swap_with = row;
        }
        int at = k + size - 1;
        if (swap_with != at) {
            int q = swap_with; /* symmetric interchange of at < q */
            NAME(swap)(panel + begin + at, ld, panel + begin + q, ld, begin + k);
            if (size == 2) NAME(swap)(a + at + k * ld, 1, a + q + k * ld, 1, 1);
            NAME(swap)(a + at + at * ld, 1, a + q + q * ld, 1, 1);
            NAME(swap)(a + at + 1 + at * ld, 1, a + q + (at + 1) * ld, ld, q - at - 1);
            NAME(swap)(a + q + 1 + at * ld, 1, a + q + 1 + q * ld, 1, ld - begin - q - 1);
            int32_t t = order[begin + at];
            order[begin + at] = order[begin + q];
            order[begin + q] = t;
        }
        if (size == 1) {
            REAL pivot = a[k + k * ld];
            d[k] = pivot, e[k] = 0;
            double magnitude = fabs((double)pivot);
            if (!(magnitude >= w->result.smallest_pivot)) w->result.smallest_pivot = magnitude;
            w->result.negative += pivot < 0;
            for (int i = k + 1; i < width; i++) a[i + k * ld] /= pivot;
            for (int j = k + 1; j < width; j++) {
                REAL factor = a[j + k * ld] * pivot;
                for (int i = j; i < width; i++) a[i + j * ld] -= a[i + k * ld] * factor;
            }
        } else {
            REAL p = a[k + k * ld], q = a[k + 1 + k * ld], r = a[k + 1 + (k + 1) * ld];
            d[k] = p, e[k] = q, d[k + 1] = r, e[k + 1] = 0;
            double mean = ((double)p + r) / 2, half = ((double)p - r) / 2;
            double root = sqrt(half * half + (double)q * q);
            double magnitude = fmin(fabs(mean - root), fabs(mean + root));
            if (!(magnitude >= w->result.smallest_pivot)) w->result.smallest_pivot = magnitude;
            w->result.negative += (mean - root < 0) + (mean + root < 0);
            w->result.pairs++;
            REAL det = p * r - q * q;
            a[k + 1 + k * ld] = 0;
            for (int j = k + 2; j < width; j++) {
                REAL u = a[j + k * ld], v = a[j + (k + 1) * ld];
                REAL x = (r * u - q * v) / det, y = (p * v - q * u) / det;
                for (int i = j; i < width; i++)
                    a[i + j * ld] -= a[i + k * ld] * x + a[i + (k + 1) * ld] * y;
                /* column k holds L D until the loop is over; then it becomes L */
                w->scaled[j] = x, w->scaled[width + j] = y;
            }
            for (int j = k + 2; j < width; j++)
                a[j + k * ld] = w->scaled[j], a[j + (k + 1) * ld] = w->scaled[width + j];
        }
        k += size;
    }
}

/* The rows [from, to) under that diagonal block, counted from the top of the panel. */
INLINE void NAME(below)(NAME(worker) *w, REAL *panel, int64_t ld, int begin, int width,
                        int64_t from, int64_t to, const REAL *d, const REAL *e) {
    const REAL one = 1;
    int lda = (int)ld, rows = (int)(to - from);
    if (rows <= 0) return;
    REAL *a = panel + begin + begin * ld, *b = panel + from + begin * ld, largest = 0;
    d += begin, e += begin;
    w->all->trsm("R", "L", "T", "U", &rows, &width, &one, a, &lda, b, &lda);
    for (int j = 0; j < width; j++) {
        REAL *column = b + j * ld;
        if (e[j] != 0) {
            REAL *next = column + ld, det = d[j] * d[j + 1] - e[j] * e[j];
            REAL p = d[j] / det, q = e[j] / det, r = d[j + 1] / det;
            for (int i = 0; i < rows; i++) {
                REAL u = column[i], v = next[i];
                column[i] = r * u - q * v;
                next[i] = p * v - q * u;
            }
            j++;
        } else {
            REAL inverse = 1 / d[j];
            for (int i = 0; i < rows; i++) column[i] *= inverse;
        }
    }
    for (int j = 0; j < width; j++)
        for (int i = 0; i < rows; i++) {
            REAL v = b[i + j * ld] < 0 ? -b[i + j * ld] : b[i + j * ld];
            largest = v > largest ? v : largest;
        }
    if (!(largest <= w->result.largest_entry)) w->result.largest_entry = largest;
}

/* This thread's share of the rows [from, to). */
static void NAME(share)(const NAME(worker) *w, int64_t *from, int64_t *to) {
    int64_t first = *from, rows = *to - *from;
    *from = first + rows * w->id / w->team;
    *to = first + rows * (w->id + 1) / w->team;
}

/* Factorize columns [begin, end) of a panel by halves, so that updates are large products. */
CLONES
static void NAME(columns)(NAME(worker) *w, REAL *panel, int64_t ld, int begin, int end, REAL *d,
                          REAL *e, int32_t *order) {
    int64_t from, to;
    if (end - begin <= WIDTH) {
        if (w->id == 0) NAME(pivots)(w, panel, ld, begin, end - begin, d, e, order);
        meet(&w->all->gate, w->team);
        from = end, to = ld;
        NAME(share)(w, &from, &to);
        NAME(below)(w, panel, ld, begin, end - begin, from, to, d, e);
        meet(&w->all->gate, w->team);
        return;
    }
    int chunks = (end - begin + WIDTH - 1) / WIDTH;
    int middle = begin + (chunks / 2) * WIDTH, k = middle - begin;
    NAME(columns)(w, panel, ld, begin, middle, d, e, order);
    for (int j = middle; j < end; j += TILE) {
        int n = end - j < TILE ? end - j : TILE;
        from = j, to = ld;
        NAME(share)(w, &from, &to);
        NAME(times_d)(panel + j + begin * ld, ld, n, k, d + begin, e + begin, w->scaled);
        NAME(subtract)(w, (int)(to - from), n, k, panel + from + begin * ld, (int)ld, w->scaled,
                       n, 1, panel + from + j * ld, (int)ld);
    }
    meet(&w->all->gate, w->team);
    NAME(columns)(w, panel, ld, middle, end, d, e, order);
}

/* Number the rows of panel t, and share them out among the threads by the work they are. */
static void NAME(prepare)(NAME(shared) *all, int64_t t, int team) {
    const structure *s = all->s;
    int64_t first = s->first[t], p = s->first[t + 1] - first;
    const int32_t *rows = s->rows + s->row_start[t];
    int64_t m = s->row_start[t + 1] - s->row_start[t], ld = p + m;
    for (int64_t j = 0; j < p; j++) all->position[first + j] = (int32_t)j;
    for (int64_t i = 0; i < m; i++) all->position[rows[i]] = (int32_t)(p + i);
    all->bound[0] = 0, all->bound[team] = ld;
    if (team == 1) return;
    memset(all->weight, 0, ld * sizeof *all->weight);
    double total = 0, sum = 0;
    for (int64_t u = all->head[t]; u != -1; u = all->next[u]) {
        const int32_t *their = s->rows + s->row_start[u];
        int64_t count = s->row_start[u + 1] - s->row_start[u], from = all->done[u];
        double work = (double)(s->first[u + 1] - s->first[u]) *
                      (used(s, all->done, u, first + p) - from);
        for (int64_t i = from; i < count; i += 8, total += work) /* every eighth row will do */
            all->weight[all->position[their[i]]] += work;
    }
    int id = 1;
    for (int64_t i = 0; i < ld && id < team; i++) {
        sum += all->weight[i];
        while (id < team && sum * team >= total * id) all->bound[id++] = i + 1;
    }
    while (id < team) all->bound[id++] = ld;
}

/* Add to this thread's rows of panel t what descendant u owes it. */
INLINE void NAME(take)(NAME(worker) *w, int64_t t, int64_t u) {
    const NAME(shared) *all = w->all;
    const structure *s = all->s;
    int64_t first = s->first[t], p = s->first[t + 1] - first;
    int64_t ld = p + s->row_start[t + 1] - s->row_start[t];
    REAL *panel = all->factor + s->offset[t];
    const int32_t *their = s->rows + s->row_start[u];
    int64_t k = s->first[u + 1] - s->first[u], from = all->done[u];
    int64_t all_rows = s->row_start[u + 1] - s->row_start[u], height_u = k + all_rows;
    int64_t to = used(s, all->done, u, first + p);
    const REAL *below = all->factor + s->offset[u] + k; /* its rows under the diagonal */
    int32_t *place = w->place, *run_end = w->run_end;
    for (int64_t i = from; i < all_rows; i++) place[i] = all->position[their[i]];
    int64_t mine = reach(place, from, all_rows, all->bound[w->id]);
    int64_t count = reach(place, mine, all_rows, all->bound[w->id + 1]);
    if (mine == count) return;
    /* Rows that are neighbours in both panels are added as one run. */
    for (int64_t i = count - 1; i >= from; i--) {
        int joined = i + 1 < count && place[i + 1] == place[i] + 1;
        run_end[i] = joined ? run_end[i + 1] : (int32_t)(i + 1);
    }
    for (int64_t j = from; j < to && j < count; j += TILE) {
        int n = (int)(to - j < TILE ? to - j : TILE);
        NAME(times_d)(below + j, height_u, n, (int)k, all->d + s->first[u], all->e + s->first[u],
                      w->scaled);
        int together = place[j + n - 1] - place[j] == n - 1;
        for (int64_t i = j > mine ? j : mine; i < count;) {
            /* Straight into the panel where the rows, too, are one run. */
            int direct = together && run_end[i] - i >= STRIP / 4;
            int64_t end = i + STRIP < count ? i + STRIP : count;
            if (direct)
                end = run_end[i];
            else if (together)
                for (int64_t r = run_end[i]; r < end; r = run_end[r])
                    if (run_end[r] - r >= STRIP / 4) end = r;
            int height = (int)(end - i);
            REAL *corner = panel + place[i] + place[j] * ld;
            NAME(subtract)(w, height, n, (int)k, below + i, (int)height_u, w->scaled, n, direct,
                           direct ? corner : w->update, direct ? (int)ld : height);
            for (int c = 0; c < n && !direct; c++) {
                REAL *column = panel + place[j + c] * ld;
                const REAL *change = w->update + (int64_t)c * height - i;
                for (int64_t r = i > j + c ? i : j + c; r < end;) {
                    int64_t stop = run_end[r] < end ? run_end[r] : end;
                    REAL *restrict to_row = column + place[r] - r;
                    for (int64_t v = r; v < stop; v++) to_row[v] += change[v];
                    r = stop;
                }
            }
            i = end;
        }
    }
}

/* One thread's part of the factorization. */
CLONES
static void *NAME(work)(void *argument) {
    NAME(worker) *w = argument;
    NAME(shared) *all = w->all;
    const structure *s = all->s;
    int threads;
    while (!(threads = atomic_load(&all->threads))) sched_yield();
    for (int64_t t = 0; t < s->supernodes; t++) {
        int64_t first = s->first[t], p = s->first[t + 1] - first;
        int64_t m = s->row_start[t + 1] - s->row_start[t], ld = p + m;
        REAL *panel = all->factor + s->offset[t];
        w->team = p * ld < SHARED ? 1 : threads;
        if (w->team == 1 && w->id) continue;
        if (w->id == 0) NAME(prepare)(all, t, w->team);
        meet(&all->gate, w->team);
        for (int64_t u = all->head[t]; u != -1; u = all->next[u]) NAME(take)(w, t, u);
        meet(&all->gate, w->team);
        if (w->id == 0) {
            /* Hand its descendants on to the next supernode that they update. */
            for (int64_t u = all->head[t], following; u != -1; u = following) {
                following = all->next[u];
                all->done[u] = used(s, all->done, u, first + p);
                if (s->row_start[u] + all->done[u] < s->row_start[u + 1]) {
                    int32_t heir = s->owner[s->rows[s->row_start[u] + all->done[u]]];
                    all->next[u] = all->head[heir];
                    all->head[heir] = u;
                }
            }
            all->done[t] = 0;
            if (m) {
                int32_t heir = s->owner[s->rows[s->row_start[t]]];
                all->next[t] = all->head[heir];
                all->head[heir] = t;
            }
            for (int64_t j = 0; j < p; j++) all->order[first + j] = (int32_t)j;
        }
        NAME(columns)(w, panel, ld, 0, (int)p, all->d + first, all->e + first,
                      all->order + first);
    }
    return NULL;
}

/* Factorize all panels in place. d, e, order: one number a column. Returns 0, or -1 without
   memory for the scratch space. */
int NAME(ldl_factorize)(const structure *s, REAL *factor, REAL *d, REAL *e, int32_t *order,
                        NAME(gemm) *gemm, NAME(trsm) *trsm, int threads, outcome *result) {
    int64_t columns = s->first[s->supernodes], tallest = 0, widest = 0;
    for (int64_t t = 0; t < s->supernodes; t++) {
        int64_t p = s->first[t + 1] - s->first[t], m = s->row_start[t + 1] - s->row_start[t];
        if (p > widest) widest = p;
        if (p + m > tallest) tallest = p + m;
    }
    NAME(shared) all = {
        .s = s, .factor = factor, .d = d, .e = e, .order = order, .gemm = gemm, .trsm = trsm,
        .head = malloc(s->supernodes * sizeof(int64_t)),
        .next = malloc(s->supernodes * sizeof(int64_t)),
        .done = malloc(s->supernodes * sizeof(int64_t)),
        .position = malloc(columns * sizeof(int32_t)),
        .bound = malloc((threads + 1) * sizeof(int64_t)),
        .weight = malloc(tallest * sizeof(double)),
    };
    NAME(worker) *workers = calloc(threads, sizeof *workers);
    pthread_t *others = calloc(threads, sizeof *others);
    int failed = !all.next || !all.head || !all.done || !all.position || !all.bound ||
                 !all.weight || !workers || !others;
    for (int i = 0; i < threads && !failed; i++) {
        workers[i] = (NAME(worker)){
            .all = &all, .id = i, .result = {INFINITY, 0, 0, 0},
            .place = malloc(tallest * sizeof(int32_t)),
            .run_end = malloc(tallest * sizeof(int32_t)),
            .update = malloc((int64_t)STRIP * TILE * sizeof(REAL)),
            .scaled = malloc((widest + 2) * TILE * sizeof(REAL)),
        };
        failed = !workers[i].place || !workers[i].run_end || !workers[i].update ||
                 !workers[i].scaled;
    }
    int started = 1;
    if (!failed) {
        for (int64_t j = 0; j < columns; j++) d[j] = e[j] = 0;
        for (int64_t t = 0; t < s->supernodes; t++) all.head[t] = -1;
        for (; started < threads; started++)
            if (pthread_create(others + started, NULL, NAME(work), workers + started)) break;
        atomic_store(&all.threads, started); /* now they begin: fewer, where the system has no more */
        NAME(work)(workers);
        for (int i = 1; i < started; i++) pthread_join(others[i], NULL);
        *result = workers[0].result;
        for (int i = 1; i < started; i++)
            if (!(workers[i].result.largest_entry <= result->largest_entry))
                result->largest_entry = workers[i].result.largest_entry;
    }
    for (int i = 0; i < threads && workers; i++) {
        free(workers[i].place), free(workers[i].run_end);
        free(workers[i].update), free(workers[i].scaled);
    }
    free(all.head), free(all.next), free(all.done), free(all.position), free(all.bound);
    free(all.weight), free(workers), free(others);
    return failed ? -1 : 0;
}

/* y (m rows of LANES) -= l (m x n, column-major) x, eight columns of l at a time: the factor is
   read once, straight through, and everything else stays in cache. */
INLINE void NAME(forward)(int64_t m, int64_t n, const REAL *restrict l, int64_t ld,
                          const lanes *restrict x, lanes *restrict y) {
    int64_t j = 0;
    for (; j + 8 <= n; j += 8) {
        const REAL *c = l + j * ld;
        lanes b0 = x[j], b1 = x[j + 1], b2 = x[j + 2], b3 = x[j + 3];
        lanes b4 = x[j + 4], b5 = x[j + 5], b6 = x[j + 6], b7 = x[j + 7];
        for (int64_t i = 0; i < m; i++) {
            lanes even = y[i], odd = c[i + ld] * b1;
            even -= (double)c[i] * b0;
            even -= (double)c[i + 2 * ld] * b2, odd += (double)c[i + 3 * ld] * b3;
            even -= (double)c[i + 4 * ld] * b4, odd += (double)c[i + 5 * ld] * b5;
            even -= (double)c[i + 6 * ld] * b6, odd += (double)c[i + 7 * ld] * b7;
            y[i] = even - odd;
        }
    }
    for (; j + 4 <= n; j += 4) {
        const REAL *c = l + j * ld;
        lanes b0 = x[j], b1 = x[j + 1], b2 = x[j + 2], b3 = x[j + 3];
        for (int64_t i = 0; i < m; i++)
            y[i] -= ((double)c[i] * b0 + (double)c[i + ld] * b1) +
                    ((double)c[i + 2 * ld] * b2 + (double)c[i + 3 * ld] * b3);
    }
    for (; j < n; j++)
        for (int64_t i = 0; i < m; i++) y[i] -= (double)l[i + j * ld] * x[j];
}

/* x (n rows of LANES) -= l^T y, the same way. */
INLINE void NAME(backward)(int64_t m, int64_t n, const REAL *restrict l, int64_t ld,
                           lanes *restrict x, const lanes *restrict y) {
    int64_t j = 0;
    for (; j + 8 <= n; j += 8) {
        const REAL *c = l + j * ld;
        lanes s0 = x[j], s1 = x[j + 1], s2 = x[j + 2], s3 = x[j + 3];
        lanes s4 = x[j + 4], s5 = x[j + 5], s6 = x[j + 6], s7 = x[j + 7];
        for (int64_t i = 0; i < m; i++) {
            lanes from = y[i];
            s0 -= (double)c[i] * from, s1 -= (double)c[i + ld] * from;
            s2 -= (double)c[i + 2 * ld] * from, s3 -= (double)c[i + 3 * ld] * from;
            s4 -= (double)c[i + 4 * ld] * from, s5 -= (double)c[i + 5 * ld] * from;
            s6 -= (double)c[i + 6 * ld] * from, s7 -= (double)c[i + 7 * ld] * from;
        }
        x[j] = s0, x[j + 1] = s1, x[j + 2] = s2, x[j + 3] = s3;
        x[j + 4] = s4, x[j + 5] = s5, x[j + 6] = s6, x[j + 7] = s7;
    }
    for (; j + 4 <= n; j += 4) {
        const REAL *c = l + j * ld;
        lanes s0 = x[j], s1 = x[j + 1], s2 = x[j + 2], s3 = x[j + 3];
        for (int64_t i = 0; i < m; i++) {
            lanes from = y[i];
            s0 -= (double)c[i] * from, s1 -= (double)c[i + ld] * from;
            s2 -= (double)c[i + 2 * ld] * from, s3 -= (double)c[i + 3 * ld] * from;
        }
        x[j] = s0, x[j + 1] = s1, x[j + 2] = s2, x[j + 3] = s3;
    }
    for (; j < n; j++)
        for (int64_t i = 0; i < m; i++) x[j] -= (double)l[i + j * ld] * y[i];
}

#define STEP 8 /* columns of the diagonal block solved before the rest is updated */

/* Overwrite x (columns x LANES, row-major) with the solution. y: space for the tallest panel. */
CLONES
void NAME(ldl_solve)(const structure *s, const REAL *factor, const REAL *d, const REAL *e,
                     const int32_t *order, lanes *x, lanes *y) {
    for (int64_t t = 0; t < s->supernodes; t++) {
        int64_t first = s->first[t], p = s->first[t + 1] - first;
        int64_t m = s->row_start[t + 1] - s->row_start[t], ld = p + m;
        const int32_t *rows = s->rows + s->row_start[t];
        const REAL *panel = factor + s->offset[t];
        for (int64_t j = 0; j < p; j++) y[j] = x[first + order[first + j]];
        for (int64_t i = 0; i < m; i++) y[p + i] = x[rows[i]];
        for (int64_t j = 0; j < p; j += STEP) {
            int64_t end = j + STEP < p ? j + STEP : p;
            for (int64_t k = j; k < end; k++)
                for (int64_t i = k + 1; i < end; i++) y[i] -= (double)panel[i + k * ld] * y[k];
            NAME(forward)(ld - end, end - j, panel + end + j * ld, ld, y + j, y + end);
        }
        for (int64_t i = 0; i < m; i++) x[rows[i]] = y[p + i];
        for (int64_t j = 0; j < p; j++) {
            double a = d[first + j], b = e[first + j];
            if (b != 0) {
                double c = d[first + j + 1], det = a * c - b * b;
                x[first + j] = (c / det) * y[j] - (b / det) * y[j + 1];
                x[first + j + 1] = (a / det) * y[j + 1] - (b / det) * y[j];
                j++;
            } else
                x[first + j] = y[j] / a;
        }
    }
    for (int64_t t = s->supernodes - 1; t >= 0; t--) {
        int64_t first = s->first[t], p = s->first[t + 1] - first;
        int64_t m = s->row_start[t + 1] - s->row_start[t], ld = p + m;
        const int32_t *rows = s->rows + s->row_start[t];
        const REAL *panel = factor + s->offset[t];
        for (int64_t j = 0; j < p; j++) y[j] = x[first + j];
        for (int64_t i = 0; i < m; i++) y[p + i] = x[rows[i]];
        for (int64_t j = (p - 1) / STEP * STEP; j >= 0; j -= STEP) {
            int64_t end = j + STEP < p ? j + STEP : p;
            NAME(backward)(ld - end, end - j, panel + end + j * ld, ld, y + j, y + end);
            for (int64_t k = end - 1; k >= j; k--)
                for (int64_t i = k + 1; i < end; i++) y[k] -= (double)panel[i + k * ld] * y[i];
        }
        for (int64_t j = 0; j < p; j++) x[first + order[first + j]] = y[j];
    }
}

#undef STEP

/* out (m x LANES) = basis^T block, with basis n x m, column-major, and block n x LANES. */
CLONES
void NAME(tall_overlap)(int64_t n, int64_t m, const REAL *basis, const lanes *block, lanes *out) {
    for (int64_t j = 0; j < m; j++) out[j] = (lanes){0};
    for (int64_t i = 0; i < n; i += TALL)
        NAME(backward)(n - i < TALL ? n - i : TALL, m, basis + i, n, out, block + i);
    for (int64_t j = 0; j < m; j++) out[j] = -out[j];
}

/* block -= basis c. */
CLONES
void NAME(tall_subtract)(int64_t n, int64_t m, const REAL *basis, const lanes *c, lanes *block) {
    for (int64_t i = 0; i < n; i += TALL)
        NAME(forward)(n - i < TALL ? n - i : TALL, m, basis + i, n, c, block + i);
}

#endif /* REAL */
