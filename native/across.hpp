// Sums across vectors: as many vectors as there are lanes become one, lane i the sum of vector i.
#pragma once

#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

// The shuffles that processors have: they interleave within 16 bytes, or move 16 bytes as one.
struct Shuffles {
    using Words = Vec<float>;
    using Pairs = Vec<double>;
    using WordPlaces = Int<float>;
    using PairPlaces = Int<double>;

#if defined(__AVX512F__)
    COFACTOR_INLINE static Words low_words(Words a, Words b) {
        return COFACTOR_SHUFFLE(WordPlaces, a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28,
                                13, 29);
    }
    COFACTOR_INLINE static Words high_words(Words a, Words b) {
        return COFACTOR_SHUFFLE(WordPlaces, a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14,
                                30, 15, 31);
    }
    COFACTOR_INLINE static Pairs low_pairs(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    }
    COFACTOR_INLINE static Pairs high_pairs(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 1, 9, 3, 11, 5, 13, 7, 15);
    }
    COFACTOR_INLINE static Pairs even_quads(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 0, 1, 4, 5, 8, 9, 12, 13);
    }
    COFACTOR_INLINE static Pairs odd_quads(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 2, 3, 6, 7, 10, 11, 14, 15);
    }
#elif defined(__AVX2__)
    COFACTOR_INLINE static Words low_words(Words a, Words b) {
        return COFACTOR_SHUFFLE(WordPlaces, a, b, 0, 8, 1, 9, 4, 12, 5, 13);
    }
    COFACTOR_INLINE static Words high_words(Words a, Words b) {
        return COFACTOR_SHUFFLE(WordPlaces, a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    }
    COFACTOR_INLINE static Pairs low_pairs(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 0, 4, 2, 6);
    }
    COFACTOR_INLINE static Pairs high_pairs(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 1, 5, 3, 7);
    }
    COFACTOR_INLINE static Pairs even_quads(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 0, 1, 4, 5);
    }
    COFACTOR_INLINE static Pairs odd_quads(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 2, 3, 6, 7);
    }
#else
    COFACTOR_INLINE static Words low_words(Words a, Words b) {
        return COFACTOR_SHUFFLE(WordPlaces, a, b, 0, 4, 1, 5);
    }
    COFACTOR_INLINE static Words high_words(Words a, Words b) {
        return COFACTOR_SHUFFLE(WordPlaces, a, b, 2, 6, 3, 7);
    }
    COFACTOR_INLINE static Pairs low_pairs(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 0, 2);
    }
    COFACTOR_INLINE static Pairs high_pairs(Pairs a, Pairs b) {
        return COFACTOR_SHUFFLE(PairPlaces, a, b, 1, 3);
    }
#endif
};

template <class T>
COFACTOR_INLINE Vec<T> added_quads(Vec<T> a, Vec<T> b) {
#if defined(__AVX2__)
    const Vec<double> first = (Vec<double>)a, second = (Vec<double>)b;
    return (Vec<T>)Shuffles::even_quads(first, second) + (Vec<T>)Shuffles::odd_quads(first, second);
#else
    return a + b;
#endif
}

// Sums within each 16 bytes: of four vectors of words, of two of doubles.
template <class V>
COFACTOR_INLINE V within_quads(const V* v) {
    const auto both = [](V y, V z) {
        const Vec<float> first = (Vec<float>)y, second = (Vec<float>)z;
        return (V)Shuffles::low_words(first, second) + (V)Shuffles::high_words(first, second);
    };
    const Vec<double> first = (Vec<double>)both(v[0], v[1]), second = (Vec<double>)both(v[2], v[3]);
    return (V)Shuffles::low_pairs(first, second) + (V)Shuffles::high_pairs(first, second);
}

COFACTOR_INLINE Vec<double> within_quads(const Vec<double>* v) {
    return Shuffles::low_pairs(v[0], v[1]) + Shuffles::high_pairs(v[0], v[1]);
}

// Lane i of the result, of `count` lanes: the sum of vector(first + i).
template <class T, size_t first, size_t count, class Vector>
COFACTOR_INLINE Vec<T> sums_across(Vector vector) {
    constexpr size_t quad = 16 / sizeof(T), half = count / 2;
    if constexpr (count == quad) {
        Vec<T> v[quad];
        for (size_t i = 0; i < quad; ++i) v[i] = vector(first + i);
        return within_quads(v);
    } else {
        const Vec<T> low = sums_across<T, first, half>(vector);
        return added_quads<T>(low, sums_across<T, first + half, half>(vector));
    }
}

template <class T>
COFACTOR_INLINE Vec<T> sums_across(const Vec<T> (&v)[lanes<T>]) {
    return sums_across<T, 0, lanes<T>>([&v](size_t i) { return v[i]; });
}

#if defined(__AVX512F__)
// Lane i: the sum of half(i), a vector half as wide. Two of them, four apart, share a whole one.
template <class Half>
COFACTOR_INLINE Vec<float> sums_across_halves(Half half) {
    Vec<float> both[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; ++i) {
        const size_t first = i / 4 * 8 + i % 4;
        both[i] = joined(half(first), half(first + 4));
    }
    return added_quads<float>(within_quads(both), within_quads(both + 4));
}
#endif

}  // namespace cofactor::COFACTOR_ISA
