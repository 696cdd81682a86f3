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

// Entries of four rows, less a shift.
template <class T>
struct ShiftedRows {
    const T* const* rows;
    const T* shift;

    COFACTOR_INLINE T one(size_t j, size_t l) const { return rows[j][l] - shift[l]; }
    COFACTOR_INLINE typename Quad<T>::Vec four(size_t j, size_t l) const {
        return load_quad(rows[j] + l) - load_quad(shift + l);
    }
};

// Entries of four rows of doubles as floats, less a shift and times a power of two.
struct NarrowedRows {
    const double* const* rows;
    const double* shift;
    double scale;

    COFACTOR_INLINE float one(size_t j, size_t l) const {
        return static_cast<float>((rows[j][l] - shift[l]) * scale);
    }
    COFACTOR_INLINE Quad<float>::Vec four(size_t j, size_t l) const {
        const Quad<double>::Vec wide = (load_quad(rows[j] + l) - load_quad(shift + l)) * scale;
        return __builtin_convertvector(wide, Quad<float>::Vec);
    }
};

// out[l * stride + j] = entry l of row j, for four rows and l < columns.
template <class T, class Rows>
COFACTOR_INLINE void transpose_four(Rows rows, size_t columns, T* out, size_t stride) {
    using Four = typename Quad<T>::Vec;
    size_t l = 0;
    for (; l + 4 <= columns; l += 4) {
        // Rows at once: an array filled in a loop would pass through memory in halves.
        const Four r[4] = {rows.four(0, l), rows.four(1, l), rows.four(2, l), rows.four(3, l)};
        Four column[4];
        Quad<T>::transpose(r, column);
        store_quad(out + l * stride, column[0]);
        store_quad(out + (l + 1) * stride, column[1]);
        store_quad(out + (l + 2) * stride, column[2]);
        store_quad(out + (l + 3) * stride, column[3]);
    }
    for (; l < columns; ++l)
        for (size_t j = 0; j < 4; ++j) out[l * stride + j] = rows.one(j, l);
}

}  // namespace cofactor::COFACTOR_ISA
