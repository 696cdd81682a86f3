// exp, log and roots of whole vectors.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

// exp(x) for x <= 0, within 2 units in the last place; zero where the result would be subnormal.
COFACTOR_INLINE Vec<double> exp_nonpositive(Vec<double> x) {
    const Vec<double> least = splat(-708.0);
    const Vec<double> inside = at_least(x, least);
    // Adding 1.5 * 2^52 rounds to an integer and leaves it in the lowest bits.
    const Vec<double> magic = splat(6755399441055744.0);
    const Vec<double> shifted = inside * 1.4426950408889634 + magic;
    const Vec<double> power = shifted - magic;
    // log(2) in two parts, the first short enough for exact products
    const Vec<double> r =
        (inside - power * 0.693147180369123816490) - power * 1.90821492927058770002e-10;
    // Taylor's series: the remainder at |r| <= log(2) / 2 is below 1e-17.
    constexpr double inverse_factorial[] = {
        1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
        1.0 / 40320.0,      1.0 / 5040.0,      1.0 / 720.0,      1.0 / 120.0,     1.0 / 24.0,
        1.0 / 6.0,          0.5,               1.0,              1.0};
    Vec<double> series = splat(inverse_factorial[0]);
    for (size_t i = 1; i < 14; ++i) series = series * r + inverse_factorial[i];
    const Int<double> exponent = ((Int<double>)shifted) << 52;
    const Vec<double> value = (Vec<double>)(((Int<double>)series) + exponent);
    return x < least ? Vec<double>{} : value;
}

// The parts of a positive normal number: x = 2^power * (1 + fraction), with 1 + fraction in
// [1/sqrt(2), sqrt(2)).
template <class T>
struct Binary;

template <>
struct Binary<float> {
    static constexpr int mantissa_bits = 23;
    static constexpr std::int32_t one = 0x3f800000;
    static constexpr std::int32_t sqrt_half = 0x3f3504f3;
    static constexpr float magic = 12582912.0f;
    static constexpr std::int32_t magic_bits = 0x4b400000;
    // 2 atanh(s) = s (2 + s^2 (c_n + ...)); to 1e-9 for |s| <= 0.1716
    static constexpr float atanh[] = {0.2222222222f, 0.2857142857f, 0.4f, 0.6666666667f};
};

template <>
struct Binary<double> {
    static constexpr int mantissa_bits = 52;
    static constexpr std::int64_t one = 0x3ff0000000000000;
    static constexpr std::int64_t sqrt_half = 0x3fe6a09e667f3bcd;
    static constexpr double magic = 6755399441055744.0;
    static constexpr std::int64_t magic_bits = 0x4338000000000000;
    // to 2^-58, from fdlibm (Sun Microsystems, 1993)
    static constexpr double atanh[] = {1.479819860511658591e-01, 1.531383769920937332e-01,
                                       1.818357216161805012e-01, 2.222219843214978396e-01,
                                       2.857142874366239149e-01, 3.999999999940941908e-01,
                                       6.666666666666735130e-01};
};

// log(x) of positive normal numbers, within a few units in the last place.
template <class T>
COFACTOR_INLINE Vec<T> log_positive(Vec<T> x) {
    using B = Binary<T>;
    // Unsigned, because shifting signed 64-bit lanes is slow before AVX-512.
    const Bits<T> moved = (Bits<T>)(((Int<T>)x) + (B::one - B::sqrt_half));
    const Int<T> power = (Int<T>)(moved >> B::mantissa_bits) - (B::one >> B::mantissa_bits);
    const Vec<T> mantissa = (Vec<T>)(((Int<T>)x) - (power << B::mantissa_bits));
    const Vec<T> exponent = ((Vec<T>)(power + B::magic_bits)) - B::magic;
    const Vec<T> fraction = mantissa - T{1};
    const Vec<T> s = fraction / (fraction + T{2});
    const Vec<T> square = s * s;
    Vec<T> series = splat(B::atanh[0]);
    for (size_t i = 1; i < sizeof(B::atanh) / sizeof(T); ++i)
        series = series * square + B::atanh[i];
    const Vec<T> natural = s * T{2} + s * square * series;
    return exponent * static_cast<T>(0.693147180559945309417) + natural;
}

// The same for sums of many, where an error of 5e-8 beside that of rounding does not count.
template <class T>
COFACTOR_INLINE Vec<T> log_summand(Vec<T> x) {
    return log_positive<T>(x);
}

#if defined(__AVX2__) && !defined(__clang__)
// x = 2^power * mantissa, with the mantissa in [1, 2).
struct Split {
    Vec<float> power, mantissa;
};

COFACTOR_INLINE Split split(Vec<float> x) {
#if defined(__AVX512F__)
    constexpr int as_set = 4, from_one = 0;
    return {__builtin_ia32_getexpps512_mask(x, Vec<float>{}, 0xffff, as_set),
            __builtin_ia32_getmantps512_mask(x, from_one, Vec<float>{}, 0xffff, as_set)};
#else
    using B = Binary<float>;
    const Int<float> power = (Int<float>)((Bits<float>)x >> B::mantissa_bits) + B::magic_bits;
    const Int<float> mantissa = (Int<float>)x & ((1 << B::mantissa_bits) - 1);
    return {(Vec<float>)power - (B::magic + 127.0f), (Vec<float>)(mantissa | B::one)};
#endif
}

// Eight numbers, over and over: processors look such tables up in one instruction.
COFACTOR_INLINE Vec<float> repeated(const float (&table)[8]) {
    Vec<float> all;
    for (size_t i = 0; i < lanes<float>; ++i) all[i] = table[i % 8];
    return all;
}

// About the center c of the mantissa's eighth of [1, 2): log(c) + log(1 + r), with r = m/c - 1. The
// table has numbers near 1/c whose logarithms are closest to floats.
template <>
COFACTOR_INLINE Vec<float> log_summand<float>(Vec<float> x) {
    constexpr float inverse[] = {0.9411765f,  0.84210527f, 0.7619166f, 0.69566405f,
                                 0.63998806f, 0.5925926f,  0.551736f,  0.5161293f};
    constexpr float center[] = {0.060624618f, 0.17185025f, 0.2719182f, 0.36288843f,
                                0.44630575f,  0.52324814f, 0.5946856f, 0.66139793f};
    const Split parts = split(x);
    const Int<float> eighth = (Int<float>)((Bits<float>)x >> (Binary<float>::mantissa_bits - 3));
    const Vec<float> r = parts.mantissa * __builtin_shuffle(repeated(inverse), eighth) - 1.0f;
    // log(1 + r) to 2e-8 for |r| <= 1/16.9
    const Vec<float> series = (r * -0.25088023f + 0.33393614f) * r - 0.49999895f;
    const Vec<float> whole =
        parts.power * 0.693147180559945309417f + __builtin_shuffle(repeated(center), eighth);
    return r * (r * series + 1.0f) + whole;
}
#endif

COFACTOR_INLINE float root(float x) { return __builtin_sqrtf(x); }
COFACTOR_INLINE double root(double x) { return __builtin_sqrt(x); }

// Square roots of a vector; through memory, where compilers see that lanes are alike.
template <class T>
COFACTOR_INLINE Vec<T> roots(Vec<T> values) {
    alignas(64) T each[lanes<T>];
    store<T>(each, values);
    for (size_t i = 0; i < lanes<T>; ++i) each[i] = root(each[i]);
    return load(each);
}

}  // namespace cofactor::COFACTOR_ISA
