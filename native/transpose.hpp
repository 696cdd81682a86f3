// Transpose rows into lanes, four by four.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
struct Quad;

template <>
struct Quad<float> {
    typedef float Vec __attribute__((vector_size(16)));
    typedef std::int32_t Int __attribute__((vector_size(16)));
};

template <>
struct Quad<double> {
    typedef double Vec __attribute__((vector_size(32)));
    typedef std::int64_t Int __attribute__((vector_size(32)));
};

#if defined(__clang__)
#define COFACTOR_SHUFFLE(T, a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define COFACTOR_SHUFFLE(T, a, b, i, j, k, l) \
    __builtin_shuffle(a, b, typename Quad<T>::Int{i, j, k, l})
#endif

// out[l * stride + j] = row j [l] - shift[l] for four rows and l < columns.
template <class T>
COFACTOR_INLINE void transpose_four(const T* const* rows, const T* shift, size_t columns, T* out,
                                    size_t stride) {
    using Four = typename Quad<T>::Vec;
    size_t l = 0;
    for (; l + 4 <= columns; l += 4) {
        Four r[4], offset;
        __builtin_memcpy(&offset, shift + l, sizeof offset);
        for (size_t j = 0; j < 4; ++j) {
            __builtin_memcpy(&r[j], rows[j] + l, sizeof r[j]);
            r[j] -= offset;
        }
        const Four low01 = COFACTOR_SHUFFLE(T, r[0], r[1], 0, 4, 1, 5);
        const Four high01 = COFACTOR_SHUFFLE(T, r[0], r[1], 2, 6, 3, 7);
        const Four low23 = COFACTOR_SHUFFLE(T, r[2], r[3], 0, 4, 1, 5);
        const Four high23 = COFACTOR_SHUFFLE(T, r[2], r[3], 2, 6, 3, 7);
        const Four column[4] = {
            COFACTOR_SHUFFLE(T, low01, low23, 0, 1, 4, 5),
            COFACTOR_SHUFFLE(T, low01, low23, 2, 3, 6, 7),
            COFACTOR_SHUFFLE(T, high01, high23, 0, 1, 4, 5),
            COFACTOR_SHUFFLE(T, high01, high23, 2, 3, 6, 7),
        };
        for (size_t j = 0; j < 4; ++j)
            __builtin_memcpy(out + (l + j) * stride, &column[j], sizeof column[j]);
    }
    for (; l < columns; ++l)
        for (size_t j = 0; j < 4; ++j) out[l * stride + j] = rows[j][l] - shift[l];
}

}  // namespace cofactor::COFACTOR_ISA
