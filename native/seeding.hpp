// Greedy k-means++: which rows every candidate would come closer to than all seeds so far.
//
// A first pass bounds the distances from below, in whole numbers of 16 bits, with lanes = rows and
// all candidates at once; only the pairs that it cannot exclude are measured on the rows
// themselves. Rows come in panels of 64, so that what is left of a panel is one word of bits for
// every candidate.
#pragma once

#include "keepers.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t panel_rows = 64;
constexpr double lowest_limit = -2147483646.0;  // met by every score
constexpr size_t prefetched_bytes = 512;  // of a row; the machine itself fetches what follows

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

// |x - y|^2 in the precision of the data; never inlined, so that it rounds the same everywhere.
template <class T>
[[gnu::noinline]] double row_distance(const T* x, const T* y, size_t d) {
    Vec<T> even{}, odd{};
    size_t l = 0;
    for (; l + 2 * lanes<T> <= d; l += 2 * lanes<T>) {
        const Vec<T> a = load(x + l) - load(y + l);
        const Vec<T> b = load(x + l + lanes<T>) - load(y + l + lanes<T>);
        even += a * a;
        odd += b * b;
    }
    T rest = 0;
    for (; l < d; ++l) rest += (x[l] - y[l]) * (x[l] - y[l]);
    return sum<T>(even + odd) + static_cast<double>(rest);
}

// x[i] + y[i] . z[i], where y and z hold two numbers of 16 bits each.
COFACTOR_INLINE Int<float> add_products(Int<float> x, Int<float> y, Int<float> z) {
    typedef short Pairs __attribute__((vector_size(vector_bytes)));
#if defined(__AVX512BW__) && defined(__clang__)
    return x + (Int<float>)__builtin_ia32_pmaddwd512((Pairs)y, (Pairs)z);
#elif defined(__AVX512BW__)
    return x + __builtin_ia32_pmaddwd512_mask((Pairs)y, (Pairs)z, Int<float>{}, 0xffff);
#elif defined(__AVX2__)
    return x + (Int<float>)__builtin_ia32_pmaddwd256((Pairs)y, (Pairs)z);
#elif defined(__SSE2__)
    return x + (Int<float>)__builtin_ia32_pmaddwd128((Pairs)y, (Pairs)z);
#else
    return x + ((y << 16) >> 16) * ((z << 16) >> 16) + (y >> 16) * (z >> 16);
#endif
}

// Candidates in groups of equal size, as many as a tile has, interleaved: values[l * size + r].
class CandidateGroups {
public:
    CandidateGroups(size_t trials, size_t head, const std::int32_t* heads)
        : count((trials + tile_components - 1) / tile_components),
          trials_(trials),
          head_(head),
          values_(trials * head) {
        for (size_t g = 0; g < count; ++g)
            for (size_t r = 0; r < size(g); ++r)
                for (size_t l = 0; l < head; ++l)
                    values_[first(g) * head + l * size(g) + r] = heads[(first(g) + r) * head + l];
    }

    COFACTOR_INLINE size_t first(size_t g) const { return trials_ * g / count; }
    COFACTOR_INLINE size_t size(size_t g) const { return first(g + 1) - first(g); }
    COFACTOR_INLINE const std::int32_t* values(size_t g) const {
        return values_ + first(g) * head_;
    }

    const size_t count;

private:
    const size_t trials_, head_;
    const Scratch<std::int32_t> values_;
};

// The rows of a panel lie in strips, pair by pair: a scan of a strip reads straight on.
constexpr size_t strip_rows = 16;
static_assert(panel_rows % tile_rows<float> == 0 && lanes<float> <= strip_rows);

COFACTOR_INLINE Int<float> load_words(const std::int32_t* at) {
    Int<float> words;
    __builtin_memcpy(&words, at, sizeof words);
    return words;
}

// bits[r] = the rows of one panel with offsets[r] + <row, candidate r> >= limit.
template <size_t size>
void screen_panel(const std::int32_t* panel, const std::int32_t* limits,
                  const std::int32_t* candidates, const std::int32_t* offsets, size_t head,
                  std::uint64_t* bits) {
    for (size_t r = 0; r < size; ++r) bits[r] = 0;
    for (size_t row = 0; row < panel_rows; row += tile_rows<float>) {
        Int<float> score[size][tile_vectors];
        const std::int32_t* x[tile_vectors];
        for (size_t v = 0; v < tile_vectors; ++v) {
            const size_t at = row + v * lanes<float>;
            x[v] = panel + at / strip_rows * strip_rows * head + at % strip_rows;
            for (size_t r = 0; r < size; ++r) score[r][v] = splat_int<float>(offsets[r]);
        }
        for (size_t l = 0; l < head; ++l)
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Int<float> values = load_words(x[v] + l * strip_rows);
                for (size_t r = 0; r < size; ++r)
                    score[r][v] = add_products(score[r][v], values,
                                               splat_int<float>(candidates[l * size + r]));
            }
        for (size_t v = 0; v < tile_vectors; ++v) {
            const size_t at = row + v * lanes<float>;
            const Int<float> limit = load_words(limits + at);
            for (size_t r = 0; r < size; ++r) bits[r] |= lane_bits(score[r][v] >= limit) << at;
        }
    }
}

