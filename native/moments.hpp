// Moments of components, each with a weight for every row, in float64.
//
// Lanes are columns. A chunk of rows stays in the cache while the components pass by, a few at a
// time; they take only the rows that have weight under one of them.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t moments_budget = 24 * 1024;  // bytes of rows in float64: most of L1
constexpr size_t least_chunk = 16, largest_chunk = 256;

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t gram_rows = 4, gram_vectors = 6;  // of 32 registers
constexpr size_t sum_components = 4, sum_vectors = 6;
#else
constexpr size_t gram_rows = 4, gram_vectors = 3;  // of 16 registers
constexpr size_t sum_components = 4, sum_vectors = 3;
#endif

// Columns padded to whole vectors, and to whole strips.
COFACTOR_INLINE constexpr size_t padded(size_t d) {
    return round_up(d, larger(gram_rows, lanes<double>));
}

inline size_t chunk_rows(size_t bytes_per_row) {
    return smaller(largest_chunk, larger(least_chunk, moments_budget / bytes_per_row));
}

// A chunk of rows in float64 about the shift, and those of them that a component takes.
template <class T>
class Chunk {
public:
    Chunk(Matrix<const T> X, const double* shift, size_t rows)
        : X_(X), shift_(shift), width(padded(X.columns)), values_(rows * width), taken_(rows),
          weight_(rows * sum_components) {}

    template <class Entry>
    void load(size_t first, size_t rows, Entry entry) {
        const size_t d = X_.columns;
        for (size_t i = 0; i < rows; ++i) {
            const T* const x = X_.data + (first + i) * d;
            double* const to = values_ + i * width;
            for (size_t l = 0; l < d; ++l) to[l] = entry(static_cast<double>(x[l]) - shift_[l]);
            for (size_t l = d; l < width; ++l) to[l] = 0.0;
        }
    }

    // Take the rows from `first` on that have weight under one of R components from c on.
    template <size_t R>
    void take(Matrix<const double> weight, size_t c, size_t first, size_t rows) {
        const double* const from = weight.data + c * weight.columns + first;
        count = 0;
        for (size_t i = 0; i < rows; ++i) {
            bool some = false;
            for (size_t r = 0; r < R; ++r) {
                const double own = from[r * weight.columns + i];
                weight_[count * R + r] = own;
                some |= own != 0;
            }
            taken_[count] = values_ + i * width;
            count += some;
        }
    }

    COFACTOR_INLINE const double* row(size_t i) const { return taken_[i]; }
    COFACTOR_INLINE const double* weights() const { return weight_; }

private:
    const Matrix<const T> X_;
    const double* const shift_;

public:
    const size_t width;
    size_t count = 0;  // of the rows taken

private:
    Scratch<double> values_;
    Scratch<const double*> taken_;
    Scratch<double> weight_;
};

// Call function<N>() for the number that `vectors` is, at most N.
template <size_t N, class Function>
COFACTOR_INLINE void with_size(size_t vectors, Function function) {
    if constexpr (N > 1)
        if (vectors < N) return with_size<N - 1>(vectors, function);
    function.template operator()<N>();
}

// Cut `vectors` into nearly equal parts of at most N: call function<size>(first).
template <size_t N, class Function>
COFACTOR_INLINE void in_parts(size_t begin, size_t end, Function function) {
    while (begin < end) {
        const size_t rest = end - begin, parts = (rest + N - 1) / N;
        const size_t size = (rest + parts - 1) / parts;
        function.at = begin;
        with_size<N>(size, function);
        begin += size;
    }
}

// Add weight times row over the rows taken to the sums of R components, N vectors of columns.
template <class T, size_t R>
struct SumTile {
    const Chunk<T>& chunk;
    double* sums;
    size_t at = 0;

    template <size_t N>
    COFACTOR_INLINE void operator()() const {
        double* const to = sums + at * lanes<double>;
        Vec<double> sum[R][N];
        for (size_t r = 0; r < R; ++r)
            for (size_t v = 0; v < N; ++v)
                sum[r][v] = load(to + r * chunk.width + v * lanes<double>);
        const double* weight = chunk.weights();
        for (size_t i = 0; i < chunk.count; ++i, weight += R) {
            const double* const row = chunk.row(i) + at * lanes<double>;
            Vec<double> x[N];
            for (size_t v = 0; v < N; ++v) x[v] = load(row + v * lanes<double>);
            for (size_t r = 0; r < R; ++r)
                for (size_t v = 0; v < N; ++v) sum[r][v] += splat(weight[r]) * x[v];
        }
        for (size_t r = 0; r < R; ++r)
            for (size_t v = 0; v < N; ++v)
                store<double>(to + r * chunk.width + v * lanes<double>, sum[r][v]);
    }
};

