// Rows against the few components near them, rather than against all.
//
// Components are searched for in float32: less a shift, times a scale, padded with zeros to whole
// cache lines, and in an order of places that puts neighbours side by side. What is found are
// proposals, to be judged in float64 (hartigan.hpp); so rounding may hide a move, but make none.
#pragma once

#include <type_traits>

#include "narrow.hpp"
#include "pieces.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t line_floats = 16;  // in a cache line

template <class T>
COFACTOR_INLINE auto narrow_rows(Matrix<const T> X, const T* shift, double scale) {
    if constexpr (sizeof(T) == sizeof(float))
        return PlainRows<float>{X, shift};  // the scale is 1
    else
        return NarrowRows{X, shift, scale};
}

template <class T>
using NarrowRowsOf = decltype(narrow_rows(Matrix<const T>{}, static_cast<const T*>(nullptr), 1.0));

// out[l] = entry l of a row as it is searched for; beyond the columns of the data zero.
template <class Rows>
COFACTOR_INLINE void narrow_row(const Rows& rows, size_t n, float* out, size_t padded) {
    const size_t d = rows.X.columns;
    decltype(rows.X.data) row[] = {rows.X.data + n * d};
    const auto entries = rows.entries(row);
    for (size_t l = 0; l < d; ++l) out[l] = entries.one(0, l);
    for (size_t l = d; l < padded; ++l) out[l] = 0;
}

// The sum of 4, 8 or 16 lanes, halves first.
struct Halves {
    typedef float Four __attribute__((vector_size(16)));
    typedef float Eight __attribute__((vector_size(32)));
};

COFACTOR_INLINE float folded(Halves::Four value) {
    return (value[0] + value[2]) + (value[1] + value[3]);
}

template <class V>
COFACTOR_INLINE float folded(V value) {
    using Half = std::conditional_t<sizeof(V) == 64, Halves::Eight, Halves::Four>;
    Half halves[2];
    __builtin_memcpy(halves, &value, sizeof value);
    return folded(halves[0] + halves[1]);
}

COFACTOR_INLINE double squared_distance(const float* x, const float* e, size_t padded) {
    constexpr size_t parts = line_floats / lanes<float>;
    Vec<float> squares[parts] = {};
    for (size_t l = 0; l < padded; l += line_floats)
        for (size_t i = 0; i < parts; ++i) {
            const Vec<float> residual =
                load(x + l + i * lanes<float>) - load(e + l + i * lanes<float>);
            squares[i] += residual * residual;
        }
    for (size_t i = 1; i < parts; ++i) squares[0] += squares[i];
    return static_cast<double>(folded(squares[0]));
}

COFACTOR_INLINE double squared_norm(const float* x, size_t padded) {
    Vec<float> squares{};
    for (size_t l = 0; l < padded; l += lanes<float>) squares += load(x + l) * load(x + l);
    return static_cast<double>(folded(squares));
}

// The size of pieces that a stage has at most `most` of.
COFACTOR_INLINE size_t size_of_pieces(size_t count, size_t most) {
    return larger<size_t>(1, (count + most - 1) / most);
}

// A component without rows is no target: nothing is known of what it would gain.
inline void neighbor_centers(std::int64_t* board, Matrix<const double> means, const double* counts,
                             const double* shift, double scale, double most_share,
                             NeighborCenters centers) {
    constexpr size_t at_once = 256;
    const auto narrow = [=](size_t place) {
        const size_t c = static_cast<size_t>(centers.members[place]);
        const double* const mean = means.data + c * means.columns;
        float* const out = centers.vectors.data + place * centers.vectors.columns;
        double square = 0;
        for (size_t l = 0; l < means.columns; ++l) {
            out[l] = static_cast<float>((mean[l] - shift[l]) * scale);
            square += static_cast<double>(out[l]) * static_cast<double>(out[l]);
        }
        for (size_t l = means.columns; l < centers.vectors.columns; ++l) out[l] = 0;
        const bool filled = counts[c] > 0;
        centers.half_norms[place] = filled ? static_cast<float>(0.5 * square) : infinity<float>;
        centers.shares[place] =
            filled ? static_cast<float>(smaller(1 / counts[c], most_share)) : 0.0f;
    };
    share(board, means.rows, at_once, narrow);
}