using ScreenPanel = void (*)(const std::int32_t*, const std::int32_t*, const std::int32_t*,
                             const std::int32_t*, size_t, std::uint64_t*);
constexpr ScreenPanel screen_panels[] = {screen_panel<1>, screen_panel<2>, screen_panel<3>,
                                         screen_panel<4>, screen_panel<5>, screen_panel<6>};
static_assert(sizeof screen_panels / sizeof *screen_panels == tile_components);

template <class T>
void prefetch_hits(SeedingRows<T> rows, size_t panel, size_t trials, const std::uint64_t* hits) {
    std::uint64_t bits = 0;
    for (size_t q = 0; q < trials; ++q) bits |= hits[q];
    const size_t row_bytes = smaller(rows.X.columns * sizeof(T), prefetched_bytes);
    for_each_bit(bits, [=](size_t lane) {
        const T* const row = rows.X.data + (panel * panel_rows + lane) * rows.X.columns;
        for (size_t at = 0; at < row_bytes; at += 64)
            __builtin_prefetch(reinterpret_cast<const char*>(row) + at);
    });
}

// Keep the hits that are closer than the closest seed, and add up what they would gain.
template <class T>
void settle_panel(SeedingRows<T> rows, size_t panel, Matrix<const T> candidates,
                  std::uint64_t* hits, double* gains) {
    const size_t d = candidates.columns;
    for (size_t q = 0; q < candidates.rows; ++q)
        for_each_bit(hits[q], [=](size_t lane) {
            const size_t n = panel * panel_rows + lane;
            const double gain = rows.closest[n] -
                                row_distance(rows.X.data + n * d, candidates.data + q * d, d);
            if (gain > 0)
                gains[q] += rows.weights[n] * gain;
            else
                hits[q] &= ~(std::uint64_t{1} << lane);
        });
}

template <class T>
void seeding_gains(SeedingRows<T> rows, Matrix<const std::int32_t> heads,
                   SeedingCandidates<T> candidates, size_t chunk, std::uint64_t* hits,
                   double* gains) {
    const size_t trials = candidates.rows.rows, head = heads.columns / panel_rows;
    const CandidateGroups groups(trials, head, candidates.heads);
    for (size_t i = 0; i < (heads.rows + chunk - 1) / chunk * trials; ++i) gains[i] = 0;
    const auto settle = [=](size_t p) {
        settle_panel(rows, p, candidates.rows, hits + p * trials, gains + p / chunk * trials);
    };
    for (size_t p = 0; p < heads.rows; ++p) {
        for (size_t g = 0; g < groups.count; ++g)
            screen_panels[groups.size(g) - 1](
                heads.data + p * heads.columns, rows.limits + p * panel_rows, groups.values(g),
                candidates.offsets + groups.first(g), head, hits + p * trials + groups.first(g));
        prefetch_hits(rows, p, trials, hits + p * trials);
        if (p > 0) settle(p - 1);  // while the rows of this panel arrive
    }
    if (heads.rows > 0) settle(heads.rows - 1);
}

template <class T>
void seeding_take(SeedingRows<T> rows, const T* center, Matrix<const std::uint64_t> hits,
                  size_t winner, SeedingBound bound, double* potentials) {
    for (size_t p = 0; p < hits.rows; ++p) {
        const std::uint64_t bits = hits.data[p * hits.columns + winner];
        if (bits == 0) continue;
        const size_t first = p * panel_rows, d = rows.X.columns;
        for_each_bit(bits, [=](size_t lane) {
            const size_t n = first + lane;
            rows.closest[n] = row_distance(rows.X.data + n * d, center, d);
            const double radius = bound.reach * __builtin_sqrt(rows.closest[n]) + bound.slack;
            const double limit = bound.half_norms[n] - 0.5 * (radius * radius);
            rows.limits[n] = static_cast<std::int32_t>(larger(limit, lowest_limit)) - 1;
        });
        potentials[p] = sum_of(panel_rows, [=](size_t lane) {
            return rows.weights[first + lane] * rows.closest[first + lane];
        });
    }
}

}  // namespace cofactor::COFACTOR_ISA
