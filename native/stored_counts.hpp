// Rows of counts that passes read where they are stored.
//
// Copying a row takes as long as a fifth of a pass over it, and pays only where the row is read
// several times, or not as it is stored.
#pragma once

#include "counts.hpp"

namespace cofactor::COFACTOR_ISA {

// The last vector of a row, filled up with counts of zero.
template <class T, class I>
struct LastCounts {
    alignas(64) I columns[lanes<T>];
    alignas(64) T counts[lanes<T>];
};

// A row without offsets where it is stored, but for a last vector that is not whole.
template <class T, class I>
struct StoredRow {
    const I* columns;
    const T* counts;
    const LastCounts<T, I>* last;
    size_t whole;
    size_t size;

    COFACTOR_INLINE const I* columns_from(size_t p) const {
        return p < whole ? columns + p : last->columns;
    }
    COFACTOR_INLINE Vec<T> counts_from(size_t p) const {
        return load(p < whole ? counts + p : last->counts);
    }
    COFACTOR_INLINE Vec<T> offsets_from(size_t) const { return Vec<T>{}; }

    // Ask for counts of the rows that follow, far enough ahead to come from memory meanwhile.
    COFACTOR_INLINE void ask(size_t p) const {
        constexpr size_t ahead = 768, line = 64;
        for (size_t i = 0; i < lanes<T> * sizeof(I); i += line)
            __builtin_prefetch(reinterpret_cast<const char*>(columns + p + ahead) + i);
        __builtin_prefetch(counts + p + ahead);
    }
};

// Rows one at a time: each is there until the next one is opened.
template <class T, class I>
class StoredRows {
public:
    explicit StoredRows(Csr<T, I> X) : X_(X) {}

    size_t rows() const { return X_.rows; }

    COFACTOR_INLINE StoredRow<T, I> open(size_t n) {
        const size_t begin = static_cast<size_t>(X_.indptr[n]);
        const size_t size = static_cast<size_t>(X_.indptr[n + 1]) - begin;
        const size_t whole = size / step * step;
        if (whole < size) fill_last(begin + whole, size - whole);
        return {X_.indices + begin, X_.data + begin, &last_, whole, round_up(size, step)};
    }

private:
    static constexpr size_t step = lanes<T>;

    COFACTOR_INLINE void fill_last(size_t from, size_t size) {
        store<T>(last_.counts, load_first(X_.data + from, size));
        for (size_t i = 0; i < step; ++i) last_.columns[i] = i < size ? X_.indices[from + i] : 0;
    }

    const Csr<T, I> X_;
    LastCounts<T, I> last_{};
};

}  // namespace cofactor::COFACTOR_ISA
