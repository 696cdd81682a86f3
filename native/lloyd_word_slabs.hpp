// Losses of single rows under groups of components in whole numbers, two columns a word.
#pragma once

#include "lloyd_rows.hpp"
#include "lloyd_slabs.hpp"

namespace cofactor::COFACTOR_ISA {

// out[r * stride + j] = loss of row r under component j of a slab, which is interleaved.
COFACTOR_INLINE void slab_word_losses(const std::int32_t* const* rows, const std::int32_t* slab,
                                      const std::int32_t* offsets, size_t pairs,
                                      std::int32_t* out, size_t stride) {
    Int<float> product[slab_rows][2] = {};
    const std::int32_t* x[slab_rows];
    for (size_t r = 0; r < slab_rows; ++r) x[r] = rows[r];
    for (size_t l = 0; l < pairs; ++l, slab += slab_width) {
        const Int<float> left = load_words(slab), right = load_words(slab + lanes<float>);
        for (size_t r = 0; r < slab_rows; ++r) {
            const Int<float> value = splat_int<float>(x[r][l]);
            product[r][0] = add_products(product[r][0], left, value);
            product[r][1] = add_products(product[r][1], right, value);
        }
    }
    for (size_t r = 0; r < slab_rows; ++r)
        for (size_t v = 0; v < 2; ++v)
            store_words(out + r * stride + v * lanes<float>,
                        load_words(offsets + v * lanes<float>) - product[r][v]);
}

// <a, b> of words.
COFACTOR_INLINE std::int32_t product_of(const std::int32_t* a, const std::int32_t* b,
                                        size_t pairs) {
    Int<float> sums{};
    for (size_t l = 0; l < pairs; l += lanes<float>)
        sums = add_products(sums, load_some_words(a + l, pairs - l),
                            load_some_words(b + l, pairs - l));
    std::int32_t total = 0;
    for (size_t i = 0; i < lanes<float>; ++i) total += sums[i];
    return total;
}

// What losses in words say of distances, in grains; losses and squares lack halves that were
// dropped, and rounding moved distances by `blur` at most.
struct WordDistances {
    float blur;

    COFACTOR_INLINE float lower(std::int32_t loss, std::int32_t half_square) const {
        return root(half_square + loss) * (1 - 8 * unit) - blur;
    }
    COFACTOR_INLINE float upper(std::int32_t loss, std::int32_t half_square) const {
        return root(half_square + loss + 1) * (1 + 8 * unit) + blur;
    }

private:
    COFACTOR_INLINE static float root(std::int32_t half) {
        return __builtin_sqrtf(2 * static_cast<float>(half > 0 ? half : 0));
    }
};

// Finds the nearest components of single rows in the precision that they have: of those alone that
// losses in words leave, with the sums of top_losses in their order.
template <class T>
class WordSettler {
public:
    WordSettler(const LloydRows<T>& rows, const double* means, const LloydSpace<T>& space,
                const Settler<T>& panels)
        : rows_(rows),
          means_(means),
          space_(space),
          panels_(panels),
          losses_(slab_rows * space.slots),
          spread_(space.groups ? space.d * lanes<T> : 0) {}

    // best[i] = the smallest loss of row rows[i], all of a range, and its component.
    void settle(size_t range, const Doubt& doubt, const Label* rows, size_t count,
                Candidate<T>* best) const {
        if (space_.few) return panels_.settle(rows, count, best);
        for (size_t first = 0; first < count; first += slab_rows) {
            const size_t size = smaller(slab_rows, count - first);
            multiply(rows + first, size);
            for (size_t r = 0; r < size; ++r)
                best[first + r] = nearest(static_cast<size_t>(rows[first + r]),
                                          losses_ + r * space_.slots, range, doubt);
        }
    }

private:
    const std::int32_t* words_of(size_t n) const { return space_.row_words + n * space_.pairs; }

    [[gnu::noinline]] void multiply(const Label* rows, size_t count) const {
        const std::int32_t* x[slab_rows];
        for (size_t r = 0; r < slab_rows; ++r)
            x[r] = words_of(static_cast<size_t>(rows[smaller(r, count - 1)]));
        for (size_t s = 0; s < space_.slots; s += slab_width)
            slab_word_losses(x, space_.words.slabs + s * space_.pairs, space_.word_offsets + s,
                             space_.pairs, losses_ + s, space_.slots);
    }

    Candidate<T> nearest(size_t n, const std::int32_t* losses, size_t range,
                         const Doubt& doubt) const {
        std::int32_t least = no_component;
        for (size_t s = 0; s < space_.slots; ++s) least = smaller(least, losses[s]);
        const std::int32_t most = limit(n, least, range, doubt);
        spread(n);
        Candidate<T> best{infinity<T>, 0};
        for (size_t s = 0; s < space_.slots; s += lanes<float>)
            for_each_bit(bits_of(load_words(losses + s) <= most),
                         [&](size_t lane) { offer(s + lane, best); });
        return best;
    }

    // Repeat every entry of a row, as if it were all rows of a panel.
    [[gnu::noinline]] void spread(size_t n) const {
        const T* const x = rows_.X.data + n * space_.d;
        for (size_t l = 0; l < space_.d; ++l)
            store<T>(spread_ + l * lanes<T>, splat<T>(x[l] - rows_.shift[l]));
    }

