// What rows are compared with when each keeps a few components: those that their group lists, and
// those that they keep. A row's old components are always among its candidates, so what it keeps
// never gets less likely.
#pragma once

#include "neighbors.hpp"

namespace cofactor::COFACTOR_ISA {

// Numbers below a limit, each once, in the order in which they were added.
class DistinctNumbers {
public:
    explicit DistinctNumbers(size_t limit) : limit_(limit), seen_(limit), found_(limit) {
        for (size_t i = 0; i < limit; ++i) seen_[i] = 0;
    }

    void clear() { count_ = 0, ++round_; }

    COFACTOR_INLINE void add(Label number) {
        if (seen_[number] == round_) return;
        seen_[number] = round_;
        found_[count_++] = number;
    }

    // Any others, until there are so many.
    void fill(size_t least) {
        for (size_t i = 0; i < limit_ && count_ < least; ++i) add(static_cast<Label>(i));
    }

    COFACTOR_INLINE size_t size() const { return count_; }
    COFACTOR_INLINE Label operator[](size_t i) const { return found_[i]; }

private:
    const size_t limit_;
    const Scratch<std::int32_t> seen_;
    const Scratch<Label> found_;
    std::int32_t round_ = 0;
    size_t count_ = 0;
};

struct RowRange {
    std::int64_t first, last;
};

COFACTOR_INLINE RowRange rows_of_group(const NeighborUnits& units, const NeighborGroups& groups,
                                       size_t group) {
    return {units.starts[groups.edges[group]], units.starts[groups.edges[group + 1]]};
}

// Call visit(place) for what a group's rows keep, and then for what its units with rows list.
template <class Visit>
COFACTOR_INLINE void for_each_candidate(const NeighborUnits& units, const NeighborGroups& groups,
                                        const Label* places, size_t group, Visit visit) {
    const RowRange rows = rows_of_group(units, groups, group);
    for (std::int64_t row = rows.first; row < rows.last; ++row) {
        const Label* const kept = units.kept.data +
                                  static_cast<size_t>(units.order[row]) * units.kept.columns;
        for (size_t c = 0; c < units.kept.columns; ++c)
            if (kept[c] >= 0) visit(places[kept[c]]);
    }
    const Matrix<const Label>& lists = groups.lists;
    for (std::int64_t u = groups.edges[group]; u < groups.edges[group + 1]; ++u) {
        if (units.starts[u + 1] == units.starts[u]) continue;
        const Label* const listed = lists.data + static_cast<size_t>(u) * lists.columns;
        for (size_t i = 0; i < lists.columns; ++i)
            if (listed[i] >= 0) visit(listed[i]);
    }
}

COFACTOR_INLINE void count_evaluations(std::int64_t* evaluations, RowRange rows,
                                       size_t candidates) {
    __atomic_add_fetch(evaluations, (rows.last - rows.first) * static_cast<std::int64_t>(candidates),
                       __ATOMIC_RELAXED);
}

}  // namespace cofactor::COFACTOR_ISA
