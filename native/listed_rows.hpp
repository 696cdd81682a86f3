// Least squares of rows with Gram matrices of their own, without these: the fitted values of the
// listed entries are kept instead, one row after the other. For many components.
//
// Lanes are listed entries, whose columns are gathered and transposed for each row.
#pragma once

#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

template <class I>
class ListedRows {
    using V = Vec<double>;

public:
    ListedRows(Csr<double, I> listed, ObservedSquares squares)
        : listed_(listed),
          squares_(squares),
          k_(squares.base.rows),
          stride_(round_up(larger(longest(), size_t{1}), step)),
          panel_(stride_ * round_up(k_, 4)),
          fitted_(stride_),
          bends_(k_) {}

    void improve(size_t n) {
        gather(n);
        const double scale = squares_.scales ? squares_.scales[n] : 1;
        double* const z = squares_.codes + n * k_;
        const double* const b = squares_.products + n * k_;
        for (size_t sweep = 0; sweep < squares_.sweeps; ++sweep)
            for (size_t t = 0; t < k_; ++t) descend(t, scale, b[t], z);
        if (!squares_.loss) return;
        double loss = 0;
        for (size_t t = 0; t < k_; ++t) loss += (0.5 * scale * bent(t, z) - b[t]) * z[t];
        squares_.loss[n] = loss;
    }

private:
    static constexpr size_t vectors = 4, step = vectors * lanes<double>;  // entries at a time
    static constexpr double rounding = 1e-12;  // of a curvature that others were taken off

    size_t longest() const {
        size_t most = 0;
        for (size_t n = 0; n < listed_.rows; ++n)
            most = larger(most, static_cast<size_t>(listed_.indptr[n + 1] - listed_.indptr[n]));
        return most;
    }

    // Lay the columns of a row's entries side by side, padded with zeros; fit its values.
    void gather(size_t n) {
        const size_t begin = static_cast<size_t>(listed_.indptr[n]);
        const size_t count = static_cast<size_t>(listed_.indptr[n + 1]) - begin;
        size_ = round_up(count, step);
        for (size_t p = 0; p < size_; p += 4)
            for (size_t t = 0; t < k_; t += 4) {
                typename Quad<double>::Vec rows[4] = {}, columns[4];
                for (size_t j = 0; j < 4; ++j)
                    if (p + j < count) rows[j] = load_quad(column(begin + p + j) + t);
                Quad<double>::transpose(rows, columns);
                for (size_t j = 0; j < 4; ++j)
                    __builtin_memcpy(panel_ + (t + j) * stride_ + p, &columns[j],
                                     sizeof columns[j]);
            }
        __builtin_memset(fitted_, 0, size_ * sizeof(double));
        for (size_t t = 0; t < k_; ++t) {
            bends_[t] = squares_.base.data[t * k_ + t] + squares_.sign * dot(row(t), row(t));
            move(t, squares_.codes[n * k_ + t]);
        }
    }

    COFACTOR_INLINE const double* column(size_t p) const {
        return squares_.columns.data +
               static_cast<size_t>(listed_.indices[p]) * squares_.columns.columns;
    }

    COFACTOR_INLINE const double* row(size_t t) const { return panel_ + t * stride_; }

    COFACTOR_INLINE double dot(const double* a, const double* b) const {
        V sums[vectors] = {};
        for (size_t p = 0; p < size_; p += step)
            for (size_t v = 0; v < vectors; ++v)
                sums[v] += load(a + p + v * lanes<double>) * load(b + p + v * lanes<double>);
        return sum<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }

    // Add a multiple of coordinate t to the fitted values.
    COFACTOR_INLINE void move(size_t t, double by) const {
        const double* const w = row(t);
        for (size_t p = 0; p < size_; ++p) fitted_[p] += by * w[p];
    }

    // Row t of the Gram matrix times the codes.
    COFACTOR_INLINE double bent(size_t t, const double* z) const {
        const double of_listed = squares_.sign * dot(row(t), fitted_);
        if (squares_.sign > 0) return of_listed;
        const double* const base = squares_.base.data + t * k_;
        return of_listed + sum_of(k_, [=](size_t u) { return base[u] * z[u]; });
    }

    // Move coordinate t to its minimum; where the loss is flat it stays.
    COFACTOR_INLINE void descend(size_t t, double scale, double product, double* z) const {
        const double least = rounding * larger(squares_.base.data[t * k_ + t], 0.0);
        const double curvature = scale * bends_[t] + squares_.l2;
        if (!(curvature > scale * least)) return;
        const double slope = scale * bent(t, z) - product + squares_.l1 + squares_.l2 * z[t];
        const double best = larger(z[t] - slope / curvature, squares_.lowest);
        if (best == z[t]) return;
        move(t, best - z[t]);
        z[t] = best;
    }

    const Csr<double, I> listed_;
    const ObservedSquares squares_;
    const size_t k_, stride_;
    const Scratch<double> panel_, fitted_, bends_;
    size_t size_ = 0;
};

}  // namespace cofactor::COFACTOR_ISA
