// Rows of counts, one at a time, as the Poisson kernels take them from any storage.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

// Rows are filled up to a multiple of this with counts of zero: whole vectors, and fours.
template <class T>
constexpr size_t count_step = lanes<T> < 4 ? 4 : lanes<T>;

// Where a column's numbers are, in bytes, if there are four for each column. Multiples of it lead to
// matrices of more, so that finding them takes no products.
using Place = std::uint32_t;

template <class T>
constexpr Place place_step = 4 * sizeof(T);

// The row of a matrix, of a multiple of four numbers a row, that belongs to a column.
template <class T, class Width>
COFACTOR_INLINE const T* at_place(const T* first, Place place, Width width) {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(first) +
                                      static_cast<size_t>(place) * (width / 4));
}

COFACTOR_INLINE Place place_of(Place place, Place) { return place; }

// The place of a column that is known by its number.
template <class I>
COFACTOR_INLINE Place place_of(I column, Place step) {
    return static_cast<Place>(column) * step;
}

// The counts of a row, the places of their columns, and what their fitted values are beside the
// codes' share.
template <class T>
struct CountRow {
    Place* places;
    T* counts;
    T* offsets;
    size_t size;

    COFACTOR_INLINE const Place* columns_from(size_t p) const { return places + p; }
    COFACTOR_INLINE Vec<T> counts_from(size_t p) const { return load(counts + p); }
    COFACTOR_INLINE Vec<T> offsets_from(size_t p) const { return load(offsets + p); }
    COFACTOR_INLINE void ask(size_t) const {}
};

// Fill up a row that has `size` counts: its last vector, and offsets beyond it may be anything.
template <class T>
COFACTOR_INLINE CountRow<T> filled_up(CountRow<T> row, size_t size) {
    row.size = round_up(size, count_step<T>);
    for (size_t p = size; p < row.size; ++p) row.places[p] = 0, row.counts[p] = 0;
    return row;
}

// Places of some columns; through a copy, from which compilers see that nothing overlaps.
template <class T, class I>
COFACTOR_INLINE void store_places(const I* columns, Place* to) {
    I some[count_step<T>];
    __builtin_memcpy(some, columns, sizeof some);
    Place places[count_step<T>];
    for (size_t i = 0; i < count_step<T>; ++i)
        places[i] = static_cast<Place>(some[i]) * place_step<T>;
    __builtin_memcpy(to, places, sizeof places);
}

// Offsets are stored like the counts; null where all are zero.
template <class T, class I>
struct SparseCounts {
    Csr<T, I> X;
    const T* offsets = nullptr;

    size_t rows() const { return X.rows; }

    size_t longest() const {
        I longest = 0;
        for (size_t n = 0; n < X.rows; ++n)
            longest = larger(longest, X.indptr[n + 1] - X.indptr[n]);
        return static_cast<size_t>(longest);
    }

    CountRow<T> take(size_t n, CountRow<T> to) const {
        const size_t begin = static_cast<size_t>(X.indptr[n]);
        const size_t size = static_cast<size_t>(X.indptr[n + 1]) - begin;
        const I* const columns = X.indices + begin;
        const T* const counts = X.data + begin;
        constexpr size_t ahead = 512;  // of counts, in rows that follow
        size_t p = 0;
        for (; p + count_step<T> <= size; p += count_step<T>) {
            __builtin_prefetch(columns + p + ahead);
            __builtin_prefetch(counts + p + ahead);
            store_places<T>(columns + p, to.places + p);
            __builtin_memcpy(to.counts + p, counts + p, count_step<T> * sizeof(T));
        }
        for (; p < size; ++p) {
            to.places[p] = static_cast<Place>(columns[p]) * place_step<T>;
            to.counts[p] = counts[p];
        }
        if (offsets) __builtin_memcpy(to.offsets, offsets + begin, size * sizeof(T));
        return filled_up(to, size);
    }
};

// Entries of zero are left out; there are no offsets.
template <class T>
struct DenseCounts {
    Matrix<const T> X;

    size_t rows() const { return X.rows; }
    size_t longest() const { return X.columns; }

    CountRow<T> take(size_t n, CountRow<T> to) const {
        const T* const x = X.data + n * X.columns;
        size_t size = 0;
        for (size_t j = 0; j < X.columns; ++j) {
            to.places[size] = static_cast<Place>(j) * place_step<T>;
            to.counts[size] = x[j];
            size += x[j] > 0;
        }
        return filled_up(to, size);
    }
};

// Room for rows of counts, one after the other.
template <class T>
class CountShelf {
public:
    template <class Counts>
    CountShelf(const Counts& X, size_t rows)
        : size_(rows * round_up(X.longest() + 1, count_step<T>)),
          places_(size_),
          counts_(size_),
          offsets_(size_) {
        __builtin_memset(offsets_, 0, size_ * sizeof(T));
    }

    size_t size() const { return size_; }

    // Take row n to a place; weights of columns, unless null, multiply their counts.
    template <class Counts>
    COFACTOR_INLINE CountRow<T> take(const Counts& X, const T* weights, size_t n, size_t place) {
        const CountRow<T> row = X.take(n, {places_ + place, counts_ + place, offsets_ + place, 0});
        if (weights)
            for (size_t p = 0; p < row.size; ++p)
                row.counts[p] *= weights[row.places[p] / place_step<T>];
        return row;
    }

private:
    const size_t size_;
    const Scratch<Place> places_;
    const Scratch<T> counts_, offsets_;
};

// Rows one at a time, copied: each is there until the next one is opened.
template <class T, class Counts>
class CopiedRows {
public:
    CopiedRows(const Counts& X, const T* weights) : X_(X), weights_(weights), shelf_(X, 1) {}

    size_t rows() const { return X_.rows(); }
    CountRow<T> open(size_t n) { return shelf_.take(X_, weights_, n, 0); }

private:
    const Counts X_;
    const T* const weights_;
    CountShelf<T> shelf_;
};

template <class T, template <class...> class Row, class... I>
COFACTOR_INLINE bool counted(const Row<T, I...>& row) {
    for (size_t p = 0; p < row.size; p += lanes<T>)
        if (any<T>(row.counts_from(p) > 0)) return true;
    return false;
}

}  // namespace cofactor::COFACTOR_ISA
