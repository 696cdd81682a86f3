// Pairs of numbers rounded to 16 bits (sign, exponent and 7 bits of fraction), and their products.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

#if defined(__AVX512F__) && (defined(__clang__) || __GNUC__ >= 11)
#define COFACTOR_BFLOATS

// Two numbers each, rounded; the first in the lower half.
template <class V>
COFACTOR_INLINE auto bfloat_pairs(V first, V second) {
    typedef std::uint32_t Words __attribute__((vector_size(sizeof(V))));
    constexpr std::uint32_t half_a_unit = 0x8000, upper = 0xffff0000;
    return (((Words)first + half_a_unit) >> 16) | (((Words)second + half_a_unit) & upper);
}

// sums += products of both numbers of each pair. The instruction is asked for by name, since not
// all processors that run the code around it have it: see `multiplies_bfloats`.
COFACTOR_INLINE Vec<float> add_bfloat_products(Vec<float> sums, Bits<float> a, Bits<float> b) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
}

#endif

}  // namespace cofactor::COFACTOR_ISA
