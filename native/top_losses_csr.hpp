// Sparse rows: every nonzero streams the component values of its column.
#pragma once

#include "top_losses.hpp"

namespace cofactor::COFACTOR_ISA {

// losses[j] -= sum of x * columns[j] over the nonzeros of a row, four nonzeros at a time.
template <class T, class I>
void subtract_products(const I* columns, const T* x, size_t count, Matrix<const T> components_t,
                       T* __restrict losses) {
    const size_t k = components_t.columns;
    const auto at = [&](size_t p) {
        return components_t.data + static_cast<size_t>(columns[p]) * k;
    };
    size_t p = 0;
    for (; p + 4 <= count; p += 4) {
        const T *const a = at(p), *const b = at(p + 1), *const c = at(p + 2), *const e = at(p + 3);
        for (size_t j = 0; j < k; ++j)
            losses[j] -= (x[p] * a[j] + x[p + 1] * b[j]) + (x[p + 2] * c[j] + x[p + 3] * e[j]);
    }
    for (; p < count; ++p) {
        const T* const a = at(p);
        for (size_t j = 0; j < k; ++j) losses[j] -= x[p] * a[j];
    }
}

// The places in use are full of better losses or hold earlier components.
template <class T>
void write_few(const T* losses, size_t k, size_t keep, Label* index, double* loss) {
    for (size_t j = 0; j < k; ++j) {
        size_t place = smaller(j, keep);
        const double value = losses[j];
        if (place == keep && !(value < loss[--place])) continue;
        for (; place > 0 && value < loss[place - 1]; --place) {
            loss[place] = loss[place - 1];
            index[place] = index[place - 1];
        }
        loss[place] = value;
        index[place] = static_cast<Label>(j);
    }
}

template <class T, class I>
void top_losses_csr(Csr<T, I> X, Matrix<const T> components_t, const T* offsets,
                    Matrix<Label> index, double* loss) {
    const size_t k = components_t.columns, keep = index.columns;
    const Scratch<T> losses(k);
    const Scratch<Candidate<T>> candidates(2 * k);
    for (size_t n = 0; n < X.rows; ++n) {
        const size_t begin = static_cast<size_t>(X.indptr[n]);
        const size_t count = static_cast<size_t>(X.indptr[n + 1]) - begin;
        __builtin_memcpy(losses, offsets, k * sizeof(T));
        subtract_products(X.indices + begin, X.data + begin, count, components_t,
                          static_cast<T*>(losses));
        if (keep <= few) {
            write_few<T>(losses, k, keep, index.data + n * keep, loss + n * keep);
        } else {
            for (size_t j = 0; j < k; ++j) candidates[j] = {losses[j], static_cast<Label>(j)};
            write_sorted<T>(candidates, candidates + k, k, keep, index.data + n * keep,
                            loss + n * keep);
        }
    }
}

}  // namespace cofactor::COFACTOR_ISA
