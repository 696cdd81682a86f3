// What one fit of Lloyd's iterations remembers, carved out of the caller's memory.
#pragma once

#include "carver.hpp"
#include "lloyd_course.hpp"
#include "narrow.hpp"

namespace cofactor::COFACTOR_ISA {

enum class Stage : std::int64_t { begin, measure, means, pilot, scan, sums };

// Where a fit stands. The caller's memory is zero at first.
struct Progress : CourseProgress {
    Stage stage;
    std::int64_t bounded;  // whether all ranges are searched behind bounds
    double scale;          // of the search
    double reach, offset;   // the largest norm and offset of a component of the search
    double loose;           // what rounding may have done to cumulative moves
    std::int64_t gathered;  // whether rows that bounds leave open are searched all together
    double expected;        // rows that tightened bounds were to leave open
    std::int64_t words;     // whether full searches are in whole numbers
    double grain;           // the unit of those
    double blur;            // how far they are from components, in grains
    std::int64_t far_groups;  // groups of which components moved far
    std::int64_t chosen;      // the limit beyond which they did
};

// How many limits there are to how far a component moves and yet loosens the bounds of its group.
constexpr size_t n_limits = 8;

// What is known of a range of rows; a cache line of its own.
struct alignas(64) RangeNotes {
    double spread, weight, largest;
    std::int64_t moved;   // rows whose label changed in the last scan
    std::int64_t evaluations;  // distances that it computed
    std::int64_t events;  // rows to be carried from sum to sum
    std::int64_t known;        // whether there are bounds
    std::int64_t searched, doubts;  // rows searched in whole numbers, and those in doubt after it
    std::int64_t unclear;           // rows that bounds left open before they were tightened
    float rest;                     // what rounding to words took from a row at most
    std::int64_t piloted;           // rows of a pilot with bounds
    // Of those, rows and pairs of a row and a group that bounds leave open, under each limit.
    std::int64_t open_under[n_limits], pairs_under[n_limits];
};

// Fixed ranges of rows are the pieces of a scan, whatever the number of threads.
inline size_t rows_of_range(size_t n, size_t d, size_t k) {
    constexpr size_t ranges = 64, least = 256, most = 4096, step = 64;
    constexpr size_t longest = size_t{1} << 31;  // products of a row range and all components
    const size_t brief = larger<size_t>(step, longest / (k * d + 1));
    const size_t even = (n + ranges - 1) / ranges;
    return round_up(smaller(smaller(larger(even, least), most), brief), step);
}

constexpr size_t slab_width = 2 * lanes<float>;  // components

// How many rows of so many words can be open at once.
template <class Space>
size_t most_open(const Space& space, size_t words) {
    constexpr size_t budget = 96 * 1024, least = 64;  // bytes, rows
    if (space.groups == 0) return 0;
    return smaller(space.range_rows, larger(least, budget / (words * sizeof(float))));
}

// How many components share a bound, or 0 where bounds cannot pay. Few exclude more, many cost less
// to look after; bounds take no more memory than the rows, and where rows have many columns no more
// than a quarter of that.
inline size_t size_of_group(size_t n, size_t row_bytes, size_t d, size_t k, size_t ranges) {
    constexpr size_t least_work = 1 << 22, least_ranges = 8, least_k = 32, many_groups = 11;
    constexpr size_t step = vector_bytes < 64 ? 48 : 96;  // whole tiles, and whole slabs
    const size_t as_rows = row_bytes / sizeof(float);
    const size_t most_groups = smaller(as_rows, larger(as_rows / 6, many_groups));
    if (ranges < least_ranges || k < least_k || n * d * k < least_work || most_groups < 1) return 0;
    const size_t wanted = k < 512 ? step : 96;
    return larger(wanted, round_up((k + most_groups - 1) / most_groups, step));
}

// Components interleaved, as they are searched for, in the rows' precision to settle doubts, and by
// the slots of their groups.
template <class T>
struct FloatForms {
    static constexpr bool wide = sizeof(T) > sizeof(float);

