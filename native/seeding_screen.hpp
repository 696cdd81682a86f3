// Which rows may be closer to a candidate than to all seeds: bounds in whole numbers of 8 bits.
//
// q_n are the coordinates of row n, whole numbers; a row may be closer if |q_n - q_c|^2 is below
// the row's reach. A pair passes if <q_n, q_c> - |q_c|^2 / 2 is no less than (|q_n|^2 - reach) / 2,
// both halves rounded down: by the first coordinates of all rows, then by all coordinates of the
// strips that are left.
#pragma once

#include "across.hpp"
#include "seeding_layout.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr std::int32_t no_head = -800000000;     // norm of a row that bounds say nothing about

// The heads of the candidates of a step: each thread has its own copy. Scores start from what
// products with rows without sign have too much, and half of the norms.
class Candidates {
public:
    Candidates(size_t most, const SeedingHeads& heads, Matrix<const std::int16_t> profiles)
        : trials(most),
          heads_(heads),
          all_profiles_(profiles),
          profiles_(most * profiles.columns),
          has_head_(most),
          first_starts_(most),
          starts_(most),
          points_(most * (heads.firsts.columns + heads.others.columns) / strip_slots) {}

    const size_t trials;
    size_t count = 0;

    void set(const Label* rows, const Label* places, size_t number) {
        count = number;
        for (size_t r = 0; r < number; ++r) set(r, static_cast<size_t>(places[rows[r]]));
    }

    COFACTOR_INLINE bool has_head(size_t r) const { return has_head_[r]; }
    COFACTOR_INLINE const std::int16_t* profile(size_t r) const {
        return profiles_ + r * all_profiles_.columns;
    }
    COFACTOR_INLINE const PointQuad* points() const { return points_; }
    COFACTOR_INLINE const std::int32_t* first_starts() const { return first_starts_; }
    COFACTOR_INLINE const std::int32_t* starts() const { return starts_; }

private:
    void set(size_t r, size_t slot) {
        const size_t first_quads = heads_.firsts.columns / strip_slots;
        const std::int32_t too_much = copy_quads(heads_.firsts, slot, points_ + r);
        has_head_[r] = heads_.norms[slot] != no_head;
        first_starts_[r] = -(heads_.first_norms[slot] >> 1) - too_much;
        starts_[r] = -(heads_.norms[slot] >> 1) - too_much -
                     copy_quads(heads_.others, slot, points_ + first_quads * trials + r);
        const size_t columns = all_profiles_.columns;
        __builtin_memcpy(profiles_ + r * columns, all_profiles_.data + slot * columns,
                         columns * sizeof(std::int16_t));
    }

    // Copy the coordinates of a slot; return what products with them have too much.
    std::int32_t copy_quads(Matrix<const std::int32_t> strips, size_t slot,
                            PointQuad* points) const {
        const std::int32_t* const strip =
            strips.data + slot / strip_slots * strips.columns + slot % strip_slots;
        std::int32_t too_much = 0;
        for (size_t l = 0; l < strips.columns; l += strip_slots, points += trials) {
            *points = PointQuad(strip[l]);
            too_much += surplus(strip[l]);
        }
        return too_much;
    }

    const SeedingHeads heads_;
    const Matrix<const std::int16_t> all_profiles_;
    const Scratch<std::int16_t> profiles_;
    const Scratch<bool> has_head_;
    const Scratch<std::int32_t> first_starts_, starts_;
    const Scratch<PointQuad> points_;
};

constexpr size_t strip_vectors = strip_slots / lanes<float>;
// Candidates and strips looked at together: as many as the registers hold sums of.
#if defined(__AVX512F__)
constexpr size_t screened_candidates = 10, screened_strips = 2;
#elif defined(__aarch64__) || defined(__AVX2__)
constexpr size_t screened_candidates = 5, screened_strips = 1;
#else
constexpr size_t screened_candidates = 3, screened_strips = 1;
#endif
constexpr size_t words_ahead = 1024, strips_ahead = 8;  // of what is read, to be fetched

// The rows of a strip, as bits, that pass for a candidate; strips are counted from some first one.
struct Found {
    std::uint32_t candidate;
    std::uint16_t strip, bits;
};

// <q_n, q_c> - |q_c|^2 / 2 of `size` candidates and the rows of some strips.
template <size_t size, size_t strips>
using Scores = Int<float>[size][strips * strip_vectors];

// Add what the coordinates in `data` contribute; a quad of a candidate lies `stride` after another.
template <size_t size, size_t strips>
COFACTOR_INLINE void add_quads(const std::int32_t* data, size_t columns, const PointQuad* points,
                               size_t stride, Scores<size, strips>& scores) {
    constexpr size_t vectors = strips * strip_vectors;
    Scores<size, strips> sums = {};  // in registers
    for (size_t l = 0; l < columns; l += strip_slots, points += stride) {
        for (size_t v = 0; v < vectors; ++v) {
            const std::int32_t* const at =
                data + v / strip_vectors * columns + l + v % strip_vectors * lanes<float>;
            const RowQuads rows(load_words(at));
            if constexpr (strips > 1) __builtin_prefetch(at + words_ahead);
            for (size_t r = 0; r < size; ++r)
                sums[r][v] = rows.add_products_with(points[r], sums[r][v]);
        }
    }
    for (size_t r = 0; r < size; ++r)
        for (size_t v = 0; v < vectors; ++v) scores[r][v] += sums[r][v];
}

