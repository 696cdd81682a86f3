// The nearest component of every row of an array, found by any number of threads.
#pragma once

#include "narrow.hpp"
#include "relay.hpp"

namespace cofactor::COFACTOR_ISA {

// Write the labels of the first rows of a panel.
COFACTOR_INLINE void write_labels(const Int<float>* component, size_t count, Label* labels) {
    static_assert(sizeof(Lane<float>) == sizeof(Label));
    if (count == tile_rows<float>)
        __builtin_memcpy(labels, component, tile_rows<float> * sizeof *labels);
    else
        __builtin_memcpy(labels, component, count * sizeof *labels);
}

// The norms of a vector of rows, from their panel.
COFACTOR_INLINE Vec<float> panel_norms(const float* panel, size_t d, size_t v) {
    Vec<float> squares{}, norm;
    for (size_t l = 0; l < d; ++l) {
        const Vec<float> x = load(panel + l * tile_rows<float> + v * lanes<float>);
        squares += x * x;
    }
    for (size_t i = 0; i < lanes<float>; ++i) norm[i] = __builtin_sqrtf(squares[i]);
    return norm;
}

// What the threads of a search share.
template <class T>
struct NearestPlan {
    NearestPlan(Matrix<const T> rows, const T* row_shift, Matrix<const T> parts,
                const T* part_offsets, Label* row_labels)
        : X(rows),
          shift(row_shift),
          components(parts),
          offsets(part_offsets),
          labels(row_labels),
          rounding(parts, part_offsets),
          rounded_(parts.rows, parts.columns),
          exact_(wide ? parts.rows : 0, parts.columns) {}

    void pack(size_t g) const {
        rounded_.fill(g, components, offsets, static_cast<T>(rounding.scale));
        if (wide) exact_.fill(g, components, offsets, T{1});
    }

    size_t groups() const { return rounded_.tiles().groups(); }

    SearchTiles<T> tiles() const {
        if constexpr (wide)
            return {rounded_.tiles(), exact_.tiles()};
        else
            return {rounded_.tiles(), rounded_.tiles()};
    }

    const Matrix<const T> X;
    const T* const shift;
    const Matrix<const T> components;
    const T* const offsets;
    Label* const labels;
    const Rounding<T> rounding;
    Board board{};
    size_t astray = 0;  // rows without a finite loss

private:
    static constexpr bool wide = sizeof(T) > sizeof(float);

    const PackedComponents<float> rounded_;
    const PackedComponents<T> exact_;
};

// First all components are packed, then all rows are searched for.
template <class T>
class NearestJob {
public:
    explicit NearestJob(NearestPlan<T>& plan)
        : plan_(plan),
          search_(plan.X, plan.shift, plan.tiles(), plan.X.rows),
          piece_rows_(round_up(brief / (plan.components.rows * plan.X.columns + 1) + 1,
                               search_.rows_at_once())) {}

    void work(size_t piece) {
        if (plan_.board.notes[0] == packing)
            pack(piece * groups_at_once);
        else
            search(piece * piece_rows_);
    }

    size_t advance() {
        switch (plan_.board.notes[0]++) {
            case packing - 1: return (plan_.groups() + groups_at_once - 1) / groups_at_once;
            case packing: return (plan_.X.rows + piece_rows_ - 1) / piece_rows_;
            default: return 0;
        }
    }

private:
    static constexpr std::int64_t packing = 1;
    static constexpr size_t groups_at_once = 64;
    static constexpr size_t brief = 1 << 21;  // products, a small part of a millisecond

    void pack(size_t begin) const {
        const size_t end = smaller(begin + groups_at_once, plan_.groups());
        for (size_t g = begin; g < end; ++g) plan_.pack(g);
    }

    void search(size_t begin) {
        const auto norms = [this](size_t, const float* panel, size_t v) {
            return panel_norms(panel, plan_.X.columns, v);
        };
        const auto found = [this](size_t row, size_t count, const Int<float>* component) {
            write_labels(component, count, plan_.labels + row);
        };
        const size_t end = smaller(begin + piece_rows_, plan_.X.rows);
        const Rounding<T>& rounding = plan_.rounding;
        const size_t astray = search_.run(begin, end, rounding.scale, rounding.doubt, norms, found);
        __atomic_add_fetch(&plan_.astray, astray, __ATOMIC_RELAXED);
    }

    NearestPlan<T>& plan_;
    NearestSearch<T> search_;
    const size_t piece_rows_;
};

// Write the labels of all rows; return how many have no finite loss.
template <class T>
size_t nearest(Matrix<const T> X, const T* shift, Matrix<const T> components, const T* offsets,
               Label* labels, size_t threads) {
    NearestPlan<T> plan(X, shift, components, offsets, labels);
    relay_on_threads<NearestJob<T>>(threads, plan);
    return plan.astray;
}

}  // namespace cofactor::COFACTOR_ISA