// Rows in the order of the places of their labels, by counting.
inline void neighbor_order(const Label* labels, const Label* places, size_t n, size_t k,
                           std::int64_t* starts, std::int64_t* order) {
    for (size_t p = 0; p <= k; ++p) starts[p] = 0;
    for (size_t i = 0; i < n; ++i) ++starts[places[labels[i]] + 1];
    for (size_t p = 0; p < k; ++p) starts[p + 1] += starts[p];
    for (size_t i = 0; i < n; ++i)
        order[starts[places[labels[i]]]++] = static_cast<std::int64_t>(i);
    for (size_t p = k; p > 0; --p) starts[p] = starts[p - 1];
    starts[0] = 0;
}

// Products of a panel with centers that pointers name.
template <size_t vectors, size_t components>
COFACTOR_INLINE void pointed_products(const float* panel, const float* const* centers, size_t d,
                                      Vec<float> (&product)[components][vectors]) {
    const float* e[components];
    for (size_t r = 0; r < components; ++r) {
        e[r] = centers[r];
        for (size_t v = 0; v < vectors; ++v) product[r][v] = Vec<float>{};
    }
    for (size_t l = 0; l < d; ++l) {
        Vec<float> x[vectors];
        for (size_t v = 0; v < vectors; ++v) x[v] = load(panel + v * lanes<float>);
        for (size_t r = 0; r < components; ++r) {
            const Vec<float> entry = splat(e[r][l]);
            for (size_t v = 0; v < vectors; ++v) product[r][v] += x[v] * entry;
        }
        panel += vectors * lanes<float>;
    }
}

// Registers hold as many accumulators for a panel of one vector as for one of `tile_vectors`.
template <size_t vectors>
constexpr size_t pointed_components = vectors == 1 ? 8 : tile_components;
constexpr size_t pointed_step = 8;  // so many more pointers are read, at most

// What became of a row's wish to leave: the best of its targets, and what a unit of its weight
// would gain there.
struct Leaver {
    const NeighborRows& rows;
    const NeighborCenters& centers;
    double unit;  // of squared distances, in those of the search

    // Write what row n, narrowed to x, finds at a place (-1: nothing) at a cost.
    COFACTOR_INLINE void write(size_t n, const float* x, std::int64_t place, double cost,
                               const NeighborFinds& finds) const {
        finds.index[n] = place < 0 ? -1 : centers.members[place];
        finds.gains[n] = place < 0 ? -infinity<double> : saved(n, x) - unit * cost;
    }

    // What a unit of the weight of row n, narrowed to x, costs at a place.
    double cost(size_t n, const float* x, std::int64_t place) const {
        const size_t p = static_cast<size_t>(place), padded = centers.vectors.columns;
        return squared_distance(x, centers.vectors.data + p * padded, padded) /
               (1 + rows.weights[n] * static_cast<double>(centers.shares[p]));
    }

private:
    double saved(size_t n, const float* x) const {
        if (rows.labels[n] < 0) return infinity<double>;
        const size_t own = static_cast<size_t>(rows.labels[n]);
        const double left = rows.counts[own], rest = left - rows.weights[n];
        if (!(rest > alone * left)) return -infinity<double>;
        const size_t padded = centers.vectors.columns;
        const float* const e =
            centers.vectors.data + static_cast<size_t>(centers.places[own]) * padded;
        return unit * squared_distance(x, e, padded) * (left / rest);
    }

    static constexpr double alone = 1e-12;
};

}  // namespace cofactor::COFACTOR_ISA
