// Transpose rows into lanes, four by four.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

#if defined(__clang__)
#define COFACTOR_SHUFFLE(Int, a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define COFACTOR_SHUFFLE(Int, a, b, i, j, k, l) __builtin_shuffle(a, b, Int{i, j, k, l})
#endif

template <class T>
struct Quad;

// Each transposes by the shuffles that processors have: floats interleave within 16 bytes, doubles
// within each 16 bytes of 32.
template <>
struct Quad<float> {
    typedef float Vec __attribute__((vector_size(16)));
    typedef std::int32_t Int __attribute__((vector_size(16)));

    COFACTOR_INLINE static void transpose(const Vec (&r)[4], Vec (&column)[4]) {
        const Vec low01 = COFACTOR_SHUFFLE(Int, r[0], r[1], 0, 4, 1, 5);
        const Vec high01 = COFACTOR_SHUFFLE(Int, r[0], r[1], 2, 6, 3, 7);
        const Vec low23 = COFACTOR_SHUFFLE(Int, r[2], r[3], 0, 4, 1, 5);
        const Vec high23 = COFACTOR_SHUFFLE(Int, r[2], r[3], 2, 6, 3, 7);
        column[0] = COFACTOR_SHUFFLE(Int, low01, low23, 0, 1, 4, 5);
        column[1] = COFACTOR_SHUFFLE(Int, low01, low23, 2, 3, 6, 7);
        column[2] = COFACTOR_SHUFFLE(Int, high01, high23, 0, 1, 4, 5);
        column[3] = COFACTOR_SHUFFLE(Int, high01, high23, 2, 3, 6, 7);
    }
};

template <>
struct Quad<double> {
    typedef double Vec __attribute__((vector_size(32)));
    typedef std::int64_t Int __attribute__((vector_size(32)));

    COFACTOR_INLINE static void transpose(const Vec (&r)[4], Vec (&column)[4]) {
        const Vec even01 = COFACTOR_SHUFFLE(Int, r[0], r[1], 0, 4, 2, 6);
        const Vec odd01 = COFACTOR_SHUFFLE(Int, r[0], r[1], 1, 5, 3, 7);
        const Vec even23 = COFACTOR_SHUFFLE(Int, r[2], r[3], 0, 4, 2, 6);
        const Vec odd23 = COFACTOR_SHUFFLE(Int, r[2], r[3], 1, 5, 3, 7);
        column[0] = COFACTOR_SHUFFLE(Int, even01, even23, 0, 1, 4, 5);
        column[1] = COFACTOR_SHUFFLE(Int, odd01, odd23, 0, 1, 4, 5);
        column[2] = COFACTOR_SHUFFLE(Int, even01, even23, 2, 3, 6, 7);
        column[3] = COFACTOR_SHUFFLE(Int, odd01, odd23, 2, 3, 6, 7);
    }
};

template <class T>
COFACTOR_INLINE typename Quad<T>::Vec load_quad(const T* at) {
    typename Quad<T>::Vec value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

template <class T>
COFACTOR_INLINE void store_quad(T* at, typename Quad<T>::Vec value) {
    __builtin_memcpy(at, &value, sizeof value);
}

// out[l * stride + j] = row j [l] - shift[l] for four rows and l < columns.
template <class T>
COFACTOR_INLINE void transpose_four(const T* const* rows, const T* shift, size_t columns, T* out,
                                    size_t stride) {
    using Four = typename Quad<T>::Vec;
    size_t l = 0;
    for (; l + 4 <= columns; l += 4) {
        // One named vector a row: an array would pass through memory in halves.
        const Four offset = load_quad(shift + l);
        const Four r[4] = {load_quad(rows[0] + l) - offset, load_quad(rows[1] + l) - offset,
                           load_quad(rows[2] + l) - offset, load_quad(rows[3] + l) - offset};
        Four column[4];
        Quad<T>::transpose(r, column);
        store_quad(out + l * stride, column[0]);
        store_quad(out + (l + 1) * stride, column[1]);
        store_quad(out + (l + 2) * stride, column[2]);
        store_quad(out + (l + 3) * stride, column[3]);
    }
    for (; l < columns; ++l)
        for (size_t j = 0; j < 4; ++j) out[l * stride + j] = rows[j][l] - shift[l];
}

}  // namespace cofactor::COFACTOR_ISA