// Add the rows of a chunk that R components take to their sums.
template <class T>
struct SumGroup {
    Chunk<T>& chunk;
    Matrix<const double> weight;
    size_t first, rows;
    double* sums;
    size_t at = 0;

    template <size_t R>
    COFACTOR_INLINE void operator()() const {
        chunk.template take<R>(weight, at, first, rows);
        in_parts<sum_vectors>(0, chunk.width / lanes<double>,
                              SumTile<T, R>{chunk, sums + at * chunk.width});
    }
};

template <class T, class Entry>
void add_moments(Matrix<const T> X, const double* shift, Matrix<const double> weight,
                 double* sums, Entry entry) {
    const size_t d = X.columns, k = weight.rows, width = padded(d);
    const size_t rows = chunk_rows(width * sizeof(double));
    Chunk<T> chunk(X, shift, rows);
    const Scratch<double> totals(k * width);
    __builtin_memset(totals, 0, k * width * sizeof(double));
    for (size_t first = 0; first < X.rows; first += rows) {
        const size_t count = smaller(rows, X.rows - first);
        chunk.load(first, count, entry);
        in_parts<sum_components>(0, k, SumGroup<T>{chunk, weight, first, count, totals});
    }
    for (size_t c = 0; c < k; ++c)
        for (size_t l = 0; l < d; ++l) sums[c * d + l] += totals[c * width + l];
}

template <class T>
void component_sums(Matrix<const T> X, const double* shift, Matrix<const double> weight,
                    double* sums) {
    add_moments(X, shift, weight, sums, [](double x) { return x; });
}

template <class T>
void component_squares(Matrix<const T> X, const double* shift, Matrix<const double> weight,
                       double* squares) {
    add_moments(X, shift, weight, squares, [](double x) { return x * x; });
}

// gram[...] += sum of weight * row rowᵀ over the rows taken: a strip of rows by N vectors.
template <class T>
struct GramStrip {
    const Chunk<T>& chunk;
    const double* weighted;  // the rows taken, times their weights
    size_t first;            // row of the strip
    double* gram;
    size_t at = 0;

    template <size_t N>
    COFACTOR_INLINE void operator()() const {
        Vec<double> sum[gram_rows][N] = {};
        const double* left = weighted + first;
        for (size_t i = 0; i < chunk.count; ++i, left += chunk.width) {
            const double* const x = chunk.row(i) + at * lanes<double>;
            Vec<double> right[N];
            for (size_t v = 0; v < N; ++v) right[v] = load(x + v * lanes<double>);
            for (size_t r = 0; r < gram_rows; ++r)
                for (size_t v = 0; v < N; ++v) sum[r][v] += splat(left[r]) * right[v];
        }
        for (size_t r = 0; r < gram_rows; ++r)
            for (size_t v = 0; v < N; ++v) {
                double* const to = gram + (first + r) * chunk.width + (at + v) * lanes<double>;
                store<double>(to, load(to) + sum[r][v]);
            }
    }
};

// Add the upper triangle of the gram matrix of the rows taken.
template <class T>
void add_gram(const Chunk<T>& chunk, double* weighted, double* gram) {
    const size_t width = chunk.width;
    for (size_t i = 0; i < chunk.count; ++i)
        for (size_t l = 0; l < width; ++l)
            weighted[i * width + l] = chunk.weights()[i] * chunk.row(i)[l];
    for (size_t first = 0; first < width; first += gram_rows)
        in_parts<gram_vectors>(first / lanes<double>, width / lanes<double>,
                                GramStrip<T>{chunk, weighted, first, gram});
}

template <class T>
void component_grams(Matrix<const T> X, const double* shift, Matrix<const double> weight,
                     double* grams) {
    const size_t d = X.columns, k = weight.rows, width = padded(d);
    const size_t rows = chunk_rows(2 * width * sizeof(double));
    Chunk<T> chunk(X, shift, rows);
    const Scratch<double> weighted(rows * width), totals(k * width * width);
    __builtin_memset(totals, 0, k * width * width * sizeof(double));
    for (size_t first = 0; first < X.rows; first += rows) {
        const size_t count = smaller(rows, X.rows - first);
        chunk.load(first, count, [](double x) { return x; });
        for (size_t c = 0; c < k; ++c) {
            chunk.template take<1>(weight, c, first, count);
            add_gram(chunk, weighted, totals + c * width * width);
        }
    }
    for (size_t c = 0; c < k; ++c)
        for (size_t i = 0; i < d; ++i)
            for (size_t j = 0; j < d; ++j)
                grams[(c * d + i) * d + j] +=
                    totals[(c * width + smaller(i, j)) * width + larger(i, j)];
}

}  // namespace cofactor::COFACTOR_ISA
