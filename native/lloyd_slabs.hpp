// Losses of single rows under groups of components, and the distances that they tell of: floats.
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

// Four numbers, of which floats or whole numbers compare.
template <class N>
struct FourOf;
template <>
struct FourOf<float> {
    using Vec = Quad<float>::Vec;
};
template <>
struct FourOf<std::int32_t> {
    using Vec = Quad<float>::Int;
};

// least[r] = the least of `size` values of row r, for four rows.
template <class N>
COFACTOR_INLINE void least_of_four(const N* values, size_t size, N* out) {
    using Four = typename FourOf<N>::Vec;
    Four least[4];
    for (size_t r = 0; r < 4; ++r) {
        __builtin_memcpy(&least[r], values + r * size, sizeof least[r]);
        for (size_t j = 4; j < size; j += 4) {
            Four other;
            __builtin_memcpy(&other, values + r * size + j, sizeof other);
            least[r] = other < least[r] ? other : least[r];
        }
    }
    const Quad<float>::Vec bits[4] = {(Quad<float>::Vec)least[0], (Quad<float>::Vec)least[1],
                                      (Quad<float>::Vec)least[2], (Quad<float>::Vec)least[3]};
    Quad<float>::Vec column[4];
    Quad<float>::transpose(bits, column);
    const Four c[4] = {(Four)column[0], (Four)column[1], (Four)column[2], (Four)column[3]};
    const Four a = c[0] < c[1] ? c[0] : c[1], b = c[2] < c[3] ? c[2] : c[3];
    const Four all = a < b ? a : b;
    __builtin_memcpy(out, &all, sizeof all);
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
    Doubt doubt_;
    static constexpr float squares_ = 12 * unit;  // of a squared norm, and of what is added to it
};

// Open rows and groups of components as floats; the size of a row is its norm.
template <class T>
class FloatSlabs {
public:
    using Number = float;
    using Settling = Settler<T>;
    static constexpr float none = infinity<float>;  // a loss beyond all others

    FloatSlabs(const LloydRows<T>& rows, const LloydSpace<T>& space, const Settler<T>& settler)
        : most(most_open(space, space.d)),
          rows_(rows),
          space_(space),
          distances_(Doubt(space.d, 0, 0)),
          settler_(settler),
          values_(most * space.d) {}

    const size_t most;  // rows that are open at once

    void enter(size_t, const Doubt& doubt) { distances_ = Distances(doubt); }

    // Bring a row to a place; return its size.
    COFACTOR_INLINE float bring(size_t q, size_t n) const {
        const T* __restrict const x = rows_.X.data + n * space_.d;
        const T* __restrict const shift = rows_.shift;
        float* __restrict const out = values_ + q * space_.d;
        const T scale = static_cast<T>(space_.progress->scale);
        for (size_t l = 0; l < space_.d; ++l)
            out[l] = static_cast<float>((x[l] - shift[l]) * scale);
        return space_.norms[n];
    }
    COFACTOR_INLINE void announce(size_t n) const {
        fetch(rows_.X.data + n * space_.d, space_.d * sizeof(T));
    }

    // The loss of the row in a place under a component.
    COFACTOR_INLINE float own_loss(size_t q, size_t own) const {
        const size_t slot = static_cast<size_t>(space_.places[own]);
        const float *const x = values_ + q * space_.d, *const e = space_.floats.slab_of(slot);
        const double product = sum_of(space_.d, [=](size_t l) {
            return static_cast<double>(x[l]) * static_cast<double>(e[l * slab_width]);
        });
        return space_.slab_offsets[slot] - static_cast<float>(product);
    }

    // Losses of the rows in some places, up to slab_rows, under a group: [row][component].
    [[gnu::noinline]] void multiply(size_t g, const Label* places, size_t count,
                                    float* losses) const {
        const size_t size = space_.group_size;
        const float* x[slab_rows];
        for (size_t r = 0; r < slab_rows; ++r)
            x[r] = values_ + static_cast<size_t>(places[smaller(r, count - 1)]) * space_.d;
        for (size_t w = 0; w < size; w += slab_width)
            slab_losses(x, space_.floats.slabs + (g * size + w) * space_.d,
                        space_.slab_offsets + g * size + w, space_.d, losses + w, size);
    }

    COFACTOR_INLINE float lower(float loss, float norm) const {
        return distances_.lower(loss, norm);
    }
    COFACTOR_INLINE float upper(float loss, float norm) const {
        return distances_.upper(loss, norm);
    }
    // Whether a loss is beyond doubt less than the next.
    COFACTOR_INLINE bool sure(float loss, float next, float norm) const {
        return next - loss > distances_.doubt(norm);
    }

    void settle(const Label* rows, size_t count, Candidate<T>* best) const {
        settler_.settle(rows, count, best);
    }

private:
    const LloydRows<T> rows_;
    const LloydSpace<T>& space_;
    Distances distances_;
    const Settler<T>& settler_;
    const Scratch<float> values_;
};

}  // namespace cofactor::COFACTOR_ISA
