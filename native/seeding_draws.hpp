// The draws of greedy k-means++: candidates in proportion to what rows have at stake.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t panel_rows = 64;  // whose potentials are added up first

COFACTOR_INLINE constexpr size_t panels_of(size_t rows) {
    return (rows + panel_rows - 1) / panel_rows;
}

class Draws {
public:
    Draws(Matrix<const double> uniforms, size_t rows)
        : uniforms_(uniforms), rows_(rows), panels_(panels_of(rows)), reached_(panels_) {}

    // Write the candidates of a step, drawn in proportion to mass(row), whose sums over panels
    // are given; the only one of step 0 is chosen[0]. False if all is 0.
    template <class Mass>
    bool next(size_t step, const Label* chosen, const double* potentials, Mass mass,
              Label* candidates) {
        if (step == 0) {
            candidates[0] = chosen[0];
            return true;
        }
        double total = 0;
        for (size_t p = 0; p < panels_; ++p) reached_[p] = total += potentials[p];
        if (!(total > 0)) return false;
        const double* const uniforms = uniforms_.data + (step - 1) * uniforms_.columns;
        for (size_t q = 0; q < uniforms_.columns; ++q)
            candidates[q] = drawn(larger(uniforms[q] * total, 5e-324), mass);  // 0 is too early
        return true;
    }

private:
    // The first row at which the cumulated mass reaches a target.
    template <class Mass>
    Label drawn(double target, Mass mass) const {
        const size_t panel = panel_of(target);
        double reached = panel ? reached_[panel - 1] : 0.0;
        size_t last = 0;
        const size_t end = smaller((panel + 1) * panel_rows, rows_);
        for (size_t row = panel * panel_rows; row < end; ++row) {
            const double own = mass(row);
            reached += own;
            if (!(own > 0)) continue;
            last = row;
            if (reached >= target) break;
        }
        return static_cast<Label>(last);
    }

    size_t panel_of(double target) const {
        size_t panel = 0, after = panels_ - 1;  // somewhere from the one to the other
        while (panel < after) {
            const size_t middle = (panel + after) / 2;
            if (reached_[middle] < target)
                panel = middle + 1;
            else
                after = middle;
        }
        return panel;
    }

    const Matrix<const double> uniforms_;
    const size_t rows_, panels_;
    const Scratch<double> reached_;
};

}  // namespace cofactor::COFACTOR_ISA
