// Weighted sums of the rows of each component, which follow the rows whose labels change.
//
// Rows that move are listed. Where the sums of all components are small, each range keeps what it
// gains and loses as soon as it has been searched; else rows are carried afterwards.
#pragma once

#include "lloyd_space.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class RowSums {
public:
    RowSums(const LloydRows<T>& rows, const LloydModel& model, const LloydSpace<T>& space)
        : rows_(rows),
          model_(model),
          space_(space),
          moved_(space.fused ? space.range_rows : 0),
          from_(space.fused ? space.range_rows : 0) {}

    // Note that a row goes from the sums of one component (-1: none) to those of its label.
    COFACTOR_INLINE void change(size_t range, size_t n, Label from) const {
        const Moves moves = moves_of(range);
        const size_t at = static_cast<size_t>(space_.notes[range].events++);
        moves.rows[at] = static_cast<Label>(n);
        moves.from[at] = from;
    }

    // All rows of a range that move are known.
    void close(size_t range) const {
        if (!space_.fused) return;
        for_moves(range, [](Label c) { return c >= 0; },
                  [=](size_t n, double weight, Label c) { carry_own(range, n, weight, c); });
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
    // Rows that moved, and where they were.
    struct Moves {
        Label *rows, *from;
    };

    COFACTOR_INLINE Moves moves_of(size_t range) const {
        if (space_.fused) return {moved_, from_};
        return {space_.event_row + space_.begin(range), space_.event_from + space_.begin(range)};
    }

    // Call carry(row, weight, component) for the components that a range's moves concern; rows that
    // come next are asked for.
    template <class Concerns, class Carry>
    COFACTOR_INLINE void for_moves(size_t range, Concerns concerns, Carry carry) const {
        const Moves moves = moves_of(range);
        const size_t count = static_cast<size_t>(space_.notes[range].events);
        for (size_t e = 0; e < count; ++e) {
            const size_t n = static_cast<size_t>(moves.rows[e]);
            announce(moves, e, count, concerns);
            if (concerns(rows_.labels[n])) carry(n, rows_.weights[n], rows_.labels[n]);
            if (concerns(moves.from[e])) carry(n, -rows_.weights[n], moves.from[e]);
        }
    }

    template <class Concerns>
    COFACTOR_INLINE void announce(Moves moves, size_t e, size_t count, Concerns concerns) const {
        constexpr size_t soon = 8, later = 16;
        if (e + later < count) {
            const Label n = moves.rows[e + later];
            __builtin_prefetch(rows_.labels + n);
            __builtin_prefetch(rows_.weights + n);
        }
        if (e + soon >= count) return;
        const size_t n = static_cast<size_t>(moves.rows[e + soon]);
        if (concerns(rows_.labels[n]) || concerns(moves.from[e + soon]))
            fetch(rows_.X.data + n * space_.d, space_.d * sizeof(T));
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
        const auto concerns = [=](Label c) {  // -1, from nowhere, is beyond any end
            return static_cast<size_t>(c) >= begin && static_cast<size_t>(c) < end;
        };
        const auto carry_into = [this](size_t n, double weight, Label to) {
            const size_t c = static_cast<size_t>(to);
            carry(n, weight, model_.sums + c * space_.d, model_.counts[c], model_.sizes[c]);
        };
        for (size_t r = 0; r < space_.ranges; ++r) for_moves(r, concerns, carry_into);
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
    const Scratch<Label> moved_, from_;  // of the range that is being searched
};

}  // namespace cofactor::COFACTOR_ISA
