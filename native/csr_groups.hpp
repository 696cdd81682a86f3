// Products of one sparse row with groups of components, in registers.
//
// Lanes are components. Every nonzero streams the component values of its column, which lie side
// by side and are padded to whole groups. A component's sum runs over the nonzeros in their order,
// whatever groups are looked at together.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t group_size = 16;  // components
constexpr size_t row_vectors = 8;  // sums in registers, beside a column's values
template <class T>
constexpr size_t group_vectors = group_size / lanes<T>;
template <class T>
constexpr size_t span = larger<size_t>(1, row_vectors / group_vectors<T>);  // groups at once

// The nonzeros of a row.
template <class T, class I>
struct Entries {
    const I* columns;
    const T* values;
    size_t count;
};

template <class T, class I>
COFACTOR_INLINE Entries<T, I> entries(const Csr<T, I>& X, size_t n) {
    const size_t begin = static_cast<size_t>(X.indptr[n]);
    return {X.indices + begin, X.data + begin, static_cast<size_t>(X.indptr[n + 1]) - begin};
}

// losses[j] = offsets[j] - sum of x * columns[j], for `groups` groups of components from `first`.
template <size_t groups, class T, class S, class I>
void losses_of(const Entries<S, I>& row, Matrix<const T> components_t, const T* offsets,
               size_t first, T* losses) {
    constexpr size_t vectors = groups * group_vectors<T>;
    const T* const values = components_t.data + first;
    Vec<T> product[vectors] = {};
    for (size_t p = 0; p < row.count; ++p) {
        const T* const column = values + static_cast<size_t>(row.columns[p]) * components_t.columns;
        const Vec<T> x = splat(static_cast<T>(row.values[p]));
        for (size_t v = 0; v < vectors; ++v) product[v] += x * load(column + v * lanes<T>);
    }
    for (size_t v = 0; v < vectors; ++v)
        store<T>(losses + v * lanes<T>, load(offsets + first + v * lanes<T>) - product[v]);
}

// The same for a number of groups that is known at run time, at most `most`.
template <size_t most, class T, class S, class I>
COFACTOR_INLINE void losses_of_groups(size_t groups, const Entries<S, I>& row,
                                      Matrix<const T> components_t, const T* offsets, size_t first,
                                      T* losses) {
    if constexpr (most > 1)
        if (groups < most)
            return losses_of_groups<most - 1>(groups, row, components_t, offsets, first, losses);
    losses_of<most>(row, components_t, offsets, first, losses);
}

// Call visit(first component, count) for as many components at a time as registers hold.
template <class T, class Visit>
COFACTOR_INLINE void for_each_span(size_t components, Visit visit) {
    constexpr size_t width = span<T> * group_size;
    for (size_t first = 0; first < components; first += width)
        visit(first, smaller(width, components - first));
}

// The least of a group's losses.
template <class T>
COFACTOR_INLINE T least_of_group(const T* losses) {
    T parts[group_size];
    __builtin_memcpy(parts, losses, sizeof parts);
    for (size_t width = group_size / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; ++i) parts[i] = smaller(parts[i], parts[i + width]);
    return parts[0];
}

// Where among a group's losses one of them is found first.
template <class T>
COFACTOR_INLINE size_t place_of(const T* losses, T loss) {
    size_t place = 0;
    while (place + 1 < group_size && losses[place] != loss) ++place;
    return place;
}

}  // namespace cofactor::COFACTOR_ISA
