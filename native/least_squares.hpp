// Nonnegative least squares of many rows that share one Gram matrix, by coordinate descent.
//
// Lanes are rows: their codes are transposed once, and then swept as often as is asked for.
#pragma once

#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

class SweptRows {
    static constexpr size_t vectors = 4;
    using V = Vec<double>;

public:
    static constexpr size_t rows = vectors * lanes<double>;

    SweptRows(Matrix<const double> gram, double l1, double l2)
        : gram_(gram), l1_(l1), l2_(l2), codes_(gram.rows * rows), products_(gram.rows * rows) {}

    // Sweep over `count` rows; loss may be null.
    void improve(const double* products, double* codes, size_t count, size_t sweeps,
                 double* loss) {
        gather(products, count, products_);
        gather(codes, count, codes_);
        for (size_t sweep = 0; sweep < sweeps; ++sweep)
            for (size_t t = 0; t < gram_.rows; ++t) descend(t);
        for (size_t i = 0; i < count; ++i)
            for (size_t t = 0; t < gram_.rows; ++t)
                codes[i * gram_.rows + t] = codes_[t * rows + i];
        if (loss) judge(count, loss);
    }

private:
    // to[t * rows + i] = entry t of row i; beyond count, the last row is repeated.
    void gather(const double* from, size_t count, double* to) const {
        const size_t k = gram_.rows;
        for (size_t i = 0; i < rows; i += 4) {
            const double* four[4];
            for (size_t j = 0; j < 4; ++j) four[j] = from + smaller(i + j, count - 1) * k;
            for (size_t t = 0; t < k; ++t)
                for (size_t j = 0; j < 4; ++j) to[t * rows + i + j] = four[j][t];
        }
    }

    // Row t of the Gram matrix times the codes, in two chains each.
    COFACTOR_INLINE void multiply(size_t t, V (&sums)[vectors]) const {
        const double* const row = gram_.data + t * gram_.rows;
        V odd[vectors] = {};
        for (size_t v = 0; v < vectors; ++v) sums[v] = V{};
        size_t u = 0;
        for (; u + 2 <= gram_.rows; u += 2)
            for (size_t v = 0; v < vectors; ++v) {
                sums[v] += row[u] * code(u, v);
                odd[v] += row[u + 1] * code(u + 1, v);
            }
        if (u < gram_.rows)
            for (size_t v = 0; v < vectors; ++v) sums[v] += row[u] * code(u, v);
        for (size_t v = 0; v < vectors; ++v) sums[v] += odd[v];
    }

    COFACTOR_INLINE void descend(size_t t) {
        const double curvature = gram_.data[t * gram_.rows + t] + l2_;
        if (!(curvature > 0)) return;
        V slopes[vectors];
        multiply(t, slopes);
        for (size_t v = 0; v < vectors; ++v) {
            const V z = code(t, v);
            const V slope = slopes[v] - product(t, v) + l1_ + l2_ * z;
            store<double>(codes_ + t * rows + v * lanes<double>,
                          at_least(z - slope / curvature, V{}));
        }
    }

    void judge(size_t count, double* loss) const {
        V sums[vectors], total[vectors] = {};
        for (size_t t = 0; t < gram_.rows; ++t) {
            multiply(t, sums);
            for (size_t v = 0; v < vectors; ++v)
                total[v] += (0.5 * sums[v] - product(t, v)) * code(t, v);
        }
        double each[rows];
        for (size_t v = 0; v < vectors; ++v) store<double>(each + v * lanes<double>, total[v]);
        __builtin_memcpy(loss, each, count * sizeof(double));
    }

    COFACTOR_INLINE V code(size_t t, size_t v) const {
        return load(codes_ + t * rows + v * lanes<double>);
    }
    COFACTOR_INLINE V product(size_t t, size_t v) const {
        return load(products_ + t * rows + v * lanes<double>);
    }

    const Matrix<const double> gram_;
    const double l1_, l2_;
    const Scratch<double> codes_, products_;
};

inline void nonnegative_sweeps(Matrix<const double> gram, Matrix<const double> products,
                               double* codes, size_t sweeps, double l1, double l2,
                               double* loss) {
    SweptRows swept(gram, l1, l2);
    const size_t k = gram.rows;
    for (size_t n = 0; n < products.rows; n += SweptRows::rows)
        swept.improve(products.data + n * k, codes + n * k,
                      smaller(SweptRows::rows, products.rows - n), sweeps,
                      loss ? loss + n : nullptr);
}

}  // namespace cofactor::COFACTOR_ISA
