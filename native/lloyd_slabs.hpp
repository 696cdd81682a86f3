// Losses of single rows under groups of components, and the distances that they tell of.
//
// Lanes are components: rows need not lie beside each other, nor be transposed.
#pragma once

#include "lloyd_space.hpp"
#include "word_tiles.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t slab_rows = tile_components * tile_vectors / 2;    // as registers allow
constexpr size_t padded_rows = round_up(slab_rows, 8);

// out[r * stride + j] = loss of row r under component j of a slab, which is interleaved.
COFACTOR_INLINE void slab_losses(const float* const* rows, const float* slab, const float* offsets,
                                 size_t d, float* out, size_t stride) {
    Vec<float> product[slab_rows][2] = {};
    const float* x[slab_rows];
    for (size_t r = 0; r < slab_rows; ++r) x[r] = rows[r];
    for (size_t l = 0; l < d; ++l, slab += slab_width) {
        const Vec<float> left = load(slab), right = load(slab + lanes<float>);
        for (size_t r = 0; r < slab_rows; ++r) {
            const Vec<float> value = splat(x[r][l]);
            product[r][0] += value * left;
            product[r][1] += value * right;
        }
    }
    for (size_t r = 0; r < slab_rows; ++r)
        for (size_t v = 0; v < 2; ++v)
            store<float>(out + r * stride + v * lanes<float>,
                         load(offsets + v * lanes<float>) - product[r][v]);
}

// The least of `size` values of each of four rows.
COFACTOR_INLINE Quad<float>::Vec least_of_four(const float* values, size_t size) {
    using Four = Quad<float>::Vec;
    Four least[4], column[4];
    for (size_t r = 0; r < 4; ++r) {
        least[r] = load_quad(values + r * size);
        for (size_t j = 4; j < size; j += 4) {
            const Four other = load_quad(values + r * size + j);
            least[r] = other < least[r] ? other : least[r];
        }
    }
    Quad<float>::transpose(least, column);
    const Four a = column[0] < column[1] ? column[0] : column[1];
    const Four b = column[2] < column[3] ? column[2] : column[3];
    return a < b ? a : b;
}

// Distances from losses, moved by at least what rounding may have done to the losses.
class Distances {
public:
    explicit Distances(const Doubt& doubt) : doubt_(doubt) {}

    COFACTOR_INLINE float lower(float loss, float norm) const {
        const float square = norm * norm * (1 - squares_) + 2 * loss - doubt_(norm);
        return __builtin_sqrtf(square > 0 ? square : 0) * (1 - 8 * unit);
    }
    COFACTOR_INLINE float upper(float loss, float norm) const {
        const float square = norm * norm * (1 + squares_) + 2 * loss + doubt_(norm);
        return __builtin_sqrtf(square > 0 ? square : 0) * (1 + 8 * unit);
    }
    // What is farther than this has surely the larger loss of the two.
    COFACTOR_INLINE float clear_of(float upper, float norm) const {
        return __builtin_sqrtf(upper * upper + 2 * doubt_(norm)) * (1 + 8 * unit);
    }
    COFACTOR_INLINE float doubt(float norm) const { return doubt_(norm); }

private:
    const Doubt doubt_;
    static constexpr float squares_ = 12 * unit;  // of a squared norm, and of what is added to it
};

}  // namespace cofactor::COFACTOR_ISA
