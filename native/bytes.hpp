// Whole numbers of 8 bits, four to a word, and their products.
//
// They lie from 1 to 255, 128 standing for 0. Rows are multiplied as they lie, or with sign where
// processors have products of two numbers with sign; points always have their signs.
#pragma once

#include "words.hpp"

#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace cofactor::COFACTOR_ISA {

constexpr std::int32_t zero_bytes = static_cast<std::int32_t>(0x80808080);

#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)

// Four coordinates of a point that is multiplied with many rows.
struct PointQuad {
    explicit PointQuad(std::int32_t quad) : all(quad ^ zero_bytes) {}

    std::int32_t all;
};

#endif

#if defined(__AVX512VNNI__)

constexpr std::int32_t row_zero = 128;  // what stands for 0 where rows are multiplied

// Four coordinates of each of some rows.
struct RowQuads {
    COFACTOR_INLINE explicit RowQuads(Int<float> words) : all(words) {}

    COFACTOR_INLINE Int<float> add_products_with(PointQuad point, Int<float> x) const {
#if defined(__clang__)
        return (Int<float>)__builtin_ia32_vpdpbusd512(x, all, splat_int<float>(point.all));
#else
        return __builtin_ia32_vpdpbusd_v16si(x, all, splat_int<float>(point.all));
#endif
    }

    const Int<float> all;
};

#elif defined(__ARM_FEATURE_DOTPROD)

constexpr std::int32_t row_zero = 0;

struct RowQuads {
    COFACTOR_INLINE explicit RowQuads(Int<float> words)
        : all((int8x16_t)(words ^ splat_int<float>(zero_bytes))) {}

    COFACTOR_INLINE Int<float> add_products_with(PointQuad point, Int<float> x) const {
        return (Int<float>)vdotq_s32((int32x4_t)x, all, (int8x16_t)splat_int<float>(point.all));
    }

    const int8x16_t all;
};

#else

typedef unsigned short UnsignedShorts __attribute__((vector_size(vector_bytes)));

constexpr std::int32_t row_zero = 128;

// The first and third in 16 bits each, and the second and fourth.
struct PointQuad {
    explicit PointQuad(std::int32_t quad) {
        std::int8_t part[4];
        quad ^= zero_bytes;
        __builtin_memcpy(part, &quad, sizeof part);
        even = pair_of(part[0], part[2]);
        odd = pair_of(part[1], part[3]);
    }

    std::int32_t even, odd;
};

struct RowQuads {
    COFACTOR_INLINE explicit RowQuads(Int<float> words)
        : even(words & splat_int<float>(0x00ff00ff)),
          odd((Int<float>)((UnsignedShorts)words >> 8)) {}

    COFACTOR_INLINE Int<float> add_products_with(PointQuad point, Int<float> x) const {
        return add_products(add_products(x, even, splat_int<float>(point.even)), odd,
                            splat_int<float>(point.odd));
    }

    const Int<float> even, odd;
};

#endif

// What products with rows have too much: `row_zero` times the sum of the point's coordinates.
COFACTOR_INLINE std::int32_t surplus(std::int32_t quad) {
    std::int8_t part[4];
    quad ^= zero_bytes;
    __builtin_memcpy(part, &quad, sizeof part);
    return row_zero * (part[0] + part[1] + part[2] + part[3]);
}

}  // namespace cofactor::COFACTOR_ISA
