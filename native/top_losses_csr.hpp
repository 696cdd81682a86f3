// Sparse rows: products with all components, and the choice of the smallest losses.
#pragma once

#include "csr_groups.hpp"
#include "top_losses.hpp"

namespace cofactor::COFACTOR_ISA {

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

// The least loss, of the first component that has it.
template <class T>
void write_least(const T* losses, size_t k, Label* index, double* loss) {
    T least = infinity<T>;
    size_t best = 0;
    for (size_t first = 0; first < k; first += group_size) {
        const T value = least_of_group(losses + first);
        best = value < least ? first : best;
        least = smaller(least, value);
    }
    *loss = least;
    *index = static_cast<Label>(best + place_of(losses + best, least));
}

// components_t has whole groups of columns.
template <class T, class I>
void top_losses_csr(Csr<T, I> X, Matrix<const T> components_t, const T* offsets,
                    Matrix<Label> index, double* loss) {
    const size_t k = components_t.columns, keep = index.columns;
    const Scratch<T> losses(k);
    const Scratch<Candidate<T>> candidates(2 * k);
    for (size_t n = 0; n < X.rows; ++n) {
        const Entries<T, I> row = entries(X, n);
        for_each_span<T>(k, [&](size_t first, size_t count) {
            losses_of_groups<span<T>>(count / group_size, row, components_t, offsets, first,
                                      losses + first);
        });
        Label* const chosen = index.data + n * keep;
        if (keep == 1) {
            write_least<T>(losses, k, chosen, loss + n);
        } else if (keep <= few) {
            write_few<T>(losses, k, keep, chosen, loss + n * keep);
        } else {
            for (size_t j = 0; j < k; ++j) candidates[j] = {losses[j], static_cast<Label>(j)};
            write_sorted<T>(candidates, candidates + k, k, keep, chosen, loss + n * keep);
        }
    }
}

}  // namespace cofactor::COFACTOR_ISA
