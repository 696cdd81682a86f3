// Posterior probabilities from losses.
#pragma once

#include "elementary.hpp"

namespace cofactor::COFACTOR_ISA {

// Apply a function of vectors to n numbers in place; the last ones through a padded buffer.
template <class Function>
COFACTOR_INLINE void transform(double* values, size_t n, Function function) {
    constexpr size_t width = lanes<double>;
    size_t i = 0;
    for (; i + width <= n; i += width) store<double>(values + i, function(load(values + i)));
    if (i == n) return;
    double last[width];
    for (size_t j = 0; j < width; ++j) last[j] = values[i + j < n ? i + j : n - 1];
    store<double>(last, function(load(last)));
    for (size_t j = 0; i + j < n; ++j) values[i + j] = last[j];
}

COFACTOR_INLINE double least_of(const double* values, size_t n) {
    double least = values[0];
    for (size_t c = 1; c < n; ++c) least = smaller(least, values[c]);
    return least;
}

// One block of rows: exponentials and logarithms run over rows without a break.
inline void soft_assign_rows(Matrix<double> loss, double* least, double* log_norm) {
    const size_t width = loss.columns;
    for (size_t n = 0; n < loss.rows; ++n) {
        double* const row = loss.data + n * width;
        least[n] = least_of(row, width);
        // Without a possible component, zeros stand in: they become uniform.
        const bool possible = least[n] < infinity<double>;
        for (size_t c = 0; c < width; ++c) row[c] = possible ? least[n] - row[c] : 0.0;
    }
    transform(loss.data, loss.rows * width, exp_nonpositive);
    for (size_t n = 0; n < loss.rows; ++n) {
        double* const row = loss.data + n * width;
        const double total = sum_of(width, [row](size_t c) { return row[c]; });
        for (size_t c = 0; c < width; ++c) row[c] /= total;
        log_norm[n] = total;
    }
    transform(log_norm, loss.rows, log_positive<double>);
    for (size_t n = 0; n < loss.rows; ++n)
        log_norm[n] = least[n] < infinity<double> ? log_norm[n] - least[n] : -infinity<double>;
}

inline void soft_assign(Matrix<double> loss, double* log_norm) {
    constexpr size_t rows = 64;
    double least[rows];
    for (size_t n = 0; n < loss.rows; n += rows) {
        const Matrix<double> block = {loss.data + n * loss.columns, smaller(rows, loss.rows - n),
                                      loss.columns};
        soft_assign_rows(block, least, log_norm + n);
    }
}

}  // namespace cofactor::COFACTOR_ISA
