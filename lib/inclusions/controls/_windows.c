/* All eigenvectors of many small symmetric matrices, eight at a time, one in each lane of a vector.

   A window of a chain has a few dozen states in a sector, too few to fill a vector unit or to hide
   LAPACK's overhead; but there are thousands of windows. So the same steps run on eight of them:
   Householder's reduction to tridiagonal form, then QL with implicit shifts (Wilkinson and Reinsch,
   Handbook for automatic computation II, 1971, contributions II/2 and II/4). Where a lane has
   converged and others have not, its rotations are the identity. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define CLONES __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

#define LANES 8
#define SWEEPS 60 /* for one eigenvalue; two are usual */

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t flags __attribute__((vector_size(LANES * sizeof(int64_t))));

INLINE lanes choose(flags where, lanes yes, lanes no)
{
    return (lanes)(((flags)yes & where) | ((flags)no & ~where));
}

INLINE lanes magnitude(lanes x) { return choose(x < 0, -x, x); }

INLINE lanes root(lanes x)
{
    for (int q = 0; q < LANES; q++)
        x[q] = sqrt(x[q]);
    return x;
}

INLINE int any(flags where)
{
    int64_t found = 0;
    for (int q = 0; q < LANES; q++)
        found |= where[q];
    return found != 0;
}

/* Tridiagonal form of a (n x n, lower triangle; destroyed): diagonal d, below it e, and the
   transformation q. v, w: room for n. */
INLINE void tridiagonal(int64_t n, lanes *a, lanes *q, lanes *d, lanes *e, lanes *v, lanes *w)
{
    const lanes zero = {0};
    for (int64_t k = 0; k + 2 < n; k++) {
        lanes norm = zero;
        for (int64_t i = k + 1; i < n; i++)
            norm += a[i * n + k] * a[i * n + k];
        lanes first = a[(k + 1) * n + k];
        lanes alpha = root(norm);
        alpha = choose(first > 0, -alpha, alpha);
        lanes beta = norm - first * alpha; /* half of |v|^2 */
        beta = choose(beta > 0, 1 / choose(beta > 0, beta, zero + 1), zero);
        for (int64_t i = k + 1; i < n; i++) {
            v[i] = a[i * n + k];
            w[i] = zero;
        }
        v[k + 1] -= alpha;
        e[k] = choose(beta > 0, alpha, first);
        for (int64_t i = k + 1; i < n; i++) {
            lanes sum = a[i * n + i] * v[i], vi = v[i];
            for (int64_t j = k + 1; j < i; j++) {
                sum += a[i * n + j] * v[j];
                w[j] += a[i * n + j] * vi;
            }
            w[i] += sum;
        }
        lanes inner = zero;
        for (int64_t i = k + 1; i < n; i++)
            inner += v[i] * w[i];
        inner *= 0.5 * beta * beta;
        for (int64_t i = k + 1; i < n; i++)
            w[i] = beta * w[i] - inner * v[i];
        for (int64_t i = k + 1; i < n; i++) {
            lanes vi = v[i], wi = w[i];
            for (int64_t j = k + 1; j <= i; j++)
                a[i * n + j] -= vi * w[j] + wi * v[j];
        }
        for (int64_t i = k + 1; i < n; i++) /* the upper triangle keeps the reflections */
            a[k * n + i] = v[i];
        q[k] = beta;
    }
    for (int64_t i = 0; i < n; i++)
        d[i] = a[i * n + i];
    if (n > 1)
        e[n - 2] = a[(n - 1) * n + n - 2];
    e[n - 1] = zero;
    for (int64_t k = 0; k + 2 < n; k++)
        w[k] = q[k];
    for (int64_t i = 0; i < n * n; i++)
        q[i] = zero;
    for (int64_t i = 0; i < n; i++)
        q[i * n + i] = zero + 1;
    for (int64_t k = n - 3; k >= 0; k--) {
        const lanes *u = a + k * n;
        for (int64_t j = k + 1; j < n; j++)
            v[j] = zero;
        for (int64_t i = k + 1; i < n; i++)
            for (int64_t j = k + 1; j < n; j++)
                v[j] += u[i] * q[i * n + j];
        for (int64_t i = k + 1; i < n; i++) {
            lanes ui = w[k] * u[i];
            for (int64_t j = k + 1; j < n; j++)
                q[i * n + j] -= ui * v[j];
        }
    }
}

/* The rotations of one step on `rows` neighbouring rows of z, from column `top` down to l. */
INLINE void rotate(int rows, int64_t n, int64_t l, int64_t top, const lanes *s, const lanes *c,
                   lanes *z)
{
    lanes x[4];
    for (int k = 0; k < rows; k++)
        x[k] = z[k * n + top];
    for (int64_t i = top - 1; i >= l; i--) {
        lanes si = s[i], ci = c[i];
        for (int k = 0; k < rows; k++) {
            lanes y = z[k * n + i];
            z[k * n + i + 1] = si * y + ci * x[k];
            x[k] = ci * y - si * x[k];
        }
    }
    for (int k = 0; k < rows; k++)
        z[k * n + l] = x[k];
}

