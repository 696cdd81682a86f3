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

// As many rows as there are lanes, which follow each other, and their distances from points: as
// `row_distances` for few columns,
template <class T>
struct Collected {
    COFACTOR_INLINE Collected(const T* x, size_t d) : d(d) {
        for (size_t l = 0; l < d; ++l)
            for (size_t i = 0; i < lanes<T>; ++i) column[l][i] = x[i * d + l];
    }

    COFACTOR_INLINE Vec<T> to(const T* y) const {
        Vec<T> squares{};
        for (size_t l = 0; l < d; ++l) {
            const Vec<T> gap = column[l] - y[l];
            squares += gap * gap;
        }
        return squares;
    }

    const size_t d;
    Vec<T> column[few_columns];
};

// for so many blocks of 16 bytes of columns, no more than a vector, with a lane for each row,
template <class T, size_t blocks>
struct ByColumn {
    COFACTOR_INLINE ByColumn(const T* x, size_t d) : d(d) {
        T packed[columns * lanes<T>];
        for (size_t l = d; l < columns; ++l) store(packed + l * lanes<T>, Vec<T>{});
        for (size_t i = 0; i < lanes<T>; i += rows_together<T>)
            transpose(RowsInTurn<T>{x + i * d, d}, d, packed + i, lanes<T>);
        for (size_t l = 0; l < columns; ++l) column[l] = load(packed + l * lanes<T>);
    }

    COFACTOR_INLINE Vec<T> to(const T* y) const {
        if (d == columns) return total<0, lanes<T> / block>(y);
        T filled[columns]{};
        __builtin_memcpy(filled, y, d * sizeof(T));
        return total<0, lanes<T> / block>(filled);
    }

private:
    static constexpr size_t block = 16 / sizeof(T), columns = blocks * block;

    // The sums of `count` blocks, in the order of `sums_across`.
    template <size_t first, size_t count>
    COFACTOR_INLINE Vec<T> total(const T* y) const {
        constexpr size_t half = count / 2;
        if constexpr (count == 1)
            return within<first * block>(y);
        else if constexpr (first + half >= blocks)
            return total<first, half>(y);
        else
            return total<first, half>(y) + total<first + half, half>(y);
    }

    template <size_t l>
    COFACTOR_INLINE Vec<T> within(const T* y) const {
        if constexpr (block == 2)
            return square(l, y) + square(l + 1, y);
        else
            return (square(l, y) + square(l + 2, y)) + (square(l + 1, y) + square(l + 3, y));
    }

    COFACTOR_INLINE Vec<T> square(size_t l, const T* y) const {
        Vec<T> sum{};
        add_square(sum, column[l] - y[l]);
        return sum;
    }

    const size_t d;
    Vec<T> column[columns];
};

// for more columns,
template <class T>
struct Looped {
    COFACTOR_INLINE Vec<T> to(const T* y) const {
        return sums_across<T, 0, lanes<T>>([=](size_t i) { return squared_gaps(x + i * d, y, d); });
    }

    const T* x;
    size_t d;
};

// and for so many whole vectors of columns, and perhaps some more, without loops.
template <class T, size_t whole, bool more>
struct Unrolled {
    COFACTOR_INLINE Vec<T> to(const T* y) const {
        return sums_across<T, 0, lanes<T>>(
            [=](size_t i) { return squared_gaps_of<T, whole, more>(x + i * d, y, d); });
    }

    const T* x;
    size_t d;
};

// Fewer rows than there are lanes.
template <class T>
struct Some {
    COFACTOR_INLINE Vec<T> to(const T* y) const { return distances_from(x, count, y, d); }

    const T* x;
    size_t count, d;
};

}  // namespace cofactor::COFACTOR_ISA
