// Rows of counts that passes read where they are stored.
//
// Copying a row takes a fifth of a pass over it, and pays only where the row is read several times,
// or not as it is stored.
#pragma once

#include "counts.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

// Counts, from how they are stored.
template <class T>
COFACTOR_INLINE Vec<T> load_counts(const T* at) {
    return load(at);
}

#if !defined(__clang__)  // GCC would convert bytes one at a time
typedef char SixteenBytes __attribute__((vector_size(16)));
typedef long long TwoLongs __attribute__((vector_size(16)));
typedef short EightShorts __attribute__((vector_size(16)));
typedef std::int32_t FourWords __attribute__((vector_size(16)));

// As many bytes as there are lanes, and zeros; not through memory, where loads would wait for stores.
template <size_t count>
COFACTOR_INLINE SixteenBytes load_bytes(const std::uint8_t* at) {
    if constexpr (count == 16) {
        SixteenBytes bytes;
        __builtin_memcpy(&bytes, at, count);
        return bytes;
    } else {
        using Few = std::conditional_t<count == 2, std::uint16_t, std::uint32_t>;
        std::conditional_t<count == 8, std::uint64_t, Few> word;
        __builtin_memcpy(&word, at, count);
        return (SixteenBytes)TwoLongs{static_cast<long long>(word), 0};
    }
}

COFACTOR_INLINE FourWords four_words(SixteenBytes bytes) {
    const SixteenBytes none{};
    const auto shorts = (EightShorts)COFACTOR_SHUFFLE(
        SixteenBytes, bytes, none, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return (FourWords)COFACTOR_SHUFFLE(EightShorts, shorts, (EightShorts)none, 0, 8, 1, 9, 2, 10,
                                       3, 11);
}

// The first bytes as so many 32-bit numbers.
template <size_t count>
COFACTOR_INLINE auto words_of(SixteenBytes bytes) {
    if constexpr (count == 4) return four_words(bytes);
#if defined(__AVX2__)
    if constexpr (count == 8) return __builtin_ia32_pmovzxbd256(bytes);
#endif
#if defined(__AVX512F__)
    if constexpr (count == 16)
        return (Int<float>)__builtin_ia32_pmovzxbd512_mask(bytes, Int<float>{}, 0xffff);
#endif
}

template <class T>
COFACTOR_INLINE Vec<T> converted(SixteenBytes bytes) {
    if constexpr (lanes<T> == 2) {
        const FourWords words = four_words(bytes);
        return Vec<T>{static_cast<T>(words[0]), static_cast<T>(words[1])};
    } else {
        return __builtin_convertvector(words_of<lanes<T>>(bytes), Vec<T>);
    }
}
#endif

template <class T>
COFACTOR_INLINE Vec<T> load_counts(const std::uint8_t* at) {
#if defined(__clang__)
    Vec<T> counts;
    for (size_t i = 0; i < lanes<T>; ++i) counts[i] = static_cast<T>(at[i]);
    return counts;
#else
    return converted<T>(load_bytes<lanes<T>>(at));
#endif
}

// The first ones, and zeros; a whole vector of bytes is there to be read.
template <class T>
COFACTOR_INLINE Vec<T> first_counts(const T* at, size_t count) {
    return load_first(at, count);
}

template <class T>
COFACTOR_INLINE Vec<T> first_counts(const std::uint8_t* at, size_t count) {
    struct Edge {
        Lane<T> each[2 * lanes<T>];
    };
    static constexpr Edge edge = [] {
        Edge made{};
        for (size_t i = 0; i < lanes<T>; ++i) made.each[i] = -1;
        return made;
    }();
    Int<T> inside;
    __builtin_memcpy(&inside, edge.each + lanes<T> - count, sizeof inside);
    return (Vec<T>)((Int<T>)load_counts<T>(at) & inside);
}

// A row without offsets where it is stored. Its last vector, unless that is whole, has columns of
// the row that follows, with counts of zero.
template <class T, class I, class Count>
struct StoredRow {
    const I* columns;
    const I* last_columns;
    const Count* counts;
    const Count* last_counts;
    size_t whole;
    size_t stored;
    size_t size;

    COFACTOR_INLINE const I* columns_from(size_t p) const {
        return p < whole ? columns + p : last_columns;
    }
    COFACTOR_INLINE Vec<T> counts_from(size_t p) const {
        return p < whole ? load_counts<T>(counts + p) : first_counts<T>(last_counts, stored - p);
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
template <class T, class Stored>
class StoredRows {
    using I = std::decay_t<decltype(*Stored{}.indices)>;
    using Count = std::decay_t<decltype(*Stored{}.data)>;
    using Row = StoredRow<T, I, Count>;

public:
    explicit StoredRows(Stored X) : X_(X), end_(static_cast<size_t>(X.indptr[X.rows])) {}

    size_t rows() const { return X_.rows; }

    COFACTOR_INLINE Row open(size_t n) {
        return part(static_cast<size_t>(X_.indptr[n]), static_cast<size_t>(X_.indptr[n + 1]));
    }

    // Some entries of a row.
    COFACTOR_INLINE Row part(size_t begin, size_t end) {
        const size_t stored = end - begin, whole = stored / lanes<T> * lanes<T>;
        const size_t last = begin + whole;
        return {X_.indices + begin, whole_vector(X_.indices, last, last_columns_),
                X_.data + begin,    whole_vector(X_.data, last, last_counts_),
                whole,              stored,
                round_up(stored, lanes<T>)};
    }

private:
    // A vector of what is stored from an entry on, without reading beyond the last entry.
    template <class Entry>
    COFACTOR_INLINE const Entry* whole_vector(const Entry* all, size_t from,
                                              Entry (&copied)[lanes<T>]) {
        if (from + lanes<T> <= end_) return all + from;
        for (size_t i = 0; from + i < end_; ++i) copied[i] = all[from + i];
        return copied;
    }

    const Stored X_;
    const size_t end_;
    alignas(64) I last_columns_[lanes<T>] = {};
    alignas(64) Count last_counts_[lanes<T>] = {};
};

}  // namespace cofactor::COFACTOR_ISA
