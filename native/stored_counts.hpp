// Rows of counts that passes read where they are stored.
//
// Copying a row takes a fifth of a pass over it, and pays only where the row is read several times,
// or not as it is stored.
#pragma once

#include "counts.hpp"

namespace cofactor::COFACTOR_ISA {

// A row without offsets where it is stored. Its last vector, unless that is whole, has columns of
// the row that follows, with counts of zero.
template <class T, class I>
struct StoredRow {
    const I* columns;
    const I* last_columns;
    const T* counts;
    size_t whole;
    size_t stored;
    size_t size;

    COFACTOR_INLINE const I* columns_from(size_t p) const {
        return p < whole ? columns + p : last_columns;
    }
    COFACTOR_INLINE Vec<T> counts_from(size_t p) const {
        return p < whole ? load(counts + p) : load_first(counts + p, stored - p);
    }
    COFACTOR_INLINE Vec<T> offsets_from(size_t) const { return Vec<T>{}; }

    // Ask for counts of the rows that follow, far enough ahead to come from memory meanwhile, and
    // such that caches forget them sooner than components, which are read again.
    COFACTOR_INLINE void ask(size_t p) const {
        constexpr size_t ahead = 768, line = 64;
        constexpr int to_read = 0, forgotten = 0;
        for (size_t i = 0; i < lanes<T> * sizeof(I); i += line)
            __builtin_prefetch(reinterpret_cast<const char*>(columns + p + ahead) + i, to_read,
                               forgotten);
        __builtin_prefetch(counts + p + ahead, to_read, forgotten);
    }
};

// Rows one at a time: each is there until the next one is opened.
template <class T, class I>
class StoredRows {
public:
    explicit StoredRows(Csr<T, I> X) : X_(X), end_(static_cast<size_t>(X.indptr[X.rows])) {}

    size_t rows() const { return X_.rows; }

    COFACTOR_INLINE StoredRow<T, I> open(size_t n) {
        return part(static_cast<size_t>(X_.indptr[n]), static_cast<size_t>(X_.indptr[n + 1]));
    }

    // Some entries of a row.
    COFACTOR_INLINE StoredRow<T, I> part(size_t begin, size_t end) {
        const size_t stored = end - begin, whole = stored / lanes<T> * lanes<T>;
        return {X_.indices + begin, last_columns(begin + whole), X_.data + begin,
                whole,              stored,                      round_up(stored, lanes<T>)};
    }

private:
    // A vector of columns from an entry on, without reading beyond the last entry.
    COFACTOR_INLINE const I* last_columns(size_t from) {
        if (from + lanes<T> <= end_) return X_.indices + from;
        for (size_t i = 0; from + i < end_; ++i) last_[i] = X_.indices[from + i];
        return last_;
    }

    const Csr<T, I> X_;
    const size_t end_;
    alignas(64) I last_[lanes<T>] = {};
};

}  // namespace cofactor::COFACTOR_ISA
