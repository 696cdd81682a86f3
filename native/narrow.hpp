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

    COFACTOR_INLINE NarrowedRows four(const double* const* rows) const {
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
// Numerical Algorithms, 3.1); what float64 adds is far smaller, and numbers that vanish weigh 2^-64.
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

// float64 components, prepared for a search in float32.
struct NarrowComponents {
    NarrowComponents(Matrix<const double> components, const double* offsets)
        : scale(narrowing_scale(components.data, components.rows * components.columns)),
          packed(components.rows, components.columns),
          doubt(components.columns, reach(components) * scale,
                largest_offset(offsets, components.rows) * scale * scale) {
        packed.fill(components.data, offsets, scale);
    }

    const double scale;
    PackedComponents<float> packed;
    const Doubt doubt;

private:
    double reach(Matrix<const double> components) const {
        double largest = 0;
        for (size_t j = 0; j < components.rows; ++j) {
            const double* const e = components.data + j * components.columns;
            largest = larger(largest, sum_of(components.columns, [=](size_t l) {
                return e[l] * scale * (e[l] * scale);
            }));
        }
        return __builtin_sqrt(largest) / scale;
    }

    static double largest_offset(const double* offsets, size_t k) {
        double largest = 0;
        for (size_t j = 0; j < k; ++j) {
            const double size = __builtin_fabs(offsets[j]);
            if (size < __builtin_inf()) largest = larger(largest, size);
        }
        return largest;
    }
};

// Finds the nearest components of single rows in float64; prepares nothing until it is asked.
class Settler {
public:
    Settler(Matrix<const double> X, const double* shift, Matrix<const double> components,
            const double* offsets)
        : rows_{X, shift},
          components_(components),
          offsets_(offsets),
          packed_(components.rows, components.columns),
          panel_(tile_rows<double> * X.columns),
          keeper_(1, components.rows, 1) {}

    // best[i] = the smallest loss of row rows[i], and its component.
    template <class Index>
    void settle(const Index* rows, size_t count, Candidate<double>* best) {
        if (count > 0 && !ready_) packed_.fill(components_.data, offsets_, 1.0);
        ready_ |= count > 0;
        for (size_t first = 0; first < count; first += tile_rows<double>)
            settle_panel(rows + first, smaller(tile_rows<double>, count - first), best + first);
    }

private:
    template <class Index>
    void settle_panel(const Index* rows, size_t count, Candidate<double>* best) {
        const auto at = [=](size_t i) { return static_cast<size_t>(rows[i]); };
        pack_panel(rows_, count, at, static_cast<double*>(panel_));
        keeper_.start(0);
        scan_panel<double>(panel_, packed_, 0, packed_.groups, keeper_, 0);
        for (size_t i = 0; i < count; ++i)
            keeper_.write(0, i, &best[i].component, &best[i].loss);
    }

    const PlainRows<double> rows_;
    const Matrix<const double> components_;
    const double* const offsets_;
    PackedComponents<double> packed_;
    const Scratch<double> panel_;
    Nearest<double> keeper_;
    bool ready_ = false;
};

}  // namespace cofactor::COFACTOR_ISA
