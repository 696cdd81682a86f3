// One row or two and four components at a time: where few rows share a list, panels of rows are
// mostly empty.
#pragma once

#include "neighbors.hpp"

namespace cofactor::COFACTOR_ISA {

// The cheapest component of a row: of all squared distances over divisors, four at a time.
class PairBest {
public:
    using Four = Quad<float>::Vec;
    using Whole = Quad<float>::Int;

    COFACTOR_INLINE void start(float half_norm, float weight, Label own) {
        half_norm_ = Four{} + half_norm;
        weight_ = Four{} + weight;
        own_ = Whole{} + own;
        half_square_ = Four{} + infinity<float>;
        divisor_ = Four{} + 1;
        place_ = Whole{} - 1;
    }

    COFACTOR_INLINE void offer(const Four& product, const Four& half_norm, const Four& share,
                               const Whole& place) {
        const Four square = half_norm_ + (half_norm - product);
        const Four divides = 1 + weight_ * share;
        const Whole better =
            (square * divisor_ < half_square_ * divides) & (own_ != place);
        half_square_ = better ? square : half_square_;
        divisor_ = better ? divides : divisor_;
        place_ = better ? place : place_;
    }

    // Of equals any.
    COFACTOR_INLINE size_t lane() const {
        size_t best = 0;
        for (size_t i = 1; i < 4; ++i)
            if (half_square_[i] * divisor_[best] < half_square_[best] * divisor_[i]) best = i;
        return best;
    }
    COFACTOR_INLINE Label place(size_t lane) const { return place_[lane]; }
    COFACTOR_INLINE double cost(size_t lane) const {
        return 2 * static_cast<double>(half_square_[lane] / divisor_[lane]);
    }

private:
    Four half_norm_, weight_, half_square_, divisor_;
    Whole own_, place_;
};

COFACTOR_INLINE Halves::Four quarter(Halves::Four value) { return value; }

// The sums of every fourth lane.
template <class V>
COFACTOR_INLINE Halves::Four quarter(V value) {
    using Half = std::conditional_t<sizeof(V) == 64, Halves::Eight, Halves::Four>;
    Half halves[2];
    __builtin_memcpy(halves, &value, sizeof value);
    return quarter(halves[0] + halves[1]);
}

// Compares a few rows with the components at listed places (-1: none).
class PairSearch {
public:
    explicit PairSearch(const NeighborCenters& centers)
        : centers_(centers), columns_(centers.vectors.columns) {}

    // All of a list, whose end is looked at twice unless it has a multiple of four places.
    // Row r is x[r * columns ...].
    template <size_t rows>
    void search(const float* x, const Label* list, size_t count, PairBest (&best)[rows]) const {
        size_t i = 0;
        for (; i + 4 <= count; i += 4) offer(x, list + i, best);
        if (i == count) return;
        if (count >= 4) return offer(x, list + count - 4, best);
        Label few[4];
        for (size_t j = 0; j < 4; ++j) few[j] = list[smaller(j, count - 1)];
        offer(x, few, best);
    }

private:
    COFACTOR_INLINE static size_t some(Label place) {
        return static_cast<size_t>(larger(place, 0));
    }
    COFACTOR_INLINE float half_norm_of(Label place) const {
        return place < 0 ? infinity<float> : centers_.half_norms[place];
    }
    COFACTOR_INLINE float share_of(Label place) const { return centers_.shares[some(place)]; }
    COFACTOR_INLINE const float* vector(Label place) const {
        return centers_.vectors.data + some(place) * columns_;
    }

    template <size_t rows>
    COFACTOR_INLINE void offer(const float* x, const Label* at, PairBest (&best)[rows]) const {
        PairBest::Whole place;
        __builtin_memcpy(&place, at, sizeof place);
        const PairBest::Four half_norm = {half_norm_of(at[0]), half_norm_of(at[1]),
                                          half_norm_of(at[2]), half_norm_of(at[3])};
        const PairBest::Four share = {share_of(at[0]), share_of(at[1]), share_of(at[2]),
                                      share_of(at[3])};
        Vec<float> sums[rows][4] = {};
        add_products(x, at, sums);
        for (size_t r = 0; r < rows; ++r) best[r].offer(totals(sums[r]), half_norm, share, place);
    }

    template <size_t rows>
    COFACTOR_INLINE void add_products(const float* x, const Label* at,
                                      Vec<float> (&sums)[rows][4]) const {
        const float *const a = vector(at[0]), *const b = vector(at[1]), *const c = vector(at[2]),
                    *const e = vector(at[3]);
        for (size_t l = 0; l < columns_; l += lanes<float>) {
            const Vec<float> four[4] = {load(a + l), load(b + l), load(c + l), load(e + l)};
            for (size_t r = 0; r < rows; ++r) {
                const Vec<float> entry = load(x + r * columns_ + l);
                for (size_t i = 0; i < 4; ++i) sums[r][i] += entry * four[i];
            }
        }
    }

    COFACTOR_INLINE static Halves::Four totals(const Vec<float> (&sums)[4]) {
        const Halves::Four parts[4] = {quarter(sums[0]), quarter(sums[1]), quarter(sums[2]),
                                       quarter(sums[3])};
        Halves::Four column[4];
        Quad<float>::transpose(parts, column);
        return (column[0] + column[2]) + (column[1] + column[3]);
    }

    const NeighborCenters& centers_;
    const size_t columns_;
};

}  // namespace cofactor::COFACTOR_ISA
