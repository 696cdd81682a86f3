// Products of sparse rows with a matrix of few columns.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t products_added = 256;  // in the precision of the data, before they go to float64
constexpr size_t products_group = 16;   // columns at a time

// Add the products of some entries of a row with one group of columns to `out`.
template <class T, class I>
COFACTOR_INLINE void add_some_products(const I* indices, const T* data, size_t size,
                                       const T* columns, size_t width, double* out,
                                       size_t count) {
    constexpr size_t vectors = products_group / lanes<T>, chains = 4;
    Vec<T> sums[chains][vectors] = {};
    const auto add = [&](size_t p, size_t chain) {
        const T* const h = columns + static_cast<size_t>(indices[p]) * width;
        for (size_t v = 0; v < vectors; ++v) sums[chain][v] += data[p] * load(h + v * lanes<T>);
    };
    size_t p = 0;
    for (; p + chains <= size; p += chains)
        for (size_t chain = 0; chain < chains; ++chain) add(p + chain, chain);
    for (; p < size; ++p) add(p, 0);
    T total[products_group];
    for (size_t v = 0; v < vectors; ++v)
        store<T>(total + v * lanes<T>,
                 (sums[0][v] + sums[1][v]) + (sums[2][v] + sums[3][v]));
    for (size_t c = 0; c < count; ++c) out[c] += static_cast<double>(total[c]);
}

template <class T, class I>
void products_csr(Csr<T, I> X, Matrix<const T> columns, Matrix<double> out) {
    for (size_t n = 0; n < X.rows; ++n) {
        double* const row = out.data + n * out.columns;
        __builtin_memset(row, 0, out.columns * sizeof(double));
        const size_t end = static_cast<size_t>(X.indptr[n + 1]);
        for (size_t p = static_cast<size_t>(X.indptr[n]); p < end; p += products_added) {
            const size_t size = smaller(products_added, end - p);
            for (size_t c = 0; c < out.columns; c += products_group)
                add_some_products(X.indices + p, X.data + p, size, columns.data + c,
                                  columns.columns, row + c,
                                  smaller(products_group, out.columns - c));
        }
    }
}

}  // namespace cofactor::COFACTOR_ISA
