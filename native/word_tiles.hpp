// Tiles of products of whole numbers, and what remains of them: rows in lanes, two columns a word.
#pragma once

#include "keepers.hpp"
#include "words.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr float unit = 0x1p-24f;  // of rounding

constexpr std::int32_t no_component = (1 << 30) + (1 << 29) - 1;  // a loss beyond all others

template <size_t size>
using WordTile = Int<float>[size][tile_vectors];

// losses[r] = offset of component r less its product with each row of a panel; pair l of it is
// words[r * across + l * along].
template <size_t size>
COFACTOR_INLINE void word_losses(const std::int32_t* panel, const std::int32_t* words,
                                 size_t across, size_t along, const std::int32_t* offsets,
                                 size_t pairs, WordTile<size>& losses) {
    WordTile<size> product = {};
    for (size_t l = 0; l < pairs; ++l) {
        Int<float> x[tile_vectors];
        for (size_t v = 0; v < tile_vectors; ++v) x[v] = load_words(panel + v * lanes<float>);
        for (size_t r = 0; r < size; ++r) {
            const Int<float> e = splat_int<float>(words[r * across]);
            for (size_t v = 0; v < tile_vectors; ++v)
                product[r][v] = add_products(product[r][v], x[v], e);
        }
        panel += tile_rows<float>;
        words += along;
    }
    for (size_t r = 0; r < size; ++r)
        for (size_t v = 0; v < tile_vectors; ++v) losses[r][v] = offsets[r] - product[r][v];
}

COFACTOR_INLINE Int<float> least(Int<float> a, Int<float> b) { return a < b ? a : b; }
COFACTOR_INLINE Int<float> most(Int<float> a, Int<float> b) { return a > b ? a : b; }

// The two smallest losses of each row of a panel, and the slot of the smallest.
struct WordTwo {
    Int<float> loss[tile_vectors], second[tile_vectors], slot[tile_vectors];

    COFACTOR_INLINE void start() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            loss[v] = second[v] = splat_int<float>(no_component);
            slot[v] = Int<float>{};
        }
    }

    // slot_of(r) = the slot of component r of a tile.
    template <size_t size, class SlotOf>
    COFACTOR_INLINE void offer(SlotOf slot_of, const WordTile<size>& tile) {
        for (size_t r = 0; r < size; ++r) {
            const Int<float> id = splat_int<float>(slot_of(r));
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Int<float> better = tile[r][v] < loss[v];
                second[v] = least(second[v], most(loss[v], tile[r][v]));
                loss[v] = least(tile[r][v], loss[v]);
                slot[v] = better ? id : slot[v];
            }
        }
    }
};

COFACTOR_INLINE Vec<float> roots(Vec<float> squares) {
    for (size_t i = 0; i < lanes<float>; ++i) squares[i] = __builtin_sqrtf(squares[i]);
    return squares;
}

// Vectors of rows in whole numbers: their squared norms, and no less than the norms of what
// rounding took from them.
struct Rounded {
    Int<float> square;
    Vec<float> rest;
};

// The power of two that leaves a norm below `most`, at least the fourth part of it; 0 if there is
// none in reach.
inline float grain_of(float norm, float most) {
    if (!(norm > 0x1p-40f && norm < 0x1p40f)) return 0;
    float grain = 1;
    while (norm >= grain * most) grain *= 2;
    while (norm < 0.5f * grain * most) grain *= 0.5f;
    return grain;
}

// Round a vector of rows of a panel of floats, times a factor, to words. `pairs` of columns.
COFACTOR_INLINE Rounded round_rows(const float* floats, size_t pairs, float factor,
                                   std::int32_t* words) {
    constexpr float magic = 0x1.8p23f;  // whole numbers are the last bits of sums with it
    Int<float> square{};
    Vec<float> rest{};
    for (size_t l = 0; l < pairs; ++l) {
        Int<float> bits[2];
        for (size_t half = 0; half < 2; ++half) {
            const Vec<float> value = load(floats + (2 * l + half) * tile_rows<float>) * factor;
            const Vec<float> sum = value + magic, error = value - (sum - magic);
            rest += error * error;
            __builtin_memcpy(&bits[half], &sum, sizeof sum);
        }
        const Int<float> pair = (bits[0] & 0xffff) | (bits[1] << 16);
        square = add_products(square, pair, pair);
        store_words(words + l * tile_rows<float>, pair);
    }
    return {square, roots(rest) * (1 + unit * static_cast<float>(2 * pairs + 8))};
}

}  // namespace cofactor::COFACTOR_ISA
