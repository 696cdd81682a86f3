// Weighted sums of the rows of each component, which follow the rows whose labels change.
//
// Where the sums of all components are small, each range keeps what it gains and loses beside its
// rows while they are in the cache; else rows that moved are listed, and carried afterwards.
#pragma once

#include "lloyd_space.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class RowSums {
public:
    RowSums(const LloydRows<T>& rows, const LloydModel& model, const LloydSpace<T>& space)
        : rows_(rows), model_(model), space_(space) {}

    // Carry a row from the sums of one component (-1: none) to those of its label, now or later.
    void change(size_t range, size_t n, Label from) const {
        if (!space_.fused) return remember(range, n, from);
        carry_own(range, n, rows_.weights[n], rows_.labels[n]);
        if (from >= 0) carry_own(range, n, -rows_.weights[n], from);
    }

    // Bring the sums of components [begin, end) up to date.
    void add_up(size_t begin, size_t end, bool anew) const {
        if (anew) for (size_t c = begin; c < end; ++c) clear(c);
        if (space_.fused)
            for (size_t c = begin; c < end; ++c) gather(c);
        else
            replay(begin, end);
        for (size_t c = begin; c < end; ++c) conclude(c);
    }

private:
    void remember(size_t range, size_t n, Label from) const {
        const size_t at = space_.begin(range) + static_cast<size_t>(space_.notes[range].events++);
        space_.event_row[at] = static_cast<Label>(n);
        space_.event_from[at] = from;
    }

    // Add a row to a component's sums, or take it away if the weight is negative.
    template <class Size>
    COFACTOR_INLINE void carry(size_t n, double weight, double* __restrict sums, double& count,
                               Size& size) const {
        const T* __restrict const x = rows_.X.data + n * space_.d;
        const T* __restrict const shift = rows_.shift;
        for (size_t l = 0; l < space_.d; ++l)
            sums[l] += weight * (static_cast<double>(x[l]) - static_cast<double>(shift[l]));
        count += weight;
        size += static_cast<Size>((weight > 0) - (weight < 0));
    }

    void carry_own(size_t range, size_t n, double weight, Label to) const {
        const size_t c = static_cast<size_t>(to);
        space_.touched[range * space_.k + c] = 1;
        double* const own = space_.own_of(range, c);
        carry(n, weight, own, own[space_.d], own[space_.d + 1]);
    }

    void clear(size_t c) const {
        model_.sizes[c] = 0;
        model_.counts[c] = 0;
        for (size_t l = 0; l < space_.d; ++l) model_.sums[c * space_.d + l] = 0;
    }

    // Add what all ranges gained for a component, range by range.
    void gather(size_t c) const {
        const size_t d = space_.d;
        for (size_t r = 0; r < space_.ranges; ++r) {
            if (!space_.touched[r * space_.k + c]) continue;
            space_.touched[r * space_.k + c] = 0;
            double* __restrict const own = space_.own_of(r, c);
            double* __restrict const sum = model_.sums + c * d;
            for (size_t l = 0; l < d; ++l) sum[l] += own[l];
            model_.counts[c] += own[d];
            model_.sizes[c] += static_cast<std::int64_t>(own[d + 1]);
            for (size_t l = 0; l < d + 2; ++l) own[l] = 0;
        }
    }

    // Carry the rows that came to some components or left them, row by row.
    void replay(size_t begin, size_t end) const {
        for (size_t r = 0; r < space_.ranges; ++r)
            for (size_t e = 0; e < static_cast<size_t>(space_.notes[r].events); ++e) {
                const size_t at = space_.begin(r) + e;
                const size_t n = static_cast<size_t>(space_.event_row[at]);
                carry_into(n, rows_.weights[n], rows_.labels[n], begin, end);
                carry_into(n, -rows_.weights[n], space_.event_from[at], begin, end);
            }
    }

    COFACTOR_INLINE void carry_into(size_t n, double weight, Label to, size_t begin,
                                    size_t end) const {
        const size_t c = static_cast<size_t>(to);  // -1, from nowhere, is beyond any end
        if (c >= begin && c < end)
            carry(n, weight, model_.sums + c * space_.d, model_.counts[c], model_.sizes[c]);
    }

    void conclude(size_t c) const {
        if (model_.sizes[c] == 0) clear(c);
        const double* const mean = model_.means + c * space_.d;
        const double* const sum = model_.sums + c * space_.d;
        space_.affine[c] = model_.counts[c] * space_.half_norms[c] -
                           sum_of(space_.d, [=](size_t l) { return sum[l] * mean[l]; });
    }

    const LloydRows<T> rows_;
    const LloydModel model_;
    const LloydSpace<T>& space_;
};

}  // namespace cofactor::COFACTOR_ISA
