// Nearest components of float64 rows, searched for in float32.
//
// Rows and components are shifted, scaled by a power of two and rounded to float32. A row whose two
// smallest losses are farther apart than all rounding together can bring about has found its
// component; the others are searched again in float64, with the sums of top_losses in their order.
// So labels are those of a search in float64, to the last tie.
#pragma once

#include "top_losses.hpp"

namespace cofactor::COFACTOR_ISA {

// Rows of doubles less a shift and times a power of two, to be packed as floats.
struct NarrowRows {
    using Packed = float;

    Matrix<const double> X;
    const double* shift;
    double scale;

    COFACTOR_INLINE NarrowedRows entries(const double* const* rows) const {
        return {rows, shift, scale};
    }
};

// The power of two that brings the largest of some numbers near 1, so that their products neither
// overflow nor vanish.
inline double narrowing_scale(const double* values, size_t size) {
    constexpr std::int64_t bias = 1023, most = 400;
    double largest = 0;
    for (size_t i = 0; i < size; ++i) largest = larger(largest, __builtin_fabs(values[i]));
    if (!(largest > 0)) return 1;
    std::int64_t bits;
    __builtin_memcpy(&bits, &largest, sizeof bits);
    const std::int64_t exponent = smaller(larger((bits >> 52) - bias, -most), most);
    bits = (bias - exponent) << 52;
    double scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    return scale;
}

// How far apart two losses of a row must be for their order to be beyond doubt.
//
// With u the unit roundoff of float32, rounding moves <x, e> by (d u / (1 - d u) + 3 u) |x| |e| at
// most, and the offset and the difference by 2 u |b| (Higham 2002, Accuracy and Stability of
// Numerical Algorithms, 3.1); what float64 adds is far smaller, and numbers that vanish weigh
// 2^-64.
class Doubt {
public:
    // `reach` is the largest norm of a component and `offset` the largest finite |b|, both scaled.
    Doubt(size_t d, double reach, double offset) {
        constexpr double u = 0x1p-24, vanishing = 0x1p-64;
        const double growth = static_cast<double>(d) * u;
        const double sums = growth < 0.5 ? growth / (1 - growth) : __builtin_inf();
        // Twice, for two losses; the norm is rounded as well.
        slope_ = static_cast<float>(2.01 * (sums + 4 * u) * (1 + sums) * reach);
        constant_ = static_cast<float>(
            2.01 * (2.1 * u * offset + (static_cast<double>(d) + 1) * (reach + 1) * vanishing));
        if (!(offset < 0x1p126)) constant_ = infinity<float>;  // a loss may have overflowed
    }

    // For rows of these norms, in the units of the scaled floats.
    template <class V>
    COFACTOR_INLINE V operator()(V norm) const {
        return norm * slope_ + constant_;
    }

private:
    float slope_, constant_;
};

// The power of two that rows and components are searched with as floats, and the doubt that
// remains. `reach` is the largest norm of a component and `offset` the largest finite |b|, scaled.
template <class T>
struct Rounding {
    Rounding(Matrix<const T> components, const T* offsets)
        : scale(scale_of(components)),
          reach(reach_of(components)),
          offset(largest_offset(offsets, components.rows) * scale * scale),
          doubt(components.columns, reach, offset) {}

    const double scale, reach, offset;
    const Doubt doubt;

private:
    // Floats are searched as they are.
    static double scale_of(Matrix<const float>) { return 1; }
    static double scale_of(Matrix<const double> components) {
        return narrowing_scale(components.data, components.rows * components.columns);
    }

    double reach_of(Matrix<const T> components) const {
        double largest = 0;
        for (size_t j = 0; j < components.rows; ++j) {
            const T* const e = components.data + j * components.columns;
            largest = larger(largest, sum_of(components.columns, [=](size_t l) {
                const double value = static_cast<double>(e[l]) * scale;
                return value * value;
            }));
        }
        return __builtin_sqrt(largest);
    }

    static double largest_offset(const T* offsets, size_t k) {
        double largest = 0;
        for (size_t j = 0; j < k; ++j) {
            const double size = __builtin_fabs(static_cast<double>(offsets[j]));
            if (size < __builtin_inf()) largest = larger(largest, size);
        }
        return largest;
    }
};

// The squared norms of a vector of rows, from their panel.
COFACTOR_INLINE Vec<float> panel_squares(const float* panel, size_t d, size_t v) {
    Vec<float> squares{};
    for (size_t l = 0; l < d; ++l) {
        const Vec<float> x = load(panel + l * tile_rows<float> + v * lanes<float>);
        squares += x * x;
    }
    return squares;
}

// Whether a mask holds for the first rows of a panel; call visit(i) for each, and count them.
template <class Visit>
COFACTOR_INLINE size_t visit_rows(const Int<float> (&mask)[tile_vectors], size_t count,
                                  Visit visit) {
    Int<float> some{};
    for (const Int<float>& part : mask) some |= part;
    if (!any<float>(some)) return 0;
    size_t found = 0;
    for (size_t i = 0; i < count; ++i)
        if (mask[i / lanes<float>][i % lanes<float>]) visit(i), ++found;
    return found;
}

// What a search keeps of a row of floats, or of a row of doubles, of which it must know in doubt.
template <class T>
struct Searched {
    using State = OneLoss<float>;
};
template <>
struct Searched<double> {
    using State = TwoLosses<float>;
};

// Rows as they are searched: floats as they are, doubles narrowed.
COFACTOR_INLINE PlainRows<float> searched(Matrix<const float> X, const float* shift, double) {
    return {X, shift};
}
COFACTOR_INLINE NarrowRows searched(Matrix<const double> X, const double* shift, double scale) {
    return {X, shift, scale};
}

// Finds the nearest components of single rows in the precision that they have, with the sums of
// top_losses in their order.
template <class T>
class Settler {
public:
    Settler(Matrix<const T> X, const T* shift, Tiles<T> components)
        : rows_{X, shift}, components_(components), panel_(tile_rows<T> * X.columns) {}

