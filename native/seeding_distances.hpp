// Squared distances of rows, in the precision of the data, that round the same wherever they are
// measured: pair by pair, or of rows that follow each other.
#pragma once

#include "across.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t few_columns = 3;  // that are sooner collected from all pairs than added across

// sum += a * a, rounded as it is in loops: nothing else is contracted with it.
template <class V>
COFACTOR_INLINE void add_square(V& sum, V a) {
    sum += a * a;
#if defined(__AVX512F__)
    asm("" : "+v"(sum));
#elif defined(__x86_64__)
    asm("" : "+x"(sum));
#elif defined(__aarch64__)
    asm("" : "+w"(sum));
#endif
}

// The squares of x - y, to be added up across; the last columns are filled up with zeros.
template <class T>
COFACTOR_INLINE Vec<T> squared_gaps(const T* x, const T* y, size_t d) {
    constexpr size_t step = lanes<T>;
    Vec<T> even{}, odd{};
    size_t l = 0;
    for (; l + 2 * step <= d; l += 2 * step) {
        add_square(even, load(x + l) - load(y + l));
        add_square(odd, load(x + l + step) - load(y + l + step));
    }
    for (; l < d; l += step) add_square(even, load_some(x + l, d - l) - load_some(y + l, d - l));
    return even + odd;
}

template <class T>
COFACTOR_INLINE Vec<T> distances_by_column(const T* const (&x)[lanes<T>],
                                           const T* const (&y)[lanes<T>], size_t d) {
    Vec<T> squares{};
    for (size_t l = 0; l < d; ++l) {
        Vec<T> gap{};
        for (size_t i = 0; i < lanes<T>; ++i) gap[i] = x[i][l] - y[i][l];
        squares += gap * gap;
    }
    return squares;
}

// |x_i - y_i|^2 of as many pairs as there are lanes; never inlined, so that it rounds the same
// everywhere, as it does in every lane.
template <class T>
[[gnu::noinline]] Vec<T> row_distances(const T* const (&x)[lanes<T>], const T* const (&y)[lanes<T>],
                                       size_t d) {
    if (d <= few_columns) return distances_by_column<T>(x, y, d);
    Vec<T> gaps[lanes<T>];
    for (size_t i = 0; i < lanes<T>; ++i) gaps[i] = squared_gaps(x[i], y[i], d);
    return sums_across<T>(gaps);
}

// The same of up to as many rows as there are lanes, that follow each other, and one point.
template <class T>
Vec<T> distances_from(const T* x, size_t count, const T* y, size_t d) {
    const T *rows[lanes<T>], *points[lanes<T>];
    for (size_t i = 0; i < lanes<T>; ++i) {
        rows[i] = x + smaller(i, count - 1) * d;
        points[i] = y;
    }
    return row_distances<T>(rows, points, d);
}

// What `squared_gaps` returns for so many whole vectors of columns, and perhaps some more.
template <class T, size_t whole, bool more>
COFACTOR_INLINE Vec<T> squared_gaps_of(const T* x, const T* y, size_t d) {
    constexpr size_t at = whole * lanes<T>;
    Vec<T> even{}, odd{};
    for (size_t v = 0; v < whole; ++v)
        add_square(v % 2 ? odd : even, load(x + v * lanes<T>) - load(y + v * lanes<T>));
    if constexpr (more) add_square(even, load_first(x + at, d - at) - load_first(y + at, d - at));
    return even + odd;
}

// Distances of a vector's rows, which follow each other, from a point: as `row_distances` for few
// columns,
template <class T>
struct Collected {
    COFACTOR_INLINE static Vec<T> distances(const T* x, const T* y, size_t d) {
        return distances_from(x, lanes<T>, y, d);
    }
};

// The same for rows of many columns,
template <class T>
struct Looped {
    COFACTOR_INLINE static Vec<T> distances(const T* x, const T* y, size_t d) {
        return sums_across<T, 0, lanes<T>>(
            [=](size_t i) { return squared_gaps(x + i * d, y, d); });
    }
};

// and for rows of so many whole vectors, and perhaps some more, without loops.
template <class T, size_t whole, bool more>
struct Unrolled {
    COFACTOR_INLINE static Vec<T> distances(const T* x, const T* y, size_t d) {
        return sums_across<T, 0, lanes<T>>([=](size_t i) {
            return squared_gaps_of<T, whole, more>(x + i * d, y, d);
        });
    }
};

}  // namespace cofactor::COFACTOR_ISA
