// Rows side by side that look for the cheapest component but their own.
#pragma once

#include "neighbors.hpp"

namespace cofactor::COFACTOR_ISA {

// Rows side by side, and the cheapest that each has found: of all squared distances over divisors.
struct TargetPanel {
    size_t first, count, vectors;
    bool in_words;  // squares are those of whole numbers
    Vec<float> half_norm[tile_vectors], weight[tile_vectors];
    Vec<float> half_square[tile_vectors], divisor[tile_vectors];
    Int<float> own[tile_vectors], best[tile_vectors];
    Int<float> whole_half_norm[tile_vectors];

    void start() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            half_square[v] = splat(infinity<float>);
            divisor[v] = splat(1.0f);
            best[v] = splat_int<float>(-1);
        }
    }

    // square(r, v) = half the squared distances of component r.
    template <size_t width, size_t components, class Square>
    COFACTOR_INLINE void offer(Square square_of, const float* shares, const Label* places) {
        for (size_t r = 0; r < components; ++r) {
            const Int<float> place = splat_int<float>(places[r]);
            for (size_t v = 0; v < width; ++v) {
                const Vec<float> square = square_of(r, v);
                const Vec<float> divides = 1 + weight[v] * shares[r];
                const Int<float> better =
                    (square * divisor[v] < half_square[v] * divides) & (own[v] != place);
                half_square[v] = better ? square : half_square[v];
                divisor[v] = better ? divides : divisor[v];
                best[v] = better ? place : best[v];
            }
        }
    }

    std::int64_t place(size_t i) const { return best[i / lanes<float>][i % lanes<float>]; }

    double cost(size_t i) const {
        const size_t v = i / lanes<float>, lane = i % lanes<float>;
        return 2 * static_cast<double>(half_square[v][lane] / divisor[v][lane]);
    }
};

}  // namespace cofactor::COFACTOR_ISA