    // best[i] = the smallest loss of row rows[i], and its component.
    template <class Index>
    void settle(const Index* rows, size_t count, Candidate<T>* best) const {
        for (size_t first = 0; first < count; first += tile_rows<T>)
            settle_panel(rows + first, smaller(tile_rows<T>, count - first), best + first);
    }

private:
    template <class Index>
    void settle_panel(const Index* rows, size_t count, Candidate<T>* best) const {
        const auto at = [=](size_t i) { return static_cast<size_t>(rows[i]); };
        pack_panel(rows_, count, at, static_cast<T*>(panel_));
        OneLoss<T> least;
        least.start();
        least = scan_panel<T>(panel_, components_, 0, components_.groups(), least);
        for (size_t i = 0; i < count; ++i) best[i] = least.of(i);
    }

    const PlainRows<T> rows_;
    const Tiles<T> components_;
    const Scratch<T> panel_;
};

// The components of a search: as floats, and in the precision of the rows.
template <class T>
struct SearchTiles {
    Tiles<float> rounded;
    Tiles<T> exact;
};

// Finds the nearest components of ranges of rows.
template <class T>
class NearestSearch {
public:
    NearestSearch(Matrix<const T> X, const T* shift, const SearchTiles<T>& components,
                  size_t range_rows)
        : X_(X),
          shift_(shift),
          scanner_(components.rounded, range_rows, 1),
          settler_(X, shift, components.exact) {}

    size_t rows_at_once() const { return scanner_.rows_at_once(); }

    // Pack rows, from the beginning of a panel on, for searches of the same scale.
    void pack(size_t begin, size_t end, double scale, float* panels) const {
        const auto rows = searched(X_, shift_, scale);
        for (size_t row = begin; row < end; row += tile_rows<float>)
            panel_of(rows, row, smaller(tile_rows<float>, end - row), panels + row * X_.columns);
    }

    // Call found(row, count, components) for the rows of every panel; return how many rows have no
    // finite loss. `norms(row, panel, v)` gives the norms of a vector of scaled rows.
    template <class Norms, class Found>
    size_t run(size_t begin, size_t end, double scale, const Doubt& doubt, Norms norms,
               Found found) {
        return run(searched(X_, shift_, scale), begin, end, doubt, norms, found);
    }

    template <class Rows, class Norms, class Found>
    size_t run(const Rows& rows, size_t begin, size_t end, const Doubt& doubt, Norms norms,
               Found found) {
        size_t astray = 0;
        const auto write = [&](size_t row, size_t count, const Keeper& keeper, size_t p,
                               const float* panel) {
            State& best = keeper.take(p);
            const auto unclear = [&](size_t v) { return doubt(norms(row, panel, v)); };
            astray += conclude(row, count, unclear, best);
            found(row, count, best.component);
        };
        scanner_.scan(rows, begin, end, write);
        return astray;
    }

private:
    using State = typename Searched<T>::State;
    using Keeper = Kept<State>;
    using Mask = Int<float>[tile_vectors];

    // What is found in the precision of the rows is beyond doubt.
    template <class Unclear>
    COFACTOR_INLINE size_t conclude(size_t, size_t count, Unclear, const OneLoss<float>& best) {
        Mask infinite;
        for (size_t v = 0; v < tile_vectors; ++v)
            infinite[v] =
                ~((best.loss[v] < infinity<float>) & (best.loss[v] > -infinity<float>));
        return visit_rows(infinite, count, [](size_t) {});
    }

    // Search again for rows whose component rounding may have chosen.
    template <class Unclear>
    COFACTOR_INLINE size_t conclude(size_t row, size_t count, Unclear unclear,
                                    TwoLosses<float>& best) {
        Mask doubtful;
        for (size_t v = 0; v < tile_vectors; ++v)
            doubtful[v] = ~(best.second[v] - best.loss[v] > unclear(v));
        size_t lane[tile_rows<float>], *next = lane;
        const size_t n = visit_rows(doubtful, count, [&](size_t i) { *next++ = i; });
        return n == 0 ? 0 : settle(row, lane, n, best);
    }

    [[gnu::noinline]] size_t settle(size_t row, const size_t* lane, size_t count,
                                    TwoLosses<float>& best) const {
        size_t rows[tile_rows<float>], astray = 0;
        Candidate<T> exact[tile_rows<float>];
        for (size_t i = 0; i < count; ++i) rows[i] = row + lane[i];
        settler_.settle(rows, count, exact);
        for (size_t i = 0; i < count; ++i) {
            best.component[lane[i] / lanes<float>][lane[i] % lanes<float>] = exact[i].component;
            astray += !(__builtin_fabs(exact[i].loss) < static_cast<T>(__builtin_inf()));
        }
        return astray;
    }

    const Matrix<const T> X_;
    const T* const shift_;
    Scanner<float, Keeper> scanner_;
    const Settler<T> settler_;
};

}  // namespace cofactor::COFACTOR_ISA
