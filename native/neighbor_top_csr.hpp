// The few likeliest components of every sparse row among the candidates of its group of rows.
//
// Lanes are components, sixteen at neighbouring places: a candidate brings its neighbours along.
#pragma once

#include "csr_groups.hpp"
#include "neighbor_candidates.hpp"
#include "top_losses_csr.hpp"

namespace cofactor::COFACTOR_ISA {

// losses[j] = offsets - sum of x * columns, for `count` groups of components that are listed.
template <size_t count, class T, class I>
void losses_of_listed(const Entries<T, I>& row, Matrix<const T> components_t, const T* offsets,
                      const size_t* firsts, T* losses) {
    constexpr size_t width = group_vectors<T>;
    Vec<T> product[count * width] = {};
    for (size_t p = 0; p < row.count; ++p) {
        const T* const column =
            components_t.data + static_cast<size_t>(row.columns[p]) * components_t.columns;
        const Vec<T> x = splat(row.values[p]);
        for (size_t g = 0; g < count; ++g)
            for (size_t v = 0; v < width; ++v)
                product[g * width + v] += x * load(column + firsts[g] + v * lanes<T>);
    }
    for (size_t g = 0; g < count; ++g)
        for (size_t v = 0; v < width; ++v)
            store<T>(losses + g * group_size + v * lanes<T>,
                     load(offsets + firsts[g] + v * lanes<T>) - product[g * width + v]);
}

// The same for a number of groups that is known at run time, at most `most`.
template <size_t most, class T, class I>
COFACTOR_INLINE void losses_of_listed(size_t count, const Entries<T, I>& row,
                                      Matrix<const T> components_t, const T* offsets,
                                      const size_t* firsts, T* losses) {
    if constexpr (most > 1)
        if (count < most)
            return losses_of_listed<most - 1>(count, row, components_t, offsets, firsts, losses);
    losses_of_listed<most>(row, components_t, offsets, firsts, losses);
}

template <class T, class I>
class TopSearchCsr {
public:
    TopSearchCsr(Csr<T, I> X, const NeighborUnits& units, const NeighborLanes<T>& model,
                 const NeighborGroups& groups, const NeighborTop& top)
        : X_(X),
          units_(units),
          model_(model),
          groups_(groups),
          top_(top),
          candidates_(model.components_t.columns / group_size),
          firsts_(model.components_t.columns / group_size),
          losses_(model.components_t.columns),
          found_(top.index.columns) {}

    void search(size_t group) {
        const RowRange rows = rows_of_group(units_, groups_, group);
        if (rows.first == rows.last) return;
        gather(group);
        for (std::int64_t row = rows.first; row < rows.last; ++row)
            scan(static_cast<size_t>(units_.order[row]));
        count_evaluations(top_.evaluations, rows, candidates_.size() * group_size);
    }

private:
    void gather(size_t group) {
        candidates_.clear();
        for_each_candidate(units_, groups_, model_.places, group, [this](Label place) {
            candidates_.add(place / static_cast<Label>(group_size));
        });
        candidates_.fill(top_.index.columns / group_size + 2);  // the last may be part filled
        for (size_t g = 0; g < candidates_.size(); ++g)
            firsts_[g] = static_cast<size_t>(candidates_[g]) * group_size;
    }

    void scan(size_t n) {
        const Entries<T, I> row = entries(X_, n);
        const size_t count = candidates_.size();
        for (size_t g = 0; g < count; g += span<T>)
            losses_of_listed<span<T>>(smaller(span<T>, count - g), row, model_.components_t,
                                      model_.offsets, firsts_ + g, losses_ + g * group_size);
        const size_t keep = top_.index.columns;
        Label* const index = top_.index.data + n * keep;
        write_few<T>(losses_, count * group_size, keep, found_, top_.loss + n * keep);
        for (size_t c = 0; c < keep; ++c) {
            const size_t j = static_cast<size_t>(found_[c]);
            const size_t place = firsts_[j / group_size] + j % group_size;
            index[c] = model_.members[smaller(place, model_.k - 1)];
        }
    }

    const Csr<T, I> X_;
    const NeighborUnits& units_;
    const NeighborLanes<T>& model_;
    const NeighborGroups& groups_;
    const NeighborTop& top_;
    DistinctNumbers candidates_;
    const Scratch<size_t> firsts_;
    const Scratch<T> losses_;
    const Scratch<Label> found_;
};

template <class T, class I>
void neighbor_top_csr(std::int64_t* board, Csr<T, I> X, NeighborUnits units,
                      NeighborLanes<T> model, NeighborGroups groups, NeighborTop top) {
    constexpr size_t most_pieces = 256;
    TopSearchCsr<T, I> search(X, units, model, groups, top);
    share(board, groups.count, size_of_pieces(groups.count, most_pieces),
          [&](size_t group) { search.search(group); });
}

}  // namespace cofactor::COFACTOR_ISA
