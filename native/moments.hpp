// Moments of components, each with a weight for every row, in float64.
//
// Lanes are columns. A chunk of rows stays in the cache while the components pass by; each takes
// only the rows that have weight under it.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t moments_budget = 24 * 1024;  // bytes of rows in float64: most of L1
constexpr size_t least_chunk = 16, largest_chunk = 256;

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t gram_rows = 4, gram_vectors = 6;  // of 32 registers
#else
constexpr size_t gram_rows = 4, gram_vectors = 3;  // of 16 registers
#endif
constexpr size_t run_vectors = 8;

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
          weight_(rows) {}

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

    // Take the rows that have weight.
    void take(const double* weight, size_t rows) {
        count = 0;
        for (size_t i = 0; i < rows; ++i) {
            taken_[count] = values_ + i * width;
            weight_[count] = weight[i];
            count += weight[i] != 0;
        }
    }

    COFACTOR_INLINE const double* row(size_t i) const { return taken_[i]; }
    COFACTOR_INLINE double weight(size_t i) const { return weight_[i]; }

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

// sums[...] += sum of weight * row over the rows taken, for N vectors of columns.
template <class T>
struct SumRun {
    const Chunk<T>& chunk;
    double* sums;
    size_t at = 0;

    template <size_t N>
    COFACTOR_INLINE void operator()() const {
        double* const to = sums + at * lanes<double>;
        Vec<double> sum[N];
        for (size_t v = 0; v < N; ++v) sum[v] = load(to + v * lanes<double>);
        for (size_t i = 0; i < chunk.count; ++i) {
            const double* const x = chunk.row(i) + at * lanes<double>;
            const Vec<double> weight = splat(chunk.weight(i));
            for (size_t v = 0; v < N; ++v) sum[v] += weight * load(x + v * lanes<double>);
        }
        for (size_t v = 0; v < N; ++v) store<double>(to + v * lanes<double>, sum[v]);
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
        for (size_t c = 0; c < k; ++c) {
            chunk.take(weight.data + c * weight.columns + first, count);
            in_parts<run_vectors>(0, width / lanes<double>, SumRun<T>{chunk, totals + c * width});
        }
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
            weighted[i * width + l] = chunk.weight(i) * chunk.row(i)[l];
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
            chunk.take(weight.data + c * weight.columns + first, count);
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
