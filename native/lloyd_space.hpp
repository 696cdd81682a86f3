// What one fit of Lloyd's iterations remembers, carved out of the caller's memory.
#pragma once

#include "narrow.hpp"

namespace cofactor::COFACTOR_ISA {

// Cuts memory into arrays, each on a cache line of its own.
class Carver {
public:
    explicit Carver(char* base)
        : base_(round_up(reinterpret_cast<std::uintptr_t>(base), line)) {}

    template <class U>
    U* take(size_t count) {
        U* const at = reinterpret_cast<U*>(base_ + size_);
        size_ = round_up(size_ + count * sizeof(U), line);
        return at;
    }
    // Bytes that hold all, wherever they begin.
    size_t size() const { return size_ + line; }

private:
    static constexpr size_t line = 64;
    std::uintptr_t base_;
    size_t size_ = 0;
};

enum class Stage : std::int64_t { begin, measure, means, scan, sums };

// Where a fit stands. The caller's memory is zero at first.
struct Progress {
    Stage stage;
    std::int64_t bounded;  // whether all ranges are searched behind bounds
    double started;        // in seconds
    double weight;         // of all rows
    double spread;         // sum of weighted squared distances from the reference point
    double scale;          // of the search
    double shift, between;  // of the last step, for the trace
    double reach, offset;   // the largest norm and offset of a component of the search
};

// What is known of a range of rows; a cache line of its own.
struct alignas(64) RangeNotes {
    std::int64_t moved;   // rows whose label changed in the last scan
    std::int64_t events;  // rows to be carried from sum to sum
    double spread, weight, largest;
};

// Fixed ranges of rows are the pieces of a scan, whatever the number of threads.
inline size_t rows_of_range(size_t n, size_t d, size_t k) {
    constexpr size_t ranges = 64, least = 256, most = 4096, step = 64;
    constexpr size_t longest = size_t{1} << 31;  // products of a row range and all components
    const size_t brief = larger<size_t>(step, longest / (k * d + 1));
    const size_t even = (n + ranges - 1) / ranges;
    return round_up(smaller(smaller(larger(even, least), most), brief), step);
}

template <class T>
struct LloydSpace {
    static constexpr size_t own_sums = 8192;   // entries of sums that a range keeps for itself
    static constexpr size_t most_pieces = 16;  // of the work on components

    LloydSpace(size_t n, size_t d, size_t k, Carver carver)
        : n(n),
          d(d),
          k(k),
          range_rows(rows_of_range(n, d, k)),
          ranges((n + range_rows - 1) / range_rows),
          pieces(smaller(larger<size_t>(1, k * d / 2048), smaller(k, most_pieces))),
          tiles_size(round_up(k, tile_components) * d),
          fused(k * d <= own_sums && ranges * k * d * sizeof(double) <= 65536 + n * d * sizeof(T) / 2),
          progress(carver.take<Progress>(1)),
          notes(carver.take<RangeNotes>(ranges)),
          half_norms(carver.take<double>(k)),
          shifts(carver.take<double>(k)),
          between(carver.take<double>(k)),
          affine(carver.take<double>(k)),
          vectors(carver.take<float>(k * d)),
          tiles(carver.take<float>(tiles_size)),
          tile_offsets(carver.take<float>(round_up(k, tile_components))),
          exact_tiles(carver.take<T>(wide ? tiles_size : 0)),
          exact_offsets(carver.take<T>(wide ? round_up(k, tile_components) : 0)),
          norms(carver.take<float>(n + tile_rows<float>)),
          own(carver.take<double>(fused ? ranges * k * (d + 2) : 0)),
          touched(carver.take<char>(fused ? ranges * k : 0)),
          event_row(carver.take<Label>(fused ? 0 : n)),
          event_from(carver.take<Label>(fused ? 0 : n)),
          size(carver.size()) {}

    COFACTOR_INLINE size_t begin(size_t range) const { return range * range_rows; }
    COFACTOR_INLINE size_t end(size_t range) const { return smaller(n, (range + 1) * range_rows); }
    COFACTOR_INLINE size_t first_component(size_t piece) const { return piece * k / pieces; }

    // Sums, weight and number of the rows that a range gained for a component.
    COFACTOR_INLINE double* own_of(size_t range, size_t c) const {
        return own + (range * k + c) * (d + 2);
    }

    static constexpr bool wide = sizeof(T) > sizeof(float);
    const size_t n, d, k, range_rows, ranges, pieces, tiles_size;
    const bool fused;
    Progress* const progress;
    RangeNotes* const notes;
    double *const half_norms, *const shifts, *const between, *const affine;  // of components
    float* const vectors;  // components as they are searched for, row by row,
    float *const tiles, *const tile_offsets;  // and interleaved
    T *const exact_tiles, *const exact_offsets;  // in float64, to settle doubts
    float* const norms;  // of rows as they are searched
    double* const own;
    char* const touched;
    Label *const event_row, *const event_from;
    const size_t size;  // in bytes
};

}  // namespace cofactor::COFACTOR_ISA