    FloatForms(size_t d, size_t k, size_t slots, Carver carver)
        : d(d),
          tiles(carver.take<float>(round_up(k, tile_components) * d)),
          exact_tiles(carver.take<T>(wide ? round_up(k, tile_components) * d : 0)),
          slabs(carver.take<float>(slots * d)),
          size(carver.size()) {}

    COFACTOR_INLINE float* slab_of(size_t slot) const {
        const size_t first = slot / slab_width * slab_width;
        return slabs + first * d + (slot - first);
    }

    const size_t d;
    float* const tiles;
    T* const exact_tiles;
    float* const slabs;
    const size_t size;  // in bytes
};

// Components in whole numbers, two columns a word, and those that moved far in the order of groups.
struct WordForms {
    WordForms(size_t d, size_t k, size_t slots, Carver carver)
        : pairs((d + 1) / 2),
          most_far(slots ? (k + 3) / 4 : 0),
          vectors(carver.take<std::int32_t>(slots ? k * pairs : 0)),
          slabs(carver.take<std::int32_t>(slots * pairs)),
          tiles(carver.take<std::int32_t>(slots * pairs)),
          far(carver.take<std::int32_t>(most_far * pairs)),
          size(carver.size()) {}

    COFACTOR_INLINE std::int32_t* tile_of(size_t slot) const {
        const size_t first = slot / tile_components * tile_components;
        return tiles + first * pairs + (slot - first);
    }
    COFACTOR_INLINE std::int32_t* slab_of(size_t slot) const {
        const size_t first = slot / slab_width * slab_width;
        return slabs + first * pairs + (slot - first);
    }

    const size_t pairs;     // of columns
    const size_t most_far;  // components: beyond, a full search is as cheap
    std::int32_t *const vectors, *const slabs, *const tiles, *const far;
    const size_t size;  // in bytes
};

template <class T>
struct LloydSpace {
    static constexpr size_t own_sums = 8192;   // entries of sums that a range keeps for itself
    static constexpr size_t most_pieces = 16;  // of the work on components
    static constexpr size_t few_entries = 1 << 20;  // of rows that are kept packed
    static constexpr size_t few_products = 1 << 14;  // of a row: a panel of rows is searched soonest

    LloydSpace(size_t n, size_t d, size_t k, Carver carver)
        : n(n),
          d(d),
          k(k),
          range_rows(rows_of_range(n, d, k)),
          ranges((n + range_rows - 1) / range_rows),
          pieces(smaller(larger<size_t>(1, k * d / 2048), smaller(k, most_pieces))),
          few(k * d <= few_products),
          fused(k * d <= own_sums &&
                ranges * k * d * sizeof(double) <= 65536 + n * d * sizeof(T) / 2),
          group_size(size_of_group(n, d * sizeof(T), d, k, ranges)),
          groups(group_size ? (k + group_size - 1) / group_size : 0),
          slots(groups * group_size),
          pairs((d + 1) / 2),
          progress(carver.take<Progress>(1)),
          notes(carver.take<RangeNotes>(ranges)),
          half_norms(carver.take<double>(k)),
          shifts(carver.take<double>(k)),
          between(carver.take<double>(k)),
          affine(carver.take<double>(k)),
          tile_offsets(carver.take<float>(round_up(k, tile_components))),
          exact_offsets(carver.take<T>(wide ? round_up(k, tile_components) : 0)),
          norms(carver.take<float>(n + tile_rows<float>)),
          panels(groups == 0 && n * d <= few_entries
                     ? carver.take<float>(round_up(n, tile_rows<float>) * d)
                     : nullptr),
          floats(d, k, slots, Carver(carver.take<char>(size_of_forms(d, k, slots)))),
          words(d, k, slots, Carver(reinterpret_cast<char*>(floats.tiles) + (few ? floats.size : 0))),
          members(carver.take<Label>(slots)),
          places(carver.take<Label>(groups ? k : 0)),
          slab_offsets(carver.take<float>(slots)),
          word_offsets(carver.take<std::int32_t>(slots)),
          blurs(carver.take<double>(groups ? k : 0)),
          limits(carver.take<double>(n_limits)),
          loosening(carver.take<double>(groups * n_limits)),
          far_groups(carver.take<Label>(groups)),
          far_ends(carver.take<Label>(groups)),
          far_slots(carver.take<Label>(words.most_far)),
          far_offsets(carver.take<std::int32_t>(words.most_far)),
          steps(carver.take<double>(groups ? k : 0)),
          way(carver.take<double>(groups ? k : 0)),
          group_way(carver.take<double>(groups)),
          moved(carver.take<float>(groups ? k : 0)),
          group_moved(carver.take<float>(groups)),
          row_words(carver.take<std::int32_t>(groups ? n * pairs : 0)),
          upper(carver.take<float>(groups ? n : 0)),
          lower(carver.take<float>(ranges * range_rows * groups)),
          own(carver.take<double>(fused ? ranges * k * (d + 2) : 0)),
          touched(carver.take<char>(fused ? ranges * k : 0)),
          event_row(carver.take<Label>(fused ? 0 : n)),
          event_from(carver.take<Label>(fused ? 0 : n)),
          size(carver.size()) {}

