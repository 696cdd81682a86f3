// A panel of rows: as many as a tile has lanes, transposed, about a shift and in float64; and the
// tiles that multiply it.
#pragma once

#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

// The registers hold `outputs` x `sheet_vectors` accumulators, a column of the panel and one
// broadcast; or one output less and the terms of a distance.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t outputs = 4, sheet_vectors = 6;  // of 32 registers
#else
constexpr size_t outputs = 4, sheet_vectors = 3;  // of 16 registers
#endif

constexpr size_t distance_outputs = outputs - 1;
constexpr size_t sheet_rows = sheet_vectors * lanes<double>;

template <size_t R>
using SheetOf = Vec<double>[R][sheet_vectors];
using Sheet = SheetOf<outputs>;

template <class T>
COFACTOR_INLINE Quad<double>::Vec wide_quad(const T* at) {
    return __builtin_convertvector(load_quad(at), Quad<double>::Vec);
}

// to[l * sheet_rows + j] = row j [l] - shift[l] for four rows.
template <class T>
COFACTOR_INLINE void pack_four(const T* first, const double* shift, size_t d, double* to) {
    size_t l = 0;
    for (; l + 4 <= d; l += 4) {
        const Quad<double>::Vec offset = load_quad(shift + l);
        const Quad<double>::Vec r[4] = {
            wide_quad(first + l) - offset, wide_quad(first + d + l) - offset,
            wide_quad(first + 2 * d + l) - offset, wide_quad(first + 3 * d + l) - offset};
        Quad<double>::Vec column[4];
        Quad<double>::transpose(r, column);
        for (size_t i = 0; i < 4; ++i) store_quad(to + (l + i) * sheet_rows, column[i]);
    }
    for (; l < d; ++l)
        for (size_t j = 0; j < 4; ++j)
            to[l * sheet_rows + j] = static_cast<double>(first[j * d + l]) - shift[l];
}

// panel[l * sheet_rows + i] = X[row + i][l] - shift[l]; rows that do not exist are zero.
template <class T>
void pack_rows(Matrix<const T> X, const double* shift, size_t row, double* panel) {
    const size_t d = X.columns, count = smaller(sheet_rows, X.rows - row);
    const T* const first = X.data + row * d;
    if (count < sheet_rows) __builtin_memset(panel, 0, sheet_rows * d * sizeof(double));
    size_t i = 0;
    for (; i + 4 <= count; i += 4) pack_four(first + i * d, shift, d, panel + i);
    for (; i < count; ++i)
        for (size_t l = 0; l < d; ++l)
            panel[l * sheet_rows + i] = static_cast<double>(first[i * d + l]) - shift[l];
}

// sheet[r] += sum over l of panel[l] * weights[l * outputs + r]
COFACTOR_INLINE void add_products(const double* panel, const double* weights, size_t depth,
                                  Sheet& sheet) {
    for (size_t l = 0; l < depth; ++l) {
        Vec<double> x[sheet_vectors];
        for (size_t v = 0; v < sheet_vectors; ++v) x[v] = load(panel + v * lanes<double>);
        for (size_t r = 0; r < outputs; ++r) {
            const Vec<double> weight = splat(weights[r]);
            for (size_t v = 0; v < sheet_vectors; ++v) sheet[r][v] += x[v] * weight;
        }
        panel += sheet_rows;
        weights += outputs;
    }
}

// sheet[r] = sum over l of (residual(l, r) of panel[l])^2
template <size_t R, class Residual>
COFACTOR_INLINE void sum_squares_of(const double* panel, size_t depth, SheetOf<R>& sheet,
                                    Residual residual) {
    for (size_t r = 0; r < R; ++r)  // = {} would be a call
        for (size_t v = 0; v < sheet_vectors; ++v) sheet[r][v] = Vec<double>{};
    for (size_t l = 0; l < depth; ++l, panel += sheet_rows) {
        Vec<double> x[sheet_vectors];
        for (size_t v = 0; v < sheet_vectors; ++v) x[v] = load(panel + v * lanes<double>);
        for (size_t r = 0; r < R; ++r) {
            const auto of = residual(l, r);
            for (size_t v = 0; v < sheet_vectors; ++v) {
                const Vec<double> own = of(x[v]);
                sheet[r][v] += own * own;
            }
        }
    }
}

// to[r * sheet_rows ...] = value(r, sheet[r][v]) of the first `count` outputs.
template <size_t R, class Value>
COFACTOR_INLINE void store_sheet(const SheetOf<R>& sheet, double* to, size_t count, Value value) {
    for (size_t r = 0; r < count; ++r)
        for (size_t v = 0; v < sheet_vectors; ++v)
            store<double>(to + r * sheet_rows + v * lanes<double>, value(r, sheet[r][v]));
}

COFACTOR_INLINE void add_squares(const Sheet& sheet, Vec<double> (&squares)[sheet_vectors]) {
    for (size_t r = 0; r < outputs; ++r)
        for (size_t v = 0; v < sheet_vectors; ++v) squares[v] += sheet[r][v] * sheet[r][v];
}

// sheet[r] = +- values[r]
COFACTOR_INLINE void set_rows(Sheet& sheet, const double* values, double sign = 1.0) {
    for (size_t r = 0; r < outputs; ++r)
        for (size_t v = 0; v < sheet_vectors; ++v) sheet[r][v] = splat(sign * values[r]);
}

}  // namespace cofactor::COFACTOR_ISA
