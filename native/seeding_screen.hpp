// Which rows may be closer to a candidate than to all seeds: bounds in whole numbers of 16 bits.
//
// q_n are the coordinates of row n, whole numbers; a row may be closer if |q_n - q_c|^2 is within
// the row's reach. A candidate comes as 2 q_c and |q_c|^2, a row with its need |q_n|^2 - reach: the
// pair passes if <q_n, 2 q_c> - |q_c|^2 >= need.
#pragma once

#include "seeding_layout.hpp"

namespace cofactor::COFACTOR_ISA {

// The lanes at which a mask holds, as bits.
COFACTOR_INLINE std::uint64_t lane_bits(Int<float> mask) {
#if defined(__AVX512DQ__)
    return static_cast<std::uint16_t>(__builtin_ia32_cvtd2mask512(mask));
#elif defined(__AVX2__)
    return static_cast<std::uint8_t>(__builtin_ia32_movmskps256((Vec<float>)mask));
#elif defined(__SSE2__)
    return static_cast<std::uint8_t>(__builtin_ia32_movmskps((Vec<float>)mask));
#else
    std::uint64_t bits = 0;
    for (size_t i = 0; i < lanes<float>; ++i) bits |= std::uint64_t{mask[i] != 0} << i;
    return bits;
#endif
}

template <class Visit>
COFACTOR_INLINE void for_each_bit(std::uint64_t bits, Visit visit) {
    for (; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(__builtin_ctzll(bits)));
}

constexpr size_t strip_vectors = strip_slots / lanes<float>;
// Candidates looked at together: as many as the registers hold sums of.
#if defined(__AVX512F__) || defined(__aarch64__) || defined(__AVX2__)
constexpr size_t screened_together = 5;
#else
constexpr size_t screened_together = 3;
#endif

// A strip and what each of its rows needs to pass.
struct Strip {
    const std::int32_t* heads;
    Int<float> need[strip_vectors];
};

// The rows of two strips that pass for a candidate, 16 bits each.
COFACTOR_INLINE std::uint32_t screen_two(const Strip& one, const Strip& two, size_t pairs,
                                         const std::int32_t* candidate, std::int32_t norm) {
    Int<float> first[strip_vectors], second[strip_vectors];
    for (size_t v = 0; v < strip_vectors; ++v) first[v] = second[v] = splat_int<float>(-norm);
    for (size_t l = 0; l < pairs; ++l) {
        const Int<float> own = splat_int<float>(candidate[l]);
        for (size_t v = 0; v < strip_vectors; ++v) {
            const size_t at = l * strip_slots + v * lanes<float>;
            first[v] = add_products(first[v], load_words(one.heads + at), own);
            second[v] = add_products(second[v], load_words(two.heads + at), own);
        }
    }
    std::uint64_t bits = 0;
    for (size_t v = 0; v < strip_vectors; ++v)
        bits |= lane_bits(first[v] >= one.need[v]) << v * lanes<float> |
                lane_bits(second[v] >= two.need[v]) << (strip_slots + v * lanes<float>);
    return static_cast<std::uint32_t>(bits);
}

// bits[r] = the rows of a strip that pass for candidate r.
template <size_t size>
void screen_strip(const Strip& strip, size_t pairs, const std::int32_t* heads,
                  const std::int32_t* norms, std::uint32_t* bits) {
    Int<float> score[size][strip_vectors];
    for (size_t r = 0; r < size; ++r)
        for (size_t v = 0; v < strip_vectors; ++v) score[r][v] = splat_int<float>(-norms[r]);
    const std::int32_t* x = strip.heads;
    for (size_t l = 0; l < pairs; ++l, x += strip_slots) {
        Int<float> values[strip_vectors];
        for (size_t v = 0; v < strip_vectors; ++v) values[v] = load_words(x + v * lanes<float>);
        for (size_t r = 0; r < size; ++r) {
            const Int<float> own = splat_int<float>(heads[r * pairs + l]);
            for (size_t v = 0; v < strip_vectors; ++v)
                score[r][v] = add_products(score[r][v], values[v], own);
        }
    }
    for (size_t r = 0; r < size; ++r) {
        bits[r] = 0;
        for (size_t v = 0; v < strip_vectors; ++v)
            bits[r] |= static_cast<std::uint32_t>(lane_bits(score[r][v] >= strip.need[v]))
                       << v * lanes<float>;
    }
}

using ScreenStrip = void (*)(const Strip&, size_t, const std::int32_t*, const std::int32_t*,
                             std::uint32_t*);
constexpr ScreenStrip screen_strips[] = {screen_strip<1>, screen_strip<2>, screen_strip<3>,
                                         screen_strip<4>, screen_strip<5>};

// The strips of a block whose boxes are within reach of a candidate, as bits.
COFACTOR_INLINE std::uint32_t strips_within_reach(const std::int32_t* boxes, size_t pairs,
                                                  const std::int32_t* head,
                                                  const std::int32_t* reach) {
    const std::int32_t* const ends = boxes + pairs * strip_slots;
    Int<float> squares[strip_vectors]{};
    for (size_t l = 0; l < pairs; ++l) {
        const Shorts c = (Shorts)splat_int<float>(head[l]);
        for (size_t v = 0; v < strip_vectors; ++v) {
            const size_t at = l * strip_slots + v * lanes<float>;
            const Shorts below = (Shorts)load_words(boxes + at) - c;
            const Shorts above = c - (Shorts)load_words(ends + at);
            const Int<float> gap = (Int<float>)at_least(at_least(below, above), Shorts{});
            squares[v] = add_products(squares[v], gap, gap);
        }
    }
    std::uint64_t bits = 0;
    for (size_t v = 0; v < strip_vectors; ++v)
        bits |= lane_bits(squares[v] <= load_words(reach + v * lanes<float>)) << v * lanes<float>;
    return static_cast<std::uint32_t>(bits);
}

// <a, b> of whole numbers of 16 bits, a multiple of 32 of them.
COFACTOR_INLINE std::int32_t profile_product(const std::int16_t* a, const std::int16_t* b,
                                             size_t columns) {
    Int<float> total{};
    for (size_t l = 0; l < columns; l += 2 * lanes<float>)
        total = add_products(total, load_words(a + l), load_words(b + l));
    std::int32_t sum = 0;
    for (size_t i = 0; i < lanes<float>; ++i) sum += total[i];
    return sum;
}

constexpr std::int32_t no_head = -800000000;     // norm of a row that bounds say nothing about

// The heads of the candidates of a step: each thread has its own copy.
class Candidates {
public:
    Candidates(size_t trials, Matrix<const std::int32_t> heads, const std::int32_t* norms)
        : strips_(heads),
          slot_norms_(norms),
          pairs_(heads.columns / strip_slots),
          heads_(trials * pairs_),
          doubled_(trials * pairs_),
          norms_(trials) {}

