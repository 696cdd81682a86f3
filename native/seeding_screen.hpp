// Which rows may be closer to a candidate than to all seeds: bounds in whole numbers of 8 bits.
//
// q_n are the coordinates of row n, whole numbers; a row may be closer if |q_n - q_c|^2 is below
// the row's reach. Where all candidates meet all rows, a pair passes if <q_n, q_c> - |q_c|^2 / 2 is
// no less than (|q_n|^2 - reach) / 2, both halves rounded down.
#pragma once

#include "seeding_layout.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t strip_vectors = strip_slots / lanes<float>;
// Candidates looked at together: as many as the registers hold sums of.
#if defined(__AVX512F__)
constexpr size_t screened_together = 10;  // each a sum of its own, so that none waits for the last
#elif defined(__aarch64__) || defined(__AVX2__)
constexpr size_t screened_together = 5;
#else
constexpr size_t screened_together = 3;
#endif

// The coordinates of a strip, their squared norms, and how far its rows reach.
struct Strip {
    const std::int32_t *firsts, *others, *norms, *reach;
};

// x + <y, z> for some coordinates of each row of a strip and of `size` candidates.
template <size_t size>
COFACTOR_INLINE void add_quads(const std::int32_t* strip, size_t quads, const PointQuad* points,
                               size_t stride, Int<float> (&score)[size][strip_vectors]) {
    for (size_t l = 0; l < quads; ++l)
        for (size_t v = 0; v < strip_vectors; ++v) {
            const RowQuads rows(load_words(strip + l * strip_slots + v * lanes<float>));
            for (size_t r = 0; r < size; ++r)
                score[r][v] = rows.add_products_with(points[r * stride + l], score[r][v]);
        }
}

// bits[r] = the rows of a strip that pass for candidate r.
template <size_t size>
void screen_strip(const Strip& strip, size_t firsts, size_t others, const PointQuad* points,
                  const std::int32_t* starts, std::uint32_t* bits) {
    const size_t stride = firsts + others;
    Int<float> score[size][strip_vectors];
    for (size_t r = 0; r < size; ++r)
        for (size_t v = 0; v < strip_vectors; ++v) score[r][v] = splat_int<float>(starts[r]);
    add_quads(strip.firsts, firsts, points, stride, score);
    add_quads(strip.others, others, points + firsts, stride, score);
    for (size_t r = 0; r < size; ++r) bits[r] = 0;
    for (size_t v = 0; v < strip_vectors; ++v) {
        const size_t at = v * lanes<float>;
        const Int<float> need = (load_words(strip.norms + at) - load_words(strip.reach + at)) >> 1;
        for (size_t r = 0; r < size; ++r)
            bits[r] |= bits_of(score[r][v] >= need) << at;
    }
}

using ScreenStrip = void (*)(const Strip&, size_t, size_t, const PointQuad*, const std::int32_t*,
                             std::uint32_t*);
constexpr ScreenStrip screen_strips[] = {
    screen_strip<1>, screen_strip<2>, screen_strip<3>, screen_strip<4>, screen_strip<5>,
    screen_strip<6>, screen_strip<7>, screen_strip<8>, screen_strip<9>, screen_strip<10>};

// The strips of a block whose boxes are within reach of a candidate, as bits.
COFACTOR_INLINE std::uint32_t strips_within_reach(const std::int32_t* boxes, size_t quads,
                                                  const std::int32_t* head,
                                                  const std::int32_t* reach) {
    const std::int32_t* const ends = boxes + quads * strip_slots;
    Int<float> squares[strip_vectors]{};
    for (size_t l = 0; l < quads; ++l) {
        const Int<float> point = splat_int<float>(head[l]);
        for (size_t v = 0; v < strip_vectors; ++v) {
            const size_t at = l * strip_slots + v * lanes<float>;
            squares[v] = add_squares(
                squares[v], gaps_outside(load_words(boxes + at), load_words(ends + at), point));
        }
    }
    std::uint32_t bits = 0;
    for (size_t v = 0; v < strip_vectors; ++v)
        bits |= bits_of(squares[v] <= load_words(reach + v * lanes<float>)) << v * lanes<float>;
    return bits;
}

