// Whole numbers of 8 bits without sign, four to a word, their gaps and products.
//
// Coordinates lie from 1 to 255, 128 standing for 0. Gaps above 127 may count as 127 in sums of
// squares: that is how numbers with and without sign can be multiplied, and bounds stay bounds.
#pragma once

#include "words.hpp"

namespace cofactor::COFACTOR_ISA {

typedef unsigned char Bytes __attribute__((vector_size(vector_bytes)));
typedef unsigned short UnsignedShorts __attribute__((vector_size(vector_bytes)));

constexpr std::int32_t zero_bytes = static_cast<std::int32_t>(0x80808080);

COFACTOR_INLINE Bytes most_bytes(Bytes x, Bytes y) { return x > y ? x : y; }
COFACTOR_INLINE Bytes least_bytes(Bytes x, Bytes y) { return x < y ? x : y; }

// The first and third byte of each word, and the second and fourth, in 16 bits.
COFACTOR_INLINE Int<float> even_bytes(Int<float> x) { return x & splat_int<float>(0x00ff00ff); }
COFACTOR_INLINE Int<float> odd_bytes(Int<float> x) {
    return (Int<float>)((UnsignedShorts)x >> 8);
}

// |y - z|, byte by byte.
COFACTOR_INLINE Int<float> gaps(Int<float> y, Int<float> z) {
    return (Int<float>)(most_bytes((Bytes)y, (Bytes)z) - least_bytes((Bytes)y, (Bytes)z));
}

// How far y lies below `low` or above `high`, byte by byte.
COFACTOR_INLINE Int<float> gaps_outside(Int<float> low, Int<float> high, Int<float> y) {
    return (Int<float>)(most_bytes((Bytes)low, (Bytes)y) - least_bytes((Bytes)high, (Bytes)y));
}

#if defined(__AVX512VNNI__)
// x[i] + <y[i], z[i]>: y without sign, z with it.
COFACTOR_INLINE Int<float> add_byte_products(Int<float> x, Int<float> y, Int<float> z) {
#if defined(__clang__)
    return (Int<float>)__builtin_ia32_vpdpbusd512(x, y, z);
#else
    return __builtin_ia32_vpdpbusd_v16si(x, y, z);
#endif
}
#endif

// x[i] + |y[i]|^2 for gaps y.
COFACTOR_INLINE Int<float> add_squares(Int<float> x, Int<float> y) {
#if defined(__AVX512VNNI__)
    const Int<float> small = (Int<float>)least_bytes((Bytes)y, (Bytes)splat_int<float>(0x7f7f7f7f));
    return add_byte_products(x, small, small);
#else
    const Int<float> even = even_bytes(y), odd = odd_bytes(y);
    return add_products(add_products(x, even, even), odd, odd);
#endif
}

// Four coordinates of a point that is multiplied with many rows: with sign, as products want them.
struct PointQuad {
#if defined(__AVX512VNNI__)
    explicit PointQuad(std::int32_t quad) : all(quad ^ zero_bytes) {}

    std::int32_t all;
#else
    explicit PointQuad(std::int32_t quad) {
        std::int8_t part[4];
        quad ^= zero_bytes;
        __builtin_memcpy(part, &quad, sizeof part);
        even = pair_of(part[0], part[2]);
        odd = pair_of(part[1], part[3]);
    }

    std::int32_t even, odd;
#endif
};

// Four coordinates of each of some rows.
struct RowQuads {
#if defined(__AVX512VNNI__)
    COFACTOR_INLINE explicit RowQuads(Int<float> words) : all(words) {}

    COFACTOR_INLINE Int<float> add_products_with(PointQuad point, Int<float> x) const {
        return add_byte_products(x, all, splat_int<float>(point.all));
    }

    const Int<float> all;
#else
    COFACTOR_INLINE explicit RowQuads(Int<float> words)
        : even(even_bytes(words)), odd(odd_bytes(words)) {}

    COFACTOR_INLINE Int<float> add_products_with(PointQuad point, Int<float> x) const {
        return add_products(add_products(x, even, splat_int<float>(point.even)), odd,
                            splat_int<float>(point.odd));
    }

    const Int<float> even, odd;
#endif
};

// What products with rows without sign have too much: 128 times the sum of the point's coordinates.
COFACTOR_INLINE std::int32_t surplus(std::int32_t quad) {
    std::int8_t part[4];
    quad ^= zero_bytes;
    __builtin_memcpy(part, &quad, sizeof part);
    return 128 * (part[0] + part[1] + part[2] + part[3]);
}

}  // namespace cofactor::COFACTOR_ISA