    // A lower component wins a tie.
    void offer(size_t slot, Candidate<T>& best) const {
        const Candidate<T> other = candidate(space_.members[slot]);
        const bool tied = other.loss == best.loss && other.component < best.component;
        if (other.loss < best.loss || tied) best = other;
    }

    // The largest loss in words of a component that may be the nearest.
    std::int32_t limit(size_t n, std::int32_t least, size_t range, const Doubt& doubt) const {
        const WordDistances distances{blur_of(space_, range)};
        const std::int32_t half_square = product_of(words_of(n), words_of(n), space_.pairs) >> 1;
        const double grain = space_.progress->grain;
        const double upper = static_cast<double>(distances.upper(least, half_square));
        const double doubts = static_cast<double>(doubt(space_.norms[n])) / (grain * grain);
        const double farthest = __builtin_sqrt(upper * upper + 2 * doubts) + distances.blur;
        const double loss = 0.5 * farthest * farthest * (1 + 64 * unit) - half_square + 2;
        return static_cast<std::int32_t>(smaller(loss, no_component - 1.0));
    }

    // The loss of the row that is spread. Its products are contracted as those of panels are, for
    // compilers cannot tell that lanes are equal.
    Candidate<T> candidate(Label component) const {
        const size_t c = static_cast<size_t>(component);
        const double* const mean = means_ + c * space_.d;
        Vec<T> product{};
        for (size_t l = 0; l < space_.d; ++l)
            product += load(spread_ + l * lanes<T>) * splat(static_cast<T>(mean[l]));
        return {static_cast<T>(space_.half_norms[c]) - product[0], component};
    }

    const LloydRows<T> rows_;
    const double* const means_;
    const LloydSpace<T>& space_;
    const Settler<T>& panels_;
    const Scratch<std::int32_t> losses_;
    const Scratch<T> spread_;
};

// Open rows and groups of components in words; the size of a row is half its squared norm.
template <class T>
class WordSlabs {
public:
    using Number = std::int32_t;
    using Settling = WordSettler<T>;
    static constexpr std::int32_t none = no_component;  // a loss beyond all others

    WordSlabs(const LloydRows<T>&, const LloydSpace<T>& space, const WordSettler<T>& settler)
        : most(most_open(space, space.pairs)),
          space_(space),
          settler_(settler),
          doubt_(space.d, 0, 0),
          words_(most) {}

    const size_t most;  // rows that are open at once

    void enter(size_t range, const Doubt& doubt) {
        range_ = range;
        doubt_ = doubt;
        grain_ = static_cast<float>(space_.progress->grain);
        distances_ = {blur_of(space_, range)};
    }

    // Bring a row to a place; return its size.
    COFACTOR_INLINE std::int32_t bring(size_t q, size_t n) const {
        const std::int32_t* const words = space_.row_words + n * space_.pairs;
        words_[q] = words;
        return product_of(words, words, space_.pairs) >> 1;
    }
    COFACTOR_INLINE void announce(size_t n) const {
        fetch(space_.row_words + n * space_.pairs, space_.pairs * sizeof(std::int32_t));
    }

    // The loss of the row in a place under a component.
    COFACTOR_INLINE std::int32_t own_loss(size_t q, size_t own) const {
        return space_.word_offsets[space_.places[own]] -
               product_of(words_[q], space_.words.vectors + own * space_.pairs, space_.pairs);
    }

    // Losses of the rows in some places, up to slab_rows, under a group: [row][component].
    [[gnu::noinline]] void multiply(size_t g, const Label* places, size_t count,
                                    std::int32_t* losses) const {
        const size_t size = space_.group_size;
        const std::int32_t* x[slab_rows];
        for (size_t r = 0; r < slab_rows; ++r) x[r] = words_[places[smaller(r, count - 1)]];
        for (size_t w = 0; w < size; w += slab_width)
            slab_word_losses(x, space_.words.slabs + (g * size + w) * space_.pairs,
                             space_.word_offsets + g * size + w, space_.pairs, losses + w, size);
    }

    COFACTOR_INLINE float lower(std::int32_t loss, std::int32_t half_square) const {
        return distances_.lower(loss, half_square) * grain_;
    }
    COFACTOR_INLINE float upper(std::int32_t loss, std::int32_t half_square) const {
        return distances_.upper(loss, half_square) * grain_;
    }
    // Whether a loss is beyond doubt less than the next.
    COFACTOR_INLINE bool sure(std::int32_t loss, std::int32_t next,
                              std::int32_t half_square) const {
        const float ends = distances_.upper(loss, half_square) + distances_.upper(next, half_square);
        const float limit = doubt_(upper(0, half_square)) / (grain_ * grain_);
        return static_cast<float>(next - loss) * (1 - 8 * unit) >
               ends * distances_.blur + 2.0f + limit;
    }

    void settle(const Label* rows, size_t count, Candidate<T>* best) const {
        settler_.settle(range_, doubt_, rows, count, best);
    }

private:
    const LloydSpace<T>& space_;
    const WordSettler<T>& settler_;
    Doubt doubt_;
    WordDistances distances_{};
    const Scratch<const std::int32_t*> words_;
    size_t range_ = 0;
    float grain_ = 1;
};

}  // namespace cofactor::COFACTOR_ISA
