// Rows of counts, one at a time, as the Poisson kernels take them from any storage.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

// Rows are filled up to a multiple of this with counts of zero: whole vectors, and fours.
template <class T>
constexpr size_t count_step = lanes<T> < 4 ? 4 : lanes<T>;

// The counts of a row and their columns.
template <class T>
struct CountRow {
    Label* columns;
    T* counts;
    size_t size;
};

template <class T>
COFACTOR_INLINE CountRow<T> filled_up(Label* columns, T* counts, size_t size) {
    const size_t whole = round_up(size, count_step<T>);
    for (size_t p = size; p < whole; ++p) columns[p] = 0, counts[p] = 0;
    return {columns, counts, whole};
}

template <class T, class I>
struct SparseCounts {
    Csr<T, I> X;

    size_t rows() const { return X.rows; }

    size_t longest() const {
        I longest = 0;
        for (size_t n = 0; n < X.rows; ++n)
            longest = larger(longest, X.indptr[n + 1] - X.indptr[n]);
        return static_cast<size_t>(longest);
    }

    CountRow<T> take(size_t n, Label* columns, T* counts) const {
        const size_t begin = static_cast<size_t>(X.indptr[n]);
        const size_t size = static_cast<size_t>(X.indptr[n + 1]) - begin;
        for (size_t p = 0; p < size; ++p) columns[p] = static_cast<Label>(X.indices[begin + p]);
        __builtin_memcpy(counts, X.data + begin, size * sizeof(T));
        return filled_up(columns, counts, size);
    }
};

// Entries of zero are left out.
template <class T>
struct DenseCounts {
    Matrix<const T> X;

    size_t rows() const { return X.rows; }
    size_t longest() const { return X.columns; }

    CountRow<T> take(size_t n, Label* columns, T* counts) const {
        const T* const x = X.data + n * X.columns;
        size_t size = 0;
        for (size_t j = 0; j < X.columns; ++j) {
            columns[size] = static_cast<Label>(j);
            counts[size] = x[j];
            size += x[j] > 0;
        }
        return filled_up(columns, counts, size);
    }
};

// Room for rows of counts, one after the other.
template <class T>
class CountShelf {
public:
    template <class Counts>
    CountShelf(const Counts& X, size_t rows)
        : size_(rows * round_up(X.longest() + 1, count_step<T>)), columns_(size_), counts_(size_) {}

    size_t size() const { return size_; }

    // Take row n to a place; weights of columns, unless null, multiply their counts.
    template <class Counts>
    COFACTOR_INLINE CountRow<T> take(const Counts& X, const T* weights, size_t n, size_t place) {
        const CountRow<T> row = X.take(n, columns_ + place, counts_ + place);
        if (weights)
            for (size_t p = 0; p < row.size; ++p) row.counts[p] *= weights[row.columns[p]];
        return row;
    }

private:
    const size_t size_;
    const Scratch<Label> columns_;
    const Scratch<T> counts_;
};

template <class T>
COFACTOR_INLINE bool counted(CountRow<T> row) {
    Int<T> positive{};
    for (size_t p = 0; p < row.size; p += lanes<T>) positive |= load(row.counts + p) > 0;
    return any<T>(positive);
}

}  // namespace cofactor::COFACTOR_ISA
