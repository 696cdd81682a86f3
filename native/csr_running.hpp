// Components of sparse rows that are kept as running sums, which a batch of rows changes in as many
// places as it has nonzeros. All values of a column lie side by side, padded to whole groups.
#pragma once

#include "csr_groups.hpp"
#include "top_losses_csr.hpp"

namespace cofactor::COFACTOR_ISA {

// Label every row with the component of least offsets[j] - factors[j] <x, sums of j>.
template <class T, class I>
void nearest_sum_csr(Csr<T, I> X, Matrix<const double> sums_t, const double* factors,
                     const double* offsets, Label* labels, double* loss) {
    const size_t k = sums_t.columns;
    const Scratch<double> none(k), losses(k);
    for (size_t j = 0; j < k; ++j) none[j] = 0;
    for (size_t n = 0; n < X.rows; ++n) {
        const Entries<T, I> row = entries(X, n);
        for_each_span<double>(k, [&](size_t first, size_t count) {
            losses_of_groups<span<double>>(count / group_size, row, sums_t, +none, first,
                                           losses + first);
        });
        for (size_t j = 0; j < k; ++j) losses[j] = offsets[j] + factors[j] * losses[j];
        write_least<double>(losses, k, labels + n, loss + n);
    }
}

// Add rows to the sums of their labels; squares are the squared lengths of sums.
template <class T, class I>
void add_to_sums_csr(Csr<T, I> X, const Label* labels, const double* weights, double* counts,
                     Matrix<double> sums_t, double* squares) {
    for (size_t n = 0; n < X.rows; ++n) {
        const Entries<T, I> row = entries(X, n);
        const size_t j = static_cast<size_t>(labels[n]);
        double gain = 0;
        for (size_t p = 0; p < row.count; ++p) {
            const size_t at = static_cast<size_t>(row.columns[p]) * sums_t.columns + j;
            const double step = weights[n] * static_cast<double>(row.values[p]);
            gain += step * (2 * sums_t.data[at] + step);
            sums_t.data[at] += step;
        }
        counts[j] += weights[n];
        squares[j] += gain;
    }
}

}  // namespace cofactor::COFACTOR_ISA
