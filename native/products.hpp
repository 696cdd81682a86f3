// Products of rows with a matrix of few columns.
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

// A strip: entries of rows that stay in the cache while they meet all columns of the matrix, and
// that are added up in the precision of the data.
template <class T>
constexpr size_t strip_columns = 2048 / sizeof(T);
constexpr size_t strip_rows = 48;

// Rows of a tile: as many as leave their sums in registers, and no more than there are addresses.
template <class T, size_t vectors>
constexpr size_t product_rows = (vector_bytes == 64 && vectors > 1 ? 24 : 12) / vectors;

// Add the products of `rows` rows over some of their entries to `out`.
template <class T, size_t rows, size_t vectors>
[[gnu::noinline]] void add_tile_products(const T* const (&x)[rows], size_t begin, size_t end,
                                         const T* columns, size_t width, double* const* out,
                                         size_t count) {
    Vec<T> sums[rows][vectors] = {};
    for (size_t l = begin; l < end; ++l) {
        const T* const h = columns + l * width;
        Vec<T> b[vectors];
        for (size_t v = 0; v < vectors; ++v) b[v] = load(h + v * lanes<T>);
        for (size_t r = 0; r < rows; ++r)
            for (size_t v = 0; v < vectors; ++v) sums[r][v] += x[r][l] * b[v];
    }
    for (size_t r = 0; r < rows; ++r) {
        T total[vectors * lanes<T>];
        for (size_t v = 0; v < vectors; ++v) store<T>(total + v * lanes<T>, sums[r][v]);
        for (size_t c = 0; c < count; ++c) out[r][c] += static_cast<double>(total[c]);
    }
}

// Some columns of some rows times some columns of the matrix.
template <class T>
struct ProductStrip {
    Matrix<const T> X, columns;
    Matrix<double> out;
    size_t first_row, last_row, begin, end;

    // Columns from c on; rows beyond the last whole tile are taken again.
    template <size_t vectors>
    void add(size_t c) const {
        constexpr size_t rows = product_rows<T, vectors>;
        const size_t count = smaller(vectors * lanes<T>, out.columns - c);
        double spare[vectors * lanes<T>] = {};
        for (size_t n = first_row; n < last_row; n += rows) {
            const T* x[rows];
            double* to[rows];
            for (size_t r = 0; r < rows; ++r) {
                const size_t row = smaller(n + r, last_row - 1);
                x[r] = X.data + row * X.columns;
                to[r] = n + r < last_row ? out.data + row * out.columns + c : spare;
            }
            add_tile_products<T, rows, vectors>(x, begin, end, columns.data + c, columns.columns,
                                                to, count);
        }
    }

    void add_all() const {
        constexpr size_t group = products_group / lanes<T>, most = vector_bytes == 64 ? 4 : group;
        for (size_t c = 0; c < out.columns;) {
            const size_t left = round_up(out.columns - c, products_group) / lanes<T>;
            if (left >= most)
                add<most>(c), c += most * lanes<T>;
            else if (left == 3)
                add<3>(c), c += 3 * lanes<T>;
            else if (left == 2)
                add<2>(c), c += 2 * lanes<T>;
            else
                add<1>(c), c += lanes<T>;
        }
    }
};

template <class T>
void products(Matrix<const T> X, Matrix<const T> columns, Matrix<double> out) {
    __builtin_memset(out.data, 0, out.rows * out.columns * sizeof(double));
    for (size_t n = 0; n < X.rows; n += strip_rows)
        for (size_t l = 0; l < X.columns; l += strip_columns<T>)
            ProductStrip<T>{X, columns, out, n, smaller(n + strip_rows, X.rows), l,
                            smaller(l + strip_columns<T>, X.columns)}
                .add_all();
}

}  // namespace cofactor::COFACTOR_ISA
