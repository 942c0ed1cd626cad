/* Products with H on blocks of eight vectors, fused into the recurrence of Chebyshev polynomials.

   No entry of H is stored: the chain's part is a list of the chain states that one bond away, the
   bubble's part three n x n blocks that all chain states share. A row of a block, eight numbers, is
   one cache line, so each neighbour costs one load of it. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define CLONES __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

#define LANES 8 /* vectors of a block */
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8)));

/* The rows of one rank; places beyond its own hold what other ranks sent. */
typedef struct {
    int64_t states;           /* chain states */
    int64_t block;            /* n: bubble states of each, 1 without a bubble */
    const int64_t *start;     /* (states + 1): first neighbour of each chain state */
    const int32_t *neighbour; /* places of the chain states one bond away */
    const int32_t *ring;      /* (states): place of the one across the bubble, or -1; or NULL */
    const int8_t *ends;       /* (states): whether the end spins are equal; or NULL */
    const double *diagonal;   /* (states): the chain's energy */
    double hopping;
    const double *inside; /* (2, n, n): the bubble's block where the ends differ, and are equal */
    const double *across; /* (n, n): its block between a chain state and the one across */
} graph;

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

#define WIDTH 8 /* bubble states whose sums are held in registers at once */

/* y = A x - y + c v for bubble states [first, first + count) of chain state s, A being what the
   graph says and v perhaps NULL. Inlined with constants, so that its loops are unrolled. */
INLINE void row(const graph *g, int64_t s, const int64_t n, const int64_t first,
                const int64_t count, const lanes *x, lanes *y, const lanes *v, double c) {
    lanes sum[WIDTH] = {0};
    for (int64_t a = g->start[s]; a < g->start[s + 1]; a++) {
        const lanes *other = x + (int64_t)g->neighbour[a] * n + first;
        for (int64_t k = 0; k < count; k++) sum[k] += other[k];
    }
    const lanes *own = x + s * n;
    lanes *to = y + s * n + first;
    for (int64_t k = 0; k < count; k++)
        sum[k] = g->hopping * sum[k] + g->diagonal[s] * own[first + k] - to[k];
    if (g->inside) {
        const double *block = g->inside + g->ends[s] * n * n + first;
        for (int64_t m = 0; m < n; m++)
            for (int64_t k = 0; k < count; k++) sum[k] += block[m * n + k] * own[m];
        if (g->ring[s] >= 0) {
            const lanes *other = x + (int64_t)g->ring[s] * n;
            for (int64_t m = 0; m < n; m++)
                for (int64_t k = 0; k < count; k++) sum[k] += g->across[m * n + first + k] * other[m];
        }
    }
    if (v)
        for (int64_t k = 0; k < count; k++) sum[k] += c * v[s * n + first + k];
    for (int64_t k = 0; k < count; k++) to[k] = sum[k];
}

CLONES
static void rows(const graph *g, int64_t from, int64_t to, const lanes *x, lanes *y,
                 const lanes *v, double c) {
    switch (g->block) {
#define SIZE(n)                                                                   \
    case n:                                                                       \
        for (int64_t s = from; s < to; s++) row(g, s, n, 0, n, x, y, v, c); \
        break;
        SIZE(1) SIZE(2) SIZE(3) SIZE(4) SIZE(5) SIZE(6) SIZE(7) SIZE(8)
#undef SIZE
    default:
        for (int64_t s = from; s < to; s++)
            for (int64_t first = 0; first < g->block; first += WIDTH) {
                int64_t left = g->block - first;
                row(g, s, g->block, first, left < WIDTH ? left : WIDTH, x, y, v, c);
            }
    }
}

typedef struct {
    const graph *g;
    int64_t steps;
    const double *coefficients;
    const lanes *v;
    lanes *x, *y;
    gate gate;
    atomic_int threads; /* 0 until all are there */
} task;

typedef struct {
    task *all;
    int id;
} worker;

static void *work(void *given) {
    worker *w = given;
    task *t = w->all;
    int team;
    while (!(team = atomic_load(&t->threads))) sched_yield();
    int64_t from = t->g->states * w->id / team, to = t->g->states * (w->id + 1) / team;
    lanes *x = t->x, *y = t->y;
    for (int64_t k = 0; k < t->steps; k++) {
        double c = t->coefficients[k];
        rows(t->g, from, to, x, y, c != 0 ? t->v : NULL, c);
        lanes *swap = x;
        x = y, y = swap;
        meet(&t->gate, team);
    }
    return NULL;
}

/* Steps of y = A x - y + c v, x and y changing places after each: `steps` of them, c from
   `coefficients`. After an even number of steps x holds the newest. */
int recurrence(const graph *g, int64_t steps, const double *coefficients, const lanes *v, lanes *x,
               lanes *y, int threads) {
    task all = {g, steps, coefficients, v, x, y, {0, 0}, 0};
    if (threads > g->states) threads = g->states > 0 ? (int)g->states : 1;
    worker *workers = malloc(threads * sizeof *workers);
    pthread_t *others = malloc(threads * sizeof *others);
    int failed = !workers || !others, started = 1;
    if (!failed) {
        for (int i = 0; i < threads; i++) workers[i] = (worker){&all, i};
        for (; started < threads; started++)
            if (pthread_create(others + started, NULL, work, workers + started)) break;
        atomic_store(&all.threads, started); /* fewer, where the system has no more */
        work(workers);
        for (int i = 1; i < started; i++) pthread_join(others[i], NULL);
    }
    free(workers), free(others);
    return failed ? -1 : 0;
}

/* a = b + c d: what the machine's memory gives, to hold the recurrence against. */
CLONES
void triad(int64_t n, lanes *a, const lanes *b, const lanes *d, double c) {
    for (int64_t i = 0; i < n; i++) a[i] = b[i] + c * d[i];
}
