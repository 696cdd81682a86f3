// Products of whole numbers of 16 bits, two to a word: exact, and twice as fast as those of floats.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

typedef short Shorts __attribute__((vector_size(vector_bytes)));

// x[i] + y[i] . z[i], where y and z hold two numbers of 16 bits each.
COFACTOR_INLINE Int<float> add_products(Int<float> x, Int<float> y, Int<float> z) {
#if defined(__AVX512VNNI__) && defined(__clang__)
    return (Int<float>)__builtin_ia32_vpdpwssd512((Int<float>)x, (Int<float>)y, (Int<float>)z);
#elif defined(__AVX512VNNI__)
    return __builtin_ia32_vpdpwssd_v16si(x, y, z);
#elif defined(__AVX2__)
    return x + (Int<float>)__builtin_ia32_pmaddwd256((Shorts)y, (Shorts)z);
#elif defined(__SSE2__)
    return x + (Int<float>)__builtin_ia32_pmaddwd128((Shorts)y, (Shorts)z);
#else
    return x + ((y << 16) >> 16) * ((z << 16) >> 16) + (y >> 16) * (z >> 16);
#endif
}

template <class Number>
COFACTOR_INLINE Int<float> load_words(const Number* at) {
    Int<float> words;
    __builtin_memcpy(&words, at, sizeof words);
    return words;
}

// The first words, at most a vector of them, and zeros.
COFACTOR_INLINE Int<float> load_some_words(const std::int32_t* at, size_t count) {
    if (count >= lanes<float>) return load_words(at);
    Int<float> words{};
#if defined(__AVX512F__)
    const auto mask = static_cast<unsigned short>((1u << count) - 1);
    return __builtin_ia32_loaddqusi512_mask(at, words, mask);
#else
    __builtin_memcpy(&words, at, count * sizeof(std::int32_t));
    return words;
#endif
}

COFACTOR_INLINE void store_words(std::int32_t* at, Int<float> words) {
    __builtin_memcpy(at, &words, sizeof words);
}

COFACTOR_INLINE std::int32_t pair_of(std::int16_t first, std::int16_t second) {
    return static_cast<std::int32_t>(static_cast<std::uint16_t>(first) |
                                     static_cast<std::uint32_t>(static_cast<std::uint16_t>(second))
                                         << 16);
}

}  // namespace cofactor::COFACTOR_ISA
