// Transpose rows into lanes, four columns at a time.
#pragma once

#include <utility>

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

#if defined(__clang__)
#define COFACTOR_SHUFFLE(Int, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define COFACTOR_SHUFFLE(Int, a, b, ...) __builtin_shuffle(a, b, Int{__VA_ARGS__})
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

// Four floats each, side by side: quad(0), quad(1), ...
template <class Four>
COFACTOR_INLINE Vec<float> side_by_side(Four quad) {
#if defined(__AVX512F__) && !defined(__clang__)  // GCC would move each to a register of its own
    Vec<float> all = __builtin_ia32_ps512_ps(quad(0));
    all = __builtin_ia32_insertf32x4_mask(all, quad(1), 1, all, 0xffff);
    all = __builtin_ia32_insertf32x4_mask(all, quad(2), 2, all, 0xffff);
    return __builtin_ia32_insertf32x4_mask(all, quad(3), 3, all, 0xffff);
#elif defined(__AVX2__) && !defined(__clang__)
    return __builtin_ia32_vinsertf128_ps256(__builtin_ia32_ps256_ps(quad(0)), quad(1), 1);
#else
    Vec<float> all;
    for (size_t i = 0; i < lanes<float> / 4; ++i) {
        const Quad<float>::Vec four = quad(i);
        __builtin_memcpy(reinterpret_cast<float*>(&all) + 4 * i, &four, sizeof four);
    }
    return all;
#endif
}

// Entries of rows, less a shift.
template <class T>
struct ShiftedRows {
    const T* const* rows;
    const T* shift;

    COFACTOR_INLINE T one(size_t j, size_t l) const { return rows[j][l] - shift[l]; }
    COFACTOR_INLINE typename Quad<T>::Vec four(size_t j, size_t l) const {
        return load_quad(rows[j] + l) - load_quad(shift + l);
    }
    // Those of rows j, j + 4, ..., side by side.
    COFACTOR_INLINE Vec<float> quads(size_t j, size_t l) const {
        const Quad<float>::Vec less = load_quad(shift + l);
        return side_by_side([=](size_t i) { return load_quad(rows[j + 4 * i] + l); }) -
               side_by_side([=](size_t) { return less; });
    }
};

// Entries of rows that follow each other, d apart.
template <class T>
struct RowsInTurn {
    const T* x;
    size_t d;

    COFACTOR_INLINE T one(size_t j, size_t l) const { return x[j * d + l]; }
    COFACTOR_INLINE typename Quad<T>::Vec four(size_t j, size_t l) const {
        return load_quad(x + j * d + l);
    }
    // Those of rows j, j + 4, ..., side by side.
    COFACTOR_INLINE Vec<float> quads(size_t j, size_t l) const {
        return side_by_side([this, j, l](size_t i) { return four(j + 4 * i, l); });
    }
};

// Entries of rows of doubles as floats, less a shift and times a power of two.
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
    COFACTOR_INLINE Vec<float> quads(size_t j, size_t l) const {
        return side_by_side([this, j, l](size_t i) { return four(j + 4 * i, l); });
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

// How many rows are transposed together.
template <class T>
constexpr size_t rows_together = 4;

// out[l * stride + j] = entry l of row j, for rows_together rows and l < columns.
template <class T, class Rows>
COFACTOR_INLINE void transpose(const Rows& rows, size_t columns, T* out, size_t stride) {
    transpose_four(rows, columns, out, stride);
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define COFACTOR_JOINS_QUADS
#endif
#endif

#if defined(COFACTOR_JOINS_QUADS)
// Within every 16 bytes the entries of[0], ..., of[3] of a (0 to 3) and b (4 to 7).
template <size_t... of, size_t... i>
COFACTOR_INLINE Vec<float> pick(Vec<float> a, Vec<float> b, std::index_sequence<of...>,
                                std::index_sequence<i...>) {
    constexpr size_t from[4] = {of...};
    return __builtin_shufflevector(
        a, b, (i / 4 * 4 + from[i % 4] % 4 + from[i % 4] / 4 * lanes<float>)...);
}

template <size_t... of>
COFACTOR_INLINE Vec<float> pick(Vec<float> a, Vec<float> b) {
    return pick(a, b, std::index_sequence<of...>{}, std::make_index_sequence<lanes<float>>{});
}

template <>
constexpr size_t rows_together<float> = lanes<float>;

template <class Rows>
COFACTOR_INLINE void transpose(const Rows& rows, size_t columns, float* out, size_t stride) {
    size_t l = 0;
    for (; l + 4 <= columns; l += 4, out += 4 * stride) {
        const Vec<float> r[4] = {rows.quads(0, l), rows.quads(1, l), rows.quads(2, l),
                                 rows.quads(3, l)};
        const Vec<float> low01 = pick<0, 4, 1, 5>(r[0], r[1]);
        const Vec<float> high01 = pick<2, 6, 3, 7>(r[0], r[1]);
        const Vec<float> low23 = pick<0, 4, 1, 5>(r[2], r[3]);
        const Vec<float> high23 = pick<2, 6, 3, 7>(r[2], r[3]);
        store<float>(out, pick<0, 1, 4, 5>(low01, low23));
        store<float>(out + stride, pick<2, 3, 6, 7>(low01, low23));
        store<float>(out + 2 * stride, pick<0, 1, 4, 5>(high01, high23));
        store<float>(out + 3 * stride, pick<2, 3, 6, 7>(high01, high23));
    }
    for (; l < columns; ++l, out += stride)
        for (size_t j = 0; j < lanes<float>; ++j) out[j] = rows.one(j, l);
}
#endif

}  // namespace cofactor::COFACTOR_ISA