    size_t count = 0;

    void set(const Label* rows, const Label* places, size_t number) {
        count = number;
        for (size_t r = 0; r < number; ++r) {
            const size_t slot = static_cast<size_t>(places[rows[r]]);
            const std::int32_t* const strip =
                strips_.data + slot / strip_slots * strips_.columns + slot % strip_slots;
            for (size_t l = 0; l < pairs_; ++l) {
                const std::int32_t pair = strip[l * strip_slots];
                heads_[r * pairs_ + l] = pair;
                doubled_[r * pairs_ + l] = doubled_pair(pair);
            }
            norms_[r] = slot_norms_[slot];
        }
    }

    COFACTOR_INLINE bool has_head(size_t r) const { return norms_[r] != no_head; }
    COFACTOR_INLINE const std::int32_t* head(size_t r) const { return heads_ + r * pairs_; }
    COFACTOR_INLINE const std::int32_t* doubled() const { return doubled_; }
    COFACTOR_INLINE const std::int32_t* norms() const { return norms_; }

private:
    const Matrix<const std::int32_t> strips_;
    const std::int32_t* const slot_norms_;
    const size_t pairs_;
    const Scratch<std::int32_t> heads_, doubled_, norms_;
};

}  // namespace cofactor::COFACTOR_ISA
