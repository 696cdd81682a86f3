// Vectors as wide as the instruction set at hand, from the compilers' vector extensions.
//
// Every header that is compiled for several instruction sets puts all it defines into the
// namespace of the one at hand, and calls no inline library function.
#pragma once

#include <new>

#include "kernels.hpp"

namespace cofactor::COFACTOR_ISA {

#if defined(__AVX512F__)
constexpr size_t vector_bytes = 64;
#elif defined(__AVX2__)
constexpr size_t vector_bytes = 32;
#else
constexpr size_t vector_bytes = 16;
#endif

#define COFACTOR_INLINE [[gnu::always_inline]] inline
#define COFACTOR_INLINED __attribute__((always_inline))  // of a lambda

template <class T>
struct Simd;

template <>
struct Simd<float> {
    typedef float Vec __attribute__((vector_size(vector_bytes)));
    typedef std::int32_t Int __attribute__((vector_size(vector_bytes)));
    typedef std::uint32_t Bits __attribute__((vector_size(vector_bytes)));
    using Lane = std::int32_t;
};

template <>
struct Simd<double> {
    typedef double Vec __attribute__((vector_size(vector_bytes)));
    typedef std::int64_t Int __attribute__((vector_size(vector_bytes)));
    typedef std::uint64_t Bits __attribute__((vector_size(vector_bytes)));
    using Lane = std::int64_t;
};

template <>
struct Simd<std::int32_t> {
    using Vec = Simd<float>::Int;
};

template <class T>
using Vec = typename Simd<T>::Vec;
template <class T>
using Int = typename Simd<T>::Int;  // as wide as T: masks, bits and component indices
template <class T>
using Bits = typename Simd<T>::Bits;
template <class T>
using Lane = typename Simd<T>::Lane;
template <class T>
constexpr size_t lanes = vector_bytes / sizeof(T);

template <class T>
constexpr T infinity = static_cast<T>(__builtin_inf());
template <class T>
constexpr T not_a_number = static_cast<T>(__builtin_nan(""));

template <class T>
COFACTOR_INLINE Vec<T> splat(T value) {
    return Vec<T>{} + value;
}

template <class T>
COFACTOR_INLINE Int<T> splat_int(Lane<T> value) {
    return Int<T>{} + value;
}

template <class T>
COFACTOR_INLINE Vec<T> load(const T* at) {
    Vec<T> value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

#if defined(__AVX512F__)
COFACTOR_INLINE Vec<float> load_first(const float* at, size_t count) {
    const auto mask = static_cast<unsigned short>((1u << count) - 1);
    return __builtin_ia32_loadups512_mask(at, Vec<float>{}, mask);
}
COFACTOR_INLINE Vec<double> load_first(const double* at, size_t count) {
    const auto mask = static_cast<unsigned char>((1u << count) - 1);
    return __builtin_ia32_loadupd512_mask(at, Vec<double>{}, mask);
}
#elif defined(__AVX2__)
COFACTOR_INLINE Vec<float> load_first(const float* at, size_t count) {
    const Int<float> places = {0, 1, 2, 3, 4, 5, 6, 7};
    return __builtin_ia32_maskloadps256((const Vec<float>*)at,
                                        places < splat_int<float>(static_cast<int>(count)));
}
COFACTOR_INLINE Vec<double> load_first(const double* at, size_t count) {
    typedef long long Places __attribute__((vector_size(32)));
    const Places places = {0, 1, 2, 3};
    return __builtin_ia32_maskloadpd256((const Vec<double>*)at,
                                        places < static_cast<long long>(count));
}
#else
template <class T>
COFACTOR_INLINE Vec<T> load_first(const T* at, size_t count) {
    Vec<T> value{};
    for (size_t i = 0; i + 1 < lanes<T>; ++i)
        if (i < count) value[i] = at[i];
    return value;
}
#endif

// The first numbers, at most a vector of them, and zeros.
template <class T>
COFACTOR_INLINE Vec<T> load_some(const T* at, size_t count) {
    return count >= lanes<T> ? load(at) : load_first(at, count);
}

template <class T>
COFACTOR_INLINE void store(T* at, Vec<T> value) {
    __builtin_memcpy(at, &value, sizeof value);
}

#if defined(__AVX512F__)
COFACTOR_INLINE void store_first(float* at, Vec<float> value, size_t count) {
    __builtin_ia32_storeups512_mask(at, value, static_cast<unsigned short>((1u << count) - 1));
}
COFACTOR_INLINE void store_first(double* at, Vec<double> value, size_t count) {
    __builtin_ia32_storeupd512_mask(at, value, static_cast<unsigned char>((1u << count) - 1));
}
#else
template <class T>
COFACTOR_INLINE void store_first(T* at, Vec<T> value, size_t count) {
    for (size_t i = 0; i + 1 < lanes<T>; ++i)
        if (i < count) at[i] = value[i];
}
#endif

// Store the first numbers, at most a vector of them.
template <class T>
COFACTOR_INLINE void store_some(T* at, Vec<T> value, size_t count) {
    if (count >= lanes<T>)
        store<T>(at, value);
    else
        store_first(at, value, count);
}

#if defined(__AVX512F__)
typedef float HalfVec __attribute__((vector_size(vector_bytes / 2)));

COFACTOR_INLINE HalfVec load_half(const float* at) {
    HalfVec value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

#if defined(__clang__)
COFACTOR_INLINE Vec<float> joined(HalfVec low, HalfVec high) {
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
template <int part>
COFACTOR_INLINE HalfVec half_of(Vec<float> value) {
    constexpr int i = 8 * part;
    return __builtin_shufflevector(value, value, i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7);
}
#else  // GCC would pass through memory
COFACTOR_INLINE Vec<float> joined(HalfVec low, HalfVec high) {
    const Vec<float> first = __builtin_ia32_ps512_256ps(low);
    return __builtin_ia32_insertf32x8_mask(first, high, 1, first, 0xffff);
}
template <int part>
COFACTOR_INLINE HalfVec half_of(Vec<float> value) {
    return __builtin_ia32_extractf32x8_mask(value, part, HalfVec{}, 0xff);
}
#endif
#endif

template <class V>
COFACTOR_INLINE V at_least(V value, V limit) {
    return value > limit ? value : limit;
}

template <class T>
COFACTOR_INLINE bool any(Int<T> mask) {
#if defined(__AVX2__)
    typedef long long Half __attribute__((vector_size(32)));
    Half parts[vector_bytes / sizeof(Half)], seen{};
    __builtin_memcpy(parts, &mask, sizeof parts);
    for (const Half part : parts) seen |= part;
    return !__builtin_ia32_ptestz256(seen, seen);
#else
    std::int64_t parts[vector_bytes / sizeof(std::int64_t)], seen = 0;
    __builtin_memcpy(parts, &mask, sizeof parts);
    for (const std::int64_t part : parts) seen |= part;
    return seen != 0;
#endif
}

// Whether any lane is below a limit.
template <class T>
COFACTOR_INLINE bool any_below(Vec<T> value, T limit) {
#if defined(__AVX512F__)
    constexpr int less = 1, as_set = 4;
    if constexpr (sizeof(T) == sizeof(float))
        return __builtin_ia32_cmpps512_mask(value, splat(limit), less, 0xffff, as_set);
    else
        return __builtin_ia32_cmppd512_mask(value, splat(limit), less, 0xff, as_set);
#else
    return any<T>(value < limit);
#endif
}

// Bit i: whether lane i of a mask is set.
COFACTOR_INLINE std::uint32_t bits_of(Int<float> mask) {
#if defined(__AVX512DQ__)
    return static_cast<std::uint16_t>(__builtin_ia32_cvtd2mask512(mask));
#elif defined(__AVX2__)
    return static_cast<std::uint32_t>(__builtin_ia32_movmskps256((Vec<float>)mask));
#elif defined(__SSE2__)
    return static_cast<std::uint32_t>(__builtin_ia32_movmskps((Vec<float>)mask));
#else
    std::uint32_t bits = 0;
    for (size_t i = 0; i < lanes<float>; ++i)
        bits |= static_cast<std::uint32_t>(mask[i] & 1) << i;
    return bits;
#endif
}

// Bit i: whether lane i of x is at least that of y.
COFACTOR_INLINE std::uint32_t bits_at_least(Int<float> x, Int<float> y) {
#if defined(__AVX512F__)
    constexpr int not_less = 5;
    return static_cast<std::uint16_t>(__builtin_ia32_cmpd512_mask(x, y, not_less, 0xffff));
#else
    return bits_of(x >= y);
#endif
}

template <class Visit>
COFACTOR_INLINE void for_each_bit(std::uint64_t bits, Visit visit) {
    for (; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(__builtin_ctzll(bits)));
}

template <class T>
COFACTOR_INLINE double sum(Vec<T> value) {
    double total = 0;
    for (size_t i = 0; i < lanes<T>; ++i) total += static_cast<double>(value[i]);
    return total;
}

// Sum term(0) ... term(n - 1) in float64: eight running sums, so that the order is the same for
// every instruction set and yet leaves the compiler vectors to use.
template <class Term>
COFACTOR_INLINE double sum_of(size_t n, Term term) {
    constexpr size_t width = 8;
    double part[width] = {};
    size_t i = 0;
    for (; i + width <= n; i += width)
        for (size_t j = 0; j < width; ++j) part[j] += term(i + j);
    for (; i < n; ++i) part[i % width] += term(i);
    return ((part[0] + part[4]) + (part[2] + part[6])) +
           ((part[1] + part[5]) + (part[3] + part[7]));
}

COFACTOR_INLINE constexpr size_t round_up(size_t n, size_t step) {
    return (n + step - 1) / step * step;
}

template <size_t value>
struct Constant {
    COFACTOR_INLINE constexpr operator size_t() const { return value; }
};

template <class N>
COFACTOR_INLINE constexpr N smaller(N a, N b) {
    return b < a ? b : a;
}

template <class N>
COFACTOR_INLINE constexpr N larger(N a, N b) {
    return a < b ? b : a;
}

// Ask for the bytes from an address on, to be read soon. Functions that do nothing else must be
// inlined: compilers take them to have no effect, and leave out calls.
COFACTOR_INLINE void fetch(const void* at, size_t bytes) {
    constexpr size_t line = 64;
    const char* const first = static_cast<const char*>(at);
    for (size_t i = 0; i < bytes; i += line) __builtin_prefetch(first + i);
    __builtin_prefetch(first + bytes - 1);  // of a line that began elsewhere
}

// Uninitialised memory for one call, aligned for every vector.
template <class T>
class Scratch {
public:
    explicit Scratch(size_t size)
        : data_(static_cast<T*>(::operator new(size * sizeof(T), alignment))) {}
    ~Scratch() { ::operator delete(data_, alignment); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    COFACTOR_INLINE operator T*() const { return data_; }

private:
    static constexpr std::align_val_t alignment{64};
    T* data_;
};

}  // namespace cofactor::COFACTOR_ISA