// Add the squared gaps between a point and the rows of a strip, in some coordinates.
COFACTOR_INLINE void add_gaps(const std::int32_t* strip, size_t quads, const std::int32_t* point,
                              Int<float> (&squares)[strip_vectors]) {
    for (size_t l = 0; l < quads; ++l) {
        const Int<float> own = splat_int<float>(point[l]);
        for (size_t v = 0; v < strip_vectors; ++v)
            squares[v] = add_squares(
                squares[v], gaps(load_words(strip + l * strip_slots + v * lanes<float>), own));
    }
}

// The rows of a strip that so many of its first and other quads leave within reach, as bits.
COFACTOR_INLINE std::uint32_t rows_within_reach(const Strip& strip, size_t firsts, size_t others,
                                                const std::int32_t* head) {
    Int<float> squares[strip_vectors]{};
    add_gaps(strip.firsts, firsts, head, squares);
    add_gaps(strip.others, others, head + firsts, squares);
    std::uint32_t bits = 0;
    for (size_t v = 0; v < strip_vectors; ++v) {
        const size_t at = v * lanes<float>;
        bits |= bits_of(squares[v] < load_words(strip.reach + at)) << at;
    }
    return bits;
}

// |a - b|^2 of coordinates of 16 bits, a multiple of 32 of them.
COFACTOR_INLINE std::int32_t profile_distance(const std::int16_t* a, const std::int16_t* b,
                                              size_t columns) {
    Int<float> squares{};
    for (size_t l = 0; l < columns; l += 2 * lanes<float>) {
        const Int<float> gap = (Int<float>)((Shorts)load_words(a + l) - (Shorts)load_words(b + l));
        squares = add_products(squares, gap, gap);
    }
    std::int32_t sum = 0;
    for (size_t i = 0; i < lanes<float>; ++i) sum += squares[i];
    return sum;
}

constexpr std::int32_t no_head = -800000000;     // norm of a row that bounds say nothing about

// The heads of the candidates of a step: each thread has its own copy.
class Candidates {
public:
    Candidates(size_t trials, Matrix<const std::int32_t> firsts,
               Matrix<const std::int32_t> others, const std::int32_t* norms)
        : firsts_(firsts),
          others_(others),
          slot_norms_(norms),
          quads_((firsts.columns + others.columns) / strip_slots),
          heads_(trials * quads_),
          norms_(trials),
          starts_(trials),
          points_(trials * quads_) {}

    size_t count = 0;

    void set(const Label* rows, const Label* places, size_t number) {
        count = number;
        for (size_t r = 0; r < number; ++r) {
            const size_t slot = static_cast<size_t>(places[rows[r]]);
            norms_[r] = slot_norms_[slot];
            starts_[r] = -(norms_[r] >> 1);
            copy_quads(others_, slot, r, copy_quads(firsts_, slot, r, r * quads_));
        }
    }

    COFACTOR_INLINE bool has_head(size_t r) const { return norms_[r] != no_head; }
    COFACTOR_INLINE const std::int32_t* head(size_t r) const { return heads_ + r * quads_; }
    // As products want them, and the sums that products are added to.
    COFACTOR_INLINE const PointQuad* points(size_t r) const { return points_ + r * quads_; }
    COFACTOR_INLINE const std::int32_t* starts(size_t r) const { return starts_ + r; }

private:
    // Copy the coordinates of a slot to where `at` says; return what follows.
    size_t copy_quads(Matrix<const std::int32_t> strips, size_t slot, size_t r, size_t at) {
        const std::int32_t* const strip =
            strips.data + slot / strip_slots * strips.columns + slot % strip_slots;
        for (size_t l = 0; l < strips.columns; l += strip_slots, ++at) {
            heads_[at] = strip[l];
            points_[at] = PointQuad(strip[l]);
            starts_[r] -= surplus(strip[l]);
        }
        return at;
    }

    const Matrix<const std::int32_t> firsts_, others_;
    const std::int32_t* const slot_norms_;
    const size_t quads_;
    const Scratch<std::int32_t> heads_, norms_, starts_;
    const Scratch<PointQuad> points_;
};

}  // namespace cofactor::COFACTOR_ISA