/* One QL step from m (of each lane) up to l, for the lanes that have m > l; z follows. */
INLINE void step(int64_t n, int64_t l, int64_t top, flags m, lanes *d, lanes *e, lanes *z,
                 lanes *sines, lanes *cosines)
{
    const lanes zero = {0}, one = zero + 1;
    flags going = m > l;
    lanes last = d[l];
    for (int64_t i = l + 1; i <= top; i++)
        last = choose(m == i, d[i], last);
    lanes g = (d[l + 1] - d[l]) / choose(going, 2 * e[l], one);
    lanes r = root(g * g + 1);
    g = last - d[l] + e[l] / (g + choose(g < 0, -r, r));
    lanes s = one, c = one, p = zero;
    for (int64_t i = top - 1; i >= l; i--) {
        flags active = going & (m > i);
        lanes f = s * e[i], b = c * e[i];
        r = root(f * f + g * g);
        flags lost = active & (r == 0); /* the matrix falls apart here: this lane's step ends */
        d[i + 1] = choose(lost, d[i + 1] - p, d[i + 1]);
        going &= ~lost;
        active &= ~lost;
        e[i + 1] = choose(active, r, choose(lost, zero, e[i + 1]));
        lanes safe = choose(active, r, one);
        s = choose(active, f / safe, s);
        c = choose(active, g / safe, c);
        lanes shifted = d[i + 1] - p;
        r = (d[i] - shifted) * s + 2 * c * b;
        p = choose(active, s * r, p);
        d[i + 1] = choose(active, shifted + p, d[i + 1]);
        g = choose(active, c * r - b, g);
        sines[i] = choose(active, s, zero);
        cosines[i] = choose(active, c, one);
    }
    int64_t k = 0;
    for (; k + 4 <= n; k += 4)
        rotate(4, n, l, top, sines, cosines, z + k * n);
    for (; k < n; k++)
        rotate(1, n, l, top, sines, cosines, z + k * n);
    d[l] = choose(going, d[l] - p, d[l]);
    e[l] = choose(going, g, e[l]);
    for (int64_t i = l + 1; i <= top; i++)
        e[i] = choose(going & (m == i), zero, e[i]);
}

/* Columns of z become the eigenvectors. 0 if a lane does not converge. s, c: room for n. */
INLINE int ql(int64_t n, lanes *d, lanes *e, lanes *z, lanes *s, lanes *c)
{
    for (int64_t l = 0; l < n; l++)
        for (int sweep = 0;; sweep++) {
            flags m = (flags){0} + (n - 1);
            int64_t top = l;
            for (int64_t i = n - 2; i >= l; i--) {
                lanes size = magnitude(d[i]) + magnitude(d[i + 1]);
                flags small = (magnitude(e[i]) + size == size);
                m = (m & ~small) | (((flags){0} + i) & small);
            }
            for (int q = 0; q < LANES; q++)
                top = m[q] > top ? m[q] : top;
            if (top == l)
                break;
            if (sweep == SWEEPS)
                return 0;
            step(n, l, top, m, d, e, z, s, c);
        }
    return 1;
}

/* For each of `count` matrices (n x n, row by row): the mean over all eigenvectors of the square of
   the expectation of each of `w` diagonal operators, given by rows of n numbers. `out`: count x w.
   0 is success, 1 no memory, 2 no convergence. */
CLONES int mean_squares(int64_t count, int64_t n, int64_t w, const double *matrices,
                        const double *operators, double *out)
{
    lanes *room = aligned_alloc(64, sizeof(lanes) * (size_t)(2 * n * n + 4 * n));
    if (!room)
        return 1;
    lanes *a = room, *z = a + n * n, *d = z + n * n, *e = d + n, *v = e + n, *u = v + n;
    int failed = 0;
    for (int64_t first = 0; first < count && !failed; first += LANES) {
        for (int q = 0; q < LANES; q++) { /* the last ones stand in for what is beyond the end */
            const double *matrix = matrices + n * n * (first + q < count ? first + q : count - 1);
            for (int64_t i = 0; i < n * n; i++)
                a[i][q] = matrix[i];
        }
        tridiagonal(n, a, z, d, e, v, u);
        if (!ql(n, d, e, z, v, u)) {
            failed = 2;
            break;
        }
        for (int64_t i = 0; i < n * n; i++)
            z[i] *= z[i];
        for (int64_t o = 0; o < w; o++) {
            lanes sum = {0};
            for (int64_t i = 0; i < n; i++)
                v[i] = (lanes){0};
            for (int64_t k = 0; k < n; k++)
                for (int64_t i = 0; i < n; i++)
                    v[i] += operators[o * n + k] * z[k * n + i];
            for (int64_t i = 0; i < n; i++)
                sum += v[i] * v[i];
            for (int q = 0; q < LANES && first + q < count; q++)
                out[(first + q) * w + o] = sum[q] / n;
        }
    }
    free(room);
    return failed;
}
