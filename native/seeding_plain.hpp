// Greedy k-means++ without bounds: every row is measured at every step, all of them in one pass.
//
// A pass brings rows up to date with the seed of the step before, and finds what their potentials
// would be with each candidate and what it would gain, so that a step needs nothing else from the
// rows. Gains are not taken for differences of potentials, which round more than they.
#pragma once

#include "relay.hpp"
#include "seeding_distances.hpp"
#include "seeding_draws.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class PlainSeeding {
public:
    PlainSeeding(SeedingMeasured<T> rows, SeedingDraws task, SeedingOffers finds, std::int64_t* notes)
        : rows_(rows),
          task_(task),
          finds_(finds),
          notes_(notes),
          panels_(panels_of(rows.X.rows)),
          measure_(measure_for(rows.X.columns)),
          draws_(task.uniforms, rows.X.rows),
          offered_(task.uniforms.columns * panel_rows) {}

    // Take the best candidate of the step before, unless this is the first one, and draw those of
    // the next; after the last one, bring the rows up to date.
    size_t advance() {
        if (notes_[begun]++) {
            if (notes_[candidates] == 0) return 0;
            take(best());
            ++notes_[step];
        } else {
            notes_[step] = static_cast<std::int64_t>(task_.first_step);
            notes_[seed] = no_seed;
        }
        notes_[candidates] = static_cast<std::int64_t>(draw());
        return notes_[candidates] || notes_[seed] != no_seed ? pieces() : 0;
    }

    void work(size_t piece) {
        const size_t last = smaller((piece + 1) * piece_panels, panels_);
        for (size_t panel = piece * piece_panels; panel < last; ++panel) (this->*measure_)(panel);
    }

private:
    enum Note { begun, step, seed, candidates };  // the seed that rows have not met yet
    using Measure = void (PlainSeeding::*)(size_t panel);
    static constexpr std::int64_t no_seed = -1;
    static constexpr size_t piece_panels = 16;

    COFACTOR_INLINE size_t pieces() const { return (panels_ + piece_panels - 1) / piece_panels; }
    COFACTOR_INLINE size_t count() const { return static_cast<size_t>(notes_[candidates]); }

    COFACTOR_INLINE const T* row(Label n) const {
        return rows_.X.data + static_cast<size_t>(n) * rows_.X.columns;
    }

    static Measure measure_for(size_t columns) {
        constexpr size_t step = lanes<T>;
        if (columns <= few_columns) return &PlainSeeding::measure<Collected<T>>;
        if (columns <= step) return by_column(columns, std::make_index_sequence<vector_bytes / 16>{});
        if (columns < 2 * step) return &PlainSeeding::measure<Unrolled<T, 1, true>>;
        if (columns == 2 * step) return &PlainSeeding::measure<Unrolled<T, 2, false>>;
        return &PlainSeeding::measure<Looped<T>>;
    }

    template <size_t... i>
    static Measure by_column(size_t columns, std::index_sequence<i...>) {
        constexpr Measure measures[] = {&PlainSeeding::measure<ByColumn<T, i + 1>>...};
        return measures[(columns * sizeof(T) - 1) / 16];
    }

    template <class Measured>
    void measure(size_t panel) {
        const size_t first = panel * panel_rows, d = rows_.X.columns;
        const size_t size = smaller(panel_rows, rows_.X.rows - first);
        const T* const x = rows_.X.data + first * d;
        size_t i = 0;
        for (; i + lanes<T> <= size; i += lanes<T>)
            meet(first, i, lanes<T>, Measured{x + i * d, d});
        if (i < size) meet(first, i, size - i, Some<T>{x + i * d, size - i, d});
        for (size_t q = 0; q < count(); ++q) add_up(panel, size, q);
    }

    COFACTOR_INLINE void add_up(size_t panel, size_t size, size_t q) {
        const double* const weights = rows_.weights + panel * panel_rows;
        const T* const closest = rows_.closest + panel * panel_rows;
        const T* const offered = offered_ + q * panel_rows;
        finds_.potentials[q * panels_ + panel] = sum_of(
            size, [=](size_t i) { return weights[i] * static_cast<double>(offered[i]); });
        finds_.gains[q * panels_ + panel] = sum_of(size, [=](size_t i) {
            return weights[i] *
                   (static_cast<double>(closest[i]) - static_cast<double>(offered[i]));
        });
    }

    // Bring up to a vector of rows of a panel up to date, and find what candidates offer them.
    template <class Measured>
    COFACTOR_INLINE void meet(size_t first, size_t i, size_t size, const Measured& rows) {
        const size_t d = rows_.X.columns;
        T* const closest = rows_.closest + first + i;
        // Machines foresee rows that follow each other, but not far enough.
        fetch(rows_.X.data + (first + i + panel_rows) * d, size * d * sizeof(T));
        Vec<T> own = load_some(closest, size);
        if (notes_[seed] != no_seed) {
            own = at_most(own, rows.to(row(static_cast<Label>(notes_[seed]))));
            __builtin_memcpy(closest, &own, size * sizeof(T));
        }
        for (size_t q = 0; q < count(); ++q)
            store(offered_ + q * panel_rows + i, at_most(own, rows.to(row(finds_.candidates[q]))));
    }

    COFACTOR_INLINE static Vec<T> at_most(Vec<T> value, Vec<T> limit) {
        return value < limit ? value : limit;
    }

    // The candidate that gains most.
    size_t best() const {
        size_t winner = 0;
        double most = -1;
        for (size_t q = 0; q < count(); ++q) {
            const double* const gains = finds_.gains + q * panels_;
            const double gain = sum_of(panels_, [=](size_t p) { return gains[p]; });
            if (gain > most) most = gain, winner = q;
        }
        return winner;
    }

    void take(size_t winner) {
        rows_.chosen[notes_[step]] = finds_.candidates[winner];
        notes_[seed] = finds_.candidates[winner];
        __builtin_memcpy(rows_.potentials, finds_.potentials + winner * panels_,
                         panels_ * sizeof(double));
    }

    // Draw the candidates of this step; return how many, none after the last step.
    size_t draw() {
        const size_t s = static_cast<size_t>(notes_[step]);
        if (s == task_.last_step) return 0;
        const auto mass = [this](size_t n) {
            return rows_.weights[n] * static_cast<double>(squared_distance(n));
        };
        if (!draws_.next(s, rows_.chosen, rows_.potentials, mass, finds_.candidates)) return 0;
        return s == 0 ? 1 : task_.uniforms.columns;
    }

    // Of a row from the closest seed, the one that rows have not met yet included.
    T squared_distance(size_t n) const {
        const T own = rows_.closest[n];
        if (notes_[seed] == no_seed) return own;
        const Vec<T> offered = distances_from(row(static_cast<Label>(n)), 1,
                                              row(static_cast<Label>(notes_[seed])), rows_.X.columns);
        return smaller<T>(own, offered[0]);
    }

    const SeedingMeasured<T> rows_;
    const SeedingDraws task_;
    const SeedingOffers finds_;
    std::int64_t* const notes_;
    const size_t panels_;
    const Measure measure_;
    Draws draws_;
    const Scratch<T> offered_;
};

template <class T>
void seeding_plain(SeedingMeasured<T> rows, SeedingDraws task, SeedingOffers finds, std::int64_t* board) {
    Board* const shared = reinterpret_cast<Board*>(board);
    PlainSeeding<T> job(rows, task, finds, shared->notes);
    Relay<PlainSeeding<T>>(shared).run(job);
}

}  // namespace cofactor::COFACTOR_ISA