template <size_t size, size_t strips>
COFACTOR_INLINE void begin(const std::int32_t* starts, Scores<size, strips>& scores) {
    for (size_t r = 0; r < size; ++r)
        for (size_t v = 0; v < strips * strip_vectors; ++v)
            scores[r][v] = splat_int<float>(starts[r]);
}

// What the rows of a strip must score to pass.
struct Needs {
    COFACTOR_INLINE Needs(const std::int32_t* norms, const std::int32_t* reach) {
        for (size_t v = 0; v < strip_vectors; ++v) {
            const size_t at = v * lanes<float>;
            scores[v] = (load_words(norms + at) - load_words(reach + at)) >> 1;
        }
    }

    COFACTOR_INLINE std::uint16_t met_by(const Int<float>* found) const {
        std::uint32_t bits = 0;
        for (size_t v = 0; v < strip_vectors; ++v)
            bits |= bits_at_least(found[v], scores[v]) << v * lanes<float>;
        return static_cast<std::uint16_t>(bits);
    }

    Int<float> scores[strip_vectors];
};

// List the rows of strips from `first` on that their first coordinates let pass for some candidates,
// which are counted from 0 on; return where the list ends.
template <size_t size>
Found* screen_firsts(const SeedingHeads& heads, const std::int32_t* reach, size_t first, size_t last,
                     const PointQuad* points, size_t stride, const std::int32_t* starts,
                     Found* found) {
    const Matrix<const std::int32_t> firsts = heads.firsts;
    for (size_t s = first; s < last; s += screened_strips) {
        Scores<size, screened_strips> scores;
        begin<size, screened_strips>(starts, scores);
        add_quads<size, screened_strips>(firsts.data + s * firsts.columns, firsts.columns, points,
                                         stride, scores);
        for (size_t t = 0; t < screened_strips; ++t) {
            const size_t slot = (s + t) * strip_slots;
            const Needs needs(heads.first_norms + slot, reach + slot);
            for (size_t r = 0; r < size; ++r) {
                const std::uint16_t bits = needs.met_by(scores[r] + t * strip_vectors);
                *found = {static_cast<std::uint32_t>(r), static_cast<std::uint16_t>(s + t - first),
                          bits};
                found += bits != 0;
            }
        }
    }
    return found;
}

using ScreenFirsts = Found* (*)(const SeedingHeads&, const std::int32_t*, size_t, size_t,
                                const PointQuad*, size_t, const std::int32_t*, Found*);
constexpr ScreenFirsts screen_firsts_of[] = {
    screen_firsts<1>, screen_firsts<2>, screen_firsts<3>, screen_firsts<4>, screen_firsts<5>,
    screen_firsts<6>, screen_firsts<7>, screen_firsts<8>, screen_firsts<9>, screen_firsts<10>};

// The same for all candidates.
inline Found* screen_firsts(const SeedingHeads& heads, const std::int32_t* reach, size_t first,
                            size_t last, const Candidates& candidates, Found* found) {
    for (size_t q = 0; q < candidates.count; q += screened_candidates) {
        const size_t size = smaller(candidates.count - q, screened_candidates);
        Found* const end = screen_firsts_of[size - 1](
            heads, reach, first, last, candidates.points() + q, candidates.trials,
            candidates.first_starts() + q, found);
        for (; found != end; ++found) found->candidate += static_cast<std::uint32_t>(q);
    }
    return found;
}

// Keep the rows listed that all coordinates let pass; return where the list ends.
inline Found* screen_others(const SeedingHeads& heads, const std::int32_t* reach, size_t first,
                            const Candidates& candidates, Found* const list, Found* const end) {
    const Matrix<const std::int32_t> firsts = heads.firsts, others = heads.others;
    const size_t stride = candidates.trials;
    const PointQuad* const points = candidates.points();
    const PointQuad* const further = points + firsts.columns / strip_slots * stride;
    const std::int32_t* const starts = candidates.starts();
    Found* kept = list;
    for (Found* at = list; at != end; ++at) {
        const Found* const ahead = at + smaller<size_t>(strips_ahead, end - 1 - at);
        fetch(others.data + (first + ahead->strip) * others.columns,
              others.columns * sizeof(std::int32_t));
        const size_t s = first + at->strip, q = at->candidate;
        Scores<1, 1> scores;
        begin<1, 1>(starts + q, scores);
        add_quads<1, 1>(firsts.data + s * firsts.columns, firsts.columns, points + q, stride,
                        scores);
        add_quads<1, 1>(others.data + s * others.columns, others.columns, further + q, stride,
                        scores);
        const Needs needs(heads.norms + s * strip_slots, reach + s * strip_slots);
        const std::uint16_t bits = needs.met_by(scores[0]);
        *kept = {at->candidate, at->strip, bits};
        kept += bits != 0;
    }
    return kept;
}

// |a_i - b_i|^2 of as many profiles as there are lanes, a multiple of 32 coordinates of 16 bits.
COFACTOR_INLINE Int<float> profile_distances(const std::int16_t* const (&a)[lanes<float>],
                                             const std::int16_t* const (&b)[lanes<float>],
                                             size_t columns) {
    Int<float> squares[lanes<float>];
    for (size_t i = 0; i < lanes<float>; ++i) {
        squares[i] = Int<float>{};
        for (size_t l = 0; l < columns; l += 2 * lanes<float>) {
            const Int<float> gap = (Int<float>)((Shorts)load_words(a[i] + l) -
                                                (Shorts)load_words(b[i] + l));
            squares[i] = add_products(squares[i], gap, gap);
        }
    }
    return sums_across<std::int32_t>(squares);
}

}  // namespace cofactor::COFACTOR_ISA