    Tiles<float> rounded() const { return {floats.tiles, tile_offsets, k, d}; }
    Tiles<T> exact() const {
        if constexpr (wide)
            return {floats.exact_tiles, exact_offsets, k, d};
        else
            return rounded();
    }

    COFACTOR_INLINE size_t begin(size_t range) const { return range * range_rows; }
    COFACTOR_INLINE size_t end(size_t range) const { return smaller(n, (range + 1) * range_rows); }
    COFACTOR_INLINE size_t end_of_group(size_t g) const {
        return smaller(k, (g + 1) * group_size);
    }
    COFACTOR_INLINE size_t first_component(size_t piece) const { return piece * k / pieces; }

    // Sums, weight and number of the rows that a range gained for a component.
    COFACTOR_INLINE double* own_of(size_t range, size_t c) const {
        return own + (range * k + c) * (d + 2);
    }

    static constexpr bool wide = sizeof(T) > sizeof(float);
    const size_t n, d, k, range_rows, ranges, pieces;
    const bool few;  // components: rows in doubt are searched as floats, others in words
    const bool fused;
    const size_t group_size, groups, slots;  // slots are components in the order of the groups
    const size_t pairs;  // of columns
    Progress* const progress;
    RangeNotes* const notes;
    double *const half_norms, *const shifts, *const between, *const affine;  // of components
    float* const tile_offsets;  // of components as they are searched for
    T* const exact_offsets;     // in float64, to settle doubts
    float* const norms;  // of rows as they are searched
    float* const panels;  // of few rows, packed once and for all; or null
    const FloatForms<T> floats;  // components are in one kind of numbers at a time, unless few
    const WordForms words;
    Label *const members, *const places;          // components of slots, slots of components
    float* const slab_offsets;
    std::int32_t* const word_offsets;
    double* const blurs;                          // how far those are from components
    double *const limits, *const loosening;       // of steps; of bounds: [group][limit]
    Label *const far_groups, *const far_ends, *const far_slots;  // what moved far, by groups
    std::int32_t* const far_offsets;
    double *const steps, *const way, *const group_way;  // how far components moved
    float *const moved, *const group_moved;       // at least that
    std::int32_t* const row_words;  // rows in whole numbers, two columns a word
    float *const upper, *const lower;             // bounds of rows; lower: [range][group][row]
    double* const own;
    char* const touched;
    Label *const event_row, *const event_from;
    const size_t size;  // in bytes

private:
    static size_t size_of_forms(size_t d, size_t k, size_t slots) {
        const size_t floats = FloatForms<T>(d, k, slots, Carver(nullptr)).size;
        const size_t words = WordForms(d, k, slots, Carver(nullptr)).size;
        return k * d <= few_products ? floats + words : larger(floats, words);
    }
};

}  // namespace cofactor::COFACTOR_ISA
