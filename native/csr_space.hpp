// What Lloyd's iterations on sparse rows remember, carved out of the caller's memory.
#pragma once

#include "carver.hpp"
#include "csr_groups.hpp"
#include "lloyd_course.hpp"

namespace cofactor::COFACTOR_ISA {

enum class CsrStage : std::int64_t { begin, measure, lengths, means, scan, sums };

// Where a fit stands. The caller's memory is zero at first.
struct CsrProgress : CourseProgress {
    CsrStage stage;
};

// What is known of a piece of rows; a cache line of its own.
struct alignas(64) CsrNotes {
    std::int64_t moved;  // rows whose label changed in the last scan
    std::int64_t evaluations;  // distances that it computed
    double weight, spread;
};

// Sums over columns that follow from new means.
enum CsrPart : size_t { of_squares, of_products, of_drift, of_shift, csr_parts };

// A column's values of all components lie side by side, padded to whole groups.
template <class T>
struct CsrSpace {
    CsrSpace(size_t n, size_t entries, size_t d, size_t components, Carver carver)
        : n(n),
          d(d),
          components(components),
          k(round_up(components, group_size)),
          groups(k / group_size),
          width(groups_of_bound(groups, n, entries)),
          bands((groups + width - 1) / width),
          rows(rows_of_piece(n, entries)),
          row_pieces((n + rows - 1) / rows),
          columns(larger<size_t>(64, 65536 / k)),
          column_pieces((d + columns - 1) / columns),
          progress(carver.take<CsrProgress>(1)),
          notes(carver.take<CsrNotes>(row_pieces)),
          centers_t(carver.take<T>(d * k)),
          parts(carver.take<double>(column_pieces * csr_parts * k)),
          divisors(carver.take<double>(k)),
          squares(carver.take<double>(k)),
          products(carver.take<double>(k)),
          offsets(carver.take<T>(k)),
          drift(carver.take<T>(k)),
          band_drift(carver.take<T>(bands)),
          touched(carver.take<std::int64_t>(groups)),
          norms(carver.take<T>(n)),
          upper(carver.take<T>(n)),
          lower(carver.take<T>(bands * n)),
          known(carver.take<Label>(n)),
          moved(carver.take<Label>(n)),
          before(carver.take<Label>(n)),
          size(carver.size()) {}

    COFACTOR_INLINE size_t row(size_t piece) const { return smaller(n, piece * rows); }
    COFACTOR_INLINE size_t column(size_t piece) const { return smaller(d, piece * columns); }
    COFACTOR_INLINE Matrix<const T> centers() const { return {centers_t, d, k}; }

    const size_t n, d, components, k, groups, width, bands;  // a band is `width` groups
    const size_t rows, row_pieces, columns, column_pieces;
    CsrProgress* const progress;
    CsrNotes* const notes;
    T* const centers_t;       // (d, k): rounded means, which are searched
    double* const parts;      // (pieces of columns, 4, k)
    double* const divisors;   // of sums, to be means
    double* const squares;    // |mean|^2
    double* const products;   // <sum, mean>
    T* const offsets;         // |mean|^2 / 2; infinite where padded
    T* const drift;           // how far centres moved, at least
    T* const band_drift;      // the largest of each band
    std::int64_t* const touched;  // whether sums of a group changed
    T* const norms;           // |x|
    T* const upper;           // at least the distance to the row's own centre
    T* const lower;           // (band, row): at most that to any other centre of the band
    Label* const known;       // the labels that bounds belong to, plus 1
    Label* const moved;       // rows of a piece whose label changed, counted from its first
    Label* const before;      // and their labels before
    const size_t size;        // in bytes

private:
    // So many that bounds take no more memory than the data.
    static size_t groups_of_bound(size_t groups, size_t n, size_t entries) {
        const size_t most = 1 + entries / larger<size_t>(1, n);
        return (groups + most - 1) / most;
    }

    // About 2^15 entries, and few enough pieces for a relay, whatever the number of threads.
    static size_t rows_of_piece(size_t n, size_t entries) {
        const size_t filling = (n << 15) / larger<size_t>(1, entries);
        return larger(larger<size_t>(64, smaller<size_t>(filling, 4096)), n >> 19);
    }
};

}  // namespace cofactor::COFACTOR_ISA
